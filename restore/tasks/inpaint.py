"""Inpaint a picture: invent what is in the hole, leave everything else untouched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, pad

from restore import samplers, schedule
from restore.arrays import Picture, canvas, hole_of
from restore.backbone import Backbone, Condition, shipped
from restore.degradations import resize
from restore.fill import push_pull, smoothed
from restore.guidance import enforce, half_quadratic_splitting, inject_known, join_at, share_of
from restore.methods import Problem, all_methods, check_guidance, differentiates, guided
from restore.operators import Hole
from restore.tasks import solve as solving
from restore.tasks.solve import ROUNDING, solved
from restore.types import Denoiser, Estimate, Noise, Progress, part_of, twice

Solver = Literal["ddrm", "ddnm-plus", "diffpir", "pigdm", "dps"]
Method = Literal["alternating", "conditional", "repaint", "ddnm", "splitting", Solver]
SOLVERS = get_args(Solver)  # of `restore.methods`, as they are
DEFAULT_METHOD: dict[Estimate, Method] = {"mean": "alternating", "sample": "alternating"}
STEPS: dict[tuple[Method, Estimate], int] = {
    ("alternating", "mean"): 20,
    ("alternating", "sample"): 24,
    ("conditional", "mean"): 1,
    ("conditional", "sample"): 30,
    ("repaint", "sample"): 250,
    ("ddnm", "sample"): 24,
    ("splitting", "mean"): 20,
    **{(name, "sample"): 20 for name in SOLVERS},
}
FROM_FILL = ("alternating", "splitting", "ddnm", *SOLVERS)  # the methods to which their first fill matters
# Splitting starts in the middle of the ladder, a sample lower, from what splitting found. Measured on the
# validation pictures, as are the defaults above.
START_SIGMA, LAST_SIGMA = 0.125, 0.01
# Which part of the steps draws a sample. By DDNM it begins at one noise level: in letters and hairlines less
# is to be invented than in holes that are deeper than THIN pixels.
DRAWN = {False: (3, 0.05), True: (2, 0.1)}
THIN = 6.0
# Alternating draws half of the steps, and begins where every pixel needs it: at so much, for a texture of
# deviation 1 that is left out one pixel deep in the hole, and by the square of the depth, within limits. Both
# are means over near pixels.
PER_TEXTURE, LOWEST, HIGHEST = 0.6, 0.05, 0.9
FEW = 4  # steps of drawing below which all pixels begin at one level
AT_SMALLER = 0.15  # where all pixels begin at a half, a quarter and so on of the size
FINE, NEAR = 1.5, 12.0  # radii in pixels: of what is no texture any more, and of what is near
SOLVER_SIGMA = 0.4  # where the published solvers start from the fill
AFTER_BRANCH = 0.06, 0.005  # where splitting begins and ends after the conditional branch
# Where a hole is deeper than so many pixels the picture is filled at half its size first, and so on: from
# twelve on samples look better, from 24 on the mean gains, too.
DEEP: dict[Estimate, int] = {"mean": 24, "sample": 12}
SMALLEST = 32  # pixels a side of a picture that can be halved
Walk = partial[Tensor]  # a sampler with its noise
CONTEXT = 96  # pixels around a hole that are computed with it, at least
GRID = 16  # boxes around holes lie on the grid of the network's coarsest cells


@dataclass(frozen=True)
class Jumps:
    """RePaint's resampling: climb back ``length`` steps, walk each stretch ``repeats`` times.

    Raises ValueError for numbers below 1.
    """

    length: int = 10
    repeats: int = 10

    def __post_init__(self) -> None:
        if min(self.length, self.repeats) < 1:
            raise ValueError(
                f"jumps need length and repeats of 1 or more, got {self.length} and {self.repeats}"
            )


def inpaint(
    image: Picture,
    mask: Any,
    *,
    mask_means: Literal["fill", "keep"] = "fill",
    grow: int = 0,
    estimate: Estimate = "sample",
    method: Method | None = None,
    sampler: str | None = None,
    steps: int | None = None,
    jumps: Jumps | None = None,
    guidance: float = 1.0,
    seed: int = 0,
    backbone: Backbone | None = None,
    progress: Progress | None = None,
) -> Picture:
    """Fill the masked part of a picture and return the same kind of thing at its own depth.

    White in the mask means fill (``mask_means="keep"`` turns it round). Outside the hole every number of
    the result is the input's own, bit for bit; only the hole and its surroundings are computed. A deep hole
    is filled at half the size first, from coarse to fine on the same backbone.

    grow: pixels by which the hole is widened first, for masks that leave the rim of a scratch or a letter.
    method: ``alternating``: one call of the conditional branch, then ``splitting`` from there; for a sample
        the branch then draws, in the second half of the steps, what texture is missing (`texture_levels`).
        ``conditional``: the backbone sees the picture with a smooth fill and the mask, known pixels are put
        in at every step (SR3/Palette-style). ``repaint``: the unconditional prior from pure noise on a
        climbing ladder (Lugmayr et al. 2022); ``steps`` is its t_T, with the paper's (250, 10, 10) 2410
        network calls. ``splitting``: the prior from a smooth fill at a middle noise level,
        half-quadratic splitting (Zhang et al. 2021). ``ddnm``: the last third, or half, of the steps draws a
        sample around what splitting found, every estimate projected (Wang et al. 2023). ``ddrm``,
        ``ddnm-plus``, ``diffpir``, ``pigdm``, ``dps``: as published (`restore.methods`), from a smooth fill
        with noise on it. None: whichever measured best for the estimate.
    estimate: ``sample`` (a plausible texture, best LPIPS) or ``mean`` (smooth, best PSNR).
    sampler: of a sample, one of `restore.samplers.SAMPLERS`; None is ``ddpm``, and ``ddim`` for conditional;
        the methods as published have their own.
    steps: steps of the ladder, of alternating with the branch's calls. jumps: RePaint's climbs.
    guidance: of a conditional sample: how far to go beyond what the branch says, away from the unconditional
        prior (Ho and Salimans 2022); 1 is the branch itself, others take two calls a step.
    seed: of the random numbers; the pictures of a batch draw different ones.

    An empty hole gives a copy. Raises ValueError for options out of range, a method that cannot give the
    estimate, a mask of another size, and a mask without a single known pixel.
    """
    plan = _plan(estimate, method, steps, jumps, guidance, sampler)
    default = samplers.ddim if plan.method == "conditional" else samplers.ddpm
    walk = samplers.choose(sampler, default, estimate)
    noise = samplers.seeded_noise(seed)
    picture = canvas(image)
    batch = picture.batch
    hole = hole_of(mask, (batch.shape[-2], batch.shape[-1]), mask_means).to(batch.device)
    check_masks(hole, batch)
    hole = grown(hole, grow)
    if not hole.any():
        return picture.unchanged()  # type: ignore[no-any-return]
    if hole.flatten(1).all(1).any():
        raise ValueError("the mask leaves no known pixel to start from; is it inverted? (mask_means)")
    hole = hole.expand(len(batch), -1, -1, -1)
    backbone = backbone or shipped()
    result = batch.clone()
    boxes = surroundings(hole, CONTEXT)
    pieces = [
        (chosen, slice(None), slice(top, bottom), slice(left, right))
        for top, bottom, left, right in boxes
        for chosen in _by_depth(hole[..., top:bottom, left:right], plan)
    ]
    parts = sum(1 + _halvings(hole[piece], plan) for piece in pieces)
    begun = count()

    def begin() -> Progress | None:
        return _part_progress(progress, next(begun), parts)

    for piece in pieces:
        inside = batch[piece].to(backbone.device), hole[piece].to(backbone.device)
        result[piece] = _fill(*inside, plan, partial(walk, noise=noise), backbone, begin).to(result)
    return picture.paste(result, hole)  # type: ignore[no-any-return]


def check_masks(hole: Tensor, batch: Tensor) -> None:
    """Raise ValueError unless there is one mask, or one for each picture."""
    if len(hole) not in (1, len(batch)):
        raise ValueError(f"there are {len(hole)} masks for {len(batch)} pictures; pass one, or one for each")


@dataclass(frozen=True)
class _Plan:
    method: Method
    estimate: Estimate
    steps: int
    jumps: Jumps
    guidance: float


def _plan(
    estimate: Estimate,
    method: Method | None,
    steps: int | None,
    jumps: Jumps | None,
    guidance: float = 1.0,
    sampler: str | None = None,
) -> _Plan:
    """Complete the options by their defaults, and refuse what cannot be walked."""
    if estimate not in DEFAULT_METHOD:
        raise ValueError(f"estimate is 'mean' or 'sample', got {estimate!r}")
    method = method or DEFAULT_METHOD[estimate]
    if (method, estimate) not in STEPS:
        able = ", ".join(m for m, e in STEPS if e == estimate)
        raise ValueError(f"method for estimate {estimate!r} is one of {able}, got {method!r}")
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if STEPS[method, estimate] == 1 and steps not in (None, 1):
        raise ValueError(
            f"method {method!r} gives the mean in one network call, got steps={steps}; leave it out"
        )
    if jumps is not None and method != "repaint":
        raise ValueError(f"jumps belong to method 'repaint', got method {method!r}")
    if sampler is not None and method in SOLVERS:
        raise ValueError(f"method {method!r} has steps of its own; leave out sampler={sampler!r}")
    check_guidance(guidance, method, estimate)
    plan = _Plan(method, estimate, steps or STEPS[method, estimate], jumps or Jumps(), guidance)
    if method == "repaint" and plan.jumps.length >= plan.steps:
        raise ValueError(
            f"jumps of {plan.jumps.length} steps need a ladder of more, got {plan.steps} steps; "
            "pass shorter jumps or more steps"
        )
    return plan


def _by_depth(hole: Tensor, plan: _Plan) -> list[list[int]]:
    """The pictures of a batch whose holes are as deep: each is filled the same in whatever company.

    Those that have none are left out.
    """
    depths = {
        number: (_halvings(each[None], plan), bool(_depth(each[None]).max() > THIN))
        for number, each in enumerate(hole)
        if each.any()
    }
    return [[k for k, other in depths.items() if other == depth] for depth in sorted(set(depths.values()))]


def _fill(
    image: Tensor,
    hole: Tensor,
    plan: _Plan,
    walk: Walk,
    backbone: Backbone,
    begin: Callable[[], Progress | None],
) -> Tensor:
    """The picture with its hole filled: at ever larger sizes, each from what was found at the one before.

    begin: how the calls at the next size are to be reported.
    """
    levels = [(image, hole)]
    for _ in range(_halvings(hole, plan)):
        levels.append(_halved(*levels[-1]))
    fill = push_pull(*levels[-1])
    for number, (picture, missing) in enumerate(reversed(levels)):
        if number:
            fill = _enlarged(fill, picture, missing)
        coarse = number < len(levels) - 1
        fill = _walked(picture, missing, fill, plan, walk, backbone, begin(), coarse=coarse)
    return fill


def _halvings(hole: Tensor, plan: _Plan) -> int:
    return halvings(hole, plan.estimate) if plan.method in FROM_FILL else 0


def halvings(hole: Tensor, estimate: Estimate) -> int:
    """How often a picture with a hole ``(b, 1, h, w)`` is halved before it is filled."""
    deepest, side, count = float(_depth(hole).max()), min(hole.shape[-2:]), 0
    while deepest > DEEP[estimate] and side >= 2 * SMALLEST:
        deepest, side, count = deepest / 2, (side + 1) // 2, count + 1
    return count


def _depth(hole: Tensor) -> Tensor:
    """How far every missing pixel is from a known one, in pixels ``(b, 1, h, w)``."""
    import cv2

    missing = (hole[:, 0] > 0).byte().cpu().numpy()
    far = [torch.from_numpy(cv2.distanceTransform(m, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)) for m in missing]
    return torch.stack(far)[:, None]


def _halved(image: Tensor, hole: Tensor) -> tuple[Tensor, Tensor]:
    """Means of the known pixels of every 2x2; what has none is missing still."""
    h, w = image.shape[-2:]
    edges = (0, w % 2, 0, h % 2)
    known = pad(1 - hole, edges)
    share = avg_pool2d(known, 2)
    means = avg_pool2d(pad(image, edges) * known, 2) / share.clamp_min(0.25)
    return means, (share == 0).to(hole)


def _enlarged(fill: Tensor, image: Tensor, hole: Tensor) -> Tensor:
    """A fill of half the size in the hole of a picture, without a step at its edge.

    What it differs by from the known pixels around is spread over the hole (a membrane, as in Perez et al.
    2003, "Poisson image editing").
    """
    h, w = image.shape[-2:]
    large = resize(fill, (2 * fill.shape[-2], 2 * fill.shape[-1]))[..., :h, :w]
    large = large + push_pull((image - large) * (1 - hole), hole)
    return torch.where(hole > 0, large, image)


def _walked(
    image: Tensor,
    hole: Tensor,
    fill: Tensor,
    plan: _Plan,
    walk: Walk,
    backbone: Backbone,
    progress: Progress | None,
    *,
    coarse: bool,
) -> Tensor:
    """From a first fill to a finished one, at one size; coarse: not the full one."""
    noise: Noise = walk.keywords["noise"]
    if plan.method in SOLVERS:
        problem = Problem(fill * (1 - hole), Hole(hole), ROUNDING / 255)
        method = all_methods()[plan.method]
        problem_plan = solving.Plan(method, None, plan.steps, min(SOLVER_SIGMA, method.start), LAST_SIGMA)
        return solved(problem, problem_plan, noise, backbone, progress, first=fill)
    top, lowest = backbone.config.sigma_max, backbone.config.sigma_min
    if plan.method == "conditional":
        branch = guided(backbone, Condition(fill, known=1 - hole), plan.guidance)
        denoiser = enforce(branch, fill, Hole(hole))
        progress = progress if plan.guidance == 1 else twice(progress)
        if plan.estimate == "mean":
            return walk(denoiser, fill, [top, 0.0], progress=progress)
        ladder = schedule.karras(top, lowest, plan.steps)
        return walk(denoiser, fill + top * noise(fill), ladder, progress=progress)
    if plan.method == "repaint":
        betas = schedule.named(backbone.config.schedule, backbone.config.steps)
        ladder = schedule.repaint_sigmas(betas, plan.steps, plan.jumps.length, plan.jumps.repeats)
        denoiser = inject_known(backbone.denoiser(), image, hole, noise)
        start = 0.5 + ladder[0] * noise(image)  # what the schedule ends in: mid-grey and noise
        return walk(denoiser, start, ladder, progress=progress)
    prior = enforce(backbone.denoiser(), fill, Hole(hole))
    if plan.method == "alternating":
        draws = plan.steps // 2 or 1 if plan.estimate == "sample" else 0
        to_mean = part_of(progress, 0, len(fill) * draws)
        mean = _alternate(prior, fill, hole, plan.steps - draws, backbone, to_mean)
        if not draws:
            return mean
        # Enlarged, what is drawn at a smaller size is no texture but shape, which is drawn from lower.
        levels = AT_SMALLER * hole if coarse else texture_levels(mean, hole)
        if draws < FEW:  # too few levels for pixels to join at their own
            levels = hole * levels.sum((1, 2, 3), keepdim=True) / hole.sum((1, 2, 3), keepdim=True)
        return _drawn(mean, hole, levels, draws, walk, backbone, part_of(progress, plan.steps - draws, 0))
    share, sigma = DRAWN[bool(_depth(hole).max() > THIN)]
    draws = 0 if plan.estimate == "mean" else max(1, plan.steps // share)
    ends, before = (START_SIGMA, LAST_SIGMA), plan.steps - draws
    mean = _split(prior, fill, ends, before, part_of(progress, 0, draws))
    if not draws:
        return mean
    ladder = schedule.log_sigma(sigma, LAST_SIGMA, draws)
    start = mean + sigma * noise(mean)
    return walk(prior, start, ladder, progress=part_of(progress, before, 0))


def _alternate(
    prior: Denoiser, fill: Tensor, hole: Tensor, steps: int, backbone: Backbone, progress: Progress | None
) -> Tensor:
    """By the conditional branch, which knows what holes look like, then the prior, which knows pictures.

    That once: the branch, shown what both have found in place of the smooth fill, only makes it worse.
    """
    if not steps:
        return fill
    branch = _branch(fill, hole, backbone)
    x = branch(fill, backbone.config.sigma_max)
    if progress is not None:
        progress(1, steps)
    return _split(prior, x, AFTER_BRANCH, steps - 1, part_of(progress, 1, 0))


def _drawn(
    mean: Tensor,
    hole: Tensor,
    levels: Tensor,
    steps: int,
    walk: Walk,
    backbone: Backbone,
    progress: Progress | None,
) -> Tensor:
    """Samples around the means by the branch, which is shown each mean as its fill.

    levels ``(b, 1, h, w)``: where every pixel's walk begins.
    """
    finished: list[Tensor] = []
    for fill, missing, own in zip(*(planes.chunk(len(mean)) for planes in (mean, hole, levels)), strict=True):
        top, report = float(own.max()), _part_progress(progress, len(finished), len(mean))
        denoiser = join_at(_branch(fill, missing, backbone), fill, own)
        start = fill + top * walk.keywords["noise"](fill)
        finished.append(walk(denoiser, start, schedule.log_sigma(top, LAST_SIGMA, steps), progress=report))
    return torch.cat(finished)


def _branch(fill: Tensor, hole: Tensor, backbone: Backbone) -> Denoiser:
    """The conditional branch, which sees a first fill, and what of it is known and to be kept."""
    return enforce(backbone.denoiser(Condition(fill, known=1 - hole)), fill, Hole(hole))


def texture_levels(mean: Tensor, hole: Tensor) -> Tensor:
    """The noise level at which a sample of every pixel should begin, [0, 1] units ``(b, 1, h, w)``.

    It grows with the texture that the mean in the hole has less of than the known pixels near, and with the
    depth of the hole there: a mean is smooth where its surroundings do not say what was there. In known
    pixels it is 0.
    """
    fine = (mean - smoothed(mean, FINE)).square().mean(1, keepdim=True)
    around = push_pull(smoothed(fine, NEAR, 1 - hole), hole)
    missing = (around - smoothed(fine, NEAR, hole)).clamp_min(0).sqrt()
    depth = smoothed(_depth(hole).to(mean), NEAR, hole)
    return (PER_TEXTURE * missing * depth**2).clamp(LOWEST, HIGHEST) * hole


def _split(
    prior: Denoiser, start: Tensor, ends: tuple[float, float], steps: int, progress: Progress | None
) -> Tensor:
    if not steps:
        return start
    ladder = schedule.log_sigma(*ends, steps)
    return half_quadratic_splitting(prior, start, ladder, share=share_of(steps), progress=progress)


def workload(hole: Tensor, estimate: Estimate, method: str, backbone: Backbone) -> int:
    """How many pixels every step computes for a picture with a hole ``(1, 1, h, w)``, at all sizes."""
    total, gradient = 0, method in SOLVERS and differentiates(method)
    for top, bottom, left, right in surroundings(hole, CONTEXT):
        piece, size = hole[..., top:bottom, left:right], (bottom - top, right - left)
        for _ in range(1 + (halvings(piece, estimate) if method in FROM_FILL else 0)):
            total += backbone.computed(size, differentiable=gradient)
            size = (size[0] + 1) // 2, (size[1] + 1) // 2
    return total


def grown(hole: Tensor, pixels: int) -> Tensor:
    """Widen a hole ``(b, 1, h, w)`` by a disc of radius ``pixels``; raises ValueError below 0."""
    if pixels < 0:
        raise ValueError(f"a hole grows by 0 pixels or more, got {pixels}")
    if not pixels:
        return hole
    import cv2

    wider = []
    for known in (hole[:, 0] == 0).byte().cpu().numpy():
        # In time and memory the same for every radius, which a dilation by a large disc is not.
        distance = cv2.distanceTransform(known, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        wider.append(torch.from_numpy(distance <= pixels + 1e-3))
    return torch.stack(wider)[:, None].to(hole)


def surroundings(hole: Tensor, context: int) -> list[tuple[int, int, int, int]]:
    """Boxes (top, bottom, left, right) that cover every hole with at least ``context`` pixels around it.

    Boxes lie on the grid and do not overlap, so no pixel is computed twice, and the network sees in a
    box what it would see in the whole picture. hole ``(b, 1, h, w)``.
    """
    import cv2

    h, w = hole.shape[-2:]
    # Holes whose surroundings meet are one from the start: ten thousand specks cost no more than one hole.
    cells = max_pool2d(hole.amax((0, 1), keepdim=True), GRID, ceil_mode=True)
    reach = -(-context // GRID)
    near = max_pool2d(cells, 2 * reach + 1, stride=1, padding=reach)[0, 0] > 0
    _, _, found, _ = cv2.connectedComponentsWithStats(near.byte().cpu().numpy(), connectivity=4)
    boxes = []
    for left, top, width, height, _ in (found[1:] * GRID).tolist():  # the first is what is far from holes
        boxes.append((top, min(h, top + height), left, min(w, left + width)))
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
    """Report the calls for one hole at one size as a part of all calls; every part takes as many."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, parts * total)
