"""``restore dejpeg``: remove JPEG artefacts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli.budgets import SMALL
from restore.cli.checks import check_common, check_method
from restore.cli.command import Checked, Choice, Options, PictureCommand, Plan, Result, Source, Workload
from restore.cli.help_pages import Command
from restore.cli.options import INPUTS, RESTORING, SKIP_UNCHANGED, Settings, of_packages, with_settings
from restore.cli.parameters import Number
from restore.cli.problem_options import problem_options
from restore.cli.registry import register
from restore.cli.result_options import OUTPUT_QUALITY, QUALITY
from restore.cli.run import run_command
from restore.errors import ImageError
from restore.images.jpeg_coding import JpegCoding, coding_of
from restore.tasks import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from restore.priors.protocol import Prior
    from restore.types import Progress


def _method_help() -> str:
    mean, sample = (catalogue.default("dejpeg", estimate) for estimate in ("mean", "sample"))
    return (
        "splitting: every step agrees with the file; blind: one network call, for pictures that were cropped "
        "or resized after compression; ddnm, dps: for a sample."
        f"{of_packages('dejpeg')}  [default: {mean}, {sample}]"
    )


def _steps_help() -> str:
    return ", ".join(f"{m.name} {m.steps}" for m in catalogue.methods("dejpeg") if not m.one_call)


def _sampler_help() -> str:
    return ", ".join(m.name for m in catalogue.methods("dejpeg") if m.sampler is not None)


@register
@click.command(cls=Command)
@INPUTS
@click.option(
    "--quality", type=Number(1, 100), metavar="Q",
    help="Quality it was compressed with, where the file is no JPEG any more, or was compressed again.  "
    "[default: by the file's own tables]",
)  # fmt: skip
@problem_options(
    estimate="mean",
    method=_method_help,
    steps=_steps_help,
    sampler=_sampler_help,
    start=lambda: "by the tables",
)
@with_settings(SKIP_UNCHANGED, *(OUTPUT_QUALITY if option is QUALITY else option for option in RESTORING))
def dejpeg(settings: Settings, inputs: tuple[str, ...], quality: float | None, **options: Any) -> None:
    """Remove JPEG artefacts from pictures: files, folders with their sub-folders, or -.

    The quantisation tables of the file give the interval of every coefficient; the result stays within it.
    The files of pictures that need nothing are copied: large ones that are no JPEG and show no blocks, and
    JPEGs of quality 98 and more with all their colours (4:4:4). --quality overrules that.

    \b
    restore dejpeg bad.jpg -o better.png
    restore dejpeg album -o better
    restore dejpeg screenshot.png --quality 30
    """
    options["method"] = options["method"] or catalogue.default("dejpeg", options["estimate"])
    method = check_method("dejpeg", options)
    check_common(settings, options)
    if _by_branch(method):
        uncertainty = settings.uncertainty
        given = (("quality", quality), ("start", options["start"]), ("uncertainty", uncertainty))
        for name, value in given:
            if value is not None:
                raise click.UsageError(f"--{name} has no effect with --method {method.name}; leave it out")
    run_command(Dejpeg(options, method, quality), inputs, settings)


def _by_branch(method: catalogue.Method) -> bool:
    """Whether the network is shown the picture alone, not how it was compressed."""
    return method.one_call and method.run is None


class Dejpeg(PictureCommand):
    """Remove JPEG artefacts."""

    ending = "dejpeg"
    looking = "looking for blocks"

    def __init__(self, options: Options, method: catalogue.Method, quality: float | None):
        super().__init__(options)
        self.method, self.quality = method, quality
        self.leaves = quality is None and not _by_branch(method)

    def plan(self, source: Source) -> DejpegPlan:
        if self.leaves and (why := _needless(source.picture)):
            return DejpegPlan(source, self.options, self.method, source.picture.coding, why)
        coding = None if _by_branch(self.method) else _coding(source, self.quality)
        return DejpegPlan(source, self.options, self.method, coding)


def _needless(picture: images.Picture) -> str:
    """Say why there is nothing to undo in a picture of which nothing was told; empty where there may be."""
    from restore.images.canvas import canvas
    from restore.tasks.dejpeg_need import nothing_to_undo

    if picture.coding is None and picture.format == "jpeg":
        return ""
    return nothing_to_undo(canvas(picture.pixels).batch, picture.coding)


def _coding(source: Source, quality: float | None) -> JpegCoding:
    """Give the quantisation tables: of --quality, or of the file."""
    picture = source.picture
    if quality is not None:
        return replace(coding_of(quality), turn=picture.coding.turn if picture.coding else 1)
    if picture.coding is None:
        odd, other = "a JPEG of unusual colours", f"{picture.format.upper()}, no JPEG"
        raise ImageError(
            f"{source.name}: is {odd if picture.format == 'jpeg' else other}, which does not say how it was "
            "compressed; pass --quality, or --method blind, which needs no quality"
        )
    return picture.coding


class DejpegPlan(Plan):
    """A picture that was compressed.

    coding: its tables; None when they are not used. needless: why there is nothing to undo.
    """

    task = "dejpeg"

    def __init__(
        self,
        source: Source,
        options: Options,
        method: catalogue.Method,
        coding: JpegCoding | None,
        needless: str = "",
    ):
        super().__init__(source, options)
        self.method, self.coding, self.needless = method, coding, needless

    def choose(self, prior: Callable[[], Prior]) -> Choice:
        if self.needless:
            facts = {} if self.coding is None else {"quality": self.coding.quality}
            note = (
                f"{self.source.name}: {self.needless}, so the picture is left as it is; if it was a JPEG of "
                "quality Q before, pass --quality Q"
            )
            return Choice(dict(self.options), {**facts, "method": "none"}, (note,), unchanged=True)
        if self.coding is None:
            return Choice(dict(self.options))
        quality = self.coding.quality
        note = f"{self.source.name}: JPEG of quality {quality}"
        return Choice(dict(self.options), {"quality": quality}, (note,))

    def workload(self, options: Options, prior: Prior) -> Workload:
        from restore.tasks.dejpeg import dejpeg

        piece = self.pixels[:SMALL, :SMALL]

        def trial(options: Options) -> int:
            steps = None if self.method.one_call else 2
            asked = {**options, "steps": steps, "data_range": self.units}
            dejpeg(piece, coding=self.coding, prior=prior, **asked)
            return int(piece.shape[0] * piece.shape[1])

        computed = prior.computed(self.source.picture.size, differentiable=self.method.gradient)
        return Workload("dejpeg", computed, trial)

    def restore(self, options: Options, prior: Prior, progress: Progress) -> Result:
        from restore.tasks.dejpeg import dejpeg

        asked = {**options, "coding": self.coding, "data_range": self.units}
        return self.finished(dejpeg(self.pixels, prior=prior, progress=progress, **asked))

    def check(self, result: images.Picture, choice: Choice) -> Checked | None:
        from restore.tasks.consistency import recompressed

        if self.coding is None:
            return None
        most, mean = recompressed(result.pixels, self.source.picture.pixels, self.coding)
        line = f"compressed again it is {most:.0f} from the input at most, {mean:.2f} on average (of 255)"
        return Checked(line, {"apart_most_255": round(most, 4), "apart_mean_255": round(mean, 5)})

    def deviation(self, choice: Choice, prior: Prior, *, count: int, seed: int) -> Tensor:
        from restore.tasks.dejpeg_need import FINE
        from restore.tasks.uncertainty import of_dejpeg

        coding = self.coding or coding_of(FINE)  # what is left as it is cannot have lost more
        return of_dejpeg(self.fine_pixels, coding, count=count, seed=seed, prior=prior)
