"""What a network is told of each training picture: its folder, a label or a text of a CSV file, a vector."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Generator, Tensor

from restore.errors import ConfigError
from restore.images.outside import (
    MOST_ARRAY,
    MOST_TABLE,
    brief,
    parse_array,
    plain,
    read_regular,
    shown,
)
from restore.priors.given import one_hot
from restore.priors.text import encode
from restore.priors.unet import LIMITS
from restore.training.data import picture_names

if TYPE_CHECKING:
    from restore.training.config import DataConfig

FOLDERS = "folders"
MOST_LABELS, MOST_LETTERS = 65_536, 200  # as those of a `BackboneConfig`
MOST_TOLD = 2**31  # numbers told of all pictures together


@dataclass(frozen=True, eq=False)
class Conditions:
    """What is told of pictures.

    Parameters
    ----------
    labels : the names of the classes; empty where vectors are no classes.
    vectors : one for each picture, ``(n, d)``, one-hot for classes.
    """

    labels: tuple[str, ...]
    vectors: Tensor


def read_conditions(data: DataConfig) -> Conditions:
    """Read what ``data.condition`` says of the pictures in ``data.train``, in their order.

    ``folders`` takes the first folder below each source, or in a shard. A ``.csv`` has a row for every
    picture, its name and its label; with ``data.encoder`` the second column is a text that is encoded. A
    ``.npy`` has one row of numbers for every picture, sorted by name.

    Raises
    ------
    ConfigError
        Where labels and pictures do not match, saying the first that does not.

    Examples
    --------
    >>> import tempfile
    >>> from restore.training.config import DataConfig
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for label in ("bird", "cat"):
    ...         Path(root, label).mkdir()
    ...         _ = Path(root, label, "1.png").touch()
    ...     read_conditions(DataConfig((root,), condition="folders")).labels
    ('bird', 'cat')
    """
    names = [name for source in data.train for name in picture_names(source)]
    if not names:
        raise ConfigError(f"data.train: no picture in {', '.join(data.train)}")
    if data.condition.endswith(".npy"):
        return Conditions((), _vectors(Path(data.condition), len(names)))
    if data.condition.endswith(".csv"):
        values = _column(Path(data.condition), names)
        if data.encoder:
            return Conditions((), encode(values, data.encoder))
    elif data.condition == FOLDERS:
        values = [_folder(name) for name in names]
    else:
        raise ConfigError(f"data.condition is 'folders', a .csv or a .npy file, got {data.condition!r}")
    labels = tuple(sorted(set(values)))
    if len(labels) < 2:
        raise ConfigError(f"{data.condition}: expected two labels or more, got {labels[0]!r} alone")
    odd = next((label for label in labels if len(label) > MOST_LETTERS or not label.isprintable()), None)
    if odd is not None:
        raise ConfigError(
            f"{data.condition}: a label is {shown(odd)}; expected up to {MOST_LETTERS} characters that can "
            "be printed"
        )
    if len(labels) > MOST_LABELS or len(labels) * len(values) > MOST_TOLD:
        raise ConfigError(
            f"{data.condition}: {len(labels)} labels of {len(values)} pictures are too many, {MOST_LABELS} "
            "are the most; take a .npy file with a vector for each picture"
        )
    numbers = {label: number for number, label in enumerate(labels)}
    return Conditions(labels, one_hot([numbers[value] for value in values], len(labels)))


def dropped(given: Tensor | None, share: float, generator: Generator | None) -> Tensor | None:
    """Tell nothing of about a share of the pictures ``(b, d)``, for classifier-free guidance.

    References
    ----------
    J. Ho, T. Salimans, "Classifier-Free Diffusion Guidance", 2022, arXiv:2207.12598, algorithm 1.
    """
    if given is None:
        return None
    return given * (torch.rand(len(given), 1, device=given.device, generator=generator) >= share)


def _folder(name: str) -> str:
    folders = PurePosixPath(name).parts[:-1]
    if not folders:
        raise ConfigError(
            f"{name} lies in no folder of a label; put every picture into the folder of its label, or name a "
            ".csv file as data.condition"
        )
    return folders[0]


def _column(path: Path, names: Sequence[str]) -> list[str]:
    """The second column of a table, by the names of pictures in the first, in the order of the names."""
    try:
        text = read_regular(path, most=MOST_TABLE).decode("utf-8-sig")
        rows = [row for row in csv.reader(StringIO(text, newline="")) if row]
    except (OSError, ValueError, csv.Error) as error:
        reason = brief(getattr(error, "strerror", None) or error)
        raise ConfigError(f"{path}: expected a table of names and labels ({reason})") from None
    bad = next((number for number, row in enumerate(rows, 1) if len(row) != 2), None)
    if bad is not None:
        raise ConfigError(f"{path}: row {bad} has {len(rows[bad - 1])} columns, expected a name and a label")
    table: dict[str, str] = {}
    for number, (first, second) in enumerate(rows, 1):
        if table.setdefault(first.strip(), second.strip()) != second.strip():
            raise ConfigError(
                f"{path}: row {number} says something else of {plain(first)} than one before it"
            )
    found = [table.get(name, table.get(PurePosixPath(name).name)) for name in names]
    if missing := [name for name, value in zip(names, found, strict=True) if value is None]:
        raise ConfigError(
            f"{path}: {len(missing)} of {len(names)} pictures have no row, {missing[0]} for one; add them, "
            "or take the pictures out"
        )
    return [value for value in found if value is not None]


def _vectors(path: Path, count: int) -> Tensor:
    try:
        vectors = parse_array(read_regular(path, most=MOST_ARRAY))
    except (OSError, ValueError) as error:
        reason = brief(getattr(error, "strerror", None) or error)
        raise ConfigError(f"{path}: expected an array of numbers ({reason})") from None
    if vectors.ndim != 2 or len(vectors) != count or vectors.dtype.kind not in "fiu":
        raise ConfigError(
            f"{path}: expected one row of numbers for each of {count} pictures, got {vectors.dtype} of shape "
            f"{vectors.shape}"
        )
    if not 0 < vectors.shape[1] <= LIMITS["given"].most:
        raise ConfigError(
            f"{path}: expected 1 to {LIMITS['given'].most} numbers for a picture, got {vectors.shape[1]}"
        )
    single = vectors.astype(np.float32)
    if not np.isfinite(single).all():
        raise ConfigError(f"{path}: some numbers are not finite")
    return torch.from_numpy(single)
