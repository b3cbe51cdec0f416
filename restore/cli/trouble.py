"""What goes wrong outside the program but not in its own words: full disks, memory that runs out."""

from __future__ import annotations

from restore.errors import RestoreError, StoppedError

MEMORY = "not enough memory; lower --tile, or crop the picture"


def is_memory(error: BaseException) -> bool:
    """Whether memory has run out.

    torch has a class of its own for a full GPU memory, and none for the machine's.
    """
    full = any(words in str(error) for words in ("can't allocate memory", "out of memory"))
    return isinstance(error, MemoryError) or (full and isinstance(error, RuntimeError))


def trouble(error: BaseException) -> str | None:
    """Say in one line what an exception means; None for a fault of the program."""
    if is_memory(error):
        return MEMORY
    if isinstance(error, RecursionError):
        return "the input is nested too deeply; simplify it"
    if isinstance(error, OSError):
        name = error.filename if isinstance(error.filename, str) else None
        why = error.strerror or str(error) or type(error).__name__
        return f"{name}: {why}; check the file and the disk" if name else f"{why}; check the disk"
    return None


def told_of(error: Exception) -> str | None:
    """Say in one line what has ended a command, the errors of this package included; None for a fault."""
    return str(error) if isinstance(error, RestoreError) else trouble(error)


def exit_code_of(error: Exception) -> int:
    """The exit code of a command that such an error has ended."""
    return 128 + error.number if isinstance(error, StoppedError) else 1
