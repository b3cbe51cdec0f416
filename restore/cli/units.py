"""Pictures of any scale in units, 0 for black and 1 for white, and results in the scale of their picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from restore import images
from restore.cli.command import PictureCommand, Source
from restore.cli.data_range import DataRange
from restore.cli.jobs import Job
from restore.cli.options import Settings
from restore.cli.result_files import fitted, losses, lowered, raised
from restore.errors import ImageError
from restore.images.formats import FORMATS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from restore.images.scales import Scaled

NOMINAL = DataRange(0, 1)


@dataclass(frozen=True)
class InUnits:
    """A picture in units, and the way back.

    source: with the picture in units. original: as it was read. used: its values of black and white; None
    where it is in units as it is, or of whole numbers of which nothing was told. settings: without what the
    format of the result does not have.
    """

    source: Source
    original: images.Picture
    settings: Settings
    used: DataRange | None = None
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def _comes_back(self) -> bool:
        """Whether the result has the scale of the picture: where its file has the same depth."""
        kept = self.original.pixels.dtype.name in FORMATS[self.source.format].depths
        return self.used is not None and kept and self.settings.depth in (None, self.original.bits)

    def losses(self, job: Job) -> list[str]:
        """Say what the file of a result cannot hold of its picture, a line each."""
        found = losses(raised(self.original, self.settings), job, self.settings)
        used = self.used or NOMINAL
        return [each.replace("[0, 1]", f"[{used.low:g}, {used.high:g}]") for each in found]

    def back(self, result: images.Picture) -> images.Picture:
        """A result in the scale of its picture, or at the depth asked for; what is unchanged bit for bit."""
        if not self._comes_back or self.used is None:
            return lowered(result, self.settings)
        scaled = _scaled(self.original, self.used)
        planes: dict[str, Any] = {name: _back(each, getattr(result, name)) for name, each in scaled.items()}
        return replace(result, **planes)

    def decoded(self, data: bytes, name: str) -> images.Picture:
        """The file of a result in units, as the picture is."""
        found = images.decode(data, name=name)
        return found if not self._comes_back or self.used is None else in_units(found, self.used)


class Units:
    """Brings pictures to units, as ``--data-range`` tells or their floats do."""

    def __init__(self, command: PictureCommand, settings: Settings):
        self.command, self.settings = command, settings

    def of(self, source: Source) -> InUnits:
        """Bring a picture to units. Raises ImageError for floats whose scale cannot be told."""
        picture, told = source.picture, self.settings.data_range
        settings = fitted(self.settings, source.format)
        source = replace(source, beside=partial(self._beside, bits=picture.bits))
        used = told or self._judged(source)
        if used is None:
            return InUnits(replace(source, picture=raised(picture, settings)), picture, settings)
        notes = () if told else (f"{source.name}: {taken(used)}",)
        facts = {"data_range": [used.low, used.high]}
        unit = replace(source, picture=in_units(picture, used))
        return InUnits(unit, picture, settings, used, notes, facts)

    def _judged(self, source: Source) -> DataRange | None:
        """Judge the scale of floats, without what the command does not read of them."""
        picture = source.picture
        if picture.bits != 32:
            return None
        problem, first = None, None
        try:
            first = judged(picture, source.name)
        except ImageError as error:
            problem = error
        # A hole may be found by comparing a mask with the picture, which therefore is in likely units.
        seen = picture if first is None else in_units(picture, first)
        unread = self.command.unread(replace(source, picture=seen))
        if unread is not None:
            return judged(picture, source.name, unread=unread)
        if problem is not None:
            raise problem
        return first

    def _beside(self, picture: images.Picture, name: str, *, bits: int) -> images.Picture:
        """Another picture of the command in units; what is told holds for those of the same depth."""
        told = self.settings.data_range
        used = told if told is not None and picture.bits == bits else judged(picture, name)
        return picture if used is None else in_units(picture, used)


def judged(
    picture: images.Picture, name: str, *, unread: NDArray[np.bool_] | None = None
) -> DataRange | None:
    """Judge the scale of a picture of floats, its extra channels with it where they are restored, too.

    unread: ``(h, w)``, what does not count. None: the picture is of whole numbers, or from 0 to 1. Raises
    ImageError where its scale cannot be told.
    """
    import numpy as np
    import torch

    from restore.images.value_range import scale_of

    if picture.bits != 32:
        return None
    planes = [picture.pixels]
    if picture.gray and picture.extra is not None:
        planes += [np.repeat(each[..., None], 3, axis=2) for each in np.moveaxis(picture.extra, 2, 0)]
    batch = torch.from_numpy(np.stack(planes).transpose(0, 3, 1, 2).copy())
    seen = np.ones(picture.size, np.bool_) if picture.alpha is None else picture.alpha > 0
    seen = seen if unread is None else seen & ~unread
    try:
        low, high = scale_of(batch, torch.from_numpy(seen).expand(len(batch), 1, -1, -1))
    except ValueError as error:
        said = str(error).partition("; ")[0]
        raise ImageError(
            f"{name}: {said}; pass --data-range LOW,HIGH, the values of black and white, such as -1,1"
        ) from error
    return None if (low, high) == (0, 1) else DataRange(low, high)


def taken(used: DataRange) -> str:
    """Say which scale was judged."""
    return f"values were taken to be from {used.low:g} to {used.high:g} (--data-range)"


def in_units(picture: images.Picture, used: DataRange) -> images.Picture:
    """A picture of floats, 0 for black and 1 for white, alpha from 0 to 1."""
    import numpy as np

    planes: dict[str, Any] = {
        name: None if each is None else each.unit.astype(np.float32).reshape(getattr(picture, name).shape)
        for name, each in _scaled(picture, used).items()
    }
    return replace(picture, **planes)


def _scaled(picture: images.Picture, used: DataRange) -> Mapping[str, Scaled | None]:
    """The numbers of a picture with their scales, as ``(h, n)``.

    Alpha of floats goes to 1, or as the colours do.
    """
    import numpy as np

    from restore.images import scales

    def flat(plane: NDArray[Any] | None, low: float, high: float) -> Scaled | None:
        return None if plane is None else scales.in_units(plane.reshape(len(plane), -1), low, high)

    alpha, top = picture.alpha, images.TOP[picture.pixels.dtype.name]
    if alpha is not None and picture.bits == 32 and np.nanmax(alpha) > 1:
        top = max(top, used.high)
    return {
        "pixels": flat(picture.pixels, used.low, used.high),
        "alpha": flat(alpha, 0, top),
        "extra": flat(picture.extra, used.low, used.high),
    }


def _back(scaled: Scaled | None, plane: NDArray[Any] | None) -> NDArray[Any] | None:
    if scaled is None or plane is None:
        return None
    values: NDArray[Any] = scaled.back(plane.reshape(len(plane), -1))
    return values.reshape(plane.shape)
