"""Sets of clean pictures: read one by one, hashed, checked against what the weights were trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import Tensor

from restore import images
from restore.errors import ConfigError, ImageError
from restore.evaluation.cases import Case, Given, Protocol, rounded, to_bytes
from restore.images.fingerprints import Fingerprints, fingerprint


@dataclass(frozen=True)
class Picture:
    """One picture of a set.

    Parameters
    ----------
    name : str
        Its path in the folder.
    clean : Tensor
        RGB ``(1, 3, h, w)`` in [0, 1] at 8 bits, cropped.
    overlap : str
        Whose pictures it looks like one of, though it must not; empty for none.
    found : Given, optional
        The damaged picture that was found beside it, where it is not a protocol that makes one.
    """

    name: str
    clean: Tensor
    overlap: str = ""
    found: Given | None = None

    def case(self, protocol: Protocol) -> Case:
        """What a restorer is given of it. Raises ValueError where it is too small for the protocol."""
        return protocol.apply(self.clean) if self.found is None else Case(self.clean, self.found)

    def corner(self, side: int) -> Picture:
        """Its top left ``side`` pixels."""
        found = self.found
        if found is not None:
            found = replace(found, image=found.image[..., :side, :side], coding=None)
        return replace(self, clean=self.clean[..., :side, :side], found=found)


@dataclass(frozen=True)
class PictureSet:
    """Pictures of a folder in natural order, or those that a list names.

    Parameters
    ----------
    name : str
        The set's name.
    files, root : tuple of Path, Path
        The files and the folder.
    crop : int
        Side of the centre crop in pixels, 0 for whole pictures.
    known : mapping
        Fingerprints of pictures that no test picture may look like, by whose they are.
    """

    name: str
    files: tuple[Path, ...]
    root: Path
    crop: int = 0
    known: Mapping[str, Fingerprints] = field(default_factory=dict)

    @property
    def checked(self) -> str:
        """What its pictures are compared with, in words."""
        if not self.known:
            return "Not checked against any training pictures"
        return "Checked against " + " and ".join(
            f"{len(prints)} pictures {what}" for what, prints in self.known.items()
        )

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
        name = printable(folder.resolve().name)
        if listed is None:
            files = images.list_inputs([folder])
        else:
            files, name = _listed(folder, listed), printable(listed.stem)
        return cls(name, tuple(files[:limit]), folder, crop, known or {})

    def read(self) -> Iterator[Picture | tuple[str, str]]:
        """The pictures; for one that cannot be used (its name, the reason)."""
        for path in self.files:
            name = printable(path.relative_to(self.root).as_posix())
            try:
                yield self._picture(path, name)
            except ImageError as error:
                yield name, printable(str(error).removeprefix(f"{path}: "))

    def _picture(self, path: Path, name: str) -> Picture:
        return self._of(read_rgb(path), path, name)

    def _of(self, clean: Tensor, path: Path, name: str) -> Picture:
        whole = to_bytes(clean)
        overlap = ", ".join(what for what, prints in self.known.items() if prints.holds(whole))
        return Picture(name, self._cropped(clean, path), overlap)

    def _cropped(self, image: Tensor, path: Path) -> Tensor:
        h, w = image.shape[-2:]
        if not self.crop:
            return image
        if self.crop > min(h, w):
            raise ImageError(f"{path}: {w}x{h} is smaller than the crop of {self.crop}x{self.crop} pixels")
        top, left = (h - self.crop) // 2, (w - self.crop) // 2
        return image[..., top : top + self.crop, left : left + self.crop]


def files_by_name(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by their paths in it without suffix.

    Raises ImageError for an empty folder, ConfigError for none and for two pictures of one name.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: expected a folder of pictures, found none there")
    found: dict[str, Path] = {}
    for path in images.list_inputs([folder]):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise ConfigError(f"{found[name]} and {path} have the same name; keep one of them")
        found[name] = path
    return found


def _listed(folder: Path, listed: Path) -> list[Path]:
    try:
        names = [line.strip() for line in listed.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise ConfigError(f"{listed}: cannot read the list of pictures ({reason})") from None
    names = [name for name in names if name]
    outside = [n for n in names if Path(n).is_absolute() or ".." in Path(n).parts]
    missing = [n for n in names if n not in outside and not (folder / n).is_file()]
    twice = [n for n in dict.fromkeys(names) if names.count(n) > 1]
    problems = {f"are not in {folder}": missing, "lead out of it": outside, "are there twice": twice}
    found = [f"{len(bad)} of its names {what}: {', '.join(bad[:5])}" for what, bad in problems.items() if bad]
    if found or not names:
        reason = "; ".join(found) or "it is empty"
        raise ConfigError(f"{listed}: expected one picture of the folder in each line; {reason}")
    return [folder / name for name in names]


def read_rgb(path: Path) -> Tensor:
    """A picture as it is compared: upright, RGB ``(1, 3, h, w)`` in [0, 1] at 8 bits, without alpha."""
    return rounded(images.to_tensor(images.read(path)))


def printable(name: str) -> str:
    """A file's name as text that can be written anywhere: no stray bytes, no control characters."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def fingerprints_of(folder: Path) -> Fingerprints:
    """Of all pictures of a folder that can be read. Raises ConfigError and ImageError for none."""
    if not folder.is_dir():
        raise ConfigError(f"{folder}: expected a folder of pictures, found none there")
    hashes = []
    for path in images.list_inputs([folder]):
        try:
            hashes.append(fingerprint(to_bytes(read_rgb(path))))
        except ImageError:
            continue  # no test picture can look like it
    return Fingerprints(hashes)
