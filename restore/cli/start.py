"""The start and the end of the program: streams and signals first, then everything else.

Little is imported here, so that Ctrl-C finds its handler also while the rest is imported.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from typing import NoReturn

from restore.cli import signals, streams

Program = Callable[[Sequence[str]], int]


def run(load: Callable[[], Program]) -> NoReturn:
    """Load a program, run it on the words of the command line, and leave with its exit code."""
    signals.install()  # where nobody has
    streams.prepare()
    threading.excepthook = _in_thread
    code = _code_of(load)
    signals.ignore()
    if streams.trouble(_say) and code == 0:
        code = 1
    sys.exit(code)


def _code_of(load: Callable[[], Program]) -> int:
    program = load()
    try:
        signals.begin()
        return program(sys.argv[1:])
    except KeyboardInterrupt:
        _say("interrupted")
        return signals.exit_code()
    except Exception:
        import traceback

        traceback.print_exc()
        _say("a fault in this program; please report it, with the lines above and the command")
        return 1


def _in_thread(told: threading.ExceptHookArgs) -> None:
    """A thread that writes a log ends where the disk is full; whoever waits for it says so."""
    if not isinstance(told.exc_value, OSError | KeyboardInterrupt):
        threading.__excepthook__(told)


def _say(text: str) -> None:
    from restore.cli.reporter import say_error

    say_error(text)
