"""What was done to a picture, in words: ``blur=gaussian:1.6``, ``down=4``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from restore.inverse import catalogue
from restore.inverse.catalogue import Capability

EXAMPLES = "blur=gaussian:1.6, blur=motion:15:30, down=4, area=4, gray or jpeg=30"
KERNELS = (
    "a kernel is gaussian:SIGMA, sigma from 0.1 to 100 pixels, or motion:LENGTH:ANGLE, length from 1 to 400 "
    "pixels, the angle in degrees"
)
Kind = Literal["gaussian", "motion", "down", "area", "gray", "jpeg"]
NUMBERS: dict[Kind, tuple[int, int]] = {  # how many follow, at least and at most
    "gaussian": (1, 1),
    "motion": (1, 2),
    "down": (1, 1),
    "area": (1, 1),
    "gray": (0, 0),
    "jpeg": (1, 1),
}
RANGES: dict[Kind, tuple[float, float]] = {  # of the first of them
    "gaussian": (0.1, 100),
    "motion": (1, 400),
    "down": (1.01, 16),
    "area": (1.01, 16),
    "jpeg": (1, 100),
}


@dataclass(frozen=True)
class Spec:
    """One degradation.

    gaussian: sigma in pixels; motion: length in pixels, angle in degrees from the right turning up; down
    (bicubic), area (means): factor; gray; jpeg: quality.
    """

    kind: Kind
    numbers: tuple[float, ...] = ()

    def size_after(self, size: tuple[int, int]) -> tuple[int, int]:
        """The largest size (h, w) that this makes of a picture of ``size``, or of a part of it."""
        if self.kind not in ("down", "area"):
            return size
        h, w = (math.floor((side + 0.5) / self.numbers[0]) for side in size)
        return h - (round(h * self.numbers[0]) > size[0]), w - (round(w * self.numbers[0]) > size[1])

    def size_before(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size (h, w) of a picture that has ``size`` when this was done to it."""
        if self.kind not in ("down", "area"):
            return size
        return round(size[0] * self.numbers[0]), round(size[1] * self.numbers[0])


def parse_spec(word: str) -> Spec:
    """``blur=gaussian:1.6`` and the like; ValueError for anything else."""
    name, *values = word.removeprefix("blur=").replace("=", ":").split(":")
    kind = next((kind for kind in NUMBERS if kind == name), None)
    blurs = kind in ("gaussian", "motion")
    try:
        numbers = tuple(map(float, values))
    except ValueError:
        numbers, kind = (), None
    if kind is None or blurs != word.startswith("blur=") or not _fits(len(numbers), NUMBERS[kind]):
        raise ValueError(f"{word!r} is no degradation; expected one such as {EXAMPLES}")
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{word!r} holds what is no finite number")
    if kind in RANGES and not RANGES[kind][0] <= numbers[0] <= RANGES[kind][1]:
        low, high = RANGES[kind]
        raise ValueError(f"{word!r} is out of range; {kind} goes from {low:g} to {high:g}")
    return Spec(kind, numbers)


def _fits(count: int, between: tuple[int, int]) -> bool:
    return between[0] <= count <= between[1]


def size_before(words: Sequence[Spec], size: tuple[int, int]) -> tuple[int, int]:
    """The size (h, w) of the picture before all of this was done to it, the first word first."""
    for word in reversed(words):
        size = word.size_before(size)
    return size


def capabilities(words: Sequence[Spec]) -> set[Capability]:
    """What solvers can do with all of this as one operator."""
    kinds = [word.kind for word in words]
    if kinds == ["jpeg"]:
        return {"projection", "gradient"}
    if "jpeg" in kinds:
        return {"gradient"}
    # Of one operator alone all singular values are known, unless it sees beyond the picture.
    known = len(kinds) == 1 and kinds[0] in ("down", "area", "gray")
    return {"linear", "gradient", "spectrum"} if known else {"linear", "gradient"}


def solvers_for(words: Sequence[Spec]) -> list[str]:
    """The names of the solvers that can undo all of this."""
    return [solver.name for solver in catalogue.solvers_for(capabilities(words))]


def preferred(words: Sequence[Spec], estimate: str) -> str:
    """The name of the solver for an estimate where none is named."""
    return catalogue.preferred(capabilities(words), estimate).name
