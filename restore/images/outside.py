"""Files of words and numbers from outside: read within bounds, and refused in one line.

Settings (TOML, JSON) and arrays (.npy). A number is one of 64 bits, nothing is nested deeper than `DEEPEST`,
and a file is a regular one: a pipe would wait for ever and a device never end.
"""

from __future__ import annotations

import errno
import json
import os
import re
import reprlib
import stat
import tomllib
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_SETTINGS = 1_000_000  # bytes of a file of settings
MOST_TABLE = 200_000_000  # bytes of a table of names and labels
MOST_ARRAY = 16_000_000_000  # bytes of an array
DEEPEST = 32
SHOWN = 80  # characters of a value in a message
BRIEF = 200  # characters of a reason in a message

# Possessive, and from the beginning of a word only: in time linear in the text.
_PART = r"(?:[\w-]++|\"[^\"\n]*+\"|'[^'\n]*+')"
_LONG_KEY = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{DEEPEST}}}")

# The parts of TOML in which brackets are no nesting, brackets, and a quote that nothing closes.
_BRACKETS = re.compile(
    r"""
    "{3}(?:[^\\"]|\\.|"(?!""))*+"{3,5} | '{3}(?:[^']|'(?!''))*+'{3,5}
    | "(?!"")(?:[^"\\\n]|\\.)*+" | '(?!'')[^'\n]*+'
    | \#[^\n]*+ | (?P<bracket>[\[\]{}]) | (?P<unclosed>["'])
    """,
    re.DOTALL | re.VERBOSE,
)


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = SHOWN - 20
        self.maxtuple = self.maxlist = self.maxdict = 8
        self.maxlevel = 3

    def repr_int(self, x: int, level: int) -> str:
        return f"a number of {x.bit_length()} bits" if x.bit_length() > 64 else repr(x)

    def repr_str(self, x: str, level: int) -> str:
        return repr(x) if len(x) <= self.maxstring else repr(x[: self.maxstring]) + "..."


_SHORT = _Short()


def shown(value: object) -> str:
    r"""Give a value for a message: its ``repr``, cut, all of it printable.

    Examples
    --------
    >>> shown("a\nb"), shown(10**400), shown([[[[1]]]])
    ("'a\\nb'", 'a number of 1329 bits', '[[[[...]]]]')
    """
    return brief(_SHORT.repr(value))


def plain(text: str) -> str:
    r"""Give a text for a message as it is, where it is short and can be printed; else as `shown` does.

    Examples
    --------
    >>> plain("stem.weight"), plain("stem\x1b")
    ('stem.weight', "'stem\\x1b'")
    """
    return text if len(text) <= SHOWN and text.isprintable() else shown(text)


def brief(reason: object) -> str:
    r"""Give the first line of a reason, such as an exception, cut and printable.

    Examples
    --------
    >>> brief(ValueError("no number\nat all"))
    'no number'
    """
    text = (str(reason).splitlines() or [""])[0] or type(reason).__name__
    text = text if len(text) <= BRIEF else text[: BRIEF - 3] + "..."
    return text if text.isprintable() else ascii(text)[1:-1]


def open_regular(path: str | Path) -> BinaryIO:
    """Open a regular file to read it. Raises OSError, also for a folder, a pipe and a device."""
    _check_regular(Path(path).stat(), path)  # a pipe is not even opened
    file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb")
    try:
        _check_regular(os.fstat(file.fileno()), path)
    except OSError:
        file.close()
        raise
    return file


def _check_regular(found: os.stat_result, path: str | Path) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "expected a regular file, got a pipe or a device", str(path))


def read_regular(path: str | Path, *, most: int) -> bytes:
    """Read a regular file of at most so many bytes. Raises OSError and, for a larger one, ValueError."""
    with open_regular(path) as file:
        too_large = os.fstat(file.fileno()).st_size > most
        data = b"" if too_large else file.read(most + 1)
    if too_large or len(data) > most:
        raise ValueError(f"it is larger than {most} bytes")
    return data


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a file of settings. Raises OSError and, for what is no TOML or out of bounds, ValueError."""
    return parse_toml(read_regular(path, most=MOST_SETTINGS).decode("utf-8"))


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML; ValueError for what is none or out of bounds.

    Examples
    --------
    >>> parse_toml("a.b = 1")
    {'a': {'b': 1}}
    """
    if text.startswith("\ufeff"):
        raise ValueError("it begins with a byte order mark; save it as UTF-8 without one")
    if _LONG_KEY.search(text):  # the parser takes time with the square of their length
        raise ValueError(f"a key has more than {DEEPEST} parts")
    _check_nesting(text)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(brief(error)) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError:  # of int(), for thousands of digits
        raise ValueError("a number has more than 64 bits") from None
    _check_bounds(values)
    return values


def _check_nesting(text: str) -> None:
    """Raise ValueError for TOML that is nested too deeply, before its parser recurses that deep.

    A RecursionError is not sure to come in time: torch raises the bound and makes each call larger.
    """
    depth = 0
    for found in _BRACKETS.finditer(text):
        if found["unclosed"]:
            return  # which the parser says
        if found["bracket"]:
            depth += 1 if found["bracket"] in "[{" else -1
            if depth > DEEPEST:
                raise ValueError("it is nested too deeply")


def parse_json(text: str, *, infinite: bool = False) -> Any:
    """Parse JSON; ValueError for what is none or out of bounds, and for keys that are there twice.

    Parameters
    ----------
    text : to be parsed.
    infinite : whether ``Infinity``, which is no JSON but what Python writes, is a number.

    Examples
    --------
    >>> parse_json('{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    """

    def constant(name: str) -> float:
        if not infinite or name == "NaN":
            raise ValueError(f"{name} is no number")
        return float(name)

    try:
        values = json.loads(
            text,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=constant,
            object_pairs_hook=_each_once,
        )
    except json.JSONDecodeError as error:
        raise ValueError(brief(error)) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _check_bounds(values)
    return values


def _whole(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError("a number has more than 64 bits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if abs(number) == float("inf"):
        raise ValueError(f"{shown(digits)} is no number")
    return number


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{shown(name)} is there twice")
        found[name] = value
    return found


def _check_bounds(values: object) -> None:
    """Raise ValueError for numbers of more than 64 bits, and for what is nested too deeply."""
    left = [(values, 1)]
    while left:
        value, depth = left.pop()
        if depth > DEEPEST:
            raise ValueError("it is nested too deeply")
        if isinstance(value, dict | list):
            inner = value.values() if isinstance(value, dict) else value
            left.extend((each, depth + 1) for each in inner)
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError("a number has more than 64 bits")


def parse_array(data: bytes) -> NDArray[Any]:
    """Give the array of numbers in the bytes of a .npy file; ValueError for anything else.

    The size that its header tells is compared with that of the data before any memory is taken.
    """
    import numpy as np
    from numpy.lib import format as npy

    if data[:2] == b"PK":
        raise ValueError("it is a .npz archive; save one array as .npy")
    file = BytesIO(data)
    try:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read is None:
            raise ValueError(f"version {version} of the format cannot be read")
        shape, by_column, kind = read(file)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(f"it is no .npy file ({brief(error)})") from None
    if kind.hasobject:
        raise ValueError("it holds code (pickled objects), not numbers alone; refused")
    count = 1
    for side in shape:
        count *= side
    if not all(type(side) is int and 0 <= side < 2**48 for side in shape) or len(shape) > 16:
        raise ValueError(f"its shape is {shown(shape)}")
    if count * kind.itemsize != len(data) - file.tell():
        raise ValueError(
            f"its header tells of {count * kind.itemsize} bytes, it holds {len(data) - file.tell()}"
        )
    if not count or not kind.itemsize:
        return np.empty(shape, kind)
    values = np.frombuffer(data, kind, count, file.tell())
    return values.reshape(shape, order="F" if by_column else "C")
