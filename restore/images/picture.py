"""A picture in memory: its pixels at their own depth, and what is needed to write it back in kind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from restore.images.jpeg_coding import JpegCoding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels at their own depth, and what is needed to write them back in kind.

    pixels: (h, w, 3) RGB, upright; uint8, uint16, or float32 with nominal range [0, 1].
    alpha: (h, w) of the same dtype, not premultiplied; None where the file has none.
    gray: the file has one colour channel; ``pixels`` holds it three times, ``write`` their mean.
    format: png, jpeg, tiff, webp or bmp, as found in the file (not in its name).
    exif: a TIFF structure without the ``Exif`` prefix, orientation 1, no thumbnail (it would show
        the picture as it was before); empty where there is none.
    icc, xmp: as in the file; empty where there is none.
    dpi: (horizontal, vertical).
    chunks: PNG text and colour chunks, as in the file; written to PNG only.
    pages: pictures in the file; the first is the one read.
    coding: how a JPEG was compressed; None for other files and for colours that are not YCbCr.
    notes: what the user should know about how the file was read.

    Raises TypeError and ValueError for arrays of another dtype or shape.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    gray: bool = False
    format: str = "png"
    exif: bytes = b""
    icc: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None
    chunks: bytes = b""
    pages: int = 1
    coding: JpegCoding | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        pixels, alpha = self.pixels, self.alpha
        if pixels.dtype.name not in TOP:
            raise TypeError(f"pixels must be uint8, uint16 or float32, got {pixels.dtype}")
        if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise ValueError(f"pixels must be (h, w, 3) and not empty, got shape {pixels.shape}")
        if alpha is not None and alpha.dtype != pixels.dtype:
            raise TypeError(f"alpha must be {pixels.dtype} as the pixels are, got {alpha.dtype}")
        if alpha is not None and alpha.shape != pixels.shape[:2]:
            raise ValueError(f"alpha must be {pixels.shape[:2]} (h, w) as the pixels are, got {alpha.shape}")

    @property
    def bits(self) -> int:
        """Bits per sample: 8, 16, or 32 (float)."""
        return 8 * int(self.pixels.dtype.itemsize)

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def with_pixels(self, pixels: NDArray[Any], *, alpha: NDArray[Any] | None = None) -> Picture:
        """The same kind of picture with other pixels; a new size needs a new alpha where there is one.

        pixels: (h, w, 3) of the same dtype. alpha: (h, w); None keeps the present one.
        Raises TypeError for another dtype, ValueError for shapes that do not fit.
        """
        if pixels.dtype != self.pixels.dtype:
            raise TypeError(f"pixels must be {self.pixels.dtype} as before, got {pixels.dtype}")
        return replace(self, pixels=pixels, alpha=self.alpha if alpha is None else alpha)


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask file. white: bool (h, w). gray_fraction: share of pixels neither near black nor near white."""

    white: NDArray[np.bool_]
    gray_fraction: float


TOP = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}
"""dtype -> the value that stands for 1.0"""


def to_tensor(picture: Picture) -> Tensor:
    """The picture as an image, ``pixels / max``: float32 (1, 3, h, w), [0, 1] for integer pictures."""
    import numpy as np
    import torch

    planes = picture.pixels.transpose(2, 0, 1).astype(np.float32, order="C")
    planes /= np.float32(TOP[picture.pixels.dtype.name])
    return torch.from_numpy(planes[None])


def from_tensor(image: Tensor, like: Picture) -> NDArray[Any]:
    """The image at the depth of ``like``, the inverse of ``to_tensor``: exact for its own output.

    Integer depths: ``round(clip(image, 0, 1) * max)``. Floats are passed on as they are, not clipped.
    image: (1, 3, h, w), any h and w. Returns (h, w, 3).
    Raises ValueError for another shape and for values that are not finite.
    """
    import numpy as np

    if image.ndim != 4 or image.shape[:2] != (1, 3):
        raise ValueError(f"image must be (1, 3, h, w), got shape {tuple(image.shape)}")
    values = image[0].detach().float().cpu().numpy().transpose(1, 2, 0)
    if not np.isfinite(values).all():
        raise ValueError(f"image holds {int((~np.isfinite(values)).sum())} values that are not finite")
    return at_depth(values, like.pixels.dtype.name)


def at_depth_of(like: Picture, pixels: NDArray[Any]) -> NDArray[Any]:
    """Pixels of any depth at that of another picture, as files of that depth hold them."""
    return at_depth(pixels, like.pixels.dtype.name)


def at_depth(values: NDArray[Any], depth: str) -> NDArray[Any]:
    """Samples on the scale of another depth, rounded and clipped where the new depth is integer."""
    import numpy as np

    if values.dtype.name == depth:
        return np.array(values, order="C")
    scaled = values.astype(np.float32) / np.float32(TOP[values.dtype.name])
    if depth == "float32":
        return scaled
    rounded: NDArray[Any] = np.rint(np.clip(scaled, 0, 1) * np.float32(TOP[depth])).astype(depth)
    return rounded


def assembled(channels: NDArray[Any], **rest: Any) -> Picture:
    """A picture from (h, w, 1..4): gray, gray and alpha, RGB, RGB and alpha."""
    import numpy as np

    count = channels.shape[2]
    gray = count < 3
    pixels = np.repeat(channels[..., :1], 3, axis=2) if gray else np.ascontiguousarray(channels[..., :3])
    alpha = np.ascontiguousarray(channels[..., -1]) if count in (2, 4) else None
    return Picture(pixels=pixels, alpha=alpha, gray=gray, **rest)


def channels_of(picture: Picture) -> NDArray[Any]:
    """(h, w, 1..4) as the file holds them."""
    import numpy as np

    colour = picture.pixels[..., :1] if picture.gray else picture.pixels
    if picture.alpha is None:
        return np.ascontiguousarray(colour)
    return np.concatenate([colour, picture.alpha[..., None]], axis=2)
