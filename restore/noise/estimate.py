"""Measure how much noise is in one picture, and whether it is white, from the picture alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from restore.noise.cosines import cosine_basis
from restore.noise.model import Floats

SIDE = 8  # pixels along the side of a patch
PATCHES = 30_000  # the most that are looked at
FLAT = 0.2  # the share of patches, those with the least low-frequency energy, that are measured
LOW = 7  # texture lies in orders u + v of the cosine transform up to this one
FEWEST = 300  # patches below which statistics mean little
MEDIAN_DEVIATION = 0.6744897501960817  # median distance from the mean of a standard normal number
CELL = 16  # pixels along the side of the cells in which the median difference is taken
CELLS = 5_000  # about as many cells are looked at
EVEN = 4 / 255  # a cell whose values differ by no more is even, without noise to measure
UNLIKE = 2.0  # a sigma above this times that of most cells is texture, since noise is everywhere

_COSINES = cosine_basis(SIDE)
_DCT = np.kron(_COSINES, _COSINES).astype(np.float32)  # rows are basis pictures, u-major
_ORDER = np.add.outer(np.arange(SIDE), np.arange(SIDE)).ravel()


@dataclass(frozen=True)
class NoiseReport:
    """What was measured in one picture.

    Parameters
    ----------
    sigma : standard deviation of the noise, in [0, 1] units.
    correlation : correlation of the noise between neighbouring pixels, -1 to 1.
    """

    sigma: float
    correlation: float


def estimate_sigma(image: Floats) -> float:
    """Estimate the standard deviation of white Gaussian noise in a picture.

    The estimate comes from the eigenvalues of the covariance of patches: the smallest ones belong to the
    noise, as many as have a mean no larger than their median [1]_. Here the patches are the flattest
    fifth, and of them only the high orders of the cosine transform, so that little texture is taken for
    noise. Patches that touch the ends of the picture's range are left out, since clipping hides noise. A
    picture with fewer than 300 patches, or full of letters that leave no patch flat, is measured by the
    median absolute diagonal difference [2]_.

    Parameters
    ----------
    image : float array ``(h, w)`` or ``(h, w, c)``, nominal range [0, 1].

    Returns
    -------
    float
        The standard deviation in [0, 1] units; multiply by 255 for the scale that users give.

    Raises
    ------
    ValueError
        For another shape, no pixels, or values that are not finite.

    References
    ----------
    .. [1] G. Chen, F. Zhu and P. A. Heng, "An Efficient Statistical Method for Image Noise Level
       Estimation", ICCV 2015, :doi:`10.1109/ICCV.2015.62`.
    .. [2] D. L. Donoho and I. M. Johnstone, "Ideal spatial adaptation by wavelet shrinkage",
       Biometrika 81(3), 1994, :doi:`10.1093/biomet/81.3.425`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> noisy = 0.5 + 25 / 255 * rng.standard_normal((64, 64))
    >>> round(255 * estimate_sigma(noisy))
    25
    """
    return measure(image).sigma


def neighbour_correlation(image: Floats) -> float:
    """Measure the correlation of the noise between horizontal and vertical neighbours.

    It is taken from the mean spectrum of the flattest patches, each order weighted by the
    autocorrelation of its basis function.

    Parameters
    ----------
    image : float array ``(h, w)`` or ``(h, w, c)``, nominal range [0, 1].

    Returns
    -------
    float
        -1 to 1: about 0 for white noise, 0.2 and more after demosaicking, resizing or JPEG. Exactly 0 where
        the noise in the highest orders is below 1/255; smoother noise than that is not seen.

    Raises
    ------
    ValueError
        As `estimate_sigma`.

    Examples
    --------
    >>> white = np.random.default_rng(0).standard_normal((65, 65))
    >>> abs(neighbour_correlation(0.5 + 0.1 * white)) < 0.1
    True
    >>> shared = white[1:, 1:] + 0.5 * white[:-1, 1:] + 0.5 * white[1:, :-1]
    >>> neighbour_correlation(0.5 + 0.1 * shared) > 0.2
    True
    """
    return measure(image).correlation


def measure(image: Floats) -> NoiseReport:
    """Measure both the level and the correlation of the noise in a picture.

    Parameters
    ----------
    image : float array ``(h, w)`` or ``(h, w, c)``, nominal range [0, 1].

    Returns
    -------
    NoiseReport
        See `estimate_sigma` and `neighbour_correlation`.

    Raises
    ------
    ValueError
        As `estimate_sigma`.

    Examples
    --------
    >>> measure(np.full((64, 64, 3), 0.5))
    NoiseReport(sigma=0.0, correlation=0.0)
    """
    planes = image[..., None] if image.ndim == 2 else image
    if planes.ndim != 3 or planes.size == 0:
        raise ValueError(f"expected a picture (h, w) or (h, w, c), got shape {image.shape}")
    if not np.isfinite(planes).all():
        raise ValueError("the picture holds values that are not finite (NaN or infinity)")
    if planes.shape[2] > 1 and np.ptp(planes, axis=2).max() < 0.5 / 255:
        planes = planes[..., :1]  # gray in three equal channels is measured once
    patches = _unclipped_patches(planes)
    if len(patches) < FEWEST:
        return NoiseReport(_median_difference(planes), 0.0)
    spectra = patches @ _DCT.T
    texture = (spectra[:, :, (_ORDER > 0) & (_ORDER <= LOW)] ** 2).sum((1, 2))
    # With too few patches the eigenvalues of the covariance of all high orders would spread by themselves.
    orders = spectra.shape[1] * int((_ORDER > LOW).sum())
    flat = spectra[np.argsort(texture)[: max(int(FLAT * len(texture)), 50 * orders)]]
    high = flat[:, :, _ORDER > LOW].reshape(len(flat), -1).astype(np.float64)
    high -= high.mean(0)
    sigma = _noise_eigenvalue(np.linalg.eigvalsh(high.T @ high / len(high))) ** 0.5
    # On a page full of letters no patch is flat; noise would also be between and inside the letters.
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
    # A constant picture touches both ends everywhere and has no noise; its patches are kept.
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
    """The correlation between neighbours, from the cosine coefficients of flat patches ``(n, c, 64)``."""
    power = (flat.astype(np.float64) ** 2).mean((0, 1)).reshape(SIDE, SIDE)
    # Texture lies in the lowest orders; they get the power of the orders next to them.
    order = _ORDER.reshape(SIDE, SIDE)
    power[order < 3] = power[order == 3].mean()
    own = (_COSINES[:, 1:] * _COSINES[:, :-1]).sum(1) * SIDE / (SIDE - 1)
    both = (power * own).sum() + (power * own[:, None]).sum()
    return float(np.clip(both / 2 / power.sum(), -1, 1))


def _in_most_places(planes: Floats) -> float | None:
    """The most that white noise can be: the median difference over cells of the picture.

    Noise and texture together have no smaller median than noise alone. Cells that are even, or nearly all
    black or white, are left out; None where no other is left.
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
    """Sigma by the median absolute diagonal second difference; planes ``(..., h, w, c)``."""
    if min(planes.shape[-3:-1]) < 2:
        return 0.0
    below, above = planes[..., 1:, :, :], planes[..., :-1, :, :]
    differences = (below - above)[..., 1:, :] - (below - above)[..., :-1, :]
    return float(np.median(np.abs(differences)) / 2 / MEDIAN_DEVIATION)
