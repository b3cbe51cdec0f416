"""Specifications of what was done to a picture: ``blur=gaussian:1.6``, ``down=4``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from restore import plugins
from restore.inverse import catalogue, own_operators
from restore.inverse.catalogue import Capability
from restore.plugins import Plugin

EXAMPLES = "blur=gaussian:1.6, blur=motion:15:30, down=4, area=4, gray or jpeg=30"
KERNELS = (
    "a kernel is gaussian:SIGMA, sigma from 0.1 to 100 pixels, motion:LENGTH:ANGLE, length from 1 to 400 "
    "pixels, the angle in degrees, disc:RADIUS, radius from 0.5 to 200 pixels, or a file of "
    "it: a picture, .npy or text"
)
Kind = Literal["gaussian", "motion", "disc", "kernel", "down", "area", "gray", "jpeg", "own"]
BLURS: tuple[Kind, ...] = ("gaussian", "motion", "disc", "kernel")
NUMBERS: dict[Kind, tuple[int, int]] = {  # how many follow, at least and at most
    "gaussian": (1, 1),
    "motion": (1, 2),
    "disc": (1, 1),
    "down": (1, 1),
    "area": (1, 1),
    "gray": (0, 0),
    "jpeg": (1, 1),
}
NAMES = ("blur", *NUMBERS, "kernel")
"""What installed packages cannot name theirs."""
RANGES: dict[Kind, tuple[float, float]] = {  # of the first of them
    "gaussian": (0.1, 100),
    "motion": (1, 400),
    "disc": (0.5, 200),
    "down": (1.01, 16),
    "area": (1.01, 16),
    "jpeg": (1, 100),
}


@dataclass(frozen=True)
class Spec:
    """One degradation.

    Parameters
    ----------
    kind : of degradation.
    numbers : of gaussian: sigma in pixels; of motion: length in pixels and angle in degrees, counted from the
        right and upwards; of disc: radius in pixels; of down (bicubic) and area (means): the factor; of
        jpeg: the quality; of gray and kernel none; of own what it says itself.
    weights : of kernel: the rows of its gray values.
    plugin : of own: the entry point of the package that it comes from.

    Examples
    --------
    >>> Spec("down", (4.0,)).size_before((10, 20))
    (40, 80)
    """

    kind: Kind
    numbers: tuple[float, ...] = ()
    weights: tuple[tuple[float, ...], ...] = ()
    plugin: Plugin | None = None

    def size_after(self, size: tuple[int, int]) -> tuple[int, int]:
        """Give the largest size (h, w) that this can make of a picture of ``size``, or of a part of it."""
        if self.plugin is not None:
            return own_operators.size_after(self.plugin, self.numbers, size)
        if self.kind not in ("down", "area"):
            return size
        h, w = (math.floor((side + 0.5) / self.numbers[0]) for side in size)
        return h - (round(h * self.numbers[0]) > size[0]), w - (round(w * self.numbers[0]) > size[1])

    def size_before(self, size: tuple[int, int]) -> tuple[int, int]:
        """Give the size (h, w) of the picture that this made one of ``size`` of."""
        if self.plugin is not None:
            return own_operators.size_before(self.plugin, self.numbers, size)
        if self.kind not in ("down", "area"):
            return size
        return round(size[0] * self.numbers[0]), round(size[1] * self.numbers[0])


def parse_spec(word: str) -> Spec:
    """Read a specification such as ``blur=gaussian:1.6``.

    Parameters
    ----------
    word : ``blur=gaussian:SIGMA``, ``blur=motion:LENGTH:ANGLE``, ``blur=disc:RADIUS``, ``down=FACTOR``,
        ``area=FACTOR``, ``gray`` or ``jpeg=QUALITY``; or ``NAME`` or ``NAME=NUMBER:NUMBER`` of an installed
        package (`restore.inverse.own_operators`), which is not imported yet.

    Returns
    -------
    The degradation.

    Raises
    ------
    ValueError
        For anything else, and for numbers out of range.

    Examples
    --------
    >>> parse_spec("blur=motion:15:30").numbers
    (15.0, 30.0)
    """
    name, *values = word.removeprefix("blur=").replace("=", ":").split(":")
    kind = next((kind for kind in NUMBERS if kind == name), None)
    blurs = kind in BLURS
    try:
        numbers = tuple(map(float, values))
    except ValueError:
        numbers, kind = (), None
    if kind is None and not word.startswith("blur=") and (plugin := plugins.find("operators", name, NAMES)):
        return _own(word, values, plugin)
    if kind is None or blurs != word.startswith("blur=") or not _fits(len(numbers), NUMBERS[kind]):
        more = "".join(f", or {name} of {each.package}" for name, each in plugins.found("operators").items())
        raise ValueError(f"{word!r} is no degradation; expected one such as {EXAMPLES}{more}")
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{word!r} holds what is no finite number")
    if kind in RANGES and not RANGES[kind][0] <= numbers[0] <= RANGES[kind][1]:
        low, high = RANGES[kind]
        raise ValueError(f"{word!r} is out of range; {kind} goes from {low:g} to {high:g}")
    return Spec(kind, numbers)


def _own(word: str, values: Sequence[str], plugin: Plugin) -> Spec:
    """The degradation of an installed package. Raises ValueError for other values than numbers."""
    try:
        numbers = tuple(map(float, values))
    except ValueError:
        numbers = (math.nan,)
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{word!r}: expected finite numbers after {plugin.name}=, separated by colons")
    return Spec("own", numbers, plugin=plugin)


def gives_gray(words: Sequence[Spec]) -> bool:
    """Whether the last of some degradations leaves no colours."""
    last = words[-1]
    if last.plugin is not None:
        return own_operators.tried(last.plugin, last.numbers).y_shape[0] == 1
    return last.kind == "gray"


def _fits(count: int, between: tuple[int, int]) -> bool:
    return between[0] <= count <= between[1]


def size_before(words: Sequence[Spec], size: tuple[int, int]) -> tuple[int, int]:
    """Give the size (h, w) of the picture before all of this was done to it; the first comes first.

    Examples
    --------
    >>> size_before([parse_spec("gray"), parse_spec("down=2")], (10, 20))
    (20, 40)
    """
    for word in reversed(words):
        size = word.size_before(size)
    return size


def capabilities(words: Sequence[Spec]) -> set[Capability]:
    """Give what solvers can do with all of this as one operator.

    Examples
    --------
    >>> sorted(capabilities([parse_spec("jpeg=30")]))
    ['gradient', 'projection']
    """
    kinds = [word.kind for word in words]
    own = [own_operators.capabilities_of(w.plugin, w.numbers) for w in words if w.plugin is not None]
    if own:
        if len(words) == 1:
            return own[0]
        linear = "jpeg" not in kinds and all("linear" in each for each in own)
        return {"linear", "gradient"} if linear else {"gradient"}
    if kinds == ["jpeg"]:
        return {"projection", "gradient"}
    if "jpeg" in kinds:
        return {"gradient"}
    # Of one operator alone all singular values are known, unless it sees beyond the picture.
    known = len(kinds) == 1 and kinds[0] in ("down", "area", "gray")
    return {"linear", "gradient", "spectrum"} if known else {"linear", "gradient"}


def solvers_for(words: Sequence[Spec]) -> list[str]:
    """Give the names of the solvers that can undo all of this.

    Examples
    --------
    >>> solvers_for([parse_spec("jpeg=30")])
    ['splitting', 'ddnm', 'dps']
    """
    return [solver.name for solver in catalogue.solvers_for(capabilities(words))]


def preferred(words: Sequence[Spec], estimate: str) -> str:
    """Give the name of the solver that is used for an estimate unless one is named.

    Examples
    --------
    >>> preferred([parse_spec("down=2")], "sample")
    'pigdm'
    """
    return catalogue.preferred(capabilities(words), estimate).name
