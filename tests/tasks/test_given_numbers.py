"""Options that are numbers: what is none is refused in one line, before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import restore
from restore.testing import tiny_prior

PRIOR = tiny_prior()
PHOTO = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
MASK = np.zeros((8, 12), bool)
MASK[2:4, 3:6] = True

Case = tuple[Callable[[], Any], str]
BAD: dict[str, Case] = {
    "steps of words": (lambda: restore.denoise(PHOTO, steps="3"), "^steps is a whole number, got '3'$"),  # type: ignore[call-overload]
    "half a step": (lambda: restore.upscale(PHOTO, 2, steps=1.5), "^steps is a whole number, got 1.5$"),  # type: ignore[call-overload]
    "strength of words": (lambda: restore.denoise(PHOTO, strength="1"), "^strength is one number, got '1'$"),  # type: ignore[call-overload]
    "no strength": (lambda: restore.denoise(PHOTO, strength=None), "^strength is one number, got None$"),  # type: ignore[call-overload]
    "several scales": (
        lambda: restore.upscale([PHOTO, PHOTO], [2, 3]),  # type: ignore[call-overload]
        "^picture 1 of 2: scale is one number, got .2, 3.$",
    ),
    "an array of qualities": (
        lambda: restore.dejpeg(PHOTO, quality=np.array([30, 40])),  # type: ignore[call-overload]
        r"^quality is one number, got array\(\[30, 40\]\)$",
    ),
    "one side": (
        lambda: restore.upscale(PHOTO, size=16),
        r"^size is \(height, width\) in whole pixels, got 16$",
    ),  # type: ignore[call-overload]
    "sides that are not whole": (
        lambda: restore.upscale(PHOTO, size=(16.0, 24.0)),  # type: ignore[call-overload]
        r"^size is \(height, width\) in whole pixels, got \(16.0, 24.0\)$",
    ),
    "a feather of words": (lambda: restore.inpaint(PHOTO, MASK, feather="2"), "^feather is a whole number"),  # type: ignore[call-overload]
    "a radius of words": (
        lambda: restore.erase(PHOTO, at=(3, 3), radius="2"),
        "^radius is a number of pixels above 0, got '2'$",
    ),  # type: ignore[call-overload]
    "a level as noise": (lambda: restore.denoise(PHOTO, noise=20), "got 20; for a level pass sigma$"),  # type: ignore[call-overload]
    "a described operator": (
        lambda: restore.solve(PHOTO, "down=2"),  # type: ignore[call-overload]
        "^operator is a function of a size .* got 'down=2'; .* pass restore.inverse.build.chain_of",
    ),
    "a function that gives no operator": (
        lambda: restore.solve(PHOTO, lambda size, device: 3, prior=PRIOR),  # type: ignore[call-overload]
        "has to give an operator, with x_shape, y_shape, forward and guess; it gave int$",
    ),
    "no kernel": (lambda: restore.deblur(PHOTO, None), "^a blur kernel is an array .* got NoneType$"),  # type: ignore[call-overload]
    "a complex kernel": (
        lambda: restore.deblur(PHOTO, np.ones((3, 3), complex)),
        "^a blur kernel is an array",
    ),
    "no sensitivity": (lambda: restore.repair(PHOTO, sensitivity=None), "^sensitivity is low, .* got None$"),  # type: ignore[call-overload]
    "half a sample": (lambda: restore.sample(2.5, prior=PRIOR), "^n is a whole number, got 2.5$"),  # type: ignore[arg-type]
    "one side of a sample": (lambda: restore.sample(size=(8,), prior=PRIOR), r"got \(8,\)$"),  # type: ignore[arg-type]
    "several seeds": (
        lambda: restore.sample(seed=torch.tensor([1, 2]), prior=PRIOR),  # type: ignore[arg-type]
        r"^the seed is a whole number, .* got tensor\(\[1, 2\]\)$",
    ),
    "a tensor without numbers": (
        lambda: restore.denoise(torch.empty(3, 8, 8, device="meta"), prior=PRIOR),
        "^expected a dense tensor, got one on the device 'meta', which holds no numbers$",
    ),
    "a sparse tensor": (
        lambda: restore.denoise(torch.zeros(3, 8, 8).to_sparse(), prior=PRIOR),
        "expected to be dense, got torch.sparse_coo; pass tensor.to_dense",
    ),
    "a range far from the values": (
        lambda: restore.denoise(np.full((8, 8), 200, np.uint8), data_range=(-1, 1), prior=PRIOR),
        r"^data_range \(-1, 1\) is far from the values of the picture, 200 to 200; pass those of its black",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_one_line_says_what_was_expected(case: str) -> None:
    run, message = BAD[case]
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        run()
    assert "\n" not in str(caught.value)


def test_arrays_and_tensors_of_one_number_are_numbers() -> None:
    expected = restore.upscale(PHOTO, 2.0, steps=1, seed=3, prior=PRIOR)
    for scale in (np.float32(2), np.array(2), torch.tensor(2.0)):
        found = restore.upscale(PHOTO, scale, steps=np.int64(1), seed=torch.tensor(3), prior=PRIOR)  # type: ignore[call-overload]
        np.testing.assert_array_equal(found, expected)
    for size in (np.array([16, 24]), torch.Size([16, 24]), [16, 24]):
        found = restore.upscale(PHOTO, size=size, steps=1, seed=3, prior=PRIOR)  # type: ignore[call-overload]
        np.testing.assert_array_equal(found, expected)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_is_a_picture_like_any_array() -> None:
    found = restore.denoise(np.asmatrix(PHOTO[..., 0]), sigma=20, prior=PRIOR)
    np.testing.assert_array_equal(found, restore.denoise(PHOTO[..., 0], sigma=20, prior=PRIOR))
