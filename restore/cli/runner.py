"""One command at work: pictures are read, checked, restored one by one, written and reported."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import click
from click.core import ParameterSource

from restore import __version__, images
from restore.cli import jobs as folder
from restore.cli.jobs import Job
from restore.cli.options import CANCELLED, Settings, load_prior
from restore.cli.provenance import Record, history_of, stamped, unstamped
from restore.cli.uncertainty_map import check_map, write_map
from restore.errors import ImageError, NumbersError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tqdm import tqdm

    from restore.priors.backbone import Backbone


class Session:
    """One command at work: the network, loaded when first asked for, and what is said meanwhile.

    facts: what the task found out about the picture at hand, for ``--json``. calls: made for it so far.
    """

    def __init__(self, settings: Settings, pictures: int) -> None:
        self.settings = settings
        self.facts: dict[str, Any] = {}
        self.calls = 0
        self._precision = ""
        self._finished = 0
        self._name, self._draw = "", 0
        self.began = time.perf_counter()  # with the picture at hand
        self.speeds: dict[tuple[Any, ...], float] = {}  # seconds for a pixel of a call, by how it is walked
        self.chosen: tuple[tuple[str, str], ...] = ()  # options that a budget in seconds has become
        self._files: dict[Path | None, bytes] = {}  # that were read for the picture at hand
        self._bar = _bar(pictures) if not (settings.quiet or settings.dry_run) else None

    @functools.cached_property
    def backbone(self) -> Backbone:
        # Where it can, a foreign network answers as ours does; where it cannot, it says so.
        network = cast("Backbone", load_prior(self.settings))
        if self._bar is not None:
            self._bar.unpause()  # the time left is for pictures, not for loading
        return network

    def read(self, path: Path | None) -> bytes:
        """A file, or all of standard input, once for all samples of a picture; the record will name it."""
        if path not in self._files:
            self._files[path] = sys.stdin.buffer.read() if path is None else images.read_bytes(path)
        return self._files[path]

    @property
    def narrow(self) -> bool:
        """Whether the network computes in less than single precision."""
        return "bfloat16" in str(self.backbone.dtype)

    @contextmanager
    def in_float32(self) -> Iterator[None]:
        """The network in single precision, for one picture."""
        network, self.calls, self._precision = self.backbone, 0, "fp32"
        # Loaded anew: half precision has rounded these weights, and --precision fp32 has to give the same.
        self.backbone = cast("Backbone", load_prior(replace(self.settings, precision="fp32")))
        try:
            yield
        finally:
            self.backbone = network

    def begin(self, name: str, draw: int = 0) -> None:
        self.facts, self.calls, self._precision, self.chosen = {}, 0, "", ()
        if name != self._name:
            self._files = {}
        self._name, self._draw, self.began = name, draw, time.perf_counter()
        self.progress(0, 1)

    def drawn(self, walk: Mapping[str, Any]) -> dict[str, Any]:
        """What is asked for, with the seed of the sample that is to be drawn."""
        return {**walk, "seed": (walk["seed"] + self._draw) % SEEDS}

    def progress(self, done: int, total: int) -> None:
        """Show how far the picture is; called after every network call."""
        self.calls += done > 0
        if self._bar is not None:
            step = f" step {done}/{total}" if done else ""
            self._bar.set_description_str(self._name + step, refresh=False)
            self._bar.update(self._finished + done / total - self._bar.n)

    def end(self) -> None:
        self._finished += 1

    def record(self, walk: Mapping[str, Any]) -> Record:
        """What made the picture at hand, and the files that were read for it."""
        context, seed = click.get_current_context(), walk.get("seed")
        names = {path: _short_name(path, self._files) for path in self._files}
        hashes = [hashlib.sha256(data).hexdigest() for data in self._files.values()]
        arguments = [*_arguments(context, names), *self.chosen]
        if seed is not None:
            seed = self.drawn(walk)["seed"]
        if seed:
            arguments.append(("--seed", str(seed)))
        used: dict[str, str] = {}
        if network := self.__dict__.get("backbone"):  # a picture may have needed none
            used = {
                "weights": network.facts.get("sha256", ""),
                "device": network.device.type,
                "precision": self._precision or ("bf16" if self.narrow else "fp32"),
            }
        return Record(
            version=__version__,
            command=str(context.info_name),
            arguments=tuple(arguments),
            inputs=tuple(zip(names.values(), hashes, strict=True)),
            method=str(self.facts.get("method") or walk.get("method") or ""),
            seed=seed,
            calls=self.calls,
            **used,
        )

    def note(self, text: str) -> None:
        if not self.settings.quiet and not self._draw:  # what is said of the first sample holds for all
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


@dataclass(frozen=True)
class Prepared:
    """A picture that has been checked.

    size: (h, w) of the result. finish: computes it. truth: how true a result is to the picture, as a line and
    as facts for ``--json``. deviation: of what is not known of it, [0, 1] units ``(h, w)``.
    """

    size: tuple[int, int]
    finish: Callable[[], images.Picture]
    truth: Callable[[images.Picture], tuple[str, dict[str, Any]]] | None = None
    deviation: Callable[[], NDArray[np.float32]] | None = None


class OnlyPlannedError(Exception):
    """A dry run, whose plan has been told."""


Task = Callable[[images.Picture, Job, Session], Prepared]
"""Checks a picture and notes what the user should know; nothing is computed yet."""


def restore_all(
    inputs: tuple[str, ...],
    task: Task,
    settings: Settings,
    *,
    ending: str,
    reads: tuple[Path, ...] = (),
    walk: Mapping[str, Any] | None = None,
) -> None:
    """Plan, check, restore every input, report; ends the program with the exit code.

    reads: files that the task reads beside the pictures. walk: what the task asks of its function.
    """
    try:
        planned = folder.plan(inputs, settings.output, ending=ending, samples=settings.samples)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if any(job.target is None for job in planned.jobs) and not settings.dry_run:
        if _on_terminal(sys.stdout):
            raise click.UsageError("standard output is a terminal; redirect it, or give a file with -o")
        if settings.json:
            raise click.UsageError("--json and the picture both want standard output; give a file with -o")
    check_map(settings, planned.jobs, reads)
    todo, skipped = folder.sort_out(planned, overwrite=settings.overwrite, reads=reads)
    session = Session(settings, len(todo))
    try:
        for job in skipped if settings.json else []:
            session.result("", input=job.name, output=str(job.target), status="skipped")
        tally = folder.run(todo, lambda job: _restore_one(job, task, session, walk or {}), _reporter(session))
    finally:
        session.close()
    _finish(tally, session, len(planned.jobs), skipped)


def _restore_one(job: Job, task: Task, session: Session, walk: Mapping[str, Any]) -> None:
    start = time.monotonic()
    session.begin(job.name, job.draw)
    picture = images.decode(session.read(job.source), name=job.name)
    for text in picture.notes:
        session.note(f"{job.name}: {text}")
    lost = [] if job.target is None else images.lossy_notes(job.target, picture)
    prepared = task(picture, job, session)
    h, w = prepared.size
    target = "standard output" if job.target is None else str(job.target)
    about = {"input": job.name, "output": target, "width": w, "height": h}
    if session.settings.dry_run:
        if session.settings.budgeted:
            with suppress(OnlyPlannedError):  # where there is nothing to be done there is no plan
                _computed(prepared, job, session)
        before = f"{picture.size[1]}x{picture.size[0]}"
        session.result(f"{job.name} ({before}) -> {target} ({w}x{h})", **about, status="planned")
        session.end()
        return
    for text in lost:
        session.note(f"{target}: {text}")
    result = _computed(prepared, job, session)
    wanted = None if job.draw else session.settings.uncertainty
    deviation = None if wanted is None else _deviation(prepared, job, session)
    kind = result.format if job.target is None else images.kind_of(job.target)
    if session.settings.provenance:
        marked = stamped(result, session.record(walk), kind)
        if kind != "bmp" and not history_of(marked).records:
            session.note(f"{target}: no room for the record of what made it, which is left out")
        result = marked
    else:
        result = unstamped(result)
    if session.settings.report_consistency:
        _report_truth(prepared, result, kind, session, job)
    if job.target is None:
        sys.stdout.buffer.write(images.encode(result, kind))
        sys.stdout.buffer.flush()
    else:
        folder.write(job, result, overwrite=session.settings.overwrite)
    if wanted is not None:  # the picture is safe by now
        _write_map(wanted, deviation, session, job)
    if job.target is not None:
        session.result(target, **about, status="done", seconds=round(time.monotonic() - start, 3))
    session.end()


def _report_truth(prepared: Prepared, result: images.Picture, kind: str, session: Session, job: Job) -> None:
    """How true a result is to its picture, as a file of that kind will hold it: rounded, and compressed."""
    line = "nothing says what was done to it, so how true the result is cannot be measured"
    if prepared.truth:
        line, facts = prepared.truth(images.decode(images.encode(result, kind), name=job.name))
        session.facts.update(facts)
    session.note(f"{job.name}: {line}")


def _deviation(prepared: Prepared, job: Job, session: Session) -> NDArray[np.float32] | None:
    """How sure the picture at hand is; None, with the reason told, where that could not be found out."""
    assert prepared.deviation is not None  # every command that has the option gives one
    calls, ensemble = session.calls, session.backbone.ensemble
    session.backbone.ensemble = session.settings.ensemble  # a budget may have chosen another for the picture
    try:
        return prepared.deviation()
    except NumbersError as error:
        session.error(f"{job.name}: no map of uncertainty: {error}")
    finally:  # the calls of the map are not the picture's
        session.calls, session.backbone.ensemble = calls, ensemble
    return None


def _write_map(path: Path, deviation: NDArray[np.float32] | None, session: Session, job: Job) -> None:
    """How sure the picture at hand is, as a file, and in words."""
    if deviation is None:
        return
    brightest = write_map(path, deviation, overwrite=session.settings.overwrite)
    sure = float((deviation**2).mean() ** 0.5)
    session.facts.update(uncertainty=str(path), deviation=round(255 * sure, 3))
    scale = f"; brightest: {255 * brightest:.1f}" if path.suffix.lower() == ".png" else ""
    session.note(f"{job.name}: a deviation of {255 * sure:.1f} of 255 on average is in {path}{scale}")


def check_writable(job: Job, size: tuple[int, int], factor: str) -> None:
    """Raise ImageError where the result of ``size`` (h, w) has too many pixels; factor: what to lower."""
    h, w = size
    if h * w > images.MAX_PIXELS:
        raise ImageError(
            f"{job.name}: {w}x{h} (w x h) would be {h * w / 1e6:.0f} megapixels, more than the "
            f"{images.MAX_PIXELS / 1e6:.0f} that can be written; crop it or lower {factor}"
        )


def _short_name(path: Path | None, others: Iterable[Path | None]) -> str:
    """The name without its folders, or with as many of them as tell it from other files of that name."""
    if path is None:
        return folder.STDIO
    ends = [path.parts[-count:] for count in range(1, len(path.parts) + 1)]
    alone = (end for end in ends if not any(o and o != path and o.parts[-len(end) :] == end for o in others))
    name = str(Path(*next(alone, path.parts)))
    return f"./{name}" if name == folder.STDIO else name


# What changes where the picture goes or what is said, but not the picture.
NO_MATTER = {
    *("output", "overwrite", "quiet", "json", "dry_run", "provenance", "config", "report_consistency"),
    *("seconds", "uncertainty", "uncertainty_samples"),  # recorded as the calls that they were
    *("device", "precision"),  # recorded as they were used
}
SEEDS = 2**32  # what --seed takes: after the last one comes 0
AS_DRAWN = {"seed", "samples"}  # each sample has its own seed, which is recorded


def _arguments(context: click.Context, names: Mapping[Path | None, str]) -> Iterator[tuple[str, ...]]:
    """The options that were given, on the command line or in a file, as words; names: of files."""
    given = (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP)
    for option in context.command.params:
        name = option.name or ""
        if not isinstance(option, click.Option) or name in NO_MATTER | AS_DRAWN:
            continue
        if context.get_parameter_source(name) not in given:
            continue
        value, word = context.params[name], max(option.opts, key=len)
        if option.is_flag and not value:
            word = option.secondary_opts[0]
        for each in value if option.multiple else [value]:
            yield (word,) if option.is_flag else (word, _word(each, names))


def _word(value: Any, names: Mapping[Path | None, str]) -> str:
    """A value as it is written on the command line."""
    if isinstance(value, Path):
        return names.get(value, value.name)
    if isinstance(value, tuple):  # a size, (h, w)
        return "x".join(map(str, reversed(value)))
    return str(value)


def _computed(prepared: Prepared, job: Job, session: Session) -> images.Picture:
    """The finished picture; where half precision ends in values that are not finite, in single precision."""
    try:
        return _in_memory(prepared, job)
    except NumbersError as error:
        if not session.narrow:
            raise
        session.note(f"{job.name}: {error}; computed again in float32")
    with session.in_float32():
        return _in_memory(prepared, job)


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


def channels(picture: images.Picture, name: str) -> NDArray[Any]:
    """What the tasks are given: (h, w, 1..4), gray or RGB, with alpha. Raises ImageError for odd floats."""
    import numpy as np

    colour = picture.pixels[..., :1] if picture.gray else picture.pixels
    if picture.bits == 32:
        from restore.images.canvas import canvas

        try:
            canvas(colour)
        except ValueError as error:
            raise ImageError(f"{name}: {error}") from error
    return colour if picture.alpha is None else np.dstack([colour, picture.alpha])


def with_channels(picture: images.Picture, channels: NDArray[Any]) -> images.Picture:
    """The same kind of picture with a task's result, which may have another size."""
    import numpy as np

    colour = channels[..., :3] if channels.shape[2] > 2 else np.repeat(channels[..., :1], 3, axis=2)
    return picture.with_pixels(colour, alpha=None if picture.alpha is None else channels[..., -1])
