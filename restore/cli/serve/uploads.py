"""Files that come from the page: kept in the private folder of a server, under names that it makes itself."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from restore.cli.serve.config import Limits
from restore.cli.serve.names import clean_name
from restore.cli.serve.private_folder import check_room
from restore.cli.serve.refusals import Refusal
from restore.cli.serve.state import Session, new_id

FULL = (errno.ENOSPC, errno.EDQUOT) if hasattr(errno, "EDQUOT") else (errno.ENOSPC,)
TOO_FULL = "the disk of the server is full; remove pictures, or make room, and try again"
PIECE = 2**20  # bytes that are written at once


async def stored(request: Request, session: Session, limits: Limits) -> Path:
    """Keep the body of a request as a file with the name that the query tells. Raises Refusal."""
    name = clean_name(request.query_params.get("name", ""))
    check_room(session.folder, int(request.headers.get("content-length", "0")))
    if used(session.folder) > limits.stored_bytes:
        raise no_room()
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


def no_room() -> Refusal:
    """Say that a visitor has as many files as may be."""
    return Refusal("there is no more room for files here; remove some pictures first", 507, "file")


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
        raise Refusal("the upload was broken off", 400, "file") from error
    file.write(b"".join(pieces))
    return size


def refusal_of(error: OSError) -> Refusal:
    """Say what is wrong with the disk."""
    if error.errno in FULL:
        return Refusal(TOO_FULL, 507, "file")
    return Refusal(f"the file could not be kept ({error.strerror})", 507, "file")


def linked(files: Sequence[tuple[Path, str]], folder: Path) -> None:
    """Let files stand in a folder under these names, without copying them where that can be."""
    for path, name in files:
        try:
            os.link(path, folder / name)
        except OSError:
            shutil.copyfile(path, folder / name)


async def remove(folders: Sequence[Path]) -> None:
    """Remove folders with all that is in them."""
    for folder in folders:
        with suppress(OSError):
            await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)


def used(folder: Path) -> int:
    """Give the bytes of all files in a folder."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(place) / name).stat().st_size
    return total
