"""The command line. Nothing heavy is imported before a command really runs."""

from __future__ import annotations

from pathlib import Path

import click

from restore import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Restore photographs and scans by diffusion: denoise, inpaint, upscale."""


@main.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--resume", is_flag=True, help="Go on with the run where it stopped.")
@click.option(
    "--start-from", type=click.Path(path_type=Path), metavar="STATE",
    help="Begin a new run, with its own schedule, from another run's state.safetensors.",
)  # fmt: skip
@click.option("--out", help="Folder of the run, in place of run.out.")
@click.option("--steps", type=click.IntRange(min=0), help="In place of run.steps.")
@click.option("--minutes", type=click.FloatRange(min=0), help="In place of run.minutes.")
@click.option("--device", help="In place of run.device: auto, cpu, cuda, cuda:1, mps.")
def train(config: Path, resume: bool, start_from: Path | None, **changes: object) -> None:
    """Train a backbone as the file CONFIG says (see configs/)."""
    from restore.training.config import read_config, with_run
    from restore.training.loop import train as run

    settings = with_run(read_config(config), **{k: v for k, v in changes.items() if v is not None})
    run(settings, resume=resume, start_from=start_from, say=lambda line: click.echo(line, err=True))
