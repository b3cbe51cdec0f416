"""``restore inpaint``: fill the masked part of a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from restore import images
from restore.cli.checks import check_common, check_method
from restore.cli.filling import Inpaint
from restore.cli.hole_masks import MaskFile
from restore.cli.options import (
    GUIDANCE,
    JUMPS,
    RESTORING_ONE,
    SAVE_MASK,
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
from restore.tasks import catalogue


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
@with_settings(SAVE_MASK, *RESTORING_ONE)
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
    mask = MaskFile(options.pop("mask"), options.pop("mask_means"), options.pop("grow"))
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
