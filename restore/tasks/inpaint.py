"""Inpaint a picture: invent what is in the hole, leave everything else untouched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from restore import samplers, schedule
from restore.arrays import Picture, canvas, hole_of
from restore.backbone import Backbone, Condition, shipped
from restore.fill import push_pull
from restore.guidance import enforce, half_quadratic_splitting, inject_known
from restore.operators import Hole
from restore.types import Estimate, Progress

Method = Literal["conditional", "repaint", "ddnm", "splitting"]
DEFAULT_METHOD: dict[Estimate, Method] = {"mean": "splitting", "sample": "ddnm"}
STEPS: dict[tuple[Method, Estimate], int] = {
    ("conditional", "mean"): 1,
    ("conditional", "sample"): 30,
    ("repaint", "sample"): 250,
    ("ddnm", "sample"): 20,
    ("splitting", "mean"): 20,
}
START_SIGMA, LAST_SIGMA = 0.125, 0.01  # ddnm and splitting start from a fill, in the middle
CONTEXT = 96  # pixels around a hole that are computed with it


@dataclass(frozen=True)
class Jumps:
    """RePaint's resampling: climb back ``length`` steps, walk each stretch ``repeats`` times."""

    length: int = 10
    repeats: int = 10


def inpaint(
    image: Picture,
    mask: Any,
    *,
    mask_means: Literal["fill", "keep"] = "fill",
    estimate: Estimate = "sample",
    method: Method | None = None,
    steps: int | None = None,
    jumps: Jumps | None = None,
    seed: int = 0,
    backbone: Backbone | None = None,
    progress: Progress | None = None,
) -> Picture:
    """Fill the masked part of a picture and return the same kind of thing at its own depth.

    White in the mask means fill (``mask_means="keep"`` turns it round). Outside the hole every number of
    the result is the input's own, bit for bit; only the hole and its surroundings are computed.

    method: ``conditional``: the backbone sees the picture with a smooth fill and the mask, known pixels
        are put in at every step (SR3/Palette-style). ``repaint``: the unconditional prior from pure noise
        on a climbing ladder (Lugmayr et al. 2022); ``steps`` is its t_T, with the paper's (250, 10, 10)
        2410 network calls. ``ddnm``: the prior started from a smooth fill at a middle noise level, every
        estimate projected (Wang et al. 2023). ``splitting``: half-quadratic splitting from the fill
        (Zhang et al. 2021). None: whichever measured best for the estimate.
    estimate: ``sample`` (a plausible texture, best LPIPS) or ``mean`` (smooth, best PSNR).
    steps: steps of the ladder. jumps: RePaint's climbs. seed: of the random numbers.

    Raises ValueError for options out of range, a method that cannot give the estimate, a mask of
    another size, and a mask without a single known pixel.
    """
    if estimate not in DEFAULT_METHOD:
        raise ValueError(f"estimate is 'mean' or 'sample', got {estimate!r}")
    method = method or DEFAULT_METHOD[estimate]
    if (method, estimate) not in STEPS:
        able = ", ".join(m for m, e in STEPS if e == estimate)
        raise ValueError(f"method for estimate {estimate!r} is one of {able}, got {method!r}")
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if jumps is not None and method != "repaint":
        raise ValueError(f"jumps belong to method 'repaint', got method {method!r}")
    picture = canvas(image)
    batch = picture.batch
    hole = hole_of(mask, (batch.shape[-2], batch.shape[-1]), mask_means).to(batch.device)
    if not hole.any():
        return picture.paste(batch, hole)  # type: ignore[no-any-return]
    if hole.flatten(1).amin(1).any():
        raise ValueError("the mask leaves no known pixel to start from; is it inverted? (mask_means)")
    hole = hole.expand(len(batch), -1, -1, -1)
    plan = _Plan(method, estimate, steps or STEPS[method, estimate], jumps or Jumps(), seed)
    result = batch.clone()
    boxes = surroundings(hole, CONTEXT)
    for number, (top, bottom, left, right) in enumerate(boxes):
        piece = (..., slice(top, bottom), slice(left, right))
        part = _part_progress(progress, number, len(boxes))
        result[piece] = _fill(batch[piece], hole[piece], plan, backbone or shipped(), part)
    return picture.paste(result, hole)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Plan:
    method: Method
    estimate: Estimate
    steps: int
    jumps: Jumps
    seed: int


def _fill(
    image: Tensor, hole: Tensor, plan: _Plan, backbone: Backbone, progress: Progress | None
) -> Tensor:
    fill = push_pull(image, hole)
    noise = samplers.seeded_noise(plan.seed)
    top, lowest = backbone.config.sigma_max, backbone.config.sigma_min
    if plan.method == "conditional":
        condition = Condition(fill, known=1 - hole)
        denoiser = enforce(backbone.denoiser(condition), fill, Hole(hole))
        if plan.estimate == "mean":
            return samplers.ddim(denoiser, fill, [top, 0.0], progress=progress)
        ladder = schedule.karras(top, lowest, plan.steps)
        return samplers.ddim(denoiser, fill + top * noise(fill), ladder, noise=noise, progress=progress)
    if plan.method == "repaint":
        betas = schedule.named(backbone.config.schedule, backbone.config.steps)
        jumps = plan.jumps
        if jumps.length >= plan.steps:
            raise ValueError(f"jumps of {jumps.length} steps need a ladder of more, got {plan.steps} steps")
        ladder = schedule.repaint_sigmas(betas, plan.steps, jumps.length, jumps.repeats)
        denoiser = inject_known(backbone.denoiser(), image, hole, noise)
        return samplers.ddpm(denoiser, ladder[0] * noise(image), ladder, noise=noise, progress=progress)
    ladder = schedule.log_sigma(START_SIGMA, LAST_SIGMA, plan.steps)
    prior = enforce(backbone.denoiser(), fill, Hole(hole))
    if plan.method == "splitting":
        return half_quadratic_splitting(prior, fill, ladder, progress=progress)
    start = fill + START_SIGMA * noise(fill)
    return samplers.ddim(prior, start, ladder, eta=0.0, noise=noise, progress=progress)


def surroundings(hole: Tensor, context: int) -> list[tuple[int, int, int, int]]:
    """Boxes (top, bottom, left, right) that cover every hole with ``context`` pixels around it.

    Boxes that overlap are merged, so no pixel is computed twice. hole ``(b, 1, h, w)``.
    """
    from scipy import ndimage

    flat = hole.amax((0, 1)).cpu().numpy() > 0
    h, w = flat.shape
    # Holes closer than the context see each other anyway: join them before the boxes are drawn.
    cell = 16
    coarse = torch.nn.functional.max_pool2d(hole.amax((0, 1), keepdim=True), cell, ceil_mode=True)[0, 0] > 0
    labels, _ = ndimage.label(coarse.cpu().numpy(), structure=[[1] * 3] * 3)
    boxes = []
    for rows, columns in ndimage.find_objects(labels):
        inside = flat[rows.start * cell : rows.stop * cell, columns.start * cell : columns.stop * cell]
        ys, xs = inside.any(1).nonzero()[0], inside.any(0).nonzero()[0]
        top, left = rows.start * cell, columns.start * cell
        boxes.append(
            (
                max(0, top + int(ys[0]) - context),
                min(h, top + int(ys[-1]) + 1 + context),
                max(0, left + int(xs[0]) - context),
                min(w, left + int(xs[-1]) + 1 + context),
            )
        )
    return _merged(boxes)


def _merged(boxes: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    merged: list[tuple[int, int, int, int]] = []
    for box in boxes:
        while other := next((m for m in merged if _overlap(m, box)), None):
            merged.remove(other)
            box = (min(box[0], other[0]), max(box[1], other[1]), min(box[2], other[2]), max(box[3], other[3]))
        merged.append(box)
    return sorted(merged)


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


def _part_progress(progress: Progress | None, number: int, parts: int) -> Progress | None:
    """Report the calls of one hole as a part of all holes' calls."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, parts * total)
