"""Read what lines of a manifest say of items, many lines at once: no object is made for any of them.

Lines that begin exactly as `restore.cli.manifest_lines` writes them are taken apart here; the places of all
others are given back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from restore.cli.events import VERSION
from restore.cli.manifest_lines import STATES, WAITING

NONE = -1
PAD = 64  # zeros after the last line, so that no look goes beyond
DIGITS = 15  # of a number at most; longer ones are left to others

Numbers = NDArray[np.int64]


class Rows(NamedTuple):
    """What lines say of items, a row each.

    number: of the item. at: the place of the line. size, mtime: of the input in bytes and microseconds; a
    picture line has a size of NONE, and for it the others hold: state, seconds, run, and size and mtime of
    the output. What is not known is NONE.
    """

    number: Numbers
    at: Numbers
    size: Numbers
    mtime: Numbers
    state: Numbers
    seconds: NDArray[np.floating[Any]]
    run: Numbers
    output_size: Numbers
    output_mtime: Numbers

    def taken(self, chosen: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Rows:
        """Some of the rows."""
        columns: list[Any] = [column[chosen] for column in self]
        return Rows(*columns)


def rows_of(values: Sequence[tuple[float, ...]]) -> Rows:
    """Rows of values that were read one by one."""
    table = list(zip(*values, strict=True)) if values else [()] * len(Rows._fields)
    kinds = (float if name == "seconds" else np.int64 for name in Rows._fields)
    columns: list[Any] = [np.asarray(each, kind) for each, kind in zip(table, kinds, strict=True)]
    return Rows(*columns)


def joined(parts: Sequence[Rows]) -> Rows:
    """All rows, in the order of their lines."""
    columns: list[Any] = [np.concatenate(each) for each in zip(*parts, strict=True)]
    whole = Rows(*columns)
    return whole.taken(np.argsort(whole.at, kind="stable"))


def scanned(data: bytes, at: int) -> tuple[Rows, Numbers, Numbers]:
    """Take apart whole lines. at: the place of the first one.

    Gives the rows, and the starts and ends within ``data`` of the lines that are written otherwise.
    """
    look = _Look(data)
    ends = np.flatnonzero(look.text[: len(data)] == 10)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
    of_items, items = _items(look, starts)
    of_pictures, pictures = _pictures(look, starts[~of_items])
    others = np.ones(len(starts), bool)
    others[of_items] = False
    others[np.flatnonzero(others)[of_pictures]] = False
    rows = joined([items, pictures])
    return rows._replace(at=rows.at + at), starts[others], ends[others]


class _Look:
    """Looks at many places of a text at once."""

    def __init__(self, data: bytes):
        padded = data + bytes(PAD)
        self.text = np.frombuffer(padded, np.uint8)
        # Eight bytes from each place on, as one number.
        self._eights = np.ndarray((len(padded) - 7,), "<u8", padded, strides=(1,))

    def has(self, places: Numbers, word: bytes) -> NDArray[np.bool_]:
        """Whether a word stands at each place."""
        found = np.ones(len(places), bool)
        for start in range(0, len(word), 8):
            part = word[start : start + 8]
            wanted = np.uint64(int.from_bytes(part, "little"))
            seen = self._eights[np.minimum(places + start, len(self._eights) - 1)]
            found &= (seen & np.uint64(2 ** (8 * len(part)) - 1)) == wanted
        return found

    def number(self, places: Numbers) -> tuple[Numbers, Numbers]:
        """The whole number at each place, and where it ends; at the place itself where there is none."""
        value, end = np.zeros(len(places), np.int64), places.copy()
        here = np.arange(len(places))
        for _ in range(DIGITS + 1):
            digit = self.text[np.minimum(end[here], len(self.text) - 1)] - np.uint8(48)
            some = digit < 10
            if not some.any():
                break
            here, digit = (here, digit) if some.all() else (here[some], digit[some])
            value[here] = value[here] * 10 + digit
            end[here] += 1
        return value, end


def _field(look: _Look, places: Numbers, word: bytes) -> tuple[NDArray[np.bool_], Numbers, Numbers]:
    """Whether a field with a whole number begins at each place, the number, and where it ends."""
    there = look.has(places, word)
    value, end = look.number(np.where(there, places + len(word), places))
    there &= (end > places + len(word)) & (end <= places + len(word) + DIGITS)
    return there, np.where(there, value, NONE), np.where(there, end, places)


def _decimal(
    look: _Look, places: Numbers, word: bytes, digits: int
) -> tuple[NDArray[np.bool_], Numbers, Numbers]:
    """The same for a field with a point and at most so many digits after it, of which it gives all as one."""
    there, whole, end = _field(look, places, word)
    dotted = there & look.has(end, b".")
    part, after = look.number(np.where(dotted, end + 1, end))
    count = np.where(dotted, after - end - 1, 0)
    there &= (~dotted | (count > 0)) & (count <= digits)
    value = whole * 10**digits + np.where(dotted, part, 0) * 10 ** np.maximum(digits - count, 0)
    return there, np.where(there, value, NONE), np.where(there, np.where(dotted, after, end), places)


def _beginning(kind: str) -> bytes:
    return f'{{"event": "{kind}", "schema": {VERSION}, "item": '.encode()


def _items(look: _Look, starts: Numbers) -> tuple[NDArray[np.bool_], Rows]:
    """Which lines are of items, and what they say."""
    good, number, end = _field(look, starts, _beginning("item"))
    sized, size, end = _field(look, end, b', "size_bytes": ')
    _, mtime, end = _decimal(look, end, b', "mtime_seconds": ', 6)
    good &= sized & _ends(look, end) & ~look.has(end, b', "mtime_seconds"')
    none = np.full(int(good.sum()), NONE, np.int64)
    zero = np.zeros_like(none)
    state, seconds = zero + WAITING, np.zeros(len(zero))
    row = Rows(number[good], starts[good], size[good], mtime[good], state, seconds, zero, none, none)
    return good, row


def _pictures(look: _Look, starts: Numbers) -> tuple[NDArray[np.bool_], Rows]:
    """Which lines are of what became of items, and what they say."""
    good, number, end = _field(look, starts, _beginning("picture"))
    good &= look.has(end, b', "status": "')
    end += len(b', "status": "')
    state = np.full(len(starts), NONE, np.int64)
    for code, name in enumerate(STATES):
        named = good & (state == NONE)
        named[named] = look.has(end[named], name.encode() + b'"')
        state[named] = code
        end[named] += len(name) + 1
    good &= state != NONE
    _, seconds, end = _decimal(look, end, b', "seconds": ', 3)
    _, run, end = _field(look, end, b', "run": ')
    _, size, end = _field(look, end, b', "output_size_bytes": ')
    _, changed, end = _decimal(look, end, b', "output_mtime_seconds": ', 6)
    good &= _ends(look, end) & ~(look.has(end, b', "seconds"') | look.has(end, b', "output_mtime_seconds"'))
    none = np.full(int(good.sum()), NONE, np.int64)
    return good, Rows(
        number[good],
        starts[good],
        none,
        none,
        state[good],
        np.maximum(seconds[good], 0) / 1e3,
        np.maximum(run[good], 0),
        size[good],
        changed[good],
    )


def _ends(look: _Look, places: Numbers) -> NDArray[np.bool_]:
    """Whether a value ends at each place."""
    return look.has(places, b",") | look.has(places, b"}")
