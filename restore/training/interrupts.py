"""Ctrl-C, SIGTERM and SIGHUP during a run: nothing stays half-done, nothing waits longer than it must."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Literal

SAME = 1.0  # seconds in which a second signal is taken for the first
STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupts:
    """Inside its ``with`` a signal only sets ``number``: what goes on is completed.

    A second signal raises KeyboardInterrupt at once, unless it comes within a second and is taken for the
    first. Signals that are ignored stay so; outside the main thread nothing changes.

    Examples
    --------
    >>> with Interrupts() as interrupts:
    ...     signal.raise_signal(signal.SIGTERM)
    ...     interrupts.number == signal.SIGTERM
    True
    >>> with Interrupts() as interrupts:
    ...     def work():
    ...         with interrupts.at_once():
    ...             signal.raise_signal(signal.SIGTERM)
    ...             print("not reached")
    ...     interrupts.during(work) == signal.SIGTERM
    True
    """

    def __init__(self) -> None:
        self.number = 0
        self._at = 0.0
        self._mode: Literal["later", "at once", "not now"] = "later"
        self._before: dict[int, Any] = {}
        self._owner = os.getpid()

    def __enter__(self) -> Interrupts:
        """Take the signals over."""
        if threading.current_thread() is threading.main_thread():
            before = {number: signal.getsignal(number) for number in STOPPING}
            self._before = {n: was for n, was in before.items() if was not in (signal.SIG_IGN, None)}
            for number in self._before:
                signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back."""
        for number, was in self._before.items():
            signal.signal(number, was)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Inside, the first signal raises KeyboardInterrupt: what is done here can be thrown away."""
        if self.number:
            raise KeyboardInterrupt
        with self._in_mode("at once"):
            yield

    @contextmanager
    def not_now(self) -> Iterator[None]:
        """Inside, not even a second signal raises: what is done here is short and must be whole."""
        with self._in_mode("not now"):
            yield

    @contextmanager
    def _in_mode(self, mode: Literal["at once", "not now"]) -> Iterator[None]:
        before, self._mode = self._mode, mode
        try:
            yield
        finally:
            self._mode = before

    def during(self, work: Callable[[], object]) -> int:
        """Do some work; the number of the signal that has ended it or come meanwhile, 0 for none."""
        try:
            work()
        except KeyboardInterrupt:
            self.number = self.number or int(signal.SIGINT)
        return self.number

    def _receive(self, number: int, frame: Any) -> None:
        if os.getpid() != self._owner:  # a process that was forked ends as it would have
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        again = bool(self.number) and time.monotonic() - self._at >= SAME
        if not self.number:
            self.number, self._at = int(number), time.monotonic()
        if self._mode == "at once" or (again and self._mode == "later"):
            was = self._before[number]
            if callable(was):
                was(number, frame)  # which knows how an interrupt that gets lost is raised again
            raise KeyboardInterrupt
