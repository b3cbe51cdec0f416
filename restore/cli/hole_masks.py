"""Holes that are drawn in mask files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore import images
from restore.cli.command import Source, nothing_white, sizes_of
from restore.cli.jobs import STDIO
from restore.cli.per_lane import PerLane
from restore.errors import MaskError
from restore.images.mask_edges import DARK, scaled, scaled_pixels, way_to_fit
from restore.images.reader import turned
from restore.tasks.catalogue import NEARLY_ALL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MANY_GRAY = 0.02  # share of mask pixels in between that soft edges alone do not reach


class EmptyPageError(MaskError):
    """Raised for a page whose own page of the mask has nothing to fill."""


@dataclass(frozen=True)
class Reading:
    """How masks are read.

    grow: pixels by which the hole is widened. inverted: whether what is meant stays, and the rest is filled.
    colour: that is meant, by its name; empty: found out. fit: whether masks of another size or orientation
    are fitted to the picture.
    """

    grow: int = 0
    inverted: bool = False
    colour: str = ""
    fit: bool = False


class MaskFile:
    """A mask file, for one picture or for many; ``-`` is standard input."""

    def __init__(self, path: Path, reading: Reading):
        self.path, self.reading = path, reading
        self._own = PerLane()  # what was found last, in each lane

    @property
    def facts(self) -> dict[str, Any]:
        """How the mask of the picture at hand was read."""
        return getattr(self._own, "facts", {})

    @property
    def name(self) -> str:
        """What messages call it."""
        return "standard input" if str(self.path) == STDIO else str(self.path)

    @property
    def reads(self) -> tuple[Path, ...]:
        """The mask itself."""
        return () if str(self.path) == STDIO else (self.path,)

    def aside(self, found: Sequence[Path]) -> set[Path]:
        """The mask, where it was found among other pictures."""
        mask = self.path.resolve()
        return {path for path in found if path.resolve() == mask} if len(found) > 1 and self.reads else set()

    def hole(self, source: Source) -> tuple[NDArray[np.bool_], list[str]]:
        """Give the checked hole (h, w), and notes. Raises MaskError.

        The further channels of a picture, and all samples of it, have the same one.
        """
        about = (source.path, source.page, source.picture.size)
        found: tuple[object, NDArray[np.bool_], list[str]] | None = getattr(self._own, "found", None)
        if found is None or found[0] != about:
            found = self._own.found = (about, *self._read(source))
        return found[1], list(found[2])

    def _read(self, source: Source) -> tuple[NDArray[np.bool_], list[str]]:
        path = None if str(self.path) == STDIO else self.path
        data = source.read(path, start=images.mask_start(self.name))
        picture = images.decode_mask_picture(data, name=self.name)
        paired = picture.pages > 1 and picture.pages == source.pages and picture.format == "tiff"
        if not paired and picture.format == "tiff" and picture.pages > 1 and source.pages > 1:
            raise MaskError(
                f"{self.name}: expected a mask of 1 page or of {source.pages}, as the picture has, got "
                f"{picture.pages}; give one for each page, or one for all"
            )
        if paired:
            picture = images.decode(data, name=f"{self.name}, page {source.page}", page=source.page - 1)
        picture, photo, notes = self._fitted(picture, source)
        found = self._recognised(picture, photo)
        if not notes and found.kind in ("drawn", "layer", "colour"):  # others were compared with the photo
            notes = self._unturned(picture, source)
        hole = scaled(found.covers, source.picture.size)
        if self.reading.grow:
            from restore.tasks.holes import widened

            hole = widened(hole, self.reading.grow)
        several = picture.pages > 1 and not paired
        if paired and not hole.any():
            raise EmptyPageError(
                f"{self.name}, page {source.page}: nothing in it is white, so it stays as it is"
            )
        where = " in the first of its pictures" if several else ""
        check_hole(self.name, hole, found, self.reading, where)
        if several:
            notes = [*notes, f"{self.name}: it holds several pictures; the first is the mask"]
        told = {"file": self.name, "kind": found.kind}
        self._own.facts = {"mask": told | ({"colour": found.colour} if found.colour else {})}
        return hole, [*notes, *self._notes(hole, found)]

    def _fitted(
        self, picture: images.Picture, source: Source
    ) -> tuple[images.Picture, images.Picture, list[str]]:
        """The mask turned as its picture, the picture at the mask's size, and notes. Raises MaskError."""
        photo = source.picture
        way = way_to_fit(picture.size, photo.size, photo.turned)
        if way == "same":
            return picture, photo, []
        sizes = sizes_of(self.name, picture, source)
        if not way:
            hint = ", which is another shape; crop the mask as the picture was cropped"
            if way_to_fit(picture.size[::-1], photo.size):
                hint = "; turn the mask as the picture is"
            raise MaskError(f"{sizes}{hint}")
        if not self.reading.fit:
            turn = "turn it as the picture was turned, and scale it" if way == "turn" else "scale it"
            raise MaskError(f"{sizes}; pass --fit-mask to {turn}, or resize the mask")
        done = "scaled"
        if way == "turn":
            picture = _turned(picture, photo.turned)
            done = "turned" if picture.size == photo.size else "turned and scaled"
        pixels, alpha = scaled_pixels(photo.pixels, picture.size), photo.alpha
        alpha = None if alpha is None else scaled_pixels(alpha, picture.size)
        small = images.Picture(pixels, alpha=alpha, gray=photo.gray)
        return picture, small, [f"{sizes}; the mask is {done}"]

    def _unturned(self, picture: images.Picture, source: Source) -> list[str]:
        """Say how a mask is read whose size does not tell whether it was turned as its picture was."""
        photo = source.picture
        told = picture.size != picture.size[::-1] and photo.turned >= 5
        if photo.turned == 1 or picture.turned != 1 or told:
            return []
        return [
            f"{source.name} was turned upright by its EXIF; {self.name} is taken for a mask of the upright "
            "picture, and where it was painted before, turn it first"
        ]

    def _recognised(self, picture: images.Picture, photo: images.Picture) -> images.Mask:
        colour = self.reading.colour
        try:
            found = images.recognised(picture, self.name, photo=photo, colour=colour)
        except MaskError as error:
            if colour or "white on black" not in str(error):
                raise
            raise MaskError(f"{error}, or name the colour that is meant with --mask-colour") from error
        return found.inverted() if self.reading.inverted else found

    def _notes(self, hole: NDArray[np.bool_], found: images.Mask) -> list[str]:
        """What the user should know about a mask."""
        h, w = hole.shape
        notes, share = [], _percent(float(hole.mean()))
        white = "black" if self.reading.inverted else "white"
        if found.told:
            notes.append(f"{self.name}: {found.told}; the hole is {found.meant}, {share} of the picture")
        elif found.gray_fraction > MANY_GRAY:
            left = ((found.level > DARK) & ~found.covers).mean() > MANY_GRAY
            more = f"; even gray that is less than half {white} is left out" if left else ""
            notes.append(
                f"{self.name}: {found.gray_fraction:.0%} of the mask is neither black nor white (a JPEG, or "
                f"a soft brush); the hole is what is {white} and the soft edge around it, {share} of the "
                f"picture{more}"
            )
        border = (hole[0].sum() + hole[-1].sum() + hole[:, 0].sum() + hole[:, -1].sum()) / (2 * (h + w))
        if hole.mean() > 0.5 and border > 0.5:
            notes.append(
                f"{self.name}: the hole is {hole.mean():.0%} of the picture and {border:.0%} of its border, "
                f"which looks inverted; if it is, {_turn(self.reading)}"
            )
        return notes


def check_hole(
    name: str, hole: NDArray[np.bool_], found: images.Mask, reading: Reading, where: str = ""
) -> None:
    """Raise MaskError for a hole of nothing, or of nearly all.

    name: of the mask. where: of what was looked at, in words.
    """
    paint = f"paint what to {'keep' if reading.inverted else 'fill'} white on black"
    if not hole.any():
        seen = "all of it is white, which is kept" if reading.inverted else nothing_white(found)
        raise MaskError(f"{name}: {seen}{where}, so there is nothing to fill; {paint}")
    if hole.all():
        raise MaskError(f"{name}: the hole is the whole picture, nothing is left to fill it from; {paint}")
    if hole.mean() > NEARLY_ALL:
        raise MaskError(
            f"{name}: the hole is {hole.mean():.1%} of the picture, too little is left to fill it "
            f"from; {paint}, or {_turn(reading)}"
        )


def _turn(reading: Reading) -> str:
    """What to do about a mask that is the wrong way round."""
    return "leave out --invert-mask" if reading.inverted else "pass --invert-mask"


def _percent(share: float) -> str:
    """A share with two digits, more where it is larger."""
    return f"{100 * share:.0f}%" if share >= 0.1 else f"{100 * share:.2g}%"


def _turned(picture: images.Picture, orientation: int) -> images.Picture:
    """A mask turned by an EXIF orientation."""
    alpha = None if picture.alpha is None else turned(picture.alpha, orientation)
    return replace(picture, pixels=turned(picture.pixels, orientation), alpha=alpha, extra=None)
