"""Measure how much noise is in one picture, and whether it is white, from the picture alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from restore.noise.borders import counted
from restore.noise.clipping import left_by_distance, left_by_share, mean_after
from restore.noise.cosines import cosine_basis
from restore.noise.medians import median
from restore.noise.model import Floats
from restore.noise.planes import cell_ends, one_by_one, planes_of

SIDE = 8  # pixels along the side of a patch
PATCHES = 30_000  # the most that are looked at
LOW = 7  # texture lies in orders u + v of the cosine transform up to this one
FLAT = 0.2  # the share of patches, those with the least energy in low orders, that tell the correlation
FEWER = 0.7  # of the patches, the most even ones, are left where texture is seen in them
LEAST = 100  # patches that are enough to be measured
LIKE_NOISE = 1.05  # the most energy per low order, of that per high order, that the flattest noise has
FEWEST = 300  # patches below which statistics mean little
CLIPPED = 0.2  # the share of pixels at black or white up to which the noise that was cut off is made up for
FROM_END = mean_after(0.5)  # the same as a distance from black or white, in deviations of the noise
NOTHING = 0.05 / 255  # noise below this is none
MEDIAN_DEVIATION = 0.6744897501960817  # median distance from the mean of a standard normal number
CELL = 16  # pixels along the side of the cells in which the median difference is taken
CELLS = 5_000  # about as many cells are looked at
EVEN = 4 / 255  # a cell whose values differ by no more is even, without noise to measure
UNLIKE = 2.0  # a sigma above this times that of most cells is texture, since noise is everywhere

_COSINES = cosine_basis(SIDE)
# Differences of the channels: texture is nearly the same in all of them, white noise is not.
_CHROMA = np.array([[1, -1, 0], [1, 1, -2]], np.float32) / np.sqrt([[2], [6]], dtype=np.float32)
_DCT = np.kron(_COSINES, _COSINES).astype(np.float32)  # rows are basis pictures, u-major
_ORDER = np.add.outer(np.arange(SIDE), np.arange(SIDE)).ravel()
_HIGH = _ORDER > LOW
_LOW = (_ORDER > 0) & ~_HIGH


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


def estimate_sigma(image: Floats, visible: NDArray[np.bool_] | None = None) -> float:
    """Estimate the standard deviation of white Gaussian noise in a picture.

    It is the energy in high orders of the cosine transform of flat patches, chosen in the manner of [1]_.
    Flat are those with the least energy in low orders, where texture is strongest; noise in high orders is
    independent of that. Fewer and fewer of the patches are taken, the flattest ones, until low orders hold no
    more energy than high ones, so that little texture is left. Texture is nearly the same in all channels:
    where the differences of channels hold less energy, that is taken. What clipping at black or white has
    taken away is put back. Even borders do not count (`restore.noise.borders`).

    A picture with fewer than 300 patches, or full of letters that leave no patch flat, is measured by the
    median absolute diagonal difference [2]_.

    Parameters
    ----------
    image : float array ``(h, w)`` or ``(h, w, c)``, nominal range [0, 1].
    visible : bool ``(h, w)``, False where pixels are hidden and do not count; None counts all.

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
    .. [1] X. Liu, M. Tanaka and M. Okutomi, "Single-Image Noise Level Estimation for Blind Denoising", IEEE
       TIP 22(12), 2013, :doi:`10.1109/TIP.2013.2283400`.
    .. [2] D. L. Donoho and I. M. Johnstone, "Ideal spatial adaptation by wavelet shrinkage",
       Biometrika 81(3), 1994, :doi:`10.1093/biomet/81.3.425`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> noisy = 0.5 + 25 / 255 * rng.standard_normal((64, 64))
    >>> round(255 * estimate_sigma(noisy))
    25
    """
    return measure(image, visible).sigma


def neighbour_correlation(image: Floats, visible: NDArray[np.bool_] | None = None) -> float:
    """Measure the correlation of the noise between horizontal and vertical neighbours.

    It is taken from the mean spectrum of the flattest patches, each order weighted by the
    autocorrelation of its basis function.

    Parameters
    ----------
    image : float array ``(h, w)`` or ``(h, w, c)``, nominal range [0, 1].
    visible : bool ``(h, w)``, False where pixels are hidden and do not count; None counts all.

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
    return measure(image, visible).correlation


def measure(image: Floats, visible: NDArray[np.bool_] | None = None) -> NoiseReport:
    """Measure both the level and the correlation of the noise in a picture.

    Parameters
    ----------
    image : float array ``(h, w)`` or ``(h, w, c)``, nominal range [0, 1].
    visible : bool ``(h, w)``, False where pixels are hidden and do not count; None counts all.

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
    planes = planes_of(image)
    if visible is not None and visible.shape != planes.shape[:2]:
        raise ValueError(f"visible is {visible.shape} but the picture is {planes.shape[:2]}")
    return measure_inside(planes, counted(planes, visible))


def measure_inside(planes: Floats, inside: NDArray[np.bool_] | None) -> NoiseReport:
    """Do what `measure` does, where it is known which pixels count (`restore.noise.borders.counted`).

    planes ``(h, w, c)``, as `restore.noise.planes.planes_of` gives them; inside ``(h, w)``, None for all.
    """
    values = planes if inside is None else planes[inside]
    if values.size == 0 or np.ptp(values) == 0:
        return NoiseReport(0.0, 0.0)
    ends = float(values.min()), float(values.max())
    found = _flat_patches(_patches(planes, inside), ends)
    if found is None:
        return NoiseReport(_median_difference(planes, inside), 0.0)
    sigma, flat = found
    # On a page full of letters no patch is flat; noise would also be between and inside the letters.
    everywhere = _in_most_places(planes, inside, ends)
    if everywhere is not None and sigma > UNLIKE * everywhere:
        sigma = everywhere
    return NoiseReport(float(sigma), _correlation(flat) if sigma > 1 / 255 else 0.0)


def tells_texture(h: int, w: int) -> bool:
    """Whether a picture of this size has patches enough for its noise to be told from texture.

    Examples
    --------
    >>> tells_texture(24, 24), tells_texture(25, 25)
    (False, True)
    """
    return max(h - SIDE + 1, 0) * max(w - SIDE + 1, 0) >= FEWEST


def _patches(planes: Floats, inside: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Patches ``(n, c, 64)`` on a grid, without those that have pixels which do not count."""
    h, w, channels = planes.shape
    if min(h, w) < SIDE:
        return np.empty((0, channels, SIDE**2), np.float32)
    step = max(1, round(((h - SIDE + 1) * (w - SIDE + 1) / PATCHES) ** 0.5))
    windows = sliding_window_view(planes, (SIDE, SIDE), axis=(0, 1))[::step, ::step]
    if inside is not None:
        windows = windows[sliding_window_view(inside, (SIDE, SIDE))[::step, ::step].all((2, 3))]
    patches = windows.reshape(-1, channels, SIDE**2)  # a copy, since they overlap
    return np.asarray(patches, np.float32)


def _flat_patches(
    patches: NDArray[np.float32], ends: tuple[float, float]
) -> tuple[float, NDArray[np.float32]] | None:
    """The level of the noise, and the spectra ``(n, c, 64)`` of the flattest fifth of the patches.

    None where fewer than 300 patches are not black or white.
    """
    low, high = ends
    touching = (patches <= low) | (patches >= high)
    at_ends = touching.view(np.uint8).sum(2, dtype=np.uint8) / float(SIDE**2)
    # With hardly anything between black and white, what there is counts.
    usable = at_ends <= max(CLIPPED, float(np.quantile(at_ends.min(1), 0.1))) if len(patches) else at_ends > 0
    if usable.any(1).sum() < FEWEST:
        return None
    spectra, mean = patches @ _DCT.T, patches.mean(2)
    energies = _energies(spectra)
    sigma, flat = _level(spectra, energies, usable, left_by_share(at_ends))
    if sigma > NOTHING:
        # The share of pixels at the ends is itself noisy in one patch; its mean is less so.
        below, above = (mean - low) / sigma, (high - mean) / sigma
        usable = np.minimum(below, above) >= FROM_END
        if usable.any(1).sum() >= FEWEST:
            sigma, flat = _level(spectra, energies, usable, left_by_distance(below) * left_by_distance(above))
    return sigma, spectra[flat]


def _energies(spectra: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mean squares of spectra ``(n, c, 64)`` in low and in high orders, ``(n, c)``."""
    import cv2

    orders: NDArray[Any] = cv2.transpose(spectra.reshape(-1, SIDE**2))
    orders *= orders
    low, high = (orders[chosen].mean(0).reshape(spectra.shape[:2]) for chosen in (_LOW, _HIGH))
    return low, high


def _level(
    spectra: NDArray[np.float32], energies: tuple[Floats, Floats], usable: NDArray[np.bool_], left: Floats
) -> tuple[float, NDArray[np.intp]]:
    """The level of the noise in the flattest patches, and which are the flattest fifth.

    spectra ``(n, c, 64)``; energies: their means in low and in high orders ``(n, c)``; usable, left: the
    channels of a patch that are not clipped too much, and the share of the noise's variance that clipping has
    left there, ``(n, c)``.
    """
    weight = usable / left
    texture, noise = ((energy * weight).sum(1) for energy in energies)
    channels = usable.sum(1)
    order = np.argsort(np.where(channels > 0, texture / channels.clip(1), np.inf), kind="stable")
    count = int((channels > 0).sum())
    first = order[: max(int(FLAT * count), LEAST)]
    best, whitest = first, np.inf
    while True:
        chosen = order[: max(count, LEAST)]
        energy = float(noise[chosen].sum())
        if energy <= NOTHING**2 * channels[chosen].sum():
            return 0.0, first  # exactly even places that are no border: a clean picture
        ratio = float(texture[chosen].sum()) / energy
        if ratio < whitest:
            best, whitest = chosen, ratio
        if ratio <= LIKE_NOISE or count <= LEAST:
            break
        count = int(FEWER * count)
    variance = float(noise[best].sum() / channels[best].sum())
    return (variance * min(1.0, _share_in_chroma(spectra[best], usable[best], left[best]))) ** 0.5, first


def _share_in_chroma(spectra: NDArray[np.float32], usable: NDArray[np.bool_], left: Floats) -> float:
    """The energy of the differences of channels in high orders, of that of the channels: 1 in white noise.

    1 where there are no three channels in enough patches.
    """
    whole = usable.all(1)
    if usable.shape[1] != 3 or whole.sum() < LEAST // 3:
        return 1.0
    high = spectra[whole][:, :, _HIGH] / np.sqrt(left[whole], dtype=np.float32)[:, :, None]
    return float(((_CHROMA @ high) ** 2).mean() / (high**2).mean())


def _correlation(flat: NDArray[np.float32]) -> float:
    """The correlation between neighbours, from the cosine coefficients of flat patches ``(n, c, 64)``."""
    power = (flat.astype(np.float64) ** 2).mean((0, 1)).reshape(SIDE, SIDE)
    # Texture lies in the lowest orders; they get the power of the orders next to them.
    order = _ORDER.reshape(SIDE, SIDE)
    power[order < 3] = power[order == 3].mean()
    own = (_COSINES[:, 1:] * _COSINES[:, :-1]).sum(1) * SIDE / (SIDE - 1)
    both = (power * own).sum() + (power * own[:, None]).sum()
    return float(np.clip(both / 2 / power.sum(), -1, 1))


def _in_most_places(
    planes: Floats, inside: NDArray[np.bool_] | None, ends: tuple[float, float]
) -> float | None:
    """The most that white noise can be: the median difference over cells of the picture.

    Noise and texture together have no smaller median than noise alone. Cells that are even, or nearly all
    black or white, are left out; None where no other is left.
    """
    low, high = ends
    some = _some_cells(planes)
    c, h, w = some.shape
    shape = c, h // CELL, CELL, w // CELL, CELL
    at_ends = np.maximum(*(_counts(each.reshape(shape)) for each in (some <= low, some >= high)))
    lowest, highest = cell_ends(some, CELL)
    lively = ((highest - lowest).max(0) > EVEN) & (at_ends / (c * CELL**2) < 0.9)
    if inside is not None:
        lively &= _some_cells(inside[..., None]).reshape(shape[1:]).all((1, 3))
    if not lively.any():
        return None
    differences = np.empty_like(some)
    _second_differences(some, out=differences[:, :-1, :-1])
    # Those between cells are left out.
    within = differences.reshape(shape)[:, :, :-1, :, :-1].transpose(1, 3, 0, 2, 4)[lively]
    return float(median(np.abs(within, out=within)) / 2 / MEDIAN_DEVIATION)


def _counts(cells: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """How many values are set in each cell of ``(c, rows, 16, columns, 16)``, over all channels."""
    down = np.add.reduce(cells.view(np.uint8), axis=2, dtype=np.uint8)
    counts: NDArray[np.uint16] = np.add.reduce(down, axis=(0, 3), dtype=np.uint16)
    return counts


def _some_cells(planes: NDArray[Any]) -> NDArray[Any]:
    """A picture ``(c, h, w)`` of cells of 16x16 pixels side by side, some of them in large pictures."""
    c, rows, columns = planes.shape[2], planes.shape[0] // CELL, planes.shape[1] // CELL
    whole = one_by_one(planes)[:, : rows * CELL, : columns * CELL]
    step = max(1, round((rows * columns / CELLS) ** 0.5))
    some = whole.reshape(c, rows, CELL, columns, CELL)[:, ::step, :, ::step]
    return np.ascontiguousarray(some).reshape(c, some.shape[1] * CELL, some.shape[3] * CELL)


def _second_differences(channels: Floats, out: Floats | None = None) -> Floats:
    """Diagonal second differences of ``(c, h, w)``."""
    steps = channels[:, 1:] - channels[:, :-1]
    return np.subtract(steps[..., 1:], steps[..., :-1], out=out)


def _median_difference(planes: Floats, inside: NDArray[np.bool_] | None = None) -> float:
    """Sigma by the median absolute diagonal second difference of planes ``(h, w, c)``."""
    if min(planes.shape[:2]) < 2:
        return 0.0
    differences = _second_differences(one_by_one(planes))
    if inside is not None:
        differences = differences[:, sliding_window_view(inside, (2, 2)).all((2, 3))]
    return float(median(np.abs(differences)) / 2 / MEDIAN_DEVIATION) if differences.size else 0.0
