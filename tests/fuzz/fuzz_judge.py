"""What every reader of files promises, checked on one input.

A result or one of our errors, with a message of one line, in bounded time and memory, and nothing printed.
"""

from __future__ import annotations

import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from restore.errors import RestoreError

LONGEST_MESSAGE = 1000  # characters
MOST_SECONDS = 2.0  # of computing, whatever else the machine does
MOST_SECONDS_A_PIXEL = 1e-7  # more, and
MOST_MEMORY_A_PIXEL = 16  # bytes more, for pictures that are accepted: a small file may hold a large one
STOPPED_AFTER = 60.0  # seconds of computing
MOST_MEMORY = 700 * 2**20  # bytes by which one input may raise the largest that there was
ROOT = str(Path(sys.modules["restore"].__file__ or "").parent)


@dataclass(frozen=True)
class Target:
    """A reader to be tried.

    Parameters
    ----------
    name : on the command line, and of the folder in ``tests/corpus``.
    call : reads the bytes and gives the number of pixels, where it reads a picture; AssertionError where a
        promise about its result does not hold.
    also : other folders of the corpus, or files, to begin from.
    allowed : what else may be raised, as docstrings say.
    repaired : puts right what else would stop a reader early, such as a hash.
    """

    name: str
    call: Callable[[bytes], int | None]
    also: tuple[str, ...] = ()
    allowed: tuple[type[Exception], ...] = ()
    repaired: Callable[[bytes], bytes] = field(default=lambda data: data)


@dataclass(frozen=True)
class Outcome:
    """What an input led to.

    fault: what is wrong, in a line; empty for nothing. said: the error without names and numbers, for telling
    whether it is new.
    """

    fault: str
    said: str


def judged(target: Target, data: bytes, printed: Callable[[], str] = lambda: "") -> Outcome:
    """Call the target once. printed: what has been printed since it was asked last."""
    memory, start = _most_memory(), time.process_time()
    fault, said, pixels = "", "", 0
    try:
        with _stopped():
            pixels = target.call(data) or 0
    except _TooLong:
        fault = said = f"took more than {STOPPED_AFTER:.0f} s of computing"
    except (RestoreError, *target.allowed) as error:
        said = str(error)
        fault = _message_fault(said)
        said = f"{type(error).__name__} {_shape(said)}"
    except Exception as error:
        fault = said = f"{type(error).__name__}: {_one_line(error)} at {_place(error)}"
    seconds, memory = time.process_time() - start, _most_memory() - memory
    if not fault and seconds > MOST_SECONDS + MOST_SECONDS_A_PIXEL * pixels:
        fault = f"took {seconds:.1f} s of computing"
    if not fault and memory > MOST_MEMORY + MOST_MEMORY_A_PIXEL * pixels:
        fault = f"took {memory / 2**20:.0f} MiB more memory than anything before"
    if (text := printed()) and not fault:
        fault = f"printed {_quoted(text)}"
    return Outcome(fault, said)


class _TooLong(BaseException):  # not an Exception, which readers turn into errors of their own
    """The time is over."""


@contextmanager
def _stopped() -> Iterator[None]:
    """Stop what takes too long, except within native code."""

    def stop(*_: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, STOPPED_AFTER)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def kind_of_fault(fault: str) -> str:
    """Faults of one cause look alike: without numbers and quoted names."""
    return _shape(fault)


def _message_fault(message: str) -> str:
    if not message:
        return "the message is empty"
    if not message.isprintable():
        return f"a message that is not one printable line: {_quoted(message)}"
    if len(message) > LONGEST_MESSAGE:
        return f"a message of {len(message)} characters: {_quoted(message)}"
    return ""


def _shape(message: str) -> str:
    return re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "_", message)[:160]


def _one_line(error: Exception) -> str:
    return ascii(str(error))[1:-1][:200]


def _quoted(message: str) -> str:
    return ascii(message[:160])


def _place(error: Exception) -> str:
    """The innermost line of the package, and the innermost of all."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(ROOT)] or frames
    places = {f"{Path(frame.filename).name}:{frame.lineno}": None for frame in (own[-1], frames[-1])}
    return " < ".join(places)


def _most_memory() -> int:
    """The most that this process has held, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most
