"""How `denoise` computes its results: from the state itself, from the conditional branch, or completed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

import numpy as np
import torch
from torch import Tensor

from restore.diffusion import watch
from restore.diffusion.progress import part_of
from restore.images.colours import rgb_of, ycc_of
from restore.noise.model import NoiseModel
from restore.noise.picture_noise import PictureNoise
from restore.priors.condition import Condition, smooth_signal
from restore.tasks.completed import completed_state
from restore.tasks.method import Method
from restore.tasks.own_methods import MethodRequest, run_own
from restore.tasks.request import Request
from restore.types import Progress, from_255

FAINT_TO, STRONG_FROM = from_255(8), from_255(12)
"""Up to the first of these levels in luma noise is faint, from the second on it is strong."""

ADAPTED, TOLD = 0.5, 1.5
"""For faint noise: the share of the change by the adapters, and what is told, times the level in luma."""

Level = float | Tensor | None
"""What the conditional branch is told of the noise: one level, a map ``(1, 1, h, w)`` or nothing."""


def told_level(noise: PictureNoise, noisy: Tensor) -> Tensor:
    """Give the measured level at every pixel of a picture ``(1, 3, h, w)``, for the conditional branch."""
    signal = smooth_signal(noisy)
    level = noise.level(signal.cpu().double().numpy())
    return torch.from_numpy(level).to(signal)


def by_state(
    noisy: Tensor, each_sigmas: list[list[float]], lost: list[NoiseModel | None], request: Request
) -> Tensor:
    """Denoise step by step from the noisy pictures: all at the same noise levels, or each at its own."""
    drawing, progress = request.drawing, request.progress
    denoiser = drawing.prior.denoiser()

    def down(
        noisy: Tensor, sigmas: list[float], lost: Sequence[NoiseModel | None], progress: Progress | None
    ) -> Tensor:
        start, rest = _made_up(noisy, lost, lambda x: denoiser(x, sigmas[0]), len(sigmas) - 1, progress)
        return drawing(denoiser, start, sigmas, progress=rest)

    if all(sigmas == each_sigmas[0] for sigmas in each_sigmas):
        return down(noisy, each_sigmas[0], lost, progress)
    each = zip(each_sigmas, lost, strict=True)
    calls, total = count(1), sum(len(sigmas) - 1 + (noise is not None) for sigmas, noise in each if sigmas)
    report = None if progress is None else lambda *_: progress(next(calls), total)
    results = [
        down(one, sigmas, [noise], report) if sigmas else one
        for one, sigmas, noise in zip(noisy.chunk(len(noisy)), each_sigmas, lost, strict=True)
    ]
    return torch.cat(results)


def by_real_state(noisy: Tensor, level: float, request: Request) -> Tensor:
    """Denoise pictures ``(b, 3, h, w)`` as states at the level of their noise in luma, in one or two calls.

    The prior's adapters for noise have learned what the noise of cameras and scanners is like, on simulated
    pictures. The prior itself has seen white noise alone. On faint noise of real pictures the weights half
    way between the two are as good as the mean of what both give (Wortsman et al. 2022), told a higher level,
    since cameras denoise even places, where it is measured. Strong noise is left to the adapters as they
    are. Between faint and strong the mean of both is given.

    References
    ----------
    M. Wortsman et al. (2022). Robust fine-tuning of zero-shot models. arXiv:2109.01903.
    """
    calls = _real_calls(level)
    watch.expect(len(calls))
    total = torch.zeros_like(noisy)
    for number, (weight, adapted, times) in enumerate(calls):
        shown = Condition(noisy, noisy=True, is_state=True, adapted=adapted)
        progress = part_of(request.progress, number, len(calls) - 1 - number)
        denoiser = request.drawing.prior.denoiser(shown)
        total = total + weight * request.drawing(denoiser, noisy, [times * level, 0.0], progress=progress)
    return total


def real_calls(level: float) -> int:
    """How many network calls `by_real_state` makes for noise of a level."""
    return len(_real_calls(level))


def _real_calls(level: float) -> list[tuple[float, float, float]]:
    """The calls for real noise of a level: weight, share of the adapters' change, times the level told."""
    faint = faint_share(level)
    return [call for call in ((1 - faint, 1.0, 1.0), (faint, ADAPTED, TOLD)) if call[0]]


def faint_share(level: float) -> float:
    """The share of the result for faint noise in that for real noise of a level.

    Examples
    --------
    >>> faint_share(3 / 255), faint_share(20 / 255)
    (1.0, 0.0)
    """
    return float(np.interp(level, [FAINT_TO, STRONG_FROM], [1.0, 0.0]))


def by_branch(
    noisy: Tensor, level: Level, lost: list[NoiseModel | None], request: Request, *, page: bool = False
) -> Tensor:
    """Denoise by the conditional branch, which sees the noisy pictures and their noise level, if known.

    page: the ink of scanned pages on even paper is wanted.
    """
    drawing = request.drawing
    prior = drawing.prior
    sigmas = request.sigmas(prior.sigma_max)
    top = sigmas[0]

    def shown(hint: Tensor) -> Condition:
        return Condition(hint, noise_std=level, noisy=True, page=page)

    def answer(hint: Tensor) -> Tensor:
        # What was cut off is asked for by a part of the pictures, so a map is left out.
        told = None if isinstance(level, Tensor) else level
        return prior.denoiser(Condition(hint, noise_std=told, noisy=True, page=page))(hint, top)

    hint, progress = _made_up(noisy, lost, answer, len(sigmas) - 1, request.progress)
    # At the top the state says nothing, so for one call from there its noise need not be drawn.
    start = hint if len(sigmas) == 2 else drawing.noised(hint, top)
    return drawing(prior.denoiser(shown(hint)), start, sigmas, progress=progress)


def by_completion(noisy: Tensor, noise: PictureNoise, request: Request) -> Tensor:
    """Denoise a picture ``(1, 3, h, w)`` after adding what its noise lacks to be white.

    The mean is that of several draws of the added noise, whose own share it takes out; a sample starts from
    one of them.
    """
    drawing, draws = request.drawing, 1 if request.estimate == "sample" else request.steps
    prior, denoiser = drawing.prior, drawing.prior.denoiser()
    total = torch.zeros_like(noisy)
    watch.expect(draws)
    for number in range(draws):
        state, level, curve = completed_state(noisy, noise, prior, drawing.rng)
        sigmas = [level, 0.0] if request.estimate == "mean" else request.sigmas(level)
        progress = part_of(request.progress, number, draws - 1 - number)
        found = drawing(denoiser, state, sigmas, progress=progress)
        total = total + (found if curve is None else curve.back(found))
    return total / draws


def by_own(noisy: Tensor, levels: Sequence[Level], method: Method, request: Request) -> Tensor:
    """Denoise by a method that is no part of this package; levels: of each picture."""
    each = [torch.as_tensor(level, dtype=noisy.dtype, device=noisy.device) for level in levels]
    noise_std = torch.cat([level.reshape(1, 1, *(level.shape[-2:] or (1, 1))) for level in each])
    own = MethodRequest(
        request.drawing, request.estimate, request.steps, request.progress, task="denoise",
        image=noisy.clone(), noise_std=noise_std, shape=tuple(noisy.shape),
    )  # fmt: skip
    return run_own(method, own)


def _made_up(
    noisy: Tensor,
    lost: Sequence[NoiseModel | None],
    answer: Callable[[Tensor], Tensor],
    calls: int,
    progress: Progress | None,
) -> tuple[Tensor, Progress | None]:
    """Give pictures back the noise cut off at black and white; also give the progress of ``calls`` more."""
    models = {k: noise for k, noise in enumerate(lost) if noise is not None}
    if not models:
        return noisy, progress
    watch.expect(calls + 1)
    signals = answer(noisy[[*models]]).clamp(0, 1)
    if progress is not None:
        progress(1, calls + 1)
    whole = [models[k].expected(noisy[k : k + 1], s[None]) for k, s in zip(models, signals, strict=True)]
    return torch.stack(replaced(list(noisy), [*models], torch.cat(whole))), part_of(progress, 1, 0)


def replaced(pictures: list[Tensor], places: list[int], new: Tensor) -> list[Tensor]:
    """Put other pictures at some places; all get the precision of the new ones."""
    there = dict(zip(places, new, strict=True))
    return [there.get(k, picture.to(new)) for k, picture in enumerate(pictures)]


def mixed(noisy: Tensor, result: Tensor, amounts: tuple[float, float]) -> Tensor:
    """The noisy pictures with a share of the change, in luma and in chroma apart."""
    luma, chroma = amounts
    if luma == chroma == 1:
        return result
    change = ycc_of((result - noisy).float())
    shares = torch.tensor([luma, chroma, chroma], device=change.device).view(1, 3, 1, 1)
    return noisy.to(result) + rgb_of(change * shares).to(result)


def ended(results: Tensor, lost: list[NoiseModel | None]) -> Tensor:
    """Clip the results of pictures whose noise was cut off to [0, 1]."""
    pairs = zip(results, lost, strict=True)
    return torch.stack([result if noise is None else result.clamp(0, 1) for result, noise in pairs])


def alike(results: list[Tensor]) -> list[Tensor]:
    """Pictures in the precision of the least exact of them."""
    lowest = min(results, key=lambda one: torch.finfo(one.dtype).bits)
    return [one.to(lowest) for one in results]
