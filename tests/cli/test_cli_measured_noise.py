"""What ``restore denoise`` measures and says: what Python measures, and nothing that contradicts itself."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from commands import cli
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor

import restore
from restore import images
from restore.images.value_range import used_range
from restore.noise.picture_noise import PictureNoise, white
from restore.priors.backbone import Backbone
from restore.priors.checkpoint import save
from restore.tasks import noise_choice, uncertainty
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread", "here")

SIDE = 64
RAMP = np.linspace(0, 1, SIDE)[:, None, None] * np.ones((1, SIDE, 3))


def soft(sigma: float) -> NDArray[np.float64]:
    noise = gaussian_filter(np.random.default_rng(3).standard_normal(RAMP.shape), (0.8, 0.8, 0))
    return sigma * noise / noise.std()


def save_low(name: str = "low.tif", *, offsets: float = 0.0) -> NDArray[np.uint16]:
    """A picture of 16 bits that uses a small part of the range, with soft noise, and offsets of its rows."""
    rows = np.random.default_rng(5).normal(0, offsets, (SIDE, 1, 1))
    pixels = np.rint(65535 * (0.25 + 0.04 * RAMP + soft(0.002) + rows)).astype(np.uint16)
    tifffile.imwrite(name, pixels, photometric="rgb")
    return pixels


def in_colours(luma: float, chroma: float) -> PictureNoise:
    """Noise of the kind of cameras, with levels 0 to 255."""
    noise = white(luma / 255)
    return PictureNoise(
        noise.brightness, noise.luma, np.array([chroma / 255]), noise.weight,
        noise.luma_spectrum, noise.chroma_spectrum,
    )  # fmt: skip


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> PictureNoise:
    """Noise that is found in every picture, and taken for that of cameras."""
    noise = in_colours(11.85, 1.3)
    found = noise_choice.Choice("real", noise.state_level, noise.describe(), noise=noise)
    monkeypatch.setattr(noise_choice, "choose", lambda *_: found)
    return noise


def told(*arguments: object) -> tuple[dict[str, Any], list[str]]:
    """The facts of one picture, and the notes."""
    done = cli("denoise", *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout), done.stderr.splitlines()


@pytest.mark.parametrize("method", ["real", "completed"])
def test_low_counts_are_measured_in_their_range(weights: Path, backbone: Backbone, method: str) -> None:
    pixels = save_low()
    facts, notes = told("low.tif", "--method", method, "--weights", weights, "-o", "out.tif")
    expected = restore.denoise(pixels, method=method, prior=backbone)
    np.testing.assert_array_equal(images.read("out.tif").pixels, expected)
    low, high = facts["range_shares"]
    assert 0.2 < low < 0.26 < 0.28 < high < 0.35
    unit = (pixels / 65535 - low) / (high - low)
    noise = noise_choice.measured(torch.from_numpy(unit).float().permute(2, 0, 1), backbone)
    assert facts["sigma_255"] == pytest.approx(255 * (high - low) * noise.sigma, abs=2e-3)
    assert facts["measured"]["sigma_255"] == facts["sigma_255"]
    assert all(low < brightness < high for brightness, _ in facts["measured"]["sigma_255_by_brightness"])
    assert notes[0].endswith("noise is judged by that")
    assert notes[1] == f"note: low.tif: {facts['noise']}"


def test_what_alpha_hides_is_not_measured(weights: Path, backbone: Backbone) -> None:
    pixels = np.rint(255 * (0.3 + 0.4 * RAMP + soft(0.04))).clip(0, 255).astype(np.uint8)
    alpha = np.full((SIDE, SIDE, 1), 255, np.uint8)
    alpha[:, SIDE // 2 :] = 0
    levels = []
    for hidden in (0, 255):
        pixels[:, SIDE // 2 :] = np.random.default_rng(7).integers(0, 2, (SIDE, SIDE // 2, 3)) * hidden
        both = np.dstack([pixels, alpha])
        Image.fromarray(both).save("part.png")
        words = ["part.png", "--method", "real", "--weights", weights, "-o", "out.png", "--overwrite"]
        facts, _ = told(*words)
        found = images.read("out.png")
        expected = restore.denoise(both, method="real", prior=backbone)
        np.testing.assert_array_equal(found.pixels, expected[..., :3])
        levels.append(facts["measured"])
    assert levels[0] == levels[1]


def test_the_level_is_the_one_that_the_note_says(weights: Path, real: PictureNoise) -> None:
    facts, (note,) = told("photo.png", "--weights", weights)
    assert real.describe() in note
    assert facts["sigma_255"] == facts["measured"]["sigma_255"] == pytest.approx(255 * real.sigma, abs=1e-3)
    save_low()
    facts, _ = told("low.tif", "--weights", weights)
    low, high = facts["range_shares"]
    assert facts["sigma_255"] == pytest.approx(255 * (high - low) * real.sigma, abs=1e-3)
    assert facts["measured"]["sigma_255"] == facts["sigma_255"]
    ((brightness, _),) = facts["measured"]["sigma_255_by_brightness"]
    assert brightness == pytest.approx((low + high) / 2, abs=1e-3)


def test_stripes_of_low_counts_are_listed(weights: Path) -> None:
    save_low(offsets=0.006)
    facts, notes = told("low.tif", "--weights", weights)
    assert "range_shares" in facts
    (stripes,) = facts["stripes"]
    assert stripes.startswith("rows have offsets of sigma 1.")
    assert f"note: low.tif: {stripes}, which are taken out" in notes


def test_stripes_are_said_where_the_level_is_told(weights: Path, backbone: Backbone) -> None:
    """The task takes them out before the noise of that level; a level of nothing leaves them."""
    pixels = save_low(offsets=0.006)
    facts, notes = told("low.tif", "--sigma", 1, "--weights", weights, "-o", "out.tif")
    (stripes,) = facts["stripes"]
    assert notes == [f"note: low.tif: {stripes}, which are taken out"]
    expected = restore.denoise(pixels, sigma=1, prior=backbone)
    np.testing.assert_array_equal(images.read("out.tif").pixels, expected)
    for words in (("--sigma", 0.01), ("--sigma", 1, "--method", "gaussian")):
        facts, notes = told("low.tif", *words, "--weights", weights, "--overwrite")
        assert "stripes" not in facts
        assert not any("taken out" in note for note in notes)


def test_samples_of_real_noise_are_said_to_be_the_branchs(weights: Path, real: PictureNoise) -> None:
    save_low()
    for name in ("photo.png", "low.tif"):
        facts, notes = told(name, "--weights", weights, "--estimate", "sample", "--steps", 1)
        assert facts["method"] == "blind"
        assert notes[-1].endswith(f"{real.describe()}: --method blind is used")


def test_fitted_weights_that_are_used_as_they_were_fitted_at_a_range() -> None:
    save(
        tiny_prior(fit={"branch": "blind", "noise": {"sigma": 12.0, "clipped": False}}), "fitted.safetensors"
    )
    save_low(offsets=0.006)
    facts, notes = told("low.tif", "--weights", "fitted.safetensors")
    assert not any("these weights were fitted" in note for note in notes)
    assert {"range_shares", "stripes"} <= facts.keys()
    assert facts["method"] == "blind"


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Tensor, float]]:
    """The pictures whose deviation is asked for, with their levels; it is 0.2 everywhere."""
    seen = []

    def of_denoising(image: Tensor, sigma: float, **_: Any) -> Tensor:
        seen.append((torch.as_tensor(image), sigma))
        return torch.full((1, 1, SIDE, SIDE), 0.2)

    monkeypatch.setattr(uncertainty, "of_denoising", of_denoising)
    return seen


@pytest.mark.parametrize(("mode", "times"), [("L", math.sqrt(3)), ("RGB", 1.0)])
def test_the_deviation_is_that_of_the_state(
    weights: Path, states: list[tuple[Tensor, float]], mode: str, times: float
) -> None:
    pixels = np.rint(255 * (0.3 + 0.4 * RAMP + soft(0.04))).astype(np.uint8)
    Image.fromarray(pixels).convert(mode).save("in.png")
    told("in.png", "--sigma", 10, "--weights", weights, "--uncertainty", "map.tif")
    ((_, level),) = states
    assert level == pytest.approx(10 * times)


def test_the_deviation_of_low_counts_is_that_at_their_range(
    weights: Path, states: list[tuple[Tensor, float]]
) -> None:
    pixels = torch.from_numpy(save_low() / 65535).float().permute(2, 0, 1)
    used = used_range(pixels, bits=16)
    told("low.tif", "--sigma", 0.5, "--weights", weights, "--uncertainty", "map.tif")
    ((state, level),) = states
    torch.testing.assert_close(state, used.unit(pixels)[None])
    assert level == pytest.approx(0.5 / used.width)
    np.testing.assert_allclose(tifffile.imread("map.tif"), 0.2 * used.width, rtol=1e-3)
