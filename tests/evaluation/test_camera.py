"""The noise of photographs: a simulated camera, and white noise in a JPEG."""

from __future__ import annotations

import hashlib
import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from protocols_at_hand import CLEAN

from restore.evaluation.baselines import STRENGTHS
from restore.evaluation.camera import SHOTS, Camera, JpegOfNoisy
from restore.evaluation.cases import Protocol, rounded, to_bytes
from restore.evaluation.pairs import Pairs
from restore.evaluation.rows import baseline_rows, own_rows
from restore.evaluation.selection import Selection
from restore.images.colours import ycc_of
from restore.priors.backbone import Backbone

GRAY = torch.full((1, 3, 96, 128), 0.5)


def neighbours(plane: torch.Tensor) -> float:
    """The correlation of horizontal neighbours."""
    return ((plane[..., 1:] * plane[..., :-1]).mean() / plane.square().mean()).item()


@pytest.mark.parametrize("protocol", [Camera(0.0016), JpegOfNoisy(20, 95)], ids=lambda p: p.name)
def test_nothing_is_told_and_all_is_the_same_every_time(protocol: Protocol) -> None:
    once, again = protocol.apply(CLEAN), protocol.apply(CLEAN.clone())
    torch.testing.assert_close(once.given.image, again.given.image, rtol=0, atol=0)
    levels = once.given.image * 255
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)
    assert once.given.sigma is None
    assert torch.equal(once.clean, CLEAN)
    assert protocol.description.endswith("the noise level is not told")
    coding = once.given.coding
    assert coding is not None
    assert (coding.quality, coding.coarser) == (95, (2, 2))


def test_the_noise_of_the_camera_is_frozen() -> None:
    """Before the JPEG, whose bytes are the encoder's affair: to a sixteenth of a grey level."""
    y, x, c = np.mgrid[:40, :56, :3]
    pattern = ((x * x + 3 * y * (c + 1) + x * y // 7) % 256).astype(np.float32) / 255
    noisy = Camera(0.0016).developed(torch.from_numpy(pattern).permute(2, 0, 1)[None])
    levels = (noisy * 255 * 16).round().short().numpy().tobytes()
    assert hashlib.sha256(levels).hexdigest()[:12] == "517489c942d1"


def test_the_camera_s_noise_is_that_of_its_sensor() -> None:
    """On gray, nothing is smoothed: Poisson and read noise of each colour, through the slope of the curve."""
    shot = 1e-4
    noise = Camera(shot).developed(GRAY, luma=0, chroma=0) - GRAY
    # Gray 0.5 is 0.5 before the tone curve, which has a slope of 1.5 there, and 0.2140 before the gamma.
    linear, slope = 0.2140, 1.5 * 1.055 / 2.4 * 0.2140 ** (1 / 2.4 - 1)
    raw = linear * 0.8  # green has a gain of 1 / exposure
    expected = slope / 0.8 * math.sqrt(shot * raw + Camera(shot).read ** 2)
    # A third of luma's noise is green's alone at green sites; demosaicking and the matrix mix the rest.
    assert noise[:, 1].std().item() == pytest.approx(expected, rel=0.35)
    assert abs(noise.mean((0, 2, 3))).max() < 0.003


def test_noise_grows_with_the_level_and_is_smoothed_in_chroma() -> None:
    stds = []
    for shot in SHOTS:
        noise = Camera(shot).apply(GRAY).given.image - GRAY
        luma, *chroma = ycc_of(noise)[0]
        assert luma.std() > max(plane.std() for plane in chroma)
        assert neighbours(luma) < 0.7 < min(map(neighbours, chroma))
        stds.append(255 * noise.std().item())
    assert stds == sorted(stds)
    assert 1 < stds[0] < stds[1] < stds[2] < 20
    assert stds[2] / stds[0] == pytest.approx(4, rel=0.2)  # the square root of 16


def test_dark_parts_stay_dark() -> None:
    """Colours that noise makes negative are clipped before the tone curve, which would make them bright."""
    dark = torch.tensor([0.25, 0.02, 0.02]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    noisy = Camera(0.0064).apply(dark).given.image
    assert abs(noisy.mean((0, 2, 3)) - dark[0, :, 0, 0]).max() < 0.05
    assert noisy.max() < 0.7
    black = Camera(0.0064).apply(torch.zeros(1, 3, 32, 32)).given.image
    assert black.mean() < 0.04


def test_white_noise_in_a_jpeg_is_pillow_s() -> None:
    noise = np.random.RandomState(0).normal(0, 20 / 255, (*CLEAN.shape[-2:], 3))
    noisy = rounded(CLEAN.double() + torch.from_numpy(noise).permute(2, 0, 1))
    file = io.BytesIO()
    Image.fromarray(to_bytes(noisy)).save(file, "JPEG", quality=85, subsampling="4:2:0")
    with Image.open(file) as picture:
        expected = np.asarray(picture)
    np.testing.assert_array_equal(to_bytes(JpegOfNoisy(20, 85).apply(CLEAN).given.image), expected)
    protocol = JpegOfNoisy(20, 85)
    assert (protocol.level, protocol.series) == (20, "gaussian in jpeg 85")
    assert protocol.level_name != "sigma"  # the rows are those of noise of no known level


@pytest.mark.parametrize("protocol", [Camera(0.0016), JpegOfNoisy(20), Pairs()], ids=lambda p: p.name)
def test_rows_for_noise_of_any_kind(protocol: Protocol, backbone: Backbone) -> None:
    names = [row.name for row in own_rows(protocol, backbone, Selection())]
    assert names == ["restore mean, auto", "restore mean, gaussian", "restore mean, blind"]
    noisy, *means = baseline_rows(protocol)
    assert noisy.kind == "input"
    assert [row.name for row in means] == [f"OpenCV non-local means, h={h}" for h in STRENGTHS]


def test_the_strengths_of_non_local_means_are_strengths() -> None:
    case = JpegOfNoisy(20, 95).apply(CLEAN)
    noisy, *means = (row.run(case.given) for row in baseline_rows(JpegOfNoisy(20, 95)))
    changes = [(result - noisy).square().mean().item() for result in means]
    assert changes == sorted(changes)
    assert changes[0] < changes[-1]


def test_a_picture_too_small_for_a_camera() -> None:
    with pytest.raises(ValueError, match="7x40 pixels are too few for a camera"):
        Camera(0.0016).apply(torch.zeros(1, 3, 40, 7))
