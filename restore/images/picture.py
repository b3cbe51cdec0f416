"""A picture in memory: pixels at their own depth, and what is needed to write them back in kind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from restore.images.heif_coding import HeifCoding
from restore.images.jpeg_coding import JpegCoding

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

TOP = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}
"""dtype -> the value that stands for 1.0"""


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels at their own depth, and what is needed to write them back in kind.

    Parameters
    ----------
    pixels : RGB, upright, ``(h, w, 3)``; uint8, uint16, or float32 with nominal range [0, 1].
    alpha : ``(h, w)`` of the same dtype, not premultiplied; None where the file has none.
    extra : ``(h, w, k)`` of the same dtype: channels of a TIFF that are neither colour nor alpha, such as
        infrared; None where the file has none. Only TIFF has room for them.
    meanings : what TIFF says of each channel after the colours, alpha among them, in the order of the file: 0
        nothing, 1 or 2 alpha, the first of which is ``alpha`` (TIFF 6.0, ExtraSamples). Where it does not fit
        ``alpha`` and ``extra``, alpha comes first and nothing is said of the others.
    gray : whether the file has one colour channel; ``pixels`` holds it three times, `write` stores their
        mean.
    format : png, jpeg, tiff, webp, bmp, heic, avif or jxl, as found in the contents of the file (not in its
        name).
    exif : a TIFF structure without the ``Exif`` prefix, with orientation 1 and no thumbnail (which would
        show the picture as it was before); empty where there is none.
    icc, xmp : as in the file; empty where there is none.
    dpi : horizontal and vertical resolution; None where the file has none.
    chunks : PNG chunks of text and colour, as in the file; written to PNG only.
    pages : number of pictures in the file, of which this is one.
    coding : how a JPEG was compressed; None for other files and for colours that are not YCbCr.
    notes : what the user should know about how the file was read.
    damage : what is wrong with the file, where it was read as far as it goes; empty for a whole one.
    turned : the EXIF orientation of the file, 1 to 8, which was applied: 1 where it was upright.
    heif : how a HEIC or AVIF file was coded, as its result will be; None for other files.

    Raises
    ------
    TypeError
        For pixels of another dtype, or alpha of another dtype than the pixels.
    ValueError
        For another shape, or no pixels.

    Examples
    --------
    >>> import numpy as np
    >>> picture = Picture(np.zeros((4, 6, 3), np.uint16), gray=True)
    >>> picture.size, picture.bits, picture.format
    ((4, 6), 16, 'png')
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
    extra: NDArray[Any] | None = None
    meanings: tuple[int, ...] = ()
    damage: str = ""
    turned: int = 1
    heif: HeifCoding | None = None

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
        extra = self.extra
        if extra is not None and extra.dtype != pixels.dtype:
            raise TypeError(f"extra must be {pixels.dtype} as the pixels are, got {extra.dtype}")
        if extra is not None and (extra.ndim != 3 or extra.shape[:2] != pixels.shape[:2] or not extra.size):
            raise ValueError(f"extra must be (h, w, k) of the size of the pixels, got shape {extra.shape}")

    @property
    def bits(self) -> int:
        """Bits per sample: 8, 16, or 32 (float)."""
        return 8 * int(self.pixels.dtype.itemsize)

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def with_pixels(self, pixels: NDArray[Any], *, alpha: NDArray[Any] | None = None) -> Picture:
        """The same kind of picture with other pixels.

        Parameters
        ----------
        pixels : ``(h, w, 3)`` of the same dtype; a new size needs a new alpha where there is one. At a new
            size extra channels are dropped.
        alpha : ``(h, w)``; None keeps the present one.

        Raises
        ------
        TypeError
            For another dtype.
        ValueError
            For shapes that do not fit.

        Examples
        --------
        >>> import numpy as np
        >>> picture = Picture(np.zeros((4, 6, 3), np.uint8), dpi=(300.0, 300.0))
        >>> larger = picture.with_pixels(np.zeros((8, 12, 3), np.uint8))
        >>> larger.size, larger.dpi
        ((8, 12), (300.0, 300.0))
        """
        if pixels.dtype != self.pixels.dtype:
            raise TypeError(f"pixels must be {self.pixels.dtype} as before, got {pixels.dtype}")
        extra = self.extra if pixels.shape == self.pixels.shape else None
        return replace(self, pixels=pixels, alpha=self.alpha if alpha is None else alpha, extra=extra)


def to_tensor(picture: Picture) -> Tensor:
    """The picture as a batch of one image, ``pixels / max``.

    Returns
    -------
    Tensor
        float32 ``(1, 3, h, w)``; in [0, 1] for integer pictures, as they are for floats. Alpha is left out.

    Examples
    --------
    >>> import numpy as np
    >>> to_tensor(Picture(np.full((4, 6, 3), 51, np.uint8))).shape
    torch.Size([1, 3, 4, 6])
    """
    import numpy as np
    import torch

    planes = picture.pixels.transpose(2, 0, 1).astype(np.float32, order="C")
    planes /= np.float32(TOP[picture.pixels.dtype.name])
    return torch.from_numpy(planes[None])


def at_depth_of(like: Picture, pixels: NDArray[Any]) -> NDArray[Any]:
    """Pixels at the depth of another picture, as a file of that depth would hold them.

    Parameters
    ----------
    like : the picture whose depth is wanted.
    pixels : uint8, uint16 or float32 (nominal range [0, 1]), any shape.

    Returns
    -------
    array
        A copy; rounded and clipped where the new depth is integer.

    Examples
    --------
    >>> import numpy as np
    >>> like = Picture(np.zeros((1, 1, 3), np.uint8))
    >>> at_depth_of(like, np.array([-0.5, 0.5, 1.5], np.float32)).tolist()
    [0, 128, 255]
    """
    return at_depth(pixels, like.pixels.dtype.name)


def at_depth(values: NDArray[Any], depth: str) -> NDArray[Any]:
    """Samples on the scale of another depth; see `at_depth_of`.

    Parameters
    ----------
    values : uint8, uint16 or float32, any shape.
    depth : the name of the dtype that is wanted, one of these three.
    """
    import numpy as np

    if values.dtype.name == depth:
        return np.array(values, order="C")
    scaled = values.astype(np.float32) / np.float32(TOP[values.dtype.name])
    if depth == "float32":
        return scaled
    rounded: NDArray[Any] = np.rint(np.clip(scaled, 0, 1) * np.float32(TOP[depth])).astype(depth)
    return rounded


def assembled(channels: NDArray[Any], **rest: Any) -> Picture:
    """A picture from the channels of a file.

    Parameters
    ----------
    channels : ``(h, w, c)``: gray, gray and alpha, RGB, or RGB and alpha.
    rest : further fields of `Picture`.
    """
    import numpy as np

    count = channels.shape[2]
    gray = count < 3
    pixels = np.repeat(channels[..., :1], 3, axis=2) if gray else np.ascontiguousarray(channels[..., :3])
    alpha = np.ascontiguousarray(channels[..., -1]) if count in (2, 4) else None
    return Picture(pixels=pixels, alpha=alpha, gray=gray, **rest)


def split(channels: NDArray[Any], meanings: tuple[int, ...], **rest: Any) -> Picture:
    """A picture from the channels of a TIFF file.

    Parameters
    ----------
    channels : ``(h, w, c)``: the colours, one or three, and further channels.
    meanings : of the further ones, as `Picture` has them.
    rest : further fields of `Picture`.
    """
    import numpy as np

    colours = channels.shape[2] - len(meanings)
    at = _alpha_at(meanings)
    others = [colours + n for n in range(len(meanings)) if n != at]
    order = [*range(colours), *([] if at is None else [colours + at])]
    picture = assembled(channels if not others else channels[..., order], **rest)
    extra = np.ascontiguousarray(channels[..., others]) if others else None
    return replace(picture, extra=extra, meanings=meanings)


def _alpha_at(meanings: tuple[int, ...]) -> int | None:
    """Which of the channels after the colours is alpha."""
    return next((n for n, meaning in enumerate(meanings) if meaning in (1, 2)), None)


def meanings_of(picture: Picture) -> tuple[int, ...]:
    """What `Picture.meanings` says, or what fits the channels where it does not; alpha is not premultiplied.

    Examples
    --------
    >>> import numpy as np
    >>> gray = np.zeros((4, 6), np.uint8)
    >>> meanings_of(Picture(np.dstack([gray] * 3), alpha=gray, extra=gray[..., None]))
    (2, 0)
    """
    others = 0 if picture.extra is None else picture.extra.shape[2]
    count = others + (picture.alpha is not None)
    at = _alpha_at(picture.meanings)
    if len(picture.meanings) != count or (picture.alpha is None) != (at is None):
        return (2,) * (picture.alpha is not None) + (0,) * others
    return tuple(2 if n == at else meaning for n, meaning in enumerate(picture.meanings))


def channels_of(picture: Picture) -> NDArray[Any]:
    """The channels ``(h, w, c)`` of a picture as its file holds them: colours, alpha, further ones."""
    import numpy as np

    colour = picture.pixels[..., :1] if picture.gray else picture.pixels
    extra = picture.extra
    planes = [] if extra is None else [extra[..., n : n + 1] for n in range(extra.shape[2])]
    if picture.alpha is not None:
        planes.insert(_alpha_at(meanings_of(picture)) or 0, picture.alpha[..., None])
    return np.concatenate([colour, *planes], axis=2) if planes else np.ascontiguousarray(colour)
