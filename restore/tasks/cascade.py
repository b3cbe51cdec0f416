"""Staged generation: a small picture out of noise, then one upscaler after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from restore.diffusion.seeds import draw_seed, mixed_seed, picture_rng
from restore.priors.condition import Condition
from restore.priors.protocol import Prior
from restore.tasks import catalogue
from restore.tasks.catalogue import LEARNED
from restore.tasks.sample import sample
from restore.tasks.upscale import upscale
from restore.tasks.watching import Steps, shown
from restore.types import Callback, Progress, from_255

AUGMENT = 4.0  # of 255; the shipped upscaler has seen up to 8
LEAST = 8  # pixels of a side of the first stage


def cascade(
    n: int,
    stages: Sequence[Prior],
    *,
    size: tuple[int, int] = (128, 128),
    scale: float = 4.0,
    augment: float = AUGMENT,
    seed: int = 0,
    progress: Progress | bool | None = None,
    callback: Callback | None = None,
    **options: Any,
) -> Tensor:
    """Draw small pictures by the first network and enlarge them by the others, each conditioned on the last.

    Parameters
    ----------
    n : int
        How many, at least 1.
    stages : sequence of Prior
        Two or more: what draws the small pictures, then conditional upscalers, such as the shipped network.
    size : (int, int)
        Height and width of the results. The first stage draws ``size / scale^(stages - 1)``.
    scale : float
        How many times larger each stage is than the last, 1.5 to 4.
    augment : float
        Standard deviation of the noise that is put on what an upscaler is shown, on the 0..255 scale, 0 to
        50: it then forgives what the stage before got wrong (noise conditioning augmentation [1]_). The
        shipped upscaler was trained with noise of up to 8.
    seed : int
        0 to 2^63 - 1.
    progress : bool or callable, optional
        True shows a bar on standard error. ``progress(done, total)`` is called after every network call.
    callback : callable, optional
        ``callback(step)`` is called then, too, with a `restore.types.Step`; what it raises ends the task.
    **options
        Those of `restore.sample`, for the first stage.

    Returns
    -------
    tensor
        ``(n, 3, h, w)`` in [0, 1], on the CPU.

    Raises
    ------
    ValueError
        For less than two stages, options out of range, and sizes that do not fit.
    WeightsError
        For an upscaler that cannot be shown a picture.

    References
    ----------
    .. [1] J. Ho et al. (2022). Cascaded diffusion models for high fidelity image generation.
       arXiv:2106.15282, section 4.2.

    Examples
    --------
    >>> from restore.tasks.cascade import cascade
    >>> from restore.testing import tiny_prior
    >>> cascade(1, [tiny_prior(), tiny_prior()], size=(32, 32), scale=2, steps=2).shape
    torch.Size([1, 3, 32, 32])
    """
    if len(stages) < 2:
        raise ValueError(f"a cascade has two stages or more, got {len(stages)}")
    if not 0 <= augment <= 50:
        raise ValueError(f"augment is a noise level from 0 to 50 on the 0..255 scale, got {augment:g}")
    sizes = sizes_of(size, scale, len(stages))
    for prior in stages[1:]:  # what cannot be shown a picture is refused before anything is drawn
        prior.denoiser(Condition(torch.zeros(1, 3, *sizes[0])))
    with shown(progress, "cascade") as report:
        if callback is not None:
            steps = Steps(callback, report)
            stages, report = [steps.watched(stage) for stage in stages], steps.report
        calls = _Calls(report, n, len(stages))
        pictures = sample(n, size=sizes[0], seed=seed, prior=stages[0], progress=calls.first, **options)
        for number, (prior, shape) in enumerate(zip(stages[1:], sizes[1:], strict=True), 1):
            larger = []
            for k, small in enumerate(pictures.chunk(n)):
                noisy = small + from_255(augment) * picture_rng(draw_seed(seed, number), k)(small)
                drawn = upscale(
                    noisy.clamp(0, 1), scale, method="conditional", consistent=False, prior=prior,
                    seed=mixed_seed(seed, number, k), progress=calls.of(number, k),
                )  # fmt: skip
                larger.append(drawn[..., : shape[0], : shape[1]])
            pictures = torch.cat(larger)
        return pictures


class _Calls:
    """Reports the calls of all stages as one count."""

    def __init__(self, progress: Progress | None, n: int, stages: int):
        self._progress, self._n = progress, n
        method = catalogue.find("upscale", "conditional", "sample")
        self._each, self._before, self._more = method.calls(method.steps), 0, n * (stages - 1)

    def first(self, done: int, total: int) -> None:
        """Of the first stage."""
        self._before = total
        if self._progress is not None:
            self._progress(done, total + self._more * self._each)

    def of(self, stage: int, picture: int) -> Progress:
        """Of a picture of a later stage."""
        before = self._before + ((stage - 1) * self._n + picture) * self._each

        def report(done: int, total: int) -> None:
            if self._progress is not None:
                self._progress(before + done, self._before + self._more * self._each)

        return report


def sizes_of(size: tuple[int, int], scale: float, stages: int) -> list[tuple[int, int]]:
    """Give the sizes (h, w) of all stages; ValueError where they do not fit.

    Examples
    --------
    >>> sizes_of((128, 192), 4, 2)
    [(32, 48), (128, 192)]
    """
    if not LEARNED <= scale <= 4:
        raise ValueError(f"scale is a factor from {LEARNED:g} to 4 for each stage, got {scale:g}")
    sizes = [size]
    for _ in range(stages - 1):
        h, w = sizes[0]
        small = round(h / scale), round(w / scale)
        if (round(small[0] * scale), round(small[1] * scale)) != (h, w) or min(small) < LEAST:
            raise ValueError(
                f"{w}x{h} (w x h) is not {scale:g} times a size of {LEAST}x{LEAST} pixels or more; with "
                f"{stages} stages pass a size that divides by {scale ** (stages - 1):g}"
            )
        sizes.insert(0, small)
    return sizes
