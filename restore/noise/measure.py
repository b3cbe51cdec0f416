"""Measuring what kind of noise is in pictures: from noisy pictures alone, or from views of one scene."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from restore.noise.estimate import MEDIAN_DEVIATION
from restore.noise.model import Floats, NoiseModel, white_noise

SIDE = 16  # of a patch, in pixels
REACH = 7  # of the filter that gives white noise this spectrum, in pixels
PATCHES = 12_000  # looked at over all pictures, at most
COARSE = 3.0  # orders of the cosine transform up to which texture is told from noise, and noise not measured
NOTHING = 0.02 / 255  # of noise: what is left of a picture of one value
ROUNDING = 0.5 / 255  # of 8 bits, generously
UNLIKE = 1.7  # times the noise's own energy in a ring of the spectrum, above which a patch has texture
BINS = 12  # of brightness
NARROW = 0.1  # range of brightness in which a dependence on it cannot be seen
FEWEST = 20  # patches in a bin of brightness that say anything
FLOOR = 0.1  # the quantile of the variances of patches of a brightness that is taken for noise alone
WHITE = 0.95  # share of a filter's energy in its middle above which noise is taken for white
MEDIAN_SQUARE = MEDIAN_DEVIATION**2  # of a standard normal number
_place = np.arange(SIDE)
CLIPPED = np.linspace(0, 0.25, 26)  # shares of clipped pixels whose missing noise can be made up for
_COSINES = np.sqrt(2 / SIDE) * np.cos(np.pi * (2 * _place + 1) * _place[:, None] / (2 * SIDE))
_COSINES[0] /= np.sqrt(2)

_RADIUS = np.hypot(_place[:, None], _place)
_FINE = _RADIUS > COARSE
_RING = np.digitize(_RADIUS, (0.0, COARSE, 5.0, 8.0, 11.0, 15.0), right=True)  # 0 is the mean
_RINGS = [np.equal(_RING, number) for number in range(1, 7)]


def measure_noise(pictures: Iterable[Floats], *, most: int = PATCHES) -> NoiseModel:
    """Measure the noise that a set of pictures ``(h, w, c)`` in [0, 1] has in common, from them alone.

    Patches are taken for flat where no ring of their cosine spectrum is above the lowest patches' (texture
    is somewhere, noise everywhere). Their median in each order tells the correlation; patches with a
    spectrum of that shape the variance at their brightness; and a line fitted robustly to the variances over
    brightness gain and read noise. Patches that touch black or white are left out,
    since clipping hides noise. most: patches looked at over all pictures. Raises ValueError without pictures
    of at least 16x16 pixels.
    """
    found = [
        (_patches(picture, most), is_clipped(picture))
        for picture in pictures
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
        raise ValueError("no patch lies between black and white; nothing can be measured")
    return replace(_fit(patches), clipped=any(clipped for _, clipped in found))


def noise_from_views(views: Iterable[tuple[Floats, Floats]]) -> NoiseModel:
    """Measure noise from pairs of noisy views ``(h, w, c)`` of one scene, whose difference is noise alone.

    Half of the difference's variance is that of one view; the mean of both is the signal. No texture is
    left to be mistaken for noise. Raises ValueError without pairs.
    """
    differences, means, ends = [], [], False
    for first, second in views:
        ends = ends or is_clipped(first) or is_clipped(second)
        touching = np.maximum(*(_touching(_cut(view), view) for view in (first, second)))
        chosen = touching.max((1, 2, 3)) <= CLIPPED[-1]
        noise = _cut((first - second) / math.sqrt(2))[chosen]
        differences.append(noise / np.sqrt(np.interp(touching[chosen], CLIPPED, _variance_left())))
        means.append(_cut((first + second) / 2)[chosen].mean((2, 3)))
    if not sum(map(len, differences)):
        raise ValueError("expected at least one pair of views that is not all black or white")
    patches, brightness = np.concatenate(differences), np.concatenate(means)
    step = max(1, -(-len(patches) // PATCHES))
    found = _fit(patches[::step].astype(np.float32), brightness=brightness[::step])
    return replace(found, clipped=ends)


def with_residuals(noise: NoiseModel, noisy: Floats, restored: Floats) -> NoiseModel:
    """The same noise with its dependence on the signal taken from what a denoiser removed.

    Flat patches may all be of one brightness, as on a page; the difference of a picture and its restoration
    has the noise of every brightness in it. Its median absolute deviation in bins of brightness is fitted by
    a line; clipping of less than a quarter of the pixels does not change it. A denoiser leaves some noise in,
    so the level where patches are flat stays that of the patches. noisy, restored: pixels ``(n, c)``.
    """
    lines = []
    for channel in range(len(noise.gain)):
        points = _spreads(noisy[:, channel], restored[:, channel], clipped=noise.clipped)
        if len(points) < 3 or np.ptp(points[:, 0]) < NARROW:
            return noise
        signal, variance, count = points.T
        lines.append(_nonnegative(signal, variance, count / variance.clip(1e-10) ** 2))
    gain, read = np.array(lines).T
    flat = noise.mean if noise.flat is None else noise.flat
    before, now = noise.gain * flat + noise.read_std**2, gain * flat + read
    kept = before.mean() / max(float(now.mean()), 1e-12)
    return replace(noise, gain=kept * gain, read_std=np.sqrt(kept * read))


def _spreads(noisy: Floats, restored: Floats, *, clipped: bool) -> Floats:
    """(brightness, variance of what was removed, pixels) in bins of brightness ``(n, 3)``.

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
    """From patches ``(n, c, 16, 16)``; brightness ``(n, c)`` where it is not the patches' own mean.

    Patches with a brightness of their own are differences of views: there is no texture in them.
    """
    mean = patches.mean((2, 3)) if brightness is None else brightness
    power = _COSINES.astype(np.float32) @ patches @ _COSINES.T.astype(np.float32)
    squares = power.astype(np.float64) ** 2
    # Rounding's own noise on top: what is below it is the same, and nothing is divided by zero.
    rings = np.stack([squares[:, :, ring].mean((1, 2)) for ring in _RINGS], 1) + ROUNDING**2
    kept = _flat(rings) if brightness is None else np.ones(len(mean), bool)
    overall, channels = mean.mean(0), mean.shape[1]
    if np.median(squares[kept][:, :, _FINE]) < NOTHING**2:
        return replace(white_noise(0.0, channels=channels), mean=overall)
    spectrum = _spectrum(squares[kept], np.ones((SIDE, SIDE)))
    for _ in range(2):
        spectrum = _spectrum(squares[kept], spectrum)
        if brightness is None:
            kept = _alike(rings, _scale(squares, spectrum).mean(1), spectrum)
    scale = _scale(squares[kept], spectrum)  # of each patch and channel: its variance
    power, mean = power[kept], mean[kept]
    if brightness is None:
        noise_alone = _at_the_floor(scale, mean, int(_strong(spectrum).sum()))
        scale, power, mean = scale[noise_alone], power[noise_alone], mean[noise_alone]
    lines = [_line(mean[:, channel], scale[:, channel]) for channel in range(channels)]
    if not any(gain for gain, _ in lines):
        # Each channel alone may be too even to tell; together they have more than one brightness.
        lines = [_line(mean.ravel(), scale.ravel())] * channels
    whitened = power[:, :, _FINE] / np.sqrt(spectrum[_FINE].clip(1e-12) * scale[:, :, None].clip(1e-12))
    return NoiseModel(
        gain=np.array([gain for gain, _ in lines]),
        read_std=np.sqrt([read for _, read in lines]),
        kernel=_kernel(spectrum),
        channels=_agreement(whitened[:, :, _strong(spectrum)]),
        mean=overall,
        flat=mean.mean(0),
    )


def _spectrum(squares: Floats, before: Floats) -> Floats:
    """The spectrum ``(16, 16)`` of mean 1 that patches of noise have in common, each by its own level."""
    scale = _scale(squares, before)
    relative = squares / scale[:, :, None, None].clip(1e-12)
    return _without_coarse(np.median(relative, (0, 1)) / MEDIAN_SQUARE)


def _flat(rings: Floats) -> NDArray[np.bool_]:
    """Patches without texture: in every ring of the spectrum ``(n, rings)`` as low as noise alone would be.

    Noise is everywhere and texture is not: the lowest patches of a ring tell the level of its noise.
    """
    counts = np.array([ring.sum() for ring in _RINGS])
    floors = np.quantile(rings, 0.05, axis=0) / (1 - 1.64 * np.sqrt(2 / counts)).clip(0.2)
    return _best((rings / floors).max(1))


def _alike(rings: Floats, scale: Floats, spectrum: Floats) -> NDArray[np.bool_]:
    """Patches whose spectrum has the shape of the noise's, at whatever level: noise of another brightness."""
    wanted = np.array([spectrum[ring].mean() for ring in _RINGS])
    seen = wanted >= 0.02 * wanted.max()  # rings with next to no noise say little; there 8 bits round
    ratio = rings[:, seen] / (scale[:, None] * wanted[seen] + ROUNDING**2)
    return _best(np.maximum(ratio, 1 / ratio).max(1))


def _best(unlike: Floats) -> NDArray[np.bool_]:
    """The patches that are not too unlike noise, but a fiftieth and a hundred of them in any case."""
    fewest = min(len(unlike), max(100, len(unlike) // 50))
    kept: NDArray[np.bool_] = unlike <= max(UNLIKE, float(np.sort(unlike)[fewest - 1]))
    return kept


def _patches(picture: Floats, most: int) -> Floats:
    """Patches on a grid ``(n, c, 16, 16)``, without those mostly black or white; one channel if gray.

    Noise cut off at white is smaller than it was by a known amount, which is put back.
    """
    planes = picture[..., :3]
    if planes.shape[2] == 3 and not np.any(planes[..., 1:] - planes[..., :1]):
        planes = planes[..., :1]
    patches = _cut(planes, most)
    touching = _touching(patches, planes)
    limit = CLIPPED[-1]
    if (touching.max((1, 2, 3)) <= limit).mean() < 0.1:
        # Paper that is nearly white everywhere: what is left of its noise is better than that of the letters.
        limit = max(limit, float(np.median(touching.max((1, 2, 3)))))
    chosen = touching.max((1, 2, 3)) <= limit
    patches, touching = patches[chosen], touching[chosen]
    mean = patches.mean((2, 3), keepdims=True)
    restored: Floats = mean + (patches - mean) / np.sqrt(np.interp(touching, CLIPPED, _variance_left()))
    return restored


def _touching(patches: Floats, picture: Floats) -> Floats:
    """The share of pixels at either end of the range, of each patch and channel ``(n, c, 1, 1)``."""
    ends = (patches <= picture.min()) | (patches >= picture.max())
    share: Floats = ends.mean((2, 3), keepdims=True)
    return share


def is_clipped(picture: Floats, share: float = 1e-3) -> bool:
    """Whether a picture ends at black and white, and more than ``share`` of its values are one of them."""
    low, high = picture.min(), picture.max()
    return bool(low >= 0 and high <= 1 and max((picture == 0).mean(), (picture == 1).mean()) > share)


@cache
def _variance_left() -> Floats:
    """How much of the variance of noise is left for each of the shares CLIPPED of cut off pixels."""
    normal = NormalDist()
    return np.array([_left_below(normal.inv_cdf(1 - max(float(share), 1e-6))) for share in CLIPPED])


def _cut(planes: Floats, most: int = PATCHES) -> Floats:
    """All patches of a grid half a patch wide, thinned out for large pictures."""
    h, w = planes.shape[:2]
    step = max(SIDE // 2, round(math.sqrt(h * w / most)))
    windows = sliding_window_view(planes, (SIDE, SIDE), axis=(0, 1))[::step, ::step]
    return np.ascontiguousarray(windows.reshape(-1, *windows.shape[2:]))


def _ranks(brightness: Floats) -> NDArray[np.intp]:
    """Which of the bins of brightness, of equal numbers, each patch is in."""
    ranks: NDArray[np.intp] = np.argsort(np.argsort(brightness, kind="stable")) * BINS // len(brightness)
    return ranks


def _at_the_floor(scale: Floats, mean: Floats, orders: int) -> NDArray[np.bool_]:
    """The patches whose variance is not above what noise alone has at their brightness.

    Noise is everywhere and texture is not: a low quantile of the variances is the noise, and those of
    pure noise spread by a known amount about it.
    """
    level = scale.mean(1)
    ranks = _ranks(mean.mean(1))
    spread = 2.33 / np.sqrt(
        orders * scale.shape[1]
    )  # of a variance from the median of so many squares, relative
    kept = np.zeros(len(level), bool)
    for rank in range(BINS):
        inside = ranks == rank
        if inside.any():
            floor = np.quantile(level[inside], FLOOR) / max(0.2, 1 - 1.28 * spread)
            kept |= inside & (level <= floor * (1 + 2.5 * spread))
    return kept


def _scale(squares: Floats, spectrum: Floats) -> Floats:
    """The variance of each patch and channel ``(n, c)``: the median of its whitened orders."""
    strong = _strong(spectrum)
    whitened = squares[:, :, _FINE][:, :, strong] / spectrum[_FINE][strong]
    found: Floats = np.median(whitened, axis=2) / MEDIAN_SQUARE
    return found


def _strong(spectrum: Floats) -> NDArray[np.bool_]:
    """Which of the fine orders hold noise to speak of; what JPEG has rounded away says nothing."""
    weights = spectrum[_FINE]
    strong: NDArray[np.bool_] = weights >= 0.05 * weights.max()
    return strong


def _without_coarse(relative: Floats) -> Floats:
    """A spectrum whose coarsest orders, which hold what texture there is, are continued from the next.

    As the bell that noise blurred by a Gaussian has, flat for white noise.
    """
    near = _FINE & (_RADIUS <= 2 * COARSE)
    squared, seen = _RADIUS**2, relative.clip(1e-9)
    slope, start = np.polyfit(squared[near], np.log(seen[near]), 1, w=np.sqrt(seen[near]))
    spectrum = relative.copy()
    spectrum[~_FINE] = np.exp(start + min(slope, 0.0) * squared[~_FINE])
    unit: Floats = spectrum / spectrum.mean()
    return unit


def _kernel(spectrum: Floats) -> Floats:
    """The symmetric filter ``(15, 15)`` that gives white noise this cosine spectrum ``(16, 16)``."""
    distance = np.arange(-REACH, REACH + 1)
    # Order u is a wave of u half periods in a patch; all but order 0 stand for two signs.
    waves = np.cos(np.pi * np.outer(distance, _place) / SIDE) * np.where(_place > 0, 2, 1)
    window = np.cos(np.pi * distance / (2 * REACH + 2)) ** 2
    kernel = waves @ np.sqrt(spectrum.clip(0)) @ waves.T * np.outer(window, window)
    unit: Floats = kernel / np.sqrt((kernel**2).sum())
    return np.ones((1, 1)) if unit[REACH, REACH] ** 2 > WHITE else unit


def _agreement(whitened: Floats) -> Floats:
    """Correlation between channels, from whitened orders ``(n, c, orders)``, extremes cut to three sigma."""
    cut = whitened.clip(-3, 3)
    products: Floats = np.einsum("nik,njk->ij", cut, cut)
    root = np.sqrt(np.diag(products).clip(1e-12))
    return products / np.outer(root, root)


def _line(mean: Floats, variance: Floats) -> tuple[float, float]:
    """(gain, read variance), neither below zero: a robust line through variances over brightness.

    Medians of bins, then least squares with weights that fall for bins far above the line, where texture
    was taken for noise.
    """
    bins = max(1, min(BINS, len(mean) // FEWEST))
    parts = [part for part in np.array_split(np.argsort(mean), bins) if len(part)]
    x = [mean[part].mean() for part in parts]
    y = [np.median(variance[part]) for part in parts]
    n = [len(part) for part in parts]
    points, levels = np.array(x), np.array(y)
    if np.ptp(points) < NARROW:
        return 0.0, float(np.average(levels, weights=n))
    weights = np.array(n, float) / levels.clip(1e-10) ** 2  # the spread of a variance grows with it
    for _ in range(10):
        gain, read = _nonnegative(points, levels, weights)
        over = (levels - gain * points - read) / (gain * points + read + 1e-12)
        robust = np.where(over > 0.1, (0.1 / over.clip(0.1)) ** 2, 1.0)
        weights = np.array(n, float) * robust / (gain * points + read + 1e-10) ** 2
    return gain, read


def _nonnegative(x: Floats, y: Floats, weights: Floats) -> tuple[float, float]:
    """Weighted least squares ``y = gain x + read`` with both at least 0."""
    total = weights.sum()
    middle_x, middle_y = (weights * x).sum() / total, (weights * y).sum() / total
    spread = (weights * (x - middle_x) ** 2).sum()
    gain = (weights * (x - middle_x) * (y - middle_y)).sum() / spread if spread > 0 else 0.0
    if gain <= 0:
        return 0.0, max(0.0, float(middle_y))
    read = middle_y - gain * middle_x
    if read < 0:
        return float((weights * x * y).sum() / (weights * x * x).sum()), 0.0
    return float(gain), float(read)


def _left_below(cut: float) -> float:
    """The variance of a standard normal number that is put at ``cut`` where it lies above."""
    below, density = NormalDist().cdf(cut), NormalDist().pdf(cut)
    mean = cut * (1 - below) - density
    return below - cut * density + cut**2 * (1 - below) - mean**2
