"""Tell noise from texture, and its level, by what the prior removes at rising levels.

Told a level below that of the noise, the prior takes the noise for detail, and removes little of it. Told a
level above, it removes all of it, and at still higher levels hardly more. Of texture it removes the more the
higher the level is. Noise is everywhere, and in each place of a normal distribution; the lines of a drawing
and stars are not.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from restore.noise.picture_noise import OPPONENT
from restore.priors.condition import Condition
from restore.priors.protocol import Prior
from restore.tasks.watching import unwatched
from restore.types import from_255

LOW, HIGH = from_255(8), from_255(16)  # two levels, between which it is seen whether there is more to remove
RISES = 0.65  # the exponent of what is removed over the level: in noise at most this, in texture more
MORE, RISES_LESS = 1.4, 0.6  # the same for the adapters, where they remove so many times what the prior does
OF_REAL = 1.35  # times what is removed of the noise of cameras is the noise that there is
AGAIN = from_255(6)  # from here on the adapters measure better, told `TOLD` times the level that was found
TOLD = 2.0
LEAST = from_255(2.4)  # less than this is hardly seen
PLACE = 16  # pixels along the side of the places that are compared
FEWEST = 16  # places, without which nothing is compared
DARK, LIGHT = from_255(8), from_255(247)  # darker and lighter places may have had their noise cut off
BARE = 0.3  # of the median level of the places is what nine in ten of them have at least
PEAKED, BRIGHT = 3.6, 0.4  # median kurtosis and skewness of the places, above which both are of stars
LEVELS = tuple(map(from_255, (2, 4, 8, 16, 32, 64)))  # at which white noise is looked for
STEEP = 1.35  # the exponent falls below it at the level of white noise
FOUND, FINE = 1.15, 1.5
"""What the prior is told best of the white noise in a JPEG: times the level where what is removed grows less
steeply, and at most times what the finest frequencies hold."""


def real_level(pieces: Tensor, prior: Prior, inside: Tensor | None = None) -> float | None:
    """The level in luma of the noise of a camera or a scanner.

    Parameters
    ----------
    pieces : even pieces of a picture, ``(n, 3, h, w)`` in [0, 1].
    prior : Prior
    inside : bool tensor, optional
        The pixels that count, ``(n, h, w)``; None is all.

    Returns
    -------
    float or None
        In [0, 1] units; None where the more is removed the higher the level, as of texture, and where one of
        the pieces has hardly any: noise is everywhere.
    """
    low, high = (_removed(pieces, prior, level, inside) for level in (LOW, HIGH))
    noise = _rise(low, high) < RISES
    if not noise[high.argmin()]:
        # Strong noise on texture: the adapters tell more of it apart.
        below, high = (_removed(pieces, prior, level, inside, adapted=True) for level in (LOW, HIGH))
        noise = (below > MORE * low) & (_rise(below, high) < RISES_LESS)
        if not noise[high.argmin()]:
            return None
    if OF_REAL * high[noise].min() < LEAST:
        return None
    return OF_REAL * float(np.sqrt((high[noise] ** 2).mean()))


def measured_again(pieces: Tensor, level: float, prior: Prior, inside: Tensor | None = None) -> float | None:
    """The level in luma of the noise of a camera or a scanner, by a second look.

    Told more than there is, the adapters remove all of the noise, and of texture little more: less depends on
    the level that was found first. Faint noise they take for texture then.

    Parameters
    ----------
    pieces : even pieces of a picture, ``(n, 3, h, w)`` in [0, 1].
    level : what was found first, [0, 1] units.
    prior : Prior
    inside : as `real_level` takes it.

    Returns
    -------
    float or None
        In [0, 1] units, faint noise as it was found first; None where what is removed is no noise: lines on
        an even ground, or stars.
    """
    removed = _removed_luma(pieces, prior, TOLD * level, adapted=True)
    if not _looks_like_noise(removed, pieces, inside):
        return None
    if level < AGAIN:
        return level
    return float(np.median(_deviation(removed, inside)))  # one of the pieces may hold texture


def _looks_like_noise(removed: Tensor, pieces: Tensor, inside: Tensor | None) -> bool:
    """Whether what was removed from the luma of pieces ``(n, h, w)`` is nearly everywhere, and no stars."""
    places = _places(removed)
    brightness = _places(pieces.mean(1)).mean(1)
    counts = (brightness > DARK) & (brightness < LIGHT)
    if inside is not None:
        counts = counts & _places(inside.to(removed)).bool().all(1)
    if counts.sum() < FEWEST:
        return True
    places = places[counts]
    places = places - places.mean(1, keepdim=True)
    level = places.square().mean(1).sqrt()
    if level.quantile(0.1) < BARE * level.median():
        return False
    relative = places / level.clamp(min=1e-6)[:, None]
    peaked, bright = ((relative**power).mean(1).median() for power in (4, 3))
    return bool(peaked < PEAKED or bright < BRIGHT)


def _places(planes: Tensor) -> Tensor:
    """Planes ``(n, h, w)`` in squares of `PLACE` pixels, ``(places, pixels)``; a rest is cut off."""
    squares = F.unfold(planes[:, None].cpu().double(), PLACE, stride=PLACE)
    return squares.transpose(1, 2).flatten(0, 1)


def stored_level(pieces: Tensor, fine: float, prior: Prior, inside: Tensor | None = None) -> float | None:
    """The level that the prior is told best of white noise in the luma of a JPEG.

    Noise is the same everywhere, and texture delays the turn of what is removed: the first of the pieces is
    nearest to it.

    Parameters
    ----------
    pieces : even pieces of a picture, ``(n, 3, h, w)`` in [0, 1].
    fine : the level in the finest frequencies, which coding has lowered.
    prior : Prior
    inside : as `real_level` takes it.

    Returns
    -------
    float or None
        In [0, 1] units; None where in one of the pieces no such noise is found, so that it is texture.
    """
    turns: list[float | None] = [None] * len(pieces)
    removed: list[NDArray[np.float64]] = []
    for level in LEVELS:
        removed.append(_removed(pieces, prior, level, inside))
        if len(removed) < 3:
            continue
        rises = zip(_rise(*removed[-3:-1]), _rise(*removed[-2:]), strict=True)
        start = LEVELS[len(removed) - 3]
        turns = [
            _turn(start, *rise) if turn is None else turn for turn, rise in zip(turns, rises, strict=True)
        ]
        if None not in turns:
            break  # what higher levels remove says no more
    levels = [FOUND * turn for turn in turns if turn is not None]
    return min(*levels, FINE * fine) if len(levels) == len(pieces) else None


def _turn(level: float, before: np.float64, after: np.float64) -> float | None:
    """The level from which on what is removed grows less steeply; None where it does not.

    before, after: the exponents from this level to its double, and from there.
    """
    return level * 2 ** float(0.5 + (before - STEEP) / (before - after)) if before > STEEP >= after else None


def _removed(
    pieces: Tensor, prior: Prior, level: float, inside: Tensor | None, *, adapted: bool = False
) -> NDArray[np.float64]:
    """The deviation of what is removed from the luma of each piece, ``(n,)``, inside."""
    return _deviation(_removed_luma(pieces, prior, level, adapted=adapted), inside)


def _removed_luma(pieces: Tensor, prior: Prior, level: float, *, adapted: bool) -> Tensor:
    """What is removed from the luma of pieces, ``(n, h, w)``."""
    condition = Condition(pieces, noisy=True, is_state=True) if adapted else None
    removed = pieces - unwatched(prior).denoiser(condition)(pieces, level)
    return torch.einsum("c,nchw->nhw", torch.from_numpy(OPPONENT[0]).to(removed), removed)


def _deviation(luma: Tensor, inside: Tensor | None) -> NDArray[np.float64]:
    """The deviation of each of ``(n, h, w)``, inside, ``(n,)``."""
    counts = torch.ones_like(luma) if inside is None else inside.to(luma)
    mean = (luma.double().square() * counts).sum((1, 2)) / counts.double().sum((1, 2)).clamp(min=1)
    found: NDArray[np.float64] = mean.sqrt().cpu().numpy()
    return found.clip(1e-6)


def _rise(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """The exponent with which what is removed grows from a level to its double."""
    rise: NDArray[np.float64] = np.log2(high / low)
    return rise
