"""What a server does for its visitors: it keeps pictures, looks at them, and lets jobs be done to them."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from restore.cli.serve import job_request, uploads
from restore.cli.serve.config import Serving
from restore.cli.serve.job_results import JobResults
from restore.cli.serve.names import clean_name
from restore.cli.serve.refusals import Refusal
from restore.cli.serve.state import Job, Picture, Region, Session, new_id
from restore.cli.serve.viewer import Viewer
from restore.cli.serve.work import Work
from restore.errors import ImageError

SWEEP = 60.0  # seconds between two looks for sessions that nobody uses


class Service:
    """Serves all visitors.

    viewer, work: the processes that look at pictures and restore them; a test may give others.
    """

    def __init__(self, serving: Serving, viewer: Viewer | None = None, work: Work | None = None):
        self.serving, self.limits = serving, serving.limits
        self.viewer = viewer or Viewer(serving.folder, pixels=serving.limits.result_pixels)
        self.work = work or Work(serving.folder, JobResults(self.viewer), serving.network())
        self.extensions = extensions()
        self.sessions: dict[str, Session] = {}
        self.opens: list[Path] = []  # pictures of the user's that are there from the start
        self.problem: ImageError | None = None  # of one of these
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the processes; the page can be read meanwhile."""
        await self.viewer.start()
        try:
            for path in self.opens:
                await self._open(path)
        except ImageError as error:
            self.problem = error
            return
        await self.work.start()
        if self.serving.public:
            self._sweeper = asyncio.create_task(self._sweep())

    async def _open(self, path: Path) -> None:
        """Take a file of the user's as if it had been uploaded. Raises ImageError."""
        session = self.session("")
        folder = session.folder / "files" / new_id()
        folder.mkdir(parents=True)
        try:
            await run_in_threadpool(shutil.copyfile, path, folder / clean_name(path.name))
            await self.add_picture(session, folder / clean_name(path.name))
        except OSError as error:
            raise ImageError(f"{path}: cannot read it ({error.strerror})") from error
        except Refusal as error:
            raise ImageError(error.message) from error

    def end_streams(self) -> None:
        """End what would go on for ever."""
        for session in self.sessions.values():
            session.feed.close()

    async def stop(self) -> None:
        """End the processes and all streams."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        self.end_streams()
        await asyncio.gather(self.viewer.close(), self.work.stop())

    def session(self, visitor: str) -> Session:
        """Give the session of a visitor, a new one where there is none."""
        if visitor not in self.sessions:
            self._check_room()
            # A new one, also for a visitor who comes back while what was theirs is being removed.
            folder = self.serving.folder / f"session-{new_id()}"
            folder.mkdir()
            self.sessions[visitor] = Session(folder)
        session = self.sessions[visitor]
        session.used = time.monotonic()
        return session

    def _check_room(self) -> None:
        """Let the visitor go who has left nothing here and came first. Raises Refusal where there is none."""
        if len(self.sessions) < self.limits.visitors:
            return
        for visitor, session in self.sessions.items():
            if not (session.pictures or session.jobs or session.assets or session.feed.read):
                shutil.rmtree(self.sessions.pop(visitor).folder, ignore_errors=True)
                return
        raise Refusal("too many people use this server just now; come again later", 503)

    async def _sweep(self) -> None:
        """Forget the sessions of visitors who have gone."""
        while True:
            await asyncio.sleep(SWEEP)
            for visitor, session in list(self.sessions.items()):
                busy = any(not job.ended for job in session.jobs.values()) or session.feed.read
                if not busy and time.monotonic() - session.used > self.limits.idle_seconds:
                    del self.sessions[visitor]
                    for picture in session.pictures.values():
                        await self.viewer.forget(picture.path)
                    await uploads.remove([session.folder])

    async def add_picture(self, session: Session, path: Path) -> Picture:
        """Take an uploaded file as a picture. Raises Refusal, and keeps nothing then."""
        try:
            self._check_number(session)
            facts = await self.viewer.open(path, name=path.name)
            await self._check_size(path, facts)
            self._check_number(session)  # others may have come meanwhile
        except BaseException:
            await uploads.remove([path.parent])
            raise
        picture = Picture(new_id(), path.name, path, "input", facts)
        session.pictures[picture.id] = picture
        session.tell(picture)
        return picture

    def _check_number(self, session: Session) -> None:
        """Refuse more pictures than a visitor may have. Raises Refusal."""
        if len(session.pictures) >= self.limits.pictures:
            raise Refusal(
                f"there are {len(session.pictures)} pictures here already; remove some first", 429, "file"
            )

    async def _check_size(self, path: Path, facts: Mapping[str, Any]) -> None:
        """Refuse a picture of more pixels than this server takes. Raises Refusal."""
        width, height = facts["width"], facts["height"]
        if width * height > self.limits.pixels:
            await self.viewer.forget(path)
            raise Refusal(
                f"{path.name}: {width}x{height} (w x h) is {width * height / 1e6:.0f} megapixels, more than "
                f"the {self.limits.pixels / 1e6:.0f} that this server takes; crop or downscale it first",
                415,
                "picture",
            )

    async def remove_picture(self, session: Session, picture: Picture) -> None:
        """Forget an uploaded picture with all that was made of it. Raises Refusal while it is worked on."""
        jobs = [job for job in session.jobs.values() if job.picture is picture]
        if any(not job.ended for job in jobs):
            raise Refusal(f"{picture.name} is being worked on; cancel that first", 409, "picture")
        if picture.job is not None:
            await self._forget(session, [picture], [])
            return
        for job in jobs:
            await self.remove_job(session, job)
        await self._forget(session, [picture], [])

    async def remove_job(self, session: Session, job: Job) -> None:
        """Forget a job with its results. Raises Refusal for one that has not ended."""
        if not job.ended:
            raise Refusal("this job has not ended; cancel it first", 409)
        made = [each for each in session.pictures.values() if each.job == job.id]
        for each in session.jobs.values():
            if not each.ended and each.picture in made:
                raise Refusal(f"{each.picture.name} is being worked on; cancel that first", 409)
        await self._forget(session, made, [job])

    async def _forget(self, session: Session, pictures: list[Picture], jobs: list[Job]) -> None:
        """Forget pictures and jobs, and what is kept of them."""
        folders = session.forget(pictures, jobs)
        for picture in pictures:
            await self.viewer.forget(picture.path)
        await uploads.remove(folders)

    def set_strokes(self, session: Session, picture: Picture, strokes: dict[str, Any]) -> int:
        """Keep the strokes on a picture, and tell other tabs; give their version."""
        picture.strokes = strokes
        picture.version += 1
        session.feed.send("strokes", {"picture": picture.id, "version": picture.version})
        return picture.version

    def check_regions(self, picture: Picture) -> None:
        """Refuse more regions than a picture may have. Raises Refusal."""
        if len(picture.regions) >= self.limits.regions:
            raise Refusal(
                f"{picture.name} has {len(picture.regions)} regions already; open it again", 429, "mask"
            )

    def add_region(self, picture: Picture, path: Path, facts: dict[str, Any]) -> Region:
        """Keep a part of a picture. path: of its mask."""
        try:
            self.check_regions(picture)  # others may have come meanwhile
        except Refusal:
            path.unlink(missing_ok=True)
            raise
        region = Region(new_id(), path, facts)
        picture.regions[region.id] = region
        return region

    async def select(self, session: Session, picture: Picture, place: Mapping[str, Any]) -> Region:
        """Find what a point lies in. Raises Refusal."""
        out = session.region_file()
        facts = await self.viewer.select(picture.path, place["x"], place["y"], place.get("radius"), out)
        return self.add_region(picture, out, facts)

    async def mask(
        self,
        picture: Picture,
        strokes: list[dict[str, Any]],
        out: Path,
        box: dict[str, int] | None = None,
    ) -> None:
        """Draw a mask, or a part of it. Raises Refusal."""
        regions = {id: region.path for id, region in picture.regions.items()}
        await self.viewer.mask(picture.path, strokes, regions, out, box)

    def command(self, session: Session, request: Mapping[str, Any]) -> str:
        """Check a request for a job as far as that can be done at once, and give its command."""
        return job_request.checked(session, request, self.serving).command

    async def add_job(self, session: Session, request: Mapping[str, Any]) -> Job:
        """Put a job into the queue. Raises Refusal."""
        self._check_queue(session)
        await uploads.check_stored(session, self.limits)
        asked = job_request.checked(session, request, self.serving)
        if asked.kind == "preview":
            await self._outdated(session, asked.picture)
        folder = session.folder / "jobs" / new_id()
        folder.mkdir(parents=True)
        try:
            await self._prepared(session, asked, folder)
            self._check_queue(session)  # others may have come meanwhile
            session.picture(asked.picture.id)  # it may have been removed
        except OSError as error:
            await uploads.remove([folder])
            session.picture(asked.picture.id)
            raise uploads.refusal_of(error) from error
        except BaseException:
            await uploads.remove([folder])
            raise
        job = asked.job(folder)
        session.jobs[job.id] = job
        session.tell(job)
        self.work.add(session, job)
        return job

    def _check_queue(self, session: Session) -> None:
        waiting = sum(not job.ended for each in self.sessions.values() for job in each.jobs.values())
        own = sum(not job.ended for job in session.jobs.values())
        if len(session.jobs) >= self.limits.jobs:
            raise Refusal(f"there are {len(session.jobs)} jobs here already; remove some first", 429)
        if own >= self.limits.queue or waiting >= 4 * self.limits.queue:
            raise Refusal(f"there are {own} jobs in the queue already; wait, or cancel some", 429)

    async def _outdated(self, session: Session, picture: Picture) -> None:
        """Cancel previews of a picture that nobody waits for any more, and forget those that have ended."""
        for job in list(session.jobs.values()):
            if job.kind == "preview" and job.picture is picture:
                if job.ended:
                    await self.remove_job(session, job)
                else:
                    with suppress(Refusal):
                        await self.work.cancel(job)

    async def _prepared(self, session: Session, asked: job_request.Asked, folder: Path) -> None:
        """Put the files of a job into its folder."""
        await run_in_threadpool(uploads.linked, asked.files, folder)
        mask = folder / asked.mask if asked.mask else None
        if asked.box is not None:
            # A JPEG is cut where its blocks begin.
            asked.box.update(await self.viewer.crop(asked.picture.path, asked.box, folder / asked.name))
        if mask is not None:
            await self.mask(asked.picture, asked.strokes or [], mask, asked.box)


def extensions() -> list[str]:
    """Give the extensions of the files that can be read here."""
    from restore.images.extras import lacking
    from restore.images.formats import FORMAT_OF_SUFFIX, PDF_SUFFIX

    return [each for each, kind in FORMAT_OF_SUFFIX.items() if each != PDF_SUFFIX and not lacking(kind)]
