"""Parts of a picture for a page: found from a point, read from mask files, or what strokes fill."""

from __future__ import annotations

import math
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore import images
from restore.cli.command import Source
from restore.cli.hole_masks import MaskFile, Reading, check_hole
from restore.cli.places import Place, Places
from restore.cli.serve import strokes
from restore.cli.units import in_units, judged
from restore.errors import ImageError, MaskError
from restore.images.formats import check_size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from restore.tasks.objects import View

MOST_BYTES = 2**27  # of the parts that are kept in memory


def source_of(picture: images.Picture, name: str, data: bytes = b"") -> Source:
    """Give a picture as the command line has it: floats in units. data: of the file beside it."""
    try:
        used = judged(picture, name)
    except ImageError:  # the command will say so
        used = None
    seen = picture if used is None else in_units(picture, used)
    return Source(seen, name, seen.format, read=lambda *_, **__: data)


class Finder:
    """Finds what ``restore erase --at`` does; the second time in a picture is faster."""

    def __init__(self) -> None:
        self._seen: tuple[Any, View] | None = None  # of a picture, which it does not keep

    def select(
        self, picture: images.Picture, name: str, at: tuple[float, float], radius: float | None
    ) -> NDArray[Any]:
        """Give what a point lies in, bool ``(h, w)``. Raises MaskError with the words of the command line."""
        place, source = place_of(picture, name, at), source_of(picture, name)
        view = None
        if radius is None:
            from restore.tasks.objects import view_of

            if self._seen is None or self._seen[0]() is not picture:
                self._seen = weakref.ref(picture), view_of(source.picture.pixels)
            view = self._seen[1]
        return Places((), (place,), radius, None, view).hole(source)[0]

    def rest(self) -> None:
        """Forget the last picture."""
        self._seen = None


def place_of(picture: images.Picture, name: str, at: tuple[float, float]) -> Place:
    """Give a point of a page as the command line has it. Raises MaskError for one outside the picture."""
    h, w = picture.size
    # Points of a page are measured from the corner, those of the command line name pixels.
    x, y = math.floor(at[0]), math.floor(at[1])
    if not (0 <= x < w and 0 <= y < h):
        raise MaskError(f"{name}: --at {x},{y}: it is not within the picture, which is {w}x{h} (w x h)")
    return Place(f"{x},{y}", (float(x), float(y)), (False, False))


def uploaded(
    data: bytes, mask_name: str, picture: images.Picture, name: str, reading: Reading
) -> tuple[NDArray[np.bool_], list[str]]:
    """Read a mask as ``restore inpaint --mask`` does, and notes. Raises ImageError and MaskError."""
    return MaskFile(Path(mask_name), reading).hole(source_of(picture, name, data))


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a picture of a size (h, w): its levels ``(h, w)``, 0 or 255, and where they lie."""

    size: tuple[int, int]
    x: int
    y: int
    level: NDArray[np.uint8]

    def facts(self) -> dict[str, Any]:
        """Give what the page knows of it: its box, its area and a few words."""
        import cv2

        h, w = self.level.shape
        area = cv2.countNonZero(self.level) if self.level.size else 0
        place = {"x": self.x, "y": self.y, "width": w, "height": h, "area": area}
        return {**place, "words": f"a region of {w}x{h} pixels"}


def part_of(hole: NDArray[Any]) -> Part:
    """Give what is not 0 of a mask."""
    import cv2
    import numpy as np

    x, y, w, h = cv2.boundingRect(hole.view(np.uint8))
    inside = hole[y : y + h, x : x + w] > 0
    return Part((hole.shape[0], hole.shape[1]), x, y, np.where(inside, np.uint8(255), np.uint8(0)))


class Regions:
    """The parts of pictures that were found or uploaded: masks in files, and the last ones in memory."""

    def __init__(self) -> None:
        self._parts: OrderedDict[Path, Part] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, hole: NDArray[Any], path: Path) -> dict[str, Any]:
        """Write a mask of a picture's size, and give what the page knows of it."""
        write_mask(hole, path)
        return self._remembered(path, part_of(hole)).facts()

    def part(self, path: Path) -> Part:
        """Read a mask: what `keep` has written, or any picture, of which what is brighter than half is meant.

        Raises ImageError.
        """
        import cv2
        import numpy as np

        with self._lock:
            found = self._parts.get(path)
        if found is not None:
            return found
        level = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE) if path.exists() else None
        if level is None:
            raise ImageError("this part of the picture cannot be read any more; select it again")
        return self._remembered(path, part_of(level >= 128))

    def _remembered(self, path: Path, part: Part) -> Part:
        with self._lock:
            self._parts[path] = part
            while sum(each.level.size for each in self._parts.values()) > MOST_BYTES and len(self._parts) > 1:
                self._parts.popitem(last=False)
        return part


def write_mask(hole: NDArray[Any], path: Path) -> None:
    """Write a mask: white is what is not 0."""
    import cv2
    import numpy as np

    level = np.where(hole, np.uint8(255), np.uint8(0)) if hole.dtype == np.bool_ else hole
    fast = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    images.write_bytes(path, cv2.imencode(".png", level, fast)[1].tobytes(), overwrite=True)


def drawn(
    made: list[dict[str, Any]], size: tuple[int, int], regions: Callable[[str], Part | None], name: str
) -> NDArray[np.uint8]:
    """Draw the checked strokes of a page. regions: gives them by id. name: what messages call the mask.

    Raises MaskError for one that the command line would refuse, and for regions that are not there.
    """

    def load(region: str) -> Part:
        found = regions(region)
        if found is None:
            raise MaskError("a part of the mask is not known any more; select it again")
        if found.size != size:
            raise MaskError("a part of the mask is of another picture; select it again")
        return found

    check_size(size[1], size[0], name, each=1)
    level = strokes.drawn(made, size, load)
    check_hole(name, level > 0, images.Mask(level, brightest=float(level.any())), Reading())
    return level


def within(level: NDArray[np.uint8], box: Sequence[int] | None, name: str) -> NDArray[np.uint8]:
    """Give a part of a mask; None: all of it. Raises MaskError where nothing is to be filled in it."""
    if box is None:
        return level
    x, y, w, h = box
    found = level[y : y + h, x : x + w]
    if not found.any():
        raise MaskError(f"{name}: nothing is to be filled in this part of the picture; move to the mask")
    check_hole(name, found > 0, images.Mask(found), Reading())
    return found


def shown(part: Part, level: int) -> bytes:
    """Give a PNG of the box of a region: white, opaque inside, reduced ``2**level`` times.

    Cells lie on the grid of the tiles of the same level; a cell is opaque as far as it is covered.
    """
    import cv2
    import numpy as np
    from PIL import Image

    cover: Any = part.level
    x, y = part.x, part.y
    for _ in range(level if cover.size else 0):
        ends = (y % 2, (y + cover.shape[0]) % 2, x % 2, (x + cover.shape[1]) % 2)
        cover = cv2.copyMakeBorder(cover, *ends, cv2.BORDER_CONSTANT, value=0)
        cover = cv2.resize(cover, (cover.shape[1] // 2, cover.shape[0] // 2), interpolation=cv2.INTER_AREA)
        x, y = x // 2, y // 2
    cover = cover if cover.size else np.zeros((1, 1), np.uint8)
    white = Image.fromarray(np.full_like(cover, 255))
    white.putalpha(Image.fromarray(cover))
    sink = BytesIO()
    white.save(sink, "png", compress_level=1)
    return sink.getvalue()
