"""What is done to pictures whose noise is known, each by its own method, all of one method together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from restore.diffusion.progress import in_turn, part_of, part_progress
from restore.images.value_range import Range
from restore.noise.model import NoiseModel
from restore.noise.picture_noise import PictureNoise
from restore.tasks import catalogue
from restore.tasks.denoise_input import state_level
from restore.tasks.denoise_methods import (
    by_branch,
    by_completion,
    by_own,
    by_real_state,
    by_state,
    ended,
    real_calls,
    told_level,
)
from restore.tasks.pages import on_even_paper
from restore.tasks.request import Request

OWN = "own"  # what is done by a method that is none of this package


@dataclass(frozen=True)
class Job:
    """What is done to one picture.

    noise_std: a level, a map ``(1, 1, h, w)``, or None for unknown. lost: the noise of which some was cut
    off at black and white.
    """

    method: str
    noise_std: float | Tensor | None = None
    noise: PictureNoise | None = None
    lost: NoiseModel | None = None
    own: catalogue.Method | None = None

    def at(self, known: Range, other: Range, most: float) -> Job:
        """The same at another range than the one that the noise is known at; most: the highest level."""
        times = known.width / other.width
        level = self.noise_std if self.noise_std is None else self.noise_std * times
        if isinstance(level, float):
            level = min(level, most)
        noise = self.noise
        if noise is not None:
            noise = noise.in_range((other.low - known.low) / known.width, 1 / times)
        # What lies beyond a range was not cut off.
        return replace(self, noise_std=level, noise=noise, lost=self.lost if other.nominal else None)


def done(noisy: Tensor, jobs: list[Job], request: Request) -> list[Tensor | None]:
    """Do to a batch of pictures what was decided; None for each that is left as it is."""
    results: list[Tensor | None] = [None] * len(jobs)
    begin = in_turn(request.progress)
    for name, run_jobs in _RUNS.items():
        places = [k for k, job in enumerate(jobs) if job.method == name]
        if places:
            found = run_jobs(noisy[places], [jobs[k] for k in places], replace(request, progress=begin()))
            for k, one in zip(places, ended(found, [jobs[k].lost for k in places]), strict=True):
                results[k] = one
    return results


def _by_state(noisy: Tensor, jobs: list[Job], request: Request) -> Tensor:
    sigmas = [request.sigmas(state_level(one, job.noise_std)) for one, job in zip(noisy, jobs, strict=True)]
    return by_state(noisy, sigmas, [job.lost for job in jobs], request)


def _by_branch(noisy: Tensor, jobs: list[Job], request: Request) -> Tensor:
    """All together where nothing or the same is known of their noise, otherwise one after the other."""
    levels = [job.noise_std if job.noise is None else job.noise for job in jobs]
    same = all(isinstance(level, float) for level in levels) and len(set(levels)) == 1
    if same or not any(level is not None for level in levels):
        return by_branch(noisy, jobs[0].noise_std, [job.lost for job in jobs], request)

    def run(one: Tensor, job: Job, own: Request) -> Tensor:
        level = told_level(job.noise, one) if job.noise is not None else job.noise_std
        return by_branch(one, level, [job.lost], own)

    return _one_by_one(noisy, jobs, request, run)


def _by_completion(noisy: Tensor, jobs: list[Job], request: Request) -> Tensor:
    return _one_by_one(noisy, jobs, request, lambda one, job, own: by_completion(one, _known(job), own))


def _by_real(noisy: Tensor, jobs: list[Job], request: Request) -> Tensor:
    def run(one: Tensor, job: Job, own: Request) -> Tensor:
        return by_real_state(one, _known(job).state_level, own)

    calls = [real_calls(_known(job).state_level) for job in jobs]
    return _one_by_one(noisy, jobs, request, run, calls)


def _known(job: Job) -> PictureNoise:
    assert job.noise is not None  # these methods measure it
    return job.noise


def _one_by_one(
    noisy: Tensor,
    jobs: list[Job],
    request: Request,
    run: Callable[[Tensor, Job, Request], Tensor],
    calls: Sequence[int] | None = None,
) -> Tensor:
    """Run jobs for each picture; calls: how many network calls each takes, where they differ."""
    results = []
    for number, (one, job) in enumerate(zip(noisy.chunk(len(noisy)), jobs, strict=True)):
        if calls is None:
            progress = part_progress(request.progress, number, len(jobs))
        else:
            progress = part_of(request.progress, sum(calls[:number]), sum(calls[number + 1 :]))
        results.append(run(one, job, replace(request, progress=progress)))
    return torch.cat(results)


def _by_page(noisy: Tensor, jobs: list[Job], request: Request) -> Tensor:
    return by_branch(on_even_paper(noisy), None, [None] * len(jobs), request, page=True)


def _by_own(noisy: Tensor, jobs: list[Job], request: Request) -> Tensor:
    assert jobs[0].own is not None
    return by_own(noisy, [job.noise_std for job in jobs], jobs[0].own, request)


_RUNS = {
    "gaussian": _by_state,
    "real": _by_real,
    "blind": _by_branch,
    "completed": _by_completion,
    "page": _by_page,
    OWN: _by_own,
}
