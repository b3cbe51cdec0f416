"""Pictures as a page shows them: tiles of 8 bits in sRGB, at full size and reduced by twos.

The levels of a picture are kept in files in the private folder, which are mapped into memory where they are
read, so that many large pictures take little of it. The smaller ones are made first.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.images.picture import TOP, Picture
from restore.images.views import in_srgb

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

TILE = 512  # pixels a side
THUMBNAIL = 320  # pixels of the longer side
PNG, JPEG, WEBP = "image/png", "image/jpeg", "image/webp"
_ROWS = 512  # that are worked on at a time, an even number
_QUALITY = {JPEG: 92, WEBP: 90}


@dataclass(frozen=True)
class Scale:
    """How numbers become light: those of black and white, and by how much all is brighter than that.

    bits: of the pictures that low and high are for.
    """

    bits: int
    low: float
    high: float
    gain: float = 1.0

    def levels(self, values: NDArray[Any]) -> Bytes:
        """Give numbers of a picture as levels; what is not a number is black."""
        import numpy as np

        if self.bits == 8 and self.gain == 1:
            return values
        if values.dtype == np.uint16 and values.size > 2**16:
            return np.take(self.levels(np.arange(2**16, dtype=np.uint16)), values)
        unit = (values.astype(np.float32) - np.float32(self.low)) * np.float32(
            255 * self.gain / (self.high - self.low)
        )
        unit = np.nan_to_num(unit, nan=0, posinf=255, neginf=0)
        levels: Bytes = np.rint(unit.clip(0, 255)).astype(np.uint8)
        return levels


def plain_scale(picture: Picture) -> Scale:
    """Give the scale of a picture whose numbers are from 0 to all that they can be."""
    return Scale(picture.bits, 0.0, TOP[picture.pixels.dtype.name])


def sizes_of(size: tuple[int, int]) -> list[tuple[int, int]]:
    """Give the sizes (h, w) of all levels; the last one is a single tile."""
    found = [size]
    while max(found[-1]) > TILE:
        found.append(((found[-1][0] + 1) // 2, (found[-1][1] + 1) // 2))
    return found


@dataclass(frozen=True)
class Pyramid:
    """The levels of a picture in two files: the smaller ones, and the first.

    path: of the former. channels: gray, RGB or RGB with alpha. icc: the profile of the colours.
    """

    path: Path
    size: tuple[int, int]
    channels: int
    icc: bytes

    @property
    def levels(self) -> int:
        """How many there are."""
        return len(sizes_of(self.size))

    @property
    def length(self) -> int:
        """Bytes of the files."""
        return sum(map(self._length, sizes_of(self.size)))

    @property
    def full(self) -> Path:
        """The file of the first level."""
        return self.path.with_suffix(".full")

    def has(self, level: int) -> bool:
        """Whether a level is made."""
        return self.full.exists() if level == 0 else level < self.levels and self.path.exists()

    def remove(self) -> None:
        """Remove the files."""
        for path in (self.path, self.full):
            path.unlink(missing_ok=True)

    def _length(self, size: tuple[int, int]) -> int:
        return size[0] * size[1] * self.channels

    def pixels(self, level: int) -> Bytes:
        """Give a level ``(h, w, c)``, mapped into memory."""
        import numpy as np

        sizes = sizes_of(self.size)
        start = sum(map(self._length, sizes[1:level]))
        path = self.path if level else self.full
        return np.memmap(path, np.uint8, "r", start, (*sizes[level], self.channels))

    def holds(self, level: int, column: int, row: int) -> bool:
        """Whether there is such a tile."""
        if not 0 <= level < self.levels:
            return False
        h, w = sizes_of(self.size)[level]
        return 0 <= column < math.ceil(w / TILE) and 0 <= row < math.ceil(h / TILE)

    def tile(self, level: int, column: int, row: int) -> tuple[bytes, str]:
        """Give a tile as a file, and its type."""
        x, y = column * TILE, row * TILE
        part = self.pixels(level)[y : y + TILE, x : x + TILE]
        kind = PNG if level == 0 else WEBP if self.channels == 4 else JPEG
        return encoded(self._in_srgb(part), kind), kind

    def thumbnail(self) -> tuple[bytes, str]:
        """Give a small view as a file, and its type."""
        import cv2
        import numpy as np

        from restore.images.views import fitted_size

        h, w = fitted_size(self.size, THUMBNAIL)
        sizes = sizes_of(self.size)
        # The first level is made last. Where the second is a little too small, so is the view.
        first = min(1, self.levels - 1)
        level = max((n for n, each in enumerate(sizes) if each[0] >= h and each[1] >= w), default=0)
        level = max(first, level)
        h, w = min(h, sizes[level][0]), min(w, sizes[level][1])
        pixels = np.ascontiguousarray(self.pixels(level))
        if pixels.shape[:2] != (h, w):
            pixels = _resized(pixels, lambda part: cv2.resize(part, (w, h), interpolation=cv2.INTER_AREA))
        kind = WEBP if self.channels == 4 else JPEG
        return encoded(self._in_srgb(pixels), kind), kind

    def _in_srgb(self, pixels: Bytes) -> Bytes:
        """The same colours in sRGB, ``(h, w, c)``."""
        import numpy as np

        pixels = np.ascontiguousarray(pixels)
        if not self.icc or is_srgb(self.icc, self.channels == 1):
            return pixels
        if self.channels == 1:
            return np.asarray(_gray_table(self.icc))[pixels]
        colours = in_srgb(pixels[..., :3], self.icc, gray=False)
        return colours if self.channels == 3 else np.dstack([colours, pixels[..., 3]])


class Builder:
    """Makes the levels of a picture. Its methods raise OSError where there is no room."""

    def __init__(self, picture: Picture, path: Path, scale: Scale):
        channels = 4 if picture.alpha is not None else 1 if picture.gray else 3
        self._picture, self._scale, self._opaque = picture, scale, _opaque(picture)
        # A gray profile is of one channel, and gray with alpha is kept as colours: it goes through here.
        own = channels == 4 and picture.gray and picture.icc
        self._table = _gray_table(picture.icc) if own else None
        self.pyramid = Pyramid(path, picture.size, channels, b"" if own else picture.icc)

    def smaller(self) -> None:
        """Write all levels but the first."""
        # What is written into a mapped file would end the process where the disk is full.
        with self.pyramid.path.open("wb") as file:
            for level in range(1, self.pyramid.levels):
                for rows in _strips(sizes_of(self.pyramid.size)[level - 1][0]):
                    above = self._rows(rows) if level == 1 else self.pyramid.pixels(level - 1)[rows]
                    file.write(_halved(above).data)
                file.flush()

    def first(self) -> None:
        """Write the first level."""
        path = self.pyramid.full.with_suffix(".part")
        try:
            with path.open("wb") as file:
                for rows in _strips(self.pyramid.size[0]):
                    file.write(self._rows(rows).data)
            path.replace(self.pyramid.full)
        finally:
            path.unlink(missing_ok=True)

    def _rows(self, rows: slice) -> Bytes:
        """Some rows of the picture as levels ``(h, w, c)``."""
        import numpy as np

        picture, pixels = self._picture, self._picture.pixels[rows]
        colours = self._scale.levels(pixels[..., :1] if picture.gray else pixels)
        if picture.alpha is None:
            return np.ascontiguousarray(colours)
        colours = colours if self._table is None else self._table[colours]
        colours = np.repeat(colours, 3, axis=2) if picture.gray else colours
        return np.dstack([colours, self._opaque.levels(picture.alpha[rows])])


def _strips(height: int) -> list[slice]:
    return [slice(top, top + _ROWS) for top in range(0, height, _ROWS)]


def _opaque(picture: Picture) -> Scale:
    """The scale of alpha; that of floats goes to 1, or as far as it does."""
    import numpy as np

    scale = plain_scale(picture)
    if picture.alpha is None or picture.bits < 32:
        return scale
    return replace(scale, high=max(scale.high, float(np.nanmax(picture.alpha))))


def _halved(pixels: Bytes) -> Bytes:
    """Rows of a level at half their size; what is left over at an end counts twice."""
    import cv2

    below, beside = (side % 2 for side in pixels.shape[:2])

    def half(part: NDArray[Any]) -> NDArray[Any]:
        if below or beside:
            part = cv2.copyMakeBorder(part, 0, below, 0, beside, cv2.BORDER_REPLICATE)
        return cv2.resize(part, (part.shape[1] // 2, part.shape[0] // 2), interpolation=cv2.INTER_AREA)

    return _resized(pixels, half)


def _resized(pixels: Bytes, resize: Any) -> Bytes:
    """Averages ``(h, w, c)``; what lies hidden below transparency does not run into what is seen."""
    import numpy as np

    if pixels.shape[2] < 4:
        smaller = resize(np.ascontiguousarray(pixels))
        return np.ascontiguousarray(smaller.reshape(*smaller.shape[:2], -1))
    values = pixels.astype(np.float32)
    values[..., :3] *= values[..., 3:] / np.float32(255)
    small = resize(values)
    cover = small[..., 3:] / np.float32(255)
    np.divide(small[..., :3], cover, out=small[..., :3], where=cover > 0)
    levels: Bytes = np.rint(small.clip(0, 255)).astype(np.uint8)
    return levels


def encoded(pixels: Bytes, kind: str) -> bytes:
    """Give pixels ``(h, w, c)`` as a file of a type."""
    import cv2

    how = {
        PNG: [cv2.IMWRITE_PNG_COMPRESSION, 1],
        WEBP: [cv2.IMWRITE_WEBP_QUALITY, _QUALITY[WEBP]],
        JPEG: [
            *(cv2.IMWRITE_JPEG_QUALITY, _QUALITY[JPEG]),
            *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
        ],
    }
    turned = {1: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}[pixels.shape[2]]
    stored: Any = pixels if turned is None else cv2.cvtColor(pixels, turned)
    return cv2.imencode("." + kind.partition("/")[2], stored, how[kind])[1].tobytes()


@functools.lru_cache(maxsize=64)
def is_srgb(icc: bytes, gray: bool) -> bool:
    """Whether the colours of a profile are those of sRGB, to a level: then pixels are shown as they are."""
    import numpy as np

    steps = np.arange(0, 256, 15, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(len(steps), -1, 3)
    if gray:
        grid = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    there = in_srgb(np.ascontiguousarray(grid), icc, gray=gray)
    return int(np.abs(there.astype(int) - grid).max()) <= 1


@functools.lru_cache(maxsize=64)
def _gray_table(icc: bytes) -> Bytes:
    """The levels of sRGB for those of a gray profile."""
    import numpy as np

    levels = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    return np.ascontiguousarray(in_srgb(levels, icc, gray=True)[0, :, 1])
