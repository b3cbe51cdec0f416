"""The options that commands share, and their values."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore.cli.data_range import DataRange
from restore.cli.engine_options import ENGINE, JOBS
from restore.cli.loudness import LOUDNESS
from restore.cli.manifest_options import BATCH, with_inputs
from restore.cli.memory_need import MEMORY
from restore.cli.page_ranges import PAGES, Pages
from restore.cli.parameters import (
    SAMPLER,
    CheckpointName,
    Decorator,
    Device,
    FileName,
    Number,
    Pattern,
    Text,
    all_of,
    late_option,
    method_names,
    switch,
)
from restore.cli.report_options import MANY, SHOWN
from restore.cli.result_options import RESULT
from restore.cli.shards import Shard
from restore.diffusion.samplers import SAMPLERS, sampler_names
from restore.priors.device import PRECISIONS, TILE
from restore.tasks import catalogue

if TYPE_CHECKING:
    from restore.priors.device import Precision

IGNORE = click.option(
    "--ignore", type=Pattern(), multiple=True, metavar="PATTERN",
    help="Leave out files and folders whose name, or path within INPUT, fits, such as '*.nef' or "
    "'old/*'; upper and lower case are the same. May be given several times.",
)  # fmt: skip
INPUTS = click.argument("inputs", nargs=-1, required=False, type=FileName(stores=True), metavar="INPUT...")
OUTPUT = click.option(
    "-o", "--output", type=FileName(stores=True), metavar="PATH",
    help="File, or folder for many inputs, which is created; - is standard output. "
    "Default: beside the input, with what was done in its name.",
)  # fmt: skip

DAMAGED = switch(
    "--allow-damaged",
    help="Restore what is there of files that are damaged or cut short; each is reported, and the exit code "
    "is 1.",
)

OVERWRITE = switch(
    "--overwrite",
    help="Replace outputs that are there already. Otherwise those that the same command has made are kept, "
    "and others are refused.",
)

REPLACE = switch("--overwrite", help="Replace files that are there already, which are refused otherwise.")
"""For commands whose results are not compared with what is there."""

SKIP_UNCHANGED = switch(
    "--skip-unchanged",
    help="Write nothing for pictures in which there is nothing to do; otherwise their files are copied.",
)
WEIGHTS = click.option(
    "--weights", type=CheckpointName(path_type=Path), metavar="FILE",
    help="Another checkpoint than the one in the package.",
)  # fmt: skip
DEVICE = click.option(
    "--device", type=Device(), default="auto", show_default=True, metavar="NAME",
    help="auto, cpu, cuda, cuda:N or mps.",
)  # fmt: skip
PIECES = click.option(
    "--tile", type=click.IntRange(min=64), default=TILE, show_default=True, metavar="N",
    help="Side in pixels of the pieces a large picture is computed in; smaller needs less memory, the "
    "result is the same.",
)  # fmt: skip
CONFIG = all_of(
    click.option(
        "--config", type=FileName(path_type=Path), metavar="FILE", expose_value=False,
        help="TOML file with defaults: long option names as keys, such as steps = 30, for all commands or in "
        "a table of one, such as [denoise].",
    ),
    click.option(
        "--no-config", is_flag=True, expose_value=False,
        help="Leave out your own configuration file and RESTORE_ variables, which restore config shows.",
    ),
)  # fmt: skip
NETWORK = (
    WEIGHTS,
    DEVICE,
    click.option(
        "--precision", type=click.Choice(PRECISIONS), default="auto", show_default=True,
        help="Precision of the network; auto: the faster one on this machine.",
    ),
    PIECES,
    CONFIG,
)  # fmt: skip

ENSEMBLE = click.option(
    "--ensemble", type=click.IntRange(1, 8), default=1, show_default=True, metavar="N",
    help="Average every network call over N orientations of the picture, up to 8: N times slower, a little "
    "better.",
)  # fmt: skip

LABEL = click.option(
    "--label", metavar="NAME",
    help="Class that the network is told, by its name or number, for weights that know classes.",
)  # fmt: skip

MODEL = (
    *NETWORK,
    LABEL,
    *LOUDNESS,
    switch(
        "--json",
        help="Events on standard output in place of paths: one JSON object a line for each picture, and for "
        "an error. See restore schema.",
    ),
    click.option(
        "--provenance/--no-provenance", default=True,
        help="Record in each result how it was made, for restore info: options, seed, weights, names and "
        "hashes of the files read.  [default: yes]",
    ),
    switch(
        "--dry-run",
        help="Check the inputs, show what would be written and what a budget would be spent on, and write "
        "nothing.",
    ),
)  # fmt: skip

SEED = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, metavar="N",
    help="Seed of the random numbers; the same seed gives the same bytes.",
)  # fmt: skip

SAMPLES = click.option(
    "--samples", type=click.IntRange(1, 100), default=1, show_default=True, metavar="N",
    help="With --estimate sample: the number of different results for each picture, with consecutive seeds.",
)  # fmt: skip

GUIDANCE = click.option(
    "--guidance", type=Number(0, 20), default=1.0, show_default=True, metavar="W",
    help="Strength of classifier-free guidance with --method conditional, for a sample; values other than 1 "
    "take two network calls a step.",
)  # fmt: skip

BUDGET = (
    click.option(
        "--nfe", type=click.IntRange(1, 100_000), metavar="N",
        help="Instead of --steps: the most network calls to take (for each hole, at each size). Steps, jumps "
        "or orientations that fit are chosen.",
    ),
    click.option(
        "--seconds", type=Number(0.01, 86_400), metavar="T",
        help="Instead of --steps: the time for each picture in seconds, including loading the network for "
        "the first one and measuring the speed of the machine.",
    ),
)  # fmt: skip

UNCERTAINTY = (
    click.option(
        "--uncertainty", type=FileName(path_type=Path), metavar="FILE",
        help="For one picture: also write a map of the standard deviation of the result; as .tif in numbers, "
        "where 1 is white minus black, as .png from dark (certain) to bright.",
    ),
    click.option(
        "--uncertainty-samples", type=click.IntRange(2, 100), metavar="N",
        help="Number of samples that the map is measured from; denoising needs none, only two "
        "network calls.  "
        f"[default: {catalogue.MAP_SAMPLES}]",
    ),
)  # fmt: skip

JUMPS = (
    click.option(
        "--jump-length", type=click.IntRange(1, 999), metavar="N",
        help=f"repaint only: steps of each jump back to more noise.  [default: {catalogue.JUMPS[0]}]",
    ),
    click.option(
        "--jump-repeats", type=click.IntRange(1, 100), metavar="N",
        help="repaint only: how often each stretch is taken; with 1 there are no jumps.  "
        f"[default: {catalogue.JUMPS[1]}]",
    ),
)  # fmt: skip

TRAJECTORY = click.option(
    "--trajectory", type=FileName(path_type=Path), metavar="DIR",
    help="For samples of one picture: also write how they were drawn into this folder, as a strip of states "
    "and clean estimates (.png) and an animation (.gif).",
)  # fmt: skip

SAVE_MASK = click.option(
    "--save-mask", type=FileName(), metavar="PATH",
    help="Also write the hole that was filled, white on black, for --mask: a .png or .tif for one picture; a "
    "folder for many, where each mask has the name of its picture.",
)  # fmt: skip

TRIAL_SEED = click.option(
    "--trial-seed", type=click.IntRange(0, 2**32 - 1), metavar="N",
    help="Seed of the trial by which --method auto decides what fills a deep part of a hole, once for all "
    "--samples.  [default: --seed]",
)  # fmt: skip

COPYING = (
    click.option(
        "--source", type=FileName(path_type=Path), metavar="FILE",
        help="Mask of where texture may be copied from, in white. All of the hole is then filled by copies.",
    ),
    click.option(
        "--feather", type=click.IntRange(0, 64), default=0, show_default=True, metavar="N",
        help="Let the fill pass into the picture over N pixels around the hole, which change with it.",
    ),
)  # fmt: skip
"""How holes are filled by what the picture itself holds."""

CONSISTENCY = switch(
    "--report-consistency",
    help="Measure and report how well the result agrees with the input: pixels outside the hole, the result "
    "reduced or blurred again, the deviation of what was removed.",
)


@dataclass(frozen=True)
class Settings:
    """The options that the tasks share; see their help texts."""

    output: str | None
    overwrite: bool
    weights: Path | None
    device: str
    precision: Precision
    tile: int
    quiet: bool
    json: bool
    dry_run: bool
    ensemble: int = 1
    label: str | None = None
    provenance: bool = True
    samples: int = 1
    report_consistency: bool = False
    nfe: int | None = None
    seconds: float | None = None
    uncertainty: Path | None = None
    uncertainty_samples: int | None = None
    copies: int | None = None
    trajectory: Path | None = None
    ignore: tuple[str, ...] = ()
    allow_damaged: bool = False
    max_memory: int | None = None
    save_mask: str | None = None
    skip_unchanged: bool = False
    verbose: bool = False
    suffix: str | None = None
    format: str | None = None
    output_template: str | None = None
    output_quality: int | None = None
    depth: int | None = None
    data_range: DataRange | None = None
    pages: Pages | None = None
    report: Path | None = None
    compare: bool = False
    preview: int | None = None
    opened: bool | None = None
    watch: bool = False
    settle: float = 2.0
    poll: bool = False
    jobs: int | None = None
    engine: str = "local"
    address: str | None = None
    manifest: Path | None = None
    retry_failed: bool = False
    forced: bool = False
    shard: Shard | None = None
    in_place: bool = False
    backup: Path | None = None

    @property
    def budgeted(self) -> bool:
        """Whether calls or seconds are given in place of steps."""
        return (self.nfe, self.seconds) != (None, None)

    @property
    def map_samples(self) -> int:
        """Number of samples that a map is measured from."""
        return self.uncertainty_samples or catalogue.MAP_SAMPLES


def with_settings(*options: Callable[[Any], Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command these options, and their values to its function as one ``settings``."""
    names = {field.name for field in fields(Settings)}

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def collected(**values: Any) -> None:
            settings = Settings(**{name: values.pop(name) for name in names & values.keys()})
            function(settings=settings, **with_inputs(values, settings.manifest))

        for option in reversed(options):
            collected = option(collected)
        return collected

    return decorate


def estimate_option(default: str) -> Decorator:
    """--estimate, with a default."""
    return click.option(
        "--estimate", type=click.Choice(catalogue.ESTIMATES), default=default, show_default=True,
        help="sample: one natural-looking possibility (best LPIPS); mean: the average of all, smoother "
        "(best PSNR).",
    )  # fmt: skip


def method_option(task: str, help: str | Text, *, default: str | None = None) -> Decorator:
    """--method of a task; without a default the task's own, by the estimate."""

    def text() -> str:
        said = (help if isinstance(help, str) else help()) + of_packages(task)
        if default:
            return said
        sample, mean = (catalogue.default(task, estimate) for estimate in ("sample", "mean"))
        return f"{said} {default_method(sample, mean)}"

    return late_option("--method", type=method_names(task), default=default, show_default=True, late=text)


def of_packages(task: str) -> str:
    """Say which methods of a task other packages offer; empty where none does."""
    found = catalogue.names_of_packages(task)
    return f" Of other packages: {', '.join(found)}." if found else ""


def default_method(sample: str, mean: str) -> str:
    """Say which methods are used when none is named."""
    return (
        f"Default: {sample}." if sample == mean else f"Default: {sample} for a sample, {mean} for the mean."
    )


def steps_option(task: str) -> Decorator:
    """--steps of a task."""

    def text() -> str:
        listed = (m for m in catalogue.methods(task) if not m.one_call)
        defaults = ", ".join(f"{m.name} {m.steps} ({m.estimate})" for m in listed)
        return f"Steps from noisy to clean; fewer are faster. Default: {defaults}."

    return late_option("--steps", type=click.IntRange(1, catalogue.MOST_STEPS), metavar="N", late=text)


def sampler_option(default: str) -> Decorator:
    """--sampler; default: in words."""
    numbers = {2: "two", 3: "three", 4: "four"}

    def text() -> str:
        calls = {name: round(sampler.calls(100) / 100) for name, sampler in SAMPLERS.items()}
        more = "".join(f", with {name} {numbers.get(n, n)}" for name, n in calls.items() if n > 1)
        listed = ", ".join(sampler_names())
        return f"How a sample is drawn: {listed}; a step is one network call{more}. Default: {default}."

    return late_option("--sampler", type=SAMPLER, late=text)


RESTORING_ONE = (
    *(OUTPUT, PAGES, *RESULT, OVERWRITE, DAMAGED, *BUDGET, SAMPLES, *UNCERTAINTY, TRAJECTORY, CONSISTENCY),
    *(ENSEMBLE, MEMORY),
    *SHOWN,
    *MODEL,
)
"""Options of every command that restores a picture."""

RESTORING = (OUTPUT, IGNORE, JOBS, *ENGINE, *BATCH, *MANY, *RESTORING_ONE[1:])
"""Options of every command that restores pictures, also those in folders."""
