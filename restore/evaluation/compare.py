"""Score pictures that were made elsewhere against their references, name by name."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from restore import images
from restore.errors import ConfigError, ImageError
from restore.evaluation.gallery import Gallery
from restore.evaluation.measure import Say, Tick
from restore.evaluation.pictures import printable, read_rgb
from restore.evaluation.protocols import RESULT, Case, Given, to_bytes
from restore.evaluation.results import Row, Scored, Table
from restore.evaluation.scoring import Scorer
from restore.evaluation.tables import some

MANY = 6  # names in a message; the rest is counted


def compare(
    reference: Path, outputs: Sequence[Path], scorer: Scorer, *, border: int = 0, limit: int | None = None,
    show: int = 0, partly: bool = False, say: Say = lambda _: None,
    tick: Tick = lambda *_: None,
) -> Table:  # fmt: skip
    """One table: a row for each folder of results. Pictures are matched by their names without suffix.

    partly: measure what is in all folders where they do not match, and what has the right size. Pictures
    that cannot be read are left out of all rows; what is left out is told to ``say``. show: as in
    `restore.evaluation.run.measure`, the worst being those of the first folder. Raises ConfigError for
    folders that do not match and for sizes that differ, ImageError where nothing could be measured.
    """
    started = time.perf_counter()
    folders = [_by_name(folder) for folder in (reference, *outputs)]
    names = _matching([reference, *outputs], folders, partly=partly)[:limit]
    words = (
        f"Pictures as found, compared at 8 bits. {RESULT}. RGB, {border or 'no'} pixels of border left out"
    )
    labels = _labels(outputs)
    table = Table(
        "compare", printable(reference.resolve().name), "", "compare", f"{words}.", None, "", "compare",
        list(scorer.chosen), [Row(label, "given") for label in labels],
    )  # fmt: skip
    problems: list[str] = []
    gallery = Gallery(show, len(names), 0, scorer.chosen[0].higher_is_better)
    digest, inputs = hashlib.sha256(), hashlib.sha256()
    for number, name in enumerate(names):
        tick("comparing", number, len(names))
        try:
            clean, *results = (read_rgb(folder[name]) for folder in folders)
            if differing := _other_sizes([folder[name] for folder in folders], [clean, *results]):
                problems += differing
                raise ImageError("the sizes differ")
            if 2 * border >= min(clean.shape[-2:]):
                raise ImageError(f"a border of {border} pixels leaves nothing of it")
            case = Case(clean, Given(results[0]))
            scores = scorer.of(case, border)
            found = [scores.scores(result) for result in results]
        except ImageError as error:
            table.left_out[printable(name)] = printable(str(error))
            continue
        for row, values in zip(table.rows, found, strict=True):
            megapixels = clean.shape[-1] * clean.shape[-2] / 1e6
            row.pictures.append(Scored(printable(name), values, 0.0, megapixels))
        digest.update(to_bytes(clean).tobytes() + repr(clean.shape).encode())
        for result in results:
            inputs.update(to_bytes(result).tobytes())
        table.count += 1
        gallery.offer(printable(name), case, found, dict(zip(labels, results, strict=True)))
    if problems and not partly:
        raise ConfigError(
            f"results must have the size (w x h) of their references: {some(problems, MANY)}; pass "
            "--partly to compare the rest"
        )
    for name, reason in table.left_out.items():
        say(f"{name} is left out: {reason}")
    if not table.count:
        raise ImageError(f"{reference}: not one picture could be compared; the reasons are above")
    table.set_hash, table.inputs_hash = digest.hexdigest()[:12], inputs.hexdigest()[:12]
    table.shown = gallery.shown()
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
            problems.append(f"{folder} lacks {some(missing, MANY)}")
        if extra:
            problems.append(f"{folder} has {some(extra, MANY)} that {folders[0]} has not")
    if problems and not partly:
        raise ConfigError(
            f"the folders do not match: {'; '.join(problems)}; pass --partly to compare the rest"
        )
    return common


def _labels(folders: Sequence[Path]) -> list[str]:
    """The folders' own names, with those above them as far as they are needed to tell them apart."""
    parts = [folder.resolve().parts for folder in folders]
    if len(set(parts)) < len(parts):
        raise ConfigError("the same folder of results is named twice; name it once")
    for length in range(1, max(map(len, parts)) + 1):
        names = [printable("/".join(each[-length:])) for each in parts]
        if len(set(names)) == len(names):
            break
    return names


def _other_sizes(paths: Sequence[Path], pictures: Sequence[Tensor]) -> list[str]:
    """The results that have not the size of the reference, which is the first."""
    sizes = [f"{picture.shape[-1]}x{picture.shape[-2]}" for picture in pictures]
    return [
        f"{path} is {size} but {paths[0]} is {sizes[0]}"
        for path, size in zip(paths, sizes, strict=True)
        if size != sizes[0]
    ]
