"""Append to a manifest: each line by one write, under a lock, so that many processes share one."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from restore.errors import ManifestError, OutputError
from restore.images.paths import FILE, what_is

SYNCED = 2.0
"""Seconds after which lines are written through to the disk, with the next line."""


class ManifestFile:
    """A manifest that is appended to; threads may share it.

    Raises OutputError where it cannot be written.
    """

    def __init__(self, path: Path):
        self.path = path
        kind = what_is(path)
        if kind != FILE:
            raise ManifestError(f"{path}: expected a manifest, got {kind or 'no file'}; choose another name")
        flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            self._file = os.open(path, flags)
        except OSError as error:
            raise self._failed(error) from error
        self._thread = threading.RLock()
        self._depth = 0
        self._synced = time.monotonic()
        self._written = False

    def append(self, *lines: str) -> None:
        """Add lines. What another process has left of a line that it was killed in is ended first."""
        if not lines:
            return
        text = "".join(f"{line}\n" for line in lines).encode("ascii")
        with self.locked():
            try:
                self._write(text)
                self._written = True
                if time.monotonic() - self._synced > SYNCED:
                    self.sync()
            except OSError as error:
                raise self._failed(error) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes, and threads of this one, from appending meanwhile."""
        with self._thread:
            if not self._depth:
                _lock(self._file)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    _unlock(self._file)

    def sync(self) -> None:
        """Write through to the disk, where the file system can. Raises OSError where that is full."""
        if self._written:
            os.fsync(self._file)
        self._synced, self._written = time.monotonic(), False

    def close(self) -> None:
        """Write through and close."""
        with self._thread:
            if self._file >= 0:
                with suppress(OSError):
                    self.sync()
                os.close(self._file)
                self._file = -1

    def __enter__(self) -> ManifestFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, text: bytes) -> None:
        end = os.lseek(self._file, 0, os.SEEK_END)
        if end:
            os.lseek(self._file, end - 1, os.SEEK_SET)
            if os.read(self._file, 1) != b"\n":
                text = b"\n" + text
        written = os.write(self._file, text)
        if written < len(text):  # the disk is full: half a line says nothing
            try:
                rest = os.write(self._file, text[written:])
            except OSError:
                os.ftruncate(self._file, end)
                raise
            if written + rest < len(text):
                os.ftruncate(self._file, end)
                raise OSError(28, os.strerror(28))

    def _failed(self, error: OSError) -> OutputError:
        why = error.strerror or str(error)
        return OutputError(f"{self.path}: cannot write to the manifest ({why}); check the file and the disk")


if sys.platform == "win32":
    import msvcrt

    _FAR = 2**62  # beyond what is written, which Windows would keep others from reading

    def _lock(file: int) -> None:
        while True:
            os.lseek(file, _FAR, os.SEEK_SET)
            try:
                msvcrt.locking(file, msvcrt.LK_LOCK, 1)
                return
            except OSError:  # after ten attempts in ten seconds
                time.sleep(0.1)

    def _unlock(file: int) -> None:
        os.lseek(file, _FAR, os.SEEK_SET)
        with suppress(OSError):
            msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        with suppress(OSError):  # a file system without locks; one write of a line is whole there, too
            fcntl.flock(file, fcntl.LOCK_EX)

    def _unlock(file: int) -> None:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)
