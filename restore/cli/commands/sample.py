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
from restore.cli.options import ENSEMBLE, MODEL, OVERWRITE, SEED, TRAJECTORY, Settings, with_settings
from restore.cli.parameters import SAMPLER, Size
from restore.cli.prior_loader import PriorLoader
from restore.cli.provenance import stamped
from restore.cli.recorder import Recorder
from restore.cli.registry import register
from restore.cli.reporter import Reporter
from restore.cli.trajectory import Trajectories, check_trajectory, trajectory_name
from restore.tasks.catalogue import MOST_STEPS, SAMPLE_STEPS

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
    "--sampler", type=SAMPLER, default="ddim", show_default=True,
    help="ddim and dpmpp-2m need the fewest steps.",
)  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(1, MOST_STEPS), default=SAMPLE_STEPS, show_default=True, metavar="N",
    help="Steps from pure noise to a picture.",
)  # fmt: skip
@SEED
@with_settings(OVERWRITE, TRAJECTORY, ENSEMBLE, *MODEL)
def sample(settings: Settings, count: int, size: tuple[int, int], **options: Any) -> None:
    """Draw pictures from pure noise, to see what the network has learned.

    \b
    restore sample -n 16 -o drawn
    restore sample -n 4 -o drawn --size 192x128 --sampler dpmpp-2m --steps 25
    """
    target = Path(str(settings.output))
    paths = [*(target / f"sample-{k:03}.png" for k in range(count)), target / "grid.png"]
    jobs.check_new(paths, target, overwrite=settings.overwrite)
    check_trajectory(settings, [], [Job(None, path) for path in paths[:-1]])
    reporter, recorder = Reporter(settings, 1), Recorder()
    h, w = size
    if settings.dry_run:
        for path in paths[:-1]:
            reporter.result(f"{path} ({w}x{h})", output=str(path), width=w, height=h, status="planned")
        reporter.result(f"{paths[-1]} (all of them)", output=str(paths[-1]), status="planned")
        return
    loader, trajectories = PriorLoader(settings, reporter.loaded), Trajectories(settings)
    reporter.begin("sampling")

    def progress(done: int, total: int) -> None:
        recorder.calls += done > 0
        reporter.progress(done, total)

    try:
        drawn = _drawn(count, size, trajectories.recorded(loader.prior), progress, options)
        for path, picture in zip(paths, drawn, strict=True):
            if settings.provenance:
                picture = stamped(picture, recorder.record("", options["seed"], loader.used), "png")
            jobs.write(Job(None, path), picture, overwrite=settings.overwrite)
            h, w = picture.size
            reporter.result(str(path), output=str(path), width=w, height=h, status="done")
        trajectories.write([trajectory_name(Job(None, path)) for path in paths[:-1]])
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
