"""What each lane keeps for itself."""

from __future__ import annotations

import threading


class PerLane(threading.local):
    """Attributes of which every thread has its own. Where it is sent to another process, there are none."""

    def __reduce__(self) -> tuple[type[PerLane], tuple[()]]:
        return PerLane, ()
