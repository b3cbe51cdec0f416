"""FFDNet and VDSR rebuilt from their published weights, as rows beside restore's.

    restore eval denoise --data DIR --peer FFDNet=benchmarks/peers.py:ffdnet:ffdnet_color.npz
    restore eval upscale --data DIR --peer VDSR=benchmarks/peers.py:vdsr:vdsr_luma.npz

Nothing here is part of the toolkit. The weights are arrays in a .npz file, see benchmarks/README.md.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from restore.evaluation.cases import Given, Restorer
from restore.evaluation.metrics import luma


def _arrays(path: Path, device: str) -> dict[str, Tensor]:
    with np.load(path, allow_pickle=False) as arrays:
        tensors = {name: torch.from_numpy(arrays[name]).to(device) for name in arrays.files}
    # The layout that convolutions are fastest in; it changes no number of the definition.
    return {
        n: t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t for n, t in tensors.items()
    }


# Denoising


def ffdnet(path: Path, device: str = "cpu") -> Restorer:
    """FFDNet for colour (Zhang et al. 2018): twelve convolutions at half resolution, told sigma."""
    weights = _arrays(path, device)
    layers = [(weights[f"w{k}"], weights[f"b{k}"]) for k in range(12)]

    def denoise(given: Given) -> Tensor:
        if given.sigma is None:
            raise ValueError("FFDNet must be told sigma, which this protocol does not tell")
        noisy = given.image
        h, w = noisy.shape[-2:]
        even = F.pad(noisy.to(device), (0, w % 2, 0, h % 2), mode="replicate")
        n, c, eh, ew = even.shape
        # Channel by channel, the four phases with the row offset running fastest: torch's pixel_unshuffle
        # has the column offset running fastest.
        phases = (
            even.view(n, c, eh // 2, 2, ew // 2, 2).permute(0, 1, 5, 3, 2, 4).reshape(n, 4 * c, eh // 2, -1)
        )
        x = torch.cat([phases, torch.full_like(phases[:, :1], given.sigma / 255)], 1)
        for number, (weight, bias) in enumerate(layers):
            x = F.conv2d(x if number == 0 else F.relu(x), weight, bias, padding=1)
        x = x.view(n, c, 2, 2, eh // 2, ew // 2).permute(0, 1, 4, 3, 5, 2).reshape(n, c, eh, ew)
        return x[..., :h, :w].cpu()

    return torch.inference_mode()(denoise)


def vdsr(path: Path, device: str = "cpu") -> Restorer:
    """VDSR (Kim et al. 2016): twenty convolutions add detail to the luma of the bicubic enlargement.

    The enlargement is not rounded: at 8 bits the network takes the steps for detail and loses 0.2 dB.
    """
    weights = _arrays(path, device)
    layers = [weights[f"w{k}"] for k in range(20)]

    def upscale(given: Given) -> Tensor:
        small, scale = given.image, given.scale or 1
        size = (scale * small.shape[-2], scale * small.shape[-1])
        # antialias makes no difference to an enlargement, except that the kernel is MATLAB's (a = -0.5).
        bicubic = F.interpolate(small, size=size, mode="bicubic", antialias=True)
        x = luma(bicubic.to(device))
        for number, weight in enumerate(layers):
            x = F.conv2d(x if number == 0 else F.relu(x), weight, padding=1)
        # Luma spans 219 of 255 levels; the colour differences stay those of the enlargement.
        return bicubic + x.cpu() * 255 / 219

    return torch.inference_mode()(upscale)
