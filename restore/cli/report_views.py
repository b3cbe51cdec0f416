"""The two pictures of a report for each that was restored: before and after in small, and a part at 100 %."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from restore.images import Picture
from restore.images.views import Box, fitted_size, gain_of, telling_part, view

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 288  # pixels: the longer side of a small picture
PART = (300, 400)  # (h, w) of the part that is shown pixel for pixel
QUALITY, PART_QUALITY = 80, 88  # of JPEG; in the part the noise is looked at, hence 4:4:4


@dataclass(frozen=True)
class Views:
    """What a report shows of a picture; it can be sent to another process.

    small, part: JPEG files of before and after side by side. box: of the part within the result. before,
    after: sizes (h, w) of the pictures. gain: by which they are shown brighter. label: of a page of a
    document; empty for a picture by itself.
    """

    small: bytes
    part: bytes
    box: Box
    before: tuple[int, int]
    after: tuple[int, int]
    gain: float = 1.0
    label: str = ""


def views_of(before: Picture, after: Picture) -> Views:
    """Make them.

    >>> import numpy as np
    >>> found = views_of(Picture(np.zeros((30, 40, 3), np.uint8)), Picture(np.zeros((60, 80, 3), np.uint8)))
    >>> found.box, found.before, found.after, found.small[:2]
    ((0, 0, 60, 80), (30, 40), (60, 80), b'\\xff\\xd8')
    """
    gain, size = min(gain_of(before), gain_of(after)), fitted_size(after.size, SIDE)
    box = telling_part(before, after, PART)
    return Views(
        _beside(view(before, size, gain=gain), view(after, size, gain=gain), quality=QUALITY, chroma=2),
        _beside(_same_part(before, after, box, gain), view(after, box=box, gain=gain), quality=PART_QUALITY),
        box,
        before.size,
        after.size,
        gain,
    )


def _same_part(before: Picture, after: Picture, box: Box, gain: float) -> NDArray[Any]:
    """The part of a picture that became that of a result, as large as it."""
    if before.size == after.size:
        return view(before, box=box, gain=gain)
    outer, wanted, inner = list[int](), list[int](), list[slice]()
    for start, length, small, large in zip(box[:2], box[2:], before.size, after.size, strict=True):
        scale = large / small
        # A margin, so that what is interpolated at its sides is cut off.
        first = max(0, int(start / scale) - 2)
        last = min(small, int((start + length) / scale) + 3)
        outer += [first, last - first]
        wanted.append(max(1, round((last - first) * scale)))
        offset = max(0, min(round(start - first * scale), wanted[-1] - length))
        inner.append(slice(offset, offset + length))
    found = view(before, (wanted[0], wanted[1]), box=(outer[0], outer[2], outer[1], outer[3]), gain=gain)
    return found[tuple(inner)]


def _beside(left: NDArray[Any], right: NDArray[Any], *, quality: int, chroma: int = 0) -> bytes:
    """A JPEG file of two pictures of one size. chroma: its subsampling, as Pillow counts."""
    import numpy as np
    from PIL import Image

    both = Image.fromarray(np.concatenate([left, right], axis=1))
    buffer = BytesIO()
    both.save(buffer, "JPEG", quality=quality, subsampling=chroma)
    return buffer.getvalue()
