"""The three standard streams of the program: open, and never a reason to stop.

A full disk or a closed pipe behind standard output or standard error costs what would be read there, not the
pictures: what cannot be written is dropped, and the program says so in the end.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

STDIO = "-"
"""What stands for standard input and standard output."""

NAMES = ("standard input", "standard output", "standard error")
_closed: set[int] = set()
_output: Lasting | None = None


class Lasting(io.RawIOBase):
    """A stream of bytes that goes on where it can no longer be written to; failure: why."""

    def __init__(self, raw: Any):
        self._raw = raw
        self.failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        number: int = self._raw.fileno()
        return number

    def isatty(self) -> bool:
        return bool(self._raw.isatty())

    def write(self, data: Any) -> int:
        """Write what fits; once that has failed, nothing is written any more."""
        size = memoryview(data).nbytes
        while self.failure is None:
            try:
                written = self._raw.write(data)
            except OSError as error:
                self.failure = error
            else:
                if written is not None:
                    return int(written)
                select.select([], [self._raw], [])  # a pipe that does not wait, and is full
        return size


def prepare() -> None:
    """Open what is closed, before a file of the program gets its number; make both outputs last."""
    global _output
    if _output is not None:
        return
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _closed.add(number)
            if os.open(os.devnull, os.O_RDWR) == number:  # the lowest number that is free
                os.set_inheritable(number, True)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", errors="surrogateescape")  # noqa: SIM115
    sys.stdout, _output = _lasting(sys.stdout, 1)
    sys.stderr, _ = _lasting(sys.stderr, 2)
    # The interpreter flushes these in its end.
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc]


def _lasting(stream: Any, number: int) -> tuple[io.TextIOWrapper, Lasting]:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    at_once = getattr(stream, "line_buffering", False)
    if stream is None:
        raw: Any = io.FileIO(number, "w", closefd=False)
    else:
        stream.flush()
        binary = stream.detach()
        raw = binary.detach() if isinstance(binary, io.BufferedWriter) else binary
    lasting = Lasting(raw)
    text = io.TextIOWrapper(
        io.BufferedWriter(lasting), encoding, "backslashreplace", line_buffering=at_once or number == 2
    )
    return text, lasting


def is_closed(number: int) -> bool:
    """Whether standard input (0), output (1) or error (2) was closed when the program began."""
    return number in _closed


def trouble(say: Callable[[str], None]) -> bool:
    """Whether something was lost on standard output; says why, but not where its reader has gone."""
    failure = None if _output is None else _output.failure
    if failure is None:
        return False
    if failure.errno != errno.EPIPE:
        say(f"standard output: cannot write ({failure.strerror}); free some space, or send it elsewhere")
    return True
