"""What all samplers share: the steps between noise levels, and the check that numbers stay finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from restore.errors import NumbersError
from restore.types import Rng

if TYPE_CHECKING:
    from torch import Tensor

Update = Callable[["Tensor", float, float, Rng], "Tensor"]
"""``update(x, sigma, below, rng) -> x'``: one step down from the noise level sigma to below."""


def run_updates(update: Update, x: Tensor, sigmas: Sequence[float], *, rng: Rng | None = None) -> Tensor:
    """Step through noise levels: down by ``update``, up by adding noise.

    A step up from s to s' is ``x + sqrt(s'^2 - s^2) z`` and takes no network call.

    Parameters
    ----------
    update : one step down.
    x : state ``(b, c, h, w)`` at the noise level ``sigmas[0]``.
    sigmas : two or more noise levels, [0, 1] units, neighbours different; only the last may be 0.
    rng : the random numbers, for steps up and for updates that draw.

    Returns
    -------
    The state at the noise level ``sigmas[-1]``.

    Raises
    ------
    ValueError
        For noise levels that cannot be stepped through, and for random numbers without rng.
    NumbersError
        When the state is no longer finite; it names the step.

    References
    ----------
    Lugmayr et al. (2022), "RePaint: Inpainting using Denoising Diffusion Probabilistic Models",
    arXiv:2201.09865, algorithm 1 (steps up).

    Examples
    --------
    >>> import torch
    >>> x = run_updates(lambda x, sigma, below, rng: x * below / sigma, torch.ones(1, 3, 2, 2), [1.0, 0.5])
    >>> float(x.mean())
    0.5
    """
    steps, check = steps_of(sigmas), FiniteCheck(sigmas)
    draw = partial(draw_from, rng)
    import torch

    with torch.no_grad():
        for sigma, below in steps:
            if below > sigma:
                x = x + math.sqrt(below**2 - sigma**2) * draw(x)
            else:
                x = update(x, sigma, below, draw)
            check(x)
    check.end()
    return x


def steps_of(sigmas: Sequence[float]) -> list[tuple[float, float]]:
    """Give the pairs (s, s') of neighbouring noise levels.

    Raises ValueError, with the reason, where no sampler can step through them.
    """
    if len(sigmas) < 2:
        raise ValueError(f"expected at least two sigmas, one step; got {list(sigmas)}")
    for i, sigma in enumerate(sigmas):
        if not 0 <= sigma < math.inf:
            raise ValueError(f"sigmas must be finite and 0 or more; number {i} of {len(sigmas)} is {sigma}")
        if sigma == 0 and i < len(sigmas) - 1:
            raise ValueError(f"sigmas may reach 0 at the end only; number {i} of {len(sigmas)} is 0")
    pairs = list(pairwise(sigmas))
    for i, (sigma, below) in enumerate(pairs):
        if sigma == below:
            raise ValueError(f"neighbouring sigmas must differ; step {i} of {len(pairs)} stays at {sigma}")
    return pairs


def draw_from(rng: Rng | None, like: Tensor) -> Tensor:
    """Draw random numbers; ValueError where there are none to draw from."""
    if rng is None:
        raise ValueError("this sampler draws random numbers; pass rng=seeded_rng(seed)")
    return rng(like)


class FiniteCheck:
    """Stop sampling once the state is no longer finite.

    The state after one step is looked at after the next, so that no device has to wait for the answer.
    """

    def __init__(self, sigmas: Sequence[float]):
        self._sigmas = sigmas
        self._finite: Tensor | None = None
        self._step = 0

    def __call__(self, x: Tensor) -> None:
        """Raise NumbersError unless the state before this one is finite."""
        self.end()
        self._finite = x.isfinite().all()
        self._step += 1

    def end(self) -> None:
        """Raise NumbersError unless the last state is finite."""
        if self._finite is None or self._finite:
            return
        steps = max(1, sum(sigma > 0 for sigma in self._sigmas))
        step = min(self._step, steps)
        raise NumbersError(
            f"the picture holds values that are not finite after step {step} of {steps}, from sigma "
            f"{self._sigmas[step - 1]:g}; check the input and the weights"
        )
