"""The range of values that a picture uses, and what is far brighter than that.

Networks know pictures of [0, 1]. The counts of a microscope may fill half a percent of that, and the floats
of a camera may go to 12. Such pictures are restored at the range that they use, as a photographer exposes for
the scene, and what lies far beyond, as stars in a sky, at longer ranges.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from restore.noise.medians import lower_median

FILLED = 0.25  # a picture of more than 8 bits that uses a smaller share of the range is brought to it
FILLED_8 = 0.125  # the same of 8 bits: it has less than 32 levels left, below which denoising gains little
DARK = 0.0625  # the share that a sky with stars uses less of, whatever the stars use
UNSEEN = 1.5 / 255  # noise that is hardly seen in [0, 1]
BEYOND = 0.15  # the share of the range by which a picture may go beyond [0, 1] and be taken as it is
RARE = 0.005, 0.995  # quantiles, of means of cells, that nearly the whole picture lies between
BODY = 0.05, 0.9  # quantiles that most of it lies between: a sky without its stars
CELL = 4  # pixels along the side of a cell: its mean has a quarter of the noise
MARGIN = 0.05  # of the range at either end, so that most of what is rare lies inside, too
FEWEST, MOST = 10.0, 50.0  # deviations of the noise in a range: not noise alone, and not noise unseen
ROOM = 0.25  # of the range that values may lie beyond it before they are cut off
TAIL = 6.0  # deviations of the noise that need this room, too
SURE, LAST = 0.85, 1.0  # between these values the next range takes over
FACTOR = 4.0  # from one range to the next
LONGER = 7  # ranges at most
NOMINAL = 16.0  # floats that nearly all lie below are of [0, 1], however bright they are
WHITES = 255.0, 1023.0, 4095.0, 16383.0, 65535.0  # of others: those of 8, 10, 12, 14 and 16 bits
PEAK, FARTHEST = 2.0, 4.0  # deviations that noise goes beyond somewhere; that it hardly goes beyond


@dataclass(frozen=True)
class Range:
    """A range of values that is mapped to [0, 1].

    Parameters
    ----------
    low, high : its ends, in the nominal units of the picture.
    room : what a picture may go beyond the range, in units of the range; more is cut off. Infinite where
        nothing goes farther.

    Examples
    --------
    >>> counts = Range(0.25, 0.75)
    >>> counts.unit(torch.tensor([0.25, 0.5])), counts.width
    (tensor([0.0000, 0.5000]), 0.5)
    """

    low: float = 0.0
    high: float = 1.0
    room: float = math.inf

    @property
    def width(self) -> float:
        """The length of the range: a noise level divided by it is that in units of the range."""
        return self.high - self.low

    @property
    def nominal(self) -> bool:
        """Whether it is [0, 1] itself."""
        return self.low == 0 and self.high == 1

    def unit(self, picture: Tensor) -> Tensor:
        """The picture in units of the range, cut off a little beyond it; bit for bit the same in [0, 1]."""
        found = picture if self.nominal else (picture - self.low) / self.width
        return found if math.isinf(self.room) else found.clamp(-self.room, 1 + self.room)

    def back(self, picture: Tensor) -> Tensor:
        """A picture in units of the range in its own units; bit for bit the same in [0, 1]."""
        return picture if self.nominal else picture * self.width + self.low


def used_range(picture: Tensor, visible: Tensor | None = None, *, bits: int = 32) -> Range:
    """Find the range of values that a picture uses, to judge noise by.

    It is told from means of small cells, so that noise and hot pixels do not set it. It is at least ten
    deviations of the noise long, as there may be nothing else; where it would be more than fifty, what most
    of the picture uses is enough, as of a sky without its stars.

    Ordinary pictures use [0, 1]: those that lie in it, or a little beyond, and fill a quarter of it, or an
    eighth where 8 bits leave no finer steps. Dark photographs, faded prints and fog do. A sky with stars is
    told by what most of it uses, if its noise is not seen otherwise. So does what has no noise to be judged.

    Parameters
    ----------
    picture : ``(3, h, w)`` or ``(1, 3, h, w)``, nominal range [0, 1].
    visible : bool ``(h, w)``, False for hidden pixels, which do not count; None counts all.
    bits : of the picture's values: 8, 16, or 32 for floats.

    Returns
    -------
    Range
        With infinite room; `exposures` says what lies beyond.

    Examples
    --------
    >>> noise = 0.02 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    >>> ramp = torch.linspace(0, 1, 64) + noise
    >>> used_range(ramp)
    Range(low=0.0, high=1.0, room=inf)
    >>> found = used_range(12 * ramp)
    >>> -1 < found.low < 0.5, 11.5 < found.high < 13
    (True, True)
    """
    planes = _planes(picture)
    return _used_range(planes, visible, bits, _noise(planes, visible))


def _used_range(planes: Tensor, visible: Tensor | None, bits: int, noise: float) -> Range:
    """The range that planes of so much noise use, as `used_range` gives it."""
    values = _sorted_means(planes, visible)
    if values.numel() == 0 or values[0] == values[-1]:
        return Range()
    (low, high), body = _between(values, RARE), _between(values, BODY)
    # Strong noise carries the means of some cells a little beyond what the picture uses.
    beyond = max(BEYOND, noise)
    inside = low >= -beyond and high <= 1 + beyond
    filled = FILLED_8 if bits <= 8 else FILLED
    stars = bits > 8 and noise < UNSEEN and body[1] - low < DARK
    if inside and (not noise or (high - low >= filled and not stars)):
        return Range()
    if high - low > MOST * noise:
        spare = max(0.0, MOST * noise - (body[1] - body[0]))
        low, high = max(low, body[0] - spare), min(high, body[1] + spare)
    spare = max(MARGIN * (high - low), (FEWEST * noise - (high - low)) / 2)
    low, high = low - spare, high + spare
    return Range() if high <= low or (inside and high - low >= filled) else Range(low, high)


def whole_range(picture: Tensor, visible: Tensor | None = None, *, bits: int = 32) -> Range:
    """Find the range of values that holds the picture, to fill holes in.

    Nothing of a picture inside [0, 1] is cut off; beyond, the brightest half percent may be.

    Parameters
    ----------
    picture, visible, bits : as `used_range` takes them.

    Returns
    -------
    Range
        [0, 1] for ordinary pictures: those of 8 bits, and all that lie in it and fill a sixteenth of it.

    Examples
    --------
    >>> ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    >>> whole_range(ramp).nominal
    True
    >>> found = whole_range(4 * ramp)
    >>> round(found.low, 2), round(found.high, 2), found.room
    (-0.1, 4.1, 0.25)
    """
    if bits <= 8:
        return Range()
    planes = _planes(picture)
    values = _sorted_means(planes, visible)
    seen = _seen(planes, visible)
    if values.numel() == 0 or seen.min() == seen.max():
        return Range()
    low, high = _between(values, RARE)
    if low >= -BEYOND and high <= 1 + BEYOND:
        low, high = float(seen.min()), float(seen.max())
        if high - low >= DARK:
            return Range()
    spare = MARGIN * (high - low)
    return Range(low - spare, high + spare, ROOM) if high > low else Range()


def scale_of(batch: Tensor, seen: Tensor | None = None) -> tuple[float, float]:
    """Tell the scale of pictures of floats by the values that they use.

    Noise may carry black ones below 0. Others that go there have another scale than from 0, which nothing in
    them tells.

    Parameters
    ----------
    batch : ``(b, 3, h, w)``, taken together.
    seen : bool ``(b, 1, h, w)``, False for pixels that do not count; None counts all. Values that are not
        finite never count.

    Returns
    -------
    (float, float)
        The values of black and white: (0, 1) for pictures below 16; else (0, white), white that of the fewest
        bits of 8, 10, 12, 14 and 16 that hold them.

    Raises
    ------
    ValueError
        For pictures whose scale cannot be told.

    Examples
    --------
    >>> ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    >>> scale_of(ramp), scale_of(12 * ramp), scale_of(250 * ramp), scale_of(3000 * ramp)
    ((0.0, 1.0), (0.0, 1.0), (0.0, 255.0), (0.0, 4095.0))
    """
    lows, highs, levels, ends = [], [], [], [0.0]
    for number, picture in enumerate(batch):
        counts = torch.isfinite(picture).all(0)
        counts = counts if seen is None else counts & seen[number, 0].to(counts.device)
        visible = None if bool(counts.all()) else counts
        planes = _planes(torch.nan_to_num(picture, posinf=0, neginf=0))
        values = _sorted_means(planes, visible)
        if not values.numel():
            continue
        low, high = _between(values, RARE)
        single = min(planes.shape[-2:]) < 4 * CELL  # the noise is not averaged
        lows.append(low)
        highs.append(high)
        levels.append(_noise(planes, visible) * (FARTHEST if single else 1))
        ends += [float(_seen(planes, visible).amin()), float(_seen(planes, visible).amax())]
    least, most = min(ends), max(ends)
    noise, low, high = max(levels, default=0.0), min(lows, default=0.0), max(highs, default=0.0)
    spread = noise if min(batch.shape[-2:]) >= 4 * CELL else noise / FARTHEST
    # Noise of a picture from 0 goes farther than that somewhere.
    even = least < -BEYOND and max(-least, most) < PEAK * spread
    if low < -max(BEYOND, noise) or even:
        raise ValueError(
            f"the scale of a picture of floats from {least:g} to {most:g} cannot be told; bring "
            "it to [0, 1], or in Python pass data_range=(low, high), the values of black and white, such as "
            "(-1, 1)"
        )
    if high <= NOMINAL:
        return 0.0, 1.0
    return 0.0, next((white for white in WHITES if high <= (1 + BEYOND) * white), high)


def exposures(picture: Tensor, visible: Tensor | None = None, *, bits: int = 32) -> list[Range]:
    """Find the ranges to restore a picture at: the one that it uses, and longer ones for the rest.

    Every range is four times as long as the one before, until nothing lies beyond. One is enough for
    ordinary pictures. `merged` puts the results together.

    Parameters
    ----------
    picture, visible, bits : as `used_range` takes them.

    Returns
    -------
    list of Range
        The first is that of `used_range`, with what its noise needs of room if there are others.

    Examples
    --------
    >>> sky = 0.01 + 0.001 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    >>> len(exposures(sky))
    1
    >>> sky[..., 5, 5] = 0.6
    >>> [round(r.high, 2) for r in exposures(sky)]
    [0.02, 0.05, 0.16, 0.64]
    """
    planes = _planes(picture)
    noise = _noise(planes, visible)
    first = _used_range(planes, visible, bits, noise)
    seen = _seen(planes, visible)
    if seen.numel() == 0:
        return [first]
    low, high = map(float, seen.aminmax())
    room = max(ROOM, TAIL * noise / first.width)
    above, below = high > first.high + room * first.width, low < first.low - room * first.width
    if not above and not below:
        return [first]
    found, length = [replace(first, room=room)], first.width
    while (found[-1].high < high and above) or (found[-1].low > low and below):
        # With what is farther still nothing can be seen of the noise.
        length = FACTOR * length if len(found) < LONGER - 1 else high - low + first.width
        top = first.low + length if above else first.high
        found.append(Range(first.high - length if below else first.low, top, room))
    found[-1] = replace(found[-1], room=math.inf)
    return found


def merged(ranges: Sequence[Range], results: Sequence[Tensor]) -> Tensor:
    """Put the results at several ranges together: each place is that of the shortest it lies well inside.

    Parameters
    ----------
    ranges : as `exposures` gives them.
    results : ``(..., 3, h, w)`` for each range, in units of that range.

    Returns
    -------
    Tensor
        In the nominal units of the picture.

    Examples
    --------
    >>> ranges = [Range(0.0, 0.5, room=0.25), Range()]
    >>> picture = torch.tensor([0.1, 0.9]).expand(3, 1, 2)
    >>> merged(ranges, [each.unit(picture) for each in ranges])[0]
    tensor([[0.1000, 0.9000]])
    """
    whole = ranges[-1].back(results[-1])
    for one, longer, result in zip(ranges[-2::-1], ranges[:0:-1], results[-2::-1], strict=True):
        # How near the place is to an end that the longer range goes beyond, by the channel that is nearest.
        place = (whole - one.low) / one.width
        near = place if longer.low == one.low else torch.maximum(place, SURE - place)
        share = ((LAST - near.amax(-3, keepdim=True)) / (LAST - SURE)).clamp(0, 1)
        whole = share * one.back(result) + (1 - share) * whole
    return whole


def _planes(picture: Tensor) -> Tensor:
    """The channels ``(3, h, w)``, one where they are all the same."""
    planes = picture.detach().reshape(-1, *picture.shape[-2:])
    return planes[:1] if all(torch.equal(planes[0], each) for each in planes[1:]) else planes


def _seen(planes: Tensor, visible: Tensor | None) -> Tensor:
    """The values that count."""
    return planes.flatten() if visible is None else planes[:, visible.to(planes.device)].flatten()


def _cell_means(planes: Tensor, visible: Tensor | None) -> Tensor:
    """Means of cells ``(n,)`` in which every pixel counts; single values where a picture is too small."""
    h, w = planes.shape[-2:]
    if min(h, w) < 4 * CELL:
        return _seen(planes, visible)
    means = F.avg_pool2d(planes[None], CELL)[0]
    if visible is None:
        return means.flatten()
    whole = F.avg_pool2d(visible.to(planes)[None, None], CELL)[0, 0] == 1
    return means[:, whole].flatten()


def _sorted_means(planes: Tensor, visible: Tensor | None) -> Tensor:
    return torch.from_numpy(np.sort(_array(_cell_means(planes, visible))))


def _array(values: Tensor) -> NDArray[Any]:
    """The same values; NumPy has no bfloat16."""
    array: NDArray[Any] = (values.float() if values.dtype == torch.bfloat16 else values).cpu().numpy()
    return array


def _noise(planes: Tensor, visible: Tensor | None) -> float:
    """The level of the noise, roughly: the median absolute diagonal second difference."""
    if min(planes.shape[-2:]) < 2:
        return 0.0
    steps = planes[:, 1:] - planes[:, :-1]
    steps = (steps[..., 1:] - steps[..., :-1]).abs()
    if visible is not None:
        seen = visible.to(planes.device)
        steps = steps[:, seen[1:, 1:] & seen[1:, :-1] & seen[:-1, 1:] & seen[:-1, :-1]]
    return lower_median(_array(steps.flatten())) / 2 / 0.6745 if steps.numel() else 0.0


def _between(ordered: Tensor, shares: tuple[float, float]) -> tuple[float, float]:
    """Two quantiles of ordered values; of three or more not the ends, which may be hot pixels."""
    last = len(ordered) - 1
    rest = min(1, last // 2)
    low, high = (float(ordered[min(max(round(share * last), rest), last - rest)]) for share in shares)
    return low, high
