"""Files of options: long option names as keys, shared ones first, then a table for each command.

A value is taken as it would be on the command line. Messages begin with the place of the value: the file and
its key, or the environment variable.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from restore.errors import ConfigError
from restore.images.outside import brief, plain, read_toml, shown

FEW = 24  # names that are listed
UNSET = ("config", "no_config", "help")  # options that no configuration sets
SWITCHED = {"1": True, "true": True, "0": False, "false": False}


def read_config(path: Path) -> dict[str, Any]:
    """Read a configuration file. Raises ConfigError, and FileNotFoundError where there is none."""
    try:
        return read_toml(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(path) from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration file ({error.strerror})") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error


def options_of(command: click.Command) -> dict[str, click.Option]:
    """The options of a command that can be configured, by their keys, which have _ for -."""
    return {
        key_of(option): option
        for option in command.params
        if isinstance(option, click.Option) and option.name not in UNSET
    }


def key_of(option: click.Option) -> str:
    """The key of an option: its long word, with _ for -."""
    return max(option.opts, key=len).removeprefix("--").replace("-", "_")


def keys_of(table: Mapping[str, Any], place: str) -> dict[str, tuple[str, Any]]:
    """The values of a table by the keys of options, each with its place. Raises ConfigError for one twice."""
    found: dict[str, tuple[str, Any]] = {}
    for written, value in table.items():
        key = written.replace("-", "_")
        if key in found:
            raise ConfigError(f"{place}{plain(written)} is there twice, with - and with _; keep one")
        found[key] = (f"{place}{plain(written)}", value)
    return found


def close_to(name: str, known: Iterable[str]) -> str:
    """Say which of some names may have been meant, or list them where they are few."""
    words = sorted({each.replace("_", "-") if each.islower() else each for each in known})
    close = difflib.get_close_matches(
        name.replace("_", "-") if name.islower() else name, words, n=2, cutoff=0.7
    )
    if close:
        return f"perhaps {' or '.join(close)} is meant"
    few = len(words) <= FEW
    return (
        f"expected one of {', '.join(words)}" if few else "restore --help and restore config --all list all"
    )


def file_value(place: str, value: Any, option: click.Option, ctx: click.Context) -> Any:
    """Take a value of a file for an option. Raises ConfigError."""
    if getattr(option.type, "listed", False) and not isinstance(value, str | bool):
        listed = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str | int | float) for each in listed):
            raise ConfigError(f"{place} must be a list of words, got {shown(value)}")
        value = ",".join(map(str, listed))
    if option.multiple and isinstance(value, list):
        return [_single_value(place, each, option, ctx) for each in value]
    single = _single_value(place, value, option, ctx)
    return [single] if option.multiple else single


def text_value(place: str, text: str, option: click.Option, ctx: click.Context) -> Any:
    """Take the text of an environment variable for an option. Raises ConfigError."""
    value: Any = text
    if option.is_flag:
        value = SWITCHED.get(text.strip().lower())
        if value is None:
            raise ConfigError(f"{place} must be 1, 0, true or false, got {shown(text)}")
    single = _converted(place, value, option, ctx)
    return [single] if option.multiple else single


def _single_value(place: str, value: Any, option: click.Option, ctx: click.Context) -> Any:
    kinds: tuple[type, ...] = (str,)
    word = "a string"
    if option.is_flag:
        kinds, word = (bool,), "true or false"
    elif isinstance(option.type, click.IntRange):
        kinds, word = (int,), "an integer"
    elif isinstance(option.type, click.FloatRange):
        kinds, word = (int, float), "a number"
    if not isinstance(value, kinds) or (isinstance(value, bool) and not option.is_flag):
        raise ConfigError(f"{place} must be {word}, got {shown(value)}")
    return _converted(place, value, option, ctx)


def _converted(place: str, value: Any, option: click.Option, ctx: click.Context) -> Any:
    if isinstance(option.type, click.Path) and str(value).startswith(("~/", "~\\")):
        value = os.path.expanduser("~") + value[1:]  # noqa: PTH111  # as a shell does; home may be unknown
    try:
        return option.type.convert(value, option, ctx)
    except click.UsageError as error:
        raise ConfigError(f"{place}: {brief(error.message.rstrip('.'))}") from error
