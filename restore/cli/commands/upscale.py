"""``restore upscale``: enlarge pictures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli.aims import SIZES, Aim
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
    SKIP_UNCHANGED,
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
from restore.errors import ImageError
from restore.tasks import catalogue
from restore.tasks.sizes import check_larger

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from restore.priors.protocol import Prior
    from restore.types import Progress

PIXELS = click.IntRange(1, 1_000_000)


class Factor(Number):
    """A factor to enlarge by."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        low, high = catalogue.SCALES
        try:
            reduces = 0 < float(value) < low
        except ValueError:
            reduces = False
        if reduces:
            told = f"upscale enlarges, {low:g} to {high:g} times"
            self.fail(f"{value} would reduce the picture; {told}", param, ctx)
        return super().convert(value, param, ctx)


@register
@click.command(cls=Command)
@INPUTS
@click.option(
    "--scale", type=Factor(*catalogue.SCALES), metavar="S",
    help="How many times wider and higher, 1 to 8, fractions too; above 4 in two steps, each of them a "
    "whole run. By 1 the file is copied.",
)  # fmt: skip
@click.option(
    "--width", type=PIXELS, metavar="W",
    help="Instead of --scale: the width of the result in pixels, 1 to 8 times that of the picture. With "
    "--height both, where they have the picture's shape.",
)  # fmt: skip
@click.option(
    "--height", type=PIXELS, metavar="H", help="Instead of --scale: the height of the result in pixels."
)
@click.option(
    "--max-side", type=PIXELS, metavar="N",
    help="Instead of --scale: the longer side of the result in pixels, for pictures upright and across.",
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
    "input's depth that keeps every number.  [default: yes, unless noise is measured in the input; below "
    "1.5 times where it can be]",
)  # fmt: skip
@SEED
@with_settings(SKIP_UNCHANGED, *RESTORING)
def upscale(settings: Settings, inputs: tuple[str, ...], **options: Any) -> None:
    """Enlarge pictures: files, folders with their sub-folders, or - for standard input.

    \b
    restore upscale small.png --scale 2
    restore upscale small.png --width 1920 --estimate mean -o large.png
    restore upscale thumbnails --max-side 1200 -o large
    """
    aim = Aim.given(click.get_current_context())
    for name in SIZES:
        options.pop(name)
    options["method"] = options["method"] or catalogue.default("upscale", options["estimate"])
    check_method("upscale", options)
    check_common(settings, options)
    run_command(Upscale(options, aim), inputs, settings)


class Upscale(PictureCommand):
    """Enlarge pictures."""

    def __init__(self, options: Options, aim: Aim):
        super().__init__(options)
        self.aim, self.ending = aim, aim.ending
        self.leaves = aim.scale in (None, 1)
        self.growth = (aim.scale or catalogue.SCALES[1]) ** 2

    def plan(self, source: Source) -> UpscalePlan:
        return UpscalePlan(source, self.options, self.aim)

    def may_leave(self, path: Path) -> bool:
        """Whether a picture has the size already."""
        return self.leaves and self.aim.size(size := images.read(path).size) in (None, size)


class UpscalePlan(Plan):
    """A small picture."""

    task = "upscale"

    def __init__(self, source: Source, options: Options, aim: Aim):
        super().__init__(source, options)
        size = source.picture.size
        try:
            wanted = aim.size(size)
        except ValueError as error:
            raise ImageError(f"{source.name}: {error}") from error
        self.scale = check_larger(size, wanted) if wanted else aim.scale or 1.0
        self.asked: dict[str, Any] = {"size": wanted} if wanted else {"scale": self.scale}
        *self.between, self.size = catalogue.enlargements(size, self.scale, wanted)
        check_result_size(source.name, self.size, "--scale" if aim.scale else "the size")

    def choose(self, prior: Callable[[], Prior]) -> Choice:
        if self.size == self.source.picture.size:
            h, w = self.size
            note = f"{self.source.name}: it is {w}x{h} (w x h) already, so it is left as it is"
            return Choice(dict(self.options), {}, (note,), unchanged=True)
        through = [f"{w}x{h}" for h, w in self.between]
        if not through:
            return Choice(dict(self.options))
        note = f"{self.source.name}: x{self.scale:.4g} is reached in two steps, through {through[0]} (w x h)"
        return Choice(dict(self.options), {"through": through}, (note,))

    def workload(self, options: Options, prior: Prior) -> Workload:
        from restore.tasks.upscale import upscale

        side = max(1, round(SMALL / self.scale))
        piece = self.pixels[:side, :side]
        method = catalogue.find("upscale", options["method"], options["estimate"])

        def trial(options: Options) -> int:
            steps = None if method.one_call else 2
            asked = {**options, "steps": steps, "data_range": self.units}
            upscale(piece, self.scale, prior=prior, **asked)
            sizes = catalogue.enlargements((piece.shape[0], piece.shape[1]), self.scale)
            return sum(map(math.prod, sizes)) // len(sizes)

        sizes = (*self.between, self.size)
        computed = sum(prior.computed(size) for size in sizes) // len(sizes)
        return Workload("upscale", computed, trial, times=len(sizes))

    def restore(self, options: Options, prior: Prior, progress: Progress) -> Result:
        from restore.tasks.upscale import upscale

        asked = {**self.asked, **options, "data_range": self.units}
        return self.finished(upscale(self.pixels, prior=prior, progress=progress, **asked))

    def check(self, result: images.Picture, choice: Choice) -> Checked:
        from restore.tasks.consistency import reduced

        most, mean = reduced(result.pixels, self.source.picture.pixels)
        line = f"reduced again it is {most:.2f} from the input at most, {mean:.3f} on average (of 255)"
        return Checked(line, {"apart_most_255": round(most, 4), "apart_mean_255": round(mean, 5)})

    def deviation(self, choice: Choice, prior: Prior, *, count: int, seed: int) -> Tensor:
        from restore.tasks.uncertainty import of_upscaling

        size = self.asked.get("size")
        return of_upscaling(self.fine_pixels, self.scale, size=size, count=count, seed=seed, prior=prior)
