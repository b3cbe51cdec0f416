"""Take pictures as people hold them (NumPy, PIL, torch) and give back the same kind of thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL import Image

Picture = TypeVar("Picture", "np.ndarray[Any, Any]", Tensor, "Image.Image")
"""A NumPy array ``(h, w)`` or ``(h, w, 3)`` of uint8, uint16 or float in [0, 1]; a float tensor
``(3, h, w)`` or ``(b, 3, h, w)`` in [0, 1]; or a PIL image (L, RGB, or with alpha)."""


@dataclass(frozen=True)
class Canvas:
    """A picture as a batch, and the way back to the kind of thing it was.

    batch: float32 ``(b, 3, h, w)`` in [0, 1].
    """

    batch: Tensor
    original: Any

    def like_original(self, result: Tensor) -> Any:
        """The result ``(b, 3, h', w')`` as the kind, depth and number of channels of the original.

        Integers are rounded and clamped; floats keep what lies outside [0, 1]. A PIL image's alpha is
        kept, resized when the size has changed.
        """
        original = self.original
        if isinstance(original, Tensor):
            result = result.to(original.device, original.dtype)
            return result[0] if original.ndim == 3 else result
        if isinstance(original, np.ndarray):
            return _to_array(result, original)
        return _to_pil(result, original)

    def paste(self, result: Tensor, hole: Tensor) -> Any:
        """The original with the result ``(b, 3, h, w)`` inside the hole ``(b, 1, h, w)`` only.

        Outside the hole every number is the original's own, bit for bit.
        """
        original = self.original
        inside = hole > 0
        if isinstance(original, Tensor):
            inside = inside.to(original.device)
            return torch.where(inside[0] if original.ndim == 3 else inside, self.like_original(result), original)
        mask = inside[0, 0].cpu().numpy()
        if isinstance(original, np.ndarray):
            filled = self.like_original(result)
            return np.where(mask[..., None] if original.ndim == 3 else mask, filled, original)
        from PIL import Image

        filled = self.like_original(result)
        kept = original.convert(filled.mode) if original.mode != filled.mode else original.copy()
        kept.paste(filled, (0, 0), Image.fromarray((mask * 255).astype(np.uint8)))
        return kept


def canvas(image: Any) -> Canvas:
    """Read a picture; TypeError for a kind or depth that is not known, ValueError for shape or values."""
    if isinstance(image, Tensor):
        batch = _from_tensor(image)
    elif isinstance(image, np.ndarray):
        batch = _from_array(image)
    elif hasattr(image, "convert") and hasattr(image, "getbands"):
        batch = _from_array(np.asarray(_plain(image)))
    else:
        raise TypeError(
            f"expected a NumPy array, a PIL image or a torch tensor, got {type(image).__name__}; "
            "for a file use the command line or restore.images.read"
        )
    if min(batch.shape) < 1:
        raise ValueError(f"the picture has no pixels: its shape is {tuple(image.shape)}")
    if not torch.isfinite(batch).all():
        raise ValueError("the picture holds values that are not finite (NaN or infinity)")
    if float(batch.amax()) > 16:
        raise ValueError(
            f"float pictures are expected in [0, 1], got values up to {float(batch.amax()):g}; divide by 255"
        )
    return Canvas(batch, image)


def hole_of(mask: Any, size: tuple[int, int], mask_means: str = "fill") -> Tensor:
    """Read a mask as a hole ``(b, 1, h, w)``, 1 where content must be invented.

    mask: bool or numbers, ``(h, w)``, ``(1, h, w)`` or ``(b, 1, h, w)``, array, tensor or PIL image; white
    (above half of its kind's range) means fill, or keep with ``mask_means="keep"``. Raises ValueError when
    it does not have the picture's size (h, w).
    """
    if mask_means not in ("fill", "keep"):
        raise ValueError(f"mask_means is 'fill' or 'keep', got {mask_means!r}")
    if not isinstance(mask, np.ndarray | Tensor):
        mask = np.asarray(mask.convert("L")) if hasattr(mask, "convert") else np.asarray(mask)
    if isinstance(mask, np.ndarray):
        top = np.iinfo(mask.dtype).max if mask.dtype.kind in "iu" else 1
        if mask.dtype.kind in "iu" and mask.size and mask.max() == 1:
            top = 1  # a mask of zeros and ones, whatever its type
        white = torch.from_numpy(np.ascontiguousarray(mask > top / 2))
    else:
        white = mask if mask.dtype == torch.bool else mask > 0.5
    while white.ndim < 4:
        white = white[None]
    if white.shape[-2:] != torch.Size(size) or white.shape[1] != 1:
        raise ValueError(
            f"mask is {white.shape[-1]}x{white.shape[-2]} but the picture is {size[1]}x{size[0]} (w x h); "
            "resize the mask"
        )
    return (white if mask_means == "fill" else ~white).float()


def _from_tensor(image: Tensor) -> Tensor:
    if not image.is_floating_point():
        raise TypeError(f"tensors are expected as floats in [0, 1], got {image.dtype}; divide by 255")
    batch = image[None] if image.ndim == 3 else image
    if batch.ndim != 4 or batch.shape[1] != 3:
        raise ValueError(f"tensors are expected as (3, h, w) or (b, 3, h, w), got {tuple(image.shape)}")
    return batch.detach().float()


def _from_array(image: np.ndarray[Any, Any]) -> Tensor:
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3)):
        raise ValueError(
            f"arrays are expected as (h, w), (h, w, 1) or (h, w, 3), got {image.shape}; split off alpha first"
        )
    if image.dtype in (np.uint8, np.uint16):
        values = image.astype(np.float32) / np.iinfo(image.dtype).max
    elif image.dtype.kind == "f":
        values = image.astype(np.float32)
    else:
        raise TypeError(f"arrays are expected as uint8, uint16 or float, got {image.dtype}")
    if values.ndim == 2:
        values = values[..., None]
    batch = torch.from_numpy(np.ascontiguousarray(values)).permute(2, 0, 1)[None]
    return batch.expand(-1, 3, -1, -1).contiguous()


def _to_array(result: Tensor, like: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    values = result[0].permute(1, 2, 0).cpu().numpy()
    if like.ndim == 2 or like.shape[2] == 1:
        values = values.mean(axis=2, keepdims=like.ndim == 3)
    if like.dtype.kind == "u":
        top = np.iinfo(like.dtype).max
        values = np.rint(values.astype(np.float64).clip(0, 1) * top)
    return values.astype(like.dtype)


def _plain(image: Image.Image) -> Image.Image:
    """Without alpha and palette: L or RGB."""
    return image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")


def _to_pil(result: Tensor, like: Image.Image) -> Image.Image:
    from PIL import Image

    image = Image.fromarray(_to_array(result, np.asarray(_plain(like))))
    if like.has_transparency_data:
        alpha = like.convert("RGBA").getchannel("A")
        image.putalpha(alpha if alpha.size == image.size else alpha.resize(image.size, Image.Resampling.BICUBIC))
    return image
