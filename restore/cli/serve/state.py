"""What a server knows of its visitors: their pictures, jobs and masks, in memory and in a private folder."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from restore.cli.serve.feed import Feed
from restore.cli.serve.refusals import Refusal

RUNNING = ("queued", "running")

Status = Literal["queued", "running", "done", "unchanged", "damaged", "failed", "cancelled"]


def new_id() -> str:
    """Give a new id: 12 characters that nobody guesses."""
    return secrets.token_urlsafe(9)


@dataclass
class Region:
    """A part of a picture that was found or uploaded. path: a mask of the picture's size."""

    id: str
    path: Path
    facts: dict[str, Any]

    def json(self) -> dict[str, Any]:
        """Give what the page knows of it."""
        return {"id": self.id, **self.facts}


@dataclass
class Picture:
    """A file that was uploaded or made. facts: what the viewer says of it."""

    id: str
    name: str
    path: Path
    kind: str
    facts: dict[str, Any]
    job: str | None = None
    created: float = field(default_factory=time.time)
    strokes: dict[str, Any] = field(default_factory=lambda: {"strokes": [], "grow": 0, "feather": 0})
    version: int = 0  # of the strokes
    regions: dict[str, Region] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """Give what the page knows of it."""
        about = {
            "id": self.id,
            "name": self.name,
            "kind": self.kind,
            "job": self.job,
            "created": self.created,
        }
        return about | self.facts

    def region(self, id: str) -> Region:
        """Give one of its regions. Raises Refusal."""
        if id not in self.regions:
            raise Refusal("this part of the picture is not known any more; select it again", 404)
        return self.regions[id]


@dataclass
class Job:
    """What is to be done, is being done or was done to a picture. argv: the words of the command line."""

    id: str
    kind: str
    task: str
    picture: Picture
    options: dict[str, Any]
    folder: Path
    argv: list[str] = field(default_factory=list)
    command: str = ""
    status: Status = "queued"
    place: int = 0
    progress: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    error: str | None = None
    option: str | None = None
    results: list[dict[str, Any]] = field(default_factory=list)
    map: str | None = None
    region: Region | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    box: dict[str, Any] | None = None
    batch: str | None = None
    created: float = field(default_factory=time.time)
    seconds: float | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will become of it."""
        return self.status not in RUNNING

    def json(self) -> dict[str, Any]:
        """Give what the page knows of it."""
        plain = (
            *("id", "kind", "task", "options", "command", "status", "place", "progress", "notes", "error"),
            *("option", "results", "map", "facts", "box", "batch", "created", "seconds"),
        )
        about = {name: getattr(self, name) for name in plain}
        about |= {"picture": self.picture.id, "picture_name": self.picture.name}
        return about | {"region": None if self.region is None else self.region.json()}


@dataclass
class Session:
    """A visitor's. folder: of their files. bytes: of these; measured_until: when to measure again."""

    folder: Path
    pictures: dict[str, Picture] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    assets: dict[str, Path] = field(default_factory=dict)
    feed: Feed = field(default_factory=Feed)
    used: float = field(default_factory=time.monotonic)
    bytes: int = 0
    measured_until: float = float("-inf")

    def picture(self, id: object) -> Picture:
        """Give a picture. Raises Refusal."""
        found = self.pictures.get(id) if isinstance(id, str) else None
        if found is None:
            raise Refusal("there is no such picture here; open it again", 404, "picture")
        return found

    def job(self, id: str) -> Job:
        """Give a job. Raises Refusal."""
        if id not in self.jobs:
            raise Refusal("there is no such job here", 404)
        return self.jobs[id]

    def has_file(self, id: str) -> bool:
        """Whether there is a picture or another upload of that id."""
        return id in self.assets or id in self.pictures

    def file(self, id: str) -> Path:
        """Give the file of a picture or of another upload. Raises Refusal."""
        if id in self.assets:
            return self.assets[id]
        return self.picture(id).path

    def region_file(self) -> Path:
        """Give a place for the mask of a region."""
        folder = self.folder / "regions"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{new_id()}.png"

    def tell(self, thing: Picture | Job) -> None:
        """Tell the page of a picture or a job that is new or has changed."""
        self.feed.send("job" if isinstance(thing, Job) else "picture", thing.json())

    def forget(self, pictures: Iterable[Picture] = (), jobs: Iterable[Job] = ()) -> list[Path]:
        """Forget pictures and jobs, and give the folders of their files, which can be removed."""
        folders = []
        for picture in pictures:
            if self.pictures.pop(picture.id, None) is not None:
                self.feed.send("removed", {"kind": "picture", "id": picture.id})
                for region in picture.regions.values():
                    region.path.unlink(missing_ok=True)
                if picture.job is None:
                    folders.append(picture.path.parent)
        for job in jobs:
            if self.jobs.pop(job.id, None) is not None:
                self.feed.send("removed", {"kind": "job", "id": job.id})
                folders.append(job.folder)
        return folders
