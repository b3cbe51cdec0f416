"""Published methods, measured beside restore in the same run on the same pictures.

Two networks rebuilt from their published weights, and what Pillow, OpenCV, scikit-image and, where it is
installed, the bm3d package offer. Nothing here is part of the toolkit. Pictures are float32 tensors
``(1, 3, h, w)`` in [0, 1], sigma is on the 0..255 scale, holes are ``(1, 1, h, w)`` with 1 where content
is missing. What takes 8 bits only is given the picture clamped and rounded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from restore.metrics import luma

Bytes = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def to_bytes(image: Tensor) -> Bytes:
    """The picture as 8-bit RGB ``(h, w, 3)``, clamped and rounded."""
    return (image[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def from_bytes(pixels: Bytes) -> Tensor:
    """8-bit RGB ``(h, w, 3)`` as a picture."""
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / 255


def file_hash(path: Path) -> str:
    """The first 12 digits of the file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _arrays(path: Path, device: str) -> dict[str, Tensor]:
    with np.load(path, allow_pickle=False) as arrays:
        tensors = {name: torch.from_numpy(arrays[name]).to(device) for name in arrays.files}
    # The layout that convolutions are fastest in; it changes no number of the definition.
    return {
        n: t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t for n, t in tensors.items()
    }


# Denoising


def ffdnet(path: Path, device: str = "cpu") -> Callable[[Tensor, float], Tensor]:
    """FFDNet for colour (Zhang et al. 2018): twelve convolutions at half resolution, told sigma."""
    weights = _arrays(path, device)
    layers = [(weights[f"w{k}"], weights[f"b{k}"]) for k in range(12)]

    def denoise(noisy: Tensor, sigma: float) -> Tensor:
        h, w = noisy.shape[-2:]
        even = F.pad(noisy.to(device), (0, w % 2, 0, h % 2), mode="replicate")
        n, c, eh, ew = even.shape
        # Channel by channel, the four phases with the row offset running fastest: torch's pixel_unshuffle
        # has the column offset running fastest.
        phases = (
            even.view(n, c, eh // 2, 2, ew // 2, 2).permute(0, 1, 5, 3, 2, 4).reshape(n, 4 * c, eh // 2, -1)
        )
        x = torch.cat([phases, torch.full_like(phases[:, :1], sigma / 255)], 1)
        for number, (weight, bias) in enumerate(layers):
            x = F.conv2d(x if number == 0 else F.relu(x), weight, bias, padding=1)
        x = x.view(n, c, 2, 2, eh // 2, ew // 2).permute(0, 1, 4, 3, 5, 2).reshape(n, c, eh, ew)
        return x[..., :h, :w].cpu()

    return torch.inference_mode()(denoise)


# Strength of non-local means at each sigma: of 0.4 to 1.2 times sigma in steps of 0.2, the best PSNR on four
# validation pictures. The Lab variant, fastNlMeansDenoisingColored, is 2 dB below at its best.
NLM_STRENGTH = {15: 18, 25: 25, 50: 40}


def non_local_means(noisy: Tensor, sigma: float) -> Tensor:
    """OpenCV's fastNlMeansDenoising (Buades et al. 2005) over all three channels at once."""
    import cv2

    return from_bytes(cv2.fastNlMeansDenoising(to_bytes(noisy), None, NLM_STRENGTH[round(sigma)], 7, 21))


def bm3d(noisy: Tensor, sigma: float) -> Tensor:
    """CBM3D (Dabov et al. 2007) by the bm3d package, which is not a dependency; see ``has_bm3d``."""
    from bm3d import bm3d_rgb

    clean = bm3d_rgb(noisy[0].permute(1, 2, 0).double().numpy(), sigma / 255)
    return torch.from_numpy(np.asarray(clean)).permute(2, 0, 1)[None].float()


def has_bm3d() -> bool:
    """Whether the bm3d package is installed."""
    from importlib.util import find_spec

    return find_spec("bm3d") is not None


# Enlarging


def enlarge(small: Tensor, scale: int, resampling: Image.Resampling) -> Tensor:
    """Pillow's resize by a whole factor, in 8 bits."""
    picture = Image.fromarray(to_bytes(small))
    size = (scale * picture.width, scale * picture.height)
    return from_bytes(np.asarray(picture.resize(size, resampling)))


def vdsr(path: Path, device: str = "cpu") -> Callable[[Tensor, int], Tensor]:
    """VDSR (Kim et al. 2016): twenty convolutions add detail to the luma of the bicubic enlargement.

    The enlargement is not rounded: at 8 bits the network takes the steps for detail and loses 0.2 dB.
    """
    weights = _arrays(path, device)
    layers = [weights[f"w{k}"] for k in range(20)]

    def upscale(small: Tensor, scale: int) -> Tensor:
        size = (scale * small.shape[-2], scale * small.shape[-1])
        # antialias makes no difference to an enlargement, except that the kernel is MATLAB's (a = -0.5).
        bicubic = F.interpolate(small, size=size, mode="bicubic", antialias=True)
        x = luma(bicubic.to(device))
        for number, weight in enumerate(layers):
            x = F.conv2d(x if number == 0 else F.relu(x), weight, padding=1)
        # Luma spans 219 of 255 levels; the colour differences stay those of the enlargement.
        return bicubic + x.cpu() * 255 / 219

    return torch.inference_mode()(upscale)


# Filling


def telea(damaged: Tensor, hole: Tensor) -> Tensor:
    """OpenCV's fast-marching fill (Telea 2004), radius 3."""
    import cv2

    return _opencv_fill(damaged, hole, cv2.INPAINT_TELEA)


def navier_stokes(damaged: Tensor, hole: Tensor) -> Tensor:
    """OpenCV's Navier-Stokes fill (Bertalmio et al. 2001), radius 3."""
    import cv2

    return _opencv_fill(damaged, hole, cv2.INPAINT_NS)


def _opencv_fill(damaged: Tensor, hole: Tensor, method: int) -> Tensor:
    import cv2

    mask = (hole[0, 0] > 0).byte().numpy() * 255
    return from_bytes(cv2.inpaint(to_bytes(damaged), mask, 3, method))


def biharmonic(damaged: Tensor, hole: Tensor) -> Tensor:
    """scikit-image's inpaint_biharmonic (Damelin and Hoang 2018)."""
    from skimage.restoration import inpaint_biharmonic

    pixels = damaged[0].permute(1, 2, 0).double().numpy()
    filled = inpaint_biharmonic(pixels, (hole[0, 0] > 0).numpy(), channel_axis=-1)
    return torch.from_numpy(filled).permute(2, 0, 1)[None].float()
