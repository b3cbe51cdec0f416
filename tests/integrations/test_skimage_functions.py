"""Our functions stand where scikit-image's stand: same shapes, types, scales and units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import convolve2d
from skimage import restoration, transform
from skimage.util import img_as_float

import restore
from restore.integrations.skimage import (
    deconvolve_diffusion,
    denoise_diffusion,
    inpaint_diffusion,
    upscale_diffusion,
)
from restore.inverse.kernels import kernel_of_array
from restore.inverse.operators import BlurInside
from restore.testing import tiny_prior

TINY = tiny_prior()
PSF = np.array([[0, 0, 0], [0, 1, 2], [0, 0, 1.0]])
MASK = np.zeros((16, 18), bool)
MASK[4:7, 5:9] = True

Array = NDArray[Any]
PAIRS: dict[str, tuple[Callable[..., Array], Callable[..., Array]]] = {
    "denoise": (
        lambda x, axis: denoise_diffusion(x, channel_axis=axis, sigma=None, prior=TINY),
        lambda x, axis: restoration.denoise_tv_chambolle(x, channel_axis=axis),
    ),
    "inpaint": (
        lambda x, axis: inpaint_diffusion(x, MASK, channel_axis=axis, steps=1, prior=TINY),
        lambda x, axis: restoration.inpaint_biharmonic(x, MASK, channel_axis=axis),
    ),
    "upscale": (
        lambda x, axis: upscale_diffusion(x, 2, channel_axis=axis, steps=1, prior=TINY),
        lambda x, axis: transform.rescale(x, 2, channel_axis=axis),
    ),
}


def picture(kind: str, axis: int | None) -> Array:
    values = np.random.default_rng(0).random((16, 18) if axis is None else (16, 18, 3))
    if np.dtype(kind).kind == "u":
        values = np.rint(values * np.iinfo(kind).max)
    return values.astype(kind) if axis is None else np.moveaxis(values.astype(kind), -1, axis)


@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize("axis", [None, -1, 0])
@pytest.mark.parametrize("name", PAIRS)
def test_shapes_and_types_are_those_of_scikit_image(name: str, axis: int | None, kind: str) -> None:
    ours, theirs = (function(picture(kind, axis), axis) for function in PAIRS[name])
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    if name == "inpaint":
        known = np.moveaxis(ours, axis, -1)[~MASK] if axis is not None else ours[~MASK]
        same = np.moveaxis(theirs, axis, -1)[~MASK] if axis is not None else theirs[~MASK]
        assert np.array_equal(known, same)


def test_the_numbers_are_those_of_the_tasks() -> None:
    x = picture("float32", -1)
    found = denoise_diffusion(np.moveaxis(x, -1, 0), sigma=0.1, channel_axis=0, prior=TINY)
    assert np.array_equal(np.moveaxis(found, 0, -1), restore.denoise(x, sigma=25.5, prior=TINY))
    x = x[:9, :9]
    assert np.array_equal(
        deconvolve_diffusion(x, PSF, sigma=0.02, channel_axis=-1, steps=1, prior=TINY),
        restore.deblur(x, PSF, sigma=5.1, steps=1, prior=TINY),
    )


@pytest.mark.parametrize(("kind", "sigma"), [("uint8", 25.5), ("uint16", 6553.5), ("float64", 0.1)])
def test_sigma_is_in_the_numbers_of_the_picture(kind: str, sigma: float) -> None:
    x = picture(kind, None)
    expected = denoise_diffusion(img_as_float(x), sigma=0.1, prior=TINY)
    np.testing.assert_allclose(denoise_diffusion(x, sigma=sigma, prior=TINY), expected, atol=1e-6)


def test_other_scales_are_told_and_come_back() -> None:
    x = picture("float64", None)
    expected = denoise_diffusion(x, sigma=0.1, prior=TINY)
    counts = denoise_diffusion(x * 4000 - 500, sigma=400, data_range=(-500, 3500), prior=TINY)
    np.testing.assert_allclose((counts + 500) / 4000, expected, atol=1e-6)
    whole = denoise_diffusion(np.rint(x * 4095).astype(np.uint16), 409.5, data_range=(0, 4095), prior=TINY)
    assert whole.dtype == np.float64
    np.testing.assert_allclose(whole / 4095, expected, atol=1e-3)


def test_noise_below_black_is_no_other_scale() -> None:
    x = picture("float64", None) - 0.5
    assert denoise_diffusion(x, sigma=0.1, prior=TINY).min() < 0


def test_the_psf_is_turned_as_in_a_convolution() -> None:
    """As `restoration.richardson_lucy` turns it."""
    point = np.zeros((17, 17))
    point[8, 8] = 1
    operator = BlurInside(kernel_of_array(PSF), point.shape)
    x = operator.inside.adjoint(torch.from_numpy(point).float().expand(1, 3, -1, -1))
    expected = convolve2d(point, PSF / PSF.sum(), "same")
    np.testing.assert_allclose(operator.forward(x)[0, 0].numpy(), expected, atol=1e-6)


def test_it_runs_in_their_calibration() -> None:
    """With the weights of the package it finds the noise level: see the page, docs/integrations.md."""
    x = picture("float64", None)
    levels = {"sigma": [0.05, 0.3], "prior": [TINY]}
    best, (tried, losses) = restoration.calibrate_denoiser(
        x, denoise_diffusion, levels, stride=2, extra_output=True
    )
    assert [each["sigma"] for each in tried] == [0.05, 0.3]
    assert np.isfinite(losses).all()
    assert best(x).shape == x.shape


def test_it_runs_in_denoise_invariant() -> None:
    x = picture("float64", None)
    found = restoration.denoise_invariant(
        x, denoise_diffusion, stride=2, denoiser_kwargs={"sigma": 0.1, "prior": TINY}
    )
    assert found.shape == x.shape


@pytest.mark.parametrize(
    ("shape", "axis", "says"),
    [
        ((8, 8, 3), None, r"expected a picture \(h, w\), got \(8, 8, 3\); pass channel_axis=-1 for colours"),
        ((8, 8), -1, r"\(h, w\) and an axis of channels, got \(8, 8\)"),
        ((8, 8, 4), -1, "expected 3 channels, or 1, on axis -1.*alpha"),
        ((8, 8, 3), 5, "on axis 5"),
    ],
)
def test_what_is_no_picture_of_theirs_is_refused(shape: tuple[int, ...], axis: int | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        denoise_diffusion(np.zeros(shape), channel_axis=axis, prior=TINY)


def test_what_is_no_level_is_refused() -> None:
    with pytest.raises(TypeError, match="sigma is a number"):
        denoise_diffusion(np.zeros((8, 8)), "20", prior=TINY)  # type: ignore[arg-type]


def test_a_level_in_a_list_or_a_tensor_is_in_the_numbers_of_the_picture() -> None:
    noisy = np.random.default_rng(0).random((8, 9))
    expected = denoise_diffusion(noisy, 0.1, prior=TINY)
    for sigma in ([0.1], (0.1,), np.array([0.1]), torch.tensor(0.1, dtype=torch.float64)):
        np.testing.assert_array_equal(denoise_diffusion(noisy, sigma, prior=TINY), expected)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^sigma is in the numbers of the picture, 0 to 1, got 25; "):
        denoise_diffusion(noisy, 25, prior=TINY)
    with pytest.raises(TypeError, match=r"^channel_axis is the number of an axis, or None, got 'last'$"):
        denoise_diffusion(noisy, 0.1, channel_axis="last", prior=TINY)  # type: ignore[arg-type]


def test_a_size_stands_for_the_scale() -> None:
    small = np.random.default_rng(0).random((8, 9))
    assert upscale_diffusion(small, size=(16, 18), steps=1, prior=TINY).shape == (16, 18)
