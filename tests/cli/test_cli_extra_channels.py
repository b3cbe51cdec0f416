"""Commands on TIFFs with channels that are neither colour nor alpha."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from commands import cli
from PIL import Image

pytestmark = pytest.mark.usefixtures("one_thread", "here")


def stored(path: str) -> tuple[np.ndarray, tuple[int, ...]]:
    with tifffile.TiffFile(path) as tif:
        return tif.asarray(), tuple(map(int, tif.pages.first.extrasamples))


@pytest.fixture
def channels() -> np.ndarray:
    return np.random.default_rng(0).integers(20000, 40000, (24, 32, 4)).astype(np.uint16)


def test_infrared_is_carried(weights: Path, channels: np.ndarray) -> None:
    tifffile.imwrite("in.tif", channels, photometric="rgb", extrasamples=[0])
    done = cli("denoise", "in.tif", "-o", "out.tif", "--sigma", 15, "--weights", weights, "--quiet")
    assert done.exit_code == 0
    found, meanings = stored("out.tif")
    assert meanings == (0,)
    np.testing.assert_array_equal(found[..., 3], channels[..., 3])
    assert (found[..., :3] != channels[..., :3]).any()


def test_infrared_has_no_room_in_a_png_nor_at_another_size(weights: Path, channels: np.ndarray) -> None:
    tifffile.imwrite("in.tif", channels, photometric="rgb", extrasamples=[0])
    done = cli("denoise", "in.tif", "-o", "out.png", "--sigma", 15, "--weights", weights)
    assert "note: out.png: PNG: the extra channel is dropped" in done.stderr
    with Image.open("out.png") as image:
        assert image.mode == "RGB"
    done = cli("upscale", "in.tif", "-o", "large.tif", "--scale", 2, "--steps", 2, "--weights", weights)
    assert "extra channels are dropped, as the size has changed" in done.stderr
    assert stored("large.tif")[0].shape == (48, 64, 3)


def test_each_channel_of_a_gray_picture_is_restored(weights: Path, channels: np.ndarray) -> None:
    """A second channel is restored as it would be alone, and the first as before."""
    two = channels[..., :2]
    tifffile.imwrite("two.tif", two, photometric="minisblack", planarconfig="contig", extrasamples=[0])
    for n in range(2):
        tifffile.imwrite(f"{n}.tif", np.ascontiguousarray(two[..., n]), photometric="minisblack")
    options = ["--sigma", 15, "--weights", weights]
    done = cli("denoise", "two.tif", "-o", "out.tif", *options, "--json")
    assert done.exit_code == 0
    assert len(json.loads(done.stdout)["channels"]) == 1
    found, meanings = stored("out.tif")
    assert meanings == (0,)
    for n in range(2):
        assert cli("denoise", f"{n}.tif", "-o", f"{n}-out.tif", *options).exit_code == 0
        np.testing.assert_array_equal(found[..., n], stored(f"{n}-out.tif")[0])


@pytest.mark.slow
def test_colours_beside_a_second_channel(weights: Path, channels: np.ndarray) -> None:
    two = channels[..., :2]
    tifffile.imwrite("two.tif", two, photometric="minisblack", planarconfig="contig", extrasamples=[0])
    done = cli("colorize", "two.tif", "-o", "out.tif", "--steps", 1, "--weights", weights)
    assert done.exit_code == 0, done.stderr
    found, meanings = stored("out.tif")
    assert found.shape == (24, 32, 4) and meanings == (0,)
    np.testing.assert_array_equal(found[..., 3], two[..., 1])
