"""What is configured: the values of options that are not typed, and where each of them comes from.

Values come from the environment, from the file of ``--config``, and from the user's own file, the first of
which holds; in each of them what is for a command holds before what is shared by all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from restore.cli.config_file import file_value, options_of, read_config, text_value
from restore.cli.config_tables import Commands, ConfigTables, Names, Values, takes
from restore.errors import ConfigError
from restore.images import name_problem

PREFIX = "RESTORE_"
FILE_VARIABLE = f"{PREFIX}CONFIG"
ENVIRONMENT, GIVEN, OWN = "environment", "--config", "own file"
RANKS = {ENVIRONMENT: 30, GIVEN: 20, OWN: 10}
TYPED = 100  # the rank of what is typed


@dataclass(frozen=True)
class Setting:
    """A value of an option that is configured.

    value: as the option takes it. raw: as it was written. place: the variable, or the file and its key.
    rank: where several options cannot be together, those of the higher rank stay. shared: whether it is
    for all commands.
    """

    value: Any
    raw: Any
    source: str
    place: str
    rank: int
    shared: bool


Settings = dict[str, Setting]
Layer = tuple[str, bool, Values]  # a source, whether its values are shared, and they themselves


def variable(names: Names, key: str) -> str:
    """The environment variable of an option; names: of the command, none for a shared value."""
    return PREFIX + "_".join((*names, key)).upper()


def user_file(environment: Mapping[str, str]) -> Path | None:
    """The user's own file, which need not be there; None where `FILE_VARIABLE` is empty.

    Raises ConfigError for a name that no file can have.
    """
    named = environment.get(FILE_VARIABLE)
    if named is None:
        return Path(click.get_app_dir("restore"), "config.toml")
    if not named:
        return None
    if problem := name_problem(named):
        raise ConfigError(f"{FILE_VARIABLE}: {problem}")
    return Path(named)


@dataclass(frozen=True)
class Sources:
    """Where values come from. given: the file of --config. own: the user's own file. None: not looked at."""

    environment: Mapping[str, str]
    given: Path | None = None
    own: Path | None = None

    def settings(self, names: Names, ctx: click.Context, *, typed: Collection[str] = ()) -> Settings:
        """What is configured for the command of a context, by the names of its options.

        names: the words that call it. typed: names of options that are not looked at. Raises ConfigError.
        """
        found = self._first(self._variables(names, ctx), ctx, typed)
        commands = Commands(ctx.find_root().command)
        if self.given is not None:
            file = ConfigTables(self.given, _content(self.given), commands, flat=True)
            layers = [(GIVEN, *each) for each in file.values(names, ctx.command)]
            found |= self._first(layers, ctx, {*typed, *found})
        if self.own is not None:
            try:
                file = ConfigTables(self.own, self._own_content(self.own), commands)
                layers = [(OWN, *each) for each in file.values(names, ctx.command)]
                found |= self._first(layers, ctx, {*typed, *found})
            except ConfigError as error:
                raise ConfigError(f"{error}; --no-config leaves your file out") from error
        return found

    def _variables(self, names: Names, ctx: click.Context) -> Iterator[Layer]:
        for depth in range(len(names), -1, -1):
            words = {key: variable(names[:depth], key) for key in options_of(ctx.command)}
            values = {
                key: (word, self.environment[word])
                for key, word in words.items()
                if self.environment.get(word) and (depth or takes(names, key))
            }
            yield ENVIRONMENT, not depth, values

    @staticmethod
    def _first(layers: Iterable[Layer], ctx: click.Context, passed: Collection[str]) -> Settings:
        """The first value of each option. passed: names of options that are not looked at."""
        found: Settings = {}
        options = options_of(ctx.command)
        for source, shared, values in layers:
            read = text_value if source == ENVIRONMENT else file_value
            for key, (place, raw) in values.items():
                name = str(options[key].name)
                if name not in found and name not in passed:
                    value = read(place, raw, options[key], ctx)
                    found[name] = Setting(value, raw, source, place, RANKS[source] + (not shared), shared)
        return found

    def _own_content(self, path: Path) -> dict[str, Any]:
        """The user's own file; empty where it is not there and has not been named."""
        try:
            return read_config(path)
        except FileNotFoundError:
            if FILE_VARIABLE in self.environment:
                return _content(path)
            return {}


def _content(path: Path) -> dict[str, Any]:
    try:
        return read_config(path)
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: cannot read the configuration file (No such file or directory)"
        ) from error
