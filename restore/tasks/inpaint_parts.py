"""Which parts of a picture are filled by what: the network, or patches of the picture itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from torch import Tensor

from restore.diffusion import watch
from restore.diffusion.progress import in_turn, part_progress
from restore.diffusion.seeds import seeded_rng
from restore.tasks import catalogue
from restore.tasks.deep_holes import Scene, can_be_copied, copies_win, deep_parts, filled_by_patches
from restore.tasks.drawing import Drawing
from restore.tasks.exemplar import SIDE
from restore.tasks.holes import CONTEXT, depth_of, surroundings
from restore.tasks.inpaint_methods import THIN, Plan, fill_hole, halvings_of
from restore.types import Progress

TRIAL_STEPS = 8  # of the network on a trial


def fill_by_network(
    batch: Tensor, hole: Tensor, missing: Tensor, plan: Plan, drawing: Drawing, progress: Progress | None
) -> Tensor:
    """Fill holes by the network, each with its surroundings.

    Parameters
    ----------
    batch : ``(b, 3, h, w)``.
    hole, missing : what is to be filled, and what is not known, ``(b, 1, h, w)``.
    plan, drawing : how.
    progress : called after every network call.
    """
    device, result = drawing.prior.device, batch.clone()
    pieces = [
        (pictures, slice(None), slice(top, bottom), slice(left, right))
        for top, bottom, left, right in surroundings(hole, CONTEXT)
        for pictures in _by_depth(hole, missing, (slice(top, bottom), slice(left, right)), plan)
    ]
    parts = sum(1 + halvings_of(missing[piece], plan) for piece in pieces)
    begun = count()

    def begin() -> Progress | None:
        return part_progress(progress, next(begun), parts)

    for piece in pieces:
        inside = batch[piece].to(device), missing[piece].to(device)
        result[piece] = fill_hole(*inside, plan, drawing, begin).to(result)
    return result


Decided = dict[tuple[Any, ...], list[bool]]
"""Which deep parts of the same pictures and holes copies fill, by what the trials depend on besides."""


@dataclass(frozen=True)
class Trials:
    """The trials beside deep parts that decide what fills them.

    Parameters
    ----------
    seed : of their random numbers.
    own : whether the fill itself has this seed; its random numbers then go on from the trials.
    decided : what earlier fills have tried and need not be tried again.
    """

    seed: int
    own: bool
    decided: Decided


def fill_by_parts(
    scene: Scene, plan: Plan, drawing: Drawing, *, trials: Trials | None, progress: Progress | None
) -> tuple[Tensor, Tensor]:
    """Fill the parts of holes that copies are better for by copies, one by one, the others by the network.

    Smaller parts come first. What has been filled is compared with from then on, but never copied.

    Parameters
    ----------
    scene : the pictures.
    plan, drawing : how.
    trials : None is for all of the holes to be filled by copies.
    progress : called after every call of the network or of the denoiser that copies.

    Returns
    -------
    The pictures ``(b, 3, h, w)``, and what copies have filled ``(b, 1, h, w)``.

    Raises
    ------
    ValueError
        Where all is to be copied, and there is no whole patch to copy.
    """
    network = replace(plan, method=catalogue.find("inpaint", "alternating", plan.estimate))
    begin = in_turn(progress)
    chosen = _whole(scene) if trials is None else _won(scene, network, drawing, trials, begin)
    whole = scene.hole
    image, hole, missing = scene.image.clone(), whole.clone(), scene.missing.clone()
    scene = Scene(image, hole, missing, scene.source)
    left = hole.clone()
    for number, part in chosen:
        left[number] *= 1 - part[0]
    parts, filling = len(chosen) + bool(left.any()), begin()
    for done, (number, part) in enumerate(chosen):
        report = part_progress(filling, done, parts)
        image[number] = filled_by_patches(scene.picture(number), part, drawing.rng, plan.estimate, report)[0]
        hole[number], missing[number] = hole[number] * (1 - part[0]), missing[number] * (1 - part[0])
    copied = whole - hole
    if hole.any():
        rest = part_progress(filling, len(chosen), parts)
        image = fill_by_network(image, hole, missing, network, drawing, rest)
    return image, copied


Begin = Callable[[], Progress | None]
"""Gives what the calls of the next part of the work are reported to."""

Part = tuple[int, Tensor]
"""The number of a picture, and a part of its hole ``(1, 1, h, w)``."""


def _whole(scene: Scene) -> list[Part]:
    """All holes, to be copied. Raises ValueError where that cannot be."""
    parts = [(number, scene.picture(number)) for number in range(len(scene.image))]
    if not all(can_be_copied(1 - each.source) for _, each in parts):
        raise ValueError(
            f"there is no whole patch of {SIDE}x{SIDE} known pixels to copy from; widen the source, or "
            "choose another method"
        )
    return [(number, each.hole) for number, each in parts if each.hole.any()]


def _won(scene: Scene, network: Plan, drawing: Drawing, trials: Trials, begin: Begin) -> list[Part]:
    """The deep parts that copies are better for: tried now, or decided before."""
    deep = [] if network.estimate == "mean" else _deep(scene)
    trial, prior = replace(network, steps=min(TRIAL_STEPS, network.steps)), drawing.prior
    key = (trials.seed, trial, drawing.sampler, prior.dtype, prior.ensemble)
    if trials.own or key not in trials.decided:
        drawing = drawing if trials.own else replace(drawing, rng=seeded_rng(trials.seed))

        def by_network(picture: Tensor, lost: Tensor) -> Tensor:
            return fill_by_network(picture, lost, lost, trial, drawing, begin())

        with watch.unwatched():
            trials.decided[key] = [
                copies_win(scene.picture(number), part, drawing.rng, by_network) for number, part in deep
            ]
    return [each for each, copied in zip(deep, trials.decided[key], strict=True) if copied]


def _deep(scene: Scene) -> list[Part]:
    """The deep parts of all pictures that have something to be copied from."""
    found = []
    for number in range(len(scene.image)):
        each = scene.picture(number)
        parts = deep_parts(each.hole)
        if parts and can_be_copied(1 - each.source):
            found += [(number, part) for part in parts]
    return found


def _by_depth(hole: Tensor, missing: Tensor, box: tuple[slice, slice], plan: Plan) -> list[list[int]]:
    """The pictures of a batch where, in a box, as much is missing: each is filled as if alone.

    Those that have no hole there are left out.
    """
    depths = {
        number: (halvings_of(each[None], plan), bool(depth_of(each[None]).max() > THIN))
        for number, each in enumerate(missing[..., *box])
        if hole[number, ..., *box].any()
    }
    return [[k for k, other in depths.items() if other == depth] for depth in sorted(set(depths.values()))]
