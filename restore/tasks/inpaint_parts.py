"""Which parts of a picture are filled by what: the network, or patches of the picture itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from torch import Tensor

from restore.diffusion.progress import part_progress
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


def fill_by_parts(
    scene: Scene, plan: Plan, drawing: Drawing, *, forced: bool, progress: Progress | None
) -> tuple[Tensor, Tensor]:
    """Fill the parts of holes that copies are better for by copies, one by one, the others by the network.

    Smaller parts come first. What has been filled is compared with from then on, but never copied.

    Parameters
    ----------
    scene : the pictures.
    plan, drawing : how.
    forced : whether all of the holes are to be filled by copies.
    progress : called after every call of the network or of the denoiser that copies.

    Returns
    -------
    The pictures ``(b, 3, h, w)``, and what copies have filled ``(b, 1, h, w)``.

    Raises
    ------
    ValueError
        Where copies are forced, and there is no whole patch to copy.
    """
    network = replace(plan, method=catalogue.find("inpaint", "alternating", plan.estimate))
    chosen = [
        (number, part)
        for number in range(len(scene.image))
        for part in _copied_parts(scene.picture(number), network, drawing, forced)
    ]
    whole = scene.hole
    image, hole, missing = scene.image.clone(), whole.clone(), scene.missing.clone()
    scene = Scene(image, hole, missing, scene.source)
    for done, (number, part) in enumerate(chosen):
        report = part_progress(progress, done, len(chosen))
        image[number] = filled_by_patches(scene.picture(number), part, drawing.rng, plan.estimate, report)[0]
        hole[number], missing[number] = hole[number] * (1 - part[0]), missing[number] * (1 - part[0])
    copied = whole - hole
    if hole.any():
        image = fill_by_network(image, hole, missing, network, drawing, progress)
    return image, copied


def _copied_parts(scene: Scene, network: Plan, drawing: Drawing, forced: bool) -> list[Tensor]:
    """The parts of one picture's hole that are filled by copies."""
    if forced:
        if not can_be_copied(1 - scene.source):
            raise ValueError(
                f"there is no whole patch of {SIDE}x{SIDE} known pixels to copy from; widen the source, or "
                "choose another method"
            )
        return [scene.hole] if scene.hole.any() else []
    parts = [] if network.estimate == "mean" else deep_parts(scene.hole)
    if not parts or not can_be_copied(1 - scene.source):
        return []
    trial = replace(network, steps=min(TRIAL_STEPS, network.steps))

    def by_network(picture: Tensor, lost: Tensor) -> Tensor:
        return fill_by_network(picture, lost, lost, trial, drawing, None)

    return [part for part in parts if copies_win(scene, part, drawing.rng, by_network)]


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
