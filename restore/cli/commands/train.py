"""``restore train``: train a backbone as a configuration file says."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli import details
from restore.cli.help_pages import Command
from restore.cli.loudness import LOUDNESS
from restore.cli.parameters import FileName, all_of
from restore.cli.registry import register
from restore.cli.voice import Voice
from restore.errors import ConfigError

if TYPE_CHECKING:
    from restore.training.config import TrainConfig


@dataclass(frozen=True)
class TrainOptions:
    """What is done with the configuration; the other options change its values."""

    resume: bool
    start_from: Path | None
    from_noisy: tuple[str, ...]
    prior: Any
    profile: bool

    def check(self) -> None:
        """Raise UsageError for options that contradict each other."""
        if self.profile and (self.from_noisy or self.resume or self.start_from):
            raise click.UsageError(
                "--profile takes steps of a new run; leave out --resume, --start-from and --from-noisy"
            )
        if self.profile and int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise click.UsageError("--profile measures one process; run it without torchrun")
        if self.from_noisy and self.start_from:
            raise click.UsageError("--from-noisy begins anew; it cannot --start-from another run's state")
        if self.start_from is not None and (kind := images.what_is(self.start_from)) != "a file":
            got = kind or "no such file"
            raise ConfigError(f"--start-from {self.start_from}: expected a file of another run, got {got}")
        if self.prior != "cleaned" and not self.from_noisy:
            raise click.UsageError("--prior says what is made of --from-noisy pictures; name some")


@register
@click.command(cls=Command)
@click.argument("config", type=FileName(path_type=Path))
@click.option("--resume", is_flag=True, help="Continue the run where it stopped.")
@click.option(
    "--start-from", type=FileName(path_type=Path), metavar="STATE",
    help="Start a new run, with its own schedule, from another run's state.safetensors.",
)  # fmt: skip
@click.option(
    "--from-noisy", type=FileName(), multiple=True, metavar="PATH",
    help="Train on these noisy pictures instead of data.train; may be given several times.",
)  # fmt: skip
@click.option(
    "--prior", type=click.Choice(["cleaned", "as-they-are"]), default="cleaned", show_default=True,
    help="With --from-noisy. cleaned: fit to the pictures, denoise them, train on the result. as-they-are: "
    "train directly on pictures with white noise, for noise levels above theirs.",
)  # fmt: skip
@click.option(
    "--set", "sets", multiple=True, metavar="TABLE.KEY=VALUE",
    help="Override a value of the file, such as optim.lr=1e-3; may be given several times.",
)  # fmt: skip
@click.option("--out", type=FileName(), help="Folder of the run; overrides run.out.")
@click.option("--steps", type=click.IntRange(min=0), metavar="N", help="Overrides run.steps.")
@click.option("--minutes", type=click.FloatRange(min=0), metavar="M", help="Overrides run.minutes.")
@click.option("--device", help="Overrides run.device: auto, cpu, cuda, cuda:1, mps.")
@click.option(
    "--profile", is_flag=True,
    help="Take a few steps and print their times, and the share of the machine's convolution peak that they "
    "reach. Nothing is written.",
)  # fmt: skip
@all_of(*LOUDNESS)
def train(config: Path, sets: tuple[str, ...], quiet: bool, verbose: bool, **options: Any) -> None:
    """Train a backbone as the file CONFIG says (see configs/).

    \b
    restore train configs/cpu.toml
    restore train configs/cpu.toml --resume --minutes 30
    restore train configs/from_noisy.toml --from-noisy scans
    """
    started = time.monotonic()  # the minutes of the run count all of it
    run = TrainOptions(**{field.name: options.pop(field.name) for field in fields(TrainOptions)})
    run.check()

    from restore.training.config import read_config
    from restore.training.log import without_bar

    voice = Voice(quiet=quiet, verbose=verbose)
    changes = {key: value for key, value in options.items() if value is not None}
    settings = read_config(config, changes=sets, noisy=bool(run.from_noisy), **changes)
    for table, values in asdict(settings).items():
        voice.detail(f"{table}: {details.of_options(values) if isinstance(values, dict) else values}")
    with voice.during("all of it took"), without_bar() if quiet else nullcontext():
        _run(settings, run, voice.say, started)


def _run(settings: TrainConfig, run: TrainOptions, say: Callable[[str], None], started: float) -> None:
    if run.profile:
        from restore.training.profile import profile
        from restore.training.trainer import Trainer

        click.echo(profile(Trainer(settings, say=say)))
    elif run.from_noisy:
        from restore.fitting.from_noisy import train_from_noisy

        train_from_noisy(settings, run.from_noisy, run.prior, resume=run.resume, say=say)
    else:
        from restore.training.trainer import train

        train(settings, resume=run.resume, start_from=run.start_from, say=say, started=started)
