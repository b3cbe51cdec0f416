"""Pictures without colour that are stored as RGB come back without colour, from every task and method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import restore
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")

PRIOR = tiny_prior()
GRAY = np.random.default_rng(0).integers(60, 200, (16, 24, 1), np.uint8).repeat(3, axis=2)
HOLE = np.zeros((16, 24), bool)
HOLE[5:10, 6:14] = True

Call = Callable[[Any], Any]
CALLS: dict[str, Call] = {
    "denoise": lambda x: restore.denoise(x, sigma=40, prior=PRIOR),
    "denoise sample": lambda x: restore.denoise(x, sigma=40, estimate="sample", steps=2, prior=PRIOR),
    "denoise blind": lambda x: restore.denoise(x, method="blind", prior=PRIOR),
    "denoise in part": lambda x: restore.denoise(x, sigma=40, luma=0.5, chroma=0.2, prior=PRIOR),
    "upscale": lambda x: restore.upscale(x, 2, steps=2, prior=PRIOR),
    "upscale mean": lambda x: restore.upscale(x, 3, estimate="mean", prior=PRIOR),
    "upscale loosely": lambda x: restore.upscale(x, 2, steps=2, consistent=False, prior=PRIOR),
    "dejpeg": lambda x: restore.dejpeg(x, quality=20, steps=2, prior=PRIOR),
    "dejpeg blind": lambda x: restore.dejpeg(x, method="blind", prior=PRIOR),
    "deblur": lambda x: restore.deblur(x, "gaussian:1", steps=2, prior=PRIOR),
    "vary": lambda x: restore.vary(x, 0.4, steps=2, prior=PRIOR),
    "vary in part": lambda x: restore.vary(x, 0.4, mask=HOLE, steps=2, prior=PRIOR),
    **{
        f"inpaint {name}": lambda x, name=name: restore.inpaint(
            x, HOLE, method=name, estimate="mean" if name == "splitting" else "sample", steps=2, prior=PRIOR
        )
        for name in ("alternating", "conditional", "splitting", "ddnm", "dps")
    },
}  # fmt: skip


def is_gray(pixels: NDArray[Any]) -> bool:
    return bool((pixels[..., :3] == pixels[..., :1]).all())


@pytest.mark.parametrize("name", CALLS)
def test_gray_stays_gray(name: str) -> None:
    call = CALLS[name]
    for given in (GRAY, GRAY * np.uint16(250), (GRAY / 255).astype(np.float32)):
        found = call(given)
        assert is_gray(found)
        assert found.shape != given.shape or (found != given).any()


def test_images_tensors_and_alpha() -> None:
    denoised = CALLS["denoise"]
    assert is_gray(np.asarray(denoised(Image.fromarray(GRAY))))
    alpha = np.where(HOLE, 0, 255).astype(np.uint8)
    hidden = np.where(HOLE[..., None], (255, 0, 0), GRAY).astype(np.uint8)  # what is not seen has no say
    assert is_gray(denoised(np.dstack([hidden, alpha]))[~HOLE])
    coloured = GRAY.copy()
    coloured[0, 0] = (200, 90, 90)
    batch = torch.from_numpy(np.stack([GRAY, coloured])).permute(0, 3, 1, 2) / 255
    for call in (denoised, CALLS["vary"], CALLS["upscale"]):
        first, second = call(batch).permute(0, 2, 3, 1).numpy()
        assert is_gray(first)
        assert not is_gray(second)


def test_a_coloured_scratch_on_a_gray_picture_is_filled_with_gray() -> None:
    scratched = np.where(HOLE[..., None], (255, 0, 0), GRAY).astype(np.uint8)
    assert is_gray(CALLS["inpaint conditional"](scratched))
    missing = np.where(HOLE[..., None], np.nan, GRAY / 255).astype(np.float32)
    assert is_gray(CALLS["inpaint conditional"](missing))


def test_colours_are_given_where_they_are_asked_for() -> None:
    assert not is_gray(restore.colorize(GRAY, steps=2, prior=PRIOR))
    style = np.zeros((8, 8, 3), np.uint8) + np.array([200, 60, 60], np.uint8)
    assert not is_gray(restore.vary(GRAY, 0.4, reference=style, steps=2, prior=PRIOR))
    assert is_gray(restore.vary(GRAY[..., :1], 0.4, reference=style, steps=2, prior=PRIOR))
