"""How samples were drawn, as files: a strip of some steps and an animation of all."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli.jobs import Job, check_new
from restore.cli.options import Settings
from restore.errors import OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from restore.priors.protocol import Prior
    from restore.priors.recording import Recording, Step

COLUMNS, CELL, GAP = 12, 256, 2  # of a strip: most columns, most pixels a side of a picture, between them
SEEN = 64  # pixels a side up to which tiny pictures are enlarged
SECONDS, LAST = 4.0, 1.5  # of an animation in all, and of its last picture
SHORTEST = 0.04  # seconds of a picture: viewers slow down what is shorter


class Trajectories:
    """Records how pictures are drawn and writes it, if that is asked for with --trajectory."""

    def __init__(self, settings: Settings):
        self.folder, self.overwrite = settings.trajectory, settings.overwrite
        self._recording: Recording | None = None

    def recorded(self, prior: Prior) -> Prior:
        """Give the prior that records the next picture or batch; the prior itself if nothing is asked for."""
        if self.folder is None:
            return prior
        from restore.priors.recording import Recording

        self._recording = Recording(prior)
        return self._recording

    def write(self, names: Sequence[str]) -> list[Path]:
        """Write what was recorded and forget it; give the files.

        names: of the pictures. Where there is one name for several runs, as of holes that were filled one
        after the other, it is numbered.
        """
        recording, self._recording = self._recording, None
        if self.folder is None or recording is None:
            return []
        # Every picture of every run; the samples of a batch are drawn together.
        drawn = [(run.steps, k) for run in recording.runs for k in range(run.size[0])]
        if len(drawn) != len(names):
            names = [f"{names[0]}-{number}" for number in range(1, len(drawn) + 1)]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.folder}: cannot create the folder ({error.strerror})") from error
        written = []
        for name, (steps, k) in zip(names, drawn, strict=True):
            strip, film = (self.folder / f"{name}{ending}" for ending in (".png", ".gif"))
            images.write(strip, images.Picture(_strip(steps, k)), overwrite=self.overwrite)
            images.write_bytes(film, _film(steps, k), overwrite=self.overwrite)
            written += [strip, film]
        return written


def check_trajectory(settings: Settings, jobs: Sequence[Job], todo: Sequence[Job]) -> None:
    """Refuse a trajectory that cannot be written, before anything is computed.

    todo: the jobs whose outputs are not there yet.
    """
    folder = settings.trajectory
    if folder is None:
        return
    if len({job.source for job in jobs}) > 1:
        raise click.UsageError(f"--trajectory {folder} is of one picture, got several; pass one")
    if not todo:
        return
    stems = "|".join({re.escape(trajectory_name(job)) for job in todo})
    ours = re.compile(rf"({stems})(-\d+)?\.(png|gif)")
    there = sorted(path for path in folder.iterdir() if ours.fullmatch(path.name)) if folder.is_dir() else []
    check_new(there, folder, overwrite=settings.overwrite)


def trajectory_name(job: Job) -> str:
    """What the files of a picture, or of one of its samples, are called."""
    target = getattr(job, "whole", job).target  # that of a document for its pages
    return f"{'picture' if target is None else target.stem}-trajectory"


def _shown(step: Step, k: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The state of the k-th picture as the network sees it, and its clean estimate, ``(h, w, 3)``."""
    from restore.diffusion.coordinates import as_picture

    state, x0 = (each[k : k + 1].float() for each in (step.state, step.x0))
    return _bytes(as_picture(state, step.sigma)), _bytes(x0)


def _bytes(picture: Tensor) -> NDArray[np.uint8]:
    import torch

    levels = (255 * picture[0].clamp(0, 1)).round().to(torch.uint8)
    array: NDArray[np.uint8] = levels.permute(1, 2, 0).numpy()
    times = max(1, SEEN // max(array.shape[:2]))
    return array.repeat(times, axis=0).repeat(times, axis=1)


def _strip(steps: Sequence[Step], k: int) -> NDArray[np.uint8]:
    """States above, clean estimates below, from the first step to the last, at most COLUMNS of them."""
    import numpy as np

    count = min(COLUMNS, len(steps))
    chosen = [steps[round(i * (len(steps) - 1) / max(1, count - 1))] for i in range(count)]
    columns = [[_small(each) for each in _shown(step, k)] for step in chosen]
    h, w = columns[0][0].shape[:2]
    sheet = np.full((2 * h + GAP, count * (w + GAP) - GAP, 3), 255, np.uint8)
    for number, pair in enumerate(columns):
        left = number * (w + GAP)
        for row, cell in enumerate(pair):
            sheet[row * (h + GAP) : row * (h + GAP) + h, left : left + w] = cell
    return sheet


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture as it fits into a cell."""
    by = -(-max(pixels.shape[:2]) // CELL)
    return pixels[::by, ::by]


def _film(steps: Sequence[Step], k: int) -> bytes:
    """A GIF of all steps, states on the left, clean estimates on the right."""
    import numpy as np
    from PIL import Image

    frames = []
    for step in steps:
        state, clean = _shown(step, k)
        between = np.full((state.shape[0], GAP, 3), 255, np.uint8)
        frames.append(Image.fromarray(np.concatenate([state, between, clean], axis=1)))
    each = round(1000 * max(SHORTEST, (SECONDS - LAST) / max(1, len(frames) - 1)))
    rest: dict[str, Any] = {"duration": [*(len(frames) - 1) * [each], round(1000 * LAST)], "loop": 0}
    film = io.BytesIO()
    frames[0].save(film, format="GIF", save_all=True, append_images=frames[1:], **rest)
    return film.getvalue()
