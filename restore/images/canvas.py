"""Take pictures as NumPy arrays, PIL images or tensors, and give back the same kind of thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from restore.images.mask_doubts import doubt_of
from restore.images.masks import values_of_image
from restore.images.resize import resize

if TYPE_CHECKING:
    from PIL import Image

Picture = TypeVar("Picture", "np.ndarray[Any, Any]", Tensor, "Image.Image")
"""A NumPy array ``(h, w)``, ``(h, w, 1)``, ``(h, w, 3)`` or with alpha ``(h, w, 4)`` of uint8, uint16 or
float in [0, 1]; a float tensor ``(c, h, w)`` or ``(b, c, h, w)`` in [0, 1] with 1, 3 or 4 channels; or a
PIL image."""

CHANNELS = "1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA)"
# Pillow's modes, and what their pixels are read as; restored colours do not fit a palette.
PIL_MODES = {"1": "L", "L": "L", "LA": "LA", "P": "RGB", "PA": "RGBA", "RGB": "RGB", "RGBA": "RGBA"}
PIL_16_BIT = ("I;16", "I;16L", "I;16B", "I;16N")


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
            pixels = self.original if isinstance(self.original, np.ndarray) else _pil_pixels(self.original)
            channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        return self.batch[:, : _colours(channels)]

    @property
    def bits(self) -> int:
        """The depth of the original: 8, 16, or 32 for floats."""
        if isinstance(self.original, Tensor):
            return 32
        pixels = self.original if isinstance(self.original, np.ndarray) else _pil_pixels(self.original)
        return 32 if pixels.dtype.kind == "f" else 8 * pixels.dtype.itemsize

    @property
    def alpha(self) -> Tensor | None:
        """Alpha as it is given, float32 ``(b, 1, h, w)``; None where there is none."""
        if isinstance(self.original, Tensor):
            planes = self.original[None] if self.original.ndim == 3 else self.original
            return planes.detach()[:, -1:].float().cpu() if planes.shape[1] in (2, 4) else None
        pixels = self.original if isinstance(self.original, np.ndarray) else _pil_pixels(self.original)
        if pixels.ndim < 3 or pixels.shape[2] not in (2, 4):
            return None
        return torch.from_numpy(pixels[None, None, :, :, -1].astype(np.float32))

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
            return _to_tensor(result, original)
        if isinstance(original, np.ndarray):
            return _to_array(result, original)
        return _to_pil(_to_array(result, _pil_pixels(original)), original)

    def paste(self, result: Tensor, hole: Tensor) -> Picture:
        """The original with a result inside the hole only.

        Outside the hole every number is the original's own, bit for bit; alpha is so everywhere.

        Parameters
        ----------
        result : ``(b, 3, h, w)``, nominal range [0, 1].
        hole : ``(b, 1, h, w)``, above 0 where the result is to be seen.
        """
        original = self.original
        inside = hole > 0
        if isinstance(original, Tensor):
            inside = (inside[0] if original.ndim == 3 else inside).to(original.device)
            return torch.where(inside, _to_tensor(result, original), original.detach())
        pixels = original if isinstance(original, np.ndarray) else _pil_pixels(original)
        mask = inside[0, 0].cpu().numpy()
        pasted = np.array(pixels)
        pasted[mask] = _to_array(result, pixels)[mask]
        return pasted if isinstance(original, np.ndarray) else _to_pil(pasted, original)

    def unchanged(self) -> Picture:
        """A copy of the original, for when there is nothing to restore."""
        if isinstance(self.original, Tensor):
            return self.original.detach().clone()
        return self.original.copy()


def canvas(image: Picture, *, checked: bool = True) -> Canvas[Picture]:
    """Read a picture from an array, a tensor or a PIL image.

    Parameters
    ----------
    image : a NumPy array ``(h, w)`` or ``(h, w, c)`` of uint8, uint16 or float; a float tensor
        ``(c, h, w)`` or ``(b, c, h, w)``; or a PIL image. Floats are in [0, 1]. c is 1 (gray), 2 (gray and
        alpha), 3 (RGB) or 4 (RGB and alpha).
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
    if isinstance(image, Tensor):
        batch = _from_tensor(image)
    elif isinstance(image, np.ndarray):
        batch = _from_array(image)
    elif hasattr(image, "convert") and hasattr(image, "getbands"):
        batch = _from_array(_pil_pixels(image))
    else:
        raise TypeError(
            f"expected a NumPy array, a PIL image or a torch tensor, got {type(image).__name__}; "
            "for a file use the command line or restore.images.read"
        )
    if min(batch.shape) < 1:
        raise ValueError(f"the picture has no pixels: its shape is {tuple(batch.shape)} (b, c, h, w)")
    found = Canvas(batch, image)
    if checked:
        check_values(batch, found.alpha)
    return found


def check_values(batch: Tensor, alpha: Tensor | None = None) -> None:
    """Raise ValueError for values that are not finite, above 16 or below -16, and such alpha."""
    if not torch.isfinite(batch).all() or not (alpha is None or torch.isfinite(alpha).all()):
        raise ValueError("the picture holds values that are not finite (NaN or infinity)")
    low, high = float(batch.amin()), float(batch.amax())
    if low < -16:
        raise ValueError(
            f"float pictures are expected in [0, 1], got values from {low:g} to {high:g}; choose a window of "
            "them, as of Hounsfield units, and pass (values - low) / (high - low)"
        )
    if high > 16:
        raise ValueError(f"float pictures are expected in [0, 1], got values up to {high:g}; divide by 255")


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
        gray, alpha = image.narrow(dim, 0, 1), image.narrow(dim, 1, image.shape[dim] - 1)
        return image if image.shape[dim] > 2 else torch.cat([gray, gray, gray, alpha], dim)
    if isinstance(image, np.ndarray):
        pixels: np.ndarray[Any, Any] = image[..., None] if image.ndim == 2 else image
        if pixels.shape[2] > 2:
            return pixels
        return np.take(pixels, [0, 0, 0, *range(1, pixels.shape[2])], axis=2)
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def hole_of(mask: Any, size: tuple[int, int], mask_means: str = "fill") -> Tensor:
    """Read a mask as a hole.

    White means at least half of the range of the mask's dtype; for zeros and ones of an integer type, one.

    Parameters
    ----------
    mask : ``(h, w)``, ``(h, w, 1)``, ``(1, h, w)`` or ``(b, 1, h, w)``, an array, tensor or PIL image; bool,
        float in [0, 1], uint8, uint16, or zeros and ones of any integer type.
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

    Examples
    --------
    >>> hole_of(np.array([[0, 255]], np.uint8), (1, 2))
    tensor([[[[0., 1.]]]])
    >>> hole_of(np.array([[0, 255]], np.uint8), (1, 2), mask_means="keep")
    tensor([[[[1., 0.]]]])
    """
    if mask_means not in ("fill", "keep"):
        raise ValueError(f"mask_means is 'fill' or 'keep', got {mask_means!r}")
    if isinstance(mask, Tensor):
        # bfloat16 is unknown to NumPy.
        mask = (mask.float() if mask.is_floating_point() else mask).detach().cpu().numpy()
    elif not isinstance(mask, np.ndarray):
        mask = values_of_image(mask) if hasattr(mask, "convert") else np.asarray(mask)
    level = _white_level(mask)
    if mask.dtype.kind == "u" and level > 1 and (doubt := doubt_of(mask / np.float32(2 * level))):
        raise ValueError(f"the mask {doubt}")
    white = torch.from_numpy(np.ascontiguousarray(mask >= level))
    if white.ndim == 3 and white.shape == (*size, 1):
        white = white[..., 0]
    if white.ndim == 2:
        white = white[None]
    if white.ndim == 3:
        white = white[None]
    if white.ndim != 4 or white.shape[1] != 1:
        raise ValueError(f"masks are expected as (h, w), (1, h, w) or (b, 1, h, w), got {mask.shape}")
    if white.shape[-2:] != size:
        raise ValueError(
            f"mask is {white.shape[-1]}x{white.shape[-2]} but the picture is {size[1]}x{size[0]} (w x h); "
            "resize the mask"
        )
    return (white if mask_means == "fill" else ~white).float()


def _white_level(mask: np.ndarray[Any, Any]) -> float:
    """The value that white begins at: half of the range of the mask's dtype."""
    kind = mask.dtype.kind
    if kind not in "biuf":
        raise TypeError(f"masks are expected as bool, uint8, uint16 or float, got {mask.dtype}")
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


def _colours(channels: int) -> int:
    """How many of the channels are colours; one more is alpha."""
    return 1 if channels < 3 else 3


def _from_tensor(image: Tensor) -> Tensor:
    """A float tensor as a batch ``(b, 3, h, w)``."""
    if not image.is_floating_point():
        raise TypeError(f"tensors are expected as floats in [0, 1], got {image.dtype}; divide by 255")
    batch = image[None] if image.ndim == 3 else image
    if batch.ndim != 4 or not 1 <= batch.shape[1] <= 4:
        raise ValueError(
            f"tensors are expected as (c, h, w) or (b, c, h, w) with channels {CHANNELS}, "
            f"got {tuple(image.shape)}"
        )
    colours = batch.detach()[:, : _colours(batch.shape[1])].float()
    return colours.expand(-1, 3, -1, -1).contiguous()


def _to_tensor(result: Tensor, like: Tensor) -> Tensor:
    """A result ``(b, 3, h', w')`` as a tensor like the original."""
    original = (like[None] if like.ndim == 3 else like).detach()
    colours = _colours(original.shape[1])
    # In double precision the mean of three equal numbers is that number.
    planes = result if colours == 3 else result.cpu().double().mean(dim=1, keepdim=True)
    planes = planes.to(like.device, like.dtype)
    if original.shape[1] > colours:
        planes = torch.cat([planes, _resized(original[:, -1:], result.shape[-2:])], dim=1)
    return planes[0] if like.ndim == 3 else planes


def _from_array(image: np.ndarray[Any, Any]) -> Tensor:
    """An array as a batch ``(1, 3, h, w)``."""
    if image.ndim not in (2, 3) or (image.ndim == 3 and not 1 <= image.shape[2] <= 4):
        raise ValueError(
            f"arrays are expected as (h, w) or (h, w, c) with channels {CHANNELS}, got {image.shape}"
        )
    kind = image.dtype.kind
    if kind != "f" and not (kind == "u" and image.dtype.itemsize <= 2):
        raise TypeError(f"arrays are expected as uint8, uint16 or float, got {image.dtype}")
    colours = image[..., None] if image.ndim == 2 else image[..., : _colours(image.shape[2])]
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused
        values = colours.astype(np.float32, order="C")
    if kind == "u":
        values /= np.iinfo(image.dtype).max
    return torch.from_numpy(values).permute(2, 0, 1)[None].expand(-1, 3, -1, -1).contiguous()


def _to_array(result: Tensor, like: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A result ``(1, 3, h', w')`` as an array like the original."""
    channels = 1 if like.ndim == 2 else like.shape[2]
    values = result[0].permute(1, 2, 0).cpu().numpy()
    if _colours(channels) == 1:
        # In double precision the mean of three equal numbers is that number.
        values = values.mean(axis=2, keepdims=True, dtype=np.float64)
    if like.dtype.kind == "u":
        values = np.rint(values.clip(0, 1) * np.iinfo(like.dtype).max)
    array = values.astype(like.dtype, order="C")
    if channels > _colours(channels):
        array = np.concatenate([array, _resized_array(like[..., -1:], array.shape)], axis=2)
        array = array.astype(like.dtype, copy=False)  # concatenate loses a foreign byte order
    return array[..., 0] if like.ndim == 2 else array


def _resized(alpha: Tensor, size: Any) -> Tensor:
    """Alpha ``(b, 1, h, w)`` at another size, without overshoot; at its own size untouched."""
    if alpha.shape[-2:] == size:
        return alpha
    large = resize(alpha.float(), (size[0], size[1]))
    return large.clamp(float(alpha.amin()), float(alpha.amax())).to(alpha.dtype)


def _resized_array(alpha: np.ndarray[Any, Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The same for an array ``(h, w, 1)``, rounded where alpha is integer."""
    if alpha.shape[:2] == shape[:2]:
        return alpha
    planes = torch.from_numpy(alpha.astype(np.float32, order="C")).permute(2, 0, 1)[None]
    large = _resized(planes, shape[:2])[0].permute(1, 2, 0).numpy()
    return (np.rint(large) if alpha.dtype.kind == "u" else large).astype(alpha.dtype)


def _pil_pixels(image: Image.Image) -> np.ndarray[Any, Any]:
    """A PIL image's numbers at their own depth: gray or RGB, with alpha where it has any."""
    if image.mode in PIL_16_BIT:
        return np.asarray(image)
    if image.mode not in PIL_MODES:
        raise TypeError(
            f"PIL images are expected as {', '.join(PIL_MODES)} or I;16, got {image.mode}; convert it first"
        )
    mode = PIL_MODES[image.mode]
    if image.has_transparency_data and "A" not in mode:
        mode = "LA" if mode == "L" else "RGBA"
    return np.asarray(image.convert(mode))


def _to_pil(pixels: np.ndarray[Any, Any], like: Image.Image) -> Image.Image:
    """Pixels as a PIL image with the colour profile, resolution and EXIF of the original."""
    from PIL import Image

    image = Image.fromarray(pixels)
    # A transparent colour has become alpha.
    image.info = {key: value for key, value in like.info.items() if key != "transparency"}
    return image
