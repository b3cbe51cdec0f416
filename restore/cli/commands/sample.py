"""``restore sample``: draw pictures from pure noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli import jobs
from restore.cli.jobs import Job
from restore.cli.options import ENSEMBLE, MODEL, OVERWRITE, SEED, Settings, with_settings
from restore.cli.parameters import SAMPLER, Number, Size
from restore.cli.prior_loader import PriorLoader
from restore.cli.provenance import stamped
from restore.cli.recorder import Recorder
from restore.cli.registry import register
from restore.cli.reporter import Reporter
from restore.diffusion.samplers import named_sampler
from restore.diffusion.sigmas import LADDERS
from restore.tasks.catalogue import MOST_STEPS, SAMPLE_SAMPLER, SAMPLE_STEPS

if TYPE_CHECKING:
    from restore.priors.protocol import Prior
    from restore.types import Progress


@register
@click.command()
@click.option("-n", "--count", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many.")
@click.option(
    "-o", "--output", type=click.Path(), required=True, metavar="DIR",
    help="Folder for sample-000.png and so on, and grid.png with all of them; created if missing.",
)  # fmt: skip
@click.option("--size", type=Size(), default="128", show_default=True, help="W or WxH in pixels.")
@click.option(
    "--sampler", type=SAMPLER, default=SAMPLE_SAMPLER, show_default=True,
    help="How it is drawn. dpmpp-2m needs the fewest steps; ddpm is the process of the original paper.",
)  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(1, MOST_STEPS), default=SAMPLE_STEPS, show_default=True, metavar="N",
    help="Steps from pure noise to a picture.",
)  # fmt: skip
@click.option(
    "--ladder", type=click.Choice(LADDERS), default="karras", show_default=True,
    help="Where the steps lie: schedule: evenly spaced timesteps of the weights' own schedule.",
)  # fmt: skip
@click.option(
    "--variance", type=click.Choice(["small", "large", "learned"]),
    help="ddpm only: variance of each step.  [default: learned where the weights have it, else small]",
)  # fmt: skip
@click.option("--eta", type=Number(0, 1), metavar="E", help="ddim only: share of DDPM's noise.  [default: 0]")
@click.option(
    "--thresholding", type=click.Choice(["static", "dynamic", "none"]), default="static", show_default=True,
    help="How clean estimates are held to black and white at each step: clipped, scaled into range, not at "
    "all.",
)  # fmt: skip
@SEED
@with_settings(OVERWRITE, ENSEMBLE, *MODEL)
def sample(settings: Settings, count: int, size: tuple[int, int], **options: Any) -> None:
    """Draw pictures from pure noise, to see what the network has learned.

    \b
    restore sample -n 16 -o drawn
    restore sample -n 4 -o drawn --size 192x128 --sampler ddpm --ladder schedule --steps 250
    """
    target = Path(str(settings.output))
    paths = [*(target / f"sample-{k:03}.png" for k in range(count)), target / "grid.png"]
    jobs.check_new(paths, target, overwrite=settings.overwrite)
    try:
        named_sampler(options["sampler"]).with_options(eta=options["eta"], variance=options["variance"])
    except ValueError as error:
        raise click.UsageError(f"--{error}") from None
    reporter, recorder = Reporter(settings, 1), Recorder()
    h, w = size
    if settings.dry_run:
        for path in paths[:-1]:
            reporter.result(f"{path} ({w}x{h})", output=str(path), width=w, height=h, status="planned")
        reporter.result(f"{paths[-1]} (all of them)", output=str(paths[-1]), status="planned")
        return
    loader = PriorLoader(settings, reporter.loaded)
    reporter.begin("sampling")

    def progress(done: int, total: int) -> None:
        recorder.calls += done > 0
        reporter.progress(done, total)

    try:
        drawn = _drawn(count, size, loader.prior, progress, options)
        for path, picture in zip(paths, drawn, strict=True):
            if settings.provenance:
                picture = stamped(picture, recorder.record("", options["seed"], loader.used), "png")
            jobs.write(Job(None, path), picture, overwrite=settings.overwrite)
            h, w = picture.size
            reporter.result(str(path), output=str(path), width=w, height=h, status="done")
    finally:
        reporter.close()


def _drawn(
    count: int, size: tuple[int, int], prior: Prior, progress: Progress, options: Mapping[str, Any]
) -> list[images.Picture]:
    """The pictures drawn, and a grid of all of them."""
    import torch
    from torchvision.utils import make_grid

    from restore.tasks.sample import sample

    drawn = sample(count, size=size, prior=prior, progress=progress, **options)
    levels = (drawn * 255).round().to(torch.uint8)
    grid = make_grid(levels, nrow=math.ceil(math.sqrt(count)), padding=2)
    return [images.Picture(pixels=each.permute(1, 2, 0).numpy()) for each in (*levels, grid)]
