"""Which process it was, and whether it is still there."""

from __future__ import annotations

import os
from pathlib import Path

from restore.images.publishing import is_running, machine_mark


def this_process() -> str:
    """A mark of this process, for `is_there`."""
    return f"{machine_mark()}-{os.getpid()}-{_begun(os.getpid())}"


def is_there(mark: str) -> bool | None:
    """Whether a process is still there; None where that cannot be told, as of another machine."""
    machine, _, rest = mark.partition("-")
    number, _, begun = rest.partition("-")
    if machine != machine_mark() or not number.isdecimal():
        return None
    return is_running(int(number)) and _begun(int(number)) == begun


def _begun(process: int) -> str:
    """When a process began, in ticks since the machine did; empty where the system does not tell."""
    try:
        told = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    fields = told.rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""
