"""Score pictures that were made elsewhere against their references, name by name."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from restore import images
from restore.errors import ConfigError, ImageError
from restore.evaluation.protocols import RESULT, Case, Given, rounded, to_bytes
from restore.evaluation.results import Row, Scored, Shown, Table
from restore.evaluation.scoring import Scorer

MANY = 6  # names in a message; the rest is counted


def compare(
    reference: Path, outputs: Sequence[Path], scorer: Scorer, *, border: int = 0, limit: int | None = None,
    show: int = 0, partly: bool = False, say: Callable[[str], None] = lambda _: None,
    tick: Callable[[str, int, int], None] = lambda *_: None,
) -> Table:  # fmt: skip
    """One table: a row for each folder of results. Pictures are matched by their names without suffix.

    partly: measure what is in all folders where they do not match. An unreadable picture is left out of all
    rows and told to ``say``. Raises ConfigError for folders that do not match and pictures that differ in
    size, ImageError where nothing could be measured.
    """
    started = time.perf_counter()
    folders = [_by_name(folder) for folder in (reference, *outputs)]
    names = _matching([reference, *outputs], folders, partly=partly)[:limit]
    words = (
        f"Pictures as found, compared at 8 bits. {RESULT}. RGB, {border or 'no'} pixels of border left out"
    )
    labels = _labels(outputs)
    table = Table(
        "compare", reference.resolve().name, "", "compare", f"{words}.", None, "", list(scorer.chosen),
        [Row(label, "given") for label in labels],
    )  # fmt: skip
    digest, inputs = hashlib.sha256(), hashlib.sha256()
    for number, name in enumerate(names):
        tick("comparing", number, len(names))
        try:
            clean, *results = (_read(folder[name]) for folder in folders)
            _check_sizes([folder[name] for folder in folders], [clean, *results])
            scores = scorer.of(Case(clean, Given(clean)), border)
            found = [scores.scores(result) for result in results]
        except (ImageError, ValueError) as error:
            table.left_out[name] = str(error)
            say(f"{name} is left out: {error}")
            continue
        for row, values in zip(table.rows, found, strict=True):
            row.pictures.append(Scored(name, values, 0.0, clean.shape[-1] * clean.shape[-2] / 1e6))
        digest.update(to_bytes(clean).tobytes() + repr(clean.shape).encode())
        for result in results:
            inputs.update(to_bytes(result).tobytes())
        table.count += 1
        if len(table.shown) < show:
            pairs = zip(labels, results, strict=True)
            table.shown.append(
                Shown(name, to_bytes(clean), to_bytes(results[0]), {n: to_bytes(r) for n, r in pairs})
            )
    if not table.count:
        raise ImageError(f"{reference}: not one picture could be compared; the reasons are above")
    table.set_hash, table.inputs_hash = digest.hexdigest()[:12], inputs.hexdigest()[:12]
    table.scoring_seconds = time.perf_counter() - started
    return table


def _by_name(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise ConfigError(f"{folder}: expected a folder of pictures, found none there")
    found: dict[str, Path] = {}
    for path in images.list_inputs([folder]):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise ConfigError(f"{found[name]} and {path} have the same name; keep one of them")
        found[name] = path
    return found


def _matching(folders: Sequence[Path], found: Sequence[dict[str, Path]], *, partly: bool) -> list[str]:
    common = [name for name in found[0] if all(name in other for other in found[1:])]
    if not common:
        raise ConfigError(
            f"{folders[0]} and {', '.join(map(str, folders[1:]))} have no picture name in common; results "
            "must be called as their references, up to the suffix"
        )
    problems = []
    for folder, names in zip(folders[1:], found[1:], strict=True):
        missing = [name for name in found[0] if name not in names]
        extra = [name for name in names if name not in found[0]]
        if missing:
            problems.append(f"{folder} lacks {_some(missing)}")
        if extra:
            problems.append(f"{folder} has {_some(extra)} that {folders[0]} has not")
    if problems and not partly:
        raise ConfigError(
            f"the folders do not match: {'; '.join(problems)}; pass --partly to compare the rest"
        )
    return common


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return ", ".join(names[:MANY]) + more


def _labels(folders: Sequence[Path]) -> list[str]:
    """The folders' own names where they tell them apart."""
    names = [folder.resolve().name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def _read(path: Path) -> Tensor:
    return rounded(images.to_tensor(images.read(path)))


def _check_sizes(paths: Sequence[Path], pictures: Sequence[Tensor]) -> None:
    h, w = pictures[0].shape[-2:]
    for path, picture in zip(paths, pictures, strict=True):
        if picture.shape[-2:] != (h, w):
            own = f"{picture.shape[-1]}x{picture.shape[-2]}"
            raise ConfigError(
                f"{path} is {own} but {paths[0]} is {w}x{h} (w x h); results must have its size"
            )
