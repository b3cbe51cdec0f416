"""Holes that are drawn in mask files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from restore import images
from restore.cli.command import Source, mask_of, nothing_white
from restore.errors import MaskError
from restore.images.masks import RIM

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MANY_GRAY = 0.02  # share of mask pixels in between that soft edges alone do not reach
NEARLY_ALL = 0.95  # share of the picture; larger holes are masks that are inverted or of another kind


class MaskFile:
    """A mask file and the meaning of white. grow: pixels by which the hole is widened."""

    def __init__(self, path: Path, means: str, grow: int):
        self.path, self.means, self.grow = path, means, grow

    @property
    def reads(self) -> tuple[Path, ...]:
        """The mask itself."""
        return (self.path,)

    def hole(self, source: Source) -> tuple[NDArray[np.bool_], list[str]]:
        """Give the checked hole (h, w), and notes. Raises MaskError."""
        found = mask_of(self.path, source)
        (h, w), white = source.picture.size, found.white
        hole = white if self.means == "fill" else ~white
        if found.soft.any():  # a soft edge belongs to the hole: what is drawn shows through there, too
            hole = hole | (found.soft & widened(hole, RIM))
        hole = widened(hole, self.grow)
        self._check(hole, found)
        notes = []
        if found.gray_fraction > MANY_GRAY:
            half = "white" if self.means == "fill" else "black"
            more = "; --grow widens it" if (found.soft & ~hole).mean() > MANY_GRAY else ""
            notes.append(
                f"{self.path}: {found.gray_fraction:.0%} of the mask is neither black nor white (a JPEG, or "
                f"a soft brush); the hole is what is at least half {half}, and gray within {RIM} pixels of "
                f"that{more}"
            )
        border = (hole[0].sum() + hole[-1].sum() + hole[:, 0].sum() + hole[:, -1].sum()) / (2 * (h + w))
        if hole.mean() > 0.5 and border > 0.5:
            notes.append(
                f"{self.path}: the hole is {hole.mean():.0%} of the picture and {border:.0%} of its border, "
                f"which looks inverted; if it is, pass --mask-means {self._turned}"
            )
        return hole, notes

    @property
    def _turned(self) -> str:
        return "keep" if self.means == "fill" else "fill"

    def _check(self, hole: NDArray[np.bool_], found: images.Mask) -> None:
        """Raise MaskError for a hole of nothing, or of nearly all."""
        paint = f"paint what to {self.means} white on black"
        if not hole.any():
            seen = "all of it is white, which is kept" if self.means == "keep" else nothing_white(found)
            raise MaskError(f"{self.path}: {seen}, so there is nothing to fill; {paint}")
        if hole.all():
            raise MaskError(
                f"{self.path}: the hole is the whole picture, nothing is left to fill it from; {paint}"
            )
        if hole.mean() > NEARLY_ALL:
            raise MaskError(
                f"{self.path}: the hole is {hole.mean():.1%} of the picture, too little is left to fill it "
                f"from; {paint}, or pass --mask-means {self._turned}"
            )


def widened(hole: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    if not pixels:
        return hole
    import torch

    from restore.tasks.holes import grown

    wider: NDArray[np.bool_] = grown(torch.from_numpy(hole)[None, None].float(), pixels)[0, 0].numpy() > 0
    return wider
