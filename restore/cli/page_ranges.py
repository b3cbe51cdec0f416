"""``--pages 1-3,7``: which pages of a document are restored."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import click

from restore.errors import ImageError

MOST = 1_000_000
"""The last page that can be named."""

_RANGE = re.compile(r"([0-9]{1,7})(-([0-9]{1,7})?)?", re.ASCII)


@dataclass(frozen=True)
class Pages:
    """Ranges of pages, from 1. ranges: the first and the last of each; None for the last of the document."""

    ranges: tuple[tuple[int, int | None], ...]

    def __str__(self) -> str:
        return ",".join(map(_shown, self.ranges))

    def of(self, count: int, name: str, unit: str = "page") -> frozenset[int]:
        """The pages of a document of so many. Raises ImageError for a range of which none is there.

        name: what messages call the document. unit: what its pages are called.
        """
        for first, last in self.ranges:
            if first > count:
                there = f"{count} {unit}s" if count > 1 else "one picture"
                raise ImageError(f"{name}: --pages {_shown((first, last))}: it holds {there}; name others")
        return frozenset(
            page
            for first, last in self.ranges
            for page in range(first, min(count, count if last is None else last) + 1)
        )


def _shown(each: tuple[int, int | None]) -> str:
    first, last = each
    if last is None:
        return f"{first}-"
    return str(first) if first == last else f"{first}-{last}"


class PageRanges(click.ParamType["Pages"]):
    """Numbers and ranges of pages: 1-3,7 or 5-."""

    name = "pages"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Pages:
        """Read the words, or what was read before."""
        if isinstance(value, Pages):
            return value
        ranges = []
        for word in str(value).split(","):
            found = _RANGE.fullmatch(word.strip())
            first, last = (int(found[1]), _last(found)) if found else (0, 0)
            if not 1 <= first <= MOST or (last is not None and not first <= last <= MOST):
                self.fail(f"{value!r} is not pages from 1, such as 1-3,7 or 5-", param, ctx)
            ranges.append((first, last))
        return Pages(tuple(ranges))


def _last(found: re.Match[str]) -> int | None:
    """The end of a range; None where it has none."""
    if found[2] is None:
        return int(found[1])
    return None if found[3] is None else int(found[3])


PAGES = click.option(
    "--pages", type=PageRanges(), metavar="RANGES",
    help="Pages or frames to restore of files that hold several, such as 1-3,7 or 5-; the others stay as "
    "they are. Default: all.",
)  # fmt: skip
