"""Options from a TOML file: long option names as keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from restore.errors import ConfigError
from restore.images.outside import brief, plain, read_toml, shown


def read_config(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Make the values of a TOML file the defaults of this command's options."""
    if path is None:
        return
    try:
        table = read_toml(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration file ({error.strerror})") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    options = {
        max(option.opts, key=len).removeprefix("--").replace("-", "_"): option
        for option in ctx.command.params
        if isinstance(option, click.Option) and option.name not in ("config", "help")
    }
    defaults: dict[str, Any] = {}
    for key, value in table.items():
        option = options.get(key.replace("-", "_"))
        if option is None or option.name is None:
            raise ConfigError(f"{path}: unknown key {plain(key)}; expected one of {', '.join(options)}")
        if option.name in defaults:
            raise ConfigError(f"{path}: {key} is there twice, with - and with _; keep one")
        defaults[option.name] = _config_value(f"{path}: {key}", value, option, ctx)
    ctx.default_map = defaults


def _config_value(place: str, value: Any, option: click.Option, ctx: click.Context) -> Any:
    if getattr(option.type, "listed", False) and not isinstance(value, str | bool):
        listed = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str | int | float) for each in listed):
            raise ConfigError(f"{place} must be a list of words, got {shown(value)}")
        value = ",".join(map(str, listed))
    if option.multiple and isinstance(value, list):
        return [_single_value(place, each, option, ctx) for each in value]
    single = _single_value(place, value, option, ctx)
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
    try:
        return option.type.convert(value, option, ctx)
    except click.UsageError as error:
        raise ConfigError(f"{place}: {brief(error.message.rstrip('.'))}") from error
