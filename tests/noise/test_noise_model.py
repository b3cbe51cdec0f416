"""A model of noise draws what it states, makes up for clipping, and is told in words and facts."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import torch
from mutants import edited, mutant_tests
from noise_models import bell_model, correlation_of_blur
from numpy.typing import NDArray

from restore.noise import model as noise_model
from restore.noise.model import NoiseModel, white_noise


def neighbours(noise: NDArray[Any], lag: int = 1) -> float:
    """Correlation of planes ``(c, h, w)`` with themselves, lag pixels down and to the right."""
    power = (noise**2).mean()
    down, right = noise[:, lag:] * noise[:, :-lag], noise[..., lag:] * noise[..., :-lag]
    return float((down.mean() + right.mean()) / 2 / power)


def check_drawing() -> None:
    """Variance at every signal, spectrum and correlation of channels are those that are stated."""
    model = bell_model(0.8, 0.04, rho=0.6, gain=0.01)
    model = NoiseModel(**{**vars(model), "read_std": np.array([0.02, 0.04, 0.08])})
    signal = torch.full((2, 3, 256, 256), 0.2)
    signal[1] = 0.9
    drawn = model.draw(signal, torch.Generator().manual_seed(0)).numpy()
    assert drawn.shape == (2, 3, 256, 256)
    for noise, level in zip(drawn, (0.2, 0.9), strict=True):
        wanted = 0.01 * level + model.read_std**2
        assert noise.var((1, 2)) == pytest.approx(wanted, rel=0.05)
        assert noise.mean((1, 2)) == pytest.approx(np.zeros(3), abs=0.003)
        unit = noise / noise.std((1, 2), keepdims=True)
        assert neighbours(unit) == pytest.approx(correlation_of_blur(0.8), abs=0.02)
        own = correlation_of_blur(0.8) ** 4  # of a bell: lag squared in the exponent
        assert neighbours(unit, 2) == pytest.approx(own, abs=0.02)
        assert neighbours(unit, 6) == pytest.approx(0, abs=0.02)
        assert np.corrcoef(unit.reshape(3, -1)) == pytest.approx(model.channels, abs=0.03)
    assert abs(np.corrcoef(drawn[0].ravel(), drawn[1].ravel())[0, 1]) < 0.02


def test_drawing() -> None:
    check_drawing()


def test_the_generator_decides_what_is_drawn() -> None:
    model, signal = bell_model(1.0, 0.1), torch.full((1, 3, 20, 24), 0.5)
    first, again = (model.draw(signal, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, model.draw(signal, torch.Generator().manual_seed(5)))


def test_noise_of_gray_pictures_is_gray() -> None:
    drawn = white_noise(0.1, channels=1).draw(torch.full((2, 3, 64, 64), 0.5))
    assert drawn.shape == (2, 3, 64, 64)
    assert (drawn == drawn[:, :1]).all()
    assert drawn.std().item() == pytest.approx(0.1, rel=0.03)


LEVELS = torch.tensor([0.02, 0.1, 0.5, 0.93, 0.99, 1.0]).view(6, 1, 1, 1)
"""Of which noise of 0.08 carries many, few or none beyond the ends."""


def check_uncut() -> None:
    """Noise that was cut off comes back with the mean, variance and quantiles that it had."""
    model = NoiseModel(**{**vars(white_noise(0.08)), "clipped": True})
    signal = LEVELS.expand(6, 3, 150, 150)
    whole = signal + model.draw(signal, torch.Generator().manual_seed(0))
    noisy = whole.clamp(0, 1)
    found = model.uncut(noisy, signal, torch.Generator().manual_seed(1))
    inside = (noisy > 0) & (noisy < 1)
    assert torch.equal(found[inside], noisy[inside])
    assert (found[noisy == 1] >= 1).all()
    assert (found[noisy == 0] <= 0).all()
    for level, before, after, cut in zip(LEVELS, whole, found, noisy, strict=True):
        assert after.mean().item() == pytest.approx(level.item(), abs=0.001)
        assert after.std().item() == pytest.approx(0.08, rel=0.01)
        shares = torch.tensor([0.001, 0.02, 0.2, 0.8, 0.98, 0.999])
        torch.testing.assert_close(after.quantile(shares), before.quantile(shares), atol=0.006, rtol=0)
        if level > 0.95:
            assert cut.mean() < level - 0.025  # what is mended


def check_expected() -> None:
    """The mean of all draws, so that noise that was cut off moves no colour."""
    model = NoiseModel(**{**vars(white_noise(0.08)), "clipped": True})
    signal = LEVELS.expand(6, 3, 150, 150)
    whole = signal + model.draw(signal, torch.Generator().manual_seed(0))
    noisy = whole.clamp(0, 1)
    found = model.expected(noisy, signal)
    inside = (noisy > 0) & (noisy < 1)
    assert torch.equal(found[inside], noisy[inside])
    for level, before, after, drawn in zip(
        LEVELS, noisy, found, model.uncut(noisy, signal, torch.Generator().manual_seed(1)), strict=True
    ):
        assert after.mean().item() == pytest.approx(level.item(), abs=0.001)
        for end in (0, 1):
            if (before == end).sum() > 500:
                assert after[before == end].std() < 1e-4
                assert after[before == end].mean().item() == pytest.approx(
                    drawn[before == end].mean().item(), abs=0.006
                )


def test_what_was_cut_off_is_expected() -> None:
    check_expected()


def test_what_was_cut_off_is_drawn_anew() -> None:
    check_uncut()


def test_what_is_drawn_anew_is_as_correlated_as_the_noise() -> None:
    model = dataclasses.replace(bell_model(0.8, 0.08, rho=0.6), clipped=True)
    signal = torch.full((1, 3, 256, 256), 0.97)
    whole = signal + model.draw(signal, torch.Generator().manual_seed(0))
    found = (model.uncut(whole.clamp(0, 1), signal, torch.Generator().manual_seed(1)) - signal)[0].numpy()
    assert found.std() == pytest.approx(0.08, rel=0.02)
    # A third is drawn without a look at its neighbours: less than before, far more than clipping leaves.
    assert neighbours(found) == pytest.approx(correlation_of_blur(0.8), abs=0.1)
    assert np.corrcoef(found.reshape(3, -1))[0, 1] == pytest.approx(0.6, abs=0.12)


def test_what_was_cut_off_where_that_cannot_be() -> None:
    """White far above a dark signal, and noise of nothing: at the end itself, and a number."""
    model = dataclasses.replace(white_noise(0.01), clipped=True)
    for sigma in (0.01, 0.0):
        model = dataclasses.replace(white_noise(sigma), clipped=True)
        noisy = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2).expand(1, 3, 1, 2)
        found = model.uncut(noisy, 1 - noisy, torch.Generator().manual_seed(0))
        torch.testing.assert_close(found, noisy, atol=1e-4, rtol=0)
        # Of noise that hardly can be, the mean is just beyond the end.
        torch.testing.assert_close(model.expected(noisy, 1 - noisy), noisy, atol=1.1e-4, rtol=0)


def test_gray_noise_stays_gray_where_it_was_cut_off() -> None:
    model = dataclasses.replace(white_noise(0.1, channels=1), clipped=True)
    noisy = torch.ones(1, 3, 32, 32)
    assert white_noise(0.1).uncut(noisy, noisy) is noisy  # nothing was cut off
    assert white_noise(0.1).expected(noisy, noisy) is noisy
    found = model.uncut(noisy, torch.full_like(noisy, 0.95), torch.Generator().manual_seed(0))
    assert (found == found[:, :1]).all()
    assert found.std() > 0.02


def test_variance_is_that_of_the_signal() -> None:
    model = NoiseModel(np.array([0.1]), np.array([0.2]), np.ones((1, 1)), np.eye(1), np.array([0.5]))
    signal = torch.tensor([0.0, 0.5, 1.0, -1.0]).view(1, 1, 2, 2)
    assert model.variance(signal).flatten().tolist() == pytest.approx([0.04, 0.09, 0.14, 0.04])


def test_a_correlation_that_is_slightly_impossible_still_has_a_root() -> None:
    sound = np.array([[1, 0.5, 0.2], [0.5, 1, 0.4], [0.2, 0.4, 1]])
    root = noise_model._root(sound)
    assert root @ root.T == pytest.approx(sound)
    root = noise_model._root(np.array([[1, 0.99, 0.9], [0.99, 1, 0.7], [0.9, 0.7, 1.0]]))
    assert np.diag(root @ root.T) == pytest.approx(np.ones(3))


def test_properties_of_white_noise() -> None:
    model = white_noise(0.1)
    assert model.sigma == pytest.approx(0.1)
    assert (model.correlation, model.correlated, model.signal_dependence) == (0, False, 0)


def test_properties_by_hand() -> None:
    kernel = np.array([[0, 0, 0], [0, 0.8, 0.6], [0, 0, 0]])
    gain, read = np.array([0.02, 0.0, 0.0]), np.array([0.0, 0.1, 0.2])
    model = NoiseModel(gain, read, kernel, np.eye(3), np.array([0.5, -1.0, 0.5]))
    assert model.sigma**2 == pytest.approx((0.01 + 0.01 + 0.04) / 3)
    assert model.correlation == pytest.approx(0.8 * 0.6 / 2)
    assert model.correlated
    assert model.signal_dependence == pytest.approx(1 / 6)
    faint = NoiseModel(gain / 1e4, read / 1e4, kernel, np.eye(3), model.mean)
    assert not faint.correlated


@pytest.mark.parametrize(
    "model",
    [
        white_noise(0.1),
        white_noise(0.03, channels=1),
        bell_model(0.8, 0.05, rho=0.4, gain=0.02),
    ],
    ids=["white", "gray", "of every kind"],
)
def test_facts_are_enough_to_have_it_again(model: NoiseModel) -> None:
    facts = json.loads(json.dumps(model.facts()))
    again = NoiseModel.from_facts(facts)
    assert facts == model.facts()
    for name, value in vars(model).items():
        assert getattr(again, name) == pytest.approx(value, abs=1e-4), name
    assert again.sigma == pytest.approx(model.sigma, rel=1e-3)
    assert again.correlation == pytest.approx(model.correlation, abs=1e-3)
    assert facts["sigma"] == pytest.approx(255 * model.sigma, abs=1e-3)


def test_facts_of_something_else() -> None:
    with pytest.raises(KeyError):
        NoiseModel.from_facts({"sigma": 5})
    with pytest.raises(ValueError, match="could not convert"):
        NoiseModel.from_facts({**white_noise(0.1).facts(), "gain": ["much"]})


def test_in_words() -> None:
    assert white_noise(10 / 255, channels=1).describe() == (
        "noise sigma 10.0 of 255, the same in dark and bright parts, independent in each pixel"
    )
    levels = NoiseModel(
        np.zeros(3), np.array([3, 4, 5]) / 255, np.ones((1, 1)), np.eye(3), np.full(3, 0.5)
    ).describe()
    assert levels.startswith("noise sigma 4.1 of 255 (3.0, 4.0, 5.0 in R, G, B), the same in ")
    words = bell_model(0.8, 10 / 255, gain=0.02).describe()
    correlation = bell_model(0.8, 1).correlation
    assert "growing with brightness (gain 0.0200, read noise 10.0)" in words
    assert words.endswith(f"neighbouring pixels share it (correlation {correlation:.2f})")
    assert "\n" not in words


test_the_check_finds_the_mutant = mutant_tests({
    check_uncut: [
        edited(NoiseModel._put_beyond, "beyond((1 - signal) / std)", "beyond(signal / std)"),
        edited(NoiseModel._put_beyond, "below = signal - std", "below = signal + std"),
        edited(NoiseModel.uncut, "(share * tail)", "(0 * share + tail)"),
        edited(NoiseModel.uncut, "special.ndtr(-distance)", "special.ndtr(distance)"),
        edited(NoiseModel._put_beyond, "signal + std * beyond", "1 + 0 * std * beyond"),
    ],
    check_expected: [
        edited(NoiseModel.expected, "math.sqrt(2 / math.pi) /", "math.sqrt(1 / math.pi) /"),
        edited(NoiseModel.expected, "erfcx(distance /", "erfcx(-distance /"),
        edited(NoiseModel.expected, "(distance / math.sqrt(2))", "(distance)"),
    ],
    check_drawing: [
        edited(NoiseModel.draw, "self.variance(signal).sqrt()", "self.variance(signal)"),
        edited(NoiseModel.variance, "plane(self.read_std) ** 2", "plane(self.read_std)"),
        edited(NoiseModel._standard, '"ij,bjhw->bihw", mixing', '"ij,bjhw->bihw", mixing @ mixing.T'),
        edited(NoiseModel._standard, "if c > 1:", "if c > 3:"),
        edited(NoiseModel._standard, "torch.as_tensor(self.kernel,", "torch.as_tensor(np.eye(15) / 15**0.5,"),
    ],
})  # fmt: skip
