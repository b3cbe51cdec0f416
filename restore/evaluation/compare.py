"""Score pictures that were made elsewhere against their references, name by name."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from restore.errors import ConfigError, ImageError
from restore.evaluation.cases import RESULT, Case, Given, to_bytes
from restore.evaluation.gallery import Gallery
from restore.evaluation.observer import SILENT, Observer
from restore.evaluation.pictures import files_by_name, printable, read_rgb
from restore.evaluation.results import Row, Scored, Table
from restore.evaluation.scoring import Scorer
from restore.evaluation.tables import some

MANY = 6  # names in a message; the rest is counted


@dataclass(frozen=True)
class MatchedFolders:
    """Pictures of the same name, up to the suffix, in a folder of references and folders of results.

    Parameters
    ----------
    reference : Path
        The folder of clean pictures.
    labels : tuple of str
        The names of the folders of results, with as many folders above them as tell them apart.
    names : tuple of str
        The names of the pictures, without suffix.
    folders : tuple of dict
        The files of the references, then those of each folder of results, by name.
    partly : bool
        Whether pictures that do not match are left out; otherwise they are an error.
    """

    reference: Path
    labels: tuple[str, ...]
    names: tuple[str, ...]
    folders: tuple[dict[str, Path], ...]
    partly: bool = False

    @classmethod
    def of(
        cls, reference: Path, outputs: Sequence[Path], *, limit: int | None = None, partly: bool = False
    ) -> MatchedFolders:
        """Match the pictures of folders; limit: the first so many alone.

        Raises
        ------
        ConfigError
            A folder is missing or named twice, a name is there twice, or the folders do not match.
        """
        folders = tuple(files_by_name(folder) for folder in (reference, *outputs))
        names = _matching([reference, *outputs], folders, partly=partly)[:limit]
        return cls(reference, tuple(_labels(outputs)), tuple(names), folders, partly)

    def files(self, name: str) -> list[Path]:
        """The reference of that name, then the results."""
        return [folder[name] for folder in self.folders]


def compare(
    folders: MatchedFolders, scorer: Scorer, *, border: int = 0, show: int = 0, observer: Observer = SILENT
) -> Table:
    """Score every picture of folders of results against its reference.

    Parameters
    ----------
    folders : MatchedFolders
        The pictures.
    scorer : Scorer
        The columns.
    border : int
        Pixels at each side that PSNR and SSIM leave out.
    show : int
        How many pictures to keep for a report: half of them spread over the set, half the worst of the
        first folder.
    observer : Observer
        Is told of progress and of pictures that are left out of all rows because they cannot be read or
        have another size.

    Returns
    -------
    Table
        A row for each folder of results.

    Raises
    ------
    ConfigError
        Sizes differ, unless ``folders.partly``.
    ImageError
        Not one picture could be compared.
    """
    started = time.perf_counter()
    sheet = _Comparison(folders, scorer, border, show)
    for number, name in enumerate(folders.names):
        observer.progress("comparing", number, len(folders.names))
        sheet.add(name)
    table = sheet.finished()
    for name, reason in table.left_out.items():
        observer.warn(f"{name} is left out: {reason}")
    if not table.count:
        raise ImageError(f"{folders.reference}: not one picture could be compared; the reasons are above")
    table.scoring_seconds = time.perf_counter() - started
    return table


class _Comparison:
    """A table of a comparison while it is being filled."""

    def __init__(self, folders: MatchedFolders, scorer: Scorer, border: int, show: int):
        edge = f"{border or 'no'} pixels of border left out"
        description = f"Pictures as found, compared at 8 bits. {RESULT}. RGB, {edge}."
        self.table = Table(
            "compare", printable(folders.reference.resolve().name), "", "compare", description, None, "",
            "compare", list(scorer.chosen), [Row(label, "given") for label in folders.labels],
        )  # fmt: skip
        self._folders, self._scorer, self._border = folders, scorer, border
        self._gallery = Gallery(show, len(folders.names), 0, scorer.chosen[0].higher_is_better)
        self._problems: list[str] = []
        self._set, self._inputs = hashlib.sha256(), hashlib.sha256()

    def add(self, name: str) -> None:
        """Score the results of one reference."""
        shown = printable(name)
        try:
            clean, *results = self._read(name)
            case = Case(clean, Given(results[0]))
            reference = self._scorer.of(case, self._border)
            found = [reference.scores(result) for result in results]
        except ImageError as error:
            self.table.left_out[shown] = printable(str(error))
            return
        for row, values in zip(self.table.rows, found, strict=True):
            megapixels = clean.shape[-1] * clean.shape[-2] / 1e6
            row.pictures.append(Scored(shown, values, 0.0, megapixels))
        self._set.update(to_bytes(clean).tobytes() + repr(clean.shape).encode())
        for result in results:
            self._inputs.update(to_bytes(result).tobytes())
        self.table.count += 1
        self._gallery.offer(shown, case, found, dict(zip(self._folders.labels, results, strict=True)))

    def _read(self, name: str) -> list[Tensor]:
        """The reference and its results. Raises ImageError where they cannot be compared."""
        files = self._folders.files(name)
        pictures = [read_rgb(file) for file in files]
        if differing := _other_sizes(files, pictures):
            self._problems += differing
            raise ImageError("the sizes differ")
        if 2 * self._border >= min(pictures[0].shape[-2:]):
            raise ImageError(f"a border of {self._border} pixels leaves nothing of it")
        return pictures

    def finished(self) -> Table:
        """The table; ConfigError where sizes differ and must not."""
        if self._problems and not self._folders.partly:
            raise ConfigError(
                f"results must have the size (w x h) of their references: {some(self._problems, MANY)}; pass "
                "--partly to compare the rest"
            )
        table = self.table
        table.set_hash, table.inputs_hash = self._set.hexdigest()[:12], self._inputs.hexdigest()[:12]
        table.shown = self._gallery.shown()
        return table


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
