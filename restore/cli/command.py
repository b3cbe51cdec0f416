"""The interface between the runner and a command: read -> plan -> restore -> check -> stamp -> write.

A `PictureCommand` plans one picture after the other. A `Plan` restores its picture, checks the result and
estimates its uncertainty. Reading, stamping and writing are the same for all commands and are done by
`restore.cli.runner`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore import images
from restore.diffusion.watch import CALLS
from restore.errors import ImageError, MaskError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from restore.priors.protocol import Prior
    from restore.types import Progress

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """A picture to be restored.

    name: used in messages. format: of the result. read: gives the bytes of another file, or of standard input
    for None, which is then named in the record of the result; start: looks at its first bytes. path: of its
    file; None for standard input. beside: gives another picture in units of 0 to 1, by its name in messages.
    page: that it is of its file, from 1, of so many pages. number: of the pictures on its page.
    """

    picture: images.Picture
    name: str
    format: str
    read: Callable[..., bytes]
    path: Path | None = None
    beside: Callable[[images.Picture, str], images.Picture] = lambda picture, _: picture
    page: int = 1
    pages: int = 1
    number: int = 1

    def read_beside(self, path: Path) -> images.Picture:
        """Read another picture, in units of 0 to 1 where it is of floats."""
        return self.beside(images.decode(self.read(path), name=str(path)), str(path))


@dataclass(frozen=True)
class Choice:
    """What will be done to a picture.

    options: for the task. facts: for ``--json``. notes: for the user. unchanged: whether the picture is left
    as it is.
    """

    options: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unchanged: bool = False


@dataclass(frozen=True)
class Workload:
    """What a budget of calls or seconds has to cover.

    task: as in `restore.tasks.catalogue`. pixels: that every network call computes for the picture, including
    the margins of tiles and other sizes. trial: runs a similar, small task in a few steps and gives the
    pixels of each call. extra: calls before the steps. times: how often all of it is run for a picture.
    """

    task: str
    pixels: int
    trial: Callable[[Options], int]
    extra: int = 0
    times: int = 1


@dataclass(frozen=True)
class Result:
    """A restored picture, facts for ``--json``, and notes for the user.

    method: for the record in the picture, where it says more than the one chosen. arguments: for the record,
    options that it takes to get the same result.
    """

    picture: images.Picture
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    method: str = ""
    arguments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Checked:
    """How well a result agrees with its input, as a line and as facts for ``--json``."""

    line: str
    facts: dict[str, Any]


class Plan(ABC):
    """One picture that has been checked, and what will be done to it.

    task: its name in `restore.tasks.catalogue`. size: (h, w) of the result. notes: for the user. facts: for
    ``--json``, known before anything is computed. hole: what is filled of the picture, bool (h, w); None for
    tasks that fill none.
    """

    task: str
    hole: NDArray[np.bool_] | None = None

    def __init__(self, source: Source, options: Options):
        self.source, self.options = source, options
        self.size = source.picture.size
        self.notes: tuple[str, ...] = ()
        self.facts: dict[str, Any] = {}

    def check_picture(self) -> None:  # noqa: B027
        """Refuse a picture that the options cannot be applied to, without the network; for dry runs."""

    def choose(self, prior: Callable[[], Prior]) -> Choice:
        """Complete the options from the picture. prior: loads the network when it is needed."""
        return Choice(dict(self.options))

    def cautions(self, choice: Choice, prior: Prior) -> tuple[str, ...]:
        """Notes on the use of this prior for what was chosen."""
        return ()

    @abstractmethod
    def workload(self, options: Options, prior: Prior) -> Workload:
        """Give what a budget of calls or seconds has to cover."""

    def rehearsed(self, options: dict[str, Any]) -> dict[str, Any] | None:
        """Give the options with which a dry run comes to its first network call; None: there is none."""
        return options

    @abstractmethod
    def restore(self, options: Options, prior: Prior, progress: Progress) -> Result:
        """Compute the result. options: the chosen ones, with the seed of the sample."""

    def calibrated_as(self, choice: Choice) -> str:
        """Give the name under which deviations are calibrated."""
        return self.task

    def check(self, result: images.Picture, choice: Choice) -> Checked | None:
        """Measure how well a result, as stored in its file, agrees with the input; None when unknown."""
        return None

    def deviation_calls(self, choice: Choice, count: int) -> int:
        """How many network calls `deviation` takes, about."""
        return CALLS * count

    def deviation(self, choice: Choice, prior: Prior, *, count: int, seed: int) -> Tensor:
        """Estimate the standard deviation of the result ``(1, 1, h, w)``, [0, 1] units.

        Commands that take --uncertainty can.
        """
        raise NotImplementedError(f"{self.task} has no --uncertainty")

    @cached_property
    def pixels(self) -> NDArray[Any]:
        """The input of the task: (h, w, 1..4), gray or RGB, with alpha."""
        return task_pixels(self.source.picture, self.source.name)

    @property
    def units(self) -> tuple[float, float] | None:
        """The ``data_range`` of tasks: floats are in units of 0 to 1, which need not be judged again."""
        return (0, 1) if self.source.picture.bits == 32 else None

    @property
    def fine_pixels(self) -> NDArray[Any]:
        """The same as floats, so that samples can differ by less than one level."""
        import numpy as np

        pixels = self.pixels
        if pixels.dtype.kind == "u":
            pixels = (pixels / np.iinfo(pixels.dtype).max).astype(np.float32)
        return pixels

    def finished(self, pixels: NDArray[Any]) -> Result:
        """Make a picture of the same kind from the result of a task."""
        return Result(with_task_pixels(self.source.picture, pixels))


class PictureCommand(ABC):
    """A command that restores pictures, with its checked options.

    ending: added to the names of results. reads: files that are read besides the pictures. finite: whether
    pictures are refused that hold NaN; else the plan refuses them. leaves: whether there may be pictures that
    the command leaves as they are. looking: what is done to a picture before it is restored, in words.
    growth: pixels of a result for each of its picture.
    """

    ending: str
    looking: str = "looking at the picture"
    reads: tuple[Path, ...] = ()
    finite: bool = True
    leaves: bool = False
    growth: float = 1.0

    def __init__(self, options: Options):
        self.options = options

    @abstractmethod
    def plan(self, source: Source) -> Plan:
        """Check a picture. Nothing is computed yet."""

    def may_leave(self, path: Path) -> bool:
        """Whether a copy of a picture can be what the command would write."""
        return self.leaves

    def unread(self, source: Source) -> NDArray[np.bool_] | None:
        """What of a picture of floats ``(h, w)`` does not count when its scale is judged; None: nothing."""
        return None

    def aside(self, found: Sequence[Path]) -> set[Path]:
        """Give those of the inputs that are not to be restored, such as the masks of others."""
        return set()


FARTHEST = 16  # of values in units of 0 to 1, as `restore.images.canvas.canvas` takes them


def task_pixels(picture: images.Picture, name: str) -> NDArray[Any]:
    """Give the input of a task: (h, w, 1..4), gray or RGB, with alpha.

    Raises ImageError for floats that are not finite, or farther from black and white than tasks take them.
    """
    import numpy as np

    colour = picture.pixels[..., :1] if picture.gray else picture.pixels
    if picture.bits == 32:
        images.check_finite(picture, name)
        if (most := float(np.abs(colour).max())) > FARTHEST:
            raise ImageError(
                f"{name}: values lie {most:.4g} times as far from black as white does, more than {FARTHEST}; "
                "pass --data-range LOW,HIGH, the values of black and white"
            )
    return colour if picture.alpha is None else np.dstack([colour, picture.alpha])


def with_task_pixels(picture: images.Picture, pixels: NDArray[Any]) -> images.Picture:
    """Make a picture of the same kind from the result of a task, which may have another size."""
    import numpy as np

    colour = pixels[..., :3] if pixels.shape[2] > 2 else np.repeat(pixels[..., :1], 3, axis=2)
    return picture.with_pixels(colour, alpha=None if picture.alpha is None else pixels[..., -1])


def mask_of(path: Path, source: Source) -> images.Mask:
    """Read a mask of a picture. Raises MaskError for one of another size."""
    picture = images.decode_mask_picture(
        source.read(path, start=images.mask_start(str(path))), name=str(path)
    )
    if picture.size != source.picture.size:
        raise MaskError(f"{sizes_of(str(path), picture, source)}; resize the mask")
    return images.recognised(picture, str(path), photo=source.picture)


def sizes_of(name: str, mask: images.Picture, source: Source) -> str:
    """Say that a mask has another size than its picture."""
    (k, v), (h, w) = mask.size, source.picture.size
    return f"{name} is {v}x{k} but {source.name} is {w}x{h} (w x h)"


MOST_LABELS = 64  # masks with no more than this are of numbered regions


def nothing_white(mask: images.Mask) -> str:
    """Say that a mask has no white, and what it has, in the numbers of its file."""
    most = mask.brightest * mask.scale
    if not most:
        return "nothing in it is white: it is black"
    hint = ""
    if mask.scale > 255 and most < 256:
        hint = f" (write it with 8 bits, or multiply it by {mask.scale / 255:g})"
    elif 1 < most <= MOST_LABELS and abs(most - round(most)) < 1e-3:
        hint = f" (if these are labels, write those that are meant as {mask.scale:g})"
    return f"nothing in it is white: its largest value is {most:.5g} of {mask.scale:g}{hint}"


def check_result_size(name: str, size: tuple[int, int], factor: str, most: int | None = None) -> None:
    """Raise ImageError when a result of ``size`` (h, w) has too many pixels.

    factor: what to lower. most: how many there may be, where these are fewer than can be written.
    """
    h, w = size
    most = images.MAX_PIXELS if most is None else most
    if h * w > most:
        raise ImageError(
            f"{name}: {w}x{h} (w x h) would be {h * w / 1e6:.0f} megapixels, more than the "
            f"{most / 1e6:.0f} that can be written; crop it or lower {factor}"
        )
