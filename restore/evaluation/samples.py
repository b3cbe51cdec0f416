"""Pictures drawn by a generator beside real ones: how far apart the sets are, how diverse, how original."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from restore import images
from restore.errors import ConfigError, ImageError
from restore.evaluation.cases import rounded, to_bytes
from restore.evaluation.columns import Metric
from restore.evaluation.observer import SILENT, Observer
from restore.evaluation.pictures import printable, read_rgb
from restore.evaluation.random_features import DESCRIPTION, random_features
from restore.evaluation.results import Row, Scored, Table
from restore.evaluation.set_distances import (
    NEIGHBOURS,
    Features,
    distances,
    diversity,
    frechet,
    manifolds,
    nearest_others,
)
from restore.images.resize import resize

FEWEST_SAMPLES = 8
FEWEST_REFERENCES = 16
"""Half of the references are compared with the other half."""

SPLITS = 10
"""Halves of the references that are compared: a single one can be an odd one."""

COPY = 0.1
"""A sample is called a copy where it is nearer to a reference than this share of a usual distance."""

_K = f"k = {NEIGHBOURS}"
METRICS = (
    Metric(
        "frechet", "Fréchet", False, 3,
        "squared Fréchet distance of normal fits to the random features, each in units of the references' "
        "standard deviation. No FID, and not to be compared with one. It falls with the number of pictures; "
        "compare rows of equal numbers",
    ),
    Metric(
        "diversity", "diversity", True, 3, "mean distance of two samples over that of two references"
    ),
    Metric(
        "nearest", "nearest", True, 3,
        "median distance of a sample to the nearest reference, over that of a reference to the nearest other "
        "one; 1 is usual, 0 a copy",
    ),
    Metric("copies", "copies", False, 3, f"share of samples nearer than {COPY:g} of that"),
    Metric("precision", "precision", True, 3, f"Kynkäänniemi et al. 2019, arXiv:1904.06991, {_K}"),
    Metric("recall", "recall", True, 3, f"Kynkäänniemi et al. 2019, {_K}"),
    Metric("density", "density", True, 3, f"Naeem et al. 2020, arXiv:2002.09797, {_K}"),
    Metric("coverage", "coverage", True, 3, f"Naeem et al. 2020, {_K}"),
)  # fmt: skip


@dataclass(frozen=True)
class PictureFeatures:
    """The features ``(n, d)`` of pictures of one size, and a hash of the pictures as they were used."""

    names: tuple[str, ...]
    features: Features
    digest: str


def side_of(folder: Path, limit: int | None = None) -> int:
    """Give the smallest side in pixels of the pictures of a folder.

    Raises ConfigError for no folder, ImageError for none in it that can be read.
    """
    sides = [min(read_rgb(path).shape[-2:]) for path in _files(folder, limit) if _readable(path)]
    if not sides:
        raise ImageError(f"{folder}: expected pictures, found none there that can be read")
    return int(min(sides))


def read_features(
    folder: Path, side: int, *, limit: int | None = None, observer: Observer = SILENT
) -> PictureFeatures:
    """Read the pictures of a folder: centre squares, reduced to one size at 8 bits, and their features.

    Parameters
    ----------
    folder : Path
        The folder, with its sub-folders.
    side : int
        The size in pixels.
    limit : int, optional
        The first so many alone.
    observer : Observer
        Is told of progress, and warned of pictures that cannot be read, which are left out.

    Raises
    ------
    ConfigError
        No such folder.
    ImageError
        No picture can be read, or one is smaller than ``side``: enlarged ones would be blurred.
    """
    names, found, digest = [], [], hashlib.sha256()
    files = _files(folder, limit)
    for number, path in enumerate(files):
        observer.progress(f"reading {printable(folder.name)}", number, len(files))
        name = printable(path.relative_to(folder).as_posix())
        try:
            picture = read_rgb(path)
        except ImageError as error:
            observer.warn(f"{name} is left out: {printable(str(error).removeprefix(f'{path}: '))}")
            continue
        h, w = picture.shape[-2:]
        if min(h, w) < side:
            raise ImageError(
                f"{path}: {w}x{h} (w x h) is smaller than the size {side} that is compared; pass --size "
                f"{min(h, w)} or less"
            )
        square = _square(picture, side)
        names.append(name)
        found.append(random_features(square)[0].numpy())
        digest.update(to_bytes(square).tobytes())
    if not found:
        raise ImageError(f"{folder}: expected pictures, found none there that can be read")
    return PictureFeatures(tuple(names), np.stack(found), digest.hexdigest()[:12])


def compare_samples(references: PictureFeatures, samples: PictureFeatures, *, name: str, side: int) -> Table:
    """Compare drawn pictures with references, and half of the references with the other half.

    Parameters
    ----------
    references, samples : PictureFeatures
        At least `FEWEST_REFERENCES` and `FEWEST_SAMPLES`, of one size.
    name : str
        That of the references.
    side : int
        The size in pixels.

    Returns
    -------
    Table
        Three rows: all samples against all references; as many samples as half of the references has, against
        that half; the other half against it. The last two are means over `SPLITS` halves, always the same.
        The last is what real pictures reach at such numbers, and the one before is to be compared with it.

    Raises
    ------
    ImageError
        For too few pictures, and for references that are copies of one another.
    """
    _check_counts(references, samples)
    references, samples = _standardised(references, samples)
    count = min(len(samples.names), len(references.names) // 2)
    whole = _scores(references, samples)
    pairs = [_split(references, samples, count, seed) for seed in range(SPLITS)]
    drawn, real = ([_scores(half, one[k]) for half, *one in pairs] for k in (0, 1))
    rows = {
        "all samples against all references": whole,
        f"{count} samples against {count} references": _mean(drawn),
        f"{count} other references against these": _mean(real),
    }
    megapixels = len(samples.names) * side**2 / 1e6
    return Table(
        "samples", name, references.digest, f"centre squares of {side}x{side}",
        "Two sets of pictures compared as sets. The Fréchet distance here is no FID: its features are "
        f"those of a {DESCRIPTION}. Pictures are cut to the square in the middle and reduced to "
        f"{side}x{side} at 8 bits. {len(references.names)} references, {len(samples.names)} samples; the "
        f"last two rows are means over {SPLITS} halves of the references.",
        None, "", "samples", list(METRICS),
        [
            Row(label, "given", pictures=[Scored("all together", scores, 0.0, megapixels)])
            for label, scores in rows.items()
        ],
        len(samples.names), samples.digest,
    )  # fmt: skip


def copies(references: PictureFeatures, samples: PictureFeatures) -> list[tuple[str, str, float]]:
    """Name samples that are nearly copies: (sample, reference, share of the usual distance), nearest first.

    Takes and raises what `compare_samples` does.
    """
    _check_counts(references, samples)
    references, samples = _standardised(references, samples)
    across = distances(samples.features, references.features) / _usual(references)
    found = [
        (name, references.names[int(row.argmin())], float(row.min()))
        for name, row in zip(samples.names, across, strict=True)
    ]
    return sorted((one for one in found if one[2] < COPY), key=lambda one: one[2])


def _check_counts(references: PictureFeatures, samples: PictureFeatures) -> None:
    for what, few, found in (
        ("references", FEWEST_REFERENCES, references), ("samples", FEWEST_SAMPLES, samples)
    ):  # fmt: skip
        if len(found.names) < few:
            raise ImageError(
                f"expected at least {few} {what} to fit a distribution to, got {len(found.names)}; hundreds "
                "make a measurement"
            )


def _standardised(
    references: PictureFeatures, samples: PictureFeatures
) -> tuple[PictureFeatures, PictureFeatures]:
    """Both with features in units of the references' standard deviation."""
    std = references.features.std(axis=0)
    scale = np.where(std > 1e-9, std, 1.0)
    if not (std > 1e-9).any():
        raise ImageError("the references are all alike; expected different pictures")
    middle = references.features.mean(axis=0)
    first, second = (replace(one, features=(one.features - middle) / scale) for one in (references, samples))
    return first, second


def _split(
    references: PictureFeatures, samples: PictureFeatures, count: int, seed: int
) -> tuple[PictureFeatures, PictureFeatures, PictureFeatures]:
    """So many references, so many samples, and so many other references."""
    order = np.random.RandomState(seed).permutation(len(references.names))
    some = np.random.RandomState(seed).permutation(len(samples.names))[:count]
    picked = (references, order[:count]), (samples, some), (references, order[count : 2 * count])
    half, drawn, other = (_picked(pictures, places) for pictures, places in picked)
    return half, drawn, other


def _picked(pictures: PictureFeatures, places: NDArray[np.intp]) -> PictureFeatures:
    names = tuple(pictures.names[place] for place in places)
    return replace(pictures, names=names, features=pictures.features[places])


def _mean(scores: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    return {key: fmean(each[key] or 0.0 for each in scores) for key in scores[0]}


def _usual(references: PictureFeatures) -> float:
    """The median distance of a reference to the nearest other one."""
    usual = float(np.median(nearest_others(references.features)))
    if not usual > 0:
        raise ImageError("most references are copies of another one; keep one of each")
    return usual


def _scores(references: PictureFeatures, samples: PictureFeatures) -> dict[str, float | None]:
    real, drawn = references.features, samples.features
    nearest = distances(drawn, real).min(axis=1) / _usual(references)
    both = manifolds(real, drawn)
    return {
        "frechet": frechet(real, drawn),
        "diversity": diversity(drawn) / diversity(real),
        "nearest": float(np.median(nearest)),
        "copies": float((nearest < COPY).mean()),
        "precision": both.precision,
        "recall": both.recall,
        "density": both.density,
        "coverage": both.coverage,
    }


def _files(folder: Path, limit: int | None) -> list[Path]:
    if not folder.is_dir():
        raise ConfigError(f"{folder}: expected a folder of pictures, found none there")
    files = images.list_inputs([folder])
    # `restore sample` writes all of its pictures once more as one.
    grids = {path for path in files if path.name == "grid.png" and path.with_name("sample-000.png") in files}
    return [path for path in files if path not in grids][:limit]


def _readable(path: Path) -> bool:
    try:
        read_rgb(path)
    except ImageError:
        return False
    return True


def _square(picture: Tensor, side: int) -> Tensor:
    """The middle of a picture ``(1, 3, h, w)``, reduced to ``side``."""
    h, w = picture.shape[-2:]
    whole = min(h, w)
    top, left = (h - whole) // 2, (w - whole) // 2
    square = picture[..., top : top + whole, left : left + whole]
    return square if whole == side else rounded(resize(square, (side, side)))
