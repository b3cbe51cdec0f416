"""``restore erase``: remove objects from a picture, by boxes and points instead of a mask."""

from __future__ import annotations

from typing import Any

import click

from restore import images
from restore.cli.checks import check_common, check_jumps, check_method
from restore.cli.filling import Inpaint, check_copying, check_trial
from restore.cli.help_pages import Command
from restore.cli.options import (
    COPYING,
    RESTORING_ONE,
    SAVE_MASK,
    SEED,
    TRIAL_SEED,
    Settings,
    estimate_option,
    method_option,
    steps_option,
    with_settings,
)
from restore.cli.parameters import FileName, Number
from restore.cli.places import BOX, POINT, Place, Places
from restore.cli.registry import register
from restore.cli.run import run_command
from restore.tasks import catalogue


class Erase(Inpaint):
    """Fill what boxes and points say."""

    ending = "erased"


@register
@click.command(cls=Command)
@click.argument("photo", type=FileName())
@click.option(
    "--box", type=BOX, multiple=True, metavar="X,Y,W,H",
    help="Erase this box: left, top, width and height from the top left of the picture as it is seen, in "
    "pixels, or in per cent as 10%,20%,5%,5%. May be given several times.",
)  # fmt: skip
@click.option(
    "--at", type=POINT, multiple=True, metavar="X,Y",
    help="Erase the small object that this point lies in, found by its colours. May be given several times.",
)  # fmt: skip
@click.option(
    "--radius", type=Number(1, 100_000), metavar="N",
    help="With --at: the object reaches no farther than N pixels from its point.",
)  # fmt: skip
@click.option(
    "--grow", type=click.IntRange(0, 64), metavar="N",
    help="Widen the hole by N pixels.  [default: for objects 4 and 2 % of their size, for boxes 0]",
)  # fmt: skip
@estimate_option("sample")
@method_option("inpaint", "How the hole is filled: as with restore inpaint, whose help explains them.")
@steps_option("inpaint")
@COPYING[0]
@COPYING[1]
@SEED
@TRIAL_SEED
@with_settings(SAVE_MASK, *RESTORING_ONE)
def erase(
    settings: Settings, photo: str, box: tuple[Place, ...], at: tuple[Place, ...], **options: Any
) -> None:
    """Remove objects from PHOTO (- is standard input), by boxes and points.

    It is restore inpaint with the mask made from what is said here; --save-mask keeps that mask. All other
    pixels stay as they are, bit for bit, in every lossless format: PNG, TIFF, WebP, BMP, JPEG XL.

    \b
    restore erase photo.jpg --box 120,80,60,40
    restore erase photo.jpg --at 300,215 --at 340,220 -o clean.png
    restore erase photo.png --at 300,215 --save-mask mask.png
    """
    if images.is_folder(photo):
        raise click.UsageError(f"{photo} is a folder; erase takes one picture")
    radius, grow = options.pop("radius"), options.pop("grow")
    if not box and not at:
        raise click.UsageError("nothing says what to erase; pass --box X,Y,W,H or --at X,Y")
    if radius is not None and not at:
        raise click.UsageError("--radius is of the objects of --at X,Y; pass that, or leave it out")
    options |= {"sampler": None, "guidance": 1.0, "jumps": None}
    options["method"] = options["method"] or catalogue.default("inpaint", options["estimate"])
    method = check_method("inpaint", options)
    check_copying(method, options)
    check_trial(method, options)
    check_common(settings, options)
    check_jumps(method, options["steps"])
    run_command(Erase(options, Places(box, at, radius, grow)), (photo,), settings)
