"""What other installed packages offer and a command line names: for records, and to compare them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from restore import plugins
from restore.cli.provenance import Record
from restore.diffusion.samplers import SAMPLERS
from restore.inverse.spec import parse_spec
from restore.plugins import Plugin
from restore.tasks import catalogue

TASKS = {"deblur": "solve", "colorize": "solve", "erase": "inpaint", "repair": "inpaint"}
"""The task of each command that is called otherwise."""

Provided = tuple[tuple[str, str, str, str], ...]
"""What it is, its name, the package and its version."""


def provided(context: click.Context) -> Provided:
    """Give what the options of a command name that comes from other packages."""
    each = (
        (one.group.removesuffix("s"), one.name.rpartition(".")[2], one.package, one.version)
        for one in _named(context)
    )
    return tuple(dict.fromkeys(each))


def _named(context: click.Context) -> Iterator[Plugin]:
    command, values = str(context.info_name), context.params
    task, method, sampler = TASKS.get(command, command), values.get("method"), values.get("sampler")
    found = [plugins.find("samplers", sampler)] if sampler and sampler not in SAMPLERS else []
    if method and task in catalogue.TASKS:
        found.append(catalogue.plugin_of(task, method))
    if command == "solve":
        found += [parse_spec(word).plugin for word in values["words"] if isinstance(word, str)]
    yield from filter(None, found)


def in_words(record: Record) -> str:
    """Say what of a record came from other packages; empty where nothing did."""
    return ", ".join(
        f"{what} {name} of {package} {version}".rstrip() for what, name, package, version in record.plugins
    )


def differences(before: Sequence[Sequence[str]], now: Provided) -> Iterator[str]:
    """Say which names have come from other packages than they do now; versions do not count."""
    packages = {(what, name): package for what, name, package, _ in now}
    for what, name, package, _ in before:
        other = packages.get((what, name), package)
        if other != package:
            yield f"made with {what} {name} of {package}, now of {other}"
