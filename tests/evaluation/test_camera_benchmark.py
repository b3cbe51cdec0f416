"""benchmarks/camera.py prints what was measured, and benchmarks/guard.py has the noise of photographs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from restore.evaluation.camera import Camera, JpegOfNoisy
from restore.evaluation.cases import Given
from restore.evaluation.columns import METRICS
from restore.evaluation.pairs import Pairs
from restore.evaluation.results import Row, Scored, Table
from restore.noise.cosines import cosine_basis
from restore.priors.backbone import Backbone


def script(name: str) -> ModuleType:
    """A script of benchmarks/, which is no part of the package."""
    folder = Path(__file__).parents[2] / "benchmarks"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        spec = importlib.util.spec_from_file_location(f"benchmark_{name}", folder / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def camera() -> ModuleType:
    return script("camera")


def row(name: str, *scores: float) -> Row:
    pictures = [Scored(f"{k}.png", {"psnr": s, "ssim": 0.9}, 2.0, 0.5) for k, s in enumerate(scores)]
    return Row(name, "baseline", pictures=pictures)


def test_a_cell_holds_means_and_the_worst_picture(camera: ModuleType) -> None:
    rows = [
        row("noisy", 30, 34), row("restore, defaults", 33, 34.5), row("OpenCV non-local means, h=3", 31, 34),
        row("OpenCV non-local means, h=5", 33, 33.5),
    ]  # fmt: skip
    metrics = [METRICS["psnr"], METRICS["ssim"]]
    one = Table("denoise", "night", "hash", "pairs", "Words.", None, "", "", metrics, rows, count=2)
    head, _, noisy, own, means = camera.printed([one, one])
    assert head == "| | night, pairs (2) | night, pairs (2) | s / MP |"
    assert noisy == "| noisy | 32.00 / 0.9000 | 32.00 / 0.9000 |  |"
    assert own == "| restore, defaults | 33.75 / 0.9000 / +0.50 | 33.75 / 0.9000 / +0.50 | 4.0 |"
    best = "33.25 / 0.9000 / -0.50 (h=5)"
    assert means == f"| OpenCV non-local means | {best} | {best} | 4.0 |"


def test_the_rows_are_told_what_they_say(
    camera: ModuleType, backbone: Backbone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = list(camera.candidates(backbone, tmp_path / "none.npz", bm3d=False))
    names = [each.name for each in rows if "OpenCV" not in each.name]
    told = [f"restore, told {level}" for level in (5, 10, 15, 20)]
    assert names == ["noisy", "restore, defaults", "restore, blind", *told]
    assert "FFDNet is left out" in capsys.readouterr().err
    given = Given(torch.rand(1, 3, 24, 32))
    result = next(each for each in rows if each.name == "restore, told 10").run(given)
    assert result.shape == given.image.shape
    assert camera.at_level(lambda seen: seen.image * seen.sigma, 10, Given(torch.ones(1))) == 10


def test_the_spectrum_is_that_of_the_noise(camera: ModuleType) -> None:
    flat = camera.spectrum_of(0.04, np.ones((16, 16)), (96, 128))
    np.testing.assert_allclose(flat, 96 * 128 * 0.04**2)
    # Noise that a line of three pixels has smoothed along the rows.
    rng, size = np.random.default_rng(0), (512, 512)
    white = 0.04 * rng.standard_normal(size)
    noise = (white + np.roll(white, 1, 1) + np.roll(white, -1, 1)) / 3
    patches = noise.reshape(32, 16, 32, 16).swapaxes(1, 2)
    basis = cosine_basis(16)
    orders = np.square(basis @ patches @ basis.T).mean((0, 1))
    found = camera.spectrum_of(noise.std(), orders / orders.mean(), size)
    wanted = 512**2 * 0.04**2 * (1 + 2 * np.cos(2 * np.pi * np.fft.fftfreq(512))) ** 2 / 9
    assert np.abs(found - wanted).mean() < 0.1 * wanted.mean()


def test_the_guard_looks_at_photographs(backbone: Backbone) -> None:
    guard = script("guard")
    kinds = [type(protocol) for protocol in guard.TASKS]
    assert kinds.count(Camera) == 2
    assert JpegOfNoisy in kinds
    scan = next(protocol for protocol in guard.TASKS if isinstance(protocol, guard.GrayScan))
    case = scan.apply(torch.full((1, 3, 64, 96), 0.5))
    assert (case.given.image == case.given.image[:, :1]).all()
    assert 255 * (case.given.image - case.clean).std().item() == pytest.approx(15, rel=0.02)
    for protocol in (scan, Camera(0.0004), Pairs()):
        rows = guard.candidates_of(protocol, {"old": backbone, "new": backbone})
        assert [each.name for each in rows] == [
            f"{name} mean, {method}" for name in ("old", "new") for method in ("auto", "blind")
        ]
