"""``restore upscale``: enlarge pictures."""

from __future__ import annotations

import math
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
    check_result_size,
)
from restore.cli.help_pages import Command
from restore.cli.options import (
    GUIDANCE,
    INPUTS,
    RESTORING,
    SEED,
    Settings,
    estimate_option,
    method_option,
    sampler_option,
    steps_option,
    with_settings,
)
from restore.cli.parameters import Number, Switch
from restore.cli.registry import register
from restore.cli.run import run_command
from restore.tasks import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from restore.priors.protocol import Prior
    from restore.types import Progress


@register
@click.command(cls=Command)
@INPUTS
@click.option(
    "--scale", type=Number(*catalogue.SCALES), required=True, metavar="S",
    help="How many times wider and higher, 1.5 to 8, fractions too; above 4 in two steps, each of them a "
    "whole run.",
)  # fmt: skip
@estimate_option("sample")
@method_option(
    "upscale",
    "conditional: the network is shown the enlargement; projection: each step is made to agree with the "
    "input.",
)
@steps_option("upscale")
@sampler_option("dpmpp-2m, for conditional dpmpp-2m-sde")
@GUIDANCE
@click.option(
    "--consistent/--no-consistent", cls=Switch, default=None,
    help="Make the result one that, reduced again, is the input to half a gray level, in a file of the "
    "input's depth that keeps every number.  [default: yes, unless noise is measured in the input]",
)  # fmt: skip
@SEED
@with_settings(*RESTORING)
def upscale(settings: Settings, inputs: tuple[str, ...], scale: float, **options: Any) -> None:
    """Enlarge pictures: files, folders with their sub-folders, or - for standard input.

    \b
    restore upscale small.png --scale 2
    restore upscale small.png --scale 2.5 --estimate mean -o large.png
    restore upscale thumbnails --scale 4 -o large
    """
    options["method"] = options["method"] or catalogue.default("upscale", options["estimate"])
    check_method("upscale", options)
    check_common(settings, options)
    run_command(Upscale(options, scale), inputs, settings)


class Upscale(PictureCommand):
    """Enlarge pictures."""

    def __init__(self, options: Options, scale: float):
        super().__init__(options)
        self.scale, self.ending = scale, f"x{scale:g}"

    def plan(self, source: Source) -> UpscalePlan:
        return UpscalePlan(source, self.options, self.scale)


class UpscalePlan(Plan):
    """A small picture."""

    task = "upscale"

    def __init__(self, source: Source, options: Options, scale: float):
        super().__init__(source, options)
        self.scale = scale
        *self.between, self.size = catalogue.enlargements(source.picture.size, scale)
        check_result_size(source.name, self.size, "--scale")

    def choose(self, prior: Callable[[], Prior]) -> Choice:
        through = [f"{w}x{h}" for h, w in self.between]
        if not through:
            return Choice(dict(self.options))
        note = f"{self.source.name}: x{self.scale:g} is reached in two steps, through {through[0]} (w x h)"
        return Choice(dict(self.options), {"through": through}, (note,))

    def workload(self, options: Options, prior: Prior) -> Workload:
        from restore.tasks.upscale import upscale

        side = max(1, round(SMALL / self.scale))
        piece = self.pixels[:side, :side]
        method = catalogue.find("upscale", options["method"], options["estimate"])

        def trial(options: Options) -> int:
            steps = None if method.one_call else 2
            upscale(piece, self.scale, prior=prior, **{**options, "steps": steps})
            sizes = catalogue.enlargements((piece.shape[0], piece.shape[1]), self.scale)
            return sum(map(math.prod, sizes)) // len(sizes)

        sizes = (*self.between, self.size)
        computed = sum(prior.computed(size) for size in sizes) // len(sizes)
        return Workload("upscale", computed, trial, times=len(sizes))

    def restore(self, options: Options, prior: Prior, progress: Progress) -> Result:
        from restore.tasks.upscale import upscale

        return self.finished(upscale(self.pixels, self.scale, prior=prior, progress=progress, **options))

    def check(self, result: images.Picture, choice: Choice) -> Checked:
        from restore.tasks.consistency import reduced

        most, mean = reduced(result.pixels, self.source.picture.pixels)
        line = f"reduced again it is {most:.2f} from the input at most, {mean:.3f} on average (of 255)"
        return Checked(line, {"apart_most_255": round(most, 4), "apart_mean_255": round(mean, 5)})

    def deviation(self, choice: Choice, prior: Prior, *, count: int, seed: int) -> Tensor:
        from restore.tasks.uncertainty import of_upscaling

        return of_upscaling(self.fine_pixels, self.scale, count=count, seed=seed, prior=prior)
