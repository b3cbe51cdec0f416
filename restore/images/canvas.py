"""Take pictures as arrays, tensors, PIL images or files, and give back the same kind of thing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, cast

import numpy as np
import torch
from torch import Tensor

from restore.images.kinds import (
    Picture,
    colours_in,
    copied,
    from_array,
    from_tensor,
    is_pil,
    pixels_of,
    rebuilt,
    to_array,
    to_tensor,
)
from restore.images.mask_doubts import doubt_of
from restore.images.masks import Mask, read_mask, recognised, values_of, values_of_image
from restore.images.picture import TOP
from restore.images.picture import Picture as FilePicture
from restore.images.reader import read

__all__ = ["Canvas", "Picture", "canvas", "check_values", "hole_of", "in_colour"]


@dataclass(frozen=True)
class Canvas(Generic[Picture]):
    """A picture as a batch, and the way back to the kind of thing it was.

    Parameters
    ----------
    batch : float32 ``(b, 3, h, w)``, nominal range [0, 1]; alpha is left out.
    original : the picture itself.
    """

    batch: Tensor
    original: Picture

    @property
    def planes(self) -> Tensor:
        """The batch with as many colour channels as the original has, 1 or 3."""
        if isinstance(self.original, Tensor):
            channels = self.original.shape[-3]
        else:
            pixels = pixels_of(self.original)
            channels = 1 if pixels.ndim == 2 else pixels.shape[-1]
        return self.batch[:, : colours_in(channels)]

    @property
    def bits(self) -> int:
        """The depth of the original: 8, 16, or 32 for floats."""
        if isinstance(self.original, Tensor):
            return 8 if self.original.dtype == torch.uint8 else 32
        pixels = pixels_of(self.original)
        return 32 if pixels.dtype.kind == "f" else 8 * pixels.dtype.itemsize

    @property
    def alpha(self) -> Tensor | None:
        """Alpha as it is given, float32 ``(b, 1, h, w)``; None where there is none."""
        if isinstance(self.original, Tensor):
            planes = self.original[None] if self.original.ndim == 3 else self.original
            return planes.detach()[:, -1:].float().cpu() if planes.shape[1] in (2, 4) else None
        pixels = pixels_of(self.original)
        if pixels.ndim < 3 or pixels.shape[-1] not in (2, 4):
            return None
        alpha = torch.from_numpy(pixels[..., -1].astype(np.float32))
        return (alpha if pixels.ndim == 4 else alpha[None])[:, None]

    @property
    def visible(self) -> Tensor | None:
        """Which pixels are seen, bool ``(b, 1, h, w)``: those with alpha above 0; None where all are."""
        alpha = self.alpha
        return None if alpha is None or bool((alpha > 0).all()) else alpha > 0

    def like_original(self, result: Tensor) -> Picture:
        """A result as the kind, depth and number of channels of the original.

        Integers are rounded and clamped; floats keep values outside [0, 1]. Alpha is that of the original,
        resized when the size has changed. A PIL palette becomes RGB.

        Parameters
        ----------
        result : ``(b, 3, h', w')``, nominal range [0, 1].
        """
        original = self.original
        if isinstance(original, Tensor):
            return to_tensor(result, original)
        return cast(Picture, rebuilt(to_array(result, pixels_of(original)), original))

    def paste(self, result: Tensor, hole: Tensor) -> Picture:
        """The original with a result inside the hole only.

        Outside the hole every number is the original's own, bit for bit; alpha is so everywhere.

        Parameters
        ----------
        result : ``(b, 3, h, w)``, nominal range [0, 1].
        hole : ``(b, 1, h, w)``, above 0 where the result is to be seen.
        """
        original = self.original
        filled = hole > 0
        if isinstance(original, Tensor):
            filled = (filled[0] if original.ndim == 3 else filled).to(original.device)
            return torch.where(filled, to_tensor(result, original), original.detach())
        pixels = pixels_of(original)
        mask = filled[:, 0].cpu().numpy() if pixels.ndim == 4 else filled[0, 0].cpu().numpy()
        pasted = np.array(pixels)
        if mask.any():  # of a large picture with a small hole nothing else is converted
            rows, columns = _extent(mask, -2), _extent(mask, -1)
            part = pasted[..., rows, columns, :] if pixels.ndim > 2 else pasted[rows, columns]
            inside = mask[..., rows, columns]
            part[inside] = to_array(result[..., rows, columns], part)[inside]
        return cast(Picture, rebuilt(pasted, original))

    def unchanged(self) -> Picture:
        """A copy of the original, for when there is nothing to restore."""
        return cast(Picture, copied(self.original))


def canvas(image: Picture, *, checked: bool = True) -> Canvas[Picture]:
    """Read a picture from an array, a tensor, a PIL image or a file.

    Parameters
    ----------
    image : a NumPy array ``(h, w)``, ``(h, w, c)`` or ``(b, h, w, c)`` of uint8, uint16 or float; a tensor
        ``(c, h, w)`` or ``(b, c, h, w)`` of uint8 or float; a PIL image; what `restore.images.read` gives; or
        a path, which is read so. Floats are in [0, 1]. c is 1 (gray), 2 (gray and alpha), 3 (RGB) or 4 (RGB
        and alpha).
    checked : whether its values are; else that is left to the caller (`check_values`).

    Returns
    -------
    Canvas
        The picture as a batch, and the way back.

    Raises
    ------
    TypeError
        For a kind or depth that is not known.
    ValueError
        For another shape, no pixels, or values that are not finite, above 16 (a picture in 0..255) or below
        -16 (units of another kind).

    Examples
    --------
    >>> gray = np.full((4, 6), 51, np.uint8)
    >>> picture = canvas(gray)
    >>> picture.batch.shape, round(picture.batch.max().item(), 3)
    (torch.Size([1, 3, 4, 6]), 0.2)
    >>> brighter = picture.like_original(2 * picture.batch)
    >>> brighter.shape, brighter.dtype, int(brighter[0, 0])
    ((4, 6), dtype('uint8'), 102)
    """
    if isinstance(image, str | Path):
        return cast("Canvas[Picture]", canvas(read(image), checked=checked))
    if isinstance(image, Tensor):
        batch = from_tensor(image)
    elif isinstance(image, np.ndarray | FilePicture) or is_pil(image):
        batch = from_array(pixels_of(image))
    else:
        raise TypeError(
            "expected a picture: a path, what restore.images.read gives, a NumPy array, a PIL image or a "
            f"torch tensor; got {type(image).__name__}"
        )
    if min(batch.shape) < 1:
        raise ValueError(f"the picture has no pixels: its shape is {tuple(batch.shape)} (b, c, h, w)")
    found = Canvas(batch, image)
    if checked and found.bits == 32:  # whole numbers are always finite, and in [0, 1]
        check_values(batch, found.alpha)
    return found


def _extent(mask: np.ndarray[Any, Any], axis: int) -> slice:
    """From the first to the last place along an axis at which something of a mask is set."""
    others = tuple(each for each in range(mask.ndim) if each != axis % mask.ndim)
    there = np.flatnonzero(mask.any(axis=others))
    return slice(int(there[0]), int(there[-1]) + 1)


def check_values(batch: Tensor, alpha: Tensor | None = None) -> None:
    """Raise ValueError for values that are not finite, above 16 or below -16, and such alpha."""
    if not torch.isfinite(batch).all() or not (alpha is None or torch.isfinite(alpha).all()):
        raise ValueError("the picture holds values that are not finite (NaN or infinity)")
    low, high = float(batch.amin()), float(batch.amax())
    if low < -16:
        raise ValueError(
            f"float pictures are expected in [0, 1], got values from {low:g} to {high:g}; choose a window of "
            "them, as of Hounsfield units, and take (values - low) / (high - low), or in Python pass "
            "data_range=(low, high)"
        )
    if high > 16:
        raise ValueError(
            f"float pictures are expected in [0, 1], got values up to {high:g}; divide by 255, or in Python "
            "pass data_range=(low, high)"
        )


def in_colour(image: Picture) -> Picture:
    """A gray picture of any kind with its channel three times, alpha kept; a coloured one as it is.

    Parameters
    ----------
    image : as `canvas` takes it.

    Examples
    --------
    >>> in_colour(np.zeros((4, 6, 2), np.uint8)).shape
    (4, 6, 4)
    """
    if isinstance(image, Tensor):
        dim = image.ndim - 3
        if dim < 0:
            return image  # the task says what is wrong
        gray, alpha = image.narrow(dim, 0, 1), image.narrow(dim, 1, image.shape[dim] - 1)
        return image if image.shape[dim] > 2 else torch.cat([gray, gray, gray, alpha], dim)
    if isinstance(image, np.ndarray):
        pixels: np.ndarray[Any, Any] = image[..., None] if image.ndim == 2 else image
        if pixels.shape[-1] > 2:
            return pixels
        return np.take(pixels, [0, 0, 0, *range(1, pixels.shape[-1])], axis=-1)
    if isinstance(image, FilePicture):
        return replace(image, gray=False)
    if not is_pil(image):
        return image  # the task says what is wrong
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def hole_of(mask: Any, size: tuple[int, int], mask_means: str = "fill") -> Tensor:
    """Read a mask as a hole.

    White means at least half of the range of the mask's dtype; for zeros and ones of an integer type, one.

    Parameters
    ----------
    mask : ``(h, w)``, ``(h, w, 1)``, ``(1, h, w)``, ``(b, h, w)`` or ``(b, 1, h, w)``, an array or tensor of
        bool, float in [0, 1], uint8, uint16, or zeros and ones of any integer type; in black and white
        ``(h, w, 3)`` or with alpha ``(h, w, 4)`` of uint8, uint16 or float32; a PIL image; a path, or what
        `restore.images.read` or `restore.images.read_mask` gives; or a list of these, one for each picture.
    size : height and width of the picture.
    mask_means : what white says, ``"fill"`` or ``"keep"``.

    Returns
    -------
    Tensor
        float32 ``(b, 1, h, w)``, 1 where content must be invented.

    Raises
    ------
    ValueError
        Where the mask does not have the size of the picture, holds values out of range, or looks like a
        photograph or a coloured drawing.
    TypeError
        For other kinds.
    ImageError, MaskError
        For files that cannot be read, or cannot be meant as masks.

    Examples
    --------
    >>> hole_of(np.array([[0, 255]], np.uint8), (1, 2))
    tensor([[[[0., 1.]]]])
    >>> hole_of(np.array([[0, 255]], np.uint8), (1, 2), mask_means="keep")
    tensor([[[[1., 0.]]]])
    """
    if not isinstance(mask_means, str) or mask_means not in ("fill", "keep"):
        told = " ".join(repr(mask_means).split())[:80]
        raise ValueError(f"mask_means is 'fill' or 'keep', got {told}")
    if isinstance(mask, list | tuple) and mask and not isinstance(mask[0], list | tuple | int | float):
        return torch.cat([hole_of(each, size, mask_means) for each in mask])
    mask = _mask_values(mask, size)
    level = _white_level(mask)
    if mask.dtype.kind == "u" and level > 1 and (doubt := doubt_of(mask / np.float32(2 * level))):
        raise ValueError(f"the mask {doubt}")
    white = torch.from_numpy(np.ascontiguousarray(mask >= level))
    if white.ndim == 3 and white.shape == (*size, 1):
        white = white[..., 0]
    if white.ndim == 2:
        white = white[None]
    if white.ndim == 3 and (white.shape[1:] == size or len(white) == 1):
        white = white[:, None]
    if white.ndim != 4 or white.shape[1] != 1:
        raise ValueError(f"masks are expected as (h, w), (1, h, w) or (b, 1, h, w), got {mask.shape}")
    found = int(white.shape[-2]), int(white.shape[-1])
    if found != size:
        way = "turn it by 90 degrees, or " if found == (size[1], size[0]) else ""
        raise ValueError(
            f"mask is {found[1]}x{found[0]} but the picture is {size[1]}x{size[0]} (w x h); {way}resize the "
            "mask"
        )
    return (white if mask_means == "fill" else ~white).float()


def _mask_values(mask: Any, size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """The values of a mask of any kind, ``(h, w)``, ``(h, w, 1)``, or with more axes in front."""
    if isinstance(mask, str | Path):
        mask = read_mask(mask)
    if isinstance(mask, FilePicture):
        mask = recognised(mask, "the mask")
    if isinstance(mask, Mask):
        return mask.white
    if is_pil(mask):
        return values_of_image(mask)
    if isinstance(mask, Tensor):
        # bfloat16 is unknown to NumPy.
        mask = (mask.float() if mask.is_floating_point() else mask).detach().cpu().numpy()
    elif not isinstance(mask, np.ndarray):
        mask = _as_array(mask)
    if not mask.size:
        raise ValueError(
            f"the mask is empty, got {mask.shape}; it has the size of its picture, {size} (h, w)"
        )
    coloured = mask.ndim == 3 and mask.shape[-1] in (3, 4) and mask.shape[-2:] != size
    if not coloured or mask.dtype.name not in TOP:
        return np.asarray(mask)
    value, drawn = values_of(mask[..., :3], mask[..., 3] if mask.shape[-1] == 4 else None)
    if doubt := doubt_of(value, drawn):
        raise ValueError(f"the mask {doubt}")
    return value


def _as_array(mask: Any) -> np.ndarray[Any, Any]:
    """Nested lists of numbers as an array; TypeError for what is none."""
    try:
        return np.asarray(mask)
    except (TypeError, ValueError):
        raise TypeError(
            f"expected a mask: an array, a tensor, a PIL image or a path; got {type(mask).__name__}"
        ) from None


def _white_level(mask: np.ndarray[Any, Any]) -> float:
    """The value that white begins at: half of the range of the mask's dtype."""
    kind = mask.dtype.kind
    if kind not in "biuf":
        kind = "an object" if mask.dtype == object else str(mask.dtype)
        raise TypeError(
            f"masks are expected as bool, uint8, uint16 or float, got {kind}; a mask is an array, a tensor, "
            "a PIL image or a path"
        )
    # The comparison is false for NaN too.
    if kind == "b" or mask.size == 0 or (mask.min() >= 0 and mask.max() <= 1):
        return 0.5
    if kind == "f":
        raise ValueError(f"float masks are expected in [0, 1], got {mask.min():g} to {mask.max():g}")
    if kind != "u" or mask.dtype.itemsize > 2:
        raise TypeError(
            f"masks of {mask.dtype} are expected to hold zeros and ones, got {mask.min()} to {mask.max()}; "
            "pass bool, or uint8 for 0..255"
        )
    return np.iinfo(mask.dtype).max / 2
