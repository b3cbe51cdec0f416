"""``--compare``: each picture and its result side by side, as a PNG file beside the result."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli.jobs import Job
from restore.cli.options import Settings
from restore.cli.page_job import PageJob
from restore.cli.results import COMPARISON, COMPARISON_HEAD, is_comparison
from restore.errors import OutputError
from restore.images.picture import at_depth

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GAPS = 150  # of them would fill the width of a picture


def comparison_path(job: Job) -> Path | None:
    """Where the comparison of a job, or of a page of one, goes; None for standard output."""
    target, label = job.target, ""
    if isinstance(job, PageJob) and job.whole is not None:
        target, label = job.whole.target, "-" + re.sub(r"\W+", "-", job.label)
    return None if target is None else target.with_name(f"{target.stem}{label}{COMPARISON}")


def side_by_side(before: images.Picture, after: images.Picture) -> images.Picture:
    """The picture, a white gap and its result, in one picture; a smaller one is enlarged.

    >>> import numpy as np
    >>> left = images.Picture(np.zeros((20, 300, 3), np.uint8))
    >>> side_by_side(left, left.with_pixels(left.pixels + 9)).pixels[0, 298:306, 0].tolist()
    [0, 0, 255, 255, 9, 9, 9, 9]
    """
    depth = "uint8" if after.pixels.dtype.name == before.pixels.dtype.name == "uint8" else "uint16"
    gap = max(2, after.size[1] // _GAPS)
    left, right = (_channels(each, after.size, depth) for each in (before, after))
    pixels = _joined([plane[..., :3] for plane in (left, right)], gap)
    alpha = None
    if before.alpha is not None or after.alpha is not None:
        alpha = _joined([plane[..., 3:] for plane in (left, right)], gap)[..., 0]
    gray = before.gray and after.gray
    chunk = images.png_chunk(b"iTXt", COMPARISON_HEAD + b"before and after, side by side")
    return images.Picture(pixels, alpha=alpha, gray=gray, icc=after.icc, dpi=after.dpi, chunks=chunk)


def _channels(picture: images.Picture, size: tuple[int, int], depth: str) -> NDArray[Any]:
    """Colour and alpha ``(h, w, 4)`` at a size and a depth."""
    import cv2
    import numpy as np

    pixels, alpha = (
        None if each is None else at_depth(each, depth) for each in (picture.pixels, picture.alpha)
    )
    assert pixels is not None
    if alpha is None:
        alpha = np.full(picture.size, images.TOP[depth], depth)
    both = np.concatenate([pixels, alpha[..., None]], axis=2)
    return both if picture.size == size else cv2.resize(both, size[::-1], interpolation=cv2.INTER_CUBIC)


def _joined(planes: Sequence[NDArray[Any]], gap: int) -> NDArray[Any]:
    import numpy as np

    left, right = planes
    white = np.full((len(left), gap, left.shape[2]), images.TOP[left.dtype.name], left.dtype)
    return np.concatenate([left, white, right], axis=1)


def check_comparisons(settings: Settings, jobs: Sequence[Job], reads: Iterable[Path] = ()) -> None:
    """Refuse comparisons that cannot be written, before anything is computed. reads: further files read."""
    if not settings.compare:
        return
    if any(job.target is None for job in jobs):
        raise click.UsageError("--compare writes a file beside the result, which needs a name; pass -o FILE")
    if any(job.destination is not None for job in jobs):
        raise click.UsageError("--compare writes into folders, not into stores; leave it out, or pass -o DIR")
    used = {file for job in jobs for file in (job.known_as, job.target) if file is not None} | {*reads}
    places = {_place(file) for file in used}
    owners: dict[Path, Job] = {}
    for job in jobs:
        path = comparison_path(job)
        if path is None:
            continue
        if (other := owners.setdefault(path, job)) is not job:
            raise OutputError(
                f"the comparisons of {other.name} and {job.name} would both be {path}; rename one, or "
                "leave out --compare"
            )
        if _place(path) in places:
            raise OutputError(
                f"{path}: the comparison of {job.name} would have the name of another file; rename that, or "
                "leave out --compare"
            )
        _check_free(path, overwrite=settings.overwrite)


def write_comparison(
    before: images.Picture, after: images.Picture, job: Job, *, overwrite: bool = False
) -> Path:
    """Write the comparison of a job. Raises OutputError."""
    path = comparison_path(job)
    assert path is not None  # else it was refused
    _check_free(path, overwrite=overwrite)
    both = side_by_side(before, after)
    images.check_side("png", both.size, str(path))
    kept, _ = images.writable(both, "png")  # a profile that no PNG can hold
    images.write(path, replace(kept, chunks=both.chunks), overwrite=True)
    return path


def _check_free(path: Path, *, overwrite: bool) -> None:
    if images.what_is(path) and not overwrite and not is_comparison(path):
        raise OutputError(
            f"{path} is there already and no comparison; pass --overwrite to replace it, or rename it"
        )


def _place(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))
