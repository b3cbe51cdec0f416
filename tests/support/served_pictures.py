"""The application of `restore serve` without its processes: nothing is decoded, and nothing is restored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from restore.cli.serve import strokes as strokes_
from restore.cli.serve.app import create_app
from restore.cli.serve.config import Limits, Serving
from restore.cli.serve.refusals import Refusal
from restore.cli.serve.service import Service
from restore.cli.serve.state import Job, Picture, Region
from restore.cli.serve.viewer import Viewer
from restore.cli.serve.work import Work

TOKEN = "t" * 43
PNG = b"\x89PNG\r\n\x1a\n"
KNOWN = "nB4Jx0cQe1_r"
"""The id of a picture, of a region of it, and of a job that has ended, which are always there."""
WAITING = "nB4Jx0cQe1_q"
"""The id of a job that waits."""
FACTS: dict[str, Any] = {
    **{"bytes": 8, "format": "png", "width": 640, "height": 480, "bits": 8, "gray": False, "alpha": False},
    **{"pages": 1, "tile": 512, "levels": 2, "notes": []},
}
REGION = {"x": 10, "y": 20, "width": 30, "height": 40, "area": 900, "words": "a region of 30x40 pixels"}


class NoViewer(Viewer):
    """Answers as a viewer does, about files that begin as a PNG does."""

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def open(self, path: Path, *, name: str, like: Path | None = None) -> dict[str, Any]:
        if not path.read_bytes().startswith(PNG):
            raise Refusal(f"{name}: not a picture that can be read", 415, "file")
        return {**FACTS, "bytes": path.stat().st_size}

    async def forget(self, path: Path) -> None:
        pass

    async def tile(self, path: Path, level: int, column: int, row: int) -> tuple[bytes, str]:
        return PNG, "image/png"

    async def thumbnail(self, path: Path) -> tuple[bytes, str]:
        return PNG, "image/webp"

    async def mask(
        self,
        path: Path,
        strokes: Sequence[Mapping[str, Any]],
        regions: Mapping[str, Path],
        out: Path,
        box: Mapping[str, int] | None = None,
    ) -> dict[str, Any]:
        try:
            strokes_.checked(list(strokes))
        except ValueError as error:
            raise Refusal(str(error), 400, "mask") from error
        out.write_bytes(PNG)
        return REGION

    async def crop(self, path: Path, box: Mapping[str, int], out: Path) -> dict[str, int]:
        out.write_bytes(PNG)
        return dict(box)

    async def select(self, path: Path, x: float, y: float, radius: float | None, out: Path) -> dict[str, Any]:
        out.write_bytes(PNG)
        return REGION

    async def region(
        self,
        mask_file: Path,
        path: Path,
        out: Path,
        *,
        invert: bool = False,
        fit: bool = False,
        name: str = "",
    ) -> dict[str, Any]:
        out.write_bytes(PNG)
        return REGION

    async def region_image(self, region_file: Path, level: int) -> bytes:
        return PNG


class NoWork(Work):
    """A queue in which jobs wait for ever."""

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass


async def _take_result(*_: object) -> None:
    pass


def served(folder: Path) -> tuple[Any, Service]:
    """Give an application and what it serves: a session with a picture, a region, and two jobs."""
    limits = Limits(file_bytes=2**20, pictures=500, queue=500)
    serving = Serving("127.0.0.1", 8765, TOKEN, folder, allowed_hosts=("testserver",), limits=limits)
    service = Service(serving, NoViewer(folder / "tiles"), NoWork(folder, _take_result))
    stocked(service)
    return create_app(serving, service), service


def stocked(service: Service) -> None:
    """Let there be again what there is at first, and nothing else."""
    session = service.session("")
    for known in (session.pictures, session.jobs, session.assets):
        known.clear()
    service.work = NoWork(service.serving.folder, _take_result)
    path = session.folder / "files" / KNOWN / "photo.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    region = path.with_name("region.png")
    for file in (path, region):
        file.write_bytes(PNG)
    picture = Picture(KNOWN, "photo.png", path, "input", dict(FACTS))
    picture.regions[KNOWN] = Region(KNOWN, region, REGION)
    session.pictures[KNOWN] = picture
    ended, waiting = (
        Job(id, "restore", "denoise", picture, {}, session.folder, command="restore denoise photo.png")
        for id in (KNOWN, WAITING)
    )
    ended.status, ended.seconds = "done", 0.5
    ended.results = [{"picture": KNOWN, "name": "photo-denoised.png", "seed": None}]
    ended.folder = path.parent / "job"
    session.jobs |= {KNOWN: ended, WAITING: waiting}
    service.work.add(session, waiting)
