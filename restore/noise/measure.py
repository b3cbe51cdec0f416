"""Measure what kind of noise is in a set of pictures, or in views of one scene."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from restore.noise.borders import counted
from restore.noise.clipping import SHARES, left_by_share
from restore.noise.estimate import MEDIAN_DEVIATION
from restore.noise.medians import median, quantile
from restore.noise.model import Floats, NoiseModel, white_noise
from restore.noise.spectrum import (
    BASIS,
    FINE,
    RINGS,
    SIDE,
    common_spectrum,
    kernel_of,
    patch_variances,
    strong_orders,
)
from restore.noise.variance_line import BINS, NARROW, nonnegative_line, variance_line

__all__ = ["SIDE", "NothingSeenError", "is_clipped", "measure_noise", "noise_from_views", "with_residuals"]

PATCHES = 12_000  # the most that are looked at, over all pictures
NOTHING = 0.02 / 255  # noise below this is what rounding leaves of a picture of one value
ROUNDING = 0.5 / 255  # an upper bound on the noise of rounding to 8 bits
UNLIKE = 1.7  # a patch with more than this times the noise's energy in a ring of the spectrum has texture
FLOOR = 0.1  # the quantile of the variances at one brightness that is taken for noise alone
CLIPPED = SHARES[-1]  # the share of clipped pixels up to which the missing noise can be made up for


class NothingSeenError(ValueError):
    """All patches of pictures are black, white or hidden."""


def measure_noise(
    pictures: Iterable[Floats],
    *,
    most: int = PATCHES,
    visible: Iterable[NDArray[np.bool_] | None] | None = None,
) -> NoiseModel:
    """Measure the noise that pictures have in common, from the pictures alone.

    Noise is everywhere and texture is not. Patches count as flat where no ring of their cosine spectrum is
    far above that of the lowest patches. Their median in each order gives the correlation of the noise;
    patches with a spectrum of that shape give the variance at their brightness; and a robust line through
    the variances over brightness gives gain and read noise. Clipping hides noise: patches with more than a
    quarter of their pixels at the ends of the range are left out, unless nearly all are like that, and in
    the others the variance that clipping has taken away is put back. Even borders do not count
    (`restore.noise.borders`).

    Parameters
    ----------
    pictures : float arrays ``(h, w, c)`` in [0, 1]; more than three channels are cut to the first three.
        Pictures smaller than 16x16 pixels are left out.
    most : the most patches that are looked at, over all pictures.
    visible : for each picture bool ``(h, w)``, False where pixels are hidden and do not count, or None; None
        counts every pixel of all.

    Returns
    -------
    NoiseModel
        For one channel where all pictures are gray, else for three.

    Raises
    ------
    ValueError
        Without a picture of at least 16x16 pixels.
    NothingSeenError
        Where all patches are black, white or hidden; a ValueError, too.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> model = measure_noise([0.5 + 25 / 255 * rng.standard_normal((96, 96, 1))])
    >>> round(255 * model.sigma), model.correlated
    (25, False)
    """
    pairs = ((p, None) for p in pictures) if visible is None else zip(pictures, visible, strict=True)
    found = [
        (_patches(picture, most, seen), is_clipped(_seen(picture, seen)))
        for picture, seen in pairs
        if min(picture.shape[:2]) >= SIDE
    ]
    if not found:
        raise ValueError(f"noise is measured in patches of {SIDE}x{SIDE} pixels; no picture is as large")
    gray = all(patches.shape[1] == 1 for patches, _ in found)
    channels = 1 if gray else 3
    parts = [np.broadcast_to(patches, (len(patches), channels, SIDE, SIDE)) for patches, _ in found]
    each = max(100, most // len(parts))
    patches = np.concatenate([p[:: max(1, -(-len(p) // each))] for p in parts]).astype(np.float32)
    if len(patches) == 0:
        raise NothingSeenError("no patch lies between black and white; nothing can be measured")
    return replace(_fit(patches), clipped=any(clipped for _, clipped in found))


def noise_from_views(views: Iterable[tuple[Floats, Floats]]) -> NoiseModel:
    """Measure noise from pairs of noisy views of one scene, whose difference is noise alone.

    Half of the variance of the difference is that of one view; the mean of both is the signal. No texture
    is left that could be taken for noise.

    Parameters
    ----------
    views : pairs of float arrays ``(h, w, c)`` in [0, 1], both of one size, at least 16x16 pixels.

    Returns
    -------
    NoiseModel

    Raises
    ------
    ValueError
        Without a pair, or where all patches are black or white.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> scene = rng.uniform(0.2, 0.8, (64, 64, 1))  # nothing but texture
    >>> first, second = (scene + 10 / 255 * rng.standard_normal(scene.shape) for _ in range(2))
    >>> round(255 * noise_from_views([(first, second)]).sigma)
    10
    """
    differences, means, ends = [], [], False
    for first, second in views:
        ends = ends or is_clipped(first) or is_clipped(second)
        touching = np.maximum(*(_touching(_cut(view), view) for view in (first, second)))
        chosen = touching.max((1, 2, 3)) <= CLIPPED
        noise = _cut((first - second) / math.sqrt(2))[chosen]
        differences.append(noise / np.sqrt(left_by_share(touching[chosen])))
        means.append(_cut((first + second) / 2)[chosen].mean((2, 3)))
    if not sum(map(len, differences)):
        raise ValueError("expected at least one pair of views that is not all black or white")
    patches, brightness = np.concatenate(differences), np.concatenate(means)
    step = max(1, -(-len(patches) // PATCHES))
    found = _fit(patches[::step].astype(np.float32), brightness=brightness[::step])
    return replace(found, clipped=ends)


def with_residuals(noise: NoiseModel, noisy: Floats, restored: Floats) -> NoiseModel:
    """The noise model with its dependence on the signal taken from what a denoiser removed.

    Flat patches may all be of one brightness, as on a page; the difference of a picture and its
    restoration holds the noise of every brightness in the picture. Its median absolute deviation in bins
    of brightness is fitted by a line. A denoiser leaves some noise in, so the level at the brightness of
    the flat patches stays that of the model. Clipping of less than a quarter of the pixels does not
    change the median absolute deviation.

    Parameters
    ----------
    noise : the model measured on the same pictures.
    noisy, restored : their values before and after denoising, ``(n, c)`` in [0, 1].

    Returns
    -------
    NoiseModel
        The same model where the pictures have too few brightnesses for a line.
    """
    lines = []
    for channel in range(len(noise.gain)):
        points = _spreads(noisy[:, channel], restored[:, channel], clipped=noise.clipped)
        if len(points) < 3 or np.ptp(points[:, 0]) < NARROW:
            return noise
        signal, variance, count = points.T
        lines.append(nonnegative_line(signal, variance, count / variance.clip(1e-10) ** 2))
    gain, read = np.array(lines).T
    flat = noise.mean if noise.flat is None else noise.flat
    before, now = noise.gain * flat + noise.read_std**2, gain * flat + read
    kept = before.mean() / max(float(now.mean()), 1e-12)
    return replace(noise, gain=kept * gain, read_std=np.sqrt(kept * read))


def _spreads(noisy: Floats, restored: Floats, *, clipped: bool) -> Floats:
    """(brightness, variance of what was removed, number of pixels) in bins of brightness ``(bins, 3)``.

    Bins with few pixels, or with a fifth of them at an end of the range, are left out.
    """
    removed, ends = noisy - restored, clipped & ((noisy <= 0) | (noisy >= 1))
    places = np.digitize(restored, np.linspace(0, 1, 17))
    points = []
    for place in range(1, 17):
        inside = places == place
        if inside.sum() >= 200 and ends[inside].mean() < 0.2:
            spread = np.median(np.abs(removed[inside] - np.median(removed[inside])))
            points.append((restored[inside].mean(), (spread / MEDIAN_DEVIATION) ** 2, inside.sum()))
    return np.array(points, float)


def _fit(patches: NDArray[np.float32], brightness: Floats | None = None) -> NoiseModel:
    """The model of noise in patches ``(n, c, 16, 16)``.

    brightness ``(n, c)`` is given for differences of views, in which there is no texture; otherwise it is
    the mean of each patch.
    """
    mean = patches.mean((2, 3)) if brightness is None else brightness
    power = BASIS.astype(np.float32) @ patches @ BASIS.T.astype(np.float32)
    squares = power.astype(np.float64) ** 2
    # The noise of rounding is added, so that all that is below it counts the same and no ring is zero.
    rings = _in_rings(squares) + ROUNDING**2
    kept = _flat(rings) if brightness is None else np.ones(len(mean), bool)
    overall, channels = mean.mean(0), mean.shape[1]
    if median(squares[kept][:, :, FINE]) < NOTHING**2:
        return replace(white_noise(0.0, channels=channels), mean=overall)
    spectrum = common_spectrum(squares[kept], patch_variances(squares[kept], np.ones((SIDE, SIDE))))
    scale = patch_variances(squares, spectrum)  # of each patch and channel: its variance
    for _ in range(2):
        spectrum = common_spectrum(squares[kept], scale[kept])
        scale = patch_variances(squares, spectrum)
        if brightness is None:
            kept = _alike(rings, scale.mean(1), spectrum)
    scale, power, mean = scale[kept], power[kept], mean[kept]
    if brightness is None:
        noise_alone = _at_the_floor(scale, mean, int(strong_orders(spectrum).sum()))
        scale, power, mean = scale[noise_alone], power[noise_alone], mean[noise_alone]
    lines = [variance_line(mean[:, channel], scale[:, channel]) for channel in range(channels)]
    if not any(gain for gain, _ in lines):
        # Each channel alone may be too even to tell; together they have more than one brightness.
        lines = [variance_line(mean.ravel(), scale.ravel())] * channels
    whitened = power[:, :, FINE] / np.sqrt(spectrum[FINE].clip(1e-12) * scale[:, :, None].clip(1e-12))
    return NoiseModel(
        gain=np.array([gain for gain, _ in lines]),
        read_std=np.sqrt([read for _, read in lines]),
        kernel=kernel_of(spectrum),
        channels=_agreement(whitened[:, :, strong_orders(spectrum)]),
        mean=overall,
        flat=mean.mean(0),
    )


def _in_rings(squares: Floats) -> Floats:
    """The means of squared coefficients ``(n, c, 16, 16)`` over each ring of the spectrum, ``(n, rings)``."""
    n, c = squares.shape[:2]
    orders = np.ascontiguousarray(squares.reshape(n * c, SIDE**2).T).reshape(SIDE**2, n, c)
    rings = [np.moveaxis(orders[ring.ravel()], 0, 2) for ring in RINGS]
    return np.stack([ring.mean((1, 2)) for ring in rings], 1)


def _flat(rings: Floats) -> NDArray[np.bool_]:
    """Which patches have no texture: they are as low as noise in every ring of their spectrum ``(n, rings)``.

    Noise is everywhere and texture is not, so the lowest patches give the level of the noise in a ring.
    """
    counts = np.array([ring.sum() for ring in RINGS])
    floors = np.quantile(rings, 0.05, axis=0) / (1 - 1.64 * np.sqrt(2 / counts)).clip(0.2)
    return _best((rings / floors).max(1))


def _alike(rings: Floats, scale: Floats, spectrum: Floats) -> NDArray[np.bool_]:
    """Which patches have a spectrum of the noise's shape, at any level: noise of another brightness."""
    wanted = np.array([spectrum[ring].mean() for ring in RINGS])
    seen = wanted >= 0.02 * wanted.max()  # rings with almost no noise hold mostly that of rounding
    ratio = rings[:, seen] / (scale[:, None] * wanted[seen] + ROUNDING**2)
    return _best(np.maximum(ratio, 1 / ratio).max(1))


def _best(unlike: Floats) -> NDArray[np.bool_]:
    """Which patches are not too unlike noise; at least a fiftieth, and at least a hundred, are kept."""
    fewest = min(len(unlike), max(100, len(unlike) // 50))
    kept: NDArray[np.bool_] = unlike <= max(UNLIKE, float(np.sort(unlike)[fewest - 1]))
    return kept


def _patches(picture: Floats, most: int, visible: NDArray[np.bool_] | None) -> Floats:
    """Patches on a grid ``(n, c, 16, 16)``, without borders and those mostly black or white.

    One channel if the picture is gray.

    Clipping takes a known amount of the noise's variance away, which is put back.
    """
    planes = picture[..., :3]
    if planes.shape[2] == 3 and not np.any(planes[..., 1:] - planes[..., :1]):
        planes = planes[..., :1]
    patches, inside = _cut(planes, most), counted(planes, visible)
    if inside is not None:
        patches = patches[_cut(inside[..., None], most).all((1, 2, 3))]
        planes = planes[inside] if inside.any() else planes
    touching = _touching(patches, planes)
    if not len(patches):
        return patches
    limit = CLIPPED
    if (touching.max((1, 2, 3)) <= limit).mean() < 0.1:
        # On paper that is nearly white everywhere, what is left of the noise tells more than the letters do.
        limit = max(limit, float(np.median(touching.max((1, 2, 3)))))
    chosen = touching.max((1, 2, 3)) <= limit
    patches, touching = patches[chosen], touching[chosen]
    mean = patches.mean((2, 3), keepdims=True)
    restored: Floats = mean + (patches - mean) / np.sqrt(left_by_share(touching))
    return restored


def _seen(picture: Floats, visible: NDArray[np.bool_] | None) -> Floats:
    """The pixels that count; all where none does, of which nothing is measured anyway."""
    return picture if visible is None or not visible.any() else picture[visible]


def _touching(patches: Floats, picture: Floats) -> Floats:
    """The share of pixels at either end of the range, of each patch and channel ``(n, c, 1, 1)``."""
    ends = (patches <= picture.min()) | (patches >= picture.max())
    share: Floats = ends.mean((2, 3), keepdims=True)
    return share


def is_clipped(picture: Floats, share: float = 1e-3) -> bool:
    """Whether noise in a picture is cut off at black or white.

    Parameters
    ----------
    picture : float array of any shape.
    share : the share of values at one end of the range above which a picture is clipped.

    Returns
    -------
    bool
        True where all values are in [0, 1] and more than ``share`` of them are exactly 0, or exactly 1.

    Examples
    --------
    >>> is_clipped(np.array([0.0, 0.2, 0.7])), is_clipped(np.array([-0.1, 0.2, 1.0]))
    (True, False)
    """
    low, high = picture.min(), picture.max()
    return bool(low >= 0 and high <= 1 and max((picture == 0).mean(), (picture == 1).mean()) > share)


def _cut(planes: NDArray[Any], most: int = PATCHES) -> NDArray[Any]:
    """Patches ``(n, c, 16, 16)`` on a grid of half a patch, wider for large pictures."""
    h, w = planes.shape[:2]
    step = max(SIDE // 2, round(math.sqrt(h * w / most)))
    windows = sliding_window_view(planes, (SIDE, SIDE), axis=(0, 1))[::step, ::step]
    return np.ascontiguousarray(windows.reshape(-1, *windows.shape[2:]))


def _ranks(brightness: Floats) -> NDArray[np.intp]:
    """The bin of brightness that each patch is in; all bins hold about as many patches."""
    ranks: NDArray[np.intp] = np.argsort(np.argsort(brightness, kind="stable")) * BINS // len(brightness)
    return ranks


def _at_the_floor(scale: Floats, mean: Floats, orders: int) -> NDArray[np.bool_]:
    """Which patches have no more variance than noise alone has at their brightness.

    A low quantile of the variances at one brightness is that of noise alone, and the variances of pure noise
    spread about it by a known amount.
    """
    level = scale.mean(1)
    ranks = _ranks(mean.mean(1))
    # The relative spread of a variance that is the median of so many squares.
    spread = 2.33 / np.sqrt(orders * scale.shape[1])
    kept = np.zeros(len(level), bool)
    for rank in range(BINS):
        inside = ranks == rank
        if inside.any():
            floor = quantile(level[inside], FLOOR) / max(0.2, 1 - 1.28 * spread)
            kept |= inside & (level <= floor * (1 + 2.5 * spread))
    return kept


def _agreement(whitened: Floats) -> Floats:
    """The correlation between channels, from whitened orders ``(n, c, orders)`` cut off at three sigma."""
    cut = whitened.clip(-3, 3)
    products: Floats = np.einsum("nik,njk->ij", cut, cut)
    root = np.sqrt(np.diag(products).clip(1e-12))
    return products / np.outer(root, root)
