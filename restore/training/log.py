"""What a run leaves to look at: CSV always, TensorBoard where it is installed, pictures, a progress bar."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor

from restore.errors import OutputError
from restore.images.writer import write_bytes
from restore.training.batches import TASKS


class RunLog:
    """The files ``log.csv``, ``validation.csv`` and ``validation.png`` in a run's folder, and its events.

    fields: the columns of ``log.csv``. fresh: begin new files in place of adding to those there.
    """

    def __init__(self, out: Path, fields: Sequence[str], *, fresh: bool):
        self.out = out
        if fresh:
            for name in ("log.csv", "validation.csv"):
                (out / name).unlink(missing_ok=True)
        new = not (out / "log.csv").exists()
        self._file = _appended(out / "log.csv")
        self._csv = csv.writer(self._file)
        if new:
            self._csv.writerow(fields)
        self._board: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(out)
        except ImportError:
            pass  # an extra: restore[train]

    def row(self, step: int, cells: Sequence[object], scalars: Mapping[str, float]) -> None:
        """A row of ``log.csv``, and the same as named scalars."""
        self._csv.writerow(cells)
        self._file.flush()
        if self._board:
            for name, value in scalars.items():
                self._board.add_scalar(name, value, step)

    def validation(self, step: int, scores: Mapping[str, float], grid: Tensor) -> None:
        """Scores, and a picture ``(3, h, w)`` in [0, 1]."""
        from torchvision.utils import save_image

        path = self.out / "validation.csv"
        new = not path.exists()
        with _appended(path) as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", *scores])
            writer.writerow([step, *(f"{v:.3f}" for v in scores.values())])
        picture = BytesIO()
        save_image(grid, picture, format="png")
        write_bytes(self.out / "validation.png", picture.getvalue(), overwrite=True)
        if self._board:
            for name, value in scores.items():
                self._board.add_scalar(f"validation/{name}", value, step)
            self._board.add_image("validation", grid, step)

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._board:
            self._board.close()


def _appended(path: Path) -> TextIO:
    """Open a log to add to it; never what a link points to. Raises OutputError."""

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)

    try:
        return open(path, "a", newline="", encoding="utf-8", opener=opener)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot write ({error.strerror}); remove it, or name another run.out"
        ) from None


class TaskLosses:
    """Sums of the losses of each task; the device is waited for only when they are taken."""

    def __init__(self, device: torch.device):
        self._sums = torch.zeros(2, len(TASKS), device=device)

    def add(self, task: Tensor, losses: Tensor) -> None:
        """Add the losses ``(b,)`` of pictures of these tasks ``(b,)``."""
        self._sums[0].index_add_(0, task, losses)
        self._sums[1].index_add_(0, task, torch.ones_like(losses))

    def take(self) -> dict[str, float]:
        """The mean loss of each task since the last time; none of a task without pictures."""
        means = {task: s / n for task, s, n in zip(TASKS, *self._sums.tolist(), strict=True) if n}
        self._sums.zero_()
        return means


def progress_bar(name: str, *, quiet: bool) -> Any:
    """A bar from 0 to 100 % with the time left, on a terminal only."""
    from tqdm import tqdm

    shape = "{desc} {percentage:5.1f}%|{bar}| {elapsed}<{remaining} {postfix}"
    return tqdm(total=100.0, unit="%", disable=True if quiet else None, desc=name, bar_format=shape)
