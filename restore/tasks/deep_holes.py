"""Deep holes: which they are, and whether the picture's own patches fill them better than the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from restore.diffusion.progress import part_progress
from restore.inverse.patches import FEWEST, patches_of
from restore.tasks.exemplar import SIDE, exemplar_fill
from restore.tasks.holes import depth_of, halved
from restore.types import Estimate, Progress, Rng

DEEP_HOLE = 12.0  # pixels: up to here the network fills holes, whatever the picture
REACH = 256  # pixels around a hole that texture is copied from, at least
MEANS = 4  # fills whose mean is the estimate of the mean
TRIED_AT = 24.0  # pixels that a hole is deep at most at the size where it is tried
MOST_LOST = 0.3  # share of a hole's trial that may lie in what is missing
# The network's fill must be better by so much: on a trial it is often a little better by chance.
BETTER = 0.5
SHIFTS = (1.1, 1.6)  # of trials, in sides of the hole
WINDOW = 9  # pixels a side within which texture is measured

ByNetwork = Callable[[Tensor, Tensor], Tensor]
"""``fill(image, hole)``: ``(1, 3, h, w)`` and ``(1, 1, h, w)``."""


def deep_parts(hole: Tensor) -> list[Tensor]:
    """The connected parts of a hole ``(1, 1, h, w)`` that are deep, from the smallest on."""
    import cv2

    depth = depth_of(hole)[0, 0]
    if float(depth.max()) <= DEEP_HOLE:
        return []
    count, labels = cv2.connectedComponents((hole[0, 0] > 0).byte().cpu().numpy(), connectivity=8)
    numbers = torch.from_numpy(labels).to(hole.device)
    parts = [numbers == number for number in range(1, count)]
    deep = [part for part in parts if float(depth[part.cpu()].max()) > DEEP_HOLE]
    return [part[None, None].to(hole) for part in sorted(deep, key=lambda part: int(part.sum()))]


@dataclass(frozen=True)
class Parts:
    """How many connected parts of a hole copies of the picture have filled, and how many the network.

    share: of the hole's pixels that were copied, 0 to 1.
    """

    copied: int
    drawn: int
    share: float


def parts_of(hole: Tensor, copied: Tensor) -> Parts:
    """Count the parts of holes ``(b, 1, h, w)``, of which copies have filled ``copied``, whole parts."""
    import cv2

    def count(planes: Tensor) -> int:
        each = (planes[:, 0] > 0).byte().cpu().numpy()
        return sum(cv2.connectedComponents(plane, connectivity=8)[0] - 1 for plane in each)

    share = float(copied.sum() / hole.sum().clamp_min(1))
    return Parts(count(copied), count(hole * (1 - copied)), share)


def can_be_copied(missing: Tensor, source: Tensor | None = None) -> bool:
    """Whether a picture with a hole ``(1, 1, h, w)`` has whole patches to copy from."""
    if min(missing.shape[-2:]) < SIDE:
        return False
    return int(patches_of(missing, SIDE, source).sources.sum()) >= FEWEST


@dataclass(frozen=True, eq=False)
class Scene:
    """Pictures, and what of them is missing.

    Parameters
    ----------
    image : ``(b, 3, h, w)``.
    hole : what is to be filled, ``(b, 1, h, w)``.
    missing : what is not known: the hole, and what alpha hides.
    source : where texture may be copied from; nothing that is missing.
    """

    image: Tensor
    hole: Tensor
    missing: Tensor
    source: Tensor

    def cut(self, pictures: slice, rows: slice, columns: slice) -> Scene:
        """The same of some pictures and a box."""
        inside = (pictures, slice(None), rows, columns)
        return Scene(self.image[inside], self.hole[inside], self.missing[inside], self.source[inside])

    def picture(self, number: int) -> Scene:
        """The same of one picture."""
        return self.cut(slice(number, number + 1), slice(None), slice(None))


def filled_by_patches(
    scene: Scene, part: Tensor, rng: Rng, estimate: Estimate, progress: Progress | None
) -> Tensor:
    """Fill one part of what is missing by patches of its surroundings; see `exemplar_fill`.

    Parameters
    ----------
    scene : of one picture.
    part : what is to be filled, ``(1, 1, h, w)``.
    rng : the random numbers.
    estimate : of ``mean`` MEANS fills are averaged.
    progress : called after every call of a denoiser.

    Returns
    -------
    ``(1, 3, h, w)``, changed in the part alone.

    Raises
    ------
    ValueError
        Where there is no whole patch to copy from.
    """
    box = box_around(part, scene.source)
    inside, part = scene.cut(slice(None), *box), part[..., *box]
    draws = MEANS if estimate == "mean" else 1
    fills = [
        exemplar_fill(
            inside.image, inside.missing, rng, source=inside.source,
            progress=part_progress(progress, number, draws),
        )
        for number in range(draws)
    ]  # fmt: skip
    result = scene.image.clone()
    result[..., *box] = torch.where(part > 0, torch.stack(fills).mean(0), inside.image)
    return result


def box_around(part: Tensor, source: Tensor) -> tuple[slice, slice]:
    """A part and its surroundings, half as large again on each side and REACH at least; more where needed.

    Where it holds too few patches to copy from it is the whole picture.
    """
    h, w = part.shape[-2:]
    where = part[0, 0] > 0
    slices = []
    for along, length in ((where.any(1), h), (where.any(0), w)):
        places = along.nonzero()[:, 0]
        first, last = int(places[0]), int(places[-1]) + 1
        reach = max(REACH, (last - first) // 2)
        slices.append(slice(max(0, first - reach), min(length, last + reach)))
    rows, columns = slices
    if not can_be_copied(1 - source[..., rows, columns]):
        return slice(0, h), slice(0, w)
    return rows, columns


def copies_win(scene: Scene, part: Tensor, rng: Rng, by_network: ByNetwork) -> bool:
    """Whether the picture's own patches fill a hole of this shape better than the network.

    It is tried beside the hole, on what is known, at a size where it costs little. Texture and colours are
    compared, at several scales (`difference`). Where there is no room for a trial copies win, as they mostly
    do.
    """
    box = box_around(part, scene.source)
    scene = scene.cut(slice(None), *box)
    image, missing, source = scene.image, scene.missing, scene.source
    trial = shifted_off(part[..., *box], missing)
    while trial is not None and float(depth_of(trial).max()) > TRIED_AT:
        image, missing = halved(image, missing)
        trial, source = (_half(trial) > 0.5).to(trial), (_half(source) == 1).to(source)
    if trial is None or not trial.any():
        return True
    left = source * (1 - trial)
    if not can_be_copied(1 - left):
        return True
    lost = torch.maximum(missing, trial)
    where = trial * (1 - missing)
    copied = exemplar_fill(image, lost, rng, source=left)
    drawn = by_network(image * (1 - lost), lost)
    return difference(drawn, image, where) > BETTER * difference(copied, image, where)


def _half(plane: Tensor) -> Tensor:
    return avg_pool2d(plane, 2, ceil_mode=True, count_include_pad=False)


def shifted_off(part: Tensor, missing: Tensor) -> Tensor | None:
    """The part, shifted to where most of it is known; None where there is no such place."""
    where = part[0, 0].nonzero()
    first, last = where.amin(0), where.amax(0) + 1
    tall, wide = (last - first).tolist()
    best, least = None, MOST_LOST
    for factor in SHIFTS:
        for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            shift = round(factor * down * tall), round(factor * right * wide)
            moved = _moved(part, *shift)
            lost = 1 - float((moved * (1 - missing)).sum() / part.sum())
            if lost < least - 1e-6:
                best, least = moved, lost
    return best


def _moved(part: Tensor, down: int, right: int) -> Tensor:
    """A plane shifted by so many pixels; what leaves it is lost."""
    h, w = part.shape[-2:]
    moved = torch.zeros_like(part)
    if abs(down) >= h or abs(right) >= w:
        return moved
    to = (..., slice(max(0, down), h + min(0, down)), slice(max(0, right), w + min(0, right)))
    from_ = (..., slice(max(0, -down), h + min(0, -down)), slice(max(0, -right), w + min(0, -right)))
    moved[to] = part[from_]
    return moved


def difference(a: Tensor, b: Tensor, where: Tensor) -> float:
    """How different pictures ``(1, 3, h, w)`` look in texture and colour, whatever lies where exactly.

    At four scales the deviations within windows are compared, relative to their sum, and the means. On
    validation pictures it puts fills in the order that LPIPS does in 10 of 12 cases.
    """
    total = 0.0
    for scale in range(4):
        if scale:
            a, b, where = (avg_pool2d(each, 2) for each in (a, b, where))
        if min(a.shape[-2:]) < WINDOW or not where.any():
            break
        (mean_a, spread_a), (mean_b, spread_b) = (_statistics(each) for each in (a, b))
        apart = (spread_a - spread_b).abs() / (spread_a + spread_b) + (mean_a - mean_b).abs()
        total += float((apart.mean(1, keepdim=True) * where).sum() / where.sum())
    return total


def _statistics(image: Tensor) -> tuple[Tensor, Tensor]:
    def blurred(x: Tensor) -> Tensor:
        return avg_pool2d(x, WINDOW, 1, WINDOW // 2, count_include_pad=False)

    mean = blurred(image)
    return mean, ((blurred(image.square()) - mean.square()).clamp_min(0) + 1e-4).sqrt()
