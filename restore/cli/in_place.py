"""Results in the places of their pictures, whose originals are moved to a backup and can be put back.

At every moment there is a whole picture under the original name: the original gets a second name in the
backup, on another file system a verified copy, and then the result takes its first name at once.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

from restore import images
from restore.errors import OutputError
from restore.images.paths import FILE, status_of, what_is
from restore.images.publishing import publish
from restore.images.temporary import temporary_beside

NO_LINK = {
    getattr(errno, name)
    for name in ("EXDEV", "EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "EMLINK", "ENOSYS", "EINVAL")
}
"""What systems say where a file cannot have a second name."""


def file_hash(path: Path) -> str:
    """SHA-256 of a file, of which little is in memory. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def real(path: Path) -> Path:
    """The file that is replaced: through a link, the one that it points to."""
    return Path(os.path.realpath(path))


def back_up(original: Path, backup: Path) -> None:
    """Put an original into the backup; it keeps its own name, too. Raises OutputError."""
    original = real(original)
    try:
        backup.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(original, backup)
        except FileExistsError:
            _check_same(original, backup)
        except OSError as error:
            if error.errno not in NO_LINK:
                raise
            _copy(original, backup, overwrite=False)
    except FileExistsError:
        _check_same(original, backup)
    except OSError as error:
        why = error.strerror or str(error)
        raise OutputError(
            f"{backup}: cannot move the original there ({why}); check --backup and the disk"
        ) from error


def _check_same(original: Path, backup: Path) -> None:
    """Take the file that is there as the original's, as one that was killed has left it, or refuse it."""
    if what_is(backup) == FILE and (backup.samefile(original) or _same(original, backup)):
        return
    raise OutputError(
        f"{backup}: another file is there already, which is not replaced; choose another --backup"
    )


def _same(one: Path, other: Path) -> bool:
    return one.stat().st_size == other.stat().st_size and file_hash(one) == file_hash(other)


def _copy(source: Path, target: Path, *, overwrite: bool) -> None:
    """Copy a file with its times, down to the disk, and check the copy. Raises OSError and OutputError."""
    with temporary_beside(target) as part:
        shutil.copyfile(source, part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        if not _same(source, part):
            raise OutputError(f"{target}: the copy reads back wrong, nothing was changed; check the disk")
        shutil.copystat(source, part)
        publish(part, target, overwrite=overwrite)


def keep_times(original: Path, result: Path) -> None:
    """Give a result the times of its original."""
    status = status_of(original)
    if status is not None:
        with suppress(OSError):
            os.utime(result, ns=(status.st_atime_ns, status.st_mtime_ns))


def put_back(backup: Path, target: Path) -> None:
    """Move an original back from the backup, over the result. Raises OSError and OutputError."""
    target = real(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        backup.replace(target)
    except OSError as error:
        if error.errno not in NO_LINK:
            raise
        _copy(backup, target, overwrite=True)
        # It has its own times again, which a file that is replaced does not hand on.
        backup.unlink()


def remove_empty(folder: Path, within: Path) -> None:
    """Remove a folder that is empty, and those that hold only it, up to the backup."""
    with suppress(OSError, ValueError):
        while folder != within.parent and folder.is_relative_to(within):
            folder.rmdir()
            folder = folder.parent


class Undone:
    """What became of an original: where it is back; or why it is not."""

    def __init__(self, target: Path, problem: str = ""):
        self.target, self.problem = target, problem


def undo(target: Path, backup: Path, *, output_hash: str | None, input_hash: str | None) -> Undone:
    """Put one original back, where the result is still what was written; running it twice does no harm.

    output_hash, input_hash: SHA-256 of the result and of its original.
    """
    try:
        there = file_hash(real(target)) if what_is(target) == FILE else None
        kept = file_hash(backup) if what_is(backup) == FILE else None
        if kept is None:
            if there is not None and there == input_hash:
                return Undone(target)  # by a run that was killed before it could say so
            return Undone(target, f"{target}: the original is not in the backup; {backup} is missing")
        if input_hash is not None and kept != input_hash:
            return Undone(target, f"{target}: {backup} is not its original; compare them yourself")
        if there is not None and there == kept:
            backup.unlink()  # the result never took its place
        elif there is not None and there != output_hash:
            return Undone(
                target,
                f"{target}: it has been changed since it was restored, so it stays; its original is {backup}",
            )
        elif there is None and images.what_is(target):
            kind = images.what_is(target)
            return Undone(target, f"{target}: expected the result, got {kind}; its original is {backup}")
        else:
            put_back(backup, target)
    except OutputError as error:
        return Undone(target, str(error))
    except OSError as error:
        why = error.strerror or str(error)
        return Undone(target, f"{target}: cannot put the original back ({why}); it is {backup}")
    return Undone(target)
