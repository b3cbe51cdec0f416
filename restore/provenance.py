"""What a picture was made by, in the picture itself: version, weights, seed, calls, the command."""

from __future__ import annotations

import json
import shlex
import struct
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from restore import exif, images
from restore.errors import ImageError
from restore.folder import STDIO

KEYWORD = b"restore"  # of the PNG text
MARK = "restore: "  # before the record in a user comment, which may hold other things too
MOST = 20  # steps of a picture's history that are kept
DRAWN = "drawn"  # the folder in the command of what was made from no picture


@dataclass(frozen=True)
class Record:
    """One command's work on a picture.

    version: of restore. command: its name. arguments: its options and their values as strings, without
    those that do not change the picture. inputs: name and SHA-256 of the files that were read, the picture
    first. weights: their hash. calls: of the network. device, precision: what the network was computed in,
    whatever was asked for; empty where none was needed.
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
        if path.suffix.lower() not in images.SUFFIXES:
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
        return json.dumps([asdict(record) for record in self.records[-MOST:]], separators=(",", ":"))

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
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    stray = "\udc80" <= character <= "\udcff"  # a byte of a file name that is no text
    data = character.encode("utf-8", "surrogateescape" if stray else "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in data)


def read_text(text: str) -> History:
    """What `History.text` wrote; ValueError for another text."""
    try:
        return History(tuple(_record(each) for each in json.loads(text)))
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"no record of restore ({error})") from error


def _record(told: dict[str, Any]) -> Record:
    known = {name: told[name] for name in Record.__dataclass_fields__ if name in told}
    for name in ("arguments", "inputs"):
        known[name] = tuple(tuple(map(str, each)) for each in known.get(name, ()))
    record = Record(**known)
    words = (record.version, record.command, record.weights, record.method, record.device, record.precision)
    numbers = (record.calls, 0 if record.seed is None else record.seed)
    fine = all(isinstance(word, str) for word in words) and all(isinstance(n, int) for n in numbers)
    if not fine or any(len(each) != 2 for each in record.inputs) or not all(record.arguments):
        raise TypeError("fields of other types")
    return record


def stamped(picture: images.Picture, record: Record, kind: str) -> images.Picture:
    """The picture with a record of what made it, after those it has; kind: the format it is written in.

    PNG holds it as text, JPEG, WebP and TIFF as the EXIF user comment, behind a comment that is there. Where
    there is no place for it (BMP, a comment that cannot be read, an EXIF that would be too long for JPEG) the
    picture itself is given back.
    """
    history = History((*history_of(picture).records, record))
    if kind == "png":
        text = KEYWORD + b"\0\0\0\0\0" + history.text().encode("ascii")
        return replace(picture, chunks=_without(picture.chunks) + images.png_chunk(b"iTXt", text))
    there = None if kind == "bmp" else exif.comment(picture.exif)
    if there is None:
        return picture
    own = _split(there)[0]
    comment = (own + "\n" if own else "") + MARK + history.text()
    marked = exif.with_comment(picture.exif, comment)
    fits = kind != "jpeg" or len(marked) <= images.MOST_EXIF
    return replace(picture, exif=marked) if fits else picture


def _split(comment: str) -> tuple[str, str]:
    """What a comment says beside our record, and the record; a record is only what can be read as one."""
    own, _, told = comment.rpartition(MARK)
    try:
        read_text(told)
    except ValueError:
        return comment, ""
    return (own.rstrip(), told) if MARK in comment else (comment, "")


def history_of(picture: images.Picture) -> History:
    """What was done to a picture, as far as it says; none where it says nothing that can be read."""
    texts = [body for kind, body in _chunks(picture.chunks) if kind == b"iTXt" and _ours(body)]
    told = texts[-1][len(KEYWORD) + 5 :].decode("utf-8", "replace") if texts else ""
    told = told or _split(exif.comment(picture.exif) or "")[1]
    try:
        return read_text(told) if told else History()
    except ValueError:
        return History()


def read_history(path: Path) -> History:
    """The history in a file; ImageError where there is none."""
    return read_named(path)[0]


def read_named(path: Path) -> tuple[History, str]:
    """The history in a file, and the file's name with an ending that says its format."""
    picture = images.read(path)
    history = history_of(picture)
    if not history.records:
        raise ImageError(f"{path}: holds no record of restore; it was made by something else, or without one")
    fits = path.suffix.lower() in images.SUFFIXES and images.kind_of(path) == picture.format
    return history, path.name if fits else f"{path.name}.{picture.format}"


def _ours(body: bytes) -> bool:
    return body.startswith(KEYWORD + b"\0")


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """(type, body) of PNG chunks that stand one after the other."""
    found, at = [], 0
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return found


def _without(data: bytes) -> bytes:
    """The chunks that are not ours."""
    kept = [(kind, body) for kind, body in _chunks(data) if not (kind == b"iTXt" and _ours(body))]
    return b"".join(images.png_chunk(kind, body) for kind, body in kept)
