"""Scores during training: one call of each kind on fixed pictures with fixed damage."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from restore.images.perceptual import Lpips
from restore.images.resize import resize, small_size
from restore.images.similarity import ssim
from restore.inverse.fill import push_pull
from restore.priors.backbone import Backbone
from restore.priors.condition import Condition
from restore.training.batches import Mix
from restore.training.data import psnr, validation_crops
from restore.training.holes import stroke_holes

COUNT, SIZE = 12, 192

AT_ONCE = 16  # crops in one call: there may be thousands
FEW = 4  # crops between two looks at the clock, where the time is limited
TASK = {
    "denoise 15": "unconditional",
    "denoise 25": "unconditional",
    "denoise 50": "unconditional",
    "upscale x4": "upscale",
    "inpaint strokes": "inpaint",
    "blind 25": "denoise",
}
"""What is trained for each score; the others are of what a network is to be better than."""


def mean_of(scores: Mapping[str, float], mix: Mix) -> float:
    """The mean in dB of the scores of all tasks that have a share in the mix."""
    known = [score for name, score in scores.items() if name in TASK and getattr(mix, TASK[name])]
    return sum(known) / len(known)


def prepare(source: str | Path, *, all_of_them: bool = False) -> Tensor:
    """One crop of the first 12 pictures, or of all, ``(n, 3, h, w)`` in [0, 1]; ConfigError without any."""
    return validation_crops(source, count=None if all_of_them else COUNT, size=SIZE)


def measure(backbone: Backbone, clean: Tensor) -> tuple[dict[str, float], Tensor]:
    """PSNR in dB of denoising (prior, one call), upscaling and inpainting (conditional, one call).

    Also a picture ``(3, h, w)`` with a row of each of the first crops: damaged, restored, clean.
    """
    parts = torch.split(clean, AT_ONCE)
    found = [_measure(backbone, part, seed) for seed, part in enumerate(parts)]
    scores = {
        name: sum(len(part) * each[name] for part, (each, _) in zip(parts, found, strict=True)) / len(clean)
        for name in found[0][0]
    }
    return scores, found[0][1]


def best_of(
    candidates: Sequence[tuple[str, Backbone]], source: str, mix: Mix, say: Callable[[str], None], *,
    left: Callable[[], float] = lambda: math.inf,
) -> int:  # fmt: skip
    """The number of the backbone with the best mean in dB of the tasks that were trained.

    On all pictures of ``source``, not only the few of the checks during a run: the candidates are close.
    left: the seconds that are left for it; it looks at as many pictures as there is time for, and where there
    is none at all the first backbone is taken.
    """
    names = [name for name, _ in candidates]
    if left() <= 0:
        say(f"{names[0]}: saved, as no time is left to compare it with {', '.join(names[1:])}")
        return 0
    checks = prepare(source, all_of_them=True)
    found: list[dict[str, float]] = [{} for _ in candidates]
    seen, took = 0, 0.0
    for part in torch.split(checks, len(checks) if math.isinf(left()) else FEW):
        before = left()
        if seen and before < took:
            break
        for sums, (_, backbone) in zip(found, candidates, strict=True):
            for name, score in measure(backbone, part)[0].items():
                sums[name] = sums.get(name, 0.0) + len(part) * score
        seen, took = seen + len(part), before - left()
    means = []
    for name, sums in zip(names, found, strict=True):
        scores = {key: total / seen for key, total in sums.items()}
        means.append(mean_of(scores, mix))
        listed = ", ".join(f"{k} {v:.3f}" for k, v in scores.items() if k in TASK)
        say(f"{name}: {listed}; mean {means[-1]:.3f}")
    best = means.index(max(means))
    of_all = "" if seen == len(checks) else f", of {len(checks)}: the time is over"
    say(f"{names[best]}: the best of them on {seen} validation pictures, saved{of_all}")
    return best


def measure_pictures(backbone: Backbone, clean: Tensor, lpips: Lpips) -> dict[str, dict[str, float]]:
    """SSIM and LPIPS of the same results, ``{"ssim": {score: mean}, "lpips": ...}``, of `TASK` alone.

    Where a score is of a hole, so are these: of the windows and features around its pixels.
    """
    found: dict[str, dict[str, float]] = {"ssim": {}, "lpips": {}}
    for seed, part in enumerate(torch.split(clean, AT_ONCE)):
        share = len(part) / len(clean)
        for name, result in _results(backbone, part, seed).items():
            if name in TASK:
                shown = result.picture.clamp(0, 1)
                part = part.to(shown)
                each = {
                    "ssim": ssim(shown, part, where=result.where),
                    "lpips": lpips(shown, part, where=result.where),
                }
                for metric, scores in each.items():
                    found[metric][name] = found[metric].get(name, 0.0) + share * scores.mean().item()
    return found


@dataclass(frozen=True)
class _Result:
    """A picture ``(b, 3, h, w)``, and where it is judged, ``(b, 1, h, w)``; None: everywhere."""

    picture: Tensor
    where: Tensor | None = None


def _measure(backbone: Backbone, clean: Tensor, seed: int) -> tuple[dict[str, float], Tensor]:
    results = _results(backbone, clean, seed)
    clean = clean.to(backbone.device)
    scores = {
        name: _mean(psnr(result.picture, clean, result.where))
        for name, result in results.items()
        if name != "noisy 50"
    }
    names = ("noisy 50", "denoise 50", "bicubic x4", "upscale x4", "push-pull strokes", "inpaint strokes")
    rows = [*(results[name].picture[:4] for name in names), clean[:4]]
    grid = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
    return scores, grid.clamp(0, 1).cpu()


def _results(backbone: Backbone, clean: Tensor, seed: int) -> dict[str, _Result]:
    """What is judged, by the names of its scores, and "noisy 50", which is shown only."""
    generator = torch.Generator().manual_seed(seed)
    clean = clean.to(backbone.device)
    noise = torch.randn(clean.shape, generator=generator).to(clean)
    found: dict[str, _Result] = {}
    prior = backbone.denoiser()
    for level in (15, 25, 50):
        noisy = clean + level / 255 * noise
        found[f"denoise {level}"] = _Result(prior(noisy, level / 255))
    found["noisy 50"] = _Result(noisy)
    size = (clean.shape[-2], clean.shape[-1])
    hint = resize(resize(clean, small_size(size, 4)), size)
    top = backbone.config.sigma_max
    found["bicubic x4"] = _Result(hint)
    found["upscale x4"] = _Result(backbone.denoiser(Condition(hint))(hint + top * noise, top))
    hole = stroke_holes((len(clean), *size), generator=generator).to(clean)
    filled = push_pull(clean, hole)
    inpainted = backbone.denoiser(Condition(filled, known=1 - hole))(filled + top * noise, top)
    # What is known is known: only the hole is judged, with its true surroundings.
    found["push-pull strokes"] = _Result(filled, hole)
    found["inpaint strokes"] = _Result(torch.where(hole > 0, inpainted, clean), hole)
    grainy = clean + 25 / 255 * noise
    blind = backbone.denoiser(Condition(grainy, noise_std=None))(grainy + top * noise.flip(0), top)
    found["blind 25"] = _Result(blind)
    return found


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
