"""What results are called: by an ending, a format, or a template."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from string import Formatter

from restore import images
from restore.errors import OutputError
from restore.images.formats import FORMAT_OF_SUFFIX

FORMATS = ("png", "jpg", "jpeg", "tif", "tiff", "webp", "bmp", "heic", "avif", "jxl", "gif")
"""Formats of results, as endings of names."""

FIELDS = {
    "stem": "the input's name without its ending",
    "ext": "the ending of the result, with its dot",
    "name": "the input's name",
    "parent": "the name of the input's folder",
    "ending": "what the command adds by default, as denoised",
    "command": "the command, as denoise",
    "number": "1 for the first picture, and on",
    "seed": "the seed of the result",
}
"""What a template can hold, and what stands for it."""

WHOLE = ("number", "seed")  # fields that are whole numbers
_WIDTH = re.compile(r"0?[1-9]?d?")  # of a number, as 03


@dataclass(frozen=True)
class Naming:
    """What the results of a command are called.

    ending: what the command adds where nothing else is asked for. suffix, format, template: as the options
    have them. command: its name. marks: of the samples of each picture. seeds: of these.

    Raises ValueError for what cannot be part of a name, and for a template with other fields.
    """

    ending: str
    suffix: str | None = None
    format: str | None = None
    template: str | None = None
    command: str = ""
    marks: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.suffix is not None:
            _check_suffix(self.suffix)
        if self.template is not None:
            if self.suffix is not None:
                raise ValueError("--suffix and --output-template both say the name; pass one of them")
            check_template(self.template)

    @property
    def named(self) -> str:
        """The option that says the name of a result; empty where none does."""
        if self.template is not None:
            return "--output-template"
        return "" if self.suffix is None else "--suffix"

    @property
    def by_folders(self) -> bool:
        """Whether a template says the folders of results, too."""
        return self.template is not None and any(each in self.template for each in _slashes())

    @property
    def drawn_apart(self) -> bool:
        """Whether the samples of a picture have different names already."""
        return self.template is not None and "seed" in _fields(self.template)

    @property
    def pattern(self) -> re.Pattern[str] | None:
        """What names of results look like, with the group ``stem`` or ``name``; None for the usual ones."""
        if self.suffix is not None:
            return re.compile(rf"(?P<stem>.+){re.escape(self._added)}(-\d+|-seed\d+)?\.\w+")
        if self.template is None or self.by_folders:
            return None
        text, fields = "", set[str]()
        for literal, name, _, _ in Formatter().parse(self.template):
            text += re.escape(literal)
            if name is not None:
                found = r"\d+" if name in WHOLE else r"\.\w+" if name == "ext" else ".+"
                text += f"(?P={name})" if name in fields else f"(?P<{name}>{found})"
                fields.add(name)
        return re.compile(text) if fields & {"stem", "name"} else None

    @property
    def _added(self) -> str:
        """What the suffix adds to names."""
        suffix = self.suffix or ""
        return f"-{suffix}" if suffix[:1].isalnum() else suffix

    def extension(self, path: PurePath) -> str:
        """The ending of a result, with its dot: that of the input, where it is of the format."""
        if self.format is None:
            return path.suffix
        kinds = (FORMAT_OF_SUFFIX.get(each) for each in (path.suffix.lower(), f".{self.format}"))
        return path.suffix if len(set(kinds)) == 1 else f".{self.format}"

    def name(self, path: Path, number: int, *, beside: bool, draw: int = 0) -> str:
        """Give the name of a result, within a folder.

        beside: whether that is the input's own. number: of the picture. Raises OutputError for a name that
        leaves the folder.
        """
        extension = self.extension(path)
        if self.template is None:
            usual = f"-{self.ending}" if beside else ""
            added = usual if self.suffix is None else self._added
            return f"{path.stem}{added}{extension}"
        name = self.template.format_map({
            "stem": path.stem,
            "ext": extension,
            "name": path.name,
            "parent": Path(os.path.normpath(path.absolute())).parent.name,
            "ending": self.ending,
            "command": self.command,
            "number": number,
            "seed": self.seeds[draw],
        })  # fmt: skip
        self._check_name(name, path)
        return name

    def _check_name(self, name: str, path: Path) -> None:
        parts = re.split("|".join(map(re.escape, _slashes())), name)
        if not all(part.strip() and part not in (".", "..") for part in parts):
            raise OutputError(
                f"{path}: --output-template {self.template} makes {name!r} of it, which is no name within "
                "the output folder; change the template"
            )
        wanted = FORMAT_OF_SUFFIX.get(f".{self.format}")
        found = FORMAT_OF_SUFFIX.get(PurePath(name).suffix.lower())
        if wanted is not None and found != wanted:
            raise OutputError(
                f"{path}: --output-template {self.template} makes {name!r} of it, which is not --format "
                f"{self.format}; end the template in {{ext}}"
            )


def numbers(samples: int) -> tuple[str, ...]:
    """What the names of so many samples end in; nothing where there is one.

    Examples
    --------
    >>> numbers(1), numbers(3)
    ((), ('1', '2', '3'))
    """
    width = len(str(samples))
    return tuple(f"{number:0{width}}" for number in range(1, samples + 1)) if samples > 1 else ()


def check_template(template: str) -> None:
    """Refuse a template that is no name, or has other fields than FIELDS. Raises ValueError.

    Examples
    --------
    >>> check_template("{number:03}-{stem}{ext}")
    >>> check_template("{stem.__class__}{ext}")
    Traceback (most recent call last):
    ValueError: --output-template {stem.__class__}{ext}: {stem.__class__} is none of {stem}, {ext}, {name}, \
{parent}, {ending}, {command}, {number}, {seed}
    """
    said = f"--output-template {template}"
    listed = ", ".join(f"{{{name}}}" for name in FIELDS)
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{said}: {error}; write {{{{ and }}}} for braces, and fields as {listed}") from None
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if name not in FIELDS:
            raise ValueError(f"{said}: {{{name}}} is none of {listed}")
        if conversion or (form and (name not in WHOLE or not _WIDTH.fullmatch(form))):
            asked = f"{name}!{conversion}" if conversion else f"{name}:{form}"
            raise ValueError(
                f"{said}: {{{asked}}} is written otherwise; only {{number}} and {{seed}} take a width, as "
                "{number:03}"
            )
    filled = template.format_map({name: 1 if name in WHOLE else "x" for name in FIELDS} | {"ext": ".png"})
    if problem := images.name_problem(filled):
        raise ValueError(f"{said}: {problem}")
    if filled.startswith(_slashes()) or re.match(r"[A-Za-z]:", filled):
        raise ValueError(
            f"{said}: it starts from the root; write it within the output folder, which -o names"
        )
    pieces = re.split("|".join(map(re.escape, _slashes())), filled)
    if any(piece.strip() in ("", ".", "..") for piece in pieces):
        raise ValueError(
            f"{said}: it would leave the output folder, or name none; leave out .. and empty parts"
        )
    if PurePath(filled).suffix.lower() not in images.SUFFIXES:
        raise ValueError(f"{said}: expected an ending of a picture, as {{ext}} or .png")


def _fields(template: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def _slashes() -> tuple[str, ...]:
    return tuple(each for each in ("/", os.sep, os.altsep) if each)


def _check_suffix(suffix: str) -> None:
    if any(each in suffix for each in _slashes()) or not suffix.isprintable():
        raise ValueError(f"--suffix {suffix!r}: expected a part of a name, such as clean; leave out slashes")
