"""How good a restoration is on noisy pictures kept aside, without clean ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Generator, Tensor

from restore.errors import ConfigError
from restore.fitting import objectives
from restore.fitting.objectives import Restoration
from restore.fitting.views import NoisySet, Scene, as_colour
from restore.noise.model import NoiseModel
from restore.priors.backbone import Backbone
from restore.tasks.denoise import denoise
from restore.training.config import Loss

Branch = Literal["gaussian", "blind"]

CROPS, SIDE = 12, 192

PROBES = 2  # draws of noise with which a score is measured


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Crops of pictures kept aside.

    Parameters
    ----------
    noisy : ``(n, 3, s, s)``.
    other : another view of each, where there is one.
    noise : of the pictures.
    loss : that is minimised.
    known : the level of the noise is known. Measured from single pictures it may be wrong by a tenth, which
        is as large as the differences to be measured.
    signal : the clean pictures as well as they are known; see `with_signal`.
    """

    noisy: Tensor
    other: Tensor | None
    noise: NoiseModel
    loss: Loss
    known: bool
    signal: Tensor | None = None

    @property
    def scored_by(self) -> str:
        """How errors are measured."""
        if self.other is not None:
            kind = "less its noise" if self.loss == "l2" else self.loss
            return f"against the other noisy view, {kind}"
        return "by recorrupted pairs" if self.known else "by recorrupted pairs, up to a constant"

    def error(self, restoration: Restoration) -> float:
        """An estimate of the mean squared error against the clean pictures, [0, 1] units, lower is better.

        Up to a constant that is the same for every restoration, unless the noise is ``known``. The same
        draws of noise for every restoration. Of l1 and l0 it is the error that they minimise.
        """
        if self.noise.clipped:
            restoration = objectives.clipped(restoration)
        if self.other is None:
            generator = Generator().manual_seed(0)
            signal = self.noisy if self.signal is None else self.signal
            risks = [
                objectives.recorrupted(restoration, self.noisy, self.noise, signal, generator=generator)
                for _ in range(PROBES)
            ]
            return float(torch.stack(risks).mean())
        error = restoration(self.noisy, 1.0) - self.other
        if self.loss == "l2":
            # Half the difference of two views is the noise of one of them.
            noise = (self.noisy - self.other).square().mean() / 2
            return float(error.square().mean() - noise)
        if self.loss == "l1":
            return float(error.abs().mean())
        return float(error.abs().clamp(max=0.1).mean())  # most outliers count the same

    def with_signal(self, f: Restoration) -> HeldOut:
        """The same with f's answer as the signal, on which the noise may depend.

        What was cut off at 0 and 1 is drawn anew, once, around that answer.
        """
        if not self.noise.depends_on_signal or self.loss != "l2":
            return self
        generator = Generator().manual_seed(1)  # other numbers than `error` draws
        noisy, other = self.noisy, self.other
        # Of two views each is compared with the other, so each is completed by what the other tells.
        signal = objectives.answer(f, noisy if other is None else other)
        if other is not None:
            other = self.noise.uncut(other, objectives.answer(f, noisy), generator)
        return replace(self, noisy=self.noise.uncut(noisy, signal, generator), other=other, signal=signal)

    def compare(self, before: float, after: float) -> str:
        """What was gained, in words: in dB where these mean something."""
        if self.loss != "l2":
            return f"error lower by {100 * (before - after) / max(before, 1e-12):.1f} %"
        if self.known:
            return f"{_decibels(after):.2f} dB, {_decibels(after) - _decibels(before):+.2f} dB"
        share = (before - after) / max(self.noise.sigma**2, 1e-12)
        return f"mean squared error lower by {100 * share:.1f} % of the noise's power"


def _decibels(error: float) -> float:
    return -10 * math.log10(max(error, 1e-8))


def hold_out(
    noisy: NoisySet, noise: NoiseModel, loss: Loss, multiple: int, *, known: bool = False
) -> HeldOut:
    """Up to 12 crops of 192x192, spread over the pictures kept aside."""
    side = min(SIDE, *(min(scene.size) // multiple * multiple for scene in noisy.scenes))
    if side < multiple:
        raise ConfigError(
            f"a picture kept aside is smaller than {multiple}x{multiple} pixels; leave such pictures out"
        )
    scenes = noisy.scenes[:CROPS]
    each = CROPS // len(scenes)
    first, second = [], []
    for scene in scenes:
        for top, left in _spread(scene, side, each):
            rows, columns = slice(top, top + side), slice(left, left + side)
            crops = [torch.from_numpy(as_colour(view[rows, columns]).copy()) for view in scene.floats()[:2]]
            first.append(crops[0].permute(2, 0, 1))
            second.append(crops[-1].permute(2, 0, 1))
    other = torch.stack(second) if noisy.paired else None
    return HeldOut(torch.stack(first), other, noise, loss, known or other is not None)


def _spread(scene: Scene, side: int, count: int) -> Iterator[tuple[int, int]]:
    """Corners of up to ``count`` crops that do not overlap."""
    h, w = scene.size
    places = [(top, left) for top in range(0, h - side + 1, side) for left in range(0, w - side + 1, side)]
    step = max(1, len(places) / count)
    for k in range(min(count, len(places))):
        yield places[int(k * step)]


def as_used(backbone: Backbone, method: Branch | Literal["real"], noise: NoiseModel) -> Restoration:
    """What `denoise` does with these weights by a method, given the level of the noise where it takes one."""
    level = noise.sigma
    if method == "real":  # which takes that of luma, the more the more the channels share
        level *= float(noise.channels.sum() / len(noise.channels)) ** 0.5

    def restoration(noisy: Tensor, strength: float) -> Tensor:
        sigma = None if method == "blind" else min(255.0, 255 * strength * level)
        return denoise(noisy, method=method, sigma=sigma, prior=backbone)

    return restoration
