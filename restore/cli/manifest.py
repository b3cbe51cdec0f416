"""A manifest in memory: arrays by the number of the item, and no object for any line.

A million items take some 30 MB. What a line says is read from the file when it is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from restore.cli.addresses import path_of
from restore.cli.events import VERSION
from restore.cli.manifest_lines import (
    CODES,
    FINISHED,
    STATES,
    WAITING,
    Item,
    item_of,
    located,
    micros,
    name_in,
    parsed,
)
from restore.errors import ManifestError
from restore.images.paths import FILE, is_folder, name_problem, short_path, what_is
from restore.stores import is_url

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from restore.cli.manifest_scan import Rows

CHUNK = 2**21  # bytes that are read at once
FEW = 2**14  # bytes of lines that are parsed one by one
MOST = 2**24  # bytes of a line
AHEAD = 2**16  # bytes that are read at once where single lines are asked for
NONE = -1

ARRAYS: dict[str, tuple[str, float]] = {
    "item_at": ("i8", NONE),
    "result_at": ("i8", NONE),
    "sizes": ("i8", 0),
    "mtimes": ("i8", NONE),
    "states": ("u1", WAITING),
    "seconds": ("f4", 0.0),
    "runs": ("i4", 0),
    "output_sizes": ("i8", NONE),
    "output_mtimes": ("i8", NONE),
}
"""The arrays by number: their types, and what they hold where nothing is known."""


class Manifest:
    """The items of a manifest and what became of them. Raises ManifestError for a file that is none.

    states, seconds, runs: of the items by number. runs: the number of the run that began an item. sizes,
    mtimes, output_sizes, output_mtimes: of inputs and results, in bytes and microseconds; NONE where they are
    not known.
    told_runs: the lines of the runs, each with its place. unread: the places of lines on inputs that are no
    items. cut: how many lines were cut short. foreign: how many are none of this schema.
    """

    item_at: NDArray[np.int64]
    result_at: NDArray[np.int64]
    sizes: NDArray[np.int64]
    mtimes: NDArray[np.int64]
    states: NDArray[np.uint8]
    seconds: NDArray[np.float32]
    runs: NDArray[np.int32]
    output_sizes: NDArray[np.int64]
    output_mtimes: NDArray[np.int64]

    def __init__(self, path: Path):
        import numpy as np

        self.path = path
        self._file, self._lines = _opened(path), _opened(path)  # the other one is for items alone
        self.count = 0
        for name, (kind, _) in ARRAYS.items():
            setattr(self, name, np.zeros(0, kind))
        self.told_runs: list[tuple[int, dict[str, Any]]] = []
        self.unread: list[int] = []
        self.cut = self.foreign = 0
        try:
            self.header = _header(self._file, path)
            self.folder = _folder(self.header)
            self._end = self._file.tell()
            self.refresh()
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        return self.count

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._lines.close()

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def refresh(self) -> bool:
        """Read what has been appended meanwhile; whether there was anything."""
        size = os.fstat(self._file.fileno()).st_size
        if size < self._end:
            raise ManifestError(
                f"{self.path}: the manifest has become shorter; is something else writing it?"
            )
        if size == self._end:
            return False
        self._file.seek(self._end)
        rest, at, before = b"", self._end, self._end
        while chunk := self._file.read(CHUNK):
            data = rest + chunk
            end = data.rfind(b"\n") + 1
            if end:
                self._take(data[:end], at)
            at, rest = at + end, data[end:]
            if len(rest) > MOST:
                raise ManifestError(f"{self.path}: expected a manifest, got a line without an end; {_ELSE}")
        self._end = at
        for name in ARRAYS:
            setattr(self, name, getattr(self, name)[: self.count])
        return self._end > before

    def item(self, number: int) -> Item:
        """Read an item. Raises ManifestError."""
        at = int(self.item_at[number])
        self._lines.seek(at)
        try:
            return item_of(parsed(self._lines.readline(MOST)) or {})
        except (KeyError, TypeError, ValueError):
            raise ManifestError(
                f"{self.path}: the line at byte {at} is no item with an input and an output; plan it again"
            ) from None

    def names(self, number: int) -> tuple[str | None, str | None]:
        """Read the input and the output of an item; faster than `item`."""
        self._lines.seek(self.item_at[number])
        line = self._lines.readline(MOST)
        return name_in(line, b"input"), name_in(line, b"output")

    def items(self, numbers: Iterable[int]) -> Iterator[Item]:
        """Read items, one after the other."""
        return (self.item(int(number)) for number in numbers)

    def result(self, number: int) -> dict[str, Any] | None:
        """Read the last line about an item; None where there is none."""
        at = int(self.result_at[number])
        return None if at == NONE else self.told(at)

    def told(self, at: int) -> dict[str, Any]:
        """Read a line by its place. Raises ManifestError."""
        self._file.seek(at)
        told = parsed(self._file.readline(MOST))
        if told is None:
            raise ManifestError(f"{self.path}: a line has changed while it was in use; {_ELSE}")
        return told

    def path_of(self, name: str) -> Path:
        """The path of a name in it; of an address the one that stands for it."""
        return path_of(name) if is_url(name) else located(name, self.folder)

    def place_of(self, name: str) -> str:
        """The same as a text, of a file; faster."""
        return os.path.join(self.folder, name) if self.folder else name  # noqa: PTH118

    @staticmethod
    def listed(path: Path) -> list[str]:
        """The inputs that a manifest was made of, without reading its items. Raises ManifestError."""
        with _opened(path) as file:
            header = _header(file, path)
        inputs, folder = header.get("inputs"), _folder(header)
        names = map(str, inputs) if isinstance(inputs, list) else ()
        return [name if is_url(name) else str(located(name, folder)) for name in names]

    def counts(self, states: NDArray[np.uint8] | None = None) -> dict[str, int]:
        """How many items are in each state."""
        import numpy as np

        found = np.bincount(self.states if states is None else states, minlength=len(STATES))
        return {name: int(found[code]) for code, name in enumerate(STATES)}

    def in_states(self, *states: int) -> NDArray[np.bool_]:
        """Which items are in one of these states."""
        import numpy as np

        table = np.zeros(256, bool)
        table[list(states)] = True
        return table[self.states]

    @property
    def finished(self) -> NDArray[np.bool_]:
        """Which items are done, as their lines say."""
        return self.in_states(*FINISHED)

    def _take(self, data: bytes, at: int) -> None:
        """Take whole lines in. at: the place of the first."""
        from restore.cli.manifest_scan import joined, rows_of, scanned

        if len(data) < FEW:  # one by one is faster
            few = data.splitlines(keepends=True)
            places = accumulate((len(line) for line in few), initial=at)
            found = [self._other(line, place) for line, place in zip(few, places, strict=False)]
            self._place(rows_of([row for row in found if row is not None]))
            return
        rows, starts, ends = scanned(data, at)
        if len(starts):
            lines = ((data[start:end], int(start) + at) for start, end in zip(starts, ends, strict=True))
            others = [row for line, place in lines if (row := self._other(line, place)) is not None]
            rows = joined([rows, rows_of(others)])
        self._place(rows)

    def _other(self, line: bytes, place: int) -> tuple[float, ...] | None:
        """Take a line in that is not of an item, or not written as it is here; what it says of an item."""
        told = parsed(line)
        if told is None:
            self.cut += bool(line.strip())
            return None
        kind = told.get("event")
        if told.get("schema") != VERSION or kind not in ("item", "picture", "run"):
            self.foreign += 1
        elif kind == "run":
            self.told_runs.append((place, told))
        elif kind == "picture" and told.get("item") is None:
            self.unread.append(place)
        else:
            with suppress(KeyError, TypeError, ValueError, OverflowError):
                return _row(told, place)
            self.foreign += 1
        return None

    def _place(self, rows: Rows) -> None:
        """Put what lines say of items into the arrays; what is of no item counts as foreign."""
        import numpy as np

        is_item = rows.size >= 0
        new = rows.number[is_item & (rows.number >= self.count)]
        if not np.array_equal(new, np.arange(self.count, self.count + len(new))):
            if len(rows.number) == 1:
                self.foreign += 1
            else:  # one of them is out of order
                for each in range(len(rows.number)):
                    self._place(rows.taken(slice(each, each + 1)))
            return
        self._grow(self.count + len(new))
        known = rows.number < self.count
        self.foreign += int(np.count_nonzero(~known))
        items, results = rows.taken(is_item & known), rows.taken(~is_item & known)
        here, there = items.number, results.number
        self.item_at[here], self.sizes[here], self.mtimes[here] = items.at, items.size, items.mtime
        self.result_at[there], self.states[there] = results.at, results.state
        self.seconds[there], self.runs[there] = results.seconds, results.run
        self.output_sizes[there], self.output_mtimes[there] = results.output_size, results.output_mtime
        # An input that was listed again has changed: what was done with it counts no more.
        again = here[self.item_at[here] > self.result_at[here]]
        self.states[again], self.result_at[again] = WAITING, NONE

    def _grow(self, count: int) -> None:
        import numpy as np

        if count > len(self.item_at):
            more = max(count, len(self.item_at) * 5 // 4, 1024) - len(self.item_at)
            for name, (kind, fill) in ARRAYS.items():
                setattr(self, name, np.concatenate([getattr(self, name), np.full(more, fill, kind)]))
        self.count = count


def _opened(path: Path) -> BinaryIO:
    _check(path)
    try:
        return path.open("rb", buffering=AHEAD)
    except OSError as error:
        why = error.strerror or str(error)
        raise ManifestError(f"{path}: cannot read the manifest ({why}); check its permissions") from error


def _header(file: BinaryIO, path: Path) -> dict[str, Any]:
    line = file.readline(MOST)
    if not line:
        raise ManifestError(f"{path}: expected a manifest, got an empty file; remove it")
    told = parsed(line) if line.endswith(b"\n") else None
    if told is None or told.get("event") != "manifest":
        raise ManifestError(f"{path}: expected a manifest of restore, got another file; {_ELSE}")
    if told.get("schema") != VERSION:
        raise ManifestError(
            f"{path}: expected a manifest of schema {VERSION}, got {str(told.get('schema'))[:20]}; "
            f"use the version of restore that has written it ({str(told.get('version'))[:20]})"
        )
    return told


def _folder(header: dict[str, Any]) -> str:
    """Where names in a manifest start: where it was written, if that is another folder than this one."""
    folder = str(header.get("folder") or "")
    here = folder == str(Path.cwd()) or not is_folder(folder)  # the latter on another machine
    return "" if here else folder


def _row(told: dict[str, Any], place: int) -> tuple[float, ...]:
    """What a line says of an item, a row of `restore.cli.manifest_scan.Rows`. Raises ValueError and more."""
    number = _whole(told["item"])
    prefix = "" if told["event"] == "item" else "output_"
    size, mtime = told.get(f"{prefix}size_bytes"), told.get(f"{prefix}mtime_seconds")
    size = NONE if size is None else _whole(size)
    mtime = NONE if mtime is None else _whole(micros(float(mtime)))
    if not prefix:
        return number, place, max(size, 0), mtime, WAITING, 0.0, 0, NONE, NONE
    code, seconds = CODES[str(told["status"]).encode()], float(told.get("seconds") or 0)
    return number, place, NONE, NONE, code, seconds, _whole(told.get("run") or 0) % 2**31, size, mtime


_ELSE = "choose another --manifest"


def _whole(value: Any) -> int:
    """A number that fits into the arrays. Raises ValueError for another one."""
    number = int(value)
    if not 0 <= number < 2**60:
        raise ValueError("out of range")
    return number


def _check(path: Path) -> None:
    """Raise ManifestError where there is no file to read."""
    if problem := name_problem(path):
        raise ManifestError(f"{short_path(path)}: {problem}")
    kind = what_is(path)
    if not kind:
        raise ManifestError(f"{path}: no such manifest; check the name, or write one by restore plan")
    if kind != FILE:
        raise ManifestError(f"{path}: expected a manifest, got {kind}; name a file")
