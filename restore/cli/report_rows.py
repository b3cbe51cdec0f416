"""The rows of a report: what a page says of each picture, as lines of HTML that no name can break out of."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from html import escape
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_from_bytes

from restore.cli.printable import printable

if TYPE_CHECKING:
    from restore.stores import Url

_SAFE = {ord(each): f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"}
LEVELS = ("sigma_255", "quality", "filled_share", "hole_share", "specks_count")
"""Facts by which pictures can be ordered, of which each command has one."""


def block(told: Mapping[str, Any]) -> bytes:
    """A line that no browser runs or shows, for the script of the page.

    >>> block({"name": "</script><b>"})
    b'<script type="application/json">{"name":"\\\\u003c/script\\\\u003e\\\\u003cb\\\\u003e"}</script>\\n'
    """
    text = json.dumps(told, allow_nan=False, separators=(",", ":")).translate(_SAFE)
    return f'<script type="application/json">{text}</script>\n'.encode("ascii")


def link(place: Path | Url | None, page: Path) -> str | None:
    """Where a page finds a file: from its own folder, so that both can be moved; None where it cannot.

    place: a path, or the address of an object, of which browsers know those of the web.

    >>> link(Path("in/a #1?.png"), Path("out/run.html"))
    '../in/a%20%231%3F.png'
    """
    if place is None:
        return None
    if not isinstance(place, Path):
        return str(place) if place.is_web else None
    try:
        path = os.path.relpath(place, page.parent)
    except ValueError:  # on another drive
        return place.absolute().as_uri()
    return quote_from_bytes(os.fsencode(path.replace(os.sep, "/")), safe="/")


def row_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What is shown of the facts of a ``picture`` event."""
    level = next((facts[name] for name in LEVELS if isinstance(facts.get(name), int | float)), None)
    row = {
        "name": printable(str(facts.get("input") or facts.get("output") or "")),
        "output": None if facts.get("output") is None else printable(str(facts["output"])),
        "status": facts.get("status"),
        "found": _found(facts),
        "short": _short(facts),
        "level": level,
        "method": facts.get("method"),
        "seconds": facts.get("seconds"),
        "w": facts.get("width_pixels"),
        "h": facts.get("height_pixels"),
        "damage": printable(str(facts.get("damage") or "")),
        "error": printable(str(facts.get("error") or "")),
    }
    known = {name: value for name, value in row.items() if value not in (None, "")}
    return {name: value for name, value in known.items() if not isinstance(value, float) or isfinite(value)}


def _found(facts: Mapping[str, Any]) -> str:
    """What was found in a picture, in words."""
    parts = [facts.get("noise"), facts.get("specks"), *(facts.get("stripes") or ())]
    if "quality" in facts:
        parts.append(f"JPEG quality {facts['quality']}")
    if "filled_share" in facts:
        parts.append(f"{facts['filled_share']:.2%} filled")
    elif "hole_share" in facts:
        parts.append(f"hole of {facts['hole_share']:.1%}")
    return printable("; ".join(str(part) for part in parts if part))


def _short(facts: Mapping[str, Any]) -> str:
    """The same in a word or two; empty where that is all there is."""
    sigma = facts.get("sigma_255")
    return f"noise {sigma:.1f}" if isinstance(sigma, int | float) and isfinite(sigma) else ""


def plain(row: Mapping[str, Any], source: str) -> bytes:
    """The same row for browsers that run no scripts. source: of its picture; empty where there is none."""
    told = [escape(row["name"]), escape(row.get("short") or row.get("found") or "")]
    told += [escape(str(row.get(name) or "")) for name in ("method", "error", "damage")]
    told += [f"{row['seconds']:.1f} s"] if "seconds" in row else []
    text = " · ".join(part for part in told if part).replace("\n", " ")
    image = (
        f'<img src="{escape(source)}" alt="Before and after" loading="lazy">' if source else "<span></span>"
    )
    figure = f'<figure class="plain">{image}<figcaption>{text}</figcaption></figure>'
    return f"<noscript>{figure}</noscript>\n".encode("utf-8", "replace")
