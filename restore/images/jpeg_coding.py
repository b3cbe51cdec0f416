"""How a JPEG file was coded: its quantisation tables and the sampling of its chroma."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# ITU-T T.81, annex K, row by row.
LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (17, 18, 24, 47, 18, 21, 26, 66, 24, 26, 56, 99, 47, 66, 99, 99)
CHROMA = tuple(
    _CHROMA[4 * row + column] if row < 4 and column < 4 else 99 for row in range(8) for column in range(8)
)
QUALITIES = range(1, 101)


@dataclass(frozen=True)
class JpegCoding:
    """How a JPEG file was coded.

    Parameters
    ----------
    luma, chroma : quantisation tables of 64 numbers, row by row; the one table of a gray file
        is both.
    coarser : by how many times chroma is coarser than luma, (down, across), each 1, 2 or 4; (2, 2) is 4:2:0.
    turn : EXIF orientation, 1 to 8, by which the coded pixels were turned to be upright. Blocks of 8x8 lie
        on the grid of the pixels as they were coded.

    Raises
    ------
    ValueError
        For another number of entries, entries below 1, or other factors.

    Examples
    --------
    >>> coding_of(75).quality, coding_of(75).coarser
    (75, (2, 2))
    """

    luma: tuple[int, ...]
    chroma: tuple[int, ...]
    coarser: tuple[int, int] = (2, 2)
    turn: int = 1

    def __post_init__(self) -> None:
        for table in (self.luma, self.chroma):
            if len(table) != 64 or min(table) < 1:
                raise ValueError(f"a quantisation table holds 64 numbers above 0, got {len(table)}")
        if any(times not in (1, 2, 4) for times in self.coarser):
            raise ValueError(f"chroma is 1, 2 or 4 times coarser than luma, got {self.coarser}")

    @property
    def quality(self) -> int:
        """The quality, 1 to 100, whose luma table as the IJG scales it is nearest to the file's."""
        found = sum(self.luma)
        return min(QUALITIES, key=lambda quality: abs(sum(scaled(LUMA, quality)) - found))


def scaled(table: Sequence[int], quality: float) -> tuple[int, ...]:
    """A table for a quality, as the IJG's encoder scales it.

    Parameters
    ----------
    table : one of ITU-T T.81, annex K, such as `LUMA`.
    quality : 1 to 100.

    Returns
    -------
    tuple of int
        Each 1 to 255.
    """
    percent = int(5000 / quality if quality < 50 else 200 - 2 * quality)
    return tuple(min(255, max(1, int(number * percent / 100 + 0.5))) for number in table)


def coding_of(quality: float, *, coarser: tuple[int, int] = (2, 2)) -> JpegCoding:
    """How the IJG's encoder, and most others, code at a quality.

    Parameters
    ----------
    quality : 1 to 100.
    coarser : by how many times chroma is coarser than luma, (down, across).

    Raises
    ------
    ValueError
        For a quality outside 1 to 100.

    Examples
    --------
    >>> coding_of(50).luma[:4]
    (16, 11, 10, 16)
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"JPEG qualities lie in 1..100, got {quality:g}")
    return JpegCoding(scaled(LUMA, quality), scaled(CHROMA, quality), coarser)
