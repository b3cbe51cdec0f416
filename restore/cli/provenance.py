"""What a picture was made by, in the picture itself: version, weights, seed, calls, the command."""

from __future__ import annotations

import json
import shlex
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from restore import images
from restore.cli.printable import escaped
from restore.cli.streams import STDIO
from restore.errors import ImageError, OutputError
from restore.images import exif
from restore.images.formats import PDF_SUFFIX
from restore.images.told import MARK, comments_in, told_in

HEAD = b"restore\0\0\0\0\0"  # of the PNG text: its keyword, not compressed, no language
MOST = 20  # steps of a picture's history that are kept
RARE = ("asked", "plugins", "threads", "torch", "machine")  # left out of the text where they are empty
UNRECORDED = ("bmp", "gif")  # formats without room for a record
DRAWN = "drawn"  # the folder in the command of what was made from no picture


@dataclass(frozen=True)
class Record:
    """One command's work on a picture.

    version: of restore. command: its name. arguments: its options and their values as strings, without
    those that do not change the picture. inputs: name and SHA-256 of the files that were read, the picture
    first. weights: their hash. calls: of the network. device, precision: what the network was computed in,
    whatever was asked for; empty where none was needed. asked: options that were given and for which others
    stand in the arguments, such as a budget in seconds. plugins: what other packages have provided: what it
    is, its name, the package and its version. threads, torch, machine: on how many threads of the
    CPU, by which version of torch and on what it was computed, such as "x86_64 AVX2" or the name of a
    graphics card; empty in records of older versions, and where nothing was computed by torch.
    """

    version: str
    command: str
    arguments: tuple[tuple[str, ...], ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()
    weights: str = ""
    method: str = ""
    seed: int | None = None
    calls: int = 0
    device: str = ""
    precision: str = ""
    asked: tuple[tuple[str, ...], ...] = ()
    plugins: tuple[tuple[str, ...], ...] = ()
    threads: int = 0
    torch: str = ""
    machine: str = ""

    def needs(self) -> str:
        """What the bytes depend on, with what to set to have them again; empty where the record says little.

        Rounding differs by the number of threads, the precision, the version of torch and the machine: by a
        level of 8 bits in some pixels, and more where drawing goes on from what was rounded.
        """
        if not self.torch:
            return ""
        parts = (
            f"restore {self.version}",
            f"the weights {self.weights[:12]}" if self.weights else "",
            "" if self.seed is None else f"seed {self.seed}",
            f"--precision {self.precision}" if self.precision else "",
            f"{self.threads} thread{'' if self.threads == 1 else 's'} (OMP_NUM_THREADS={self.threads})",
            f"torch {self.torch}",
            f"a machine like this one ({self.machine})" if self.machine else "",
        )
        return "the same bytes need: " + ", ".join(part for part in parts if part)

    def line(self, name: str = "") -> str:
        """The command that gives the same bytes from the same inputs, on the same kind of device.

        name: what the picture is to be called; its ending says the format. Empty: left to the command.
        """
        used = {"--device": self.device, "--precision": self.precision}
        used = {option: value for option, value in used.items() if value}
        given = [argument for argument in self.arguments if argument[0] not in used]
        words = ["restore", self.command]
        words += [f"./{file}" if file[:1] == "-" and file != STDIO else file for file, _ in self.inputs[:1]]
        words += [word for argument in (*given, *used.items()) for word in argument]
        words += ["-o", self._output(name)] if name else []
        return " ".join(map(quoted, words))

    def _output(self, name: str) -> str:
        """What the command can be told to write; never one of its inputs."""
        if not self.inputs:
            return DRAWN
        path = Path(name)
        if path.suffix.lower() not in (*images.SUFFIXES, PDF_SUFFIX):
            return STDIO
        while str(path) in dict(self.inputs):
            path = path.with_stem(f"{path.stem}-again")
        return str(path)


@dataclass(frozen=True)
class History:
    """All that was done to a picture, the first command first."""

    records: tuple[Record, ...] = field(default=())

    def text(self) -> str:
        """ASCII; `read_text` is the way back."""
        return json.dumps([told_of(record) for record in self.records[-MOST:]], separators=(",", ":"))

    def lines(self, name: str) -> list[str]:
        """The command of each record; name: of the picture. Those before it make what the next one reads."""
        names = [record.inputs[0][0] if record.inputs else STDIO for record in self.records[1:]]
        return [record.line(each) for record, each in zip(self.records, [*names, name], strict=True)]


def quoted(word: str) -> str:
    """A word for the shell, as $'...' (POSIX 2024, 2.2.4) where it holds what a terminal would not show."""
    if word.isprintable():
        return shlex.quote(word)
    return "$'" + visible(word.replace("\\", "\\\\").replace("'", "\\'")) + "'"


def visible(text: str) -> str:
    """The same with the bytes, as \\x1b, of all that could steer a terminal or be no text at all."""
    return "".join(each if each.isprintable() else escaped(each) for each in text)


def read_text(text: str) -> History:
    """What `History.text` wrote; ValueError for another text."""
    try:
        return History(tuple(_record(each) for each in json.loads(text)))
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"no record of restore ({error})") from error


def told_of(record: Record) -> dict[str, Any]:
    """A record for JSON; what is rarely there is left out where it is not."""
    return {name: value for name, value in asdict(record).items() if value or name not in RARE}


def _record(told: dict[str, Any]) -> Record:
    known = {name: told[name] for name in Record.__dataclass_fields__ if name in told}
    for name in ("arguments", "inputs", "asked", "plugins"):
        known[name] = tuple(tuple(map(str, each)) for each in known.get(name, ()))
    record = Record(**known)
    words = (
        *(record.version, record.command, record.weights, record.method),
        *(record.device, record.precision, record.torch, record.machine),
    )
    numbers = (record.calls, record.threads, 0 if record.seed is None else record.seed)
    fine = all(isinstance(word, str) for word in words) and all(isinstance(n, int) for n in numbers)
    if (
        not fine
        or any(len(each) != 2 for each in record.inputs)
        or any(len(each) != 4 for each in record.plugins)
        or not all((*record.arguments, *record.asked))
    ):
        raise TypeError("fields of other types")
    return record


def stamped(picture: images.Picture, record: Record, kind: str) -> images.Picture:
    """The picture with a record of what made it, after those it has; kind: the format it is written in.

    PNG holds it as text, other formats as the EXIF user comment, behind a comment that is there. Where
    there is no place for it (BMP, GIF, a comment that cannot be read, an EXIF too long for JPEG) the
    picture says nothing: what made it before did not make what it is now.
    """
    history = History((*history_of(picture).records, record))
    bare = unstamped(picture)
    if kind == "png":
        text = HEAD + history.text().encode("ascii")
        return replace(bare, chunks=bare.chunks + images.png_chunk(b"iTXt", text))
    own = None if kind in UNRECORDED else exif.comment(bare.exif)
    if own is None:
        return bare
    comment = (own + "\n" if own else "") + MARK + history.text()
    marked = exif.with_comment(bare.exif, comment)
    fits = kind != "jpeg" or len(marked) <= images.MOST_EXIF
    return replace(bare, exif=marked) if fits else bare


def recordable(
    picture: images.Picture, kind: str, name: str, *, recorded: bool
) -> tuple[images.Picture, list[str]]:
    """Take from a picture what would fail when its result is written, and say what.

    name: of the result. recorded: whether it holds a record. Raises OutputError, as `images.writable`.
    """
    record = Record("", "denoise")

    def finish(result: images.Picture) -> images.Picture:
        return stamped(result, record, kind) if recorded else unstamped(result)

    try:
        return images.writable(picture, kind, finish=finish)
    except OutputError as error:
        raise OutputError(f"{name}: {error}") from error


def unstamped(picture: images.Picture) -> images.Picture:
    """The picture without its records; what others say in the same places stays, byte for byte."""
    there = exif.comment(picture.exif) or ""
    own, told = _split(there)
    if told:
        mark = there[len(own) : len(there) - len(told)]
        picture = replace(picture, exif=exif.without_comment_from(picture.exif, mark))
    kept = [each for each in _chunks(picture.chunks) if not _told(*each)]
    if len(kept) == len(_chunks(picture.chunks)):
        return picture
    return replace(picture, chunks=b"".join(images.png_chunk(*each) for each in kept))


def _split(comment: str) -> tuple[str, str]:
    """What a comment says beside our record, and the record; a record is only what can be read as one."""
    own, mark, told = comment.rpartition(MARK)
    return (own.removesuffix("\n"), told) if mark and _is_record(told) else (comment, "")


def _is_record(text: str) -> bool:
    try:
        read_text(text)
    except ValueError:
        return False
    return True


def history_of(picture: images.Picture) -> History:
    """What was done to a picture, as far as it says; none where it says nothing that can be read."""
    return _history(exif.comment(picture.exif) or "", picture.chunks)


def history_in(path: Path) -> History:
    """The same of the first picture in a file that tells it; pixels are not read. None for no such file."""
    told = told_in(path)
    found = _history(told.comment, told.chunks)
    if found.records or told.format != "tiff":
        return found
    pages = (_history(comment, b"") for comment in comments_in(path)[1:])
    return next((each for each in pages if each.records), found)


def _history(comment: str, chunks: bytes) -> History:
    texts = [told for each in _chunks(chunks) if (told := _told(*each))]
    told = texts[-1] if texts else _split(comment)[1]
    return read_text(told) if told else History()


def read_history(path: Path) -> History:
    """The history in a file; ImageError where there is none."""
    return read_named(path)[0]


def read_named(path: Path) -> tuple[History, str]:
    """The history in a file, and the file's name with an ending that says its format."""
    with named_document(path) as document:
        if document is not None:
            return _told_records(history_in(path), str(path)), path.name
    picture = images.read(path)
    fits = path.suffix.lower() in images.SUFFIXES and images.kind_of(path) == picture.format
    return _told_history(picture, str(path)), path.name if fits else f"{path.name}.{picture.format}"


def read_piped(data: bytes) -> tuple[History, str]:
    """The same of what came by standard input, which has no name: one that says its format."""
    picture = images.decode(data, name="standard input")
    return _told_history(picture, "standard input"), f"restored.{picture.format}"


def _told_history(picture: images.Picture, name: str) -> History:
    return _told_records(history_of(picture), name)


@contextmanager
def named_document(path: Path) -> Iterator[images.Document | None]:
    """Open the document in a file; None where it holds one picture."""
    document = images.open_document(path)
    try:
        yield document
    finally:
        if document is not None:
            document.close()


def _told_records(history: History, name: str) -> History:
    if not history.records:
        raise ImageError(f"{name}: holds no record of restore; it was made by something else, or without one")
    return history


def _told(kind: bytes, body: bytes) -> str:
    """The record in a PNG chunk; empty where it holds none, whatever its keyword."""
    text = body.removeprefix(HEAD).decode("utf-8", "replace")
    return text if kind == b"iTXt" and body.startswith(HEAD) and _is_record(text) else ""


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """(type, body) of PNG chunks that stand one after the other."""
    found, at = [], 0
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return found
