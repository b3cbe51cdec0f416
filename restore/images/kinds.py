"""The kinds of things that pictures come as, and batches made of them: arrays, tensors, PIL images, files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from restore.images.picture import Picture as FilePicture
from restore.images.picture import channels_of
from restore.images.resize import resize

if TYPE_CHECKING:
    from PIL import Image

Picture = TypeVar("Picture", "np.ndarray[Any, Any]", Tensor, "Image.Image", FilePicture)
"""A NumPy array ``(h, w)``, ``(h, w, c)`` or ``(b, h, w, c)`` of uint8, uint16 or float in [0, 1]; a tensor
``(c, h, w)`` or ``(b, c, h, w)`` of uint8 or float in [0, 1]; a PIL image; or what `restore.images.read`
gives. c is 1 (gray), 2 (gray and alpha), 3 (RGB) or 4 (RGB and alpha)."""

CHANNELS = "1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA)"
# Pillow's modes, and what their pixels are read as; restored colours do not fit a palette.
PIL_MODES = {"1": "L", "L": "L", "LA": "LA", "P": "RGB", "PA": "RGBA", "RGB": "RGB", "RGBA": "RGBA"}
PIL_16_BIT = ("I;16", "I;16L", "I;16B", "I;16N")


def is_pil(image: object) -> bool:
    """Whether a thing is a PIL image; asked without importing Pillow."""
    return hasattr(image, "convert") and hasattr(image, "getbands")


def colours_in(channels: int) -> int:
    """How many of the channels are colours; one more is alpha."""
    return 1 if channels < 3 else 3


def from_tensor(image: Tensor) -> Tensor:
    """A tensor of uint8 or floats as a batch ``(b, 3, h, w)``."""
    if image.layout != torch.strided:
        raise TypeError(f"tensors are expected to be dense, got {image.layout}; pass tensor.to_dense()")
    if not image.is_floating_point() and image.dtype != torch.uint8:
        raise TypeError(
            f"tensors are expected as uint8, or as floats in [0, 1], got {image.dtype}; convert them, or "
            "tell their scale by data_range=(low, high)"
        )
    if image.is_meta or image.layout != torch.strided:
        kind = "on the device 'meta', which holds no numbers" if image.is_meta else f"of {image.layout}"
        raise TypeError(f"expected a dense tensor, got one {kind}")
    batch = image[None] if image.ndim == 3 else image
    if batch.ndim != 4 or not 1 <= batch.shape[1] <= 4:
        raise ValueError(
            f"tensors are expected as (c, h, w) or (b, c, h, w) with channels {CHANNELS}, "
            f"got {tuple(image.shape)}"
        )
    colours = batch.detach()[:, : colours_in(batch.shape[1])].float()
    if image.dtype == torch.uint8:
        colours = colours / 255
    return colours.expand(-1, 3, -1, -1).contiguous()


def to_tensor(result: Tensor, like: Tensor) -> Tensor:
    """A result ``(b, 3, h', w')`` as a tensor like the original."""
    original = (like[None] if like.ndim == 3 else like).detach()
    colours = colours_in(original.shape[1])
    # In double precision the mean of three equal numbers is that number.
    planes = result if colours == 3 else result.cpu().double().mean(dim=1, keepdim=True)
    if like.dtype == torch.uint8:
        planes = (planes.clamp(0, 1) * 255).round()
    planes = planes.to(like.device, like.dtype)
    if original.shape[1] > colours:
        planes = torch.cat([planes, _resized(original[:, -1:], result.shape[-2:])], dim=1)
    return planes[0] if like.ndim == 3 else planes


def from_array(image: np.ndarray[Any, Any]) -> Tensor:
    """An array as a batch ``(b, 3, h, w)``."""
    if image.ndim not in (2, 3, 4) or (image.ndim > 2 and not 1 <= image.shape[-1] <= 4):
        raise ValueError(
            f"arrays are expected as (h, w), (h, w, c) or (b, h, w, c) with channels {CHANNELS}, "
            f"got {image.shape}"
        )
    kind = image.dtype.kind
    if kind != "f" and not (kind == "u" and image.dtype.itemsize <= 2):
        raise TypeError(
            f"arrays are expected as uint8, uint16 or float, got {image.dtype}; convert them, or tell their "
            "scale by data_range=(low, high)"
        )
    colours = image[..., None] if image.ndim == 2 else image[..., : colours_in(image.shape[-1])]
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused
        values = colours.astype(np.float32, order="C")
    if kind == "u":
        values /= np.iinfo(image.dtype).max
    batch = torch.from_numpy(values if values.ndim == 4 else values[None])
    return batch.permute(0, 3, 1, 2).expand(-1, 3, -1, -1).contiguous()


def to_array(result: Tensor, like: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A result ``(b, 3, h', w')`` as an array like the original."""
    channels = 1 if like.ndim == 2 else like.shape[-1]
    values = result.permute(0, 2, 3, 1).cpu().numpy()
    if colours_in(channels) == 1:
        # In double precision the mean of three equal numbers is that number.
        values = values.mean(axis=3, keepdims=True, dtype=np.float64)
    if like.dtype.kind == "u":
        values = np.rint(values.clip(0, 1) * np.iinfo(like.dtype).max)
    array = values.astype(like.dtype, order="C")
    if channels > colours_in(channels):
        alpha = like[..., -1:] if like.ndim == 4 else like[None, ..., -1:]
        array = np.concatenate([array, _resized_array(alpha, array.shape)], axis=3)
        array = array.astype(like.dtype, copy=False)  # concatenate loses a foreign byte order
    array = array if like.ndim == 4 else array[0]
    return array[..., 0] if like.ndim == 2 else array


def _resized(alpha: Tensor, size: Any) -> Tensor:
    """Alpha ``(b, 1, h, w)`` at another size, without overshoot; at its own size untouched."""
    if alpha.shape[-2:] == size:
        return alpha
    large = resize(alpha.float(), (size[0], size[1]))
    large = large.clamp(float(alpha.amin()), float(alpha.amax()))
    return (large if alpha.is_floating_point() else large.round()).to(alpha.dtype)


def _resized_array(alpha: np.ndarray[Any, Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The same for an array ``(b, h, w, 1)``, rounded where alpha is integer."""
    if alpha.shape[1:3] == shape[1:3]:
        return alpha
    planes = torch.from_numpy(alpha.astype(np.float32, order="C")).permute(0, 3, 1, 2)
    large = _resized(planes, shape[1:3]).permute(0, 2, 3, 1).numpy()
    return (np.rint(large) if alpha.dtype.kind == "u" else large).astype(alpha.dtype)


def pixels_of(image: Any) -> np.ndarray[Any, Any]:
    """The numbers of an array, a PIL image or a picture of a file, at their own depth.

    Gray or RGB, with alpha where there is any; further channels of a file are left out.
    """
    if isinstance(image, np.ndarray):
        return np.asarray(image)  # a matrix has no third axis
    if isinstance(image, FilePicture):
        return channels_of(replace(image, extra=None, meanings=()))
    return _pil_pixels(image)


def _pil_pixels(image: Image.Image) -> np.ndarray[Any, Any]:
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


def rebuilt(pixels: np.ndarray[Any, Any], like: Any) -> Any:
    """Pixels as `pixels_of` gives them, as the kind of thing that ``like`` is, with what it carries.

    That is the colour profile, resolution and EXIF of a PIL image, and all that a picture of a file has;
    channels of a file besides colour and alpha stay where the size does.
    """
    if isinstance(like, np.ndarray):
        return pixels
    if isinstance(like, FilePicture):
        colour = pixels[..., :3] if pixels.shape[-1] > 2 else np.repeat(pixels[..., :1], 3, axis=-1)
        alpha = None if like.alpha is None else np.ascontiguousarray(pixels[..., -1])
        return like.with_pixels(np.ascontiguousarray(colour), alpha=alpha)
    from PIL import Image

    image = Image.fromarray(pixels)
    # A transparent colour has become alpha.
    image.info = {key: value for key, value in like.info.items() if key != "transparency"}
    return image


def copied(image: Any) -> Any:
    """A copy of a picture that shares no pixels with it."""
    if isinstance(image, Tensor):
        return image.detach().clone()
    if isinstance(image, FilePicture):
        alpha = None if image.alpha is None else image.alpha.copy()
        return replace(image, pixels=image.pixels.copy(), alpha=alpha)
    return image.copy()
