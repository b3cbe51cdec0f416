"""Wait until something changes in a folder: by events of the system, or by looking every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from restore.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator

TURN = 0.5  # seconds after which a wait ends at the latest, so that what is due is not late
EVERY = 5.0  # seconds between looks without events
ANYHOW = 60.0  # and with them, as some shares tell of nothing
MISSING = (
    "expected the package watchfiles to wait for files, which is not installed; pip install "
    "'restore-diffusion[watch]', or pass --poll"
)

Wait = Callable[[], bool]
"""Waits for a moment; says whether something has changed."""


def check_events(*, poll: bool) -> None:
    """Raise ConfigError where the package for events is missing. poll: whether none is needed."""
    from importlib.util import find_spec

    if not poll and find_spec("watchfiles") is None:
        raise ConfigError(MISSING)


@contextmanager
def changes_in(folder: Path, counts: Callable[[Path], bool], *, poll: bool) -> Iterator[Wait]:
    """Give a function that waits. counts: whether a change of a file is of any interest.

    Raises OSError where the system has no room for more events, or the folder is gone.
    """
    if poll:
        yield _sleep
        return
    from watchfiles import watch

    changes = watch(
        folder,
        watch_filter=lambda _, path: counts(Path(path)),
        debounce=400,
        rust_timeout=round(TURN * 1000),
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    with closing(changes):
        next(changes, None)  # only now events are noticed, also those that come before the first wait
        yield lambda: _next(changes)


def _next(changes: Generator[object]) -> bool:
    return bool(next(changes, None))


def _sleep() -> bool:
    time.sleep(TURN)
    return False
