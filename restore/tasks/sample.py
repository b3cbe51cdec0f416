"""Draw pictures out of pure noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from restore.diffusion.progress import part_progress, twice
from restore.diffusion.samplers import LearnedVariance, Sampler, Variance, named_sampler
from restore.diffusion.seeds import check_seed, drawn_seed, picture_rng
from restore.diffusion.sigmas import check_pure_noise
from restore.diffusion.sigmas import ladder as named_ladder
from restore.diffusion.thresholding import Thresholding, thresholded
from restore.errors import WeightsError
from restore.priors.checkpoint import shipped
from restore.priors.protocol import Prior
from restore.tasks.any_kind import prior_of
from restore.tasks.catalogue import SAMPLE_SAMPLER, SAMPLE_STEPS
from restore.tasks.checked import check_arguments
from restore.tasks.given_numbers import numbers_in
from restore.tasks.told import Classifier, Label, Told
from restore.tasks.watching import shown, watched
from restore.types import Callback, Progress

BATCH = 8


def sample(
    n: int = 1,
    *,
    size: tuple[int, int] = (128, 128),
    sampler: str | Sampler = SAMPLE_SAMPLER,
    steps: int = SAMPLE_STEPS,
    ladder: str = "karras",
    eta: float | None = None,
    variance: Variance | None = None,
    thresholding: Thresholding = "static",
    label: Label | Sequence[Label] | None = None,
    vectors: Any = None,
    guidance: float = 1.0,
    classifier: Classifier | None = None,
    seed: int | None = 0,
    prior: Prior | None = None,
    progress: Progress | bool | None = None,
    callback: Callback | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Draw pictures out of pure noise, of any kind or of one that is asked for.

    Parameters
    ----------
    n : int
        How many, at least 1.
    size : (int, int)
        Height and width in pixels.
    sampler : str or callable
        One of `restore.diffusion.samplers.SAMPLERS`, or one's own (`restore.diffusion.samplers.Sampler`);
        ``dpmpp-2m``, the default, needs the fewest steps.
    steps : int
        How many steps from pure noise to a picture.
    ladder : {'karras', 'log-snr', 'schedule'}
        How they are spaced: as Karras et al. [1]_ have it, evenly in the logarithm of the signal-to-noise
        ratio, or at evenly spaced timesteps of the network's own schedule.
    eta : float, optional
        Of ``ddim``: its share of DDPM's noise, 0 to 1; None is 0.
    variance : {'small', 'large', 'learned'}, optional
        Of ``ddpm``; None is the learned one where the network has it, else the small one.
    thresholding : {'static', 'dynamic', 'none'}
        How clean estimates are held to [0, 1] at each step: clipped, scaled [2]_, or not at all.
    label : str, int or a sequence of them, optional
        The class to draw, by name or number, or one for each picture. None is no class; weights that draw
        nothing without one draw a random class for each picture.
    vectors : array or tensor, optional
        What weights that were trained with vectors are told: ``(d,)`` for all pictures, or ``(n, d)``.
    guidance : float
        Strength of classifier-free guidance [3]_ towards what is told, 0 or more. 1 is what the network says
        itself; others take two calls a step. With a classifier the strength of its gradient [4]_.
    classifier : callable, optional
        ``(x, sigma)`` to logits ``(b, classes)`` of noisy pictures; any `torch.nn.Module`. ``label`` is then
        one of its classes, by number; the network itself is told nothing, unless it draws nothing without
        a class.
    seed : int, optional
        0 to 2^63 - 1; None draws one and logs it. Every picture has a stream of random numbers of its own, so
        picture k of a seed is the same whatever ``n`` is.
    prior : Prior, optional
        The network, as `restore.load` gives it; None loads the weights in the package.
    progress : bool or callable, optional
        True shows a bar on standard error. ``progress(done, total)`` is called after every network call.
    callback : callable, optional
        ``callback(step)`` is called then, too, with a `restore.types.Step`; what it raises ends the task.
    device, dtype : optional
        Where and in what precision the weights in the package are computed, as `restore.load` takes them; for
        other weights, pass them to `restore.load`.

    Returns
    -------
    tensor
        ``(n, 3, h, w)`` in [0, 1], on the CPU.

    Raises
    ------
    ValueError
        For options out of range or that the sampler does not have.
    WeightsError
        For weights whose noise levels end before pure noise, and for what they cannot be told.

    References
    ----------
    .. [1] T. Karras et al. (2022). Elucidating the design space of diffusion-based generative models.
       arXiv:2206.00364, eq. 5.
    .. [2] C. Saharia et al. (2022). Photorealistic text-to-image diffusion models with deep language
       understanding. arXiv:2205.11487, section 2.3.
    .. [3] J. Ho, T. Salimans (2022). Classifier-free diffusion guidance. arXiv:2207.12598, eq. 6.
    .. [4] P. Dhariwal, A. Nichol (2021). Diffusion models beat GANs on image synthesis. arXiv:2105.05233,
       algorithm 2.

    Examples
    --------
    >>> from restore import sample
    >>> from restore.testing import tiny_prior
    >>> sample(2, size=(8, 12), steps=2, prior=tiny_prior()).shape
    torch.Size([2, 3, 8, 12])
    """
    given = numbers_in({"n": n, "size": size, "steps": steps, "guidance": guidance})
    check_arguments(
        {
            **{**given, "seed": seed, "eta": eta, "progress": progress, "dtype": dtype},
            **{"sampler": sampler, "ladder": ladder, "variance": variance, "thresholding": thresholding},
        },
        sample,
    )
    n, size, steps, guidance = given["n"], given["size"], given["steps"], given["guidance"]
    if n < 1 or min(size) < 1 or steps < 1:
        raise ValueError(f"n, size and steps must be at least 1, got {n}, {size} and {steps}")
    run = named_sampler(sampler).with_options(eta=eta, variance=variance)
    seed = drawn_seed("sample") if seed is None else check_seed(seed)
    prior = prior_of(prior, device, dtype) or shipped()
    sigmas = named_ladder(ladder, steps, prior.schedule, lowest=prior.sigma_min, highest=prior.sigma_max)
    check_pure_noise(sigmas[0])
    with shown(progress, "sample") as report:
        prior, report = watched(prior, report, callback)
        told = Told(prior, n, label, vectors, guidance, classifier, seed)
        if variance == "learned" and not isinstance(told.denoiser(0, 1), LearnedVariance):
            raise WeightsError("these weights have no learned variance; pass small or large")
        drawing = _Drawing(told, sigmas, run, thresholding)
        return torch.cat([drawing.batch(size, first, report) for first in range(0, n, BATCH)]).clamp(0, 1)


@dataclass(frozen=True)
class _Drawing:
    """How pictures are drawn, BATCH at a time."""

    told: Told
    sigmas: Sequence[float]
    run: Sampler
    thresholding: Thresholding

    def batch(self, size: tuple[int, int], first: int, progress: Progress | None) -> Tensor:
        """The pictures from number ``first`` on."""
        told, n = self.told, self.told.n
        # Each picture draws from its own stream, so it does not depend on its neighbours.
        streams = [picture_rng(told.seed, k) for k in range(first, min(n, first + BATCH))]

        def rng(like: Tensor) -> Tensor:
            return torch.cat([stream(like[:1]) for stream in streams])

        grey = torch.full((len(streams), 3, *size), 0.5, device=told.prior.device)
        report = part_progress(progress, first // BATCH, -(-n // BATCH))
        report = report if told.calls == 1 else twice(report)
        start = grey + self.sigmas[0] * rng(grey)
        denoise = thresholded(told.denoiser(first, first + len(streams)), self.thresholding)
        return self.run(denoise, start, self.sigmas, rng=rng, progress=report).cpu()
