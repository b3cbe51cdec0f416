"""``restore repair``: find scratches, hairs, dust and folds, and fill them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore.cli.addresses import is_folder
from restore.cli.checks import check_common, check_jumps, check_method
from restore.cli.command import Choice, Source, task_pixels
from restore.cli.filling import Inpaint, InpaintPlan, check_trial
from restore.cli.help_pages import Command
from restore.cli.options import (
    INPUTS,
    RESTORING,
    SAVE_MASK,
    SEED,
    SKIP_UNCHANGED,
    TRIAL_SEED,
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
from restore.tasks import catalogue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from restore.priors.protocol import Prior

NAMED = ("low", "normal", "high")


class Sensitivity(click.types.StringParamType):
    """low, normal, high, or a number above 0 and below 1."""

    name = "sensitivity"
    named = NAMED

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in NAMED:
            return str(value)
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0 < number < 1:
            self.fail(f"{value!r} is neither {', '.join(NAMED)} nor a number above 0 and below 1", param, ctx)
        return number


@register
@click.command(cls=Command)
@INPUTS
@click.option(
    "--sensitivity", type=Sensitivity(), default="normal", show_default=True, metavar="S",
    help="How much is taken for damage: low, normal, high, or a number above 0 and below 1.",
)  # fmt: skip
@click.option(
    "--only", type=click.Choice(["specks", "scratches"]),
    help="specks: repair only dust and spots; scratches: only what is long, as hairs and folds are.",
)  # fmt: skip
@click.option(
    "--infrared", type=FileName(path_type=Path), metavar="FILE",
    help="Gray picture of the same size: the infrared channel of the scan, in which dust is dark. An extra "
    "channel of a colour TIFF is used by itself.",
)  # fmt: skip
@click.option(
    "--grow", type=click.IntRange(0, 64), default=1, show_default=True, metavar="N",
    help="Widen what is found by N pixels.",
)  # fmt: skip
@estimate_option("sample")
@method_option("inpaint", "A method of restore inpaint, which fills what is found.")
@steps_option("inpaint")
@sampler_option("dpmpp-2m-sde")
@SEED
@TRIAL_SEED
@with_settings(SAVE_MASK, SKIP_UNCHANGED, *RESTORING)
def repair(settings: Settings, inputs: tuple[str, ...], **options: Any) -> None:
    """Find thin scratches, hairs, dust and fold lines, and fill them: files, folders, or -.

    All else stays as it is, bit for bit, in every lossless format. The files of pictures without damage are
    copied.

    \b
    restore repair scan.png
    restore repair scans -o repaired --sensitivity low
    restore repair negative.tif --infrared negative-ir.tif
    """
    infrared = options.pop("infrared")
    if infrared is not None and (len(inputs) > 1 or is_folder(inputs[0])):
        raise click.UsageError(f"--infrared {infrared} belongs to one picture; pass that alone")
    finder = DamageFinder(options.pop("sensitivity"), options.pop("only"), infrared, options.pop("grow"))
    options["method"] = options["method"] or catalogue.default("inpaint", options["estimate"])
    method = check_method("inpaint", options)
    check_trial(method, options)
    check_jumps(method, options["steps"])
    check_common(settings, options)
    options |= {"jumps": None, "guidance": 1.0}
    run_command(Repair(options, finder), inputs, settings)


class DamageFinder:
    """Finds damage in the picture itself, or in its infrared channel. grow: pixels to widen it by."""

    def __init__(self, sensitivity: str | float, only: Any, infrared: Path | None, grow: int):
        self.sensitivity, self.only, self.infrared, self.grow = sensitivity, only, infrared, grow

    @property
    def reads(self) -> tuple[Path, ...]:
        """The infrared file, where there is one."""
        return () if self.infrared is None else (self.infrared,)

    def hole(self, source: Source) -> tuple[NDArray[np.bool_], list[str]]:
        """Give what is to be filled (h, w), and notes. Raises MaskError."""
        from restore.tasks.damage import tally
        from restore.tasks.holes import widened

        found, notes = self._found(source)
        found = widened(found, self.grow)
        if not found.any():
            notes.append(f"{source.name}: no damage was found, so the picture is left as it is")
            return found, notes
        if found.mean() > catalogue.NEARLY_ALL:
            raise MaskError(
                f"{source.name}: {found.mean():.0%} of it looks damaged, too little is left to fill it from; "
                "pass --sensitivity low"
            )
        notes.append(f"{source.name}: {tally(found).describe()}, which are filled")
        return found, notes

    def _found(self, source: Source) -> tuple[NDArray[np.bool_], list[str]]:
        """Look in the infrared channel first; where that shows nothing, a note says so."""
        from restore.tasks.damage import damage_mask

        pixels, notes = task_pixels(source.picture, source.name), []
        options: dict[str, Any] = {"sensitivity": self.sensitivity, "only": self.only}
        infrared, name = self._infrared(source)
        if infrared is not None:
            try:
                return damage_mask(pixels, infrared=infrared, **options), [f"{name} is used"]
            except MaskError as error:
                if self.infrared is not None:
                    raise MaskError(f"{name}: {error}; or leave out --infrared") from error
                notes.append(f"{name}: {error}; the picture alone is looked at")
        return damage_mask(pixels, **options), notes

    def _infrared(self, source: Source) -> tuple[NDArray[Any] | None, str]:
        """The infrared channel (h, w), of the file or of the picture, and what messages call it."""
        extra = source.picture.extra
        if self.infrared is None:
            if source.picture.gray or extra is None or extra.shape[2] != 1:
                return None, ""
            return extra[..., 0], f"{source.name}: its infrared channel"
        found = source.read_beside(self.infrared)
        (h, w), (found_h, found_w) = source.picture.size, found.size
        if (found_h, found_w) != (h, w):
            raise MaskError(
                f"{self.infrared} is {found_w}x{found_h} but {source.name} is {w}x{h} (w x h); scan both at "
                "one size"
            )
        if not found.gray and (found.pixels != found.pixels[..., :1]).any():
            raise MaskError(f"{self.infrared} has colours; an infrared channel is gray")
        return found.pixels[..., 0], str(self.infrared)


class Repair(Inpaint):
    """Find damage and fill it."""

    ending = "repaired"
    looking = "looking for damage"
    finite = True
    leaves = True

    def unread(self, source: Source) -> None:
        """All of the picture is looked at."""

    def planned(self, source: Source) -> RepairPlan:
        return RepairPlan(source, self.options, self.finder)


class RepairPlan(InpaintPlan):
    """A picture with its damage."""

    def choose(self, prior: Callable[[], Prior]) -> Choice:
        """Leave a picture without damage as it is."""
        from restore.tasks.damage import tally

        count = tally(self.hole)
        share = round(count.share, 6)
        facts = {"specks_count": count.specks, "scratches_count": count.scratches, "filled_share": share}
        choice = super().choose(prior)
        return replace(choice, facts=choice.facts | facts, unchanged=not self.hole.any())
