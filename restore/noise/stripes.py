"""Find rows or columns that are each a little too bright or too dark, and take that out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from restore.noise.cosines import cosine_basis
from restore.noise.estimate import MEDIAN_DEVIATION
from restore.noise.line_offsets import PARTS, separated, slow
from restore.noise.medians import known_medians
from restore.noise.model import Floats
from restore.noise.planes import planes_of

Kind = Literal["rows", "columns"]

FEWEST_LINES = 48  # with fewer lines, or lines shorter than this, nothing is found
LONGEST = 1024  # pixels of a line that are looked at to find stripes
MOST = 2048  # pixels of a line, and lines, that are looked at to measure them
BLOCK = 8  # pixels along the line in which content is taken to be of one kind
FAINTEST = 0.5 / 255  # offsets of a smaller deviation are not seen, and so not looked for
SHARE = 0.045  # the least share of the offsets in the energy of the differences between lines
UNLUCKY = 450  # with fewer lines chance does more, and the share must be larger by the root of this over them
REPEATS = 250  # with fewer lines a larger peak in the correlation is no sign that lines repeat
FARTHEST = 32  # lines apart at which a repetition is looked for
CUT_OFF = 0.02  # an end of the range with more than this share of the values has cut them off
ROUNDING = 0.4 / 255  # differences between lines are never known better
UNKNOWN = 100.0  # variance of what is not known


@dataclass(frozen=True)
class Stripes:
    """Offsets of the rows or columns of a picture.

    Parameters
    ----------
    kind : "rows" or "columns".
    offsets : what is added to every pixel of a line, ``(n, c)`` for ``n`` lines and ``c`` channels, in [0, 1]
        units; of mean 0.
    sigma : their standard deviation, in [0, 1] units.
    """

    kind: Kind
    offsets: Floats
    sigma: float

    def describe(self) -> str:
        """What was found, for users.

        Examples
        --------
        >>> Stripes("rows", np.zeros((4, 3)), 0.0306).describe()
        'rows have offsets of sigma 7.8 (of 255)'
        """
        return f"{self.kind} have offsets of sigma {255 * self.sigma:.1f} (of 255)"


@dataclass(frozen=True)
class _Evidence:
    """What the differences between neighbouring lines of one plane say."""

    variance: float  # of the offsets
    share: float  # of the offsets in the energy of the differences
    noise: float  # variance of what noise does to the mean of one part of a line


def find_stripes(pixels: Floats) -> Stripes | None:
    """Look for offsets of rows or columns, from the picture alone.

    Offsets are the same along the whole line, and those of neighbouring lines have nothing to do with each
    other. So the differences between neighbouring lines agree in all parts of the line, and every difference
    is followed by one to the other side: their correlation with the next is -1/2. Content agrees in a few
    lines only, and what follows is more of the same.

    They are measured by the differences, as a robust mean over blocks of pixels that is weighted by how
    much content varies there in every channel (generalised least squares). Along the other axis content is
    a random walk with few large steps, and offsets are white: what of the differences is the one and what
    the other follows by a smoother with such heavy tails [1]_. Shading stays.

    Parameters
    ----------
    pixels : float array ``(h, w)`` or ``(h, w, c)``, nominal range [0, 1].

    Returns
    -------
    Stripes or None
        Those of rows or of columns, whichever are clearer; None where there are none. A picture with both
        has the others when the first are taken out.

    Raises
    ------
    ValueError
        For another shape, no pixels, or values that are not finite.

    References
    ----------
    .. [1] A. Aravkin, J. V. Burke, G. Pillonetto, "Sparse/Robust Estimation and Kalman Smoothing with
       Nonsmooth Log-Concave Densities", JMLR 14, 2013.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> ramp = np.linspace(0.2, 0.8, 96)[:, None, None] * np.ones((96, 128, 3))
    >>> find_stripes(ramp) is None
    True
    >>> find_stripes(ramp + 8 / 255 * rng.standard_normal((96, 1, 1))).kind
    'rows'
    """
    planes, channels = planes_of(pixels), 1 if pixels.ndim == 2 else pixels.shape[2]
    if min(planes.shape[:2]) < FEWEST_LINES:
        return None
    found: dict[Kind, list[_Evidence]] = {
        "rows": _evidence(planes),
        "columns": _evidence(planes.swapaxes(0, 1)),
    }
    kind = max(found, key=lambda kind: max(each.share for each in found[kind]))
    if not any(each.share for each in found[kind]):
        return None
    offsets = _measured(planes if kind == "rows" else planes.swapaxes(0, 1), found[kind])
    offsets = np.broadcast_to(offsets, (len(offsets), channels)).copy()
    return Stripes(kind, offsets, float(offsets.std()))


def without_stripes(pixels: Floats, stripes: Stripes) -> Floats:
    """Take offsets of rows or columns out of a picture.

    A value at an end of the range was cut off there: it says that the picture is as bright as that or
    brighter. It stays at the end, and no result leaves [0, 1] or the range that the picture had.

    Parameters
    ----------
    pixels : float array ``(h, w)`` or ``(h, w, c)``, as `find_stripes` got it.
    stripes : what it found.

    Returns
    -------
    array of the shape and dtype of ``pixels``

    Examples
    --------
    >>> tilted = Stripes("rows", np.array([[0.1], [-0.1]]), 0.1)
    >>> without_stripes(np.array([[0.6, 1.0], [0.4, 0.4]]), tilted)
    array([[0.5, 1. ],
           [0.5, 0.5]])
    """
    planes = pixels[..., None] if pixels.ndim == 2 else pixels
    axis = 1 if stripes.kind == "rows" else 0
    offsets = np.expand_dims(stripes.offsets, axis).astype(planes.dtype)
    low, high = min(0.0, float(planes.min())), max(1.0, float(planes.max()))
    kept = (planes <= low) | (planes >= high)
    found = np.where(kept, planes, (planes - offsets).clip(low, high))
    return found.reshape(pixels.shape).astype(pixels.dtype, copy=False)


def _evidence(planes: Floats) -> list[_Evidence]:
    """What speaks for offsets of rows in each plane: the mean of the channels, and what they differ by."""
    medians = _part_medians(*_differences(_some(planes, MOST, LONGEST)), 0.5)
    each_plane = [medians[..., k] for k in range(planes.shape[2])]
    found = [_from_medians(each, SHARE) for each in each_plane]
    # Offsets in one plane make those in another likely.
    return [_from_medians(each, SHARE / 2) for each in each_plane] if any(e.share for e in found) else found


def _some(planes: Floats, lines: int, length: int) -> Floats:
    """The lines in the middle of a picture, and in them whole blocks of pixels at even distances."""
    h, w, channels = planes.shape
    top = max(0, (h - lines) // 2)
    blocks = planes[top : top + lines, : w // BLOCK * BLOCK].reshape(min(h, lines), -1, BLOCK, channels)
    step = -(-w // length)
    some = np.moveaxis(blocks[:, ::step], 3, 0).astype(np.float64, order="C")
    return _channels_last(some.reshape(channels, min(h, lines), -1))


def _channels_last(planes: Floats) -> Floats:
    """Planes ``(c, ...)`` as ``(..., c)``, one after the other in memory, where each is quick to work on."""
    return np.moveaxis(planes, 0, -1)


def _differences(planes: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Differences between neighbouring lines, and where they are known, both ``(n - 1, w, c)``.

    A value that was cut off at an end of the range says nothing about the offset of its line.
    """
    low, high = planes.min(), planes.max()
    low = low if low <= 0 or (planes == low).mean() > CUT_OFF else -np.inf
    high = high if high >= 1 or (planes == high).mean() > CUT_OFF else np.inf
    inside = (planes > low) & (planes < high)
    return np.diff(planes, axis=0), inside[1:] & inside[:-1]


def _part_medians(differences: Floats, inside: NDArray[np.bool_], least: float) -> Floats:
    """Medians of each plane in every part of the lines, ``(n - 1, PARTS, c)``.

    The first plane is that of all channels, as far as they are known; the others are what channels differ by.
    NaN where less than the share ``least`` is known. differences, inside: as `_differences` gives them.
    """
    planes, known = _rotated(differences, inside)
    n, length = planes.shape[1], planes.shape[2] // PARTS
    values = np.where(known, planes, np.nan)[..., : PARTS * length].reshape(-1, n, PARTS, length)
    values.sort(axis=3)  # NaN goes to the end
    count = np.count_nonzero(np.isfinite(values), axis=3, keepdims=True)
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, length - 1)
    both = [np.take_along_axis(values, place, axis=3)[..., 0] for place in (low, high)]
    enough = count[..., 0] >= least * length
    medians = np.where(enough, (both[0] + both[1]) / 2, np.nan)
    return np.ascontiguousarray(_channels_last(medians))


def _rotated(differences: Floats, inside: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    """The mean of all channels and what they differ by, and where each is known, ``(c, n - 1, w)``."""
    channels = differences.shape[2]
    planes, known = np.moveaxis(differences, 2, 0), np.moveaxis(inside, 2, 0)
    count = np.sum(known, axis=0, dtype=np.uint8)
    found = (cosine_basis(channels) @ planes.reshape(channels, -1)).reshape(planes.shape)
    # The first is the mean of those that are known.
    found[0] = np.where(known[0], planes[0], 0.0)
    for each, there in zip(planes[1:], known[1:], strict=True):
        found[0] += np.where(there, each, 0.0)
    found[0] /= count.clip(1)
    found[0] *= channels**0.5
    seen = np.empty_like(known)
    seen[0], seen[1:] = count > 0, count == channels
    return found, seen


def _from_medians(medians: Floats, least: float) -> _Evidence:
    """The variance of white offsets from how the parts of lines agree, with the same line and later ones.

    medians ``(n - 1, PARTS)``; least: the share of the offsets below which nothing is found.
    """
    nothing = _Evidence(0.0, 0.0, 0.0)
    used = np.isfinite(medians) & _ordinary_lines(medians)[:, None]
    lines = int(used.any(1).sum())
    if lines < FEWEST_LINES / 2:
        return nothing
    values = np.where(used, medians - slow(medians), 0.0)
    own_pairs, far_pairs, across_pairs = _pairs()
    near = _covariances(values, used, across_pairs, range(1, 4))
    content = max((near[1] + near[2]) / 2, 0.0)
    variance = content - near[0]
    share = variance / max(_covariances(values, used, own_pairs, range(1))[0], 1e-12)
    if variance < FAINTEST**2 or share < least * max(1.0, (UNLUCKY / lines) ** 0.5):
        return nothing  # as in nearly every picture
    lags = range(min(FARTHEST, len(values) // 2))
    own, far, across = (
        _covariances(values, used, pairs, lags) for pairs in (own_pairs, far_pairs, across_pairs)
    )
    # White offsets agree twice as much with themselves, not with lines farther off, and as well over all
    # of the line as between near parts.
    peaks = np.abs(across[4:-1] - (across[3:-2] + across[5:]) / 2)
    white = across[0] - content >= variance / 2 and -across[1] >= variance / 2
    whole = max(variance, (across[0] - content) / 2)
    alone = peaks.max() < whole * max(1.0, (REPEATS / lines) ** 0.5)
    if not (white and alone and content - far[1] > variance / 2):
        return nothing
    noise = max(0.0, (own[2] - across[2]) - (own[1] - across[1]))
    return _Evidence(float(variance), float(share), float(noise))


def _pairs() -> tuple[NDArray[np.bool_], ...]:
    """Pairs of parts: each with itself, those far from each other, and all that are not the same."""
    distance = np.abs(np.subtract.outer(np.arange(PARTS), np.arange(PARTS)))
    return distance == 0, distance >= PARTS / 2, distance > 0


def _covariances(values: Floats, used: NDArray[np.bool_], pairs: NDArray[np.bool_], lags: range) -> Floats:
    """Covariances of parts with those of so many lines later, over all pairs and lines that are used."""
    found = []
    for lag in lags:
        upper, lower = slice(len(values) - lag), slice(lag, None)
        count = (used[upper].astype(float) @ pairs * used[lower]).sum()
        found.append((values[upper] @ pairs * values[lower]).sum() / max(count, 1))
    return np.array(found)


def _ordinary_lines(medians: Floats) -> NDArray[np.bool_]:
    """Lines that differ from the next by about as much as all do: a rule or a horizon is no stripe."""
    known: NDArray[np.bool_] = np.isfinite(medians).sum(1) >= PARTS / 2
    line = _line_medians(medians)
    line -= slow(line)
    usual = np.median(np.abs(line[known])) / MEDIAN_DEVIATION if known.any() else 0.0
    return known & (np.abs(line) <= 3 * usual)


def _line_medians(parts: Floats) -> Floats:
    """Medians over the known parts, ``(n - 1, ...)``; 0 where none is known."""
    return np.nan_to_num(known_medians(np.moveaxis(parts, 1, -1)))


def _measured(planes: Floats, evidence: list[_Evidence]) -> Floats:
    """The offsets of rows, ``(h, c)``, or ``(h, 1)`` where they are those of all channels."""
    # What is done with them is quicker on all channels of a pixel.
    some = np.ascontiguousarray(_some(planes, len(planes), MOST))
    differences, inside = _differences(some)
    basis = cosine_basis(planes.shape[2])
    alike = not any(each.share for each in evidence[1:])
    if alike:
        evidence, basis = evidence[:1], basis[:1]
    parts = _part_medians(differences, inside, 0.2)[..., : len(basis)]
    whole = _line_medians(parts)
    for last in (False, False, True):
        each = [
            separated(whole[:, k], parts[..., k], e.variance, e.noise)
            if e.share
            else np.zeros(len(whole) + 1)
            for k, e in enumerate(evidence)
        ]
        rotated = np.stack(each, 1)
        if not last:
            blocks = _blocks(differences, inside, basis, np.diff(rotated, axis=0))
            whole, parts = np.nan_to_num(_robust_mean(*blocks, 1)[:, 0]), _robust_mean(*blocks, PARTS)
    offsets: Floats = rotated @ basis
    offsets -= offsets.mean(0)
    return offsets[:, :1] if alike else offsets


def _blocks(
    differences: Floats, inside: NDArray[np.bool_], basis: Floats, steps: Floats
) -> tuple[Floats, Floats]:
    """What each block of pixels says about the step from its line to the next.

    Parameters
    ----------
    differences, inside : as `_differences` gives them.
    basis : directions between the channels in which there may be offsets, ``(m, c)``.
    steps : the steps as known so far, ``(n - 1, m)``.

    Returns
    -------
    precision, weighted
        The inverse covariance of its estimate, ``(n - 1, blocks, m, m)``, and that times the estimate,
        ``(n - 1, blocks, m)``. The covariance is that of what ``steps`` leaves.
    """
    n, w, c = differences.shape
    shape = n, w // BLOCK, BLOCK, c
    values = differences[:, : w // BLOCK * BLOCK].reshape(shape)
    known = inside[:, : w // BLOCK * BLOCK].reshape(shape).astype(float)
    count = known.sum(2)
    mean = (values * known).sum(2) / count.clip(1)
    rest = (values - (steps @ basis)[:, None, None]) * known
    spread = _with_next(np.einsum("ijbc,ijbd->ijcd", rest, rest))
    spread /= _with_next(np.einsum("ijbc,ijbd->ijcd", known, known)).clip(1)
    unknown = np.where(count < BLOCK / 2, UNKNOWN, ROUNDING**2)
    precision = np.linalg.inv(spread + unknown[..., None] * np.eye(c)) * count.max(2)[..., None, None]
    along = np.einsum("mc,ijcd->ijmd", basis, precision)
    weighted: Floats = np.einsum("ijmd,ijd->ijm", along, mean)
    return along @ basis.T, weighted


def _with_next(sums: Floats) -> Floats:
    """Sums over lines and both lines next to them."""
    total: Floats = sums + np.concatenate([sums[:1], sums[:-1]]) + np.concatenate([sums[1:], sums[-1:]])
    return total


def _robust_mean(precision: Floats, weighted: Floats, parts: int) -> Floats:
    """Means over the blocks of each part of the lines ``(n, parts, m)``; what lies far off counts little.

    precision, weighted: as `_blocks` gives them. NaN where nothing is known.
    """
    n, blocks, m = weighted.shape
    shape, used = (n, parts, blocks // parts), blocks // parts * parts
    precision = precision[:, :used].reshape(*shape, m, m)
    weighted = weighted[:, :used].reshape(*shape, m)
    nothing = np.eye(m) / UNKNOWN
    values = np.linalg.solve(precision + nothing, weighted[..., None])[..., 0]
    mean = np.median(values, axis=2)
    for _ in range(8):
        off = values - mean[:, :, None]
        distance = np.einsum("ipbm,ipbmk,ipbk->ipb", off, precision, off) / (4 * m)
        trust = 1 / (1 + distance)
        total = np.einsum("ipb,ipbmk->ipmk", trust, precision) + nothing
        mean = np.linalg.solve(total, np.einsum("ipb,ipbm->ipm", trust, weighted)[..., None])[..., 0]
    known = np.trace(precision, axis1=-2, axis2=-1) > 10 * BLOCK / UNKNOWN
    few: NDArray[np.bool_] = known.mean(2) < 0.2
    return np.where(few[..., None], np.nan, mean)
