"""The options of the command line: their types, texts and checks, shared by its commands."""

from __future__ import annotations

import functools
import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore.diffusion.samplers import SAMPLERS as _SAMPLERS
from restore.errors import ConfigError
from restore.inverse.catalogue import solvers
from restore.priors.device import PRECISIONS, TILE
from restore.tasks import catalogue
from restore.tasks.catalogue import (
    ESTIMATES,
    JUMPS,
    MAP_SAMPLES,
)

if TYPE_CHECKING:
    from restore.priors.backbone import Backbone
    from restore.priors.device import Precision
    from restore.priors.foreign.backbone import ForeignBackbone


def _steps(task: str) -> dict[tuple[str, str], int]:
    return {(method.name, method.estimate): method.steps for method in catalogue.methods(task)}


SAMPLERS = tuple(_SAMPLERS)
INPAINT_STEPS, DENOISE_STEPS = _steps("inpaint"), _steps("denoise")
UPSCALE_STEPS, DEJPEG_STEPS = _steps("upscale"), _steps("dejpeg")
INPAINT_METHOD, UPSCALE_METHOD, DEJPEG_METHOD = (
    {estimate: catalogue.default(task, estimate) for estimate in ("mean", "sample")}
    for task in ("inpaint", "upscale", "dejpeg")
)
SOLVERS = {name: solver.estimate for name, solver in solvers().items()}
OWN_WALK = tuple(name for name, solver in solvers().items() if solver.wrap is None)
CANCELLED = 130  # 128 + SIGINT, as shells count


class Number(click.FloatRange):
    """A finite number in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):  # NaN is in every range
            self.fail(f"{value} is not a number", param, ctx)
        return number


class Device(click.types.StringParamType):
    """auto, cpu, cuda, cuda:N or mps."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?|mps", value):
            self.fail(f"{value!r} is not one of auto, cpu, cuda, cuda:N, mps", param, ctx)
        return str(value)


class Size(click.types.StringParamType):
    """W or WxH in pixels, taken as (h, w)."""

    name = "w[xh]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d{1,6})(?:x(\d{1,6}))?", value)
        w, h = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not (8 <= w <= 4096 and 8 <= h <= 4096):
            self.fail(f"{value!r} is no size from 8 to 4096 pixels, such as 128x192 (w x h)", param, ctx)
        return h, w


class Switch(click.Option):
    """An option that is on or off. Its ``--no-`` form, for what a configuration file sets, is not listed."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        return None if record is None else (record[0].partition(" / ")[0], record[1])


def switch(*names: str, **rest: Any) -> Callable[[Any], Any]:
    long = names[-1].removeprefix("--")
    return click.option(*names[:-1], f"--{long}/--no-{long}", cls=Switch, default=False, **rest)


def read_config(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Make the values of a TOML file the defaults of this command's options."""
    if path is None:
        return
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration file ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    options = {
        max(option.opts, key=len).removeprefix("--").replace("-", "_"): option
        for option in ctx.command.params
        if isinstance(option, click.Option) and option.name not in ("config", "help")
    }
    defaults: dict[str, Any] = {}
    for key, value in table.items():
        option = options.get(key.replace("-", "_"))
        if option is None or option.name is None:
            raise ConfigError(f"{path}: unknown key {key}; expected one of {', '.join(options)}")
        if option.name in defaults:
            raise ConfigError(f"{path}: {key} is there twice, with - and with _; keep one")
        defaults[option.name] = _config_value(f"{path}: {key}", value, option, ctx)
    ctx.default_map = defaults


def _config_value(place: str, value: Any, option: click.Option, ctx: click.Context) -> Any:
    if getattr(option.type, "listed", False) and not isinstance(value, str | bool):
        value = ",".join(map(str, value if isinstance(value, list) else [value]))
    if option.multiple and isinstance(value, list):
        return [_single_value(place, each, option, ctx) for each in value]
    single = _single_value(place, value, option, ctx)
    return [single] if option.multiple else single


def _single_value(place: str, value: Any, option: click.Option, ctx: click.Context) -> Any:
    kinds: tuple[type, ...] = (str,)
    word = "a string"
    if option.is_flag:
        kinds, word = (bool,), "true or false"
    elif isinstance(option.type, click.IntRange):
        kinds, word = (int,), "an integer"
    elif isinstance(option.type, click.FloatRange):
        kinds, word = (int, float), "a number"
    if not isinstance(value, kinds) or (isinstance(value, bool) and not option.is_flag):
        raise ConfigError(f"{place} must be {word}, got {value!r}")
    try:
        return option.type.convert(value, option, ctx)
    except click.BadParameter as error:
        raise ConfigError(f"{place}: {error.message.rstrip('.')}") from error


OUTPUT = click.option(
    "-o", "--output", type=click.Path(), metavar="PATH",
    help="File, or folder for many inputs, which is created; - is standard output. "
    "Default: beside the input, with what was done in its name.",
)  # fmt: skip

OVERWRITE = switch("--overwrite", help="Replace outputs that are there already; otherwise they are kept.")
NETWORK = (
    click.option(
        "--weights", type=click.Path(path_type=Path), metavar="FILE",
        help="Another checkpoint than the one in the package.",
    ),
    click.option(
        "--device", type=Device(), default="auto", show_default=True, metavar="NAME",
        help="auto, cpu, cuda, cuda:N or mps.",
    ),
    click.option(
        "--precision", type=click.Choice(PRECISIONS), default="auto", show_default=True,
        help="Of the network; auto: whichever of the two is faster here.",
    ),
    click.option(
        "--tile", type=click.IntRange(min=64), default=TILE, show_default=True, metavar="N",
        help="Side in pixels of the pieces a large picture is computed in; smaller needs less memory, the "
        "result is the same.",
    ),
    click.option(
        "--config", type=click.Path(path_type=Path), metavar="FILE", is_eager=True, expose_value=False,
        callback=read_config, help="TOML file with defaults: long option names as keys, such as steps = 30.",
    ),
)  # fmt: skip

ENSEMBLE = click.option(
    "--ensemble", type=click.IntRange(1, 8), default=1, show_default=True, metavar="N",
    help="Every network call as the mean of so many orientations of the picture, up to 8: N times slower, "
    "a little better.",
)  # fmt: skip

MODEL = (
    *NETWORK,
    click.option(
        "--label", type=click.IntRange(min=0), metavar="N",
        help="Class to draw, for converted weights that know classes.",
    ),
    switch("-q", "--quiet", help="Only errors on standard error, no notes and no progress."),
    switch("--json", help="One JSON object for each picture on standard output, in place of its path."),
    click.option(
        "--provenance/--no-provenance", default=True,
        help="Whether the picture says what it was made by, for restore info: options, seed, weights, names "
        "and hashes of the files read.  [default: it does]",
    ),
    switch(
        "--dry-run",
        help="Check the inputs, show what would be written and what a budget would be spent on, and write "
        "nothing.",
    ),
)  # fmt: skip

SEED = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True,
    help="Of the random numbers; the same seed gives the same bytes.",
)  # fmt: skip

SAMPLES = click.option(
    "--samples", type=click.IntRange(1, 100), default=1, show_default=True, metavar="N",
    help="With --estimate sample: so many different results of each picture, of seeds one after the other.",
)  # fmt: skip

GUIDANCE = click.option(
    "--guidance", type=Number(0, 20), default=1.0, show_default=True, metavar="W",
    help="With --method conditional, for a sample: how far to go beyond what the network says when it is "
    "shown the picture, away from what it says without; others than 1 take two calls a step.",
)  # fmt: skip

BUDGET = (
    click.option(
        "--nfe", type=click.IntRange(1, 100_000), metavar="N",
        help="In place of --steps: at most so many network calls (for each hole, at each size); the steps, "
        "climbs or orientations that fit are chosen.",
    ),
    click.option(
        "--seconds", type=Number(0.01, 86_400), metavar="T",
        help="In place of --steps: so much time for each picture, loading the network for the first and "
        "measuring the machine's speed included.",
    ),
)  # fmt: skip

UNCERTAINTY = (
    click.option(
        "--uncertainty", type=click.Path(path_type=Path), metavar="FILE",
        help="Of one picture: also write how sure the result is, the standard deviation of what is not "
        "known: as .tif in numbers, 1 being white minus black, as .png from dark (sure) to bright.",
    ),
    click.option(
        "--uncertainty-samples", type=click.IntRange(2, 100), metavar="N",
        help="How many samples it is measured between; denoising needs none, but two network calls.  "
        f"[default: {MAP_SAMPLES}]",
    ),
)  # fmt: skip

CLIMBS = (
    click.option(
        "--jump-length", type=click.IntRange(1, 999), metavar="N",
        help=f"repaint only: steps of each climb back up.  [default: {JUMPS[0]}]",
    ),
    click.option(
        "--jump-repeats", type=click.IntRange(1, 100), metavar="N",
        help=f"repaint only: how often each stretch is walked; 1 never climbs.  [default: {JUMPS[1]}]",
    ),
)  # fmt: skip

CONSISTENCY = switch(
    "--report-consistency",
    help="Measure and say how true the result is to the input: pixels outside the hole, the result reduced "
    "or blurred again, the deviation of what was taken away.",
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
    label: int | None = None
    provenance: bool = True
    samples: int = 1
    report_consistency: bool = False
    nfe: int | None = None
    seconds: float | None = None
    uncertainty: Path | None = None
    uncertainty_samples: int | None = None

    @property
    def budgeted(self) -> bool:
        """Whether calls or seconds are given in place of steps."""
        return (self.nfe, self.seconds) != (None, None)

    @property
    def map_samples(self) -> int:
        """How many samples a map is measured between."""
        return self.uncertainty_samples or MAP_SAMPLES


def with_settings(*options: Callable[[Any], Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command these options, and their values to its function as one ``settings``."""
    names = {field.name for field in fields(Settings)}

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def collected(**values: Any) -> None:
            chosen = {name: values.pop(name) for name in names & values.keys()}
            function(settings=Settings(**chosen), **values)

        for option in reversed(options):
            collected = option(collected)
        return collected

    return decorate


def estimate_option(default: str) -> Callable[[Any], Any]:
    return click.option(
        "--estimate", type=click.Choice(ESTIMATES), default=default, show_default=True,
        help="sample: one natural-looking possibility (best LPIPS); mean: the average of all, smoother "
        "(best PSNR).",
    )  # fmt: skip


def method_option(
    steps: Mapping[tuple[str, str], int], default: str | None, help: str
) -> Callable[[Any], Any]:
    names = list(dict.fromkeys(method for method, _ in steps))
    metavar = "NAME" if len(names) > 5 else None  # a longer list is told by the help text
    return click.option(
        "--method", type=click.Choice(names), default=default, show_default=True, metavar=metavar, help=help
    )


def default_method(methods: Mapping[str, str]) -> str:
    sample, mean = methods["sample"], methods["mean"]
    return (
        f"Default: {sample}." if sample == mean else f"Default: {sample} for a sample, {mean} for the mean."
    )


def steps_option(steps: Mapping[tuple[str, str], int]) -> Callable[[Any], Any]:
    defaults = ", ".join(f"{method} {n} ({estimate})" for (method, estimate), n in steps.items() if n > 1)
    return click.option(
        "--steps", type=click.IntRange(1, 1000), metavar="N",
        help=f"Steps of the walk from noisy to clean; fewer are faster. Default: {defaults}.",
    )  # fmt: skip


def sampler_option(default: str) -> Callable[[Any], Any]:
    return click.option(
        "--sampler", type=click.Choice(SAMPLERS),
        help="How to walk to a sample; a step is one network call, with heun two, with langevin three. "
        f"Default: {default}.",
    )  # fmt: skip


def check_walk(table: Mapping[tuple[str, str], int], walk: Mapping[str, Any]) -> None:
    """Refuse a method that cannot give the estimate, and steps and a sampler that it has no use for."""
    method, estimate, steps, sampler = (walk[name] for name in ("method", "estimate", "steps", "sampler"))
    if (method, estimate) not in table:
        able = " or ".join(other for other, e in table if e == estimate)
        raise click.UsageError(
            f"--method {method} cannot give --estimate {estimate}; pass another estimate, or --method {able}"
        )
    if table[method, estimate] == 1 and steps not in (None, 1):
        raise click.UsageError(
            f"--steps has no effect with --method {method} --estimate {estimate}, which takes no steps; "
            "leave it out"
        )
    if estimate == "mean" and sampler is not None:
        raise click.UsageError(
            "--sampler walks to a sample; it has no effect with --estimate mean; leave it out"
        )
    if walk.get("guidance", 1) != 1 and (method, estimate) != ("conditional", "sample"):
        raise click.UsageError("--guidance has an effect with --method conditional --estimate sample only")
    if method == "repaint" and sampler == "langevin":
        raise click.UsageError("--sampler langevin cannot climb, as --method repaint does; pass another one")


def check_sampler(method: str, walk: Mapping[str, Any], own: Sequence[str] = OWN_WALK) -> None:
    """Refuse a sampler for a method that has steps of its own."""
    if walk["sampler"] is not None and method in own:
        raise click.UsageError(f"--method {method} has steps of its own; leave out --sampler")


def check_budget(settings: Settings, *rivals: tuple[str, Any]) -> None:
    """Refuse a budget beside what it chooses; rivals: those options by their names, None where not given."""
    budgets = [name for name in ("nfe", "seconds") if getattr(settings, name) is not None]
    if len(budgets) > 1:
        raise click.UsageError("--nfe and --seconds are two budgets; pass one of them")
    ensemble = None if settings.ensemble == 1 else settings.ensemble
    for name, value in (*rivals, ("ensemble", ensemble)) if budgets else ():
        if value is not None:
            raise click.UsageError(f"--{budgets[0]} chooses --{name} itself; leave one of them out")


def check_samples(settings: Settings, walk: Mapping[str, Any]) -> None:
    """Refuse several samples of what is the same every time."""
    if settings.samples > 1 and walk["estimate"] == "mean":
        raise click.UsageError(
            f"--samples {settings.samples}: there is one mean; pass --estimate sample, or leave it out"
        )


def load_backbone(
    weights: Path | None, device: str, precision: Precision, tile: int, ensemble: int = 1
) -> Backbone:
    """The network as the options say. Raises ConfigError and WeightsError."""
    from restore.priors.checkpoint import load
    from restore.priors.device import dtype_of

    place = _place(device)
    network = load(weights, device=place, dtype=dtype_of(precision, place))
    network.tile, network.ensemble = tile, ensemble
    return network


def load_prior(settings: Settings) -> Backbone | ForeignBackbone:
    """The same, or a network that `restore convert` has written. Raises ConfigError and WeightsError."""
    weights = settings.weights
    if weights is not None:
        from restore.priors.foreign import backbone
    if weights is None or not backbone.is_foreign(weights):
        if settings.label is not None:
            raise ConfigError("--label is for converted weights that know classes; leave it out")
        return load_backbone(weights, settings.device, settings.precision, settings.tile, settings.ensemble)
    if settings.tile != TILE:
        raise ConfigError(
            f"--tile {settings.tile}: {weights} sees the whole picture at once, so it cannot be "
            "computed in pieces; leave it out"
        )
    if settings.precision == "bf16":
        raise ConfigError(f"--precision bf16: {weights} is computed in fp32; leave it out")
    network = backbone.load(weights, device=_place(settings.device))
    network.label, network.ensemble = settings.label, settings.ensemble
    return network


def _place(device: str) -> str:
    from restore.priors.device import best_device

    return best_device() if device == "auto" else usable(device)


def usable(device: str) -> str:
    """The device, or ConfigError where this machine has it not."""
    import torch

    kind, _, number = device.partition(":")
    if kind == "cuda":
        cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number or 0) >= cards:
            raise ConfigError(
                f"--device {device}: torch {torch.__version__} finds {cards} usable CUDA cards here; pass "
                "--device cpu, or check the driver with nvidia-smi"
            )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("--device mps: this is no Mac with a usable graphics processor; pass --device cpu")
    return device
