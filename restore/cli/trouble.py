"""What goes wrong outside the program but not in its own words: full disks, memory that runs out."""

from __future__ import annotations

MEMORY = "not enough memory; lower --tile, or crop the picture"


def trouble(error: BaseException) -> str | None:
    """Say in one line what an exception means; None for a fault of the program."""
    if isinstance(error, MemoryError) or ("out of memory" in str(error) and isinstance(error, RuntimeError)):
        return MEMORY
    if isinstance(error, RecursionError):
        return "the input is nested too deeply; simplify it"
    if isinstance(error, OSError):
        name = error.filename if isinstance(error.filename, str) else None
        why = error.strerror or str(error) or type(error).__name__
        return f"{name}: {why}; check the file and the disk" if name else f"{why}; check the disk"
    return None
