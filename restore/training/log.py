"""What a run leaves to look at: CSV always, TensorBoard where it is installed, pictures, a progress bar."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import Tensor

from restore import images
from restore.errors import OutputError
from restore.training.batches import TASKS


class RunLog:
    """The files ``log.csv``, ``validation.csv`` and ``validation.png`` in a run's folder, and its events.

    None of it can end the run: what cannot be written is said once and left out.

    fields: the columns of ``log.csv``. fresh: begin new files in place of adding to those there. say: called
    with a line for the user.
    """

    def __init__(
        self, out: Path, fields: Sequence[str], *, fresh: bool, say: Callable[[str], None] = print
    ):  # fmt: skip
        self.out = out
        self._say, self._told = say, False
        self._file: Any = None
        self._board: Any = None
        for name in ("log.csv", "validation.csv") if fresh else ():
            self._try(partial((out / name).unlink, missing_ok=True))
        self._try(lambda: self._open(fields))
        self._try(self._open_board)

    def _open(self, fields: Sequence[str]) -> None:
        new = not (self.out / "log.csv").exists()
        self._file = _appended(self.out / "log.csv")
        if new:
            csv.writer(self._file).writerow(fields)

    def _open_board(self) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return  # an extra: restore[train]
        self._board = SummaryWriter(self.out)

    def _try(self, write: Callable[[], object]) -> None:
        """Write something. TensorBoard and the writers of pictures have many exceptions for a full disk."""
        try:
            write()
        except Exception as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            if not self._told:
                self._say(f"warning: {self.out}: a log cannot be written ({reason}); the run goes on")
            self._told = True

    def row(self, step: int, cells: Sequence[object], scalars: Mapping[str, float]) -> None:
        """A row of ``log.csv``, and the same as named scalars."""
        self._try(lambda: self._row(cells))
        self._try(lambda: self._scalars(step, scalars))

    def _row(self, cells: Sequence[object]) -> None:
        if self._file is not None:
            csv.writer(self._file).writerow(cells)
            self._file.flush()

    def _scalars(self, step: int, scalars: Mapping[str, float]) -> None:
        if self._board is not None:
            for name, value in scalars.items():
                self._board.add_scalar(name, value, step)

    def validation(self, step: int, scores: Mapping[str, float], grid: Tensor) -> None:
        """Scores, and a picture ``(3, h, w)`` in [0, 1]."""
        self._try(lambda: self._score(step, scores))
        self._try(lambda: self._show(grid))
        self._try(lambda: self._scalars(step, {f"validation/{name}": each for name, each in scores.items()}))
        if self._board is not None:
            self._try(lambda: self._board.add_image("validation", grid, step))

    def _score(self, step: int, scores: Mapping[str, float]) -> None:
        path = self.out / "validation.csv"
        new = not path.exists()
        with _appended(path) as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", *scores])
            writer.writerow([step, *(f"{v:.3f}" for v in scores.values())])

    def _show(self, grid: Tensor) -> None:
        pixels = (grid * 255 + 0.5).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
        images.write(self.out / "validation.png", images.Picture(pixels=pixels), overwrite=True)

    def close(self) -> None:
        """Close the files."""
        if self._file is not None:
            self._try(lambda: self._file.close())
        if self._board is not None:
            self._try(lambda: self._board.close())


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


_HIDDEN: ContextVar[bool] = ContextVar("hidden", default=False)


@contextmanager
def without_bar() -> Iterator[None]:
    """Show no bar of what is trained meanwhile."""
    token = _HIDDEN.set(True)
    try:
        yield
    finally:
        _HIDDEN.reset(token)


def progress_bar(name: str, *, quiet: bool) -> Any:
    """A bar from 0 to 100 % with the time left, on a terminal only."""
    from tqdm import tqdm

    quiet = quiet or _HIDDEN.get()
    shape = "{desc} {percentage:5.1f}%|{bar}| {elapsed}<{remaining} {postfix}"
    return tqdm(total=100.0, unit="%", disable=True if quiet else None, desc=name, bar_format=shape)
