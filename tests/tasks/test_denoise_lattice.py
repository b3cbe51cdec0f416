"""Alpha that leaves no patch of 16x16 pixels whole: noise is not measured in patches, and nothing fails."""

from __future__ import annotations

import numpy as np
import pytest

from restore.noise.measure import NothingSeenError, measure_noise
from restore.priors.checkpoint import shipped
from restore.tasks.denoise import denoise
from restore.testing import tiny_prior


def lattice(every: int, colours: int) -> np.ndarray:
    """Noise that is seen in squares with hidden lines between them."""
    noise = np.random.default_rng(0).normal(0, 20, (80, 96, colours))
    picture = np.full((80, 96, 4), 255, np.uint8)
    picture[..., :3] = (128 + noise).round().clip(0, 255)
    picture[::every, :, 3] = picture[:, ::every, 3] = 0
    return picture


@pytest.mark.parametrize("every", [6, 12])
@pytest.mark.parametrize("colours", [1, 3])
def test_no_patch_is_whole(every: int, colours: int) -> None:
    picture = lattice(every, colours)
    with pytest.raises(NothingSeenError, match="no patch lies between"):
        measure_noise([picture[..., :3] / 255], visible=[picture[..., 3] > 0])
    result = denoise(picture, prior=tiny_prior())
    hidden = picture[..., 3] == 0
    assert np.array_equal(result[hidden], picture[hidden])


def test_its_noise_is_taken_out_all_the_same() -> None:
    picture = lattice(12, 3)
    seen = picture[..., 3] > 0
    result = denoise(picture, prior=shipped())
    assert result[seen][:, :3].std() < 0.6 * picture[seen][:, :3].std()
