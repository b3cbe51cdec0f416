"""Sets of clean pictures: read one by one, hashed, checked against what the weights were trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from restore import images
from restore.errors import ConfigError, ImageError
from restore.evaluation.protocols import rounded, to_bytes
from restore.fingerprints import Fingerprints, fingerprint


@dataclass(frozen=True)
class Picture:
    """One picture of a set: RGB ``(1, 3, h, w)`` in [0, 1] at 8 bits, cropped as asked.

    overlap: what it looks like that must not be in a test, empty if nothing.
    """

    name: str
    clean: Tensor
    overlap: str = ""


@dataclass(frozen=True)
class PictureSet:
    """Pictures of a folder in natural order, or those that a list names.

    crop: side of the centre crop in pixels, 0 for whole pictures. known: fingerprints of pictures that no
    test picture may look like, by what they are.
    """

    name: str
    files: tuple[Path, ...]
    root: Path
    crop: int = 0
    known: Mapping[str, Fingerprints] = field(default_factory=dict)

    @classmethod
    def of(
        cls, folder: Path, *, listed: Path | None = None, limit: int | None = None, crop: int = 0,
        known: Mapping[str, Fingerprints] | None = None,
    ) -> PictureSet:  # fmt: skip
        """The set of a folder. listed: a text file with one name of the folder in each line.

        Raises ImageError for an empty folder, ConfigError for a list that does not fit.
        """
        if not folder.is_dir():
            raise ConfigError(f"{folder}: expected a folder of clean pictures, found none there")
        name = folder.resolve().name
        if listed is None:
            files = images.list_inputs([folder])
        else:
            files, name = _listed(folder, listed), listed.stem
        return cls(name, tuple(files[:limit]), folder, crop, known or {})

    def read(self) -> Iterator[Picture | tuple[str, str]]:
        """The pictures; for one that cannot be used (its name, the reason)."""
        for path in self.files:
            name = path.relative_to(self.root).as_posix()
            try:
                yield self._picture(path, name)
            except ImageError as error:
                yield name, str(error).removeprefix(f"{path}: ")

    def _picture(self, path: Path, name: str) -> Picture:
        clean = rounded(images.to_tensor(images.read(path)))
        overlap = ""
        whole = to_bytes(clean)
        for what, prints in self.known.items():
            if prints.holds(whole):
                overlap = what
        h, w = clean.shape[-2:]
        if self.crop:
            if self.crop > min(h, w):
                raise ImageError(
                    f"{path}: {w}x{h} is smaller than the crop of {self.crop}x{self.crop} pixels"
                )
            top, left = (h - self.crop) // 2, (w - self.crop) // 2
            clean = clean[..., top : top + self.crop, left : left + self.crop]
        return Picture(name, clean, overlap)


def _listed(folder: Path, listed: Path) -> list[Path]:
    try:
        names = listed.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise ConfigError(f"{listed}: cannot read the list of pictures ({reason})") from None
    files = [folder / name.strip() for name in names if name.strip()]
    missing = [str(path.relative_to(folder)) for path in files if not path.is_file()]
    if not files or missing:
        what = (
            f"{len(missing)} of its names are not in {folder}: {', '.join(missing[:5])}" if files else "empty"
        )
        raise ConfigError(f"{listed}: expected one picture of the folder in each line; {what}")
    return files


def fingerprints_of(folder: Path) -> Fingerprints:
    """Of all pictures of a folder that can be read. Raises ConfigError and ImageError for none."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: expected a folder of pictures, found none there")
    hashes = []
    for path in images.list_inputs([folder]):
        try:
            hashes.append(fingerprint(to_bytes(images.to_tensor(images.read(path)))))
        except ImageError:
            continue  # no test picture can look like it
    return Fingerprints(hashes)
