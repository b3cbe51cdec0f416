"""Inpaint a picture: invent what is in the hole, leave everything else untouched."""

from __future__ import annotations

from itertools import count
from typing import Any, Literal

from torch import Tensor

from restore.diffusion.seeds import seeded_rng
from restore.images.canvas import Picture, canvas, hole_of
from restore.priors.checkpoint import shipped
from restore.priors.protocol import Prior
from restore.tasks import catalogue
from restore.tasks.drawing import Drawing
from restore.tasks.holes import CONTEXT, check_masks, depth_of, grown, surroundings
from restore.tasks.inpaint_methods import (
    THIN,
    Jumps,
    Plan,
    fill_hole,
    halvings_of,
    part_progress,
)
from restore.types import Estimate, Progress


def inpaint(
    image: Picture,
    mask: Any,
    *,
    mask_means: Literal["fill", "keep"] = "fill",
    grow: int = 0,
    estimate: Estimate = "sample",
    method: str | None = None,
    sampler: str | None = None,
    steps: int | None = None,
    jumps: Jumps | None = None,
    guidance: float = 1.0,
    seed: int = 0,
    prior: Prior | None = None,
    progress: Progress | None = None,
) -> Picture:
    """Fill the masked part of a picture and return the same kind of thing at its own depth.

    White in the mask means fill (``mask_means="keep"`` turns it round). Outside the hole every number of
    the result is the input's own, bit for bit; only the hole and its surroundings are computed. A deep hole
    is filled at half the size first, from coarse to fine on the same prior.

    grow: pixels by which the hole is widened first, for masks that leave the rim of a scratch or a letter.
    method: ``alternating``: one call of the conditional branch, then ``splitting`` from there; for a sample
        the branch then draws, in the second half of the steps, what texture is missing (`strength_map`).
        ``conditional``: the prior sees the picture with a smooth fill and the mask, known pixels are put
        in at every step (SR3/Palette-style). ``repaint``: the unconditional prior from pure noise on a
        climbing ladder (Lugmayr et al. 2022); ``steps`` is its t_T, with the paper's (250, 10, 10) 2410
        network calls. ``splitting``: the prior from a smooth fill at a middle noise level,
        half-quadratic splitting (Zhang et al. 2021). ``ddnm``: the last third, or half, of the steps draws a
        sample around what splitting found, every estimate projected (Wang et al. 2023). ``ddrm``,
        ``ddnm-plus``, ``diffpir``, ``pigdm``, ``dps``: as published (`restore.inverse.solvers`), from a
        smooth fill with noise on it. None: whichever measured best for the estimate.
    estimate: ``sample`` (a plausible texture, best LPIPS) or ``mean`` (smooth, best PSNR).
    sampler: of a sample, one of `restore.diffusion.samplers.SAMPLERS`; None is ``ddpm``, and ``ddim`` for
        conditional; the methods as published have their own.
    steps: steps of the ladder, of alternating with the branch's calls. jumps: RePaint's climbs.
    guidance: of a conditional sample: how far to go beyond what the branch says, away from the unconditional
        prior (Ho and Salimans 2022); 1 is the branch itself, others take two calls a step.
    seed: of the random numbers; the pictures of a batch draw different ones.

    An empty hole gives a copy. Raises ValueError for options out of range, a method that cannot give the
    estimate, a mask of another size, and a mask without a single known pixel.
    """
    chosen = catalogue.find("inpaint", method, estimate)
    run = catalogue.check(chosen, steps=steps, sampler=sampler, guidance=guidance)
    rng = seeded_rng(seed)
    plan = Plan(chosen, steps or chosen.steps, checked_jumps(chosen, steps, jumps), guidance)
    picture = canvas(image)
    batch = picture.batch
    hole = hole_of(mask, (batch.shape[-2], batch.shape[-1]), mask_means).to(batch.device)
    check_masks(hole, batch)
    hole = grown(hole, grow)
    if not hole.any():
        return picture.unchanged()
    if hole.flatten(1).all(1).any():
        raise ValueError("the mask leaves no known pixel to start from; is it inverted? (mask_means)")
    hole = hole.expand(len(batch), -1, -1, -1)
    drawing = Drawing(prior or shipped(), rng, run)
    device = drawing.prior.device
    result = batch.clone()
    boxes = surroundings(hole, CONTEXT)
    pieces = [
        (pictures, slice(None), slice(top, bottom), slice(left, right))
        for top, bottom, left, right in boxes
        for pictures in _by_depth(hole[..., top:bottom, left:right], plan)
    ]
    parts = sum(1 + halvings_of(hole[piece], plan) for piece in pieces)
    begun = count()

    def begin() -> Progress | None:
        return part_progress(progress, next(begun), parts)

    for piece in pieces:
        inside = batch[piece].to(device), hole[piece].to(device)
        result[piece] = fill_hole(*inside, plan, drawing, begin).to(result)
    return picture.paste(result, hole)


def checked_jumps(method: catalogue.Method, steps: int | None, jumps: Jumps | None) -> Jumps:
    """RePaint's jumps; ValueError where another method is given some, and for more than there are steps."""
    if jumps is not None and not method.jumps:
        raise ValueError(f"jumps belong to method 'repaint', got method {method.name!r}")
    jumps, steps = jumps or Jumps(), steps or method.steps
    if method.jumps and jumps.length >= steps:
        raise ValueError(
            f"jumps of {jumps.length} steps need more steps in all, got {steps}; pass shorter jumps or more "
            "steps"
        )
    return jumps


def _by_depth(hole: Tensor, plan: Plan) -> list[list[int]]:
    """The pictures of a batch whose holes are as deep: each is filled the same in whatever company.

    Those that have none are left out.
    """
    depths = {
        number: (halvings_of(each[None], plan), bool(depth_of(each[None]).max() > THIN))
        for number, each in enumerate(hole)
        if each.any()
    }
    return [[k for k, other in depths.items() if other == depth] for depth in sorted(set(depths.values()))]
