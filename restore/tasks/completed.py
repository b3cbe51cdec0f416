"""Denoise noise of any spectrum by the prior for white noise: add what is missing to make it white."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from restore.noise.picture_noise import OPPONENT, SIDE, PictureNoise
from restore.priors.protocol import Prior
from restore.types import Rng

QUANTILE = 0.95  # of the power over all orders: a few coarse orders above the level do little harm
STEEPEST = 3.0  # how many times the level may differ between dark and bright for the tone curve
FLAT = 1.3  # growth of the level over the brightness below which a tone curve is not worth its trouble
CURVE = 256  # points of the tone curve


@dataclass(frozen=True)
class Completion:
    """The noise that is missing from a picture's own to be white.

    Parameters
    ----------
    level : of the sum, [0, 1] units.
    missing : power that is missing in each plane of the opponent colours and each order, ``(3, 16, 16)``.
    """

    level: float
    missing: Tensor

    def draw(self, like: Tensor, rng: Rng) -> Tensor:
        """Draw the missing noise for pictures ``(b, 3, h, w)``."""
        h, w = like.shape[-2:]
        spectrum = torch.fft.rfft2(rng(like), norm="ortho")
        gain = self.missing.clamp(min=0).sqrt().to(like)
        shaped = spectrum * _on_grid(gain, h, w)
        planes = torch.fft.irfft2(shaped, s=(h, w), norm="ortho")
        opponent = torch.as_tensor(OPPONENT, dtype=like.dtype, device=like.device)
        return torch.einsum("ji,bjhw->bihw", opponent, planes)


def completion(noise: PictureNoise, lowest: float) -> Completion:
    """Give the noise that completes a measured one to white noise.

    With a measured power S(f) the sum y + m, m of power c^2 - S(f), is a state of the diffusion of level c.

    Parameters
    ----------
    noise : what was measured, stabilised to one level.
    lowest : the least level that the prior knows, [0, 1] units.

    Returns
    -------
    Completion

    Examples
    --------
    >>> from restore.noise.picture_noise import white
    >>> found = completion(white(0.1), lowest=0.002)
    >>> round(found.level, 6), float(found.missing.abs().max()) < 1e-9
    (0.1, True)
    """
    luma = noise.luma_sigma**2 * noise.luma_spectrum
    chroma = noise.chroma_sigma**2 * noise.chroma_spectrum
    power = np.stack([luma, chroma, chroma])
    level = max(float(np.quantile(power, QUANTILE)), lowest**2)
    return Completion(math.sqrt(level), torch.from_numpy((level - power).clip(0)))


def _on_grid(gain: Tensor, h: int, w: int) -> Tensor:
    """Gains of the orders of a patch ``(3, 16, 16)`` at the frequencies of a whole picture's transform.

    Order u is a wave of u half periods in a patch of 16: frequency u / 32.
    """
    down = torch.fft.fftfreq(h, device=gain.device).abs() * 2 * SIDE
    across = torch.fft.rfftfreq(w, device=gain.device) * 2 * SIDE
    rows, columns = (orders.clamp(max=SIDE - 1) for orders in (down, across))
    grid = torch.stack(
        [(columns * 2 / (SIDE - 1) - 1).expand(len(rows), -1),
         (rows * 2 / (SIDE - 1) - 1)[:, None].expand(-1, len(columns))], -1,
    )  # fmt: skip
    return F.grid_sample(gain[None], grid[None].to(gain), align_corners=True)[0]


@dataclass(frozen=True)
class ToneCurve:
    """A tone curve under which noise of a measured level over the brightness has one level.

    Its slope is inverse to the level, as Anscombe's root is for Poisson noise [1]_; it maps [0, 1] to itself.

    Parameters
    ----------
    curve : values at 0, 1/255, ..., 1, ``(256,)``, rising.
    level : of the noise under it, times that which was measured on average, [0, 1] units.

    References
    ----------
    .. [1] F. J. Anscombe, "The transformation of Poisson, binomial and negative-binomial data", Biometrika
       35, 1948, :doi:`10.1093/biomet/35.3-4.246`.
    """

    curve: Tensor
    level: float

    def forward(self, picture: Tensor) -> Tensor:
        """The picture under the curve; beyond 0 and 1 it goes on straight."""
        curve = self.curve.to(picture)
        place = picture.clamp(0, 1) * (CURVE - 1)
        below = place.floor().clamp(max=CURVE - 2)
        index = below.long()
        value = curve[index] + (place - below) * (curve[index + 1] - curve[index])
        return value + (picture - picture.clamp(0, 1))

    def back(self, picture: Tensor) -> Tensor:
        """The picture before the curve."""
        curve = self.curve.to(picture)
        inside = picture.clamp(0, 1)
        index = (torch.searchsorted(curve, inside.contiguous()) - 1).clamp(0, CURVE - 2)
        step = (curve[index + 1] - curve[index]).clamp(min=1e-6)
        value = (index + ((inside - curve[index]) / step).clamp(0, 1)) / (CURVE - 1)
        return value + (picture - inside)


def tone_curve(noise: PictureNoise) -> ToneCurve:
    """Give the tone curve that makes a measured noise the same in dark and bright parts."""
    grid = np.linspace(0, 1, CURVE)
    level = noise.level(grid)
    level = level.clip(level.max() / STEEPEST)
    slope = 1 / ((level[1:] + level[:-1]) / 2)
    curve = np.concatenate([[0.0], np.cumsum(slope)])
    stabilised = (CURVE - 1) / slope.sum()
    return ToneCurve(torch.from_numpy(curve / curve[-1]).float(), float(stabilised / noise.sigma))


def completed_state(
    noisy: Tensor, noise: PictureNoise, prior: Prior, rng: Rng
) -> tuple[Tensor, float, ToneCurve | None]:
    """Give pictures ``(b, 3, h, w)`` as a state of the diffusion, completed under a tone curve.

    Returns
    -------
    The state, its level in [0, 1] units, and the curve that is to be undone; None where the level of the
    noise hardly depends on the brightness.
    """
    curve = tone_curve(noise) if noise.growth > FLAT else None
    state = noisy if curve is None else curve.forward(noisy)
    found = completion(noise if curve is None else noise.scaled(curve.level), prior.sigma_min)
    return state + found.draw(state, rng), found.level, curve
