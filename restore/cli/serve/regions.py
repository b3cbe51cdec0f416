"""Parts of a picture for a page: found from a point, read from mask files, or what strokes fill."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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


def source_of(picture: images.Picture, name: str, data: bytes = b"") -> Source:
    """Give a picture as the command line has it: floats in units. data: of the file beside it."""
    try:
        used = judged(picture, name)
    except ImageError:  # the command will say so
        used = None
    seen = picture if used is None else in_units(picture, used)
    return Source(seen, name, seen.format, read=lambda *_, **__: data)


def select(picture: images.Picture, name: str, at: tuple[float, float], radius: float | None) -> NDArray[Any]:
    """Find what ``restore erase --at`` does, bool ``(h, w)``. Raises MaskError with its words."""
    h, w = picture.size
    # Points of a page are measured from the corner, those of the command line name pixels.
    x, y = math.floor(at[0]), math.floor(at[1])
    if not (0 <= x < w and 0 <= y < h):
        raise MaskError(f"{name}: --at {x},{y}: it is not within the picture, which is {w}x{h} (w x h)")
    place = Place(f"{x},{y}", (float(x), float(y)), (False, False))
    return Places((), (place,), radius, None).hole(source_of(picture, name))[0]


def uploaded(
    data: bytes, mask_name: str, picture: images.Picture, name: str, reading: Reading
) -> tuple[NDArray[np.bool_], list[str]]:
    """Read a mask as ``restore inpaint --mask`` does, and notes. Raises ImageError and MaskError."""
    return MaskFile(Path(mask_name), reading).hole(source_of(picture, name, data))


def keep(hole: NDArray[Any], path: Path) -> None:
    """Write a mask: white is filled."""
    import cv2
    import numpy as np

    level = np.where(hole, np.uint8(255), np.uint8(0)) if hole.dtype == np.bool_ else hole
    fast = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    images.write_bytes(path, cv2.imencode(".png", level, fast)[1].tobytes(), overwrite=True)


def kept(path: Path) -> NDArray[np.uint8]:
    """Read what `keep` has written, or any other picture, of which everything brighter than half is meant."""
    import cv2
    import numpy as np

    found = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    if found is None:
        raise ImageError("this part of the picture cannot be read any more; select it again")
    return np.where(found >= 128, np.uint8(255), np.uint8(0))


def drawn(
    made: list[dict[str, Any]], size: tuple[int, int], regions: Mapping[str, Path], name: str
) -> NDArray[np.uint8]:
    """Draw the checked strokes of a page. name: what messages call the mask.

    Raises MaskError for one that the command line would refuse, and for regions that are not there.
    """

    def load(region: str) -> NDArray[np.uint8]:
        if region not in regions:
            raise MaskError("a part of the mask is not known any more; select it again")
        found = kept(regions[region])
        if found.shape != size:
            raise MaskError("a part of the mask is of another picture; select it again")
        return found

    check_size(size[1], size[0], name, each=1)
    level = strokes.drawn(made, size, load)
    check_hole(name, level > 0, images.Mask(level, brightest=float(level.any())), Reading())
    return level


def part(level: NDArray[np.uint8], box: Sequence[int] | None, name: str) -> NDArray[np.uint8]:
    """Give a part of a mask; None: all of it. Raises MaskError where nothing is to be filled in it."""
    if box is None:
        return level
    x, y, w, h = box
    found = level[y : y + h, x : x + w]
    if not found.any():
        raise MaskError(f"{name}: nothing is to be filled in this part of the picture; move to the mask")
    check_hole(name, found > 0, images.Mask(found), Reading())
    return found


def facts(hole: NDArray[Any], words: str = "") -> dict[str, Any]:
    """Give what the page knows of a region: its box, its area and a few words."""
    import cv2
    import numpy as np

    level = hole if hole.dtype == np.uint8 else hole.view(np.uint8)
    x, y, w, h = cv2.boundingRect(level)
    area = int(cv2.countNonZero(level))
    return {
        **{"x": x, "y": y, "width": w, "height": h, "area": area},
        "words": words or f"a region of {w}x{h} pixels",
    }


def shown(path: Path, level: int) -> bytes:
    """Give a PNG of the box of a region: white, opaque inside, reduced ``2**level`` times.

    Cells lie on the grid of the tiles of the same level; a cell is opaque as far as it is covered.
    """
    import cv2
    import numpy as np

    hole = kept(path)
    left, top, w, h = cv2.boundingRect(hole)
    cell = 2**level
    right, bottom = -(-(left + w) // cell) * cell, -(-(top + h) // cell) * cell
    left, top = left // cell * cell, top // cell * cell
    part: Any = hole[top:bottom, left:right]
    below, beside = bottom - top - part.shape[0], right - left - part.shape[1]
    part = cv2.copyMakeBorder(part, 0, below, 0, beside, cv2.BORDER_REPLICATE) if below or beside else part
    if cell > 1:
        size = (max(1, part.shape[1] // cell), max(1, part.shape[0] // cell))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    if not part.size:
        part = np.zeros((1, 1), np.uint8)
    from PIL import Image

    white = Image.fromarray(np.full_like(part, 255))
    white.putalpha(Image.fromarray(np.ascontiguousarray(part)))
    sink = BytesIO()
    white.save(sink, "png", compress_level=1)
    return sink.getvalue()
