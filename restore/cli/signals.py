"""Signals that end the program: each does as Ctrl-C does, so that nothing half-written stays.

Ctrl-C, SIGTERM (of ``timeout``, a service or a container that is stopped) and SIGHUP (of a terminal that is
closed) raise KeyboardInterrupt in the main thread. The exit code is 128 and the signal's number, as shells
count.
"""

from __future__ import annotations

# Nothing slow: until `install` is called, Ctrl-C ends the program with all the lines of a traceback.
import os
import signal
import sys
import time

SAME = 1.0  # seconds in which a second signal is taken for the first: the user's finger, or a whole group
AGAIN = 0.02  # seconds after which an interrupt that was lost is raised again
STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

_owner = 0  # the process: what it forks is to end at once
_received = 0
_at = float("-inf")
_working = False


def exit_code() -> int:
    """The exit code of a program that was interrupted: by Ctrl-C, unless another signal came."""
    return 128 + (_received or int(signal.SIGINT))


def install() -> None:
    """Let the signals raise KeyboardInterrupt; those that are ignored, as by ``nohup``, stay so."""
    global _owner
    if _owner:
        return
    _owner = os.getpid()
    for number in STOPPING:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _stop)
    sys.unraisablehook = _unraisable


def begin() -> None:
    """What is imported by now can be interrupted anywhere; before, the program just ends."""
    global _working
    _working = True


def ignore() -> None:
    """Let nothing interrupt the end of the program, whose exit code is known by now."""
    if _owner == os.getpid():
        for number in STOPPING:
            if signal.getsignal(number) is _stop:
                signal.signal(number, signal.SIG_IGN)


def _stop(number: int, _: object) -> None:
    global _received, _at
    if os.getpid() != _owner:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        return
    if time.monotonic() - _at < SAME:
        return
    _received, _at = int(number), time.monotonic()
    if not _working:
        # Modules are being imported, where an exception could get lost or be told with all its lines.
        _end(number)
    raise KeyboardInterrupt


def _end(number: int) -> None:
    try:
        os.write(2, b"error: interrupted\n")
    finally:
        os._exit(128 + number)


def _unraisable(told: sys.UnraisableHookArgs) -> None:
    """An interrupt in the middle of a clean-up of the interpreter's is lost: raise it a little later."""
    global _at
    if not (isinstance(told.exc_value, KeyboardInterrupt) and _received):
        sys.__unraisablehook__(told)
        return
    import threading

    _at = float("-inf")
    threading.Timer(AGAIN, os.kill, (os.getpid(), _received)).start()
