"""One self-contained page of pictures before and after, each with its command and the time it took."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from restore.cli.page_parts import filled

MARK = b'<meta name="generator" content="restore demo">'
"""By which a page of an earlier demo is known."""


@dataclass(frozen=True)
class Shown:
    """A picture of the page.

    title, text: what was wrong with it, and what was done. command: as typed. before, after: files; empty
    where there is no result, and problem says why. size: (h, w) of the result. time: in words.
    """

    title: str
    text: str
    command: str
    before: bytes = b""
    after: bytes = b""
    size: tuple[int, int] = (0, 0)
    time: str = ""
    problem: str = ""


def html(shown: Sequence[Shown], *, facts: str, credit: str, example: str) -> str:
    """Make the page. facts: a line on the machine; example: a result to look at.

    It needs no network and no other file, and shows the pictures side by side where scripts are off.

    >>> page = html([Shown("Noise", "It is gone.", "restore denoise a.png", b"x", b"y", (8, 9), "1 s")],
    ...             facts="", credit="", example="b.png")
    >>> MARK.decode() in page, "side by side" in page, "restore denoise a.png</code>" in page
    (True, False, True)
    """
    done = sum(bool(each.after) for each in shown)
    pictures = "one sample picture" if done == 1 else f"{done} sample pictures"
    parts = {
        "lead": escape(f"{pictures.capitalize()}, restored on this machine with the weights in the package."),
        "facts": escape(facts),
        "sections": "\n".join(map(_section, shown)),
        "example": escape(example),
        "credits": escape(credit),
    }
    return filled("demo_page.html", parts)


def _section(shown: Shown) -> str:
    title, command = escape(shown.title), escape(shown.command)
    if shown.after:
        h, w = shown.size
        result = (
            f'<div class="pair" data-title="{title}" style="--width: {w}">'
            + _figure(shown.before, "Before", title, shown.size)
            + _figure(shown.after, "After", title, shown.size)
            + "</div>"
        )
        told = f"{w} × {h} pixels, {escape(shown.time)}."  # noqa: RUF001  # a sign for the eye
    else:
        result, told = f'<p class="bad">This did not work: {escape(shown.problem)}</p>', ""
    return (
        f"<section>\n<h2>{title}</h2>\n<p>{escape(shown.text)}</p>\n{result}\n"
        f'<div class="command"><code>{command}</code><button type="button" hidden>Copy</button></div>\n'
        f'<p class="soft">{told}</p>\n</section>'
    )


def _figure(data: bytes, when: str, title: str, size: tuple[int, int]) -> str:
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
    uri = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    h, w = size
    alt = f"{title}: {when.lower()}"
    image = f'<img src="{uri}" width="{w}" height="{h}" alt="{alt}">'
    return f"<figure>{image}<figcaption>{when}</figcaption></figure>"
