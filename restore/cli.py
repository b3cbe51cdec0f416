"""The command line. Nothing heavy is imported before a command really runs."""

from __future__ import annotations

import functools
import json
import math
import os
import re
import sys
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from restore import __version__, folder, images
from restore.errors import ConfigError, ImageError, MaskError, RestoreError
from restore.folder import Job

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tqdm import tqdm

    from restore.backbone import Backbone

# Literals that the tasks have too: to look them up there would import torch. A test compares them.
ESTIMATES = ("sample", "mean")
PRECISIONS = ("auto", "bf16", "fp32")
SAMPLERS = ("ddim", "ddpm", "heun", "dpmpp-2m", "langevin")
INPAINT_STEPS = {
    ("conditional", "mean"): 1,
    ("conditional", "sample"): 30,
    ("repaint", "sample"): 250,
    ("ddnm", "sample"): 24,
    ("splitting", "mean"): 20,
}
INPAINT_METHOD = {"mean": "splitting", "sample": "ddnm"}
JUMPS = (10, 10)
DENOISE_STEPS = {
    ("gaussian", "mean"): 1,
    ("gaussian", "sample"): 20,
    ("blind", "mean"): 1,
    ("blind", "sample"): 20,
}
UPSCALE_STEPS = {
    ("conditional", "mean"): 1,
    ("conditional", "sample"): 30,
    ("projection", "mean"): 20,
    ("projection", "sample"): 10,
}
UPSCALE_METHOD = {"mean": "projection", "sample": "projection"}
SCALES = (1.5, 4.0)
SAMPLE_STEPS = 50
TILE = 2048

CORRELATED = 0.25  # of noise between neighbours; white noise measures below it nearly always
FAINT = 2 / 255  # white noise that nobody sees; JPEG and resizing leave no more of what was visible
MANY_GRAY = 0.02  # share of mask pixels in between that soft edges alone do not reach
CANCELLED = 130  # 128 + SIGINT, as shells count


# ---------------------------------------------------------------------------------------- options


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


def _switch(*names: str, **rest: Any) -> Callable[[Any], Any]:
    long = names[-1].removeprefix("--")
    return click.option(*names[:-1], f"--{long}/--no-{long}", cls=Switch, default=False, **rest)


def _read_config(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
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


_OUTPUT = click.option(
    "-o", "--output", type=click.Path(), metavar="PATH",
    help="File, or folder for many inputs, which is created; - is standard output. "
    "Default: beside the input, with what was done in its name.",
)  # fmt: skip
_OVERWRITE = _switch("--overwrite", help="Replace outputs that are there already; otherwise they are kept.")
_MODEL = (
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
        callback=_read_config, help="TOML file with defaults: long option names as keys, such as steps = 30.",
    ),
    _switch("-q", "--quiet", help="Only errors on standard error, no notes and no progress."),
    _switch("--json", help="One JSON object for each picture on standard output, in place of its path."),
    _switch("--dry-run", help="Check the inputs, show what would be written, and write nothing."),
)  # fmt: skip
_SEED = click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True,
    help="Of the random numbers; the same seed gives the same bytes.",
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """The options that the tasks share; see their help texts."""

    output: str | None
    overwrite: bool
    weights: Path | None
    device: str
    precision: str
    tile: int
    quiet: bool
    json: bool
    dry_run: bool


def _with_settings(*options: Callable[[Any], Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
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


def _estimate(default: str) -> Callable[[Any], Any]:
    return click.option(
        "--estimate", type=click.Choice(ESTIMATES), default=default, show_default=True,
        help="sample: one natural-looking possibility (best LPIPS); mean: the average of all, smoother "
        "(best PSNR).",
    )  # fmt: skip


def _method(steps: Mapping[tuple[str, str], int], default: str | None, help: str) -> Callable[[Any], Any]:
    names = list(dict.fromkeys(method for method, _ in steps))
    return click.option("--method", type=click.Choice(names), default=default, show_default=True, help=help)


def _default_method(methods: Mapping[str, str]) -> str:
    sample, mean = methods["sample"], methods["mean"]
    return (
        f"Default: {sample}." if sample == mean else f"Default: {sample} for a sample, {mean} for the mean."
    )


def _steps(steps: Mapping[tuple[str, str], int]) -> Callable[[Any], Any]:
    defaults = ", ".join(f"{method} {n} ({estimate})" for (method, estimate), n in steps.items() if n > 1)
    return click.option(
        "--steps", type=click.IntRange(1, 1000), metavar="N",
        help=f"Steps of the walk from noisy to clean; fewer are faster. Default: {defaults}.",
    )  # fmt: skip


def _sampler(default: str) -> Callable[[Any], Any]:
    return click.option(
        "--sampler", type=click.Choice(SAMPLERS),
        help="How to walk to a sample; a step is one network call, with heun two, with langevin three. "
        f"Default: {default}.",
    )  # fmt: skip


def _check_walk(table: Mapping[tuple[str, str], int], walk: Mapping[str, Any]) -> None:
    """Refuse a method that cannot give the estimate, and steps and a sampler that it has no use for."""
    method, estimate, steps, sampler = (walk[name] for name in ("method", "estimate", "steps", "sampler"))
    if (method, estimate) not in table:
        able = " or ".join(other for other, e in table if e == estimate)
        raise click.UsageError(
            f"--method {method} cannot give --estimate {estimate}; pass another estimate, or --method {able}"
        )
    if table[method, estimate] == 1 and steps not in (None, 1):
        raise click.UsageError(
            f"--steps has no effect with --method {method} --estimate {estimate}, which is one network call; "
            "leave it out"
        )
    if estimate == "mean" and sampler is not None:
        raise click.UsageError(
            "--sampler walks to a sample; it has no effect with --estimate mean; leave it out"
        )
    if method == "repaint" and sampler == "langevin":
        raise click.UsageError("--sampler langevin cannot climb, as --method repaint does; pass another one")


# ---------------------------------------------------------------------------------------- running


class Session:
    """One command at work: the network, loaded when first asked for, and what is said meanwhile.

    facts: what the task found out about the picture at hand, for ``--json``.
    """

    def __init__(self, settings: Settings, pictures: int) -> None:
        self.settings = settings
        self.facts: dict[str, Any] = {}
        self._finished = 0
        self._name = ""
        self._bar = _bar(pictures) if not (settings.quiet or settings.dry_run) else None

    @functools.cached_property
    def backbone(self) -> Backbone:
        import torch

        from restore.backbone import load

        settings = self.settings
        dtypes = {"auto": None, "bf16": torch.bfloat16, "fp32": torch.float32}
        device = None if settings.device == "auto" else _usable(settings.device)
        network = load(settings.weights, device=device, dtype=dtypes[settings.precision])
        network.tile = settings.tile
        if self._bar is not None:
            self._bar.unpause()  # the time left is for pictures, not for loading
        return network

    def begin(self, name: str) -> None:
        self.facts = {}
        self._name = name
        self.progress(0, 1)

    def progress(self, done: int, total: int) -> None:
        """Show how far the picture is; called after every network call."""
        if self._bar is not None:
            step = f" step {done}/{total}" if done else ""
            self._bar.set_description_str(self._name + step, refresh=False)
            self._bar.update(self._finished + done / total - self._bar.n)

    def end(self) -> None:
        self._finished += 1

    def note(self, text: str) -> None:
        if not self.settings.quiet:
            self._say(f"note: {text}", err=True)

    def error(self, text: str) -> None:
        self._say(f"error: {text}", err=True)

    def result(self, text: str, **facts: Any) -> None:
        """A line on standard output: a path, or all facts as JSON."""
        line = json.dumps(facts | self.facts) if self.settings.json else text
        self._say(os.fsencode(line), err=False)  # the very bytes of a path, whatever they are

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _say(self, text: str | bytes, *, err: bool) -> None:
        if self._bar is not None:
            self._bar.clear()
        click.echo(text, err=err)
        if self._bar is not None:
            self._bar.refresh()


def _on_terminal(stream: TextIO) -> bool:
    return stream.isatty()


def _bar(pictures: int) -> tqdm[Any] | None:
    """A progress bar on standard error, where that is a terminal."""
    if not _on_terminal(sys.stderr):
        return None
    from tqdm import tqdm

    of = f" of {pictures} pictures" if pictures > 1 else ""
    form = f"{{desc}} {{percentage:3.0f}}%{of} |{{bar}}| {{elapsed}}, {{remaining}} left"
    return tqdm(total=pictures, file=sys.stderr, bar_format=form, leave=False, dynamic_ncols=True)


def _usable(device: str) -> str:
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


@dataclass(frozen=True)
class Prepared:
    """A picture that has been checked. size: (h, w) of the result. finish: computes it."""

    size: tuple[int, int]
    finish: Callable[[], images.Picture]


Task = Callable[[images.Picture, Job, Session], Prepared]
"""Checks a picture and notes what the user should know; nothing is computed yet."""


def _restore(
    inputs: tuple[str, ...], task: Task, settings: Settings, *, ending: str, reads: tuple[Path, ...] = ()
) -> None:
    """Plan, check, restore every input, report; ends the program with the exit code."""
    try:
        planned = folder.plan(inputs, settings.output, ending=ending)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if any(job.target is None for job in planned.jobs) and not settings.dry_run:
        if _on_terminal(sys.stdout):
            raise click.UsageError("standard output is a terminal; redirect it, or give a file with -o")
        if settings.json:
            raise click.UsageError("--json and the picture both want standard output; give a file with -o")
    todo, skipped = folder.sort_out(planned, overwrite=settings.overwrite, reads=reads)
    session = Session(settings, len(todo))
    try:
        for job in skipped if settings.json else []:
            session.result("", input=job.name, output=str(job.target), status="skipped")
        tally = folder.run(todo, lambda job: _restore_one(job, task, session), _reporter(session))
    finally:
        session.close()
    _finish(tally, session, len(planned.jobs), skipped)


def _restore_one(job: Job, task: Task, session: Session) -> None:
    start = time.monotonic()
    session.begin(job.name)
    picture = folder.read(job, lambda: sys.stdin.buffer.read())
    for text in picture.notes:
        session.note(f"{job.name}: {text}")
    lost = [] if job.target is None else images.lossy_notes(job.target, picture)
    prepared = task(picture, job, session)
    h, w = prepared.size
    target = "standard output" if job.target is None else str(job.target)
    about = {"input": job.name, "output": target, "width": w, "height": h}
    if session.settings.dry_run:
        before = f"{picture.size[1]}x{picture.size[0]}"
        session.result(f"{job.name} ({before}) -> {target} ({w}x{h})", **about, status="planned")
        session.end()
        return
    for text in lost:
        session.note(f"{target}: {text}")
    result = _in_memory(prepared, job)
    if job.target is None:
        sys.stdout.buffer.write(images.encode(result, result.format))
        sys.stdout.buffer.flush()
    else:
        folder.write(job, result, overwrite=session.settings.overwrite)
        session.result(target, **about, status="done", seconds=round(time.monotonic() - start, 3))
    session.end()


def _in_memory(prepared: Prepared, job: Job) -> images.Picture:
    """The finished picture; ImageError where memory does not suffice."""
    try:
        return prepared.finish()
    except (MemoryError, RuntimeError) as error:
        # torch has a class of its own for a card's memory being full, and none for the machine's.
        known = isinstance(error, MemoryError) or re.search("can't allocate memory|out of memory", str(error))
        if not known:
            raise
        raise ImageError(f"{job.name}: not enough memory; lower --tile or crop it") from error


def _reporter(session: Session) -> Callable[[Job, str], None]:
    def report(job: Job, message: str) -> None:
        session.end()
        session.error(message)
        if session.settings.json:
            target = "standard output" if job.target is None else str(job.target)
            session.result("", input=job.name, output=target, status="failed", error=message)

    return report


def _finish(tally: folder.Tally, session: Session, jobs: int, skipped: Sequence[Job]) -> None:
    """Report on all jobs and end with the exit code."""
    kept = len(skipped)
    left = jobs - kept - tally.done - tally.failed
    if tally.interrupted:
        again = "nothing was written"
        if jobs > 1:
            # With --overwrite an old output cannot be told from a new one.
            resumable = not session.settings.overwrite
            again = "run the same command again to " + ("go on" if resumable else "do all of them")
        session.error(f"interrupted with {tally.done + kept} of {jobs} done; {again}")
        click.get_current_context().exit(CANCELLED)
    if jobs > 1:
        parts = [f"{tally.done} {'planned' if session.settings.dry_run else 'restored'}"]
        parts += [f"{kept} there already and kept"] if kept else []
        parts += [f"{tally.failed} failed"] if tally.failed else []
        parts += [f"{left} not tried"] if left else []
        say = session.error if tally.failed else session.note
        hint = "; pass --overwrite to replace those there already" if kept else ""
        say(f"{', '.join(parts)} (of {jobs} pictures){hint}")
    elif skipped:
        session.note(f"{skipped[0].target} is there already and was kept; pass --overwrite to replace it")
    if tally.failed:
        click.get_current_context().exit(1)


def _channels(picture: images.Picture, name: str) -> NDArray[Any]:
    """What the tasks are given: (h, w, 1..4), gray or RGB, with alpha. Raises ImageError for odd floats."""
    import numpy as np

    colour = picture.pixels[..., :1] if picture.gray else picture.pixels
    if picture.bits == 32:
        from restore.arrays import canvas

        try:
            canvas(colour)
        except ValueError as error:
            raise ImageError(f"{name}: {error}") from error
    return colour if picture.alpha is None else np.dstack([colour, picture.alpha])


def _with_channels(picture: images.Picture, channels: NDArray[Any]) -> images.Picture:
    """The same kind of picture with a task's result, which may have another size."""
    import numpy as np

    colour = channels[..., :3] if channels.shape[2] > 2 else np.repeat(channels[..., :1], 3, axis=2)
    return picture.with_pixels(colour, alpha=None if picture.alpha is None else channels[..., -1])


# --------------------------------------------------------------------------------------- commands


class Program(click.Group):
    """What the outside world does wrong is one line and exit 1; wrong usage is exit 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RestoreError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("error: interrupted", err=True)
            ctx.exit(CANCELLED)


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Completion for bash, zsh and fish: put the output of _RESTORE_COMPLETE=bash_source restore "
    "(zsh_source, fish_source) into your shell's start file.",
)
@click.version_option(__version__)
def main() -> None:
    """Restore photographs and scans by diffusion: denoise, inpaint, upscale.

    \b
    restore denoise scan.jpg                    writes scan-denoised.jpg
    restore inpaint photo.png --mask mask.png   fills what is white in the mask
    restore upscale small.png --scale 2         writes small-x2.png
    restore denoise holiday -o clean            a folder and all its sub-folders

    The path of each written picture goes to standard output, everything else to standard error.
    Exit code 0: all went well; 1: a picture failed; 2: wrong usage.
    """


@main.command()
@click.argument("photo", type=click.Path())
@click.option(
    "--mask", type=click.Path(path_type=Path), required=True, metavar="FILE",
    help="Picture of the same size; white is what to fill.",
)  # fmt: skip
@click.option(
    "--mask-means", type=click.Choice(["fill", "keep"]), default="fill", show_default=True,
    help="What white in the mask means.",
)  # fmt: skip
@click.option(
    "--grow", type=click.IntRange(0, 64), default=0, show_default=True, metavar="N",
    help="Widen the hole by N pixels, where the mask leaves the rim of a scratch or a letter.",
)  # fmt: skip
@_estimate("sample")
@_method(
    INPAINT_STEPS, None,
    "conditional: the network is shown the picture and the mask; repaint: from pure noise, known pixels "
    "put in at each step (thousands of network calls); ddnm, splitting: from a smooth fill. "
    f"{_default_method(INPAINT_METHOD)}",
)  # fmt: skip
@_steps(INPAINT_STEPS)
@_sampler("ddpm, for conditional ddim")
@click.option(
    "--jump-length", type=click.IntRange(1, 999), metavar="N",
    help=f"repaint only: steps of each climb back up.  [default: {JUMPS[0]}]",
)  # fmt: skip
@click.option(
    "--jump-repeats", type=click.IntRange(1, 100), metavar="N",
    help=f"repaint only: how often each stretch is walked.  [default: {JUMPS[1]}]",
)  # fmt: skip
@_SEED
@_with_settings(_OUTPUT, _OVERWRITE, *_MODEL)
def inpaint(
    settings: Settings, photo: str, mask: Path, mask_means: str, grow: int, jump_length: int | None,
    jump_repeats: int | None, **walk: Any,
) -> None:  # fmt: skip
    """Fill the masked part of PHOTO (- is standard input).

    Only the hole and its surroundings are computed. All other pixels stay as they are, bit for bit, in every
    lossless format: PNG, TIFF, WebP, BMP.

    \b
    restore inpaint photo.png --mask mask.png
    restore inpaint photo.jpg --mask mask.png -o whole.png --seed 7
    restore inpaint photo.png --mask mask.png --estimate mean
    """
    if Path(photo).is_dir():
        raise click.UsageError(f"{photo} is a folder; inpaint takes one picture and its mask")
    walk["method"] = walk["method"] or INPAINT_METHOD[walk["estimate"]]
    _check_walk(INPAINT_STEPS, walk)
    jumps = _jumps(walk["method"], walk["steps"], jump_length, jump_repeats)

    def task(picture: images.Picture, job: Job, session: Session) -> Prepared:
        hole = _hole(picture, job, mask, mask_means, grow, session)
        kind = picture.format if job.target is None else job.target.suffix.lower()
        if kind in ("jpeg", ".jpg", ".jpeg"):
            session.note(
                "JPEG stores pixels outside the hole only roughly; write .png to keep them bit for bit"
            )

        def finish() -> images.Picture:
            if not hole.any():
                return picture
            from restore.tasks.inpaint import Jumps, inpaint

            filled = inpaint(
                _channels(picture, job.name), hole, jumps=jumps and Jumps(*jumps), backbone=session.backbone,
                progress=session.progress, **walk,
            )  # fmt: skip
            return _with_channels(picture, filled)

        return Prepared(picture.size, finish)

    _restore((photo,), task, settings, ending="inpainted", reads=(mask,))


def _jumps(method: str, steps: int | None, length: int | None, repeats: int | None) -> tuple[int, int] | None:
    if method != "repaint":
        if length is not None or repeats is not None:
            raise click.UsageError(f"--jump-length and --jump-repeats need --method repaint, got {method}")
        return None
    jumps = (length or JUMPS[0], repeats or JUMPS[1])
    steps = steps or INPAINT_STEPS["repaint", "sample"]
    if jumps[0] >= steps:
        raise click.UsageError(f"--jump-length {jumps[0]} must be less than --steps, which is {steps}")
    return jumps


def _hole(
    picture: images.Picture, job: Job, mask: Path, mask_means: str, grow: int, session: Session
) -> NDArray[np.bool_]:
    """The mask as a hole (h, w), checked before anything is computed. Raises MaskError."""
    found = images.read_mask(mask)
    (h, w), white = picture.size, found.white
    if white.shape != (h, w):
        raise MaskError(
            f"{mask} is {white.shape[1]}x{white.shape[0]} but {job.name} is {w}x{h} (w x h); resize the mask"
        )
    hole = white if mask_means == "fill" else ~white
    if grow:
        import torch

        from restore.tasks.inpaint import grown

        hole = grown(torch.from_numpy(hole)[None, None].float(), grow)[0, 0].numpy() > 0
    turned = "keep" if mask_means == "fill" else "fill"
    if hole.all():
        raise MaskError(
            f"{mask}: the hole is the whole picture, nothing is left to fill it from; paint only what "
            f"to fill white, or pass --mask-means {turned}"
        )
    if found.gray_fraction > MANY_GRAY:
        session.note(
            f"{mask}: {found.gray_fraction:.0%} of the mask is neither black nor white (a JPEG, or a soft "
            "brush); what is at least half white counts as white"
        )
    if not hole.any():
        session.note(f"{mask}: the hole is empty, {job.name} is copied")
    border = (hole[0].sum() + hole[-1].sum() + hole[:, 0].sum() + hole[:, -1].sum()) / (2 * (h + w))
    if hole.mean() > 0.5 and border > 0.5:
        session.note(
            f"{mask}: the hole is {hole.mean():.0%} of the picture and {border:.0%} of its border, which "
            f"looks inverted; if it is, pass --mask-means {turned}"
        )
    return hole


@main.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(), metavar="INPUT...")
@click.option(
    "--sigma", type=Number(0, 255), metavar="S",
    help="Standard deviation of the noise, 0 to 255 as 8-bit pixels count. Default: estimated for each "
    "picture.",
)  # fmt: skip
@_estimate("mean")
@_method(
    DENOISE_STEPS, "gaussian",
    "gaussian: for noise that is independent in each pixel; blind: for JPEG, film grain, scans.",
)  # fmt: skip
@_steps(DENOISE_STEPS)
@_sampler("ddpm")
@_SEED
@_with_settings(_OUTPUT, _OVERWRITE, *_MODEL)
def denoise(settings: Settings, inputs: tuple[str, ...], sigma: float | None, **walk: Any) -> None:
    """Remove noise from pictures: files, folders with their sub-folders, or - for standard input.

    \b
    restore denoise night.jpg
    restore denoise night.png --sigma 25 -o clean.png
    restore denoise scans -o clean --method blind
    """
    _check_walk(DENOISE_STEPS, walk)

    def task(picture: images.Picture, job: Job, session: Session) -> Prepared:
        def finish() -> images.Picture:
            from restore.tasks.denoise import denoise

            pixels = _channels(picture, job.name)
            if sigma is None and walk["method"] == "gaussian":
                _tell_noise(pixels, job, session)
            clean = denoise(pixels, sigma=sigma, backbone=session.backbone, progress=session.progress, **walk)
            return _with_channels(picture, clean)

        return Prepared(picture.size, finish)

    _restore(inputs, task, settings, ending="denoised")


def _tell_noise(pixels: NDArray[Any], job: Job, session: Session) -> None:
    """Say how much noise will be removed, and whether it is of the kind that can be."""
    from restore.arrays import canvas
    from restore.noise import measure

    found = measure(canvas(pixels).batch[0].permute(1, 2, 0).numpy())
    session.facts["sigma"] = round(255 * found.sigma, 3)
    session.note(f"{job.name}: noise sigma estimated at {255 * found.sigma:.1f} (of 255)")
    if found.sigma < FAINT:
        session.note(
            f"{job.name}: hardly any white noise; if you do see noise, it is of another kind (JPEG, grain, a "
            "resized picture): pass --method blind"
        )
    elif found.correlation > CORRELATED:
        session.note(
            f"{job.name}: neighbouring pixels share noise (correlation {found.correlation:.2f}), which is "
            "taken for detail; --method blind removes more of it"
        )


@main.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(), metavar="INPUT...")
@click.option(
    "--scale", type=Number(*SCALES), required=True, metavar="S",
    help="How many times wider and higher, 1.5 to 4, fractions too.",
)  # fmt: skip
@_estimate("sample")
@_method(
    UPSCALE_STEPS, None,
    "conditional: the network is shown the enlargement; projection: each step is made to agree with the "
    f"input. {_default_method(UPSCALE_METHOD)}",
)  # fmt: skip
@_steps(UPSCALE_STEPS)
@_sampler("ddim")
@_SEED
@_with_settings(_OUTPUT, _OVERWRITE, *_MODEL)
def upscale(settings: Settings, inputs: tuple[str, ...], scale: float, **walk: Any) -> None:
    """Enlarge pictures: files, folders with their sub-folders, or - for standard input.

    \b
    restore upscale small.png --scale 2
    restore upscale small.png --scale 2.5 --estimate mean -o large.png
    restore upscale thumbnails --scale 4 -o large
    """
    walk["method"] = walk["method"] or UPSCALE_METHOD[walk["estimate"]]
    _check_walk(UPSCALE_STEPS, walk)

    def task(picture: images.Picture, job: Job, session: Session) -> Prepared:
        h, w = (round(side * scale) for side in picture.size)
        if h * w > images.MAX_PIXELS:
            raise ImageError(
                f"{job.name}: {w}x{h} (w x h) would be {h * w / 1e6:.0f} megapixels, more than the "
                f"{images.MAX_PIXELS / 1e6:.0f} that can be written; crop it or lower --scale"
            )

        def finish() -> images.Picture:
            from restore.tasks.upscale import upscale

            pixels = _channels(picture, job.name)
            large = upscale(pixels, scale, backbone=session.backbone, progress=session.progress, **walk)
            return _with_channels(picture, large)

        return Prepared((h, w), finish)

    _restore(inputs, task, settings, ending=f"x{scale:g}")


@main.command()
@click.option("-n", "--count", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many.")
@click.option(
    "-o", "--output", type=click.Path(), required=True, metavar="DIR",
    help="Folder for sample-000.png and so on, and grid.png with all of them; created if missing.",
)  # fmt: skip
@click.option("--size", type=Size(), default="128", show_default=True, help="W or WxH in pixels.")
@click.option(
    "--sampler", type=click.Choice(SAMPLERS), default="ddim", show_default=True,
    help="ddim and dpmpp-2m need the fewest steps.",
)  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(1, 1000), default=SAMPLE_STEPS, show_default=True, metavar="N",
    help="Steps from pure noise to a picture.",
)  # fmt: skip
@_SEED
@_with_settings(_OVERWRITE, *_MODEL)
def sample(settings: Settings, count: int, size: tuple[int, int], **walk: Any) -> None:
    """Draw pictures from pure noise, to see what the network has learned.

    \b
    restore sample -n 16 -o drawn
    restore sample -n 4 -o drawn --size 192x128 --sampler dpmpp-2m --steps 25
    """
    target = Path(str(settings.output))
    paths = [*(target / f"sample-{k:03}.png" for k in range(count)), target / "grid.png"]
    folder.check_new(paths, target, overwrite=settings.overwrite)
    session = Session(settings, 1)
    h, w = size
    if settings.dry_run:
        for path in paths[:-1]:
            session.result(f"{path} ({w}x{h})", output=str(path), width=w, height=h, status="planned")
        session.result(f"{paths[-1]} (all of them)", output=str(paths[-1]), status="planned")
        return
    session.begin("sampling")
    try:
        for path, picture in zip(paths, _samples(count, size, walk, session), strict=True):
            folder.write(Job(None, path), picture, overwrite=settings.overwrite)
            h, w = picture.size
            session.result(str(path), output=str(path), width=w, height=h, status="done")
    finally:
        session.close()


def _samples(
    count: int, size: tuple[int, int], walk: Mapping[str, Any], session: Session
) -> list[images.Picture]:
    """The pictures drawn, and a grid of all of them."""
    import torch
    from torchvision.utils import make_grid

    from restore.tasks.sample import sample

    drawn = sample(count, size=size, backbone=session.backbone, progress=session.progress, **walk)
    bytes_ = (drawn * 255).round().to(torch.uint8)
    grid = make_grid(bytes_, nrow=math.ceil(math.sqrt(count)), padding=2)
    return [images.Picture(pixels=each.permute(1, 2, 0).numpy()) for each in (*bytes_, grid)]


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
    from restore.training.config import read_config
    from restore.training.loop import train as run

    settings = read_config(config, **{k: v for k, v in changes.items() if v is not None})
    run(settings, resume=resume, start_from=start_from, say=lambda line: click.echo(line, err=True))
