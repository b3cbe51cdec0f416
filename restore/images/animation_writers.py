"""Write animated PNG, WebP and GIF, a frame at a time, with the timing of another."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import tempfile
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from restore.errors import ImageError, OutputError
from restore.images import gif
from restore.images.documents import DocumentWriter, Part
from restore.images.formats import LOSSLESS, check_side, fitted
from restore.images.picture import TOP, Picture, at_depth
from restore.images.pillow import encode_with_pillow
from restore.images.png import encode_png, png_chunk, png_chunks
from restore.images.writer import telling_disk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from restore.images.animation import Animation

Box = tuple[int, int, int, int]
"""The first column and row, and those behind the last, of what changes from frame to frame."""


class AnimationWriter(DocumentWriter):
    """Writes an animation like another one. Frames are gathered in a file without a name until all are there.

    source: the animation that it is made from. path: a temporary file. name: what messages call it.
    """

    kind = ""
    step = 1  # columns and rows at which what changes can begin

    def __init__(self, source: Animation, path: Path, name: str, quality: int | None):
        super().__init__()
        self.source, self.path, self.name, self.quality = source, path, name, quality
        self.timing = source.timing
        self._waiting: list[Part] = []  # frames that stay, before the size is known
        self._last: Picture | None = None
        self._like: Picture | None = None  # the first frame, which all others are made alike
        self._about: Picture | None = None  # whose metadata the file gets
        self._seen: list[bytes] = []
        self._clear = False  # whether anything is
        with telling_disk(self.name):
            self._body: BinaryIO = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115  # until it is closed

    @property
    def exact(self) -> bool:
        """Whether the file keeps every number."""
        return self.kind == "png" or (self.kind == "webp" and self.quality in (None, LOSSLESS))

    def add(self, part: Part, picture: Picture | None) -> None:
        """Write a frame."""
        if picture is None and self._like is None:
            self._waiting.append(part)
            return
        with telling_disk(self.name):
            if picture is None:
                self._put(part, self._kept(part))
                return
            self._about = self._about or picture
            self._like = self._like or self._fitted(picture)
            self._flush()
            self._put(part, self._fitted(picture))

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            self._put(each, self._kept(each))

    def _fitted(self, picture: Picture) -> Picture:
        stored, lost = fitted(picture, self.kind)
        self.notes += [note for note in lost if note not in self.notes]
        check_side(self.kind, stored.size, self.name)
        return stored

    def _kept(self, part: Part) -> Picture:
        """A frame that stays, at the size of the others."""
        try:
            return self._fitted(self.source.picture(part))
        except ImageError as error:
            raise OutputError(f"{self.name}: a frame that is to stay cannot be read ({error})") from error

    def _alike(self, picture: Picture) -> Picture:
        """A frame of the size, depth and channels of the first one."""
        like = self._like
        assert like is not None
        planes: dict[str, Any] = {"pixels": picture.pixels}
        full = TOP[picture.pixels.dtype.name]
        import numpy as np

        if like.alpha is None:
            planes["alpha"] = None
        else:
            opaque = np.full(picture.size, full, picture.pixels.dtype)
            planes["alpha"] = opaque if picture.alpha is None else picture.alpha
        if picture.size != like.size:
            note = "frames that stay are enlarged or reduced by interpolation"
            self.notes += [note] if note not in self.notes else []
        for name, plane in planes.items():
            if plane is not None:
                planes[name] = at_depth(_resized(plane, like.size), like.pixels.dtype.name)
        return replace(picture, **planes, gray=like.gray, extra=None)

    def _put(self, part: Part, picture: Picture) -> None:
        if part.page == 1 and self.timing.still and self.kind != "png":
            self.notes.append("the still picture in place of the animation is left out")
            return
        picture = self._alike(picture)
        self._clear = self._clear or picture.alpha is not None
        box = self._box(part, picture)
        x, y, right, below = box
        piece = replace(
            picture,
            **{name: each[y:below, x:right] for name in ("pixels", "alpha")
               if (each := getattr(picture, name)) is not None},
            exif=b"", icc=b"", xmp=b"", dpi=None, chunks=b"",
        )  # fmt: skip
        self._frame(part, piece, box)
        self._seen.append(_digest(picture) if self.exact else b"")
        self._last = picture if part.page > self.timing.still else None

    def _box(self, part: Part, picture: Picture) -> Box:
        """What has changed since the last frame; all of it where nothing is known of that."""
        import numpy as np

        (h, w), last = picture.size, self._last
        if last is None or not self.partial:
            return 0, 0, w, h
        changed = (picture.pixels != last.pixels).any(axis=2)
        if picture.alpha is not None and last.alpha is not None:
            changed |= picture.alpha != last.alpha
        rows, columns = (np.flatnonzero(changed.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            return 0, 0, min(w, self.step), min(h, self.step)
        x, y = (int(each[0]) // self.step * self.step for each in (columns, rows))
        return x, y, int(columns[-1]) + 1, int(rows[-1]) + 1

    @property
    def partial(self) -> bool:
        """Whether only what changes is written of a frame."""
        return self.exact

    def _lasts(self, part: Part, unit: int) -> int:
        """How long a frame is shown, so that rounding does not add up. unit: parts of a second."""
        before = sum(self.timing.seconds[: part.page - 1], Fraction(0)) * unit
        return round(before + self.timing.seconds[part.page - 1] * unit) - round(before)

    @abstractmethod
    def _frame(self, part: Part, piece: Picture, box: Box) -> None:
        """Write a frame, or what has changed of it, to ``_body``."""

    @abstractmethod
    def _begin(self, about: Picture, size: tuple[int, int]) -> bytes:
        """Give what stands before the frames."""

    @abstractmethod
    def _end(self, about: Picture) -> bytes:
        """Give what stands behind the frames."""

    def finish(self) -> None:
        """Put the file together and read it back."""
        if self._like is None:  # all stay
            self._about = self._kept(self._waiting[0])
            self._like = self._about
        with telling_disk(self.name):
            self._flush()
            assert self._like is not None
            about = self._fitted(self._about or self._like)
            with self.path.open("xb") as file:
                file.write(self._begin(about, self._like.size))
                self._body.seek(0)
                shutil.copyfileobj(self._body, file, 2**20)
                file.write(self._end(about))
                self._patched(file)
                file.flush()
                os.fsync(file.fileno())
        self._check()

    def _patched(self, file: BinaryIO) -> None:
        """Write what is known only when all is there."""

    def _check(self) -> None:
        """Read all frames back."""
        try:
            with self.source.reader(self.kind)(self.path, self.name) as found:
                same = found.pages == len(self._seen)
                for part, seen in zip(found.parts() if same else (), self._seen, strict=False):
                    again = found.picture(part)
                    same = same and (not seen or _digest(self._alike(again)) == seen)
        except ImageError as error:
            raise OutputError(
                f"{self.name}: what was written cannot be read back, nothing is kept ({error})"
            ) from error
        if not same:
            raise OutputError(
                f"{self.name}: what was written reads back wrong, nothing is kept; check the disk"
            )

    def close(self) -> None:
        """Let go of what was gathered."""
        self._body.close()


class PngWriter(AnimationWriter):
    """Writes an animated PNG (PNG 3, 11.3.6)."""

    kind = "png"
    _number = 0  # of the next chunk of a frame

    def _frame(self, part: Part, piece: Picture, box: Box) -> None:
        x, y, right, below = box
        data = [body for kind, body in png_chunks(encode_png(piece)) if kind == b"IDAT"]
        first = part.page == 1
        if not (first and self.timing.still):
            seconds = self.timing.seconds[part.page - 1].limit_denominator(65535)
            top, bottom = seconds.numerator, seconds.denominator
            while top > 65535:
                top, bottom = top // 2, max(1, bottom // 2)
            control = struct.pack(">4I2H2B", right - x, below - y, x, y, top, bottom, 0, 0)
            self._body.write(png_chunk(b"fcTL", self._next() + control))
        for body in data:
            self._body.write(png_chunk(b"IDAT", body) if first else png_chunk(b"fdAT", self._next() + body))

    def _next(self) -> bytes:
        self._number += 1
        return struct.pack(">I", self._number - 1)

    def _begin(self, about: Picture, size: tuple[int, int]) -> bytes:
        like, (h, w) = self._like, size
        assert like is not None
        head = replace(about, pixels=like.pixels[:1, :1], gray=like.gray,
                       alpha=None if like.alpha is None else like.alpha[:1, :1])  # fmt: skip
        chunks = [each for each in png_chunks(encode_png(head)) if each[0] not in (b"IDAT", b"IEND")]
        header = struct.pack(">2I", w, h) + chunks[0][1][8:]
        count = len(self._seen) - self.timing.still
        start = [(b"IHDR", header), (b"acTL", struct.pack(">2I", count, self.timing.plays)), *chunks[1:]]
        return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*each) for each in start)

    def _end(self, about: Picture) -> bytes:
        del about
        return png_chunk(b"IEND", b"")


class WebPWriter(AnimationWriter):
    """Writes an animated WebP (WebP Container Specification): frames that replace what was there."""

    kind, step = "webp", 2

    def _frame(self, part: Part, piece: Picture, box: Box) -> None:
        x, y, right, below = box
        data = encode_with_pillow(replace(piece, format="webp"), self.quality)
        kept = b"".join(_chunk(*each) for each in _chunks(data) if each[0] in (b"ALPH", b"VP8 ", b"VP8L"))
        place = (x // 2, y // 2, right - x - 1, below - y - 1, min(self._lasts(part, 1000), 2**24 - 1))
        head = b"".join(struct.pack("<I", number)[:3] for number in place) + b"\2"  # 2: not blended
        self._body.write(_chunk(b"ANMF", head + kept))

    def _begin(self, about: Picture, size: tuple[int, int]) -> bytes:
        flags = 2 | 0x20 * bool(about.icc) | 0x10 * self._clear | 8 * bool(about.exif) | 4 * bool(about.xmp)
        h, w = size
        extended = bytes([flags, 0, 0, 0]) + b"".join(struct.pack("<I", side - 1)[:3] for side in (w, h))
        r, g, b, a = self.timing.background
        start = _chunk(b"VP8X", extended) + (_chunk(b"ICCP", about.icc) if about.icc else b"")
        plays = struct.pack("<4BH", b, g, r, a, min(self.timing.plays, 65535))
        return b"RIFF\0\0\0\0WEBP" + start + _chunk(b"ANIM", plays)

    def _end(self, about: Picture) -> bytes:
        kinds = ((b"EXIF", about.exif), (b"XMP ", about.xmp))
        return b"".join(_chunk(kind, body) for kind, body in kinds if body)

    def _patched(self, file: BinaryIO) -> None:
        size = file.tell() - 8
        if size >= 2**32 - 2:
            raise OutputError(f"{self.name}: WebP ends at 4 GB, and these frames take more; write .png")
        file.seek(4)
        file.write(struct.pack("<I", size))
        file.seek(0, os.SEEK_END)


class GifWriter(AnimationWriter):
    """Writes an animated GIF (GIF89a), each frame with colours of its own."""

    kind = "gif"

    @property
    def partial(self) -> bool:
        """Where anything is clear, each frame is drawn anew: what is clear cannot be drawn over colours."""
        return not self._clear

    def _frame(self, part: Part, piece: Picture, box: Box) -> None:
        frame = gif.frame(piece, box[:2], self._lasts(part, 100), clears=self._clear)
        self._body.write(frame)

    def _begin(self, about: Picture, size: tuple[int, int]) -> bytes:
        del about
        return gif.header(size, self.timing.plays)

    def _end(self, about: Picture) -> bytes:
        del about
        return gif.END


WRITERS: dict[str, Callable[[Animation, Path, str, int | None], AnimationWriter]] = {
    "png": PngWriter,
    "webp": WebPWriter,
    "gif": GifWriter,
}


def _resized(plane: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """A plane at another size, by cubic interpolation, or by areas where it gets smaller."""
    if plane.shape[:2] == size:
        return plane
    import numpy as np

    from restore.images.quiet import opencv_quietly

    (h, w), smaller = size, size[0] < plane.shape[0]
    with opencv_quietly() as cv2:
        how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
        found: NDArray[Any] = cv2.resize(np.ascontiguousarray(plane), (w, h), interpolation=how)
    return found


def _digest(picture: Picture) -> bytes:
    """A mark of the numbers of a frame."""
    import numpy as np

    told = hashlib.blake2b(np.ascontiguousarray(picture.pixels).tobytes(), digest_size=16)
    if picture.alpha is not None:
        told.update(np.ascontiguousarray(picture.alpha).tobytes())
    return told.digest()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a RIFF file."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
