"""The noise of one picture: its level over the brightness, and its spectrum, in luma and chroma apart.

It is measured on what a denoiser has found below the noise (`noise_between`). Where the restored picture is
even there is nothing but noise in the noisy one, however coarse it is, which no measurement on the noisy
picture alone can tell from soft texture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from restore.noise.cosines import cosine_basis
from restore.noise.model import Floats
from restore.types import to_255

SIDE = 16  # pixels along the side of a patch
PATCHES = 4_000  # the most that are looked at
BINS = 8  # the most bins of brightness
FEWEST = 12  # patches that a bin needs
EVEN = 0.1  # the share of the patches of a brightness, the most even ones, that are measured
CLIPPED = 0.02  # share of pixels at black or white above which a patch says too little
SHADING = 1.5  # the radius in orders up to which a patch holds shading, which is no texture
SURE = 0.75  # what was removed is noise where it is more than so many times the texture that is left
WHITE = 0.25  # correlation of neighbours below which noise is taken for white

# The orthonormal cosine transform over the channels: luma and two chromas, each a mixture of the chromas of
# JPEG alone. White noise has the same level in all three.
OPPONENT: NDArray[np.float64] = np.array(
    [[1 / math.sqrt(3)] * 3, [1 / math.sqrt(2), 0, -1 / math.sqrt(2)],
     [1 / math.sqrt(6), -2 / math.sqrt(6), 1 / math.sqrt(6)]]
)  # fmt: skip
_BASIS = cosine_basis(SIDE)
_RADIUS = np.hypot(np.arange(SIDE)[:, None], np.arange(SIDE))


@dataclass(frozen=True, eq=False)
class PictureNoise:
    """The noise that was measured in a picture, in [0, 1] units.

    Parameters
    ----------
    brightness : rising mean values of the channels ``(k,)`` at which the level is known.
    luma, chroma : standard deviation there ``(k,)``, of the first and of the two other planes of the
        orthonormal `OPPONENT` colours. White noise has the same in both.
    weight : the share of the picture's pixels near each brightness, ``(k,)``.
    luma_spectrum, chroma_spectrum : power in each order of the cosine transform of patches of 16x16 pixels,
        of mean 1, ``(16, 16)``; the first index is that of the rows.
    sure : False where hardly any place is even, so that texture may have been taken for noise.

    Examples
    --------
    >>> noise = white(10 / 255)
    >>> round(255 * noise.sigma), round(noise.correlation, 2), noise.is_white
    (10, 0.0, True)
    """

    brightness: Floats
    luma: Floats
    chroma: Floats
    weight: Floats
    luma_spectrum: Floats
    chroma_spectrum: Floats
    sure: bool = True

    @property
    def luma_sigma(self) -> float:
        """Standard deviation in luma, over the whole picture."""
        return float(np.sqrt(np.average(self.luma**2, weights=self.weight)))

    @property
    def chroma_sigma(self) -> float:
        """Standard deviation in each chroma, over the whole picture."""
        return float(np.sqrt(np.average(self.chroma**2, weights=self.weight)))

    @property
    def sigma(self) -> float:
        """Standard deviation in each of red, green and blue, over the whole picture."""
        return math.sqrt((self.luma_sigma**2 + 2 * self.chroma_sigma**2) / 3)

    @property
    def state_level(self) -> float:
        """The level in luma, or in chroma where that is noisier: that of the state of the diffusion."""
        return max(self.luma_sigma, self.chroma_sigma)

    @property
    def correlation(self) -> float:
        """Correlation of the noise in luma between horizontal and vertical neighbours, -1 to 1."""
        return correlation_of(self.luma_spectrum)

    @property
    def chroma_correlation(self) -> float:
        """The same in chroma."""
        return correlation_of(self.chroma_spectrum)

    @property
    def growth(self) -> float:
        """How many times the noisiest brightness has the level of the least noisy one."""
        levels = np.sqrt((self.luma**2 + 2 * self.chroma**2) / 3)[self.weight >= 0.02]
        return float(levels.max() / max(levels.min(), 1e-6)) if len(levels) else 1.0

    @property
    def is_white(self) -> bool:
        """Whether it is nearly that of independent pixels, the same in luma and chroma, dark and bright."""
        alike = 0.75 < self.chroma_sigma / max(self.luma_sigma, 1e-9) < 1.35
        flat = max(abs(self.correlation), abs(self.chroma_correlation)) < WHITE
        return alike and flat and self.growth < 1.6

    @property
    def luma_is_white(self) -> bool:
        """Whether it is white but for chroma, which JPEG has smoothed."""
        return (
            abs(self.correlation) < WHITE and self.chroma_sigma < 1.35 * self.luma_sigma and self.growth < 1.6
        )

    def level(self, signal: Floats) -> Floats:
        """Standard deviation in each of red, green and blue where the mean brightness is ``signal``."""
        levels = np.sqrt((self.luma**2 + 2 * self.chroma**2) / 3)
        found: Floats = np.interp(signal, self.brightness, levels)
        return found

    def scaled(self, factor: float) -> PictureNoise:
        """The same noise at so many times the level."""
        return PictureNoise(
            self.brightness, factor * self.luma, factor * self.chroma, self.weight,
            self.luma_spectrum, self.chroma_spectrum, self.sure,
        )  # fmt: skip

    def in_range(self, low: float, width: float) -> PictureNoise:
        """The same noise of a picture whose values ``low`` to ``low + width`` have become 0 to 1."""
        return replace(self.scaled(1 / width), brightness=(self.brightness - low) / width)

    def describe(self) -> str:
        """Describe the noise in one line, with levels on the 0..255 scale.

        Examples
        --------
        >>> white(10 / 255).describe()
        'noise sigma 10.0 of 255, independent in each pixel'
        """
        parts = [f"noise sigma {to_255(self.sigma):.1f} of 255"]
        if self.is_white:
            return f"{parts[0]}, independent in each pixel"
        if not 0.75 < self.chroma_sigma / max(self.luma_sigma, 1e-9) < 1.35:
            parts.append(f"luma {to_255(self.luma_sigma):.1f} and chroma {to_255(self.chroma_sigma):.1f}")
        if max(self.correlation, self.chroma_correlation) >= WHITE:
            parts.append(
                f"shared by neighbours ({self.correlation:.2f} luma, {self.chroma_correlation:.2f} chroma)"
            )
        if self.growth >= 1.6:
            low, high = self.level(self.brightness[[0, -1]])
            parts.append(f"{to_255(float(low)):.1f} in the darks and {to_255(float(high)):.1f} in the lights")
        return ", ".join(parts)

    def facts(self) -> dict[str, Any]:
        """The measurement as a dictionary for JSON, with levels on the 0..255 scale."""
        return {
            "sigma_255": round(to_255(self.sigma), 3),
            "luma_255": round(to_255(self.luma_sigma), 3),
            "chroma_255": round(to_255(self.chroma_sigma), 3),
            "correlation": round(self.correlation, 3),
            "chroma_correlation": round(self.chroma_correlation, 3),
            "sigma_255_by_brightness": [
                [round(float(b), 3), round(to_255(float(s)), 3)]
                for b, s in zip(self.brightness, self.level(self.brightness), strict=True)
            ],
            "sure": self.sure,
        }


def white(sigma: float) -> PictureNoise:
    """White noise of one level, in [0, 1] units."""
    one, flat = np.ones(1), np.ones((SIDE, SIDE))
    return PictureNoise(0.5 * one, sigma * one, sigma * one, one, flat, flat)


def correlation_of(spectrum: Floats) -> float:
    """The correlation of horizontal and vertical neighbours in noise of a cosine spectrum ``(16, 16)``.

    Examples
    --------
    >>> abs(round(correlation_of(np.ones((16, 16))), 6))
    0.0
    """
    own = (_BASIS[:, 1:] * _BASIS[:, :-1]).sum(1) * SIDE / (SIDE - 1)
    both = (spectrum * own).sum() + (spectrum * own[:, None]).sum()
    return float(np.clip(both / 2 / max(spectrum.sum(), 1e-12), -1, 1))


def noise_between(noisy: Floats, restored: Floats, inside: NDArray[np.bool_] | None = None) -> PictureNoise:
    """Measure the noise of a picture, given what a denoiser has found below it.

    In bins of brightness, the patches are chosen in which the restored picture is most even. What was removed
    there is noise alone: its power in each order of the cosine transform gives level and spectrum.

    Parameters
    ----------
    noisy, restored : ``(h, w, 3)`` in [0, 1], at least 16x16 pixels.
    inside : bool ``(h, w)``, optional
        False for pixels that do not count (`restore.noise.borders.counted`). Patches without such pixels are
        measured, where there are any.

    Returns
    -------
    PictureNoise

    Raises
    ------
    ValueError
        For pictures smaller than a patch, or of two shapes.

    References
    ----------
    C. Liu et al., "Automatic Estimation and Removal of Noise from a Single Image", IEEE TPAMI 30(2), 2008,
    :doi:`10.1109/TPAMI.2007.1176` (the level as a function of the brightness).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> clean = np.full((64, 64, 3), 0.5)
    >>> round(255 * noise_between(clean + 10 / 255 * rng.standard_normal(clean.shape), clean).sigma)
    10
    """
    if noisy.shape != restored.shape or min(noisy.shape[:2]) < SIDE:
        raise ValueError(f"expected two pictures of one size from {SIDE}x{SIDE}, got {noisy.shape} and "
                         f"{restored.shape}")  # fmt: skip
    removed, found = _power(noisy - restored), _power(restored)
    touching = _patches((noisy <= 0) | (noisy >= 1)).mean((1, 2, 3))
    mean = _patches(restored).mean((1, 2, 3))
    counts = np.ones(len(mean), bool)
    if inside is not None and (known := np.asarray(_patches(inside[..., None]).all((1, 2, 3)))).any():
        counts = known
    most = max(CLIPPED, float(np.quantile(touching[counts], 0.1)))
    usable = np.flatnonzero(counts & (touching <= most))
    texture = np.sqrt((found[:, 0] * (_RADIUS > SHADING)).sum((1, 2)) / SIDE**2)
    bins = _bins(usable, mean)
    even = [_most_even(part, texture, removed) for part in bins]
    power = np.stack([removed[part].mean(0) for part in even])  # (bins, 3, 16, 16)
    level = power.mean((2, 3))
    weight = np.array([len(part) for part in bins], float) / len(usable)
    left = np.array([np.median(texture[part]) for part in even])
    sure = np.sqrt(level[:, 0]) > SURE * left
    if sure.any():  # texture says nothing of the noise; there it is taken to be as elsewhere
        weight = np.where(sure, weight, 0.0)
    weight = weight / weight.sum()
    known = weight > 0
    relative = power / level[:, :, None, None].clip(1e-12)
    spectra = np.average(relative, axis=0, weights=weight * level.mean(1).clip(1e-12))
    return PictureNoise(
        brightness=np.array([mean[part].mean() for part in bins])[known],
        luma=_smooth(np.sqrt(level[:, 0]), weight)[known],
        chroma=_smooth(np.sqrt(level[:, 1:].mean(1)), weight)[known],
        weight=weight[known],
        luma_spectrum=_unit(spectra[0]),
        chroma_spectrum=_unit(spectra[1:].mean(0)),
        sure=bool(sure.any()),
    )


def _patches(planes: NDArray[Any]) -> Floats:
    """Patches ``(n, c, 16, 16)`` on a grid of half a patch, wider for large pictures."""
    h, w = planes.shape[:2]
    step = max(SIDE // 2, math.ceil(math.sqrt(h * w / PATCHES)))
    windows = sliding_window_view(planes, (SIDE, SIDE), axis=(0, 1))[::step, ::step]
    return np.ascontiguousarray(windows.reshape(-1, planes.shape[2], SIDE, SIDE))


def _power(picture: Floats) -> Floats:
    """The squared cosine coefficients of patches in opponent colours, ``(n, 3, 16, 16)``."""
    planes = (picture @ OPPONENT.T).astype(np.float32)
    basis = _BASIS.astype(np.float32)
    squared: Floats = np.square(basis @ _patches(planes) @ basis.T, dtype=np.float64)
    return squared


def _bins(usable: NDArray[np.intp], mean: Floats) -> list[NDArray[np.intp]]:
    """The usable patches in bins of rising brightness, of about as many each."""
    count = max(1, min(BINS, len(usable) // (4 * FEWEST)))
    return np.array_split(usable[np.argsort(mean[usable], kind="stable")], count)


def _most_even(part: NDArray[np.intp], texture: Floats, removed: Floats) -> NDArray[np.intp]:
    """The patches of a bin with the least texture, without those from which far more was removed."""
    chosen = part[np.argsort(texture[part], kind="stable")[: max(FEWEST, int(EVEN * len(part)))]]
    level = removed[chosen].mean((1, 2, 3))
    kept: NDArray[np.intp] = chosen[level <= 3 * np.median(level)]
    return kept


def _smooth(levels: Floats, weight: Floats) -> Floats:
    """Levels over the brightness, each with a share of its neighbours: bins are small."""
    squared = weight * levels**2
    padded, weights = (np.pad(a, 1) for a in (squared, weight))
    near = padded[1:-1] + (padded[:-2] + padded[2:]) / 3
    found: Floats = np.sqrt(near / (weights[1:-1] + (weights[:-2] + weights[2:]) / 3).clip(1e-12))
    return found


def _unit(spectrum: Floats) -> Floats:
    return spectrum / max(float(spectrum.mean()), 1e-12)
