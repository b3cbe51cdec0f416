"""``restore train``: train a backbone as a configuration file says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from restore.cli.registry import register


@register
@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--resume", is_flag=True, help="Go on with the run where it stopped.")
@click.option(
    "--start-from", type=click.Path(path_type=Path), metavar="STATE",
    help="Begin a new run, with its own schedule, from another run's state.safetensors.",
)  # fmt: skip
@click.option(
    "--from-noisy", type=click.Path(), multiple=True, metavar="PATH",
    help="Train on these noisy pictures in place of data.train; may be given several times.",
)  # fmt: skip
@click.option(
    "--prior", type=click.Choice(["cleaned", "as-they-are"]), default="cleaned", show_default=True,
    help="With --from-noisy. cleaned: fit to the pictures, clean them, train on that. as-they-are: a prior "
    "straight from pictures with white noise, for noise levels above theirs.",
)  # fmt: skip
@click.option(
    "--set", "sets", multiple=True, metavar="TABLE.KEY=VALUE",
    help="In place of the file's, such as optim.lr=1e-3; may be given several times.",
)  # fmt: skip
@click.option("--out", help="Folder of the run, in place of run.out.")
@click.option("--steps", type=click.IntRange(min=0), help="In place of run.steps.")
@click.option("--minutes", type=click.FloatRange(min=0), help="In place of run.minutes.")
@click.option("--device", help="In place of run.device: auto, cpu, cuda, cuda:1, mps.")
@click.option(
    "--profile", is_flag=True,
    help="Take a few steps, print where their time goes and how much of the machine's convolution peak they "
    "reach; nothing is written.",
)  # fmt: skip
def train(
    config: Path,
    resume: bool,
    start_from: Path | None,
    from_noisy: tuple[str, ...],
    prior: Any,
    profile: bool,
    sets: tuple[str, ...],
    **changes: object,
) -> None:
    """Train a backbone as the file CONFIG says (see configs/).

    \b
    restore train configs/cpu.toml
    restore train configs/from_noisy.toml --from-noisy scans
    """
    if profile and (from_noisy or resume or start_from):
        raise click.UsageError(
            "--profile takes steps of a new run; leave out --resume, --start-from and --from-noisy"
        )
    if profile and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise click.UsageError("--profile measures one process; run it without torchrun")
    if from_noisy and start_from:
        raise click.UsageError("--from-noisy begins anew; it cannot --start-from another run's state")
    if prior != "cleaned" and not from_noisy:
        raise click.UsageError("--prior says what is made of --from-noisy pictures; name some")

    from restore.training.config import read_config

    def say(line: str) -> None:
        click.echo(line, err=True)

    settings = read_config(
        config, changes=sets, noisy=bool(from_noisy), **{k: v for k, v in changes.items() if v is not None}
    )
    if profile:
        from restore.training.profile import profile as measure
        from restore.training.trainer import Trainer

        click.echo(measure(Trainer(settings, say=say)))
        return
    if from_noisy:
        from restore.fitting.from_noisy import train_from_noisy

        train_from_noisy(settings, from_noisy, prior, resume=resume, say=say)
        return
    from restore.training.trainer import train as go

    go(settings, resume=resume, start_from=start_from, say=say)
