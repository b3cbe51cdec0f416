"""What the pages of a PDF show: their images, found without decoding them, and what else there is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_NAME = rb"/([^\x00-\x20()<>\[\]{}/%]+)"
_USED = re.compile(_NAME + rb"\s+Do(?![^\x00-\x20()<>\[\]{}/%])")
_INLINE = re.compile(rb"(?<![^\x00-\x20>)\]])BI\s[^()]{0,500}?\sID\s")
_TEXT = re.compile(rb"(?<![^\x00-\x20)>\]])T[jJ](?![^\x00-\x20])")
_PLAIN_NAME = re.compile(r"/[!-~]+")
DEEPEST = 20
"""Forms within forms that are followed."""

Where = tuple[int, int]
"""number and generation of an object"""


@dataclass
class Shown:
    """What a page shows.

    Parameters
    ----------
    images : image XObjects, also those in forms, in the order in which they are drawn, each once.
    inline : how many images stand in its content itself.
    text : whether there is text.
    drawn : whether there is anything.
    """

    images: dict[Where, Any] = field(default_factory=dict)
    inline: int = 0
    text: bool = False
    drawn: bool = False

    @property
    def other(self) -> str:
        """What there is beside images, in words."""
        if self.inline:
            return (
                "an image within its text of commands"
                if self.inline == 1
                else (f"{self.inline} images within its text of commands")
            )
        return "text" if self.text else "a drawing" if self.drawn else "an empty page"


def shown_on(page: Any) -> Shown:
    """Look at a page.

    Parameters
    ----------
    page : of a `pikepdf.Pdf`.

    Returns
    -------
    Shown
        What is damaged in the page is passed over.
    """
    found = Shown()
    contents = page.obj.get("/Contents")
    _look(found, contents, page.obj.get("/Resources"), set(), DEEPEST)
    return found


def _look(found: Shown, contents: Any, resources: Any, forms: set[Where], left: int) -> None:
    import pikepdf

    commands = _commands(contents)
    if commands is not None:
        found.inline += len(_INLINE.findall(commands))
        found.text = found.text or _TEXT.search(commands) is not None
        found.drawn = found.drawn or bool(commands.strip())
    try:
        there = dict(resources["/XObject"].items()) if resources is not None else {}
    except (KeyError, AttributeError, TypeError, ValueError):
        return
    for name in _in_order(commands, list(there)):
        xobject = there[name]
        if not isinstance(xobject, pikepdf.Stream):
            continue
        kind, where = str(xobject.get("/Subtype", "")), xobject.objgen
        if kind == "/Image":
            found.images.setdefault(where, xobject)
        elif kind == "/Form" and where not in forms and left:
            forms.add(where)
            _look(found, xobject, xobject.get("/Resources", resources), forms, left - 1)


def _commands(contents: Any) -> bytes | None:
    """The commands that draw a page or a form; None where they cannot be read."""
    import pikepdf

    streams = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
    try:
        return b"\n".join(each.read_bytes() for each in streams if isinstance(each, pikepdf.Stream))
    except (pikepdf.PdfError, RuntimeError):
        return None


def _in_order(commands: bytes | None, names: list[str]) -> list[str]:
    """The names that commands use, in their order; those of odd characters, and all where none is known."""
    if commands is None:
        return names
    odd = [name for name in names if not _PLAIN_NAME.fullmatch(name) or "#" in name]
    used = dict.fromkeys("/" + each.decode("latin-1") for each in _USED.findall(commands))
    return [name for name in used if name in names] + [name for name in odd if name not in used]
