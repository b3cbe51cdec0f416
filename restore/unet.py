"""The network: a local U-Net behind a 2x2 pixel-unshuffle, noise level in by scale and shift."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class UNetConfig:
    """Shape of the network.

    channels: width at 1/2, 1/4, 1/8, ... of the full resolution.
    blocks: residual blocks per level, each way.
    embedding: width of the noise-level embedding.
    inputs, outputs: planes per full-resolution pixel.
    """

    channels: tuple[int, ...] = (48, 96, 128, 160)
    blocks: int = 2
    embedding: int = 128
    inputs: int = 9
    outputs: int = 3

    @property
    def multiple(self) -> int:
        """Height and width of the input must be multiples of this."""
        return int(2 ** len(self.channels))


class ResidualBlock(nn.Module):
    """``x + W2 relu(gain(level) * (W1 x) + shift(level))``, no normalisation.

    Norm-free as EDSR (Lim et al. 2017) and DRUNet (Zhang et al. 2021): the amplitude of the signal
    is what a denoiser must keep. The gain and shift come from the noise level (FiLM).
    """

    def __init__(self, channels: int, embedding: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = nn.Linear(embedding, 2 * channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        gain, shift = self.film(level).chunk(2, dim=1)
        gain = 1 + gain
        if len(level) == 1:
            # One noise level for the whole batch: the modulation folds into the convolution,
            # which saves two passes over the feature map.
            bias = self.conv1.bias * gain[0] + shift[0]
            h = F.conv2d(x, self.conv1.weight * gain[0, :, None, None, None], bias, padding=1)
        else:
            h = self.conv1(x) * gain[:, :, None, None] + shift[:, :, None, None]
        return x + self.conv2(F.relu(h, inplace=not torch.is_grad_enabled()))


class UNet(nn.Module):
    """Map ``(b, inputs, h, w)`` and a log-SNR ``(b,)`` or ``(1,)`` to ``(b, outputs, h, w)``.

    Every output pixel depends on a bounded neighbourhood only (``halo`` pixels each way): no
    normalisation over the plane, no global attention. h and w are multiples of
    ``config.multiple``.
    """

    def __init__(self, config: UNetConfig):
        super().__init__()
        self.config = config
        width = config.embedding
        self.register_buffer("frequencies", torch.exp(torch.linspace(math.log(0.05), math.log(2.0), width // 4)))
        self.embed = nn.Sequential(nn.Linear(width // 2, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        ch = config.channels
        self.stem = nn.Conv2d(4 * config.inputs, ch[0], 3, padding=1)
        self.encoder = nn.ModuleList(self._level(c) for c in ch)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in zip(ch[:-1], ch[1:], strict=True))
        self.up = nn.ModuleList(nn.Conv2d(b, 4 * a, 1) for a, b in zip(ch[:-1], ch[1:], strict=True))
        self.decoder = nn.ModuleList(self._level(c) for c in ch[:-1])
        self.head = nn.Conv2d(ch[0], 4 * config.outputs, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def _level(self, channels: int) -> nn.ModuleList:
        return nn.ModuleList(ResidualBlock(channels, self.config.embedding) for _ in range(self.config.blocks))

    @property
    def halo(self) -> int:
        """Radius in pixels outside of which nothing influences an output pixel."""
        per_level = 2 * self.config.blocks
        levels = len(self.config.channels)
        radius = 2 * 2  # stem and head at half resolution
        for i in range(levels):
            ways = 1 if i == levels - 1 else 2
            radius += (ways * per_level + 1) * 2 ** (i + 1)  # +1: the coarse cell a pixel falls in
        return radius

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        phase = log_snr[:, None].float() * self.frequencies.float()
        level = self.embed(torch.cat([phase.sin(), phase.cos()], dim=1).to(self.stem.weight.dtype))
        h = self.stem(F.pixel_unshuffle(x, 2))
        skips = []
        for i, blocks in enumerate(self.encoder):
            if i:
                h = self.down[i - 1](h)
            for block in blocks:
                h = block(h, level)
            skips.append(h)
        for i in reversed(range(len(self.decoder))):
            h = skips[i] + F.pixel_shuffle(self.up[i](h), 2)
            for block in self.decoder[i]:
                h = block(h, level)
        return F.pixel_shuffle(self.head(h), 2)
