"""Scores during training: one call of each kind on fixed pictures with fixed damage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from restore.images.resize import resize, small_size
from restore.inverse.fill import push_pull
from restore.priors.backbone import Backbone
from restore.priors.condition import Condition
from restore.training.batches import Mix
from restore.training.data import psnr, validation_crops
from restore.training.holes import stroke_holes

COUNT, SIZE = 12, 192

AT_ONCE = 16  # crops in one call: there may be thousands
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
    candidates: Iterable[tuple[str, Backbone]], source: str, mix: Mix, say: Callable[[str], None]
) -> int:
    """The number of the backbone with the best mean in dB of the tasks that were trained.

    On all pictures of ``source``, not only the few of the checks during a run: the candidates are close.
    """
    checks = prepare(source, all_of_them=True)
    names, means = [], []
    for name, backbone in candidates:
        scores, _ = measure(backbone, checks)
        names.append(name)
        means.append(mean_of(scores, mix))
        listed = ", ".join(f"{k} {v:.3f}" for k, v in scores.items() if k in TASK)
        say(f"{name}: {listed}; mean {means[-1]:.3f}")
    best = means.index(max(means))
    say(f"{names[best]}: the best of them on {len(checks)} validation pictures, saved")
    return best


def _measure(backbone: Backbone, clean: Tensor, seed: int) -> tuple[dict[str, float], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    clean = clean.to(backbone.device)
    noise = torch.randn(clean.shape, generator=generator).to(clean)
    scores: dict[str, float] = {}
    prior = backbone.denoiser()
    for level in (15, 25, 50):
        noisy = clean + level / 255 * noise
        denoised = prior(noisy, level / 255)
        scores[f"denoise {level}"] = _mean(psnr(denoised, clean))
    size = (clean.shape[-2], clean.shape[-1])
    hint = resize(resize(clean, small_size(size, 4)), size)
    top = backbone.config.sigma_max
    upscaled = backbone.denoiser(Condition(hint))(hint + top * noise, top)
    scores["bicubic x4"], scores["upscale x4"] = _mean(psnr(hint, clean)), _mean(psnr(upscaled, clean))
    hole = stroke_holes((len(clean), *size), generator=generator).to(clean)
    filled = push_pull(clean, hole)
    inpainted = backbone.denoiser(Condition(filled, known=1 - hole))(filled + top * noise, top)
    scores["push-pull strokes"] = _mean(psnr(filled, clean, hole))
    scores["inpaint strokes"] = _mean(psnr(inpainted, clean, hole))
    grainy = clean + 25 / 255 * noise
    blind = backbone.denoiser(Condition(grainy, noise_std=None))(grainy + top * noise.flip(0), top)
    scores["blind 25"] = _mean(psnr(blind, clean))
    rows = [noisy[:4], denoised[:4], hint[:4], upscaled[:4], filled[:4], inpainted[:4], clean[:4]]
    grid = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
    return scores, grid.clamp(0, 1).cpu()


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
