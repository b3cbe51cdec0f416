"""Pictures out of pure noise: each from a stream of its own."""

from __future__ import annotations

import pytest
import torch
from gaussian_oracle import assert_moments
from mutants import edited, mutant_tests, wrong
from recording import CONFIG, Recorder, Reports
from restorations import (
    assert_seeds,
)

from restore.diffusion import samplers
from restore.diffusion.seeds import picture_rng, seeded_rng
from restore.tasks import sample as sample_task
from restore.tasks.sample import sample

pytestmark = pytest.mark.usefixtures("one_thread")


def check_sample() -> None:
    """Noise at the top of the sigmas around mid-gray; a picture does not depend on its neighbours."""
    for sampler in ("ddim", "ddpm"):
        options = {"size": (9, 6), "steps": 3, "sampler": sampler}
        recorder, reports = Recorder(), Reports()
        many = sample(10, prior=recorder, progress=reports, **options)
        assert many.shape == (10, 3, 9, 6)
        reports.assert_complete(6)  # in two batches
        assert [recorder.sigmas[0], recorder.sigmas[2]] == [CONFIG.sigma_max, CONFIG.sigma_min]
        assert_moments((torch.cat(recorder.states[::3]) - 0.5) / CONFIG.sigma_max, mean=0, variance=1)
        for n in (1, 3, 9):
            assert torch.equal(sample(n, prior=Recorder(), **options), many[:n])
        assert len({each.numpy().tobytes() for each in many}) == 10
    for thresholding in ("static", "none"):  # whatever is drawn, a picture lies between black and white
        answer = Recorder(lambda x, sigma: x)
        wild = sample(1, size=(9, 6), steps=1, prior=answer, thresholding=thresholding)
        assert (wild.amin(), wild.amax()) == (0, 1)


def check_sample_seeds() -> None:
    for sampler in ("ddim", "ddpm"):
        assert_seeds(lambda sampler=sampler, **o: sample(2, size=(8, 8), steps=3, sampler=sampler, **o))


def test_sample() -> None:
    check_sample()


def test_sample_seeds() -> None:
    check_sample_seeds()


def test_pictures_of_neighbouring_seeds_are_all_different() -> None:
    drawn = torch.cat([sample(9, size=(4, 4), steps=1, seed=seed, prior=Recorder()) for seed in range(4)])
    assert len({each.numpy().tobytes() for each in drawn}) == 36


@pytest.mark.parametrize("sampler", samplers.SAMPLERS)
def test_sample_with_every_sampler(sampler: str) -> None:
    reports, recorder = Reports(), Recorder()
    found = sample(9, size=(5, 4), sampler=sampler, steps=4, prior=recorder, progress=reports)
    assert found.shape == (9, 3, 5, 4)
    reports.assert_complete(len(recorder.sigmas))
    calls = {"ddim": 4, "ddpm": 4, "heun": 7, "dpmpp-2m": 4, "dpmpp-2m-sde": 4, "langevin": 10}
    assert len(recorder.sigmas) == 2 * calls[sampler]


test_the_check_finds_the_mutant = mutant_tests({
    check_sample: [
        edited(sample_task._Drawing.batch, "sigmas[0] * rng(grey)", "sigmas[0] * rng(grey) / 2**0.5"),
        edited(
            sample_task._Drawing.batch,
            "stream(like[:1]) for stream in streams",
            "streams[0](like[:1]) for _ in streams",
        ),
        wrong(picture_rng, lambda right: lambda seed, picture: seeded_rng(seed), "one stream for all"),
        edited(sample_task.sample, ".clamp(0, 1)", ""),
    ],
    check_sample_seeds: [
        wrong(picture_rng, lambda right: lambda seed, picture: right(seed or 1, picture), "0 is no seed"),
        wrong(picture_rng, lambda right: lambda seed, picture: right(7, picture), "the seed is ignored"),
    ],
})  # fmt: skip
