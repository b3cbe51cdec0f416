"""The U-Net with attention of the published DDPM checkpoints: Ho et al. (2020), Dhariwal and Nichol (2021).

One network for what OpenAI's guided-diffusion and diffusers' UNet2DModel build;
`restore.priors.foreign.guided_diffusion` and `restore.priors.foreign.diffusers` read their checkpoints into
it. It normalises over the whole picture and attends to all of it, so a picture is computed at once, however
large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore.images.outside import shown

# Of the whole numbers of a configuration: no file makes a machine build what it cannot hold.
RANGES = {
    "channels": (2, 65_536),
    "blocks": (1, 32),
    "classes": (0, 65_536),
    "heads": (0, 65_536),
    "head_channels": (1, 65_536),
    "groups": (1, 65_536),
    "middle_groups": (0, 65_536),
}
MOST_LEVELS = 8  # a picture is padded to a multiple of 2 to their number less one
MOST_NUMBERS = 2**31
FLAGS = ("attention", "residual", "scale_shift", "one_sided", "sine_first", "middle_attention")


LISTS = ("attention", "residual")  # a value for each level


def is_number(value: object) -> bool:
    """Whether a value of a file is a finite number, and not a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e30 < value < 1e30


@dataclass(frozen=True)
class AttentionUNetConfig:
    """The shape of an `AttentionUNet`.

    Parameters
    ----------
    channels : at each level.
    blocks : residual blocks at each level on the way down; there is one more on the way up.
    attention : for each level, whether its blocks attend.
    residual : for each level, whether the way down from it and up from it is a residual block around a mean
        over 2x2 pixels or a doubling; else it is a convolution.
    inputs : 3.
    outputs : 3, or 6 for learned variances.
    classes : number of classes, 0 for an unconditional network.
    head_channels : channels of each head of an attention.
    groups : of every norm.
    eps : of every norm, above 0 and up to 1.
    scale_shift : whether the embedding scales and shifts the second norm; else it is added before it.
    one_sided : whether down-sampling convolutions see no pixel before the first (padding of 0 on the left and
        top).
    sine_first, shift : order of the timestep's sines and cosines; ``10000^(-i / (half - shift))`` their
        frequencies.
    middle_attention : whether the lowest level attends between its two blocks.
    middle_groups : of the norm of that attention, where they are others; 0 for no norm.
    heads : of every attention; 0 for as many as there are head_channels in its channels.

    Raises
    ------
    ValueError
        For values of another type, out of range, or that do not divide into each other.
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
    heads: int = 0

    def __post_init__(self) -> None:
        self._check_types()
        self._check_shape()
        self._check_divisions()
        if (numbers := sum(self.sizes)) > MOST_NUMBERS:
            raise ValueError(f"a network of {numbers} numbers is too large, {MOST_NUMBERS} are the most")

    @property
    def sizes(self) -> list[int]:
        """How many numbers each tensor of the network holds, without building it."""
        c = self.channels
        middle = self.groups if self.middle_groups is None else self.middle_groups
        found = [4 * c[0] * c[0], 4 * c[0], 16 * c[0] * c[0], 4 * c[0]]
        found += [4 * c[0] * self.classes] * bool(self.classes) + [9 * self.inputs * c[0], c[0]]
        skips, last = [c[0]], c[0]
        for level, wide in enumerate(c):
            for _ in range(self.blocks):
                found += self._block(last, wide) + _attention(wide) * self.attention[level]
                last = wide
                skips.append(last)
            if level < len(c) - 1:
                found += self._resampling(level, last)
                skips.append(last)
        found += 2 * self._block(last, last)
        found += _attention(last, normed=bool(middle)) * self.middle_attention
        for level in reversed(range(len(c))):
            for number in range(self.blocks + 1):
                found += (
                    self._block(last + skips.pop(), c[level]) + _attention(c[level]) * self.attention[level]
                )
                last = c[level]
                if level and number == self.blocks:
                    found += self._resampling(level, last)
        return [*found, last, last, 9 * last * self.outputs, self.outputs]

    def _block(self, n: int, m: int) -> list[int]:
        """Those of a residual block from n channels to m."""
        told = 2 * m if self.scale_shift else m
        shortcut = [] if n == m else [n * m, m]
        return [n, n, 9 * n * m, m, 4 * self.channels[0] * told, told, m, m, 9 * m * m, m, *shortcut]

    def _resampling(self, level: int, n: int) -> list[int]:
        return self._block(n, n) if self.residual[level] else [9 * n * n, n]

    def _check_types(self) -> None:
        for name, (least, most) in RANGES.items():
            given = getattr(self, name)
            for value in given if name == "channels" and isinstance(given, tuple) else (given,):
                whole = type(value) is int and least <= value <= most
                if not whole and not (value is None and name == "middle_groups"):
                    raise ValueError(
                        f"expected {name} from {least} to {most}, in whole numbers; got {shown(given)}"
                    )
        for name in FLAGS:
            given = getattr(self, name)
            for value in given if name in LISTS and isinstance(given, tuple) else (given,):
                if type(value) is not bool:
                    raise ValueError(f"expected true or false for {name}, got {shown(given)}")

    def _check_shape(self) -> None:
        levels = len(self.channels)
        if not 1 <= levels <= MOST_LEVELS or not len(self.attention) == levels == len(self.residual):
            raise ValueError(
                f"expected 1 to {MOST_LEVELS} levels, with channels, attention and residual for each; got "
                f"{shown(self.channels)}, {shown(self.attention)} and {shown(self.residual)}"
            )
        if self.inputs != 3 or self.outputs not in (3, 6):
            raise ValueError(
                "expected 3 input and 3 or 6 output channels, got "
                f"{shown(self.inputs)} and {shown(self.outputs)}"
            )
        if not is_number(self.eps) or not 0 < self.eps <= 1:
            raise ValueError(f"expected an eps above 0 and up to 1, got {shown(self.eps)}")
        half = self.channels[0] // 2
        if self.channels[0] % 2 or not is_number(self.shift) or not 0 <= self.shift < half:
            raise ValueError(
                "expected an even number of channels at the first level and a shift from 0 to below their "
                f"half; got {self.channels[0]} and {shown(self.shift)}"
            )

    def _check_divisions(self) -> None:
        middle = self.groups if self.middle_groups is None else self.middle_groups
        normed = [(channels, self.groups) for channels in self.channels]
        normed += [(self.channels[-1], middle)] if self.middle_attention and middle else []
        for channels, groups in normed:
            if channels % groups:
                raise ValueError(f"{channels} channels do not divide into {groups} groups of a norm")
        attending = [n for n, attends in zip(self.channels, self.attention, strict=True) if attends]
        for channels in attending + [self.channels[-1]] * self.middle_attention:
            if channels % (self.heads or self.head_channels):
                heads = f"{self.heads} heads" if self.heads else f"heads of {self.head_channels} channels"
                raise ValueError(f"{channels} channels of an attention do not divide into {heads}")


def _attention(n: int, *, normed: bool = True) -> list[int]:
    """How many numbers the tensors of an attention over n channels hold."""
    return [n, n] * normed + 4 * [n * n, n]


class AttentionUNet(nn.Module):
    """The network ``network(x_t, t, labels)``, which gives ``(b, outputs, h, w)``.

    x_t ``(b, 3, h, w)`` is in DDPM coordinates, h and w multiples of `multiple`; t ``(b,)`` are timesteps;
    labels ``(b,)`` are for a class-conditional network.

    Parameters
    ----------
    config : its shape.

    References
    ----------
    Dhariwal and Nichol (2021), "Diffusion Models Beat GANs on Image Synthesis", arXiv:2105.05233, section 3.

    Examples
    --------
    >>> config = AttentionUNetConfig((32,), 1, attention=(False,), residual=(False,), middle_attention=False)
    >>> AttentionUNet(config)(torch.zeros(1, 3, 8, 8), torch.tensor([10])).shape
    torch.Size([1, 3, 8, 8])
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
                self.down.append(Stage(Residual(c, last, wide), Attention(c, wide) if attends else None))
                last = wide
                skips.append(last)
            if level < len(c.channels) - 1:
                self.down.append(Stage(resample=resampling(c, level, last, "down")))
                skips.append(last)
        attention = Attention(c, last, c.middle_groups) if c.middle_attention else None
        self.middle = nn.ModuleList(
            [Stage(Residual(c, last, last), attention), Stage(Residual(c, last, last))]
        )
        for level in reversed(range(len(c.channels))):
            for number in range(c.blocks + 1):
                wide = c.channels[level]
                block = Residual(c, last + skips.pop(), wide)
                attention = Attention(c, wide) if c.attention[level] else None
                enlarges = level > 0 and number == c.blocks
                self.up.append(
                    Stage(block, attention, resampling(c, level, wide, "up") if enlarges else None)
                )
                last = wide
        self.head = nn.Sequential(
            nn.GroupNorm(c.groups, last, c.eps), nn.SiLU(), nn.Conv2d(last, c.outputs, 3, padding=1)
        )

    @property
    def multiple(self) -> int:
        """Height and width of a picture must be multiples of this."""
        return 1 << len(self.config.channels) - 1

    def forward(self, x_t: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """Give what the network predicts of x_t at timesteps t."""
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
    """The layers between two skips: a residual block, attention, a change of resolution."""

    def __init__(
        self,
        block: Residual | None = None,
        attention: Attention | None = None,
        resample: Residual | Resampling | None = None,
    ):
        super().__init__()
        self.block, self.attention, self.resample = block, attention, resample

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Apply the layers that there are."""
        if self.block is not None:
            x = self.block(x, embedding)
        if self.attention is not None:
            x = self.attention(x)
        return x if self.resample is None else self.resample(x, embedding)


def resampling(
    config: AttentionUNetConfig, level: int, channels: int, way: Literal["down", "up"]
) -> Residual | Resampling:
    """Give the change of resolution below, or up from, a level."""
    return (Residual if config.residual[level] else Resampling)(config, channels, channels, way)


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
        """Give ``(b, outputs, h, w)``, or half or twice the size, from ``(b, inputs, h, w)``."""
        h: Tensor = F.silu(self.norm1(x))
        if self.resample == "down":
            h, x = F.avg_pool2d(h, 2), F.avg_pool2d(x, 2)
        elif self.resample == "up":
            h, x = doubled(h), doubled(x)
        h = self.conv1(h)
        embedded = self.embed(F.silu(embedding))[:, :, None, None]
        if self.scale_shift:
            scale, shift = embedded.chunk(2, 1)
            h = self.norm2(h) * (1 + scale) + shift
        else:
            h = self.norm2(h + embedded)
        h = self.conv2(F.silu(h))
        return h + (x if self.shortcut is None else self.shortcut(x))


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
        """Halve or double x; the embedding is not used."""
        if self.up:
            x = doubled(x)
        elif self.one_sided:
            x = F.pad(x, (0, 1, 0, 1))
        result: Tensor = self.conv(x)
        return result


class Attention(nn.Module):
    """Every pixel looks at all pixels (Vaswani et al. 2017), in heads; added to the input."""

    def __init__(self, config: AttentionUNetConfig, channels: int, groups: int | None = None):
        super().__init__()
        self.heads = config.heads or channels // config.head_channels
        groups = config.groups if groups is None else groups
        self.norm = nn.GroupNorm(groups, channels, config.eps) if groups else nn.Identity()
        self.query, self.key, self.value, self.project = (nn.Linear(channels, channels) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """Give ``(b, channels, h, w)``."""
        b, c, h, w = x.shape
        pixels = self.norm(x).view(b, c, h * w).mT

        def in_heads(planes: Tensor) -> Tensor:
            return planes.view(b, h * w, self.heads, -1).transpose(1, 2)

        query, key, value = (in_heads(linear(pixels)) for linear in (self.query, self.key, self.value))
        seen = F.scaled_dot_product_attention(query, key, value)
        answer: Tensor = self.project(seen.transpose(1, 2).reshape(b, h * w, c))
        return x + answer.mT.reshape(b, c, h, w)


def doubled(x: Tensor) -> Tensor:
    """Repeat each pixel, to twice the size."""
    return F.interpolate(x, scale_factor=2, mode="nearest")
