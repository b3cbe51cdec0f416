"""TOML tables as dataclasses, checked key by key."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, Literal, TypeVar

from restore.errors import ConfigError
from restore.images.outside import brief, parse_toml, plain, shown

Config = TypeVar("Config")


def build(cls: type[Config], values: Any, file: str) -> Config:
    """A dataclass of tables from what was read; ConfigError for unknown keys and wrong types."""
    config: Config = _build(cls, values, file, "")
    return config


def apply_change(values: dict[str, Any], change: str, file: str) -> None:
    """Put ``TABLE.KEY=VALUE`` into what was read; whether there is such a key is checked later."""
    key, equals, text = change.partition("=")
    names = [name.strip() for name in key.split(".")]
    if not equals or len(names) < 2 or not all(names):
        raise ConfigError(
            f"a change of {file} is TABLE.KEY=VALUE, such as optim.lr=1e-3; got {shown(change)}"
        )
    try:
        read = parse_toml(f"value = {text}")
        value = read["value"] if read.keys() == {"value"} else text.strip()
    except ValueError:
        value = text.strip()
    for name in names[:-1]:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise ConfigError(
                f"{file}: {plain(name)} is no table, so there is no {plain(key.strip())} to change"
            )
    values[names[-1]] = value


def _build(cls: type[Any], values: Any, file: str, prefix: str) -> Any:
    """Build a dataclass from a TOML table, refusing unknown keys and wrong types."""
    if not isinstance(values, dict):
        raise ConfigError(f"{file}: {prefix.rstrip('.')} must be a table, got {shown(values)}")
    hints = typing.get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(cls)]
    for key in values:
        if key not in names:
            raise ConfigError(f"{file}: unknown key {prefix}{plain(key)}; expected one of {', '.join(names)}")
    arguments = {k: _value(hints[k], v, file, prefix + k) for k, v in values.items()}
    try:
        return cls(**arguments)
    except (ValueError, TypeError, ConfigError) as error:
        raise ConfigError(f"{file}: {prefix.rstrip('.') or 'configuration'}: {brief(error)}") from None


def _value(hint: Any, value: Any, file: str, key: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast(type[Any], hint), value, file, key + ".")
    origin = typing.get_origin(hint)
    if origin is Literal:
        if value not in typing.get_args(hint):
            allowed = ", ".join(map(repr, typing.get_args(hint)))
            raise ConfigError(f"{file}: {key} must be one of {allowed}, got {shown(value)}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{file}: {key} must be a list, got {shown(value)}")
        return tuple(_value(typing.get_args(hint)[0], v, file, key) for v in value)
    if origin in (typing.Union, types.UnionType):  # pragma: no cover, none in use
        raise TypeError(f"{key}: unions are not supported in configurations")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ConfigError(f"{file}: {key} must be of type {hint.__name__}, got {shown(value)}")
    return value
