"""What made the picture at hand: the files that were read, the options, the network calls."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from restore import __version__, images
from restore.cli.jobs import STDIO
from restore.cli.provenance import Record

if TYPE_CHECKING:
    from restore.priors.protocol import Prior

# What changes where the picture goes or what is said, but not the picture.
NO_MATTER = {
    *("output", "overwrite", "quiet", "json", "dry_run", "provenance", "config", "report_consistency"),
    *("seconds", "uncertainty", "uncertainty_samples"),  # recorded as the calls that they were
    *("device", "precision"),  # recorded as they were used
}
AS_DRAWN = {"seed", "samples"}  # each sample has its own seed, which is recorded


class Recorder:
    """Reads the files of a picture and counts its network calls, to say what made it.

    chosen: options that a budget in seconds has become, as words. precision: what the network was computed
    in, where that is not the prior's.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.chosen: tuple[tuple[str, str], ...] = ()
        self.precision = ""
        self._name: str | None = None
        self._files: dict[Path | None, bytes] = {}

    def begin(self, name: str) -> None:
        """A picture's turn has come; its files are kept for all of its samples."""
        self.restart()
        self.chosen, self.precision = (), ""
        if name != self._name:
            self._files = {}
        self._name = name

    def restart(self) -> None:
        """The picture is computed again: calls made so far do not count."""
        self.calls = 0

    def read(self, path: Path | None) -> bytes:
        """A file, or all of standard input, read once; the record will name it."""
        if path not in self._files:
            self._files[path] = sys.stdin.buffer.read() if path is None else images.read_bytes(path)
        return self._files[path]

    def record(self, method: str, seed: int | None, prior: Prior | None) -> Record:
        """What made the picture at hand. prior: None where it needed none."""
        context = click.get_current_context()
        names = {path: _short_name(path, self._files) for path in self._files}
        hashes = [hashlib.sha256(data).hexdigest() for data in self._files.values()]
        arguments = [*_arguments(context, names), *self.chosen]
        if seed:
            arguments.append(("--seed", str(seed)))
        used: dict[str, str] = {}
        if prior is not None:
            narrow = "bfloat16" in str(prior.dtype)
            used = {
                "weights": prior.facts.get("sha256", ""),
                "device": prior.device.type,
                "precision": self.precision or ("bf16" if narrow else "fp32"),
            }
        return Record(
            version=__version__,
            command=str(context.info_name),
            arguments=tuple(arguments),
            inputs=tuple(zip(names.values(), hashes, strict=True)),
            method=method,
            seed=seed,
            calls=self.calls,
            **used,
        )


def _short_name(path: Path | None, others: Iterable[Path | None]) -> str:
    """The name without its folders, or with as many of them as tell it from other files of that name."""
    if path is None:
        return STDIO
    ends = [path.parts[-count:] for count in range(1, len(path.parts) + 1)]
    alone = (end for end in ends if not any(o and o != path and o.parts[-len(end) :] == end for o in others))
    name = str(Path(*next(alone, path.parts)))
    return f"./{name}" if name == STDIO else name


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
