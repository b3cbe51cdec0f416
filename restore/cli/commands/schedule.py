"""``restore schedule``: show what noise schedules do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli.details import of_prior
from restore.cli.help_pages import Command
from restore.cli.jobs import check_folder
from restore.cli.loudness import LOUDNESS
from restore.cli.options import NETWORK, REPLACE, Settings
from restore.cli.parameters import FileName, NameList, Number, all_of
from restore.cli.printable import printable_lines
from restore.cli.registry import register
from restore.cli.voice import Voice
from restore.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from torch import Tensor

    from restore.diffusion.schedule import Schedule
    from restore.priors.protocol import Prior

SIDE = 128  # pixels of the photograph in the plot
ROWS = 11  # of the table


def _names() -> list[str]:
    from restore.diffusion.schedule import SCHEDULES

    return list(SCHEDULES)


@register
@click.command(cls=Command)
@click.option(
    "--name", "names", type=NameList(_names, every="all"), metavar="LIST",
    help="linear, scaled-linear, cosine, sigmoid, exponential, constant, zero-terminal-snr, several with "
    "commas, or all.  [default: that of the weights]",
)  # fmt: skip
@click.option("--steps", type=click.IntRange(1, 100_000), metavar="T", help="Timesteps.  [default: 1000]")
@click.option("--beta-start", type=Number(0, 1, min_open=True), metavar="B", help="The first beta.")
@click.option("--beta-end", type=Number(0, 1, min_open=True), metavar="B", help="The last beta.")
@click.option(
    "--plot", type=FileName(path_type=Path), metavar="FILE",
    help="Also draw betas, share of signal, signal to noise and noise levels, as .png or .svg; needs "
    "matplotlib.",
)  # fmt: skip
@click.option(
    "--photo", type=FileName(path_type=Path), metavar="PHOTO",
    help="With --plot: a photograph that is shown going to noise, and what the network makes of it.",
)  # fmt: skip
@all_of(REPLACE, *LOUDNESS, *NETWORK)
def schedule(names: tuple[str, ...] | None, plot: Path | None, photo: Path | None, **options: Any) -> None:
    """Show noise schedules: a table of timesteps, and a plot.

    The rows of the table are evenly spaced timesteps: beta, the variance of a step; abar, the share of
    signal; the logarithm of the ratio of signal to noise; sigma, the noise level on the 0..255 scale.

    \b
    restore schedule --name linear,cosine
    restore schedule --name cosine --plot cosine.png --photo photo.jpg
    restore schedule --weights runs/ddpm/weights.safetensors
    """
    settings = _settings(options)
    voice = Voice(quiet=settings.quiet, verbose=settings.verbose)
    if names is not None and photo is None and settings.weights is not None:
        raise click.UsageError("--weights has no effect beside --name without --photo; leave it out")
    if plot is None and photo is not None:
        raise click.UsageError("--photo is for --plot; leave it out")
    if plot is not None:  # before the table is shown
        _check_plot(plot, settings)
    if photo is not None:
        images.read_picture_bytes(photo)
    with voice.during("loading took"):
        shown, prior = _schedules(names, settings, options, network=photo is not None)
    if prior is not None:
        voice.detail(of_prior(prior, settings.weights))
    for name, each in shown.items():
        click.echo(printable_lines(_table(name, each)))
    if plot is not None:
        from restore.evaluation import plot as plotting
        from restore.evaluation import schedule_plot

        plotting.check()
        strips = {}
        if photo is not None and prior is not None:
            picture = _square(photo)
            strips = {name: schedule_plot.strip(picture, each, prior) for name, each in shown.items()}
        with voice.during("drawing took"):
            drawn = schedule_plot.png(shown, strips, plot.suffix.lower().removeprefix("."))
        images.write_bytes(plot, drawn, overwrite=settings.overwrite)
        voice.say(str(plot))


def _check_plot(plot: Path, settings: Settings) -> None:
    """Raise UsageError and OutputError for a plot that cannot be written."""
    if plot.suffix.lower() not in (".png", ".svg"):
        raise click.UsageError(f"--plot {plot}: expected a .png or .svg file")
    if plot.exists() and not settings.overwrite:
        raise OutputError(f"{plot} is there already; pass --overwrite to replace it")
    images.check_place(plot, overwrite=settings.overwrite)
    check_folder(plot)


def _settings(options: dict[str, Any]) -> Settings:
    names = ("overwrite", "weights", "device", "precision", "tile", "quiet", "verbose")
    return Settings(output=None, json=False, dry_run=False, **{name: options.pop(name) for name in names})


def _schedules(
    names: tuple[str, ...] | None, settings: Settings, options: dict[str, Any], *, network: bool
) -> tuple[dict[str, Schedule], Prior | None]:
    """The schedules that are asked for, by their names, and the network where it is needed."""
    from restore.cli.prior_loader import load_prior
    from restore.diffusion.schedule import with_betas

    prior = load_prior(settings) if network or names is None else None
    asked = {name: value for name, value in options.items() if value is not None}
    if names is None and prior is not None:
        if asked:
            raise click.UsageError(f"--{next(iter(asked)).replace('_', '-')} needs --name; leave it out")
        return {"of the weights": prior.schedule}, prior
    steps = asked.pop("steps", 1000)
    try:
        return {name: with_betas(name, steps, **asked) for name in names or ()}, prior
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _table(name: str, schedule: Schedule) -> str:
    from restore.diffusion.sigmas import PURE_NOISE
    from restore.types import to_255

    last = schedule.steps - 1
    rows = sorted({round(k * last / (ROWS - 1)) for k in range(ROWS)})
    lines = [
        f"{name}, {schedule.steps} steps",
        f"{'t':>6} {'beta':>10} {'abar':>10} {'log SNR':>8} {'sigma':>10}",
    ]
    for t in rows:
        values = (schedule.betas[t], schedule.alphas_cumprod[t], schedule.log_snr[t])
        beta, abar, log_snr = map(float, values)
        sigma = to_255(float(schedule.sigmas[t]))
        lines.append(f"{t:>6} {beta:>10.4g} {abar:>10.4g} {log_snr:>8.2f} {sigma:>10.4g}")
    if float(schedule.sigmas[-1]) < PURE_NOISE:
        lines.append("It ends before pure noise: pictures cannot be drawn from noise by it.")
    return "\n".join([*lines, ""])


def _square(photo: Path) -> Tensor:
    """The middle of a photograph, SIDE pixels a side."""
    from restore.images.canvas import canvas
    from restore.images.resize import resize

    batch = canvas(images.read(photo).pixels).batch
    h, w = batch.shape[-2:]
    side = min(h, w)
    top, left = (h - side) // 2, (w - side) // 2
    return resize(batch[..., top : top + side, left : left + side], (SIDE, SIDE)).clamp(0, 1).float()
