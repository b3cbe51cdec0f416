"""What the pages of this program are put together from: templates, and styles and scripts that they share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

SHARED = {
    "base-css": "page_base.css",
    "slider-css": "page_slider.css",
    "slider-js": "page_slider.js",
}
"""Marks that stand in templates for the files that they share."""


_MARKS = re.compile(r"<!--([\w-]+)-->")


def filled(template: str, parts: Mapping[str, str]) -> str:
    """Put parts in the places of the marks, such as ``<!--lead-->``, of a template in this folder.

    >>> names = ("lead", "facts", "sections", "example", "credits")
    >>> "<!--" in filled("demo_page.html", dict.fromkeys(names, ""))
    False
    """
    text = read(template)
    return _MARKS.sub(lambda mark: parts[mark[1]] if mark[1] in parts else _shared(mark), text)


def shared(text: str) -> str:
    """Put what pages share in the places of its marks."""
    return _MARKS.sub(_shared, text)


def read(name: str) -> str:
    """The text of a file in this folder."""
    return files("restore.cli").joinpath(name).read_text("utf-8")


def _shared(mark: re.Match[str]) -> str:
    return read(SHARED[mark[1]]).rstrip()
