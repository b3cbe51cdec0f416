"""Fill holes in pictures, whatever finds the holes: what ``restore inpaint`` and its relatives share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from restore import images
from restore.cli.budgets import SMALL
from restore.cli.command import (
    Checked,
    Choice,
    Options,
    PictureCommand,
    Plan,
    Result,
    Source,
    Workload,
)
from restore.tasks import catalogue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from restore.priors.protocol import Prior
    from restore.types import Progress


class HoleFinder(Protocol):
    """Says what is to be filled in a picture."""

    @property
    def reads(self) -> tuple[Path, ...]:
        """Files that are read besides the pictures."""
        ...

    def hole(self, source: Source) -> tuple[NDArray[np.bool_], list[str]]:
        """Give the checked hole ``(h, w)``, and notes for the user. Raises ImageError or MaskError."""
        ...


class Inpaint(PictureCommand):
    """Fill holes in pictures. finder: says where they are."""

    ending = "inpainted"
    finite = False  # a hole may be NaN

    def __init__(self, options: Options, finder: HoleFinder):
        super().__init__(options)
        self.finder, self.reads = finder, finder.reads

    def plan(self, source: Source) -> InpaintPlan:
        return InpaintPlan(source, self.options, self.finder)


class InpaintPlan(Plan):
    """A picture with its hole."""

    task = "inpaint"
    hole: NDArray[np.bool_]

    def __init__(self, source: Source, options: Options, finder: HoleFinder):
        super().__init__(source, options)
        self.hole, notes = finder.hole(source)
        images.check_finite(source.picture, source.name, unread=self.hole)
        picture, shown = _shown(_of_numbers(source.picture), self.hole)
        self.source = replace(source, picture=picture)
        self.facts = {"hole": round(float(self.hole.mean()), 6)}
        if shown:
            notes.append(
                f"{source.name}: {shown} pixels of the hole were clear; they are opaque in the result"
            )
        if source.format == "jpeg":
            notes.append(
                "JPEG stores pixels outside the hole only roughly; write .png to keep them bit for bit"
            )
        self.notes = tuple(notes)

    def workload(self, options: Options, prior: Prior) -> Workload:
        import numpy as np
        import torch

        from restore.images.canvas import canvas
        from restore.tasks.inpaint import missing_of
        from restore.tasks.inpaint_methods import workload

        method = catalogue.find("inpaint", options["method"], options["estimate"])

        def work(hole: NDArray[np.bool_], visible: Tensor | None = None) -> int:
            holes = torch.from_numpy(hole)[None, None].float()
            return workload(holes, missing_of(holes, visible), method, prior)

        def trial(options: Options) -> int:
            side: int = min(SMALL, *self.hole.shape)
            speck = np.zeros((side, side), np.bool_)
            speck[side // 2, side // 2] = side > 1
            jumps = (1, 1) if method.jumps else None
            steps = None if method.one_call else 3
            gray = np.full((side, side), 0.5, np.float32)
            _filled(gray, speck, {**options, "steps": steps, "jumps": jumps}, prior=prior)
            return max(1, work(speck))

        return Workload("inpaint", work(self.hole, canvas(self.pixels).visible), trial)

    def restore(self, options: Options, prior: Prior, progress: Progress) -> Result:
        return self.finished(_filled(self.pixels, self.hole, options, prior=prior, progress=progress))

    def check(self, result: images.Picture, choice: Choice) -> Checked:
        from restore.tasks.consistency import outside_hole

        before = images.at_depth_of(result, self.source.picture.pixels)
        changed = outside_hole(before, result.pixels, self.hole)
        return Checked(f"{changed} pixels outside the hole are changed", {"changed_outside": changed})

    def deviation(self, choice: Choice, prior: Prior, *, count: int, seed: int) -> Tensor:
        from restore.tasks.uncertainty import of_inpainting

        return of_inpainting(self.fine_pixels, self.hole, count=count, seed=seed, prior=prior)


def _of_numbers(picture: images.Picture) -> images.Picture:
    """The picture with 0 where it is not finite."""
    import numpy as np

    if picture.bits != 32:
        return picture
    alpha = None if picture.alpha is None else np.nan_to_num(picture.alpha, posinf=0, neginf=0)
    return replace(picture, pixels=np.nan_to_num(picture.pixels, posinf=0, neginf=0), alpha=alpha)


def _shown(picture: images.Picture, hole: NDArray[np.bool_]) -> tuple[images.Picture, int]:
    """The picture with alpha opaque where what was clear is filled, and the number of these pixels.

    Else the fill could not be seen. What is half clear around them in the same hole, as a soft eraser leaves
    it, becomes opaque with them.
    """
    import cv2
    import numpy as np

    if picture.alpha is None or not (clear := hole & (picture.alpha == 0)).any():
        return picture, 0
    count, labels = cv2.connectedComponents(hole.astype(np.uint8), connectivity=8)
    erased = np.zeros(count, np.bool_)
    erased[np.unique(labels[clear])] = True
    top = images.TOP[picture.pixels.dtype.name]
    alpha = np.where(erased[labels], np.asarray(top, picture.alpha.dtype), picture.alpha)
    return replace(picture, alpha=alpha), int(clear.sum())


def _filled(pixels: NDArray[Any], hole: NDArray[np.bool_], options: Options, **more: Any) -> NDArray[Any]:
    from restore.tasks.inpaint import inpaint
    from restore.tasks.inpaint_methods import Jumps

    jumps = options["jumps"] and Jumps(*options["jumps"])
    return inpaint(pixels, hole, **{**options, "jumps": jumps}, **more)
