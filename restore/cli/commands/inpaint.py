"""``restore inpaint``: fill the masked part of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from restore.cli.checks import check_common, check_jumps, check_method
from restore.cli.command import Options, Source
from restore.cli.filling import Inpaint, InpaintPlan, check_copying, check_trial
from restore.cli.help_pages import Command
from restore.cli.hole_masks import MaskFile, Reading
from restore.cli.jobs import STDIO
from restore.cli.mask_folders import MaskFolder
from restore.cli.options import (
    COPYING,
    GUIDANCE,
    INPUTS,
    JUMPS,
    RESTORING,
    SAVE_MASK,
    SEED,
    TRIAL_SEED,
    Settings,
    estimate_option,
    method_option,
    sampler_option,
    steps_option,
    with_settings,
)
from restore.cli.parameters import ColourName, FileName, switch
from restore.cli.registry import register
from restore.cli.run import run_command
from restore.tasks import catalogue


def _method_help() -> str:
    named = ("auto", "exemplar", "alternating", "conditional", "repaint")
    others = ", ".join(name for name in catalogue.names("inpaint") if name not in named)
    return (
        "auto: alternating, but deep parts of a sample's hole by exemplar where that does better on a trial "
        "beside them; exemplar: texture is copied from the picture itself, without the network; "
        "alternating: conditional, then splitting from there, then a sample's texture by conditional; "
        "conditional: the network is shown the picture and the mask; repaint: from pure noise, known pixels "
        f"put in at each step (thousands of network calls); {others}: by the prior alone, which is not shown "
        "the mask, from a smooth fill."
    )


@register
@click.command(cls=Command)
@INPUTS
@click.option(
    "--mask", type=FileName(path_type=Path), metavar="FILE",
    help="What to fill, the same for all pictures: white on black; strokes of one colour on black or white, "
    "on a clear layer or over the photograph itself; or what is clear in a picture that was erased in parts, "
    "also the photograph itself. Soft edges are filled, too. - is standard input.",
)  # fmt: skip
@click.option(
    "--masks", type=FileName(path_type=Path), metavar="DIR",
    help="Folder with a mask for each picture: for a/b.jpg the file a/b, a/b_mask, a/b-mask or a/b.mask in "
    "it, of any format. It may be that of the pictures; the masks in it are not restored.",
)  # fmt: skip
@click.option(
    "--mask-colour", "--mask-color", "mask_colour", type=ColourName(), metavar="NAME",
    help="The colour that was painted in the mask: red, green, blue, yellow, magenta, cyan, black, white, "
    "any name of CSS, or #rrggbb. Default: found by comparing with the photograph, or where it is the only "
    "one.",
)  # fmt: skip
@switch("--invert-mask", help="Keep what the mask shows and fill the rest.")
@switch(
    "--fit-mask",
    help="Scale a mask of another size to the picture, and turn one that was made before the picture was "
    "turned upright by its EXIF.",
)
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
@COPYING[0]
@COPYING[1]
@SEED
@TRIAL_SEED
@with_settings(SAVE_MASK, *RESTORING)
def inpaint(settings: Settings, inputs: tuple[str, ...], **options: Any) -> None:
    """Fill the masked part of pictures: files, folders with their sub-folders, or - for standard input.

    Only the hole and its surroundings are computed. All other pixels stay as they are, bit for bit, in every
    lossless format: PNG, TIFF, WebP, BMP, JPEG XL.

    \b
    restore inpaint photo.png --mask mask.png
    restore inpaint photo.jpg --mask mask.png -o whole.png --seed 7
    restore inpaint photo.jpg --mask red-strokes.jpg --mask-colour red
    restore inpaint erased.png --mask erased.png
    restore inpaint scans -o clean --mask dust.png
    restore inpaint photos -o whole --masks masks
    """
    finder = _finder(inputs, options)
    length, repeats = options.pop("jump_length"), options.pop("jump_repeats")
    options["method"] = options["method"] or catalogue.default("inpaint", options["estimate"])
    method = check_method("inpaint", options)
    check_copying(method, options)
    check_trial(method, options)
    check_common(settings, options, ("jump-length", length), ("jump-repeats", repeats))
    options["jumps"] = None if settings.budgeted else _jumps(method, options["steps"], length, repeats)
    run_command(InpaintMasked(options, finder), inputs, settings)


class InpaintMasked(Inpaint):
    """Fill what masks show. masks: a file or a folder of them."""

    def __init__(self, options: Options, masks: MaskFile | MaskFolder):
        super().__init__(options, masks)
        self.masks = masks

    def aside(self, found: Sequence[Path]) -> set[Path]:
        aside = self.masks.aside(found)
        self.reads = (*self.masks.reads, *self.sources)
        return aside

    def plan(self, source: Source) -> InpaintPlan:
        plan = super().plan(source)
        plan.facts |= self.masks.facts
        return plan


def _finder(inputs: Sequence[str], options: dict[str, Any]) -> MaskFile | MaskFolder:
    """Take the options of masks out of all of them. Raises UsageError for those that do not go together."""
    mask, masks = options.pop("mask"), options.pop("masks")
    reading = Reading(
        grow=options.pop("grow"), inverted=options.pop("invert_mask"),
        colour=options.pop("mask_colour") or "", fit=options.pop("fit_mask"),
    )  # fmt: skip
    if mask is not None and masks is not None:
        raise click.UsageError(
            "--mask is one mask for all pictures, --masks has one for each; pass one of them"
        )
    if masks is not None:
        if STDIO in inputs:
            raise click.UsageError("- (standard input) has no name to find a mask by; pass --mask FILE")
        return MaskFolder(masks, inputs, reading)
    if mask is None:
        raise click.UsageError(
            "expected --mask FILE or --masks DIR, got neither; a picture that was erased in parts is its own "
            "mask: --mask photo.png"
        )
    if str(mask) == STDIO and STDIO in inputs:
        raise click.UsageError(
            "- (standard input) cannot be the picture and the mask; name a file for one of them"
        )
    return MaskFile(mask, reading)


def _jumps(
    method: catalogue.Method, steps: int | None, length: int | None, repeats: int | None
) -> tuple[int, int] | None:
    if not method.jumps:
        if length is not None or repeats is not None:
            raise click.UsageError(
                f"--jump-length and --jump-repeats need --method repaint, got {method.name}"
            )
        return None
    check_jumps(method, steps, length)
    return length or catalogue.JUMPS[0], repeats or catalogue.JUMPS[1]
