"""Pairs of a noisy picture and a reference of the same scene, as somebody made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from restore import images
from restore.errors import ConfigError, ImageError
from restore.evaluation.cases import Case, Given, Protocol
from restore.evaluation.pictures import Picture, PictureSet, files_by_name, printable, read_rgb
from restore.evaluation.tables import some
from restore.images.fingerprints import Fingerprints

NOISY = "noisy"
REFERENCES = ("mean", "clean", "reference", "gt")
"""What a reference is called: the end of its name after an underscore, or its folder."""
MANY = 6  # names in a message; the rest is counted


@dataclass(frozen=True)
class Pairs(Protocol):
    """Noise as it was found; restorers are told of a JPEG its tables and nothing else."""

    task: ClassVar[str] = "denoise"
    any_noise: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return "pairs"

    @property
    def description(self) -> str:
        return (
            "Noisy pictures as found, each beside a reference of the same scene; the noise level is not told"
        )

    def apply(self, clean: Tensor) -> Case:
        raise ValueError("the noisy picture of a pair is found, not made of the clean one")


@dataclass(frozen=True)
class PairSet(PictureSet):
    """Noisy pictures and their references; see `PictureSet`.

    Parameters
    ----------
    references : mapping
        The file of the reference of each noisy file.
    """

    references: Mapping[Path, Path] = field(default_factory=dict)

    @classmethod
    def found(
        cls, folder: Path, *, limit: int | None = None, crop: int = 0,
        known: Mapping[str, Fingerprints] | None = None,
    ) -> PairSet:  # fmt: skip
        """The pairs of a folder: ``01_noisy.jpg`` and ``01_mean.jpg``, or ``noisy/1.jpg`` and ``mean/1.png``.

        In place of mean, any of `REFERENCES`. A reference without a noisy picture is left out.

        Parameters
        ----------
        folder : Path
            The folder.
        limit : int, optional
            The first so many pairs alone.
        crop : int
            Side of the centre crop in pixels, 0 for whole pictures.
        known : mapping, optional
            As in `PictureSet`.

        Raises
        ------
        ConfigError
            There is no pair, or a noisy picture has no reference or several.
        ImageError
            There are no pictures.
        """
        if not folder.is_dir():
            raise ConfigError(f"{folder}: expected a folder of pairs of pictures, found none there")
        pairs = _of_two_folders(folder) if (folder / NOISY).is_dir() else _of_one_folder(folder)
        if not pairs:
            raise ConfigError(
                f"{folder}: expected pairs of pictures, such as 01_noisy.jpg and 01_mean.jpg (or clean, "
                "reference, gt), or folders noisy and clean with the same names; found none"
            )
        name = printable(folder.resolve().name)
        return cls(name, tuple(pairs)[:limit], folder, crop, known or {}, pairs)

    def _picture(self, path: Path, name: str) -> Picture:
        reference, stored = self.references[path], images.read(path)
        clean, noisy = read_rgb(reference), images.to_tensor(stored)
        if clean.shape != noisy.shape:
            own, other = (f"{image.shape[-1]}x{image.shape[-2]}" for image in (noisy, clean))
            raise ImageError(f"{path}: it is {own} but its reference {reference.name} is {other} (w x h)")
        # The blocks of a JPEG are those of the whole picture.
        given = Given(self._cropped(noisy, path), coding=None if self.crop else stored.coding)
        return replace(self._of(clean, path, name), found=given)


def _of_one_folder(folder: Path) -> dict[Path, Path]:
    files, pairs, missing = files_by_name(folder), {}, []
    for name, path in files.items():
        if not name.endswith(f"_{NOISY}"):
            continue
        stem = name.removesuffix(NOISY)
        found = [files[stem + word] for word in REFERENCES if stem + word in files]
        if len(found) > 1:
            raise ConfigError(f"{path} has two references, {found[0].name} and {found[1].name}; keep one")
        if found:
            pairs[path] = found[0]
        else:
            missing.append(path)
    _refuse(folder, missing, " or ".join(f"_{word}" for word in REFERENCES) + " in place of _noisy")
    return pairs


def _of_two_folders(folder: Path) -> dict[Path, Path]:
    others = [folder / word for word in REFERENCES if (folder / word).is_dir()]
    if len(others) != 1:
        raise ConfigError(
            f"{folder}: expected one folder of {', '.join(REFERENCES)} beside {NOISY}, found "
            + (" and ".join(other.name for other in others) or "none")
        )
    noisy, clean = files_by_name(folder / NOISY), files_by_name(others[0])
    missing = [path for name, path in noisy.items() if name not in clean]
    _refuse(folder, missing, f"the same name in {others[0].name}")
    return {path: clean[name] for name, path in noisy.items()}


def _refuse(folder: Path, missing: list[Path], expected: str) -> None:
    if missing:
        names = some([path.relative_to(folder).as_posix() for path in missing], MANY)
        raise ConfigError(
            f"{folder}: expected a reference of each noisy picture ({expected}), none of {names}"
        )
