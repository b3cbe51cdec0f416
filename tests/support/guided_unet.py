"""OpenAI's guided-diffusion U-Net stated anew, with its module names, to write checkpoints as it would."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TimestepSequential(nn.Sequential):
    """Layers, of which residual blocks take the timestep's embedding."""

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:  # type: ignore[override]
        for layer in self:
            x = layer(x, emb) if isinstance(layer, ResBlock) else layer(x)
        return x


class ResBlock(nn.Module):
    def __init__(self, inputs: int, width: int, outputs: int, *, shift: bool, change: str = ""):
        super().__init__()
        self.shift, self.change = shift, change
        self.in_layers = nn.Sequential(
            nn.GroupNorm(32, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(width, outputs * (2 if shift else 1)))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(32, outputs), nn.SiLU(), nn.Dropout(0), nn.Conv2d(outputs, outputs, 3, padding=1)
        )
        self.skip_connection = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def changed(self, x: Tensor) -> Tensor:
        if self.change == "up":
            return x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        return F.avg_pool2d(x, 2) if self.change == "down" else x

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        h = self.in_layers[2](self.changed(self.in_layers[1](self.in_layers[0](x))))
        embedded = self.emb_layers(emb)[..., None, None]
        if self.shift:
            scale, shift = torch.chunk(embedded, 2, dim=1)
            h = self.out_layers[0](h) * (1 + scale) + shift
            h = self.out_layers[3](self.out_layers[1](h))
        else:
            h = self.out_layers(h + embedded)
        return self.skip_connection(self.changed(x)) + h


class AttentionBlock(nn.Module):
    """The legacy order of queries, keys and values is head by head; in the new one those of all heads stand
    together (QKVAttentionLegacy and QKVAttention)."""

    def __init__(self, channels: int, heads: int, *, new_order: bool = False):
        super().__init__()
        self.heads, self.new_order = heads, new_order
        self.norm = nn.GroupNorm(32, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        qkv = self.qkv(self.norm(x).reshape(b, c, -1))
        if self.new_order:
            q, k, v = (one.reshape(b * self.heads, c // self.heads, h * w) for one in qkv.chunk(3, dim=1))
        else:
            each = qkv.reshape(b * self.heads, 3 * c // self.heads, h * w)
            q, k, v = each.split(c // self.heads, dim=1)
        scale = 1 / math.sqrt(math.sqrt(c // self.heads))
        weight = torch.softmax(torch.einsum("bct,bcs->bts", q * scale, k * scale), dim=-1)
        seen = torch.einsum("bts,bcs->bct", weight, v).reshape(b, c, -1)
        return x + self.proj_out(seen).reshape(b, c, h, w)


class Downsample(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


class Upsample(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x.repeat_interleave(2, 2).repeat_interleave(2, 3))


@dataclass(frozen=True)
class Flags:
    """Those of guided-diffusion."""

    classes: int = 0
    outputs: int = 3
    updown: bool = False
    scale_shift: bool = True
    heads: int = 0
    new_order: bool = False


class GuidedUNet(nn.Module):
    HEAD_CHANNELS = 16

    def __init__(
        self, channels: int, multipliers: tuple[int, ...], blocks: int, attends: tuple[int, ...], **flags: Any
    ):
        super().__init__()
        given = Flags(**flags)
        self.channels, width = channels, 4 * channels
        common: dict[str, Any] = {"shift": given.scale_shift}

        def attention(c: int) -> AttentionBlock:
            return AttentionBlock(c, given.heads or c // self.HEAD_CHANNELS, new_order=given.new_order)

        self.time_embed = nn.Sequential(nn.Linear(channels, width), nn.SiLU(), nn.Linear(width, width))
        if given.classes:
            self.label_emb = nn.Embedding(given.classes, width)
        self.input_blocks = nn.ModuleList([TimestepSequential(nn.Conv2d(3, channels, 3, padding=1))])
        skips, c = [channels], channels
        for level, factor in enumerate(multipliers):
            for _ in range(blocks):
                layers: list[nn.Module] = [ResBlock(c, width, factor * channels, **common)]
                c = factor * channels
                layers += [attention(c)] if level in attends else []
                self.input_blocks.append(TimestepSequential(*layers))
                skips.append(c)
            if level < len(multipliers) - 1:
                down = ResBlock(c, width, c, **common, change="down") if given.updown else Downsample(c)
                self.input_blocks.append(TimestepSequential(down))
                skips.append(c)
        self.middle_block = TimestepSequential(
            ResBlock(c, width, c, **common), attention(c), ResBlock(c, width, c, **common)
        )
        self.output_blocks = nn.ModuleList()
        for level, factor in reversed(list(enumerate(multipliers))):
            for number in range(blocks + 1):
                layers = [ResBlock(c + skips.pop(), width, factor * channels, **common)]
                c = factor * channels
                layers += [attention(c)] if level in attends else []
                if level and number == blocks:
                    layers.append(
                        ResBlock(c, width, c, **common, change="up") if given.updown else Upsample(c)
                    )
                self.output_blocks.append(TimestepSequential(*layers))
        self.out = nn.Sequential(nn.GroupNorm(32, c), nn.SiLU(), nn.Conv2d(c, given.outputs, 3, padding=1))

    def forward(self, x: Tensor, timesteps: Tensor, y: Tensor | None = None) -> Tensor:
        half = self.channels // 2
        angles = timesteps[:, None].float() * torch.exp(-math.log(10000) * torch.arange(half) / half)[None]
        emb = self.time_embed(torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1))
        if y is not None:
            emb = emb + self.label_emb(y)
        kept = []
        for block in self.input_blocks:
            x = block(x, emb)
            kept.append(x)
        x = self.middle_block(x, emb)
        for block in self.output_blocks:
            x = block(torch.cat([x, kept.pop()], dim=1), emb)
        return self.out(x)
