"""The type and the limit of every field of a configuration, checked before anything is built from it."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from restore.images.outside import shown


@dataclass(frozen=True)
class Limit:
    """The most of a field.

    Parameters
    ----------
    most : largest absolute value of a number, most characters of a text.
    count : of the values in a list, at most.
    finite : whether infinity and NaN are refused; else that is left to the caller.
    printable : whether a text is one that can be printed.
    """

    most: float
    count: int = 0
    finite: bool = True
    printable: bool = False


def check_fields(config: Any, limits: Mapping[str, Limit], names: Mapping[str, str] | None = None) -> None:
    """Check the types and limits of all fields of a dataclass.

    Fields that are true or false, one of some words, or dataclasses themselves need no limit; every other
    field has one. With a limit, which word it is is left to the caller.

    Parameters
    ----------
    config : an instance.
    limits : of its fields.
    names : of fields, where messages are to call them by others.

    Raises
    ------
    ValueError
        For the first field that is none, saying what was expected.

    Examples
    --------
    >>> @dataclass
    ... class Size:
    ...     side: float = 1.0
    >>> check_fields(Size(1e9), {"side": Limit(100)})
    Traceback (most recent call last):
        ...
    ValueError: side is 1000000000.0; expected a number of at most 100
    """
    hints = _hints(config.__class__)
    for field in dataclasses.fields(config):
        name = (names or {}).get(field.name, field.name)
        value, limit = getattr(config, field.name), limits.get(field.name)
        if problem := _problem(value, hints[field.name], limit):
            raise ValueError(f"{name} is {shown(value)}; expected {problem}")


@cache
def _hints(cls: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _problem(value: Any, hint: Any, limit: Limit | None) -> str:
    """Say what was expected; nothing where it is right."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return "" if isinstance(value, typing.cast(type, hint)) else "a table"
    if origin is Literal and limit is not None:  # the caller knows the words
        return _of_word(value, limit)
    if origin is Literal:
        return "" if isinstance(value, str) and value in inner else f"one of {', '.join(inner)}"
    if hint is bool:
        return "" if type(value) is bool else "true or false"
    if limit is None:  # pragma: no cover, a mistake in this package
        raise TypeError(f"a field of type {hint} needs a limit")
    if origin is tuple:
        if not isinstance(value, tuple):
            return "a list"
        if len(value) > limit.count:
            return f"at most {limit.count} values, got {len(value)}"
        problems = (_problem(each, inner[0], limit) for each in value)
        return next((f"a list, each of it {problem}" for problem in problems if problem), "")
    return _of_word(value, limit) if hint is str else _of_number(value, hint is int, limit)


def _of_word(value: Any, limit: Limit) -> str:
    if not isinstance(value, str) or len(value) > limit.most:
        return f"a text of at most {limit.most:g} characters"
    if "\0" in value or (limit.printable and not value.isprintable()):
        return "a text without control characters"
    return ""


def _of_number(value: Any, whole: bool, limit: Limit) -> str:
    right = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if right and (abs(value) <= limit.most or (not limit.finite and not math.isfinite(value))):
        return ""
    return f"a {'whole ' if whole else ''}number of at most {limit.most:g}"
