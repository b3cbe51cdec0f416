"""A bound on what a hostile input may cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

# Seconds of this process. What is linear takes less than one, also on a busy machine with slow memory;
# what is quadratic takes minutes.
BOUND = 15


@contextmanager
def ends_soon() -> Iterator[None]:
    """Fail where the block takes so long that its time cannot be linear in its input."""
    start = time.process_time()
    yield
    assert time.process_time() - start < BOUND
