"""What the runner asks of a command: read -> plan -> restore -> check -> stamp -> write.

A `PictureCommand` plans one picture after the other. A `Plan` restores its picture, checks the result and
says how sure it is. Reading, stamping and writing are the same for all commands (`restore.cli.runner`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore import images
from restore.errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from restore.priors.protocol import Prior
    from restore.types import Progress

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """A picture to be restored.

    name: what messages call it. format: that of the result. read: gives the bytes of a further file, which
    the record of the result then names.
    """

    picture: images.Picture
    name: str
    format: str
    read: Callable[[Path], bytes]


@dataclass(frozen=True)
class Choice:
    """What will be done to a picture.

    notes: what the user should know about it; facts: the same for ``--json``.
    unchanged: nothing is to be done.
    """

    options: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unchanged: bool = False


@dataclass(frozen=True)
class Workload:
    """What a budget is for.

    task: as in `restore.tasks.catalogue`. pixels: that every network call computes for the picture, those
    around tiles and at other sizes counted. trial: computes something like it in few steps and gives the
    pixels of each call. extra: calls before the steps.
    """

    task: str
    pixels: int
    trial: Callable[[Options], int]
    extra: int = 0


@dataclass(frozen=True)
class Result:
    """A restored picture, and what was found out on the way for ``--json``."""

    picture: images.Picture
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """How true a result is to its picture, as a line and as facts for ``--json``."""

    line: str
    facts: dict[str, Any]


class Plan(ABC):
    """One picture that has been checked, and what is going to be done to it.

    size: (h, w) of the result. notes: what the user should know before. task: as the
    catalogue of tasks calls it.
    """

    task: str

    def __init__(self, source: Source, options: Options):
        self.source, self.options = source, options
        self.size = source.picture.size
        self.notes: tuple[str, ...] = ()

    def choose(self, prior: Callable[[], Prior]) -> Choice:
        """Complete the options by what the picture shows. prior: loads the network, where that is needed."""
        return Choice(dict(self.options))

    def cautions(self, choice: Choice, prior: Prior) -> tuple[str, ...]:
        """Notes on the use of this prior for what was chosen."""
        return ()

    @abstractmethod
    def workload(self, options: Options, prior: Prior) -> Workload:
        """What a budget of calls or seconds is for."""

    @abstractmethod
    def restore(self, options: Options, prior: Prior, progress: Progress) -> Result:
        """Compute the result. options: the chosen ones, the draw's own seed among them."""

    def calibrated_as(self, choice: Choice) -> str:
        """Under which name deviations are calibrated."""
        return self.task

    def check(self, result: images.Picture, choice: Choice) -> Checked | None:
        """Measure how true a result, as its file will hold it, is; None where nothing says what was done."""
        return None

    @abstractmethod
    def deviation(self, choice: Choice, prior: Prior, *, count: int, seed: int) -> Tensor:
        """How sure the result is: the deviation ``(1, 1, h, w)`` of what is not known, [0, 1] units."""

    @property
    def pixels(self) -> NDArray[Any]:
        """The picture as tasks are given it: (h, w, 1..4), gray or RGB, with alpha."""
        return task_pixels(self.source.picture, self.source.name)

    @property
    def fine_pixels(self) -> NDArray[Any]:
        """The same as floats, so that samples may differ by less than a level."""
        import numpy as np

        pixels = self.pixels
        if pixels.dtype.kind == "u":
            pixels = (pixels / np.iinfo(pixels.dtype).max).astype(np.float32)
        return pixels

    def finished(self, pixels: NDArray[Any]) -> Result:
        """What a task has made of the pixels, as the same kind of picture."""
        return Result(with_task_pixels(self.source.picture, pixels))


class PictureCommand(ABC):
    """A command that restores pictures, with its checked options.

    ending: what is put into the names of results. reads: files that it reads beside the pictures.
    """

    ending: str
    reads: tuple[Path, ...] = ()

    def __init__(self, options: Options):
        self.options = options

    @abstractmethod
    def plan(self, source: Source) -> Plan:
        """Check a picture; nothing is computed yet."""


def task_pixels(picture: images.Picture, name: str) -> NDArray[Any]:
    """What tasks are given: (h, w, 1..4), gray or RGB, with alpha. Raises ImageError for odd floats."""
    import numpy as np

    colour = picture.pixels[..., :1] if picture.gray else picture.pixels
    if picture.bits == 32:
        from restore.images.canvas import canvas

        try:
            canvas(colour)
        except ValueError as error:
            raise ImageError(f"{name}: {error}") from error
    return colour if picture.alpha is None else np.dstack([colour, picture.alpha])


def with_task_pixels(picture: images.Picture, pixels: NDArray[Any]) -> images.Picture:
    """The same kind of picture with a task's result, which may have another size."""
    import numpy as np

    colour = pixels[..., :3] if pixels.shape[2] > 2 else np.repeat(pixels[..., :1], 3, axis=2)
    return picture.with_pixels(colour, alpha=None if picture.alpha is None else pixels[..., -1])


def check_result_size(name: str, size: tuple[int, int], factor: str) -> None:
    """Raise ImageError where a result of ``size`` (h, w) has too many pixels; factor: what to lower."""
    h, w = size
    if h * w > images.MAX_PIXELS:
        raise ImageError(
            f"{name}: {w}x{h} (w x h) would be {h * w / 1e6:.0f} megapixels, more than the "
            f"{images.MAX_PIXELS / 1e6:.0f} that can be written; crop it or lower {factor}"
        )
