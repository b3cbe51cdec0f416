"""What `restore config` says: what is configured for which command, and where it comes from."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from restore.cli.config_file import close_to, options_of
from restore.cli.config_tables import Commands, Names, takes
from restore.cli.configuration import FILE_VARIABLE, PREFIX, Sources, variable
from restore.cli.events import event
from restore.errors import ConfigError

WIDTH = 100
ELSEWHERE = {FILE_VARIABLE, "RESTORE_DATA", "RESTORE_LPIPS_TRUNK"}
"""Variables that are not the value of an option."""

EXAMPLE = """\
# Defaults for the options of restore: long option names as keys. Remove the # before those that you want.
# What is typed on the command line wins over them, and so do variables such as RESTORE_DEVICE=cpu.

# For all commands that have the option:

# device = "cpu"              # auto, cpu, cuda, cuda:1 or mps
# quiet = true
# ignore = ["*.nef", "old/*"]

# For one command, here restore denoise:

[denoise]
# strength = 0.8              # leave a fifth of the grain
# skip-unchanged = true

[upscale]
# scale = 2
# estimate = "mean"

[inpaint]
# steps = 30

# restore eval has a table for all of its commands, and one for each:

[eval]
# metrics = ["psnr", "ssim"]

[eval.denoise]
# sigma = [15, 25]
"""


@dataclass(frozen=True)
class Row:
    """A value of an option. source: where it comes from; place: the variable, or the file and its key."""

    key: str
    value: Any
    source: str
    place: str


@dataclass
class Found:
    """What holds for each command, by the words that call it, and what cannot be read."""

    rows: dict[Names, list[Row]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def gathered(commands: Commands, below: Names, sources: Sources, *, defaults: bool) -> Found:
    """What holds for the commands below some words. defaults: also what is not configured."""
    root, found = click.get_current_context().find_root(), Found()
    for names, command in commands.each(below):
        ctx = click.Context(command, parent=root, info_name=names[-1])
        found.rows[names] = list(_rows(names, ctx, sources, found.problems, defaults=defaults))
    found.problems = list(dict.fromkeys(found.problems))
    return found


def _rows(
    names: Names, ctx: click.Context, sources: Sources, problems: list[str], *, defaults: bool
) -> Iterator[Row]:
    try:
        settings = sources.settings(names, ctx)
    except ConfigError as error:
        problems.append(str(error))
        whole = sources.given is None and sources.own is None
        if whole:
            settings = {}
        else:  # what the environment says is shown all the same
            yield from _rows(names, ctx, replace(sources, given=None, own=None), problems, defaults=defaults)
            return
    for key, option in options_of(ctx.command).items():
        shown = key.replace("_", "-")
        if (setting := settings.get(str(option.name))) is not None:
            number = isinstance(setting.value, bool | int | float)
            yield Row(shown, setting.value if number else setting.raw, setting.source, setting.place)
        elif defaults:
            default = option.get_default(ctx)
            known = isinstance(default, str | bool | int | float)  # click has a mark of its own for none
            yield Row(shown, default if known else None, "default", "default")


def as_event(found: Found, sources: Sources) -> str:
    """All of it as --json prints it."""
    commands = {
        " ".join(names): {
            row.key: {"value": row.value, "source": row.source, "place": row.place} for row in rows
        }
        for names, rows in found.rows.items()
    }
    own = {
        "own_file": None if sources.own is None else str(sources.own),
        "own_file_there": _there(sources.own),
    }
    return event("config", **own, problems=found.problems, commands=commands)


def as_lines(found: Found, sources: Sources) -> Iterator[str]:
    """All of it for people: a value that several commands have alike is shown once."""
    if sources.own is not None:
        yield f"Your own file: {sources.own}{'' if _there(sources.own) else ' (not there)'}"
    alike: dict[str, list[Names]] = {}
    for names, rows in found.rows.items():
        for row in rows:
            value = "not set" if row.value is None else f"= {json.dumps(row.value, ensure_ascii=False)}"
            alike.setdefault(f"{row.key} {value}  ({row.place})", []).append(names)
    if not (alike or found.problems):
        yield "Nothing is configured; all options have their defaults."
    for line, commands in alike.items():
        yield line
        if len(found.rows) > 1:
            words = ", ".join(" ".join(names) for names in commands)
            yield from textwrap.wrap(words, WIDTH, initial_indent="    ", subsequent_indent="    ")


def _there(path: Path | None) -> bool:
    try:
        return path is not None and path.exists()
    except OSError:
        return False


def unknown_variables(commands: Commands, names: Sequence[str]) -> Iterator[str]:
    """Say of variables that look like ones of options that they are none."""
    rest = sorted(name for name in names if name.startswith(PREFIX) and name not in ELSEWHERE)
    if not rest:
        return
    known = {
        variable(names[:depth], key)
        for names, command in commands.each()
        for key in options_of(command)
        for depth in range(len(names) + 1)
        if depth or takes(names, key)
    }
    for name in rest:
        if name not in known:
            yield f"note: {name} has no effect; {close_to(name, known)}"
