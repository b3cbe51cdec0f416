"""The U-Net with attention of the published DDPM checkpoints: Ho et al. (2020), Dhariwal and Nichol (2021).

One network for what OpenAI's guided-diffusion and diffusers' UNet2DModel build; `restore.foreign` reads
their checkpoints into it. It normalises over the whole picture and attends to all of it, so a picture is
computed at once, however large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class AttentionUNetConfig:
    """What a checkpoint needs to be rebuilt.

    channels: at each level. blocks: residual blocks at each level on the way down, one more on the way up.
    attention: for each level, whether its blocks attend. outputs: 6 for learned variances.
    classes: number of them, 0 for an unconditional network. head_channels: of one attention head.
    scale_shift: the embedding scales and shifts the second norm (else it is added before it).
    residual: for each level, whether the way down from it and up from it is a residual block around a mean
        over 2x2 pixels or a doubling; else it is a convolution.
    one_sided: down-sampling convolutions see no pixel before the first (padding of 0 on the left and top).
    sine_first, shift: order of the timestep's sines and cosines; ``10000^(-i / (half - shift))`` their
        frequencies. middle_attention: whether the lowest level attends between its two blocks.
    middle_groups: of the norm of that attention, where they are others; 0 for no norm.
    """

    channels: tuple[int, ...]
    blocks: int
    attention: tuple[bool, ...]
    residual: tuple[bool, ...]
    inputs: int = 3
    outputs: int = 3
    classes: int = 0
    head_channels: int = 64
    groups: int = 32
    eps: float = 1e-5
    scale_shift: bool = True
    one_sided: bool = False
    sine_first: bool = False
    shift: float = 0.0
    middle_attention: bool = True
    middle_groups: int | None = None

    def __post_init__(self) -> None:
        lengths = {len(self.channels), len(self.attention), len(self.residual)}
        if len(lengths) != 1 or not self.channels or self.blocks < 1:
            raise ValueError(
                "expected channels, attention and residual for each level and at least one block, got "
                f"{self.channels}, {self.attention}, {self.residual} and {self.blocks}"
            )


class AttentionUNet(nn.Module):
    """``network(x_t, t, labels)``: x_t ``(b, 3, h, w)`` in DDPM coordinates, t ``(b,)`` in timesteps, labels
    ``(b,)`` for a class-conditional network. Gives ``(b, outputs, h, w)``; h, w are multiples of `multiple`.
    """

    def __init__(self, config: AttentionUNetConfig):
        super().__init__()
        self.config = config
        c = config
        width = 4 * c.channels[0]
        self.embed = nn.Sequential(nn.Linear(c.channels[0], width), nn.SiLU(), nn.Linear(width, width))
        self.labels = nn.Embedding(c.classes, width) if c.classes else None
        self.stem = nn.Conv2d(c.inputs, c.channels[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips, last = [c.channels[0]], c.channels[0]
        for level, (wide, attends) in enumerate(zip(c.channels, c.attention, strict=True)):
            for _ in range(c.blocks):
                self.down.append(Stage(c, last, wide, attends=attends))
                last = wide
                skips.append(last)
            if level < len(c.channels) - 1:
                self.down.append(Stage(c, last, last, level=level, resample="down", only_resample=True))
                skips.append(last)
        self.middle = nn.ModuleList(
            [
                Stage(c, last, last, attends=c.middle_attention, groups=c.middle_groups),
                Stage(c, last, last),
            ]
        )
        for level in reversed(range(len(c.channels))):
            for number in range(c.blocks + 1):
                up = level > 0 and number == c.blocks
                wide, attends = c.channels[level], c.attention[level]
                self.up.append(
                    Stage(
                        c,
                        last + skips.pop(),
                        wide,
                        attends=attends,
                        level=level,
                        resample="up" if up else None,
                    )
                )
                last = wide
        self.head = nn.Sequential(
            nn.GroupNorm(c.groups, last, c.eps), nn.SiLU(), nn.Conv2d(last, c.outputs, 3, padding=1)
        )

    @property
    def multiple(self) -> int:
        """What both sides of a picture are multiples of."""
        return 1 << len(self.config.channels) - 1

    def forward(self, x_t: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        embedding = self.embed(self._sinusoids(t).to(x_t.dtype))
        if self.labels is not None:
            if labels is None:
                raise ValueError(f"this network is conditioned on {self.config.classes} classes; pass labels")
            embedding = embedding + self.labels(labels)
        x = self.stem(x_t)
        skips = [x]
        for stage in self.down:
            x = stage(x, embedding)
            skips.append(x)
        for stage in self.middle:
            x = stage(x, embedding)
        for stage in self.up:
            x = stage(torch.cat([x, skips.pop()], 1), embedding)
        result: Tensor = self.head(x)
        return result

    def _sinusoids(self, t: Tensor) -> Tensor:
        """Vaswani et al. (2017), section 3.5, of timesteps."""
        half = self.config.channels[0] // 2
        place = torch.arange(half, dtype=torch.float32, device=t.device)
        angles = t.float()[:, None] * torch.exp(-math.log(10_000) * place / (half - self.config.shift))
        parts = (angles.sin(), angles.cos()) if self.config.sine_first else (angles.cos(), angles.sin())
        return torch.cat(parts, 1)


class Stage(nn.Module):
    """What stands between two skips: a residual block, attention, a change of resolution."""

    def __init__(
        self,
        config: AttentionUNetConfig,
        inputs: int,
        outputs: int,
        *,
        attends: bool = False,
        level: int = 0,
        resample: Literal["down", "up"] | None = None,
        only_resample: bool = False,
        groups: int | None = None,
    ):
        super().__init__()
        self.block = None if only_resample else Residual(config, inputs, outputs)
        self.attention = Attention(config, outputs, groups) if attends else None
        self.resample: Residual | Resampling | None = None
        if resample is not None:
            kind = Residual if config.residual[level] else Resampling
            self.resample = kind(config, outputs, outputs, resample)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        if self.block is not None:
            x = self.block(x, embedding)
        if self.attention is not None:
            x = self.attention(x)
        return x if self.resample is None else self.resample(x, embedding)


class Residual(nn.Module):
    """Norm, SiLU and convolution twice, the timestep in between; around it the input itself."""

    def __init__(
        self,
        config: AttentionUNetConfig,
        inputs: int,
        outputs: int,
        resample: Literal["down", "up"] | None = None,
    ):
        super().__init__()
        width = 4 * config.channels[0]
        self.scale_shift, self.resample = config.scale_shift, resample
        self.norm1 = nn.GroupNorm(config.groups, inputs, config.eps)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.embed = nn.Linear(width, 2 * outputs if config.scale_shift else outputs)
        self.norm2 = nn.GroupNorm(config.groups, outputs, config.eps)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = None if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = F.silu(self.norm1(x))
        if self.resample == "down":
            h, x = F.avg_pool2d(h, 2), F.avg_pool2d(x, 2)
        elif self.resample == "up":
            h, x = doubled(h), doubled(x)
        h = self.conv1(h)
        told = self.embed(F.silu(embedding))[:, :, None, None]
        if self.scale_shift:
            scale, shift = told.chunk(2, 1)
            h = self.norm2(h) * (1 + scale) + shift
        else:
            h = self.norm2(h + told)
        h = self.conv2(F.silu(h))
        return h + (x if self.shortcut is None else self.shortcut(x))  # type: ignore[no-any-return]


class Resampling(nn.Module):
    """A convolution of stride 2, or one after doubling."""

    def __init__(
        self, config: AttentionUNetConfig, inputs: int, outputs: int, resample: Literal["down", "up"]
    ):
        super().__init__()
        self.up = resample == "up"
        self.one_sided = config.one_sided and not self.up
        self.conv = nn.Conv2d(
            inputs, outputs, 3, stride=1 if self.up else 2, padding=0 if self.one_sided else 1
        )

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        if self.up:
            x = doubled(x)
        elif self.one_sided:
            x = F.pad(x, (0, 1, 0, 1))
        return self.conv(x)  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Every pixel looks at all pixels (Vaswani et al. 2017), in heads; added to the input."""

    def __init__(self, config: AttentionUNetConfig, channels: int, groups: int | None = None):
        super().__init__()
        self.heads = max(1, channels // config.head_channels)
        groups = config.groups if groups is None else groups
        self.norm = nn.GroupNorm(groups, channels, config.eps) if groups else nn.Identity()
        self.query, self.key, self.value, self.project = (nn.Linear(channels, channels) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        pixels = self.norm(x).view(b, c, h * w).mT

        def in_heads(planes: Tensor) -> Tensor:
            return planes.view(b, h * w, self.heads, -1).transpose(1, 2)

        query, key, value = (in_heads(linear(pixels)) for linear in (self.query, self.key, self.value))
        seen = F.scaled_dot_product_attention(query, key, value)
        answer = self.project(seen.transpose(1, 2).reshape(b, h * w, c))
        return x + answer.mT.reshape(b, c, h, w)  # type: ignore[no-any-return]


def doubled(x: Tensor) -> Tensor:
    """Each pixel four times."""
    return F.interpolate(x, scale_factor=2, mode="nearest")
