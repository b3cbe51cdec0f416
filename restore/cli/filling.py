"""Fill holes in pictures, whatever finds the holes: what ``restore inpaint`` and its relatives share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from restore import images
from restore.cli.budgets import SMALL
from restore.cli.command import (
    FARTHEST,
    Checked,
    Choice,
    Options,
    PictureCommand,
    Plan,
    Result,
    Source,
    Workload,
    mask_of,
)
from restore.errors import MaskError
from restore.tasks import catalogue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from restore.priors.protocol import Prior
    from restore.tasks.deep_holes import Parts
    from restore.tasks.inpaint import Filled
    from restore.tasks.inpaint_parts import Decided
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
        path: Path | None = options.get("source")
        self.finder, self.sources = finder, () if path is None else (path,)
        self.reads = (*finder.reads, *self.sources)
        self._decided: dict[str, Decided] = {}

    def unread(self, source: Source) -> NDArray[np.bool_] | None:
        return self.finder.hole(source)[0]

    def plan(self, source: Source) -> InpaintPlan:
        plan = self.planned(source)
        plan.decided = self._decided.setdefault(source.name, plan.decided)  # once for all of its samples
        return plan

    def planned(self, source: Source) -> InpaintPlan:
        """Check a picture."""
        return InpaintPlan(source, self.options, self.finder)


def check_copying(method: catalogue.Method, options: Options) -> None:
    """Raise UsageError for a source with a method that copies nothing."""
    if options["source"] is not None and method.name not in catalogue.COPYING:
        raise click.UsageError(
            f"--source is for --method exemplar, not for {method.name}; leave one of them out"
        )


def check_trial(method: catalogue.Method, options: Options) -> None:
    """Raise UsageError for a seed of trials where nothing is tried."""
    if options["trial_seed"] is not None and not catalogue.is_tried(method, options.get("source")):
        raise click.UsageError("--trial-seed is for samples of --method auto without --source; leave it out")


class InpaintPlan(Plan):
    """A picture with its hole. decided: by trials, for all of its samples."""

    task = "inpaint"
    hole: NDArray[np.bool_]

    def __init__(self, source: Source, options: Options, finder: HoleFinder):
        super().__init__(source, options)
        self.decided: Decided = {}
        self.hole, notes = finder.hole(source)
        images.check_finite(source.picture, source.name, unread=self.hole)
        picture, shown = _shown(_of_numbers(source.picture, self.hole), self.hole)
        self.source = replace(source, picture=picture)
        path: Path | None = options.get("source")
        self.allowed = None if path is None else mask_of(path, source).white
        self.facts = {"hole_share": round(float(self.hole.mean()), 6)}
        if shown:
            notes.append(
                f"{source.name}: {shown} pixels of the hole were clear; they are opaque in the result"
            )
        if source.format == "jpeg":
            notes.append(
                "JPEG stores pixels outside the hole only roughly; write .png to keep them bit for bit"
            )
        self.notes = tuple(notes)

    def check_picture(self) -> None:
        """Refuse a hole that leaves nothing to fill it from, or no whole patch where one is needed."""
        feather, copied = self.options.get("feather", 0), self.options["method"] == "exemplar"
        if not (feather or copied or self.allowed is not None or self.source.picture.alpha is not None):
            return  # the finder of the hole has looked at it
        import torch

        from restore.images.canvas import canvas
        from restore.tasks.deep_holes import can_be_copied
        from restore.tasks.exemplar import SIDE
        from restore.tasks.inpaint import missing_of

        hole, name = self.whole_hole(), self.source.name
        if bool(hole.all()):
            raise MaskError(
                f"{name}: with --feather {feather} the hole is the whole picture, nothing is left to fill it "
                "from; lower --feather"
            )
        try:
            missing = missing_of(hole, canvas(self.pixels, checked=False).visible)
        except ValueError as error:
            raise MaskError(f"{name}: {error}") from error
        expected = f"expected places of {SIDE}x{SIDE} known pixels"
        if self.allowed is not None:
            allowed = torch.from_numpy(self.allowed)[None, None].float()
            if not can_be_copied(1 - (1 - missing) * allowed):
                raise MaskError(
                    f"{self.options['source']}: {expected} that are white, to copy texture from, got too few "
                    f"({self.allowed.mean():.1%} is white); paint more"
                )
        elif copied and bool(hole.any()) and not can_be_copied(missing):
            raise MaskError(
                f"{name}: {expected} outside the hole, to copy texture from, got too few; pass another "
                "--method, or a smaller hole"
            )

    def whole_hole(self) -> Tensor:
        """The hole with its feather, ``(1, 1, h, w)``."""
        import torch

        from restore.tasks.holes import grown

        return grown(torch.from_numpy(self.hole)[None, None].float(), self.options.get("feather", 0))

    def choose(self, prior: Callable[[], Prior]) -> Choice:
        """Say what fills a hole that is nowhere deep."""
        self.check_picture()
        options = dict(self.options)
        if options["method"] != "auto" or self.allowed is not None:
            return Choice(options)
        from restore.tasks.deep_holes import deep_parts

        if options["estimate"] == "mean" or not deep_parts(self.whole_hole()):
            options["method"] = "alternating"
        return Choice(options, facts={"method": options["method"]})

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
            asked = {**options, "steps": steps, "jumps": jumps, "feather": 0}
            asked |= {"source": None, "trial_seed": None}
            _filled(gray, speck, asked, prior=prior)
            return max(1, work(speck))

        return Workload("inpaint", work(self.hole, canvas(self.pixels).visible), trial)

    def rehearsed(self, options: dict[str, Any]) -> dict[str, Any] | None:
        """Copies take long and need no network."""
        if options["method"] == "exemplar" or self.allowed is not None:
            return None
        return {**options, "method": "alternating"} if options["method"] == "auto" else options

    def restore(self, options: Options, prior: Prior, progress: Progress) -> Result:
        auto = options["method"] == "auto"
        seed = self.trial_seed if auto and self.allowed is None else None
        given = {**options, "source": self.allowed, "trial_seed": seed}
        more: dict[str, Any] = {"prior": prior, "progress": progress, "decided": self.decided}
        found = _filled(self.pixels, self.hole, given, **more)
        result, parts = self.finished(found.picture), found.parts
        if options["method"] not in catalogue.COPYING or not parts.copied + parts.drawn:
            return result
        share = round(parts.share, 6)
        facts = {"copied_parts": parts.copied, "drawn_parts": parts.drawn, "copied_share": share}
        result = replace(result, facts=facts)
        if not auto:
            return result
        note = f"{self.source.name}: of the hole, {_told(parts)}"
        told = self.options["trial_seed"] is not None or seed in (None, options["seed"])
        arguments = () if told else (("--trial-seed", str(seed)),)
        return replace(result, notes=(note,), method=f"auto, {_told(parts)}", arguments=arguments)

    @property
    def trial_seed(self) -> int:
        """Of the trials of all samples."""
        given: int | None = self.options["trial_seed"]
        first: int = self.options["seed"]
        return first if given is None else given

    def check(self, result: images.Picture, choice: Choice) -> Checked:
        from restore.tasks.consistency import outside_hole
        from restore.tasks.holes import widened

        before = images.at_depth_of(result, self.source.picture.pixels)
        hole = widened(self.hole, self.options.get("feather", 0))
        changed = outside_hole(before, result.pixels, hole)
        return Checked(f"{changed} pixels outside the hole are changed", {"changed_outside_pixels": changed})

    def deviation_calls(self, choice: Choice, count: int) -> int:
        # Each with a gradient, which takes as long again; and most holes are tried elsewhere in the picture.
        return 4 * super().deviation_calls(choice, count)

    def deviation(self, choice: Choice, prior: Prior, *, count: int, seed: int) -> Tensor:
        from restore.tasks.uncertainty import of_inpainting

        asked = {"count": count, "seed": seed, "trial_seed": self.trial_seed}
        return of_inpainting(self.fine_pixels, self.hole, prior=prior, **asked)


def _of_numbers(picture: images.Picture, hole: NDArray[np.bool_]) -> images.Picture:
    """The picture with 0 in the hole, where it may be anything, and where it is not finite."""
    import numpy as np

    if picture.bits != 32:
        return picture
    alpha = None if picture.alpha is None else np.nan_to_num(picture.alpha, posinf=0, neginf=0)
    pixels = np.nan_to_num(picture.pixels, posinf=0, neginf=0)
    far = hole & (np.abs(pixels) > FARTHEST).any(axis=2)
    return replace(picture, pixels=np.where(far[..., None], np.float32(0), pixels), alpha=alpha)


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


def _told(parts: Parts) -> str:
    """What has filled a hole, in words."""
    said = []
    if parts.copied:
        said.append(f"{_counted(parts.copied)} copied from the picture ({parts.share:.0%} of it)")
    if parts.drawn:
        said.append(f"{_counted(parts.drawn)} drawn by the network")
    return ", ".join(said)


def _counted(parts: int) -> str:
    return f"{parts} part{'s' * (parts > 1)}"


def _filled(pixels: NDArray[Any], hole: NDArray[np.bool_], options: Options, **more: Any) -> Filled[Any]:
    from restore.tasks.inpaint import filled
    from restore.tasks.inpaint_methods import Jumps

    jumps = options["jumps"] and Jumps(*options["jumps"])
    return filled(pixels, hole, **{**options, "jumps": jumps}, **more)
