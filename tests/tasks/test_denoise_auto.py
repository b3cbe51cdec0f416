"""The method that denoising chooses: for noise that is white, shared, growing with light, or not there."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image
from ramps import RAMP
from scipy.ndimage import gaussian_filter

from restore import images
from restore.cli.main import main
from restore.images.canvas import canvas
from restore.noise.estimate import estimate_sigma
from restore.priors.backbone import Backbone
from restore.priors.checkpoint import load, save
from restore.tasks import denoise as task
from restore.tasks.denoise import denoise
from restore.tasks.noise_choice import Choice, choose, pixels_of
from restore.testing import tiny_prior
from restore.training.holes import text_pages

Floats = NDArray[np.float64]


pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return tiny_prior()


def photograph(name: str) -> Floats:
    return getattr(skimage.data, name)()[:208, :240] / 255


def unit(kind: str, clean: Floats) -> Floats:
    """Noise of a kind, of deviation 1 for a clean picture of mean brightness."""
    noise = np.random.default_rng(7).standard_normal(clean.shape)
    if kind == "white":
        return noise
    if kind == "signal":
        return noise * np.sqrt(clean / clean.mean())
    blurred = gaussian_filter(noise, (0.8, 0.8, 0))
    return blurred / blurred.std()


def as_file(clean: Floats, kind: str, sigma: float) -> NDArray[np.uint8]:
    noisy = 255 * clean + sigma * unit(kind, clean)
    return noisy.round().clip(0, 255).astype(np.uint8)


def chosen(pixels: NDArray[Any], backbone: Backbone) -> Choice:
    return choose(canvas(pixels).batch[0], backbone)


NAMES = ("astronaut", "coffee", "chelsea")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("sigma", "within"), [(15, 0.04), (25, 0.04), (50, 0.07), (75, 0.06)])
def test_noise_is_measured_as_before_it_was_cut_off(name: str, sigma: int, within: float) -> None:
    pixels = canvas(as_file(photograph(name), "white", sigma)).batch
    assert [255 * estimate_sigma(pixels_of(one)) for one in pixels] == pytest.approx([sigma], rel=within)


@pytest.mark.parametrize("name", [*NAMES, "ramp"])
@pytest.mark.parametrize("sigma", [5, 15, 25])
def test_white_noise_is_the_priors(name: str, sigma: int, backbone: Backbone) -> None:
    clean = RAMP if name == "ramp" else photograph(name)
    found = chosen(as_file(clean, "white", sigma), backbone)
    assert found.method == "gaussian"
    assert found.noise_std is not None
    assert 255 * found.noise_std == pytest.approx(sigma, rel=0.12)
    assert found.why == f"noise sigma estimated at {255 * found.noise_std:.1f} (of 255)"


@pytest.mark.parametrize(
    ("name", "sigma"), [*((name, 10) for name in NAMES), ("astronaut", 25), ("ramp", 15)]
)
def test_noise_that_neighbours_share_is_the_conditional_branchs(
    name: str, sigma: int, backbone: Backbone
) -> None:
    clean = RAMP if name == "ramp" else photograph(name)
    found = chosen(as_file(clean, "shared", sigma), backbone)
    assert found.method == "blind"
    assert "neighbouring pixels share it" in found.why
    assert found.correlation > 0.4


@pytest.mark.parametrize("sigma", [15, 25])
def test_noise_that_grows_with_the_signal_is_the_conditional_branchs(sigma: int, backbone: Backbone) -> None:
    found = chosen(as_file(RAMP, "signal", sigma), backbone)
    assert found.method == "blind"
    assert "growing with brightness" in found.why


def test_gray_noise_that_neighbours_share(backbone: Backbone) -> None:
    gray = as_file(photograph("coffee").mean(2, keepdims=True), "shared", 25)
    assert chosen(np.repeat(gray, 3, axis=2), backbone).method == "blind"
    assert chosen(gray[..., 0], backbone).method == "blind"
    white = as_file(photograph("coffee").mean(2, keepdims=True), "white", 25)
    assert chosen(white, backbone).method == "gaussian"


@pytest.mark.parametrize("blur", [0.8, 2.0])
def test_a_page_full_of_letters_hides_no_coloured_noise(blur: float, backbone: Backbone) -> None:
    """Letters are alike in all colours: what differs between these is noise, however little else is flat."""
    ink = text_pages(1, 256)[0, :, :, None].numpy() / 255
    clean = np.repeat(0.85 - 0.7 * ink, 3, axis=2)
    noise = gaussian_filter(np.random.default_rng(0).standard_normal(clean.shape), (blur, blur, 0))
    noisy = (255 * clean + 20 * noise / noise.std()).round().clip(0, 255).astype(np.uint8)
    assert chosen((255 * clean).round().astype(np.uint8), backbone).method == "none"
    assert chosen(noisy, backbone).method == "blind"


def test_jpeg_of_one_colour_is_measured(backbone: Backbone) -> None:
    """Blocks without any chroma but for a few: hardly anything is left to measure, and no error."""
    pixels = np.full((64, 64, 3), 120, np.uint8)
    pixels[:16, :16, 0] += np.arange(16, dtype=np.uint8)
    assert chosen(pixels, backbone).method == "none"


CLEAN = {
    "ramp": np.round(255 * RAMP).astype(np.uint8),
    "one value": np.full((64, 80, 3), 90, np.uint8),
    "black": np.zeros((40, 40, 3), np.uint8),
    "white": np.full((40, 40), 255, np.uint8),
    "deep": np.round(65535 * RAMP).astype(np.uint16),
    "floats": RAMP.astype(np.float32),
    "tiny": np.full((5, 7, 3), 90, np.uint8),
}


@pytest.mark.parametrize("name", CLEAN)
def test_a_picture_without_noise_comes_back_as_it_is(name: str, backbone: Backbone) -> None:
    picture = CLEAN[name]
    found = denoise(picture, prior=backbone)
    assert chosen(picture, backbone).method == "none"
    assert found.dtype == picture.dtype
    assert np.array_equal(found, picture)
    assert not np.shares_memory(found, picture)
    assert not np.array_equal(denoise(picture, method="blind", prior=backbone), picture)


@pytest.mark.slow
def test_each_picture_of_a_batch_has_its_own_method(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = [("shared", 25.0), ("white", 0.0), ("white", 25.0), ("white", 10.0), ("shared", 20.0)]
    files = [as_file(RAMP[::2, ::2], kind, sigma) for kind, sigma in kinds]
    alone = [torch.from_numpy(f / np.float32(255)).permute(2, 0, 1) for f in files]
    assert [choose(p, backbone).method for p in alone] == ["blind", "none", "gaussian", "gaussian", "blind"]
    batch = torch.stack(alone)
    found = denoise(batch, prior=backbone)
    for whole, one in zip(found, alone, strict=True):
        assert torch.allclose(whole, denoise(one, prior=backbone), atol=1e-6)
    assert torch.equal(found[1], batch[1])
    assert (found - batch).abs().amax((1, 2, 3)).gt(1e-3).tolist() == [True, False, True, True, True]


def test_a_level_that_is_told_is_believed(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Choice:
        raise AssertionError("nothing is to be measured")

    monkeypatch.setattr(task, "choose", refuse)
    shared = as_file(RAMP[:64, :64], "shared", 25)
    told = denoise(shared, sigma=25, prior=backbone)
    assert np.array_equal(told, denoise(shared, sigma=25, method="gaussian", prior=backbone))
    denoise(shared, method="blind", prior=backbone)


def fitted(branch: str, sigma: float = 12.0) -> Backbone:
    return tiny_prior(fit={"branch": branch, "noise": {"sigma": sigma, "clipped": False}})


def test_fitted_weights_are_used_as_they_were_fitted() -> None:
    white, shared = (as_file(RAMP[:96, :96], kind, 20) for kind in ("white", "shared"))
    assert chosen(white, fitted("blind")).method == "blind"
    found = chosen(shared, fitted("gaussian"))
    assert (found.method, found.noise_std) == ("gaussian", pytest.approx(12 / 255))
    assert found.why == "the weights were fitted to noise of sigma 12.0 (of 255)"
    assert chosen(CLEAN["ramp"], fitted("gaussian")).method == "none"


def test_weights_fitted_to_jpegs_with_coarse_chroma_are_used_for_these() -> None:
    file = io.BytesIO()
    Image.fromarray(as_file(RAMP, "white", 12)).save(file, "JPEG", quality=95, subsampling=2)
    found = chosen(np.asarray(Image.open(file)), fitted("gaussian"))
    assert (found.method, found.noise_std) == ("gaussian", pytest.approx(12 / 255))


# --- the command line -----------------------------------------------------------------------------


def run(*arguments: object) -> Result:
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(main, words, catch_exceptions=False, prog_name="restore")


@pytest.fixture
def weights(tmp_path: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint, in the current folder."""
    monkeypatch.chdir(tmp_path)
    save(backbone, tmp_path / "tiny.safetensors")
    return tmp_path / "tiny.safetensors"


@pytest.mark.parametrize(
    ("kind", "sigma", "method"),
    [("white", 25, "gaussian"), ("shared", 25, "blind"), ("signal", 25, "blind"), ("white", 0, "none")],
)
def test_what_is_done_is_said(weights: Path, kind: str, sigma: float, method: str) -> None:
    noisy = as_file(RAMP, kind, sigma)
    Image.fromarray(noisy).save("in.png")
    options = ("--weights", weights, "--device", "cpu", "--precision", "fp32")
    done = run("denoise", "in.png", "-o", "out.png", *options, "--json")
    assert done.exit_code == 0
    facts = json.loads(done.stdout)
    assert facts["method"] == method
    (note,) = done.stderr.splitlines()
    assert note.startswith(f"note: in.png: {facts['noise']}: ")
    if method == "none":
        assert note.endswith(
            ": hardly any, so the picture is left as it is; if you do see noise, it is of another kind "
            "(JPEG, smooth grain): pass --method blind"
        )
        assert np.array_equal(images.read("out.png").pixels, noisy)
    else:
        assert note.endswith(f": --method {method} is used")
        loaded = load(weights, device="cpu", dtype=torch.float32)
        assert np.array_equal(images.read("out.png").pixels, denoise(noisy, prior=loaded))
    if method == "gaussian":
        assert facts["sigma_255"] == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_clean_file_is_written_bit_for_bit(weights: Path, depth: int) -> None:
    import cv2

    top, dtype = (255, np.uint8) if depth == 8 else (65535, np.uint16)
    pixels = np.round(top * RAMP).astype(dtype)
    alpha = np.full((*pixels.shape[:2], 1), top // 3, dtype)
    cv2.imwrite("in.png", np.concatenate([pixels[..., ::-1], alpha], axis=2))
    assert run("denoise", "in.png", "-o", "out.png", "--weights", weights).exit_code == 0
    before, after = images.read("in.png"), images.read("out.png")
    assert np.array_equal(after.pixels, before.pixels)
    assert np.array_equal(after.pixels, pixels)
    assert after.alpha is not None
    assert np.array_equal(after.alpha, before.alpha)


def test_what_auto_is_told_is_used(weights: Path) -> None:
    Image.fromarray(as_file(RAMP, "shared", 25)).save("in.png")
    done = run("denoise", "in.png", "--sigma", 25, "-o", "out.png", "--weights", weights)
    assert (done.exit_code, done.stderr) == (0, "")
    done = run("denoise", "in.png", "-o", "b.png", "--weights", weights, "--estimate", "sample", "--steps", 2)
    assert done.exit_code == 0
    assert "--method blind is used" in done.stderr


@pytest.mark.parametrize(
    ("branch", "options", "used"),
    [
        ("blind", ("--sigma", 25), "gaussian"),
        ("blind", ("--method", "gaussian"), "gaussian"),
        ("gaussian", ("--method", "blind"), "blind"),
        ("blind", ("--method", "blind"), ""),
        ("gaussian", ("--sigma", 25), ""),
        ("blind", (), ""),
    ],
)
def test_weights_that_are_used_otherwise_than_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, branch: str, options: tuple[object, ...], used: str
) -> None:
    monkeypatch.chdir(tmp_path)
    save(fitted(branch), "fitted.safetensors")
    Image.fromarray(as_file(RAMP[:64, :64], "white", 25)).save("in.png")
    done = run("denoise", "in.png", "-o", "out.png", "--weights", "fitted.safetensors", *options)
    assert done.exit_code == 0
    told = (
        f"note: in.png: these weights were fitted for --method {branch}, but --method {used} is used, which "
        "the fit did not touch; leave --method and --sigma out"
    )
    assert (told in done.stderr.splitlines()) == bool(used)
    assert ("these weights were fitted" in done.stderr) == bool(used)


def test_white_noise_on_fine_texture_is_the_priors() -> None:
    """The texture is the same in all channels, and shares its correlation with the noise, in luma."""
    prior = tiny_prior(noise_adapters="0" * 64)
    grain = gaussian_filter(np.random.default_rng(1).standard_normal((240, 240, 1)), (0.7, 0.7, 0))
    texture = 0.5 + 0.15 * grain / grain.std() * np.ones((1, 1, 3))
    for sigma in (5, 10):
        found = chosen(as_file(texture, "white", sigma), prior)
        assert found.method == "gaussian"
        assert found.noise_std is not None
        assert 255 * found.noise_std == pytest.approx(sigma, rel=0.2)
    for kind, sigma in (("white", 0), ("shared", 10)):  # texture alone, and noise that cameras have smoothed
        assert chosen(as_file(texture, kind, sigma), prior).method != "gaussian"
