"""Animated PNG, WebP and GIF, read frame by frame: each whole, as it is seen."""

from __future__ import annotations

import struct
from abc import abstractmethod
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.errors import OutputError
from restore.images.documents import UNWANTED, Document, DocumentWriter, Part
from restore.images.files import read_picture_bytes
from restore.images.formats import check_size
from restore.images.page_count import pages_in
from restore.images.picture import TOP, Picture, assembled
from restore.images.pillow import channels_of_image
from restore.images.png import png_chunk, png_chunks
from restore.images.png_reader import decode_png
from restore.images.reader import decode, telling_damage, turned

if TYPE_CHECKING:
    from numpy.typing import NDArray

Frames = Iterator["NDArray[Any]"]


@dataclass(frozen=True)
class Timing:
    """How an animation plays.

    Parameters
    ----------
    seconds : how long each frame is shown.
    plays : how often all of it is shown; 0 for without end.
    background : red, green, blue and alpha behind it, as WebP has it.
    still : whether the first picture is no frame, but stands in its place where animations are not shown.
    alpha : whether frames have alpha.
    """

    seconds: tuple[Fraction, ...]
    plays: int = 0
    background: tuple[int, int, int, int] = (0, 0, 0, 0)
    still: bool = False
    alpha: bool = True


class Animation(Document):
    """An animation, whose file is in memory as it is stored, and one frame of it as it is seen.

    path: the file. name: what messages call it. Raises ImageError for what cannot be read.
    """

    unit = "frame"
    own = ""
    """Its format."""

    def __init__(self, path: Path, name: str):
        super().__init__(name)
        self.format = self.own
        self.kinds = (self.own, *(kind for kind in ("webp", "png", "gif") if kind != self.own))
        self._data = read_picture_bytes(path)
        self.pages = pages_in(BytesIO(self._data))
        self._about: Picture | None = None
        self._frames: Frames = iter(())
        self._at = 0  # the frame that was given last, from 1
        self._shown: Picture | None = None
        self._timing: Timing | None = None

    @abstractmethod
    def _timed(self, data: bytes) -> Timing:
        """Find how it plays. Raises anything for a damaged file."""

    @abstractmethod
    def _played(self, data: bytes) -> Frames:
        """Give the channels of each frame as it is seen. Raises anything for a damaged file."""

    @property
    def timing(self) -> Timing:
        """How it plays. Raises DamagedError."""
        if self._timing is None:
            with telling_damage(self.name):
                self._timing = self._timed(self._data)
        return self._timing

    def parts(self, pages: Collection[int] | None = None) -> Iterator[Part]:
        """Give all frames."""
        for page in range(1, self.pages + 1):
            yield Part(page, f"frame {page}", "" if pages is None or page in pages else UNWANTED)

    def picture(self, part: Part, *, damaged: bool = False) -> Picture:
        """Read a frame as it is seen, with the metadata of the file; to go back is to begin again."""
        del damaged  # what is missing in one frame would be so in all that follow
        if self._about is None:
            self._about = replace(decode(self._data, name=self.name), pages=1, notes=())
        about, alpha = self._about, self.timing.alpha
        if part.page == self._at and self._shown is not None:
            return self._shown
        if part.page <= self._at or not self._at:
            self._frames, self._at = self._played(self._data), 0
        at, self._at = self._at, 0  # where this fails, it begins again
        with telling_damage(self.called(part)):
            for _ in range(at, part.page):
                channels = next(self._frames)
            self._at = part.page
            frame = assembled(channels if alpha else channels[..., :-1])
        clear = None if frame.alpha is None else turned(frame.alpha, about.turned)
        pixels = turned(frame.pixels, about.turned)
        self._shown = replace(about, pixels=pixels, alpha=clear, gray=frame.gray)
        return self._shown

    def writer(self, path: Path, kind: str, *, name: str = "", quality: int | None = None) -> DocumentWriter:
        """Begin an animation of as many frames."""
        from restore.images.animation_writers import WRITERS

        if kind not in self.kinds:
            able = ", ".join(each for each in ("webp", "png", "gif") if each != self.format)
            raise OutputError(
                f"{name or path}: an animation of {self.pages} frames is written as {self.format}, or with "
                f"--format as {able}; got {kind}"
            )
        return WRITERS[kind](self, path, name or str(path), quality)

    @staticmethod
    def reader(kind: str) -> type[Animation]:
        """Give what reads animations of a format: png, webp or gif."""
        return {"png": PngAnimation, "webp": WebPAnimation, "gif": GifAnimation}[kind]

    def close(self) -> None:
        """Let go of the frame at hand."""
        self._frames = iter(())


class _PillowAnimation(Animation):
    """One whose frames Pillow puts together."""

    def _played(self, data: bytes) -> Frames:
        image = self._opened(data)
        check_size(image.width, image.height, self.name, each=4)
        for number in range(self.pages):
            image.seek(number)
            image.load()
            yield channels_of_image(image.convert("RGBA"), self.name)[0]

    def _timed(self, data: bytes) -> Timing:
        image, seconds, alpha = self._opened(data), [], False
        for number in range(self.pages):
            image.seek(number)
            image.load()
            seconds.append(Fraction(int(image.info.get("duration", 0)), 1000))
            alpha = alpha or (image.has_transparency_data and image.convert("RGBA").getextrema()[3][0] < 255)
        background = image.info.get("background_rgba", (0, 0, 0, 0))
        return Timing(tuple(seconds), self._plays(image), background, alpha=alpha)

    def _opened(self, data: bytes) -> Any:
        raise NotImplementedError

    def _plays(self, image: Any) -> int:
        return int(image.info.get("loop", 0))


class WebPAnimation(_PillowAnimation):
    """An animated WebP."""

    own = "webp"

    def _opened(self, data: bytes) -> Any:
        from PIL import WebPImagePlugin

        image = WebPImagePlugin.WebPImageFile(BytesIO(data))
        image.info["background_rgba"] = image.info.get("background", (0, 0, 0, 0))
        return image


class GifAnimation(_PillowAnimation):
    """An animated GIF."""

    own = "gif"

    def _opened(self, data: bytes) -> Any:
        from PIL import GifImagePlugin

        return GifImagePlugin.GifImageFile(BytesIO(data))

    def _plays(self, image: Any) -> int:
        """As browsers have it: a number of repeats after the first time; one time where none is told."""
        repeats = image.info.get("loop")
        return 1 if repeats is None else 0 if repeats == 0 else int(repeats) + 1


@dataclass
class _Control:
    """A frame control chunk of an animated PNG (PNG 3, 11.3.6), and the pixel data that follow."""

    w: int
    h: int
    x: int
    y: int
    seconds: Fraction
    dispose: int
    blend: int
    data: list[bytes]

    @classmethod
    def of(cls, body: bytes) -> _Control:
        """Read the body of a chunk."""
        _, w, h, x, y, top, bottom, dispose, blend = struct.unpack(">5I2H2B", body)
        return cls(w, h, x, y, Fraction(top, bottom or 100), dispose, blend, [])


class PngAnimation(Animation):
    """An animated PNG, whose frames are put together here, as Pillow would do at 8 bits only."""

    own = "png"

    def _timed(self, data: bytes) -> Timing:
        still, frames, shared = _controls(data)
        plays = next(struct.unpack(">2I", body)[1] for kind, body in png_chunks(data) if kind == b"acTL")
        seconds = [Fraction(0)] if still else []
        alpha = shared[0][1][9] in (4, 6) or b"tRNS" in dict(shared)
        alpha = alpha or any(frame.dispose == 1 for frame in frames)
        every = (*seconds, *(frame.seconds for frame in frames))
        return Timing(every, plays, still=bool(still), alpha=alpha)

    def _played(self, data: bytes) -> Frames:
        import numpy as np

        still, frames, shared = _controls(data)
        w, h = struct.unpack_from(">2I", shared[0][1])
        check_size(w, h, self.name, each=8)
        if still:
            yield self._decoded(shared, _Control(w, h, 0, 0, Fraction(0), 0, 0, still))
        canvas: NDArray[Any] | None = None
        before: NDArray[Any] | None = None
        for frame in frames:
            piece = self._decoded(shared, frame)
            if canvas is None:
                canvas = np.zeros((h, w, piece.shape[2]), piece.dtype)
            before = canvas.copy() if frame.dispose == 2 else None
            there = canvas[frame.y : frame.y + frame.h, frame.x : frame.x + frame.w]
            if there.shape != piece.shape:
                raise ValueError("a frame lies outside the picture")
            there[...] = _over(piece, there) if frame.blend == 1 else piece
            yield canvas.copy()
            if before is not None:
                canvas = before
            elif frame.dispose == 1:
                there[...] = 0

    def _decoded(self, shared: list[tuple[bytes, bytes]], frame: _Control) -> NDArray[Any]:
        """The pixels of a frame, gray or RGB, with alpha."""
        import numpy as np

        (_, header), *further = shared
        own = struct.pack(">2I", frame.w, frame.h) + header[8:]
        parts = [(b"IHDR", own), *further, *((b"IDAT", body) for body in frame.data), (b"IEND", b"")]
        file = b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*each) for each in parts)
        found = decode_png(file, self.name)
        planes = [found.pixels[..., :1] if found.gray else found.pixels]
        top = TOP[found.pixels.dtype.name]
        alpha = np.full(found.size, top, found.pixels.dtype) if found.alpha is None else found.alpha
        return np.concatenate([*planes, alpha[..., None]], axis=2)


def _controls(data: bytes) -> tuple[list[bytes], list[_Control], list[tuple[bytes, bytes]]]:
    """A still picture before the frames, the frames, and chunks that all of them need, the header first."""
    still: list[bytes] = []
    frames: list[_Control] = []
    shared: list[tuple[bytes, bytes]] = []
    for kind, body in png_chunks(data):
        if kind == b"fcTL":
            frames.append(_Control.of(body))
        elif kind == b"IDAT":
            (frames[-1].data if frames else still).append(body)
        elif kind == b"fdAT" and frames:
            frames[-1].data.append(body[4:])
        elif kind in (b"IHDR", b"PLTE", b"tRNS"):
            shared.append((kind, body))
    return still, frames, shared


def _over(above: NDArray[Any], below: NDArray[Any]) -> NDArray[Any]:
    """One picture over another, both with alpha as their last channel, not premultiplied."""
    import numpy as np

    top = TOP[above.dtype.name]
    a, b = (each[..., -1:].astype(np.float64) / top for each in (above, below))
    alpha = a + b * (1 - a)
    colour = above[..., :-1] * a + below[..., :-1] * (b * (1 - a))
    colour = colour / np.where(alpha > 0, alpha, 1)
    mixed = np.rint(np.concatenate([colour, alpha * top], axis=2)).astype(above.dtype)
    # What is wholly opaque or wholly clear is not to be rounded.
    return np.where(above[..., -1:] == top, above, np.where(above[..., -1:] == 0, below, mixed))
