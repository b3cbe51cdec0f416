"""``restore inpaint``: fill the masked part of a picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli.budgets import SMALL
from restore.cli.checks import check_common, check_method
from restore.cli.command import (
    Checked,
    Choice,
    Options,
    PictureCommand,
    Plan,
    Result,
    Source,
    Workload,
    mask_of,
    nothing_white,
)
from restore.cli.options import (
    GUIDANCE,
    JUMPS,
    RESTORING_ONE,
    SEED,
    Settings,
    estimate_option,
    method_option,
    sampler_option,
    steps_option,
    with_settings,
)
from restore.cli.parameters import FileName
from restore.cli.registry import register
from restore.cli.run import run_command
from restore.errors import MaskError
from restore.images.masks import RIM
from restore.tasks import catalogue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from restore.priors.protocol import Prior
    from restore.types import Progress

MANY_GRAY = 0.02  # share of mask pixels in between that soft edges alone do not reach
NEARLY_ALL = 0.95  # share of the picture; larger holes are masks that are inverted or of another kind


def _method_help() -> str:
    named = ("alternating", "conditional", "repaint")
    others = ", ".join(name for name in catalogue.names("inpaint") if name not in named)
    return (
        "alternating: conditional, then splitting from there, then a sample's texture by conditional; "
        "conditional: the network is shown the picture and the mask; repaint: from pure noise, known pixels "
        f"put in at each step (thousands of network calls); {others}: by the prior alone, which is not shown "
        "the mask, from a smooth fill."
    )


@register
@click.command()
@click.argument("photo", type=FileName())
@click.option(
    "--mask", type=FileName(path_type=Path), required=True, metavar="FILE",
    help="Picture of the same size; white is what to fill.",
)  # fmt: skip
@click.option(
    "--mask-means", type=click.Choice(["fill", "keep"]), default="fill", show_default=True,
    help="What white in the mask means.",
)  # fmt: skip
@click.option(
    "--grow", type=click.IntRange(0, 64), default=0, show_default=True, metavar="N",
    help="Widen the hole by N pixels, where the mask leaves the rim of a scratch or a letter.",
)  # fmt: skip
@estimate_option("sample")
@method_option("inpaint", _method_help)
@steps_option("inpaint")
@sampler_option("dpmpp-2m-sde, for repaint ddpm")
@GUIDANCE
@JUMPS[0]
@JUMPS[1]
@SEED
@with_settings(*RESTORING_ONE)
def inpaint(settings: Settings, photo: str, **options: Any) -> None:
    """Fill the masked part of PHOTO (- is standard input).

    Only the hole and its surroundings are computed. All other pixels stay as they are, bit for bit, in every
    lossless format: PNG, TIFF, WebP, BMP.

    \b
    restore inpaint photo.png --mask mask.png
    restore inpaint photo.jpg --mask mask.png -o whole.png --seed 7
    restore inpaint photo.png --mask mask.png --estimate mean
    """
    if images.is_folder(photo):
        raise click.UsageError(f"{photo} is a folder; inpaint takes one picture and its mask")
    mask = Mask(options.pop("mask"), options.pop("mask_means"), options.pop("grow"))
    length, repeats = options.pop("jump_length"), options.pop("jump_repeats")
    options["method"] = options["method"] or catalogue.default("inpaint", options["estimate"])
    method = check_method("inpaint", options)
    check_common(settings, options, ("jump-length", length), ("jump-repeats", repeats))
    options["jumps"] = None if settings.budgeted else _jumps(method, options["steps"], length, repeats)
    run_command(Inpaint(options, mask), (photo,), settings)


def _jumps(
    method: catalogue.Method, steps: int | None, length: int | None, repeats: int | None
) -> tuple[int, int] | None:
    if not method.jumps:
        if length is not None or repeats is not None:
            raise click.UsageError(
                f"--jump-length and --jump-repeats need --method repaint, got {method.name}"
            )
        return None
    jumps = (length or catalogue.JUMPS[0], repeats or catalogue.JUMPS[1])
    steps = steps or method.steps
    if jumps[0] >= steps:
        raise click.UsageError(f"--jump-length {jumps[0]} must be less than --steps, which is {steps}")
    return jumps


class Inpaint(PictureCommand):
    """Fill the masked part of a picture."""

    ending = "inpainted"
    finite = False  # a hole may be NaN

    def __init__(self, options: Options, mask: Mask):
        super().__init__(options)
        self.mask, self.reads = mask, (mask.path,)

    def plan(self, source: Source) -> InpaintPlan:
        return InpaintPlan(source, self.options, self.mask)


class Mask:
    """A mask file and the meaning of white. grow: pixels by which the hole is widened."""

    def __init__(self, path: Path, means: str, grow: int):
        self.path, self.means, self.grow = path, means, grow

    def hole(self, source: Source) -> tuple[NDArray[np.bool_], list[str]]:
        """Give the checked hole (h, w), and notes. Raises MaskError."""
        found = mask_of(self.path, source)
        (h, w), white = source.picture.size, found.white
        hole = white if self.means == "fill" else ~white
        if found.soft.any():  # a soft edge belongs to the hole: what is drawn shows through there, too
            hole = hole | (found.soft & _widened(hole, RIM))
        hole = _widened(hole, self.grow)
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


def _widened(hole: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    if not pixels:
        return hole
    import torch

    from restore.tasks.holes import grown

    wider: NDArray[np.bool_] = grown(torch.from_numpy(hole)[None, None].float(), pixels)[0, 0].numpy() > 0
    return wider


class InpaintPlan(Plan):
    """A picture with its hole."""

    task = "inpaint"

    def __init__(self, source: Source, options: Options, mask: Mask):
        super().__init__(source, options)
        self.hole, notes = mask.hole(source)
        images.check_finite(source.picture, source.name, unread=self.hole)
        self.source = replace(source, picture=_of_numbers(source.picture))
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


def _filled(pixels: NDArray[Any], hole: NDArray[np.bool_], options: Options, **more: Any) -> NDArray[Any]:
    from restore.tasks.inpaint import inpaint
    from restore.tasks.inpaint_methods import Jumps

    jumps = options["jumps"] and Jumps(*options["jumps"])
    return inpaint(pixels, hole, **{**options, "jumps": jumps}, **more)
