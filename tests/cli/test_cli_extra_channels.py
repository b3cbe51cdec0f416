"""Commands on TIFFs with channels that are neither colour nor alpha."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from commands import cli
from PIL import Image

from restore.cli.provenance import read_history
from restore.tasks import denoise, noise_choice

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


def several(path: str, pixels: np.ndarray) -> None:
    tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig", extrasamples=[0, 0])


def test_a_budget_is_for_all_channels_and_planned_once(
    weights: Path, channels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the first channel takes longer than all were to, the others are restored nevertheless."""
    several("in.tif", channels[..., :3])
    clean, clock, late = denoise.denoise, time.perf_counter, [0.0]
    ensembles: list[int] = []

    def slow(*arguments: Any, **options: Any) -> Any:
        ensembles.append(options["prior"].ensemble)
        late[0] += 1 if len(ensembles) < 4 else 60  # after three runs that measure the speed
        return clean(*arguments, **options)

    monkeypatch.setattr(denoise, "denoise", slow)
    monkeypatch.setattr(time, "perf_counter", lambda: clock() + late[0])
    words = ["denoise", "in.tif", "--sigma", 15, "--weights", weights]
    done = cli(*words, "-o", "out.tif", "--seconds", 12, "--json")
    assert done.exit_code == 0, done.stderr
    assert done.stderr.count("plan: ") == 1
    facts = json.loads(done.stdout)
    (record,) = read_history(Path("out.tif")).records
    calls = facts["planned_calls"]
    assert calls == 3 * ensembles[-1] > 3
    assert ("--nfe", str(calls)) in record.arguments
    assert len(set(ensembles[3:])) == 1 and len(ensembles) == 6
    assert cli(*words, "-o", "again.tif", "--nfe", calls).exit_code == 0
    np.testing.assert_array_equal(stored("again.tif")[0], stored("out.tif")[0])
    done = cli(*words, "-o", "none.tif", "--nfe", 2)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "in.tif: a budget of 2 network calls is too small: --method auto takes at least 3" in done.stderr


def test_a_channel_with_another_kind_of_noise_takes_its_share_of_the_calls(
    weights: Path, channels: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    several("in.tif", channels[..., :3])
    clean, chosen = noise_choice.choose, ["none", "gaussian", "real"]

    def choose(*arguments: Any) -> noise_choice.Choice:
        return replace(clean(*arguments), method=chosen.pop(0), noise_std=0.05)

    monkeypatch.setattr(noise_choice, "choose", choose)
    for calls, code, ensembles in ((8, 0, [4, 2]), (2, 1, [1])):
        chosen[:] = ["none", "gaussian", "real"]
        used: list[int] = []
        denoised = denoise.denoise

        def seen(*arguments: Any, **options: Any) -> Any:
            used.append(options["prior"].ensemble)  # noqa: B023
            return denoised(*arguments, **options)  # noqa: B023

        with monkeypatch.context() as patch:
            patch.setattr(denoise, "denoise", seen)
            words = ["--nfe", calls, "--weights", weights, "--overwrite"]
            done = cli("denoise", "in.tif", "-o", "out.tif", *words)
        assert (done.exit_code, used) == (code, ensembles), done.stderr
    assert "extra channel 2: a budget of 1 network calls is too small: --method real takes" in done.stderr


def test_the_trajectory_is_that_of_the_first_channel(weights: Path, channels: np.ndarray) -> None:
    several("in.tif", channels[..., :3])
    tifffile.imwrite("first.tif", np.ascontiguousarray(channels[..., 0]), photometric="minisblack")
    for name in ("in", "first"):
        words = ["--sigma", 15, "--estimate", "sample", "--steps", 2, "--trajectory", name]
        done = cli("denoise", f"{name}.tif", "-o", "out.tif", "--overwrite", *words, "--weights", weights)
        assert done.exit_code == 0, done.stderr
        assert ("the trajectory is that of its first channel" in done.stderr) == (name == "in")
    found, expected = (Path(name, "out-trajectory.png").read_bytes() for name in ("in", "first"))
    assert found == expected
