"""Seeds and the random numbers that they give."""

from __future__ import annotations

import pytest
import torch
from mutants import edited, mutant_tests, wrong

from restore.diffusion.seeds import (
    OWN_STREAM,
    SEEDS,
    SPARE,
    draw_seed,
    picture_rng,
    seeded_rng,
    spare_seed,
)


def check_seeds() -> None:
    """A seed fixes the numbers, 0 like any other, which are not those that others draw by that seed."""
    like = torch.zeros(2, 3, 5, 7)
    for seed in (0, 1, 2**40):
        rng = seeded_rng(seed)
        generator = torch.Generator().manual_seed(seed ^ OWN_STREAM)
        for _ in range(2):
            assert rng(like).equal(torch.randn(like.shape, generator=generator))
        first = seeded_rng(seed)(like)
        others = torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))
        assert (first * others).mean().abs() < 0.3
        assert seeded_rng(seed)(like.double()).equal(seeded_rng(seed)(like).double())


def test_seeds() -> None:
    check_seeds()


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match=f"the seed must lie in 0..2.63 - 1; got {seed}"):
        seeded_rng(seed)


def test_each_picture_has_its_own_numbers() -> None:
    like = torch.zeros(1, 3, 4, 4)
    drawn = [picture_rng(seed, picture)(like) for seed in (0, 1) for picture in (0, 1)]
    for number, one in enumerate(drawn):
        assert not any(one.equal(other) for other in drawn[:number])
    assert picture_rng(1, 0)(like).equal(drawn[2])


def test_draws_follow_the_seed_and_start_again_at_zero() -> None:
    assert [draw_seed(7, draw) for draw in range(3)] == [7, 8, 9]
    assert draw_seed(SEEDS - 1, 1) == 0
    assert [spare_seed(7, draw) for draw in range(2)] == [7 + SPARE, 8 + SPARE]
    assert spare_seed(SPARE, 0) == 0


test_the_check_finds_the_mutant = mutant_tests(
    {
        check_seeds: [
            wrong(seeded_rng, lambda right: lambda seed: right(seed or 1), "0 is 1"),
            wrong(seeded_rng, lambda right: lambda seed: right(7), "the seed is ignored"),
            edited(seeded_rng, "dtype=torch.float32).to(like)", "dtype=like.dtype).to(like)"),
        ],
    }
)
