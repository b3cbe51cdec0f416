"""The holes that were filled, as mask files: white on black, of the picture's size."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from restore import images
from restore.cli.jobs import Job, check_folder, check_new, check_writable
from restore.cli.options import Settings
from restore.errors import OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KINDS = (".png", ".tif", ".tiff")


class SavedMasks:
    """Writes the hole of each picture once, if that is asked for with --save-mask."""

    def __init__(self, settings: Settings):
        self.given, self.overwrite = settings.save_mask, settings.overwrite
        self._written: set[Path] = set()

    @property
    def many(self) -> bool:
        """Whether there is one for each picture."""
        return self.given is not None and is_for_many(self.given)

    def write(self, hole: NDArray[np.bool_] | None, job: Job, ending: str = "") -> Path | None:
        """Write the hole ``(h, w)`` of a job; None where it is not wanted, or there from another sample.

        ending: what the name ends in for a picture of a document.
        """
        if self.given is None or hole is None:
            return None
        path = mask_path(self.given, job)
        if self.many:
            path = path.with_stem(path.stem + ending)
        if path in self._written:
            return None
        if self.many:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(f"{path.parent}: cannot create the folder ({error.strerror})") from error
        write_hole(path, hole, overwrite=self.overwrite)
        self._written.add(path)
        return path


def write_hole(path: Path, hole: NDArray[np.bool_], *, overwrite: bool) -> None:
    """Write a hole ``(h, w)`` as a mask: white on black. Raises OutputError."""
    import numpy as np

    white = np.repeat((hole * np.uint8(255))[..., None], 3, axis=2)
    images.write(path, images.Picture(white, gray=True), overwrite=overwrite)


def is_for_many(given: str) -> bool:
    """Whether what was given is a folder, be it there or to be created: it has no ending of a picture."""
    named = given.endswith(("/", os.sep)) or images.is_folder(given)
    return named or Path(given).suffix.lower() not in (*images.SUFFIXES, ".gif")


def mask_path(given: str, job: Job) -> Path:
    """Where the mask of a job's picture goes: in a folder it has the picture's own name, as a PNG."""
    if not is_for_many(given):
        return Path(given)
    inside = job.inside or Path(job.source.name if job.source else "picture")
    return Path(given) / inside.with_suffix(".png")


def check_saved_masks(
    settings: Settings, jobs: Sequence[Job], todo: Sequence[Job], reads: Sequence[Path]
) -> None:
    """Refuse masks that cannot be written, before anything is computed.

    todo: the jobs whose outputs are not there yet. reads: files that are read besides the pictures.
    """
    given = settings.save_mask
    if given is None:
        return
    _check_names(given, jobs)
    paths = list(dict.fromkeys(mask_path(given, job) for job in todo))
    taken = [file for job in jobs for file in (job.source, job.target, settings.uncertainty) if file]
    used = {file.resolve() for file in (*taken, *reads)}
    for path in paths:
        if path.resolve() in used:
            raise click.UsageError(
                f"--save-mask {path} is a file that is read, or written as a result; choose another name"
            )
    if is_for_many(given):
        check_new(paths, Path(given), overwrite=settings.overwrite)
        for path in paths:
            images.check_place(path, overwrite=settings.overwrite)
        return
    for path in paths:
        check_folder(path)
        if images.what_is(path) and not settings.overwrite:
            raise OutputError(f"{path} is there already; pass --overwrite to replace it")
        images.check_place(path, overwrite=settings.overwrite)
        check_writable(path.parent, None)


def _check_names(given: str, jobs: Sequence[Job]) -> None:
    """Refuse a kind of file that is no mask, and two pictures whose masks would be one file."""
    if not is_for_many(given):
        if Path(given).suffix.lower() not in KINDS:
            raise click.UsageError(f"--save-mask {given}: a mask is written as .png or .tif; name it so")
        if len({job.source for job in jobs}) > 1:
            raise click.UsageError(
                f"--save-mask {given} is one file, but there are several pictures; give a folder, as masks/"
            )
        return
    owners: dict[Path, Job] = {}
    for job in jobs:
        other = owners.setdefault(mask_path(given, job), job)
        if other.source != job.source:
            raise OutputError(
                f"the masks of {other.name} and {job.name} would both be {mask_path(given, job)}; rename one"
            )
