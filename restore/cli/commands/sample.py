"""``restore sample``: draw pictures from pure noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli import jobs
from restore.cli.details import restoring
from restore.cli.help_pages import Command
from restore.cli.jobs import Job
from restore.cli.options import ENSEMBLE, MODEL, REPLACE, SEED, TRAJECTORY, Settings, with_settings
from restore.cli.parameters import SAMPLER, FileList, FileName, Number, Size, late_option
from restore.cli.prior_loader import PriorLoader, concerns_network
from restore.cli.provenance import stamped
from restore.cli.recorder import Recorder
from restore.cli.registry import register
from restore.cli.reporter import Reporter
from restore.cli.trajectory import Trajectories, check_trajectory, trajectory_name
from restore.diffusion.samplers import named_sampler, sampler_names
from restore.diffusion.sigmas import LADDERS
from restore.errors import ConfigError
from restore.tasks.catalogue import MOST_STEPS, SAMPLE_SAMPLER, SAMPLE_STEPS

if TYPE_CHECKING:
    from restore.priors.protocol import Prior
    from restore.types import Progress


@register
@click.command(cls=Command)
@click.option(
    "-n", "--count", type=click.IntRange(1, 1000), default=1, show_default=True, metavar="N", help="How many."
)
@click.option(
    "-o", "--output", type=FileName(), required=True, metavar="DIR",
    help="Folder for sample-000.png and so on, and grid.png with all of them; created if missing.",
)  # fmt: skip
@click.option("--size", type=Size(), default="128", show_default=True, help="W or WxH in pixels.")
@late_option(
    "--sampler", type=SAMPLER, default=SAMPLE_SAMPLER, show_default=True,
    late=lambda: f"How it is drawn: {', '.join(sampler_names())}. dpmpp-2m needs the fewest steps; ddpm is "
    "the process of the original paper.",
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
@click.option(
    "--vectors", type=FileName(path_type=Path), metavar="FILE",
    help="For weights that were trained with vectors: a .npy file with one for all pictures or one for each.",
)  # fmt: skip
@click.option(
    "--text", metavar="TEXT",
    help="For weights that were trained with texts: what to draw; needs --encoder.",
)  # fmt: skip
@click.option(
    "--encoder", type=FileName(path_type=Path), metavar="DIR",
    help="Folder of the text encoder that the weights were trained with.",
)  # fmt: skip
@click.option(
    "--guidance", type=Number(0, 20), default=1.0, show_default=True, metavar="W",
    help="Strength of classifier-free guidance towards --label, --vectors or --text; values other than 1 "
    "take two network calls a step.",
)  # fmt: skip
@click.option(
    "--stages", type=FileList(), metavar="A,B",
    help="Draw in stages: weights A draw small pictures, for which the other options are, and B, a "
    "conditional upscaler, enlarges them; shipped is the network in the package.",
)  # fmt: skip
@click.option(
    "--scale", type=Number(1.5, 4), metavar="S",
    help="--stages only: how many times larger each stage is.  [default: 4]",
)  # fmt: skip
@click.option(
    "--augment", type=Number(0, 50), metavar="SIGMA",
    help="--stages only: noise on what an upscaler is shown, 0 to 50 of 255.  [default: 4]",
)  # fmt: skip
@SEED
@with_settings(REPLACE, TRAJECTORY, ENSEMBLE, *MODEL)
def sample(
    settings: Settings, count: int, size: tuple[int, int], stages: tuple[str, ...], **options: Any
) -> None:
    """Draw pictures from pure noise, to see what the network has learned.

    \b
    restore sample -n 16 -o drawn
    restore sample -n 4 -o drawn --stages small.safetensors,shipped --size 128
    restore sample -n 4 -o drawn --weights digits.safetensors --label 7
    restore sample -n 4 -o drawn --sampler ddpm --ladder schedule --steps 250
    """
    scaling = {name: options.pop(name) for name in ("scale", "augment")}
    _check_stages(settings, stages, size, scaling)
    target = Path(str(settings.output))
    paths = [*(target / f"sample-{k:03}.png" for k in range(count)), target / "grid.png"]
    jobs.check_new(paths, target, overwrite=settings.overwrite)
    _check_sampler(options)
    reporter, recorder = Reporter(settings, [1.0]), Recorder()
    options["vectors"] = _vectors(
        options.pop("vectors"), options.pop("text"), options.pop("encoder"), recorder.read
    )
    check_trajectory(settings, [], [Job(None, path) for path in paths[:-1]])
    for path in paths:
        images.check_place(path, overwrite=settings.overwrite)
    if settings.dry_run and not concerns_network(click.get_current_context()):
        _planned(paths, size, reporter)
        return
    if stages:
        settings = replace(settings, weights=_file(stages[0]))
        options |= _cascade(stages, scaling, settings, recorder)
    loader, trajectories = PriorLoader(settings, reporter), Trajectories(settings)
    if settings.dry_run:
        from restore.priors.uncalled import until_called

        with _usage():
            until_called(lambda prior: _drawn(count, size, prior, None, options), loader.prior)
        _planned(paths, size, reporter)
        return

    def progress(done: int, total: int) -> None:
        recorder.calls += done > 0
        reporter.progress(done, total)

    try:
        reporter.begin("sampling")
        prior = loader.prior
        with _usage(), restoring(reporter, {"count": count, **options}, prior, size):
            drawn = _drawn(count, size, trajectories.recorded(prior), progress, options)
        reporter.do("writing")
        if settings.provenance:
            record = recorder.record("", options["seed"], loader.used)
            drawn = [stamped(picture, record, "png") for picture in drawn]
        for path, picture in zip(paths, drawn, strict=True):
            jobs.write(Job(None, path), picture, overwrite=settings.overwrite)
            _tell(reporter, path, picture.size, "done")
        trajectories.write([trajectory_name(Job(None, path)) for path in paths[:-1]])
        reporter.end()
    finally:
        reporter.close()


def _cascade(
    stages: tuple[str, ...], scaling: Mapping[str, Any], settings: Settings, recorder: Recorder
) -> dict[str, Any]:
    """The options of a cascade; the weights of the later stages are read for their hashes."""
    for path in {Path(name) for name in stages[1:] if name != "shipped"}:
        recorder.read(path)
    given = {name: value for name, value in scaling.items() if value is not None}
    return {"cascade": given, "stages": stages[1:], "settings": settings}


def _tell(reporter: Reporter, path: Path, size: tuple[int, int], status: str) -> None:
    """Report a picture that is written, or would be."""
    h, w = size
    tell = reporter.result if status == "done" else reporter.plan
    text = str(path) if status == "done" else f"{path} ({w}x{h})"
    tell(text, output=str(path), width_pixels=w, height_pixels=h, status=status)


def _planned(paths: Sequence[Path], size: tuple[int, int], reporter: Reporter) -> None:
    """Report what would be written."""
    for path in paths[:-1]:
        _tell(reporter, path, size, "planned")
    reporter.plan(f"{paths[-1]} (all of them)", output=str(paths[-1]), status="planned")


@contextmanager
def _usage() -> Iterator[None]:
    """Options that do not go together with these weights are an error of the configuration."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _check_sampler(options: Mapping[str, Any]) -> None:
    """Refuse options that the sampler does not have."""
    try:
        named_sampler(options["sampler"]).with_options(eta=options["eta"], variance=options["variance"])
    except ValueError as error:
        raise click.UsageError(f"--{error}") from None


def _check_stages(
    settings: Settings, stages: tuple[str, ...], size: tuple[int, int], scaling: Mapping[str, float | None]
) -> None:
    """Refuse options of a cascade without one, and sizes that do not fit."""
    if not stages:
        if given := [name for name, value in scaling.items() if value is not None]:
            raise click.UsageError(f"--{given[0]} needs --stages; leave it out")
        return
    if settings.weights is not None:
        raise click.UsageError("--stages names the weights of every stage; leave out --weights")
    if len(stages) < 2:
        raise click.UsageError(f"--stages needs two checkpoints or more, got {len(stages)}")
    from restore.tasks.cascade import sizes_of

    try:
        sizes_of(size, scaling["scale"] or 4.0, len(stages))
    except ValueError as error:
        raise click.UsageError(f"--size: {error}") from None


def _file(name: str) -> Path | None:
    return None if name == "shipped" else Path(name)


def _vectors(file: Path | None, text: str | None, encoder: Path | None, read: Callable[[Path], bytes]) -> Any:
    """What the network is told beside a label. Raises UsageError, and ConfigError for what cannot be read."""
    if (text is None) != (encoder is None) or (file is not None and text is not None):
        raise click.UsageError("pass --text with --encoder, or --vectors alone")
    if file is not None:
        from restore.images.outside import parse_array

        if (kind := images.what_is(file)) not in ("a file", "a named pipe", ""):
            raise ConfigError(f"{file}: expected a .npy file of vectors, got {kind}; check the name")
        try:
            return parse_array(read(file))
        except ValueError as error:
            raise ConfigError(f"{file}: expected an array of numbers ({error})") from None
    if text is None or encoder is None:
        return None
    from restore.priors.text import encode

    return encode([text], encoder)[0]


def _drawn(
    count: int, size: tuple[int, int], prior: Prior, progress: Progress | None, options: Mapping[str, Any]
) -> list[images.Picture]:
    """The pictures drawn, and a grid of all of them."""
    import torch
    from torchvision.utils import make_grid

    options = dict(options)
    if more := options.pop("stages", ()):
        from restore.cli.prior_loader import load_prior
        from restore.tasks.cascade import cascade

        settings = options.pop("settings")
        stages = [prior, *(load_prior(replace(settings, weights=_file(name), label=None)) for name in more)]
        drawn = cascade(count, stages, size=size, progress=progress, **options.pop("cascade"), **options)
    else:
        from restore.tasks.sample import sample

        drawn = sample(count, size=size, prior=prior, progress=progress, **options)
    levels = (drawn * 255).round().to(torch.uint8)
    grid = make_grid(levels, nrow=math.ceil(math.sqrt(count)), padding=2)
    return [images.Picture(pixels=each.permute(1, 2, 0).numpy()) for each in (*levels, grid)]
