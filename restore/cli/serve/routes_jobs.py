"""Jobs, what can be asked for, and the events of a session, as the page sees them."""

from __future__ import annotations

import time
import zipfile
from collections.abc import AsyncIterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from restore import __version__
from restore.cli.serve import catalogue, openapi, uploads
from restore.cli.serve.answers import attachment, body_of, service_of, session_of
from restore.cli.serve.refusals import Refusal
from restore.cli.serve.state import Job, Session, new_id

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

PIECE = 2**20  # bytes that are sent at once
NEVER = -1  # the number of no event


@lru_cache(maxsize=1)
def tasks() -> list[dict[str, Any]]:
    """Give what can be done to a picture."""
    return catalogue.tasks()


async def session(request: Request) -> Response:
    """Give all that is known, for a page that is loaded."""
    service, own = service_of(request), session_of(request)
    limits = {name: getattr(service.limits, name) for name in ("file_bytes", "pixels", "pictures", "queue")}
    return JSONResponse(
        {
            "version": __version__,
            "device": service.serving.device,
            "limits": limits,
            "extensions": service.extensions,
            "event": own.feed.number,
            "pictures": [each.json() for each in own.pictures.values()],
            "jobs": [each.json() for each in own.jobs.values()],
        }
    )


async def tasks_listed(_: Request) -> Response:
    """Give the tasks with their options."""
    return JSONResponse(await run_in_threadpool(tasks))


async def described(_: Request) -> Response:
    """Describe all this for programs."""
    return JSONResponse(openapi.document())


async def command(request: Request) -> Response:
    """Check what is asked for, and say how the command line does it."""
    asked = await body_of(request)
    return JSONResponse({"command": service_of(request).command(session_of(request), asked)})


async def added(request: Request) -> Response:
    """Take a job."""
    job = await service_of(request).add_job(session_of(request), await body_of(request))
    return JSONResponse(job.json(), 202)


async def listed(request: Request) -> Response:
    """Give all jobs."""
    return JSONResponse([each.json() for each in session_of(request).jobs.values()])


def job_of(request: Request) -> Job:
    """Give the job that the path names. Raises Refusal."""
    return session_of(request).job(request.path_params["job"])


async def shown(request: Request) -> Response:
    """Give a job."""
    return JSONResponse(job_of(request).json())


async def removed(request: Request) -> Response:
    """Forget a job that has ended, with its results."""
    await service_of(request).remove_job(session_of(request), job_of(request))
    return Response(status_code=204)


async def cancelled(request: Request) -> Response:
    """End a job."""
    job = job_of(request)
    await service_of(request).work.cancel(job)
    return JSONResponse(job.json(), 202)


async def archive(request: Request) -> Response:
    """Give the results of jobs in one file."""
    own = session_of(request)
    asked = dict.fromkeys(id for id in request.query_params.get("jobs", "").split(",") if id)
    files = archived(own, [own.job(id) for id in asked])
    if not files:
        raise Refusal("these jobs have no results", 422)
    folder = own.folder / "archives" / new_id()
    try:
        held = await run_in_threadpool(uploads.held, files, folder)
    except FileNotFoundError as error:
        await uploads.remove([folder])
        raise Refusal("a file of these is not there any more", 404) from error
    return Archive(own, held, folder)


class Archive(StreamingResponse):
    """Files as one. folder: of links to them, so that none is gone before its turn; removed at the end."""

    def __init__(self, own: Session, files: dict[str, Path], folder: Path):
        headers = attachment("restored.zip")
        super().__init__(self._kept(zipped(files)), media_type="application/zip", headers=headers)
        self._own, self._folder = own, folder

    async def _kept(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Keep the session of a visitor who reads for longer than one is kept that is not used."""
        async for piece in pieces:
            self._own.used = time.monotonic()
            yield piece

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await uploads.remove([self._folder])


def archived(own: Session, jobs: list[Job]) -> dict[str, Path]:
    """The files of the results of jobs, by names that are different."""
    files: dict[str, Path] = {}
    used = set[str]()  # without regard to case, as where the file is unpacked
    for job in jobs:
        for result in job.results:
            if (picture := own.pictures.get(result["picture"])) is None:
                continue
            name, number = Path(picture.name), 2
            while name.name.lower() in used:
                name = Path(picture.name).with_stem(f"{Path(picture.name).stem} ({number})")
                number += 1
            files[name.name] = picture.path
            used.add(name.name.lower())
    return files


class _Pipe:
    """What a ZIP file is written to, piece by piece."""

    def __init__(self) -> None:
        self.held = bytearray()
        self._at = 0

    def write(self, data: bytes) -> int:
        self.held += data
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        data = bytes(self.held)
        self.held.clear()
        return data


def _entry(path: Path, name: str) -> zipfile.ZipInfo:
    # The clock of a machine may be before 1980, which no date in such a file is.
    return zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)


async def zipped(files: dict[str, Path]) -> AsyncIterator[bytes]:
    """Write files into a ZIP file, as they are: pictures are compressed already."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as whole:  # type: ignore[call-overload]  # no seeking
        for name, path in files.items():
            with path.open("rb") as file, whole.open(_entry(path, name), "w") as entry:
                while data := await run_in_threadpool(file.read, PIECE):
                    entry.write(data)
                    yield pipe.taken()
            yield pipe.taken()
    yield pipe.taken()


async def events(request: Request) -> Response:
    """Tell of all that changes from here on."""
    last = request.headers.get("last-event-id") or request.query_params.get("since")
    number = None
    if last:  # what is no number of an event is of another stream, and nothing is known of what was missed
        number = int(last) if last.isdecimal() and len(last) < 16 else NEVER
    stream = session_of(request).feed.stream(number)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


ROUTES = [
    Route("/api/session", session, methods=["GET"]),
    Route("/api/openapi.json", described, methods=["GET"]),
    Route("/api/tasks", tasks_listed, methods=["GET"]),
    Route("/api/commands", command, methods=["POST"]),
    Route("/api/jobs", added, methods=["POST"]),
    Route("/api/jobs", listed, methods=["GET"]),
    Route("/api/jobs/{job}", shown, methods=["GET"]),
    Route("/api/jobs/{job}", removed, methods=["DELETE"]),
    Route("/api/jobs/{job}/cancel", cancelled, methods=["POST"]),
    Route("/api/archive", archive, methods=["GET"]),
    Route("/api/events", events, methods=["GET"]),
]
