"""The network: a local U-Net behind a 2x2 pixel-unshuffle, noise level in by scale and shift."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore.priors.convolution import Convolution, Linear, convolved
from restore.priors.levels import Known, Told, made
from restore.priors.limits import Limit, check_fields

HEAD = 32  # channels of a head of attention
MOST_NUMBERS = 2**30  # that a network may learn
LIMITS = {
    "channels": Limit(16_384, count=8),  # a picture is padded to a multiple of 2 to the number of levels
    "blocks": Limit(64),
    "embedding": Limit(16_384),
    "inputs": Limit(64),
    "outputs": Limit(64),
    "attention": Limit(8, count=8),
    "given": Limit(65_536),
}


@dataclass(frozen=True)
class UNetConfig:
    """Shape of the network.

    Parameters
    ----------
    channels : width at 1/2, 1/4, 1/8, ... of the full resolution, up to 16384 at up to 8 levels.
    blocks : residual blocks per level, each way, 1 to 64.
    embedding : width of the noise-level embedding, a multiple of 4 up to 16384.
    inputs, outputs : planes per full-resolution pixel, 1 to 64.
    attention : numbers of the levels, from 0, whose blocks are followed by attention over the whole picture;
        such a network is no longer local and computes pictures at once.
    given : length of the vector that the network is told of a picture, such as a label, up to 65536; 0 for
        none.

    Raises
    ------
    ValueError
        For a shape that no network has, or of more than 2^30 numbers.

    Examples
    --------
    >>> UNetConfig(channels=(8, 16)).multiple
    4
    """

    channels: tuple[int, ...] = (48, 96, 128, 160)
    blocks: int = 2
    embedding: int = 128
    inputs: int = 9
    outputs: int = 3
    attention: tuple[int, ...] = ()
    given: int = 0

    def __post_init__(self) -> None:
        check_fields(self, LIMITS)
        if not self.channels or min(self.channels) < 1:
            raise ValueError(f"channels must be a list of widths, each at least 1; got {list(self.channels)}")
        if min(self.blocks, self.inputs, self.outputs) < 1:
            raise ValueError(
                f"blocks, inputs and outputs must be at least 1; "
                f"got {self.blocks}, {self.inputs} and {self.outputs}"
            )
        if self.embedding < 4 or self.embedding % 4:
            raise ValueError(f"embedding must be a multiple of 4; got {self.embedding}")
        if not all(0 <= level < len(self.channels) for level in self.attention):
            raise ValueError(
                f"attention lists levels from 0 to {len(self.channels) - 1}; got {list(self.attention)}"
            )
        if self.given < 0:
            raise ValueError(f"given is the length of a vector, 0 or more; got {self.given}")
        if (numbers := sum(self.sizes)) > MOST_NUMBERS:
            raise ValueError(
                f"a network of {numbers} numbers is too large, {MOST_NUMBERS} are the most; take fewer "
                "channels"
            )

    @property
    def sizes(self) -> list[int]:
        """How many numbers each tensor of the network holds, without building it."""
        c, width = self.channels, self.embedding

        def level(number: int) -> list[int]:
            n = c[number]
            block = [9 * n * n, n, 2 * n * width, 2 * n, 9 * n * n, n]
            return block * self.blocks + [3 * n * n, 3 * n, n * n, n] * (number in self.attention)

        found = [width // 4, width * width // 2, width, width * width, width]
        found += [36 * self.inputs * c[0], c[0], 36 * self.outputs * c[0], 4 * self.outputs]
        for number, (a, b) in enumerate(pairwise(c)):
            found += [4 * a * b, b, 4 * a * b, 4 * a, *level(number), *level(number)]
        return found + level(len(c) - 1) + [self.given * width] * bool(self.given)

    @property
    def multiple(self) -> int:
        """Height and width of the input must be multiples of this."""
        return int(2 ** len(self.channels))


class ResidualBlock(nn.Module):
    """``x + W2 relu(gain(level) * (W1 x) + shift(level))``, no normalisation.

    Norm-free, since the amplitude of the signal is what a denoiser must keep. The gain and shift come from
    the noise level.

    Parameters
    ----------
    channels : of x.
    embedding : width of the noise-level embedding.

    References
    ----------
    Lim et al. (2017), EDSR, arXiv:1707.02921; Zhang et al. (2021), DRUNet, arXiv:2008.13751; Perez et al.
    (2018), FiLM, arXiv:1709.07871.
    """

    def __init__(self, channels: int, embedding: int):
        super().__init__()
        self.conv1 = Convolution(channels, channels, 3, padding=1)
        self.film = Linear(embedding, 2 * channels)
        self.conv2 = Convolution(channels, channels, 3, padding=1)
        _start_at_zero(self.film, self.conv2)

    def forward(self, x: Tensor, told: Told) -> Tensor:
        """Apply it to x ``(b, channels, h, w)`` at noise levels."""
        if told.folded:
            parts = torch.split(x, list(told.counts)) if told.counts else [x]
            found = [
                self._folded(*each) for each in zip(parts, told.levels.chunk(len(told.levels)), strict=True)
            ]
            h = found[0] if len(found) == 1 else torch.cat(found)
        else:
            gain, shift = told.through(self.film).chunk(2, dim=1)
            gain, shift = (1 + gain)[:, :, None, None], shift[:, :, None, None]
            h = self.conv1(x)
            h = h * gain + shift if torch.is_grad_enabled() else h.mul_(gain).add_(shift)
        change: Tensor = self.conv2(F.relu(h, inplace=not torch.is_grad_enabled()))
        return x + change if torch.is_grad_enabled() else change.add_(x)

    def _folded(self, x: Tensor, level: Tensor) -> Tensor:
        """The first convolution of pictures at one level.

        The modulation folds into its weights, which saves two passes over the feature map.
        """
        gain, shift = self.film(level).chunk(2, dim=1)
        gain = 1 + gain
        bias = self.conv1.bias * gain[0] + shift[0]
        return convolved(x, self.conv1.weight * gain[0, :, None, None, None], bias, padding=1)


class Attention(nn.Module):
    """Every cell looks at all cells, in heads; added to its input.

    Parameters
    ----------
    channels : of the input.

    References
    ----------
    Vaswani et al. (2017), "Attention Is All You Need", arXiv:1706.03762; Ho, Jain and Abbeel (2020),
    arXiv:2006.11239, appendix B.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.heads = next(n for n in range(max(1, channels // HEAD), 0, -1) if channels % n == 0)
        self.look = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        _start_at_zero(self.project)

    def forward(self, x: Tensor, told: Told) -> Tensor:
        """Apply it to x ``(b, channels, h, w)``; the noise level is not used."""
        b, c, h, w = x.shape
        cells = F.layer_norm(x.flatten(2).mT, (c,))
        query, key, value = (
            part.reshape(b, h * w, self.heads, -1).transpose(1, 2) for part in self.look(cells).chunk(3, 2)
        )
        seen = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(b, h * w, c)
        change: Tensor = self.project(seen)
        return x + change.mT.reshape(b, c, h, w)


class Level(nn.ModuleList):
    """The residual blocks of one resolution, one after the other, and attention where there is some."""

    def forward(self, x: Tensor, told: Told, done: Callable[[], None] | None = None) -> Tensor:
        """Apply all blocks; done: called after each."""
        for block in self:
            x = block(x, told)
            if done is not None:
                done()
        return x


def _start_at_zero(*layers: nn.Module) -> None:
    """At first a residual block passes its input on and the network answers 0."""
    for layer in layers:
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)


class UNet(nn.Module):
    """Map ``(b, inputs, h, w)`` and a log-SNR ``(b,)`` or ``(1,)`` to ``(b, outputs, h, w)``.

    Without attention every output pixel depends on a bounded neighbourhood only (``halo`` pixels each way).
    h and w are multiples of ``config.multiple``.

    Parameters
    ----------
    config : its shape.

    References
    ----------
    Ronneberger, Fischer and Brox (2015), "U-Net: Convolutional Networks for Biomedical Image Segmentation",
    arXiv:1505.04597.

    Examples
    --------
    >>> network = UNet(UNetConfig(channels=(8, 8), blocks=1, embedding=8))
    >>> network(torch.zeros(1, 9, 8, 8), torch.zeros(1)).shape
    torch.Size([1, 3, 8, 8])
    """

    frequencies: Tensor

    def __init__(self, config: UNetConfig):
        super().__init__()
        self.config = config
        self.known: Known | None = None  # for who calls it often and does not change the weights
        width = config.embedding
        # On the CPU even where the rest is built without memory: these on the meta device import a compiler.
        log_frequencies = torch.linspace(math.log(0.05), math.log(2.0), width // 4, device="cpu")
        self.register_buffer("frequencies", torch.exp(log_frequencies))
        self.embed = nn.Sequential(Linear(width // 2, width), nn.SiLU(), Linear(width, width), nn.SiLU())
        ch = config.channels
        self.stem = Convolution(4 * config.inputs, ch[0], 3, padding=1)
        self.encoder = nn.ModuleList(self._level(number) for number in range(len(ch)))
        self.down = nn.ModuleList(Convolution(a, b, 2, stride=2) for a, b in pairwise(ch))
        self.up = nn.ModuleList(Convolution(b, 4 * a, 1) for a, b in pairwise(ch))
        self.decoder = nn.ModuleList(self._level(number) for number in range(len(ch) - 1))
        self.head = Convolution(ch[0], 4 * config.outputs, 3, padding=1)
        _start_at_zero(self.head)
        # Last, so that networks without one are drawn from a seed as they always were.
        self.given = Linear(config.given, width, bias=False) if config.given else None

    def _level(self, number: int) -> Level:
        config, channels = self.config, self.config.channels[number]
        blocks = Level(ResidualBlock(channels, config.embedding) for _ in range(config.blocks))
        return blocks.append(Attention(channels)) if number in config.attention else blocks

    def __getstate__(self) -> dict[str, Any]:
        """Give what copies are made of: these may get weights of their own, and know nothing yet."""
        return {**self.__dict__, "known": None}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> UNet:
        self.known = None  # it is of the weights as they were
        moved: UNet = super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return moved

    def load_state_dict(self, *args: Any, **more: Any) -> Any:
        """Take other weights."""
        self.known = None
        return super().load_state_dict(*args, **more)

    def train(self, mode: bool = True) -> UNet:
        """Begin or end to learn."""
        self.known = None
        return super().train(mode)

    @property
    def local(self) -> bool:
        """Whether `halo` bounds what an output pixel depends on."""
        return not self.config.attention

    @property
    def halo(self) -> int:
        """Radius in pixels outside of which nothing influences an output pixel.

        One cell of its level for each 3x3 convolution on the longest way, and what a pixel can lie off
        the middle of its coarsest cell. The distance is reached: with a smaller halo tiles would differ.
        """
        levels = len(self.config.channels)
        radius = 2 * 2  # stem and head at half resolution
        for i in range(levels):
            ways = 1 if i == levels - 1 else 2
            radius += ways * 2 * self.config.blocks * 2 ** (i + 1)
        return radius + self.config.multiple - 1

    @property
    def blocks(self) -> int:
        """How many blocks a call goes through; with most widths they take about as long, each."""
        return sum(map(len, (*self.encoder, *self.decoder)))

    def forward(
        self,
        x: Tensor,
        log_snr: Tensor,
        given: Tensor | None = None,
        *,
        alone: bool = False,
        folded: bool = True,
        done: Callable[[], None] | None = None,
    ) -> Tensor:
        """Give the output for planes x at their noise level.

        given: vectors ``(b or 1, n)``, or nothing. alone: give pictures at levels of their own exactly what
        each of them gets by itself; those at one level are best next to each other. folded: whether the
        modulation of pictures at one level folds into the weights, which is quicker unless they are small.
        done: called after every block.
        """
        known = self.known
        if known is not None and given is None and not torch.is_grad_enabled():
            told = self._told_before(log_snr, len(x) if alone else 0, known, folded=folded)
        else:
            told = self._told(log_snr, given, len(x) if alone else 0, folded=folded)
        h = self.stem(F.pixel_unshuffle(x, 2))
        skips = []
        for i, blocks in enumerate(self.encoder):
            if i:
                h = self.down[i - 1](h)
            h = blocks(h, told, done)
            skips.append(h)
        for i in reversed(range(len(self.decoder))):
            h = F.pixel_shuffle(self.up[i](h), 2)
            h = skips[i] + h if torch.is_grad_enabled() else skips[i].add_(h)
            h = self.decoder[i](h, told, done)
        return F.pixel_shuffle(self.head(h), 2)

    def _embedded(self, log_snr: Tensor, given: Tensor | None) -> Tensor:
        """What the blocks are told of the noise level and of the pictures, ``(b or 1, embedding)``."""
        phase = log_snr[:, None].float() * self.frequencies.float()
        precision = self.stem.weight.dtype
        level: Tensor = self.embed(torch.cat([phase.sin(), phase.cos()], dim=1).to(precision))
        if self.given is not None and given is not None:
            level = level + self.given(given.to(precision))
        # As in mixed-precision training, whatever the precision now: many units lie at the same lowest value
        # of SiLU, so its rounding is no noise but a shift, which the weights have learned to expect.
        return level + (level.bfloat16().to(precision) - level).detach()

    def _told(self, log_snr: Tensor, given: Tensor | None, alone: int, *, folded: bool) -> Told:
        """What the blocks are told; alone: of how many pictures, each as by itself; 0 for all at once."""
        one = max(len(log_snr), 1 if given is None else len(given)) == 1
        if one or not alone:
            return Told(self._embedded(log_snr, given), folded=folded and one)
        vectors = [None] * alone if given is None else given.expand(alone, -1).chunk(alone)
        levels: list[Tensor] = []
        counts: list[int] = []
        for level, vector in zip(log_snr.expand(alone).chunk(alone), vectors, strict=True):
            found = self._embedded(level, vector)
            if levels and torch.equal(found, levels[-1]):
                counts[-1] += 1
            else:
                levels.append(found)
                counts.append(1)
        return Told(torch.cat(levels), tuple(counts), folded)

    def _told_before(self, log_snr: Tensor, alone: int, known: Known, *, folded: bool) -> Told:
        """The same as `_told` of noise levels alone, from what is known of them."""
        if len(log_snr) > 1 and not alone:
            return self._told(log_snr, None, alone, folded=folded)
        runs = [(level, len(list(run))) for level, run in groupby(log_snr.tolist())]
        there = tuple(known.of(level) for level, _ in runs)
        firsts = accumulate((count for _, count in runs[:-1]), initial=0)
        levels = [
            made(self, lambda level: self._embedded(level, None), log_snr[first : first + 1], each)
            for first, each in zip(firsts, there, strict=True)
        ]
        if len(runs) == 1:
            return Told(levels[0], folded=folded, known=there)
        return Told(torch.cat(levels), tuple(count for _, count in runs), folded, there)
