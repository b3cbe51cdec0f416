"""Give a finished file its name: at once, and never over a file that is not ours to replace.

A file is first written beside its target under a hidden name that says which process writes it. What a
process that was killed has left behind can so be told from what another one is writing just now.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
import time
from pathlib import Path

from restore.errors import AlreadyThereError, OutputError
from restore.images.page_count import page_count
from restore.images.paths import (
    FILE,
    FOLDER,
    LONGEST_PATH,
    LOOSE,
    is_empty,
    is_folder,
    name_problem,
    short_path,
    status_of,
    what_is,
)

OLD = 24 * 3600.0
"""Seconds after which a temporary file is nobody's, whichever machine wrote it."""
PATIENCE = 10.0
"""Seconds that a marker of another process is waited for; it is held for as long as a rename takes."""

_OURS = re.compile(r"\.restore-(?P<machine>[0-9a-f]{12})-(?P<process>[0-9]{1,10})-[0-9a-f]{16}\.part")
_MARKER = re.compile(r"\.restore-marker-[0-9a-f]{16}\.part")
_SWEPT: set[Path] = set()


def check_place(path: str | Path, *, overwrite: bool, pages: int = 1) -> None:
    """Check that a picture can get this name, before it is computed.

    Parameters
    ----------
    path : where it will be written; the folder may be missing.
    overwrite : whether a file that is already there is replaced. One of more pages than the result never is:
        the others would be lost.
    pages : of the result.

    Raises
    ------
    AlreadyThereError
        Where a file is there already (without ``overwrite``). An empty one counts as none.
    OutputError
        For a name that cannot be, or belongs to a folder, a device or a link to nothing.
    """
    path_problem = name_problem(path)
    if not path_problem and len(os.fsencode(Path(path).parent / temporary_name())) > LONGEST_PATH:
        path_problem = "expected a path that leaves room for a temporary file; use shorter folders"
    if path_problem:
        raise OutputError(f"{short_path(path)}: {path_problem}")
    path, kind = Path(path), what_is(path)
    if kind == LOOSE and overwrite and not is_folder(Path(os.path.realpath(path)).parent):
        raise OutputError(f"{path}: a link into a missing folder; create that, or remove the link")
    if not kind or (kind == LOOSE and overwrite):
        return  # that its folder is missing or locked is told as it is written
    if kind != FILE:
        hint = f"add a name, as {path / 'out.png'}" if kind == FOLDER else "choose another name"
        raise OutputError(f"{path}: expected a file name, got {kind}; {hint}")
    if not overwrite and not is_empty(path):
        raise already_there(path)
    if (there := page_count(path)) > pages:
        new = "is one" if pages == 1 else f"holds {pages}"
        raise OutputError(
            f"{path}: it holds {there} pictures and the result {new}, so the others would be lost; write to "
            "another name"
        )


def already_there(path: Path) -> OutputError:
    """The error for a name that is taken."""
    kind = what_is(path)
    if kind in (FILE, ""):
        return AlreadyThereError(
            f"{path}: the file is already there; choose another name or pass --overwrite"
        )
    return OutputError(f"{path}: expected a file name, got {kind}; choose another name")


def temporary_name() -> str:
    """A new name for an unfinished file."""
    return f".restore-{machine_mark()}-{os.getpid()}-{secrets.token_hex(8)}.part"


@functools.cache
def machine_mark() -> str:
    """A mark of the machine, its last start, and the space of process numbers (a container has its own).

    Examples
    --------
    >>> len(machine_mark())
    12
    """
    import platform

    parts = [platform.node()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    except (OSError, ValueError):
        pass  # not on this system
    return hashlib.blake2b("\n".join(parts).encode("utf-8", "replace"), digest_size=6).hexdigest()


def sweep(folder: str | Path) -> None:
    """Remove what processes that were killed have left in a folder: unfinished files of `write`.

    Those of a process of this machine that is gone, and those older than a day. Nothing else is touched, and
    what cannot be removed stays.
    """
    folder = Path(folder).absolute()
    _SWEPT.add(folder)
    try:
        with os.scandir(folder) as entries:
            found = [folder / entry.name for entry in entries if entry.name.startswith(".restore-")]
    except OSError:
        return
    for path in found:
        if is_left_over(path):
            with contextlib.suppress(OSError):
                path.unlink()


def sweep_once(folder: str | Path) -> None:
    """`sweep` a folder, unless this process has done so before."""
    if Path(folder).absolute() not in _SWEPT:
        sweep(folder)


def is_left_over(path: Path, *, folder: bool = False) -> bool:
    """Whether a process that was killed has left an unfinished file.

    Parameters
    ----------
    path : whose name `temporary_name` has given.
    folder : whether it is to be a folder rather than a file.

    Examples
    --------
    >>> is_left_over(Path(temporary_name()))
    False
    """
    ours = _OURS.fullmatch(path.name)
    status = status_of(path, follow=False)
    expected = stat.S_ISDIR if folder else stat.S_ISREG
    if not (ours or _MARKER.fullmatch(path.name)) or status is None or not expected(status.st_mode):
        return False
    if time.time() - status.st_mtime > OLD:
        return True
    return ours is not None and ours["machine"] == machine_mark() and not is_running(int(ours["process"]))


def is_running(process: int) -> bool:
    """Whether a process of this machine is there, or may be.

    Parameters
    ----------
    process : its number.

    Examples
    --------
    >>> is_running(os.getpid())
    True
    """
    if sys.platform == "win32":  # there a signal of 0 would end the process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # another user's, or no process that could be asked for
    return True


def publish(temporary: Path, target: Path, *, overwrite: bool) -> None:
    """Give the finished file its name. An empty file of that name is replaced.

    Raises FileExistsError where the name is taken (without ``overwrite``), and other OSError.
    """
    if overwrite:
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
        return
    try:
        _take(temporary, target)
    except FileExistsError:
        if target.is_symlink() or not is_empty(target):
            raise
        temporary.replace(target)


def _take(temporary: Path, target: Path) -> None:
    """Rename, unless the name is taken: by a hard link, else by the system, else under a marker."""
    try:
        target.hardlink_to(temporary)
        return
    except FileExistsError:
        raise
    except OSError:
        pass  # no hard links on this file system
    try:
        rename_new(temporary, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
        _rename_marked(temporary, target)


def rename_new(source: Path, target: Path) -> None:
    """Rename a file, atomically, unless the name is taken.

    Raises
    ------
    FileExistsError
        Where it is.
    OSError
        With ``ENOSYS`` or ``EINVAL`` where the system or the file system cannot.
    """
    if sys.platform == "win32":
        source.rename(target)
        return
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    try:
        if sys.platform == "darwin":
            code = library.renamex_np(os.fsencode(source), os.fsencode(target), ctypes.c_uint(4))
        else:
            here = ctypes.c_int(-100)  # AT_FDCWD; the flag is RENAME_NOREPLACE
            code = library.renameat2(here, os.fsencode(source), here, os.fsencode(target), ctypes.c_uint(1))
    except AttributeError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    if code != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(source), None, str(target))


def _rename_marked(temporary: Path, target: Path) -> None:
    """Rename where only one process can hold a marker for the name; one that was killed loses it."""
    mark = hashlib.blake2b(os.fsencode(target.name), digest_size=8).hexdigest()
    marker = target.with_name(f".restore-marker-{mark}.part")
    waited = 0.0
    while True:
        try:
            os.close(os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            if waited >= PATIENCE:
                marker.unlink(missing_ok=True)
            time.sleep(0.05)
            waited += 0.05
    try:
        if what_is(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        temporary.rename(target)
    finally:
        marker.unlink(missing_ok=True)
