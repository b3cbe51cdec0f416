"""What the page asks to be done to a picture, checked, as a command of the command line."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from restore.cli.printable import message
from restore.cli.serve import strokes as strokes_
from restore.cli.serve.arguments import arguments, shown
from restore.cli.serve.config import Serving
from restore.cli.serve.left_out import MADE, UPLOADS
from restore.cli.serve.refusals import Refusal
from restore.cli.serve.result_size import check_enlarged
from restore.cli.serve.state import Job, Picture, Session, new_id

LONGEST_COMMAND = 2**14  # characters, all of which every event of a job has
LONGEST_BATCH = 200  # characters
PREVIEW = 768  # pixels that a side of a preview has at most
CUT_IN_KIND = (".tif", ".tiff", ".jpg", ".jpeg")
"""Extensions of files of which a part is written in the same format; of others it is a PNG."""
KINDS = ("restore", "preview", "look")
NAMES = {"task", "picture", "options", "strokes", "kind", "box", "batch"}
LOOKS = ("denoise", "repair", "dejpeg", "deblur")
"""Tasks that can look at a picture without restoring it."""


@dataclass(frozen=True)
class Asked:
    """A job that can be done.

    name: of its picture. mask: the name of its mask, which strokes make. files: what else it reads, with the
    names in its folder. argv: its words, command: as a user would type them.
    """

    kind: str
    task: str
    picture: Picture
    options: dict[str, Any]
    name: str
    argv: list[str]
    command: str
    mask: str | None = None
    strokes: list[dict[str, Any]] | None = None
    files: list[tuple[Path, str]] = field(default_factory=list)
    box: dict[str, int] | None = None
    batch: str | None = None

    def job(self, folder: Path) -> Job:
        """Make the job, whose files are in a folder."""
        return Job(
            *(new_id(), self.kind, self.task, self.picture, self.options, folder),
            argv=self.argv,
            command=self.command,
            box=self.box,
            batch=self.batch,
        )


def checked(session: Session, request: Mapping[str, Any], serving: Serving) -> Asked:
    """Check a request. Raises Refusal, with the words of the command line."""
    if unknown := sorted(request.keys() - NAMES):
        raise Refusal(f"a job has no {unknown[0]!r}; expected some of {', '.join(sorted(NAMES))}", 400)
    kind, task = request.get("kind", "restore"), request.get("task")
    if kind not in KINDS:
        raise Refusal(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}", 400)
    options, batch = request.get("options"), request.get("batch")
    options = {} if options is None else options
    if not isinstance(options, dict) or not isinstance(batch, str | None) or not isinstance(task, str):
        raise Refusal("expected a task and a batch in words, and options by their names", 400)
    if batch is not None and len(batch) > LONGEST_BATCH:
        raise Refusal(f"batch: expected at most {LONGEST_BATCH} characters, got {len(batch)}", 400)
    if kind == "look" and task not in LOOKS:
        raise Refusal(f"{message(task)} has nothing to look for; expected one of {', '.join(LOOKS)}", 422)
    picture = session.picture(request.get("picture"))
    strokes = request.get("strokes")
    box = box_of(request.get("box"), picture) if kind == "preview" else None
    name = picture.name
    if box is not None and Path(name).suffix.lower() not in CUT_IN_KIND:
        name = f"{Path(name).stem}.png"
    mask = None if strokes is None else f"{Path(picture.name).stem}-mask.png"
    made = [f"{Path(name).stem}{ending}" for key, ending in MADE.items() if options.get(key)]
    own = {name, picture.name, *made, *([] if mask is None else [mask])}
    files = _files(session, options, taken=own)
    named = {id: given for id, (_, given) in files.items()}
    argv = arguments(task, options, picture=name, mask=mask, files=named)
    if (length := sum(map(len, argv))) > LONGEST_COMMAND:
        wanted = f"expected options of at most {LONGEST_COMMAND} characters in all, got {length}"
        raise Refusal(f"{wanted}; leave some of them out", 422)
    if box is None and kind == "restore":
        size = picture.facts["height"], picture.facts["width"]
        check_enlarged(picture.name, size, task, options, serving.limits.result_pixels)
    # What is shown is of the whole picture.
    told = argv
    if name != picture.name:
        told = arguments(task, options, picture=picture.name, mask=mask, files=named)
    more = ["--dry-run"] if kind == "look" else []
    linked = list(files.values()) if box is not None else [(picture.path, name), *files.values()]
    return Asked(
        *(kind, task, picture, options, name, [*argv, *serving.network(), "--json", *more]),
        command=shown([*told, *serving.network(told=True)]),
        mask=mask,
        strokes=None if strokes is None else checked_strokes(strokes),
        files=linked,
        box=box,
        batch=batch,
    )


def _files(session: Session, options: Mapping[str, Any], taken: set[str]) -> dict[str, tuple[Path, str]]:
    """The files that options name, each with a name of its own in the folder of the job."""
    files: dict[str, tuple[Path, str]] = {}
    used = {name.lower() for name in taken}  # some file systems do not tell A from a
    for option in UPLOADS:
        given = options.get(option)
        for value in given if isinstance(given, list) else [given]:
            id = value.rpartition("=")[2] if isinstance(value, str) else ""
            if id in files or not session.has_file(id):
                continue
            path = session.file(id)
            more = (f"{option}{number}-{path.name}" for number in itertools.count(2))
            names = (path.name, f"{option}-{path.name}", *itertools.islice(more, len(files)))
            name = next(each for each in names if each.lower() not in used)
            files[id] = path, name
            used.add(name.lower())
    return files


def box_of(given: object, picture: Picture) -> dict[str, int]:
    """Give a part of a picture that can be previewed. Raises Refusal."""
    names = ("x", "y", "width", "height")
    if not isinstance(given, dict) or any(type(given.get(name)) not in (int, float) for name in names):
        raise Refusal("box: expected x, y, width and height in pixels", 400)
    try:
        x, y, width, height = (round(given[name]) for name in names)
    except (OverflowError, ValueError) as error:
        raise Refusal("box: expected x, y, width and height in pixels", 400) from error
    left, top = max(0, x), max(0, y)
    right = min(picture.facts["width"], x + width, left + PREVIEW)
    bottom = min(picture.facts["height"], y + height, top + PREVIEW)
    if right <= left or bottom <= top:
        raise Refusal("box: expected a part of the picture, got one outside it", 422)
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


def checked_strokes(given: object) -> list[dict[str, Any]]:
    """Give strokes that can be drawn. Raises Refusal."""
    try:
        return strokes_.checked(given)
    except ValueError as error:
        raise Refusal(message(str(error)), 400, "mask") from error
