"""Progress on standard error: a line that is drawn anew on a terminal, elsewhere a plain one now and then.

What is drawn is wiped before anything else is written, and at the end.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from restore.cli.course import LOADING, Course, duration, line, status
from restore.cli.printable import message

DRAWN = 0.1  # seconds between two drawings
EVERY = 10.0  # seconds between two plain lines, and before the first
BEAT = 0.5  # seconds after which time is told anew where nothing else is
BAR = 24  # cells
LEAST = 8  # cells of a bar that is worth its place
NAME = 16  # cells of a name that go before a bar
FULL, EMPTY = "█", "░"
PLAIN = "#", "."  # where the terminal has no such letters


class Display:
    """Shows a course.

    stream: None shows nothing. clock: gives seconds. columns: gives the width of the terminal. seen: called
    with the course whenever it may have changed.
    """

    def __init__(
        self,
        course: Course,
        stream: TextIO | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        columns: Callable[[], int] | None = None,
        seen: Callable[[Course], None] | None = None,
    ):
        self.course, self._stream, self._clock, self._seen = course, stream, clock, seen
        self._columns = columns or (lambda: width_of(stream))
        self._drawing = stream is not None and draws_on(stream)
        self._lock = threading.RLock()
        self._said = clock()  # when something was shown last
        self._cells = 0  # on the line
        self._beat: threading.Thread | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        """Tell the time also while nothing happens that is told of."""
        if self._stream is not None and self._beat is None:
            self._beat = threading.Thread(target=self._go_on, name="progress", daemon=True)
            self._beat.start()

    def _go_on(self) -> None:
        while not self._ended.wait(BEAT):
            self.show()

    def show(self, *, now: bool = False) -> None:
        """Show how far it is, where it is time to. now: what is being done has changed."""
        if self._seen is not None:
            self._seen(self.course)
        with self._lock:
            if self._stream is None or self._ended.is_set():
                return
            passed = self._clock() - self._said
            if not self._drawing:
                if self.course.doing == LOADING:  # a run that is short but for that is short
                    self._said = self._clock()
                elif passed >= EVERY:
                    self._said = self._clock()
                    self._write(message(line(self.course)) + "\n")
            elif now or passed >= DRAWN:
                self._said = self._clock()
                self._draw()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Make room for something else to be written."""
        with self._lock:
            self._wipe()
            yield
            if self._drawing and not self._ended.is_set() and self.course.doing:
                self._draw()

    def close(self) -> None:
        """Show nothing any more."""
        self._ended.set()
        with self._lock:
            self._wipe()
        if self._beat is not None:
            self._beat.join()
            self._beat = None

    def _draw(self) -> None:
        assert self._stream is not None
        width = self._columns() - 1  # in the last column some terminals begin a new line
        bar = (FULL, EMPTY) if _has(self._stream, FULL + EMPTY) else PLAIN
        text = cut(shown(self.course, width, bar), width)
        wide = cells(text)
        rest = " " * min(max(0, self._cells - wide), max(0, width - wide))
        self._cells = wide
        self._write(f"\r{text}{rest}" + "\b" * len(rest))

    def _wipe(self) -> None:
        if self._cells and self._stream is not None:
            blank = min(self._cells + 2, max(1, self._columns() - 1))  # with the ^C that terminals echo
            self._write("\r" + " " * blank + "\r")
            self._cells = 0

    def _write(self, text: str) -> None:
        assert self._stream is not None
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # nobody can see it any more, which is no reason to end
            self._drawing, self._stream, self._cells = False, None, 0


def shown(course: Course, width: int, bar: tuple[str, str]) -> str:
    """The line for a terminal of that width: how much and how long first or next to last, a name cut."""
    left = course.left
    begun = course.share > 0 or course.pictures > 1
    much = f" {int(100 * course.share):3} %" if begun else ""
    time_left = "" if left is None else f" {duration(left)} left"
    what = status(course)
    if course.pictures > 1:
        head, tail = course.place, what
    else:
        head, tail = what, ""
    rest = cells(f"{head}{much}{time_left}{tail}") + 5
    space = max(0, width - rest)
    barred = max(0, space - LEAST - 3)
    name = cut(course.name, barred if barred >= min(NAME, cells(course.name)) else space)
    room = min(BAR, width - rest - cells(name) - 3)
    full = round(course.share * room)
    drawn = f" |{bar[0] * full}{bar[1] * (room - full)}|" if begun and room >= LEAST else ""
    if course.pictures > 1:
        about = ", ".join(each for each in (name, tail) if each)
        return f"{head}{much}{drawn}{time_left}: {about}"
    return (
        f"{name}: {head}{much}{drawn}{time_left}"
        if name and head
        else f"{name or head}{much}{drawn}{time_left}"
    )


def cells(text: str) -> int:
    """How many columns of a terminal a text takes: letters of Chinese, Japanese and Korean two each."""
    return sum(map(_cells_of, text))


def _cells_of(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def cut(text: str, width: int) -> str:
    """The text, without its end where it takes more columns."""
    if cells(text) <= width:
        return text
    found, wide = "", 0
    for letter in text:
        wide += _cells_of(letter)
        if wide > width - 3:
            break
        found += letter
    return (found + "...")[: max(0, width)]


def draws_on(stream: TextIO) -> bool:
    """Whether a line can be drawn anew on a stream."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def width_of(stream: TextIO | None) -> int:
    """The columns of a terminal, which may change."""
    try:
        assert stream is not None
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (AssertionError, OSError, ValueError):  # no terminal that tells
        return shutil.get_terminal_size().columns


def _has(stream: TextIO, letters: str) -> bool:
    try:
        letters.encode(stream.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
