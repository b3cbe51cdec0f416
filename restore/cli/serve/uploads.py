"""Files that come from the page: kept in the private folder of a server, under names that it makes itself."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from restore.cli.jobs import disk_is_full
from restore.cli.serve.config import Limits
from restore.cli.serve.names import clean_name
from restore.cli.serve.private_folder import check_room
from restore.cli.serve.refusals import TOO_FULL, Refusal
from restore.cli.serve.state import Session, new_id

PIECE = 2**20  # bytes that are written at once
SELDOM = 0.0005  # seconds, for each file, for which it is taken to be true how many bytes there are


async def stored(request: Request, session: Session, limits: Limits) -> Path:
    """Keep the body of a request as a file with the name that the query tells. Raises Refusal."""
    name = storable(request.query_params.get("name", ""))
    check_room(session.folder, int(request.headers.get("content-length", "0")))
    await check_stored(session, limits)
    folder = session.folder / "files" / new_id()
    try:
        folder.mkdir(parents=True)
        path = folder / name
        with path.open("xb") as file:
            size = await _received(request, file, limits)
    except OSError as error:
        await remove([folder])
        raise refusal_of(error) from error
    except BaseException:
        await remove([folder])
        raise
    if not size:
        await remove([folder])
        raise Refusal(f"{name}: expected a file, got no bytes", 422, "file")
    return path


def storable(name: str) -> str:
    """Give a name that is harmless, and that a file can have here: some systems have few letters."""
    coding = sys.getfilesystemencoding()
    return clean_name(clean_name(name).encode(coding, "replace").decode(coding))


async def _received(request: Request, file: IO[bytes], limits: Limits) -> int:
    size, pieces, held = 0, list[bytes](), 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > limits.file_bytes:
                raise Refusal(f"this file is larger than {limits.file_bytes / 2**20:.0f} MB", 413, "file")
            pieces.append(piece)
            held += len(piece)
            if held >= PIECE:
                await run_in_threadpool(file.write, b"".join(pieces))
                pieces, held = [], 0
    except ClientDisconnect as error:
        raise Refusal("the upload was interrupted", 400, "file") from error
    file.write(b"".join(pieces))
    return size


def refusal_of(error: OSError) -> Refusal:
    """Say what is wrong with the disk."""
    if disk_is_full(error):
        return Refusal(TOO_FULL, 507, "file")
    return Refusal(f"the file could not be kept ({error.strerror})", 507, "file")


def linked(files: Sequence[tuple[Path, str]], folder: Path) -> None:
    """Let files stand in a folder under these names, without copying them where that can be."""
    for path, name in files:
        try:
            os.link(path, folder / name)
        except OSError:
            shutil.copyfile(path, folder / name)


def held(files: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """Give files by other paths, under which they stay where those are removed, as far as that can be.

    Raises FileNotFoundError.
    """
    with suppress(OSError):  # such as a full disk, of which a download makes room
        folder.mkdir(parents=True)
    found = {}
    for number, (name, path) in enumerate(files.items()):
        found[name] = folder / str(number)
        try:
            os.link(path, found[name])
        except OSError:
            path.stat()
            found[name] = path
    return found


async def remove(folders: Sequence[Path]) -> None:
    """Remove folders with all that is in them."""
    for folder in folders:
        with suppress(OSError):
            await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)


async def check_stored(session: Session, limits: Limits) -> None:
    """Refuse more files where a visitor has as many bytes as may be. Raises Refusal."""
    now = time.monotonic()
    if now >= session.measured_until:
        session.bytes, count = await run_in_threadpool(used, session.folder)
        # Where there are very many files it is not done for each that comes.
        session.measured_until = now + count * SELDOM
    if session.bytes > limits.stored_bytes:
        session.measured_until = now  # something may be removed now
        raise Refusal("there is no more room for files here; remove some pictures first", 507, "file")


def used(folder: Path) -> tuple[int, int]:
    """Give the bytes of all files in a folder, and how many there are. One of several names counts once."""
    total, count, seen, folders = 0, 0, set[int](), [os.fspath(folder)]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as found:
            for each in found:
                if each.is_dir(follow_symlinks=False):
                    folders.append(each.path)
                    continue
                count += 1
                status = each.stat(follow_symlinks=False)
                if status.st_nlink < 2 or status.st_ino not in seen:
                    total += status.st_size
                    seen.add(status.st_ino)
    return total, count
