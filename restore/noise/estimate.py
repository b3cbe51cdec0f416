"""How much noise is in a picture, and whether it is white: measured from the picture alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
SIDE = 8  # of a patch, in pixels
PATCHES = 30_000  # looked at, at most
FLAT = 0.2  # the share of patches with the least low-frequency energy
LOW = 7  # orders u + v of the cosine transform up to which texture lives
FEWEST = 300  # flat patches below which statistics mean little
MEDIAN_DEVIATION = 0.6744897501960817  # median distance from the mean of a standard normal number
CELL = 16  # pixels; of the places that are looked at for what is not noise
CELLS = 5_000  # of them, about
EVEN = 4 / 255  # difference below which a place is even
UNLIKE = 2.0  # times what most places have, which noise of one level never is
_order = np.arange(SIDE)
_COSINES = np.sqrt(2 / SIDE) * np.cos(np.pi * (2 * _order + 1) * _order[:, None] / (2 * SIDE))
_COSINES[0] /= np.sqrt(2)

_DCT = np.kron(_COSINES, _COSINES).astype(np.float32)  # rows are basis pictures, u-major
_ORDER = (_order[:, None] + _order).ravel()


@dataclass(frozen=True)
class NoiseReport:
    """sigma: standard deviation in [0, 1] units. correlation: of the noise between neighbours, -1 to 1."""

    sigma: float
    correlation: float


def estimate_sigma(image: Floats) -> float:
    """Give the standard deviation of white Gaussian noise in a picture, in [0, 1] units.

    Eigenvalues of the covariance of patches (Chen, Zhu and Heng 2015): the smallest ones are the noise,
    and they are where mean and median agree. Here the patches are the flattest fifth, and of them only
    the high orders of the cosine transform, so that little texture is left to be mistaken for noise.

    image: float ``(h, w)`` or ``(h, w, c)`` in [0, 1]. Patches that touch the ends of the range are left
    out, since clipping hides noise. A picture without 300 patches is measured by the median absolute
    diagonal difference (Donoho and Johnstone 1994). Raises ValueError for values that are not finite.
    """
    return measure(image).sigma


def neighbour_correlation(image: Floats) -> float:
    """Give the correlation of the noise between horizontal and vertical neighbours, -1 to 1.

    0 for white noise; demosaicking, resizing and JPEG leave 0.2 and more. From the mean spectrum of the
    flattest patches, each order weighted by its basis function's own autocorrelation. Without noise to
    speak of in the highest orders (a grey level of 255) it is 0: noise smoother than that is not seen.
    """
    return measure(image).correlation


def measure(image: Floats) -> NoiseReport:
    """Give both: see `estimate_sigma` and `neighbour_correlation`."""
    planes = image[..., None] if image.ndim == 2 else image
    if planes.ndim != 3 or planes.size == 0:
        raise ValueError(f"expected a picture (h, w) or (h, w, c), got shape {image.shape}")
    if not np.isfinite(planes).all():
        raise ValueError("the picture holds values that are not finite (NaN or infinity)")
    if planes.shape[2] > 1 and np.ptp(planes, axis=2).max() < 0.5 / 255:
        planes = planes[..., :1]  # grey in three equal channels: one measurement, not three
    patches = _unclipped_patches(planes)
    if len(patches) < FEWEST:
        return NoiseReport(_median_difference(planes), 0.0)
    spectra = patches @ _DCT.T
    texture = (spectra[:, :, (_ORDER > 0) & (_ORDER <= LOW)] ** 2).sum((1, 2))
    # Enough patches for the covariance of all high orders, or its eigenvalues spread by themselves.
    orders = spectra.shape[1] * int((_ORDER > LOW).sum())
    flat = spectra[np.argsort(texture)[: max(int(FLAT * len(texture)), 50 * orders)]]
    high = flat[:, :, _ORDER > LOW].reshape(len(flat), -1).astype(np.float64)
    high -= high.mean(0)
    sigma = _noise_eigenvalue(np.linalg.eigvalsh(high.T @ high / len(high))) ** 0.5
    # Letters that leave no place flat are no noise: that would be between and inside them, too.
    everywhere = _in_most_places(planes)
    if everywhere is not None and sigma > UNLIKE * everywhere:
        sigma = everywhere
    return NoiseReport(float(sigma), _correlation(flat) if sigma > 1 / 255 else 0.0)


def _unclipped_patches(planes: Floats) -> NDArray[np.float32]:
    """Patches ``(n, c, 64)`` on a grid, without those that touch black or white."""
    h, w, channels = planes.shape
    if min(h, w) < SIDE:
        return np.empty((0, channels, SIDE**2), np.float32)
    step = max(1, round(((h - SIDE + 1) * (w - SIDE + 1) / PATCHES) ** 0.5))
    windows = sliding_window_view(planes, (SIDE, SIDE), axis=(0, 1))[::step, ::step]
    patches: NDArray[np.float32] = np.array(windows.reshape(-1, channels, SIDE**2), np.float32)
    inside = (patches > planes.min()) & (patches < planes.max())
    # A constant picture touches both ends everywhere, and has no noise: keep its patches.
    touching = (~inside).mean((1, 2))
    kept: NDArray[np.float32] = patches[touching <= max(0.02, float(np.quantile(touching, 0.3)))]
    return kept


def _noise_eigenvalue(values: Floats) -> float:
    """The mean of the smallest eigenvalues, as many as have a mean no larger than their median."""
    for count in range(len(values), 0, -1):
        mean = values[:count].mean()
        if mean <= np.median(values[:count]):
            return max(float(mean), 0.0)
    return max(float(values[0]), 0.0)


def _correlation(flat: NDArray[np.float32]) -> float:
    power = (flat.astype(np.float64) ** 2).mean((0, 1)).reshape(SIDE, SIDE)
    # What texture there is sits in the lowest orders; put there what their neighbours have.
    order = _ORDER.reshape(SIDE, SIDE)
    power[order < 3] = power[order == 3].mean()
    own = (_COSINES[:, 1:] * _COSINES[:, :-1]).sum(1) * SIDE / (SIDE - 1)
    both = (power * own).sum() + (power * own[:, None]).sum()
    return float(np.clip(both / 2 / power.sum(), -1, 1))


def _in_most_places(planes: Floats) -> float | None:
    """The most that white noise can be: what half of a picture's places have, without those that are even or
    nearly all black or white.

    Noise and texture together have no smaller median than noise alone. None where all is even.
    """
    rows, columns = planes.shape[0] // CELL, planes.shape[1] // CELL
    whole = planes[: rows * CELL, : columns * CELL]
    step = max(1, round((rows * columns / CELLS) ** 0.5))
    some = whole.reshape(rows, CELL, columns, CELL, -1)[::step, :, ::step]
    cells = some.swapaxes(1, 2).reshape(-1, CELL, CELL, planes.shape[2])
    at_ends = [(cells <= planes.min()).mean((1, 2, 3)), (cells >= planes.max()).mean((1, 2, 3))]
    lively = cells[(np.ptp(cells, axis=(1, 2)).max(1) > EVEN) & (np.maximum(*at_ends) < 0.9)]
    return _median_difference(lively) if len(lively) else None


def _median_difference(planes: Floats) -> float:
    """Median absolute diagonal second difference over that of the normal distribution; (..., h, w, c)."""
    if min(planes.shape[-3:-1]) < 2:
        return 0.0
    below, above = planes[..., 1:, :, :], planes[..., :-1, :, :]
    differences = (below - above)[..., 1:, :] - (below - above)[..., :-1, :]
    return float(np.median(np.abs(differences)) / 2 / MEDIAN_DEVIATION)
