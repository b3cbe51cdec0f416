"""In what a record differs from the one that the command at hand would leave in its result."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click

from restore import images
from restore.cli.command import PictureCommand
from restore.cli.jobs import STDIO, Job
from restore.cli.kernel_files import BLUR, KernelFile
from restore.cli.options import Settings
from restore.cli.provenance import Record
from restore.cli.providers import differences, provided
from restore.cli.recorder import AS_DRAWN, ASKED, NO_MATTER, Recorder, given, words_of
from restore.cli.result_files import idle_in
from restore.cli.weights_hash import weights_hash
from restore.diffusion.seeds import draw_seed

# Looked at apart, or without effect on the result of a picture that can be read.
APART = NO_MATTER | AS_DRAWN | {"weights", "trial_seed", "allow_damaged", "tile"}
BUDGETED = ("nfe", "steps", "jump_length", "jump_repeats")  # what stands for a budget in seconds
SHORT = 12  # characters of a hash that are shown
READERS = 4
"""Files that are hashed at once."""


class Value(NamedTuple):
    """A value of an option as it is shown, and as it is compared: a file by its hash."""

    shown: str
    compared: str


Options = dict[str, tuple[Value, ...]]


class Matcher:
    """Compares records with the command at hand. recorder: reads standard input, which can be read once."""

    def __init__(self, command: PictureCommand, settings: Settings, recorder: Recorder):
        self.command, self.settings, self.recorder = command, settings, recorder
        self.context = click.get_current_context()
        named = [each for each in self.context.command.params if isinstance(each, click.Option)]
        self.options = {option.name or "": option for option in named}
        self._by_word = {word: each for each in named for word in (*each.opts, *each.secondary_opts)}
        self._hashes: dict[Path | None, str] = {}
        self._ahead: dict[Path, Future[str]] = {}
        self._weights: str | None = None

    def differences(self, record: Record, job: Job) -> list[str]:
        """Say in what a record differs; nothing where it is that of this job.

        Raises ImageError for an input, and WeightsError for weights, that cannot be read. The version does
        not count, nor do options that change only how a result is computed.
        """
        # Neither do threads, the version of torch and the machine, by which some pixels differ by a level: a
        # folder that is moved to another computer, or gone on with on fewer cores, is not all computed anew.
        name = str(self.context.info_name)
        if record.command != name:
            return [f"made by restore {record.command}, now by restore {name}"]
        pairs = self._pairs(record, job)
        words = ", now ".join(_listed(side) for side in zip(*pairs, strict=True))
        said = [f"made with {words}"]
        return [*(said if pairs else []), *self._others(record, job)]

    def hash_of(self, path: Path | None) -> str:
        """SHA-256 of a file; None is standard input. Raises ImageError."""
        if path not in self._hashes:
            piped = path is None or str(path) == STDIO
            if piped or path is None:
                data = self.recorder.read_picture(None, start=lambda _: None)
                self._hashes[path] = hashlib.sha256(data).hexdigest()
            else:
                ahead = self._ahead.pop(path, None)
                self._hashes[path] = images.hash_of(path) if ahead is None else ahead.result()
        return self._hashes[path]

    @contextmanager
    def hashing_ahead(self, paths: Iterable[Path | None]) -> Iterator[None]:
        """Hash files in threads meanwhile: a disk, and more so a share, is faster with several at once."""
        pool = ThreadPoolExecutor(READERS)
        try:
            for path in paths:
                if path is not None and path not in self._hashes and images.what_is(path) == "a file":
                    self._ahead[path] = pool.submit(images.hash_of, path)
            yield
        finally:
            pool.shutdown(cancel_futures=True)
            self._ahead.clear()

    def _pairs(self, record: Record, job: Job) -> list[tuple[str, str]]:
        """What options were and are, as words, where they differ."""
        before, now = self._recorded(record), self._now()
        for name in idle_in(job, self.settings):
            now.pop(name, None)
        first = self.command.options["seed"]
        seeds = record.seed, draw_seed(first, job.draw)
        if seeds[0] is not None:
            before["seed"], now["seed"] = (_value(f"--seed {seed}") for seed in seeds)
        tried, wanted = _told(record.arguments, "--trial-seed"), self.context.params.get("trial_seed")
        if tried or wanted is not None:
            before["trial_seed"] = _value(f"--trial-seed {tried or record.seed}")
            now["trial_seed"] = _value(f"--trial-seed {first if wanted is None else wanted}")
        if ("--allow-damaged",) in record.arguments and not self.settings.allow_damaged:
            before["allow_damaged"] = _value("--allow-damaged")
        if (self.settings.precision, record.precision) == ("fp32", "bf16"):  # not so the other way round
            before["precision"], now["precision"] = _value("--precision bf16"), _value("--precision fp32")
        self._resolve_method(record, before, now)
        return [
            (self._shown(old, name), self._shown(new, name))
            for name in dict.fromkeys((*before, *now))
            if _compared(old := before.get(name, self._default(name)))
            != _compared(new := now.get(name, self._default(name)))
        ]

    def _recorded(self, record: Record) -> Options:
        """The options of a record that are looked at by their words."""
        found: Options = {}
        for word, *rest in (*record.arguments, *record.asked):
            option = self._by_word.get(word)
            name = word if option is None else option.name or ""
            if name in APART and name not in ASKED:
                continue
            shown = compared = " ".join((word, *rest))
            for file, digest in record.inputs:
                if rest and rest[0] in (file, BLUR + file):
                    compared = shown.removesuffix(file) + digest
            found[name] = (*found.get(name, ()), Value(shown, compared))
        if "seconds" in found:
            for name in BUDGETED:
                found.pop(name, None)
        return found

    def _now(self) -> Options:
        """The same of the options that are given."""
        found: Options = {}
        for option in given(self.context):
            name = option.name or ""
            value = self.context.params[name]
            if name in APART and name not in ASKED:
                continue
            hashes: dict[Path | None, str] = {file: self.hash_of(file) for file in files_in(value)}
            shown, compared = (words_of(option, value, names) for names in ({}, hashes))
            found[name] = tuple(
                Value(" ".join(one), " ".join(two)) for one, two in zip(shown, compared, strict=True)
            )
        return found

    def _resolve_method(self, record: Record, before: Options, now: Options) -> None:
        """A method that is named is the same as one that is used without."""
        if self._default("method"):
            return
        if "method" in before and "method" not in now:
            used = str(self.command.options.get("method"))
            same = _compared(before["method"]) == [f"--method {used}"]
        else:
            used = record.method
            same = "method" not in before and _compared(now.get("method", ())) == [f"--method {used}"]
        if same:
            before.pop("method", None)
            now.pop("method", None)

    def _default(self, name: str) -> tuple[Value, ...]:
        """What holds for an option that is not given."""
        option = self.options.get(name)
        if option is None or option.is_flag or option.multiple:
            return ()
        plain = option.get_default(click.Context(self.context.command))
        if not isinstance(plain, str | int | float):  # click has a mark of its own for none
            return ()
        return tuple(Value(text, text) for text in map(" ".join, words_of(option, plain, {})))

    def _shown(self, values: Sequence[Value], name: str) -> str:
        """The words of an option, also where it is not given."""
        option = self.options.get(name)
        word = name if option is None else max(option.opts, key=len)
        return " ".join(value.shown.removesuffix(".0") for value in values) or f"no {word}"

    def _others(self, record: Record, job: Job) -> Iterator[str]:
        """Say what else has made it: other pictures, masks in folders, weights."""
        source, *rest = record.inputs or (("", ""),)
        if job.origin is None and source[1] != self.hash_of(job.source):  # an object is not fetched for this
            name = STDIO if job.source is None else job.source.name
            other = f"another {name}" if Path(source[0]).name == name else source[0] or "something else"
            yield f"made from {other}"
        said = {value for _, *values in record.arguments for value in values}
        for name, digest in rest:
            if name in said or BLUR + name in said:
                continue  # an option that was looked at
            ends = Path(name).parts
            files = [each for each in self.command.reads if each.parts[-len(ends) :] == ends]
            if digest not in map(self.hash_of, files):
                yield f"made with another {name}"
        yield from differences(record.plugins, provided(self.context))
        if record.weights and record.weights != (weights := self._weights_hash()):
            yield f"made with the weights {record.weights[:SHORT]}, now {weights[:SHORT]}"

    def _weights_hash(self) -> str:
        if self._weights is None:
            self._weights = weights_hash(self.settings.weights)
        return self._weights


def _value(text: str) -> tuple[Value, ...]:
    return (Value(text, text),)


def _told(arguments: Iterable[Sequence[str]], word: str) -> str:
    """The value of an option in a record; empty where it holds none."""
    return next((each[1] for each in arguments if len(each) == 2 and each[0] == word), "")


def _compared(values: Iterable[Value]) -> list[str]:
    return [value.compared for value in values]


def files_in(value: Any) -> Iterator[Path]:
    """The files that a value of an option names."""
    for each in value if isinstance(value, tuple) else (value,):
        path = each.path if isinstance(each, KernelFile) else each
        if isinstance(path, Path) and not images.is_folder(path):
            yield path


def _listed(words: Sequence[str]) -> str:
    """Options that were, or are, given; those that are not where there are no others."""
    return " and ".join([word for word in words if not word.startswith("no ")] or words)
