"""Find the pictures in folders, and tell what else lies there that looks like one."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from restore.errors import ImageError
from restore.images.extras import EXTRAS, install, lacking
from restore.images.formats import FORMAT_OF_SUFFIX, PDF_SUFFIX, USUAL_SUFFIXES
from restore.images.paths import FILE, LOOSE, is_folder, name_problem, short_path, what_is

OTHER_PICTURES = frozenset(
    (  # noqa: SIM905  # a list of so many would be long
        ".mng .pdf .psd .psb .xcf .kra .ora .svg "
        ".svgz .eps .jp2 .j2k .j2c .jpc .jpf .jpx .jpm .jph .jxr .wdp .hdp .jls .bpg .flif .qoi "
        ".jfi .ico .icns .pcx .tga .ppm .pgm .pbm .pnm .pam .pfm .exr .hdr .rgbe "
        ".ras .sgi .xbm .xpm .wbmp .fits .fts .dcm .djvu .djv .dpx .emf .wmf "
        # Raw files of cameras
        ".3fr .ari .arq .arw .bay .cr2 .cr3 .crw .dcr .dcs .dng .erf .fff .gpr .iiq .k25 .kdc .mdc "
        ".mef .mos .mrw .nef .nrw .orf .pef .pxn .raf .raw .rw2 .rwl .rwz .sr2 .srf .srw .x3f"
    ).split()
)
"""Suffixes of pictures that are not read, in lower case."""

ASIDE = ".restore-aside"
"""The name of a file that marks a folder, such as that of a report, whose pictures are not to be restored."""


@dataclass(frozen=True)
class Listing:
    """What lies in a folder and in those within it.

    Parameters
    ----------
    pictures : files with the suffix of a picture that is read, in natural order (``a2`` before ``a10``).
    unread : pictures of other kinds (`OTHER_PICTURES`), and of those whose extra is not installed, in the
        same order.
    problems : each folder within that cannot be listed, and each file that is none but a pipe, a socket or a
        device, with a message.
    """

    pictures: tuple[Path, ...]
    unread: tuple[Path, ...] = ()
    problems: tuple[tuple[Path, str], ...] = ()


def list_inputs(
    paths: Iterable[str | Path], *, recursive: bool = True, ignore: Sequence[str] = ()
) -> list[Path]:
    """List files as they are given, and the picture files in folders.

    Parameters
    ----------
    paths : files and folders.
    recursive : whether folders within folders are searched.
    ignore : patterns of what is left out, as in `is_ignored`.

    Returns
    -------
    list of Path
        Each file once; within a folder in natural order (``a2`` before ``a10``), hidden files and folders
        left out.

    Raises
    ------
    ImageError
        For a path that does not exist, and for a folder that cannot be listed, has no picture in it, or has
        a pipe or device with the name of one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("a10.png", "a2.jpg", "old.png", "notes.txt"):
    ...         Path(folder, name).touch()
    ...     [path.name for path in list_inputs([folder], ignore=["old*"])]
    ['a2.jpg', 'a10.png']
    """
    found: dict[Path, None] = {}
    for given in paths:
        if problem := name_problem(given):
            raise ImageError(f"{short_path(given)}: {problem}")
        path = Path(given)
        if is_folder(path):
            listing = survey(path, recursive=recursive, ignore=ignore)
            if listing.problems:
                raise ImageError(listing.problems[0][1])
            if not listing.pictures:
                raise ImageError(no_pictures(path, listing.unread))
            found |= dict.fromkeys(listing.pictures)
        elif not what_is(path):
            raise ImageError(f"{path}: no such file or folder; check the name")
        elif not is_ignored(path.name, ignore):
            found[path] = None
    return list(found)


def suffixes_read(*, pdf: bool) -> frozenset[str]:
    """Endings of files that are read here, with the extras there are, in lower case. pdf: as in `survey`.

    Examples
    --------
    >>> ".png" in suffixes_read(pdf=False), ".pdf" in suffixes_read(pdf=False)
    (True, False)
    """
    known = FORMAT_OF_SUFFIX | ({PDF_SUFFIX: "pdf"} if pdf else {})
    missing = {kind for kind in set(known.values()) if lacking(kind)}
    return frozenset(suffix for suffix, kind in known.items() if kind not in missing)


def survey(folder: Path, *, recursive: bool = True, ignore: Sequence[str] = (), pdf: bool = False) -> Listing:
    """List a folder; what lies in folders within it that cannot be listed does not stop the rest.

    Parameters
    ----------
    folder : an existing one. Links to other folders in it are not followed, and those that a file called
        `ASIDE` marks are passed over.
    recursive, ignore : as in `list_inputs`.
    pdf : whether PDFs are pictures that are read, where what they need is there.
    """
    read = suffixes_read(pdf=pdf)
    problems: list[tuple[Path, str]] = []

    def refuse(error: OSError) -> None:
        place = Path(error.filename or folder)
        reason = f"cannot list the folder ({error.strerror}); check its permissions"
        problems.append((place, f"{short_path(place)}: {reason}"))

    pictures: list[Path] = []
    unread: list[Path] = []
    for here, folders, files in os.walk(folder, onerror=refuse):
        if ASIDE in files and here != os.fspath(folder):
            folders.clear()
            continue
        inside = PurePath(os.path.relpath(here, folder))
        kept = [name for name in folders if recursive and not name.startswith(".")]
        folders[:] = sorted(name for name in kept if not is_ignored(inside / name, ignore))
        for name in files:
            suffix = PurePath(name).suffix.lower()
            ours = suffix in read
            if name.startswith(".") or not (ours or suffix in FORMAT_OF_SUFFIX or suffix in OTHER_PICTURES):
                continue
            path = Path(here, name)
            if is_ignored(inside / name, ignore):
                continue
            if (kind := what_is(path)) not in (FILE, LOOSE, ""):  # reading it might never end
                problems.append(
                    (path, f"{path}: expected a picture file, got {kind}; remove it from the folder")
                )
            else:
                (pictures if ours else unread).append(path)
    return Listing(
        tuple(sorted(pictures, key=natural_order)),
        tuple(sorted(unread, key=natural_order)),
        tuple(problems),
    )


def is_ignored(path: str | PurePath, patterns: Sequence[str]) -> bool:
    """Whether a path within a folder is left out: its name, or all of it, fits one of the patterns.

    Parameters
    ----------
    path : within the folder that was given.
    patterns : as shells have them (``*``, ``?``, ``[a-z]``); upper and lower case are the same.

    Examples
    --------
    >>> is_ignored("2019/Beach.HEIC", ["*.heic"]), is_ignored("2019/beach.png", ["2019/*"])
    (True, True)
    """
    if not patterns:
        return False
    path = PurePath(path)
    names = {path.name.lower(), path.as_posix().lower()}
    wanted = [pattern.lower().removeprefix("./").rstrip("/") for pattern in patterns]
    return any(name == pattern or fnmatchcase(name, pattern) for pattern in wanted for name in names)


def no_pictures(folder: str | Path, unread: Sequence[Path] = (), *, pdf: bool = False) -> str:
    """The message for a folder without pictures that are read. pdf: as in `survey`."""
    wanted = f"{folder}: expected a folder with pictures ({' '.join(USUAL_SUFFIXES)}), got"
    return f"{wanted} {kinds_of(unread)}; {_remedy(unread, pdf=pdf)}" if unread else f"{wanted} none"


def _remedy(unread: Iterable[Path], *, pdf: bool) -> str:
    """What makes pictures readable: an extra for some, for others a converter."""
    known = FORMAT_OF_SUFFIX | ({PDF_SUFFIX: "pdf"} if pdf else {})
    kinds = {known.get(path.suffix.lower(), "") for path in unread}
    extras = sorted({EXTRAS[kind][0] for kind in kinds if lacking(kind)})
    steps = [install(",".join(extras))] if extras else []
    if any(not lacking(kind) for kind in kinds):
        steps.append("convert the others first" if extras else "convert them first")
    return ", ".join(steps)


def kinds_of(unread: Iterable[Path]) -> str:
    """Files by kind and number.

    Examples
    --------
    >>> kinds_of([Path("a.heic"), Path("b.HEIC"), Path("c.pdf")])
    '2 .heic, 1 .pdf'
    """
    counts = Counter(path.suffix.lower() for path in unread)
    return ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common())


def unread_note(unread: Sequence[Path], *, pdf: bool = False) -> str:
    """Say which pictures were not read, and what to do about it.

    Parameters
    ----------
    unread : the files.
    pdf : as in `survey`.

    Examples
    --------
    >>> unread_note([Path("a.psd"), Path("b.psd"), Path("c.pdf")])
    "not read: 2 .psd, 1 .pdf; convert them first, or pass --ignore '*.psd' --ignore '*.pdf'"
    """
    suffixes = dict.fromkeys(path.suffix.lower() for path in unread)
    ordered = sorted(suffixes, key=lambda suffix: -sum(path.suffix.lower() == suffix for path in unread))
    options = " ".join(f"--ignore '*{suffix}'" for suffix in ordered)
    return f"not read: {kinds_of(unread)}; {_remedy(unread, pdf=pdf)}, or pass {options}"


def natural_order(path: PurePath) -> list[list[str | int]]:
    """A key that sorts ``a2`` before ``a10``.

    Parameters
    ----------
    path : of a file.

    Examples
    --------
    >>> sorted(["a10.png", "a2.png"], key=lambda name: natural_order(PurePath(name)))
    ['a2.png', 'a10.png']
    """
    return [
        [int(part) if i % 2 else part.casefold() for i, part in enumerate(re.split(r"([0-9]+)", name))]
        for name in path.parts
    ]
