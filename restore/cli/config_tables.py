"""What of a configuration file is for a command: keys shared by all commands, and a table for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from restore.cli.config_file import close_to, keys_of, options_of
from restore.errors import ConfigError
from restore.images.outside import plain

UNCONFIGURED = {
    *("train", "info", "doctor", "completion", "config", "schema", "demo", "plan", "status", "undo", "serve"),
}
"""Commands that nothing of this is for: training has a file of its own, the others look, or serve a page."""

MACHINE = {"weights", "device", "precision", "tile", "quiet", "verbose", "overwrite"}
NARROW = {"fit", "convert", "eval", "schedule"}
"""Commands in which steps, sigma and others mean something else, or whose numbers they would change unseen.
Of what is shared they take `MACHINE` alone."""

OTHERWISE = {"vary": {"strength"}, "sample": {"scale"}}
"""Options that mean something else than those of the same name, so that shared ones are not theirs."""

Names = tuple[str, ...]
Values = dict[str, tuple[str, Any]]  # by the keys of options, each with its place


def is_configured(command: click.Command) -> bool:
    """Whether a command takes options from files and from the environment: those with --config."""
    return any(isinstance(each, click.Option) and each.name == "config" for each in command.params)


def takes(names: Names, key: str) -> bool:
    """Whether a command takes a shared value of an option that it has. names: the words that call it."""
    return key in MACHINE if names[0] in NARROW else key not in OTHERWISE.get(names[0], ())


class Commands:
    """The commands that can be configured, imported when they are looked at. root: the program."""

    def __init__(self, root: click.Command):
        self.root = root

    def names(self) -> list[str]:
        """Those that a table can be for."""
        return [name for name in _inner(self.root) if name not in UNCONFIGURED]

    def each(self, below: Names = ()) -> Iterator[tuple[Names, click.Command]]:
        """The commands, or a command and those of a group, with the words that call them."""
        group: click.Command | None = self.root
        for name in below:
            group = _inside(group, name)
        if group is not None and below and is_configured(group):
            yield below, group
        for name in _inner(group) if below else self.names():
            yield from self.each((*below, name))

    def having(self, key: str, below: Names = ()) -> Iterator[Names]:
        """The commands that have an option."""
        return (names for names, command in self.each(below) if key in options_of(command))

    def taking(self, key: str) -> Iterator[Names]:
        """The commands that take a shared value of an option."""
        return (names for names in self.having(key) if takes(names, key))

    def keys(self, below: Names = (), *, shared: bool = False) -> set[str]:
        """The keys of all options, or of those that can be shared."""
        each = self.each(below)
        return {key for names, one in each for key in options_of(one) if not shared or takes(names, key)}


def _inner(group: click.Command | None) -> list[str]:
    return group.list_commands(click.Context(group)) if isinstance(group, click.Group) else []


def _inside(group: click.Command | None, name: str) -> click.Command | None:
    return group.get_command(click.Context(group), name) if isinstance(group, click.Group) else None


@dataclass(frozen=True)
class ConfigTables:
    """A configuration file.

    flat: whether without tables its keys are for the command at hand, as those that name the file for one
    command have them.
    """

    path: Path
    content: Mapping[str, Any]
    commands: Commands
    flat: bool = False

    def values(self, names: Names, command: click.Command) -> Iterator[tuple[bool, Values]]:
        """The values for a command, the first of which hold, and whether they are shared.

        names: the words that call it. Raises ConfigError for keys and tables that nothing is meant by.
        """
        tables = {name: value for name, value in self.content.items() if isinstance(value, dict)}
        self._check_names(tables)
        options = options_of(command)
        for values in reversed(list(self._own(tables, names, options))):
            yield False, values
        shared = {name: value for name, value in self.content.items() if name not in tables}
        found = keys_of(shared, f"{self.path}: ")
        if self.flat and not tables:
            self._check_known(found, options)
            yield False, {key: value for key, value in found.items() if key in options}
        else:
            taken = {key for key in found if key in options and takes(names, key)}
            self._check_shared({key: value for key, value in found.items() if key not in taken})
            yield True, {key: value for key, value in found.items() if key in taken}

    def _check_names(self, tables: Mapping[str, Any]) -> None:
        known = self.commands.names()
        for name in tables:
            if name in UNCONFIGURED:
                why = "its settings are in its own CONFIG" if name == "train" else "it restores nothing"
                raise ConfigError(f"{self.path}: [{name}] has no effect, {why}; leave the table out")
            if name not in known:
                raise ConfigError(f"{self.path}: [{plain(name)}] is no command; {close_to(name, known)}")

    def _own(
        self, tables: Mapping[str, Any], names: Names, options: Mapping[str, click.Option]
    ) -> Iterator[Values]:
        """The values of the tables of a command: that of its group, then its own."""
        for depth in range(1, len(names) + 1):
            group, place = names[:depth], f"{self.path}: [{'.'.join(names[:depth])}] "
            table = tables.get(names[depth - 1], {})
            tables = {}
            if group != names:
                tables = {name: value for name, value in table.items() if isinstance(value, dict)}
                inside = {found[depth] for found, _ in self.commands.each(group)} if tables else set()
                for name in tables.keys() - inside:
                    raise ConfigError(f"{place}has no command {plain(name)}; {close_to(name, inside)}")
            values = keys_of({key: value for key, value in table.items() if key not in tables}, place)
            for key in values.keys() - options.keys():
                if next(self.commands.having(key, group), None) is None:
                    known = self.commands.keys(group) if group != names else options
                    raise ConfigError(f"{place}has no option {plain(key)}; {close_to(key, known)}")
            yield {key: value for key, value in values.items() if key in options}

    def _check_known(self, found: Values, options: Mapping[str, click.Option]) -> None:
        for key in found.keys() - options.keys():
            if next(self.commands.having(key), None) is None:
                raise self._unknown(key, {*options, *self.commands.keys()})

    def _check_shared(self, found: Values) -> None:
        for key, (place, _) in found.items():
            if next(self.commands.taking(key), None) is None:
                some = next(self.commands.having(key), None)
                if some is None:
                    raise self._unknown(key, self.commands.keys(shared=True))
                raise ConfigError(f"{place} is not for all commands; put it into a table, as [{some[0]}]")

    def _unknown(self, key: str, known: set[str]) -> ConfigError:
        return ConfigError(f"{self.path}: unknown key {plain(key)}; {close_to(key, known)}")
