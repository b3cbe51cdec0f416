"""Keep account of what made a picture: the files that were read, the options, the network calls."""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from restore import __version__, images
from restore.cli import streams
from restore.cli.computed_on import computed_on
from restore.cli.details import precision_of
from restore.cli.jobs import STDIO
from restore.cli.kernel_files import KernelFile
from restore.cli.provenance import Record
from restore.cli.providers import provided
from restore.errors import ImageError
from restore.images.files import Start

if TYPE_CHECKING:
    from restore.priors.protocol import Prior

# Options that change where the picture goes or what is printed, but not the picture.
NO_MATTER = {
    *("output", "overwrite", "quiet", "json", "dry_run", "provenance", "config", "report_consistency"),
    *("verbose", "trajectory", "ignore", "max_memory", "save_mask"),
    *("seconds", "uncertainty", "uncertainty_samples"),  # recorded as the calls that they were
    *("device", "precision"),  # recorded as they were used
    *("skip_unchanged", "suffix", "format", "output_template", "jobs", "engine", "address"),
    *("manifest", "shard", "retry_failed", "forced", "in_place", "backup"),
    *("report", "compare", "preview", "opened", "watch", "settle", "poll"),
}
ASKED = {"seconds"}  # recorded as they were given, too
AS_DRAWN = {"seed", "samples", "copies"}  # each sample has its own seed, which is recorded


class StandardInput:
    """Standard input, which can be read once, and be the mask of many pictures."""

    def __init__(self) -> None:
        self._data: bytes | None = None
        self._lock = threading.Lock()

    def read(self, start: Start) -> bytes:
        """Give all of it. start: looks at its first bytes."""
        with self._lock:
            if self._data is None:
                self._data = read_input(start)
            return self._data


class Recorder:
    """Reads the files of a picture and counts its network calls for the record.

    piped: what several of these share.
    chosen: options that stand for a budget in seconds, as words. precision: that of the computation, when
    it is not the prior's.
    """

    def __init__(self, piped: StandardInput | None = None) -> None:
        self.calls = 0
        self.chosen: tuple[tuple[str, str], ...] = ()
        self.precision = ""
        self._name: str | None = None
        self._files: dict[Path | None, bytes] = {}
        self._hashes: dict[Path | None, str] = {}
        self._piped = piped or StandardInput()

    def begin(self, name: str) -> None:
        """Start a new picture. Its files are kept for all of its samples."""
        self.restart()
        self.chosen, self.precision = (), ""
        if name != self._name:
            self._files, self._hashes = {}, {}
        self._name = name

    def restart(self) -> None:
        """Forget the calls made so far, because the picture is computed again."""
        self.calls = 0

    def read_document(self, path: Path) -> None:
        """Let the record name a document, which is read page by page."""
        if path not in self._hashes:
            self._hashes[path] = images.hash_of(path)

    def read(self, path: Path) -> bytes:
        """Read a file once; the record names it."""
        if path not in self._files:
            self._files[path] = images.read_bytes(path)
        return self._files[path]

    def read_picture(self, path: Path | None, *, start: Start | None = None) -> bytes:
        """Read a picture, or all of standard input, once; what does not begin like a picture is refused.

        start: looks at the first bytes, for other kinds of files.
        """
        if path is None:
            self._files[path] = self._piped.read(start or images.picture_start("standard input"))
        elif path not in self._files:
            self._files[path] = images.read_bytes(path, start=start or images.picture_start(str(path)))
        return self._files[path]

    def record(
        self, method: str, seed: int | None, prior: Prior | None, *, idle: Collection[str] = ()
    ) -> Record:
        """Give the record of the current picture.

        prior: None when no network was needed. idle: names of options that do nothing for its format.
        """
        context = click.get_current_context()
        paths = dict.fromkeys((*self._hashes, *self._files))
        names = {path: _short_name(path, paths) for path in paths}
        hashes = [self._hash(path) for path in paths]
        arguments = [*_arguments(context, names, idle), *self.chosen]
        if seed:
            arguments.append(("--seed", str(seed)))
        used: dict[str, Any] = {}
        if prior is not None:
            used = {
                "weights": prior.facts.get("sha256", ""),
                "device": prior.device.type,
                "precision": self.precision or precision_of(prior),
            }
        return Record(
            version=__version__,
            command=str(context.info_name),
            arguments=tuple(arguments),
            inputs=tuple(zip(names.values(), hashes, strict=True)),
            method=method,
            seed=seed,
            calls=self.calls,
            asked=tuple(asked(context)),
            plugins=provided(context),
            **used,
            **computed_on(used.get("device", "")),
        )

    def _hash(self, path: Path | None) -> str:
        if path not in self._hashes:
            import hashlib

            self._hashes[path] = hashlib.sha256(self._files[path]).hexdigest()
        return self._hashes[path]


def read_input(start: Start) -> bytes:
    """All of standard input. Raises ImageError where it cannot be read. start: looks at the first bytes."""
    if streams.is_closed(0):
        raise ImageError("standard input is closed; pipe a picture into it, or name a file")
    try:
        return images.read_stream(sys.stdin.buffer, "standard input", start=start)
    except OSError as error:
        raise ImageError(f"standard input: cannot read ({error.strerror}); name a file") from error


def _short_name(path: Path | None, others: Iterable[Path | None]) -> str:
    """Give the name without folders, or with as many as distinguish it from other files of that name."""
    if path is None:
        return STDIO
    ends = [path.parts[-count:] for count in range(1, len(path.parts) + 1)]
    alone = (end for end in ends if not any(o and o != path and o.parts[-len(end) :] == end for o in others))
    name = str(Path(*next(alone, path.parts)))
    return f"./{name}" if name == STDIO else name


def _arguments(
    context: click.Context, names: Mapping[Path | None, str], idle: Collection[str]
) -> Iterator[tuple[str, ...]]:
    """Give the options of the command line and the configuration file as words. names: of files."""
    for option in given(context):
        if option.name not in NO_MATTER | AS_DRAWN | {*idle}:
            yield from words_of(option, context.params[option.name or ""], names)


def asked(context: click.Context) -> Iterator[tuple[str, ...]]:
    """Give the options that were given and that others stand for, as words."""
    for option in given(context):
        if option.name in ASKED:
            yield from words_of(option, context.params[option.name or ""], {})


def given(context: click.Context) -> Iterator[click.Option]:
    """Give the options of a command that the command line or the configuration file sets."""
    sources = (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP)
    for option in context.command.params:
        name = option.name or ""
        there = name in context.params and context.get_parameter_source(name) in sources
        if there and isinstance(option, click.Option):
            yield option


def words_of(option: click.Option, value: Any, names: Mapping[Path | None, str]) -> Iterator[tuple[str, ...]]:
    """Give a value of an option as words on the command line. names: of files."""
    word = max(option.opts, key=len)
    if option.is_flag and not value:
        word = option.secondary_opts[0]
    for each in value if option.multiple else [value]:
        yield (word,) if option.is_flag else (word, _word(each, names))


def _word(value: Any, names: Mapping[Path | None, str]) -> str:
    """Write a value as on the command line."""
    if isinstance(value, Path):
        return names.get(value, value.name)
    if isinstance(value, KernelFile):
        return value.before + _word(value.path, names)
    if isinstance(value, tuple):  # files, or a size, (h, w)
        if isinstance(value[0], str):
            return ",".join(names.get(Path(each), Path(each).name) for each in value)
        return "x".join(map(str, reversed(value)))
    return str(value)
