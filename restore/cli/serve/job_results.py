"""What has become of a job: its results as pictures, what was said of it, what went wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from restore.cli.serve import uploads
from restore.cli.serve.arguments import option_of
from restore.cli.serve.refusals import Refusal
from restore.cli.serve.state import Job, Picture, Region, Session, new_id
from restore.cli.serve.viewer import Viewer
from restore.cli.serve.worker import CANCELLED, HOLE
from restore.diffusion.seeds import draw_seed

MAP = "--uncertainty"
NOTE, WARNING, ERROR = "note: ", "warning: ", "error: "
SUMMARY = re.compile(r"\(of \d+ pictures\)")  # what several samples come to
ENDED = ("done", "unchanged", "damaged")


class JobResults:
    """Makes what has become of jobs known. viewer: looks at their results."""

    def __init__(self, viewer: Viewer):
        self._viewer = viewer

    async def __call__(self, session: Session, job: Job, ended: dict[str, Any]) -> None:
        """Take the last word of the process on a job."""
        try:
            await self._take(session, job, ended)
        except Refusal as error:
            job.status, job.error = "failed", error.message
        except OSError as error:
            job.status, job.error = "failed", uploads.refusal_of(error).message
        except Exception as error:  # whatever it is, the job must end
            job.status, job.error = "failed", f"a fault in this program, {type(error).__name__}: {error}"
        job.progress = None
        session.tell(job)

    async def _take(self, session: Session, job: Job, ended: dict[str, Any]) -> None:
        if ended["code"] == CANCELLED:
            job.status = "cancelled"
            return
        said = ended["said"]
        job.notes = [line.removeprefix(NOTE).removeprefix(WARNING) for line in said if _is_note(line)]
        pictures = [each for each in ended["events"] if each["event"] == "picture"]
        if pictures:
            told = ("event", "schema", "input", "output", "status", "error")
            job.facts = {name: value for name, value in pictures[0].items() if name not in told}
        for each in pictures:
            if each.get("output") and each["status"] in ENDED:
                await self._result(session, job, Path(each["output"]))
        problem = ended["fault"] or _problem(ended)
        if problem and not job.results:
            job.status, job.error = "failed", problem
            job.option = option_of(job.task, problem, list(job.options))
            return
        await self._map(session, job)
        await self._found(session, job)
        job.error = problem or None  # something beside the result went wrong
        found = {each["status"] for each in pictures}
        job.status = "damaged" if "damaged" in found else "unchanged" if "unchanged" in found else "done"

    async def _result(self, session: Session, job: Job, name: Path) -> None:
        path = job.folder / name
        picture = await self._picture(session, job, path, "preview" if job.kind == "preview" else "result")
        seed = str(job.options.get("seed") or 0)
        drawn = draw_seed(int(seed), len(job.results)) if seed.isdecimal() else None
        job.results.append({"picture": picture.id, "name": picture.name, "seed": drawn})

    async def _picture(self, session: Session, job: Job, path: Path, kind: str) -> Picture:
        like = job.picture.path if kind != "map" else None
        try:
            facts = await self._viewer.open(path, name=path.name, like=like)
        except Refusal as error:
            if error.status != 503:
                raise
            # The process has ended, as for another picture: what was computed is worth a second look.
            facts = await self._viewer.open(path, name=path.name, like=like)
        picture = Picture(new_id(), path.name, path, kind, facts, job=job.id)
        session.pictures[picture.id] = picture
        session.tell(picture)
        return picture

    async def _map(self, session: Session, job: Job) -> None:
        if MAP not in job.argv:
            return
        path = job.folder / job.argv[job.argv.index(MAP) + 1]
        if path.exists():
            job.map = (await self._picture(session, job, path, "map")).id

    async def _found(self, session: Session, job: Job) -> None:
        """What was found to be damaged, as a part of the picture."""
        hole = job.folder / HOLE
        if job.kind != "look" or not hole.exists():
            return
        out = session.region_file()
        try:
            facts = await self._viewer.region(hole, job.picture.path, out, invert=False, fit=False)
        except Refusal:  # nothing is white: no damage was found
            return
        job.region = Region(new_id(), out, facts)
        job.picture.regions[job.region.id] = job.region


def _is_note(line: str) -> bool:
    return line.startswith((NOTE, WARNING)) and not SUMMARY.search(line)


def _problem(ended: dict[str, Any]) -> str:
    """What went wrong, in the words of the command line; empty where nothing did."""
    told = [each["error"] for each in ended["events"] if each.get("error")]
    if told:
        return str(told[0])
    if not ended["code"]:
        return ""
    lines = [line.partition(": ")[2] for line in ended["said"] if line.lower().startswith(ERROR)]
    damaged = any(line.startswith(WARNING) for line in ended["said"])
    return lines[0] if lines else "" if damaged else f"the command ended with code {ended['code']}"
