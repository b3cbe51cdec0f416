"""The cosine spectrum of noise in patches of 16x16 pixels, apart from its level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from restore.noise.cosines import cosine_basis
from restore.noise.estimate import MEDIAN_DEVIATION
from restore.noise.medians import medians
from restore.noise.model import Floats

SIDE = 16  # pixels along the side of a patch
REACH = 7  # pixels from the middle to the edge of the filter that gives white noise this spectrum
COARSE = 3.0  # the radius in orders up to which texture hides the noise, so that it is not measured there
WHITE = 0.95  # noise is taken for white when its filter has more than this share of its energy in the middle
MEDIAN_SQUARE = MEDIAN_DEVIATION**2  # the median square of a standard normal number
BASIS = cosine_basis(SIDE)
_place = np.arange(SIDE)
RADIUS = np.hypot(_place[:, None], _place)
FINE = RADIUS > COARSE
_RING = np.digitize(RADIUS, (0.0, COARSE, 5.0, 8.0, 11.0, 15.0), right=True)  # 0 is the mean
RINGS = [np.equal(_RING, number) for number in range(1, 7)]


def common_spectrum(squares: Floats, scale: Floats) -> Floats:
    """The spectrum that patches of noise have in common, whatever their levels.

    Parameters
    ----------
    squares : squared cosine coefficients of the patches, ``(n, c, 16, 16)``.
    scale : the level of each patch, as `patch_variances` gives it by an earlier guess of the spectrum.

    Returns
    -------
    array of shape ``(16, 16)``
        Of mean 1.
    """
    relative = squares / scale[:, :, None, None].clip(1e-12)
    orders = np.ascontiguousarray(relative.reshape(-1, SIDE**2).T)
    return _without_coarse(medians(orders).reshape(SIDE, SIDE) / MEDIAN_SQUARE)


def patch_variances(squares: Floats, spectrum: Floats) -> Floats:
    """The variance of each patch and channel: the median of its whitened squared coefficients.

    Parameters
    ----------
    squares : squared cosine coefficients of the patches, ``(n, c, 16, 16)``.
    spectrum : spectrum of the noise, of mean 1, ``(16, 16)``.

    Returns
    -------
    array of shape ``(n, c)``
    """
    orders = np.flatnonzero(FINE)[strong_orders(spectrum)]
    whitened = np.take(squares.reshape(*squares.shape[:2], SIDE**2), orders, axis=2)
    whitened /= spectrum.ravel()[orders]
    found: Floats = medians(whitened) / MEDIAN_SQUARE
    return found


def strong_orders(spectrum: Floats) -> NDArray[np.bool_]:
    """Which of the fine orders (`FINE`) hold enough noise to be measured by.

    JPEG rounds weak orders away, and what is left of them says nothing.

    Parameters
    ----------
    spectrum : spectrum of the noise, ``(16, 16)``.

    Returns
    -------
    bool array of shape ``(number of fine orders,)``
    """
    weights = spectrum[FINE]
    strong: NDArray[np.bool_] = weights >= 0.05 * weights.max()
    return strong


def _without_coarse(relative: Floats) -> Floats:
    """The spectrum with its coarsest orders, which hold most of the texture, continued from the next ones.

    They are continued by the bell that noise blurred by a Gaussian has; it is flat for white noise.
    """
    near = FINE & (RADIUS <= 2 * COARSE)
    squared, seen = RADIUS**2, relative.clip(1e-9)
    slope, start = np.polyfit(squared[near], np.log(seen[near]), 1, w=np.sqrt(seen[near]))
    spectrum = relative.copy()
    spectrum[~FINE] = np.exp(start + min(slope, 0.0) * squared[~FINE])
    unit: Floats = spectrum / spectrum.mean()
    return unit


def kernel_of(spectrum: Floats) -> Floats:
    """The symmetric filter that gives white noise a cosine spectrum.

    Parameters
    ----------
    spectrum : ``(16, 16)``, not negative.

    Returns
    -------
    array of shape ``(15, 15)``
        Of unit energy; ``(1, 1)`` for a spectrum that is nearly white.

    Examples
    --------
    >>> kernel_of(np.ones((16, 16)))
    array([[1.]])
    """
    distance = np.arange(-REACH, REACH + 1)
    # Order u is a wave of u half periods in a patch; all but order 0 stand for two signs.
    waves = np.cos(np.pi * np.outer(distance, _place) / SIDE) * np.where(_place > 0, 2, 1)
    window = np.cos(np.pi * distance / (2 * REACH + 2)) ** 2
    kernel = waves @ np.sqrt(spectrum.clip(0)) @ waves.T * np.outer(window, window)
    unit: Floats = kernel / np.sqrt((kernel**2).sum())
    return np.ones((1, 1)) if unit[REACH, REACH] ** 2 > WHITE else unit
