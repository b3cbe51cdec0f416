"""``restore vary``: draw variations of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli.budgets import SMALL
from restore.cli.checks import check_common
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
    task_pixels,
)
from restore.cli.engine_options import JOBS
from restore.cli.help_pages import Command
from restore.cli.manifest_options import BATCH
from restore.cli.memory_need import MEMORY
from restore.cli.options import (
    BUDGET,
    CONSISTENCY,
    DAMAGED,
    ENSEMBLE,
    IGNORE,
    INPUTS,
    MODEL,
    OUTPUT,
    OVERWRITE,
    SEED,
    TRAJECTORY,
    Settings,
    sampler_option,
    with_settings,
)
from restore.cli.parameters import FileName, Number
from restore.cli.registry import register
from restore.cli.report_options import SHOWN
from restore.cli.result_options import RESULT
from restore.cli.run import run_command
from restore.diffusion.samplers import named_sampler
from restore.errors import MaskError
from restore.tasks import catalogue
from restore.types import to_255

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from restore.priors.protocol import Prior
    from restore.types import Progress

MANY = (
    click.option(
        "--samples", type=click.IntRange(1, 100), default=1, show_default=True, metavar="N",
        help="The number of different variations of each picture, with consecutive seeds.",
    ),
    click.option(
        "--copies", type=click.IntRange(1, 1000), metavar="N",
        help="In place of --samples, for a set of pictures that is to be enlarged: N variations of each, "
        "with their seeds in the names, such as cat/0001-seed7.png.",
    ),
)  # fmt: skip


@register
@click.command(cls=Command)
@INPUTS
@click.option(
    "--strength", type=Number(0, 1, min_open=True), default=catalogue.STRENGTH, show_default=True,
    metavar="S",
    help="Above 0, to 1: the share of the diffusion's timesteps that are gone back. 0.1 changes grain and "
    "fine texture, 0.5 all but large shapes; with 1 nothing is left of the picture.",
)  # fmt: skip
@click.option(
    "--mask", type=FileName(path_type=Path), metavar="FILE",
    help="Picture of the same size; only what is white is varied.",
)  # fmt: skip
@click.option(
    "--reference", type=FileName(path_type=Path), metavar="FILE",
    help="Picture of any size that gives the result its low frequencies: colour, light, large shapes.",
)  # fmt: skip
@click.option(
    "--reference-scale", type=click.IntRange(*catalogue.REFERENCE_SCALES), metavar="N",
    help="What is coarser than N pixels comes from the reference: about 32 for colour and light, 8 for "
    f"shapes, too.  [default: {catalogue.REFERENCE_SCALE}]",
)  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(1, catalogue.MOST_STEPS), metavar="N",
    help="Steps from that noise level to a clean picture; fewer are faster.  "
    f"[default: {catalogue.find('vary', None, 'sample').steps}]",
)  # fmt: skip
@sampler_option("dpmpp-2m")
@SEED
@with_settings(
    *(OUTPUT, *RESULT, IGNORE, JOBS, *BATCH, OVERWRITE, DAMAGED, *BUDGET, *MANY),
    *(TRAJECTORY, CONSISTENCY, ENSEMBLE, MEMORY),
    *SHOWN,
    *MODEL,
)
def vary(settings: Settings, inputs: tuple[str, ...], **options: Any) -> None:
    """Draw variations of pictures: files, folders with their sub-folders, or - for standard input.

    Noise is added up to a level and taken away again. What is stronger than the noise stays.

    \b
    restore vary photo.png --strength 0.2 --samples 4
    restore vary photo.png --mask sky.png --strength 0.5
    restore vary photo.png --reference evening.jpg
    restore vary train -o more --strength 0.1 --copies 4
    """
    if settings.copies and settings.samples > 1:
        raise click.UsageError("--copies and --samples are the same number; pass one of them")
    if options["reference_scale"] is not None and options["reference"] is None:
        raise click.UsageError("--reference-scale is of --reference; pass that, too, or leave it out")
    options["reference_scale"] = options["reference_scale"] or catalogue.REFERENCE_SCALE
    files = {name: options.pop(name) for name in ("mask", "reference")}
    method = catalogue.find("vary", None, "sample")
    options |= {"method": method.name, "estimate": method.estimate}
    check_common(settings, options)
    if options["sampler"] is not None:
        named_sampler(options["sampler"])  # one of another package may not be there
    run_command(Vary(options, **files), inputs, settings)


class Vary(PictureCommand):
    """Draw variations of pictures. mask, reference: files."""

    ending = "varied"

    def __init__(self, options: Options, *, mask: Path | None, reference: Path | None):
        super().__init__(options)
        self.mask, self.reference = mask, reference
        self.reads = tuple(path for path in (mask, reference) if path is not None)
        self._told = False

    def plan(self, source: Source) -> VaryPlan:
        return VaryPlan(source, self.options, self)

    def once(self, strength: float, sigma: float) -> tuple[str, ...]:
        """Give the note on the noise level, which holds for all pictures, the first time."""
        told, self._told = self._told, True
        return () if told else (f"strength {strength:g} is noise of sigma {sigma:.1f} (of 255)",)


class VaryPlan(Plan):
    """A picture that is to be varied."""

    task = "vary"

    def __init__(self, source: Source, options: Options, command: Vary):
        super().__init__(source, options)
        self._command = command
        self.area = self.reference = None
        if command.mask is not None:
            self.area, self.notes = _area(command.mask, source)
        if command.reference is not None:
            path = command.reference
            self.reference = task_pixels(source.read_beside(path), str(path))

    def choose(self, prior: Callable[[], Prior]) -> Choice:
        from restore.tasks.vary import noise_level

        sigma, strength = to_255(noise_level(self.options["strength"], prior())), self.options["strength"]
        facts = {"strength": strength, "sigma_255": round(sigma, 3)}
        return Choice(dict(self.options), facts, self._command.once(strength, sigma))

    def workload(self, options: Options, prior: Prior) -> Workload:
        from restore.tasks.vary import vary, workload

        piece = self.pixels[:SMALL, :SMALL]

        def trial(options: Options) -> int:
            vary(piece, prior=prior, data_range=self.units, **{**_for_task(options), "steps": 2})
            return int(piece.shape[0] * piece.shape[1])

        return Workload("vary", workload(self.source.picture.size, self.area, prior), trial)

    def restore(self, options: Options, prior: Prior, progress: Progress) -> Result:
        from restore.tasks.vary import vary

        asked = {**_for_task(options), "mask": self.area, "reference": self.reference}
        asked["data_range"] = self.units
        return self.finished(vary(self.pixels, prior=prior, progress=progress, **asked))

    def check(self, result: images.Picture, choice: Choice) -> Checked:
        from restore.tasks.consistency import low_frequencies_apart, outside_hole, residual

        before = self.source.picture.pixels
        apart = residual(before, result.pixels)
        lines = [f"what has changed has a deviation of {apart:.1f} (of 255)"]
        facts: dict[str, Any] = {"changed_255": round(apart, 3)}
        if self.area is not None:
            changed = outside_hole(images.at_depth_of(result, before), result.pixels, self.area)
            lines.append(f"{changed} pixels outside the mask are changed")
            facts["changed_outside_pixels"] = changed
        elif self.reference is not None:
            shown, factor = task_pixels(result, self.source.name), choice.options["reference_scale"]
            most, mean = low_frequencies_apart(shown, self.reference, factor)
            lines.append(
                f"its low frequencies are {most:.2f} from the reference at most, {mean:.3f} on average"
            )
            facts |= {"apart_most_255": round(most, 4), "apart_mean_255": round(mean, 5)}
        return Checked("; ".join(lines), facts)


def _for_task(options: Options) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in ("method", "estimate")}


def _area(path: Path, source: Source) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Give what is to be varied (h, w), and notes. Raises MaskError."""
    found = mask_of(path, source)
    white, notes = found.white, [f"{path}: {found.told}"] if found.told else []
    if not white.any():
        raise MaskError(
            f"{path}: {nothing_white(found)}, so there is nothing to vary; paint what to vary white on black"
        )
    if source.format == "jpeg":
        notes.append("JPEG stores pixels outside the mask only roughly; write .png to keep them bit for bit")
    return white, tuple(notes)
