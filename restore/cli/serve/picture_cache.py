"""The pictures that a page has open: read as the command line reads them, and kept as tiles for a while."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from restore import images
from restore.cli.serve.tiles import TILE, Builder, Pyramid, Scale, plain_scale, sizes_of
from restore.cli.units import judged, taken
from restore.errors import DamagedError, ImageError

MOST_BYTES = 2**32  # of all tiles that are kept
MOST_THUMBNAILS = 2000
SPARE = 2**28  # bytes of the disk that are left alone
MOST_PIXELS = 2**29  # bytes of the picture that was read last, which is kept as it is

BEYOND, MANY = 1.5, 0.05  # of white, and the share of pixels beyond from which a picture is shown darker


@dataclass(frozen=True)
class Asked:
    """A picture that is asked for.

    name: what messages call it. like: the scale of the picture that it is to be compared with.
    """

    path: Path
    name: str
    like: Scale | None = None


class PictureCache:
    """Pictures and their tiles. folder: for the tiles. One thread reads at a time."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES):
        self._folder, self._most = folder, most_bytes
        self._pyramids: OrderedDict[Path, Pyramid] = OrderedDict()
        self._thumbnails: OrderedDict[Path, tuple[bytes, str]] = OrderedDict()
        self._scales: dict[Path, Scale] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()  # of the three above it
        self._last: tuple[Path, images.Picture] | None = None

    def pyramid(self, path: Path) -> Pyramid | None:
        """Give the tiles of a picture; None where they are to be made."""
        with self._lock:
            found = self._pyramids.get(path)
            if found is not None:
                self._pyramids.move_to_end(path)
            return found

    def picture(self, asked: Asked) -> images.Picture:
        """Give a picture, of a damaged file what is there. Raises ImageError."""
        if self._last is not None and self._last[0] == asked.path:
            return self._last[1]
        self._last = None  # two at once may be too much
        data = images.read_bytes(asked.path, start=images.picture_start(asked.name))
        try:
            picture = images.decode(data, name=asked.name, finite=False)
        except DamagedError as error:
            picture = images.decode(data, name=asked.name, finite=False, damaged=True)
            picture = replace(picture, notes=(*picture.notes, f"damaged: {error}"))
        if picture.pixels.nbytes <= MOST_PIXELS:
            self._last = (asked.path, picture)
        return picture

    def read(self, asked: Asked) -> tuple[images.Picture, dict[str, Any]]:
        """Read a picture anew, and give what a page knows of it. Raises ImageError."""
        self.forget(asked.path)
        picture = self.picture(asked)
        scale, notes = scale_of(picture, asked)
        self._scales[asked.path] = scale
        h, w = picture.size
        facts = {
            **{"bytes": asked.path.stat().st_size, "format": picture.format, "width": w, "height": h},
            **{"bits": picture.bits, "gray": picture.gray, "alpha": picture.alpha is not None},
            **{"pages": max(picture.pages, images.page_count(asked.path)), "tile": TILE},
            **{"levels": len(sizes_of(picture.size)), "scale": asdict(scale)},
            "notes": [*_reader_notes(picture), *notes, *_colour_notes(picture)],
        }
        return picture, facts

    def build(self, asked: Asked, picture: images.Picture | None = None) -> Builder | None:
        """Make the tiles of a picture but the largest; give what makes these. None: all are there.

        picture: where it was read already. Raises ImageError, and OSError where there is no room.
        """
        found = self.pyramid(asked.path)
        if found is not None and not found.path.exists():  # somebody has removed it
            self._drop(asked.path)
            found = None
        if found is not None and found.has(0):
            return None
        picture = self.picture(asked) if picture is None else picture
        path = self._folder / f"{next(self._numbers)}.tiles" if found is None else found.path
        scale = self._scales.get(asked.path) or scale_of(picture, asked)[0]
        builder = Builder(picture, path, scale)
        if found is not None:
            with self._lock:
                self._pyramids[asked.path] = builder.pyramid
            return builder
        self._make_room(builder.pyramid.length)
        try:
            builder.smaller()
        except BaseException:
            builder.pyramid.remove()
            raise
        with self._lock:
            self._pyramids[asked.path] = builder.pyramid
        return builder

    def finish(self, path: Path, builder: Builder) -> None:
        """Make the largest tiles of a picture. Raises OSError where there is no room for them."""
        builder.first()
        if self.pyramid(path) is not builder.pyramid:  # it was forgotten meanwhile
            builder.pyramid.remove()

    def has_thumbnail(self, path: Path) -> bool:
        """Whether there is a small view of a picture, or what it is made from."""
        pyramid = self.pyramid(path)
        return path in self._thumbnails or (pyramid is not None and pyramid.has(min(1, pyramid.levels - 1)))

    def thumbnail(self, path: Path) -> tuple[bytes, str] | None:
        """Give a small view of a picture, kept for longer than its tiles; None where these are to be made.

        Raises FileNotFoundError where they have just given way to others.
        """
        found, pyramid = self._thumbnails.get(path), self.pyramid(path)
        if found is None and pyramid is not None and self.has_thumbnail(path):
            found = pyramid.thumbnail()
            with self._lock:
                self._thumbnails[path] = found
                while len(self._thumbnails) > MOST_THUMBNAILS:
                    self._thumbnails.popitem(last=False)
        return found

    def _make_room(self, length: int) -> None:
        """Drop the tiles that were not seen for the longest time, where others need their place."""
        with self._lock:
            while self._pyramids:
                kept = sum(each.length for each in self._pyramids.values())
                free = shutil.disk_usage(self._folder).free
                if kept + length <= self._most and length + SPARE <= free:
                    return
                self._remove(next(iter(self._pyramids)))

    @property
    def used(self) -> bool:
        """Whether there are pictures."""
        return bool(self._pyramids)

    def rest(self) -> None:
        """Drop the picture that was read last: nobody has asked for anything for a while."""
        self._last = None

    def forget(self, path: Path) -> None:
        """Drop what is kept of a picture."""
        self._scales.pop(path, None)
        self._drop(path)
        if self._last is not None and self._last[0] == path:
            self._last = None

    def _drop(self, path: Path) -> None:
        """Drop the tiles of a picture, and its small view."""
        with self._lock:
            self._thumbnails.pop(path, None)
            if path in self._pyramids:
                self._remove(path)

    def _remove(self, path: Path) -> None:
        self._pyramids.pop(path).remove()


def scale_of(picture: images.Picture, asked: Asked) -> tuple[Scale, list[str]]:
    """Say how the numbers of a picture are shown, and notes on it."""
    from restore.images.views import gain_of

    plain, like = plain_scale(picture), asked.like
    if like is not None and like.bits == picture.bits:
        return like, []
    if picture.bits == 8:
        return plain if like is None else replace(plain, gain=like.gain), []
    notes: list[str] = []
    if picture.bits == 32:
        try:
            images.check_finite(picture, asked.name)
            used = judged(picture, asked.name)
            if used is not None:
                plain = replace(plain, low=used.low, high=used.high)
                notes += [taken(used)] if like is None else []
        except ImageError as error:
            notes.append(str(error))
    if like is not None:
        return replace(plain, gain=like.gain), notes
    shown = picture
    if plain.high != 1 and picture.bits == 32:
        shown = replace(picture, pixels=(picture.pixels - plain.low) / (plain.high - plain.low))
    gain = _lowered(shown) or gain_of(shown)
    words = (
        "dark, and shown {:g} times as bright here"
        if gain > 1
        else "bright, and shown at {:.3g} of that here"
    )
    notes += [f"it is {words.format(gain)}"] if gain != 1 else []
    return replace(plain, gain=gain), notes


def _reader_notes(picture: images.Picture) -> list[str]:
    """The notes of the reader, which has read the first page of a document; jobs restore all."""
    several = f"the file holds {picture.pages} pictures; only the first is "
    restored = "shown here; --pages says which are restored, by default all"
    return [several + restored if each.startswith(several) else each for each in picture.notes]


def _lowered(picture: images.Picture) -> float | None:
    """By how much the view of floats is darker of which much lies beyond white; None where it does not.

    A few highlights are cut off, as in every print.
    """
    import numpy as np

    if picture.bits != 32:
        return None
    steps = [max(1, side // 256) for side in picture.size]
    values = picture.pixels[:: steps[0], :: steps[1]].max(axis=2)
    values = values[np.isfinite(values)]
    if not values.size or (values > BEYOND).mean() < MANY:
        return None
    return float(f"{1 / np.quantile(values, 0.995):.3g}")


def _colour_notes(picture: images.Picture) -> list[str]:
    """Name the colours of a picture, where they are not those of every other."""
    from io import BytesIO

    from PIL import ImageCms

    from restore.cli.serve.tiles import is_srgb

    if picture.heif is not None and picture.heif.hdr and not picture.icc:
        return [f"HDR ({picture.heif.hdr}), which looks pale here"]
    if not picture.icc or is_srgb(picture.icc, picture.gray):
        return []
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(picture.icc))).strip()
    except (ImageCms.PyCMSError, OSError):
        return ["its colour profile cannot be read; it is shown without"]
    return [f"profile {name}"] if name else []
