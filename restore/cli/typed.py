"""The command as it was typed, or would be typed for something else."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import click
from click.core import ParameterSource

from restore.cli.provenance import quoted
from restore.cli.recorder import given, words_of
from restore.stores import shown


class _Whole(Mapping[Path | None, str]):
    """Names of files as they were given, whatever they are."""

    def __getitem__(self, path: Path | None) -> str:
        return "-" if path is None else os.fspath(path)

    def __iter__(self) -> Iterator[Path | None]:
        return iter(())

    def __len__(self) -> int:
        return 0


def command_line(context: click.Context, *, without: Collection[str] = ()) -> str:
    """The command for a shell. without: names of options that are left out."""
    words = ["restore", str(context.info_name)]
    for each in context.command.params:
        value = context.params.get(each.name or "")
        if isinstance(each, click.Argument) and value:
            words += [shown(os.fspath(name)) for name in (value if isinstance(value, tuple) else (value,))]
    for option in given(context):
        typed = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if typed and option.name not in without:
            value = context.params[option.name or ""]
            words += [word for pair in words_of(option, value, _Whole()) for word in pair]
    words = ["-o" if word == "--output" else word for word in words]
    return " ".join(map(quoted, words))
