"""Parts of fitting a picture to a file format."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from restore.images.exif import patched, usable
from restore.images.picture import Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray


def one_gray(picture: Picture) -> NDArray[Any]:
    """The pixels; of a gray picture the mean of r, g and b in all three, exact for equal ones."""
    import numpy as np

    pixels = picture.pixels
    if not picture.gray:
        return pixels
    if pixels.dtype.kind == "f":
        mean = pixels.mean(axis=2, dtype=np.float64).astype(pixels.dtype)
    else:
        mean = ((pixels.sum(axis=2, dtype=np.uint32) + 1) // 3).astype(pixels.dtype)
    return np.repeat(mean[..., None], 3, axis=2)


def with_size(picture: Picture) -> bytes:
    """The EXIF with the size that it states set to that of the picture; nothing where it is damaged."""
    h, w = picture.size
    if not picture.exif or not usable(picture.exif):
        return b""
    return patched(picture.exif, {0x100: w, 0x101: h, 0xA002: w, 0xA003: h})


def dropped(count: int) -> str:
    """What is said of extra channels that a format has no room for."""
    what = "the extra channel is dropped, which is" if count == 1 else f"{count} extra channels are dropped,"
    return f"{what} neither colour nor alpha; TIFF has room for it"


def not_below(picture: Picture) -> tuple[Picture, bool]:
    """A picture of floats without numbers below 0, and whether there were any."""
    planes = {name: getattr(picture, name) for name in ("pixels", "alpha")}
    low = {name: plane for name, plane in planes.items() if plane is not None and bool((plane < 0).any())}
    raised: dict[str, Any] = {name: plane.clip(0) for name, plane in low.items()}
    return (replace(picture, **raised), True) if raised else (picture, False)


def own_bits(picture: Picture) -> int:
    """The bits of each number in the file that a picture comes from, where it still has its depth."""
    own = picture.heif.bits if picture.heif else 8
    return own if own > 8 and picture.bits == 16 else picture.bits
