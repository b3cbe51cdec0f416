"""What a program that runs many commands in one process keeps between them, and how it watches them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from restore.cli.course import Course
    from restore.cli.options import Settings
    from restore.cli.prior_loader import Networks


@dataclass
class Host:
    """The program around a command.

    seen: called with the course of a command whenever that has progressed. looked: called with the hole
    ``(h, w)`` that was found in a picture, or None; where it is given, a dry run also measures the picture,
    chooses what it would do, and says so.
    """

    seen: Callable[[Course], None]
    looked: Callable[[NDArray[np.bool_] | None], None] | None = None
    _kept: list[tuple[tuple[object, ...], Networks]] = field(default_factory=list)

    def networks(self, settings: Settings, new: Callable[[], Networks]) -> Networks:
        """Give the network of these settings, which stays loaded until another is asked for."""
        key = settings.weights, settings.device, settings.precision, settings.tile, settings.label
        if not (self._kept and self._kept[0][0] == key):
            self._kept = [(key, new())]
        return self._kept[0][1]


_host: Host | None = None


def host() -> Host | None:
    """Give the program around the commands, where there is one."""
    return _host


def looking() -> Callable[[NDArray[np.bool_] | None], None] | None:
    """Give what takes the hole of a picture that is only looked at; None where pictures are restored."""
    return None if _host is None else _host.looked


@contextmanager
def hosting(program: Host) -> Iterator[None]:
    """Let a program be the one around the commands that are run meanwhile."""
    global _host
    before, _host = _host, program
    try:
        yield
    finally:
        _host = before
