"""The noise of what is solved, its one-sided pixels, and what is said where they explain too little."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import cli
from PIL import Image
from scenes import scene
from scipy.ndimage import gaussian_filter

from restore import images
from restore.errors import RestoreWarning
from restore.images.canvas import canvas
from restore.images.jpeg_coding import coding_of
from restore.inverse import operators
from restore.inverse.build import chain_of
from restore.inverse.ends import Ends, data_step, ends_of
from restore.inverse.innovation import LIMIT, excess
from restore.inverse.jpeg_error import coding_noise
from restore.inverse.kernels import disc_kernel, gaussian_kernel, kernel_of_array
from restore.inverse.problem import Problem
from restore.inverse.spec import parse_spec
from restore.tasks.deblur import deblur
from restore.tasks.measurement import measurement, noise_of
from restore.tasks.solve import solved
from restore.tasks.solved import carefully
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")


def smooth(side: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """A blurred picture (side, side, 3) in [0, 1]."""
    blur = operators.Blur(gaussian_kernel(3), (side, side))
    drawn = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))
    return (0.5 + 4 * (blur.forward(drawn) - 0.5))[0].permute(1, 2, 0).clamp(0.05, 0.95).numpy()


def level(pixels: np.ndarray[Any, Any], coding: Any = None) -> float:
    picture = canvas(pixels)
    given = measurement(picture, coding, gray=False, device=torch.device("cpu"))
    return 255 * noise_of(given, picture)


@pytest.mark.parametrize("sigma", [0, 1, 3, 8])
def test_the_noise_of_a_blurred_picture_is_measured(sigma: float) -> None:
    noise = np.random.default_rng(0).normal(0, sigma / 255, (64, 64, 3))
    noisy = np.rint(255 * (smooth(64) + noise)).astype(np.uint8)
    assert level(noisy) == pytest.approx(max(sigma, 12**-0.5), rel=0.15)


def test_it_is_never_less_than_rounding_leaves() -> None:
    flat = np.full((16, 16, 3), 90, np.uint8)
    assert level(flat) == pytest.approx(12**-0.5)
    assert level(flat.astype(np.float32) / 255) == pytest.approx(12**-0.5)  # 8 bits once
    assert level(np.full((16, 16, 3), 12345, np.uint16)) == pytest.approx(0.05)


def test_the_error_of_a_coding_counts_and_grows_with_its_tables() -> None:
    clean = np.rint(255 * smooth(64)).astype(np.uint8)
    found = []
    for quality in (95, 75, 30):
        file = io.BytesIO()
        Image.fromarray(clean).save(file, "JPEG", quality=quality)
        decoded = np.asarray(Image.open(file))
        found.append(level(decoded, coding_of(quality)))
        off = float((decoded.astype(float) - clean).std())
        assert found[-1] > 0.6 * off
    assert found == sorted(found)
    with_pil = solved(Image.open(file), lambda *s: operators.BlurInside(gaussian_kernel(1), *s), steps=1,
                      prior=tiny_prior())  # fmt: skip
    assert with_pil.measured == pytest.approx(found[-1], rel=0.01)


def test_a_coefficient_that_survives_has_the_error_of_its_interval() -> None:
    gray = torch.full((1, 3, 16, 16), 200 / 255)
    coding = coding_of(50)
    only_dc = 16**2 / 12 + 0.1 * 4 * 2 * 17**2 / 12  # of gray, chroma's DC is 0, and taken for its own
    assert (255 * coding_noise(gray, coding)) ** 2 == pytest.approx(only_dc, rel=1e-3)


def test_what_white_hides_has_no_weight() -> None:
    """Two pixels share a lamp of 3; the white one says at least 1, the other one all there is."""
    matrix = torch.tensor([[0.5, 0.5], [0.0, 1.0]])

    class Mixed:
        x_shape = y_shape = (1, 1, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ matrix.T

        def guess(self, y: torch.Tensor) -> torch.Tensor:
            return y

        def adjoint(self, y: torch.Tensor) -> torch.Tensor:
            return y @ matrix

        def solve(self, r: torch.Tensor, damping: float) -> torch.Tensor:
            return r @ torch.linalg.inv(matrix @ matrix.T + damping * torch.eye(2)).T

    y, x0 = torch.tensor([[[[1.0, 0.2]]]]), torch.tensor([[[[3.0, 0.0]]]])
    ends = ends_of(y)
    assert ends is not None
    x = x0 + data_step(x0, y, Mixed(), 1e-4, ends)
    torch.testing.assert_close(x, torch.tensor([[[[3.0, 0.2]]]]), atol=1e-3, rtol=0)
    dark = torch.zeros_like(x0)
    x = dark + data_step(dark, y, Mixed(), 1e-4, ends)  # too dark for white: then it counts
    torch.testing.assert_close(x, torch.tensor([[[[1.8, 0.2]]]]), atol=1e-2, rtol=0)
    exact = x0 + data_step(x0, y, Mixed(), 1e-4, None)
    torch.testing.assert_close(exact, torch.tensor([[[[1.8, 0.2]]]]), atol=1e-2, rtol=0)


def test_ends_are_those_of_the_range_and_what_alpha_hides() -> None:
    y = torch.tensor([[[[0.0, 0.5, 1.0]]]])
    hidden = torch.tensor([[[[False, True, False]]]])
    found = ends_of(y, hidden=hidden)
    assert found is not None
    assert found.low.flatten().tolist() == [True, True, False]
    assert found.high.flatten().tolist() == [False, True, True]
    assert ends_of(3 * y - 0.5) is None  # a range of its own was cut off nowhere
    residual = Ends(found.low, found.high).missing(y, torch.tensor([[[[0.1, 9.0, 0.9]]]]))
    torch.testing.assert_close(residual.flatten(), torch.tensor([-0.1, 0.0, 0.1]))


@pytest.mark.parametrize(
    "operator", [operators.Blur(gaussian_kernel(1.5), (64, 64)), operators.Gray((64, 64))]
)
def test_the_excess_is_one_where_all_is_right_and_more_where_it_is_not(operator: Any) -> None:
    draw = torch.Generator().manual_seed(3)
    truth = 0.5 + 0.1 * torch.randn(1, 3, 64, 64, generator=draw)
    x0 = truth + 0.05 * torch.randn(truth.shape, generator=draw)
    y = operator.forward(truth)
    y = y + 0.02 * torch.randn(y.shape, generator=draw)
    right = excess(x0, 0.05, Problem(y, operator, 0.02))
    assert 0.9 < right < LIMIT
    assert excess(x0, 0.05, Problem(y, operator, 0.001)) > (3 if operator.y_shape[0] == 3 else 0)
    wrong = operators.Blur(gaussian_kernel(3), (64, 64))
    if operator.y_shape[0] == 3:
        assert excess(x0, 0.05, Problem(y, wrong, 0.02)) > LIMIT


def test_noise_that_was_measured_too_low_is_raised_and_told_noise_is_not() -> None:
    operator = operators.Blur(gaussian_kernel(1.5), (64, 64))
    y = 0.5 + 0.04 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    seen, calls = [], []

    def attempt(problem: Problem, watch: Any, report: Any) -> torch.Tensor:
        seen.append(problem.noise_std)
        denoise = watch(lambda x, sigma: torch.full_like(x, 0.5))
        for number, sigma in enumerate((0.1, 0.05, 0.01)):
            x = denoise(y, sigma)
            report(number + 1, 3)
        return x

    answer = carefully(
        attempt, Problem(y, operator, 0.01), lambda done, total: calls.append((done, total)), measured=True
    )
    assert seen[0] == 0.01
    assert 0.02 <= answer.noise_std == seen[-1] < 0.1
    assert len(answer.cautions) == 1
    assert answer.cautions[0].startswith("noise sigma 2.55 (of 255) does not explain this picture, so ")
    assert calls[-1][0] == calls[-1][1]
    assert [done for done, _ in calls] == list(range(1, len(calls) + 1))
    seen.clear()
    answer = carefully(attempt, Problem(y, operator, 0.01), None, measured=False)
    assert seen == [0.01]
    assert "does not explain this picture" in answer.cautions[0]
    seen.clear()
    assert carefully(attempt, Problem(y, operator, 0.04), None, measured=True).cautions == ()
    assert seen == [0.04]


def test_python_warns() -> None:
    noisy = np.random.default_rng(0).integers(0, 255, (24, 24, 3)).astype(np.uint8)
    with pytest.warns(RestoreWarning, match="does not explain this picture"):
        deblur(noisy, "gaussian:2", sigma=0.3, steps=2, prior=tiny_prior())


def test_discs_have_the_area_of_discs() -> None:
    kernel = disc_kernel(2.5)
    assert kernel.shape == (5, 5)
    assert float(kernel.sum()) == pytest.approx(1)
    assert float(kernel[2, 2]) == pytest.approx(1 / (np.pi * 2.5**2), rel=0.01)
    torch.testing.assert_close(kernel, kernel.T)
    assert disc_kernel(0.5).shape == (1, 1)
    for radius in (0.4, 201, float("nan")):
        with pytest.raises(ValueError, match=r"radius of 0\.5 to 200"):
            disc_kernel(radius)


def test_kernels_of_numbers() -> None:
    even = kernel_of_array(np.array([[0, 0, 2, 2]], np.uint8))
    assert even.tolist() == [[0, 0.5, 0.5]]
    assert kernel_of_array(np.array([[2, 2]])).tolist() == [[0.5, 0.5, 0]]
    assert kernel_of_array(np.eye(7)[2:5]).shape == (3, 3)  # zeros all around are cut off
    for wrong, message in (
        (np.zeros((3, 3)), "empty"),
        (np.array([[1.0, -1.0, 1.0]]), "0 or more"),
        (np.array([[np.nan]]), "finite"),
        (np.ones(3), "expected as"),
        (np.ones((1, 1003)), "at most 1001"),
    ):
        with pytest.raises(ValueError, match=message):
            kernel_of_array(wrong)


def test_a_kernel_in_a_file_is_the_kernel_and_is_named_in_the_record(tmp_path: Path) -> None:
    source, kernel = tmp_path / "a.png", tmp_path / "my kernel.png"
    Image.fromarray(scene(0, 24, 32)).save(source)
    values = np.array([[0, 90, 0], [90, 255, 90], [0, 90, 0]], np.uint8)
    Image.fromarray(values).save(kernel)
    for number, (command, option, word) in enumerate(
        [("deblur", "--kernel", str(kernel)), ("solve", "--operator", f"blur={kernel}")]
    ):
        target = tmp_path / f"{number}.png"
        result = cli(command, source, option, word, "--sigma", 2, "--steps", 1, "-o", target)
        assert result.exit_code == 0, result.stderr
        expected = deblur(scene(0, 24, 32), values, sigma=2, steps=1)
        assert np.array_equal(images.read(target).pixels, expected)
        said = cli("info", target).stdout
        assert "my kernel.png" in said
        assert str(tmp_path) not in said


@pytest.mark.parametrize(
    ("word", "code", "message"),
    [
        ("gone.png", 2, "got no such file"),
        ("disc:0.1", 2, "a kernel is gaussian:SIGMA"),
        ("black.png", 1, "nothing but zeros"),
        ("large.png", 1, "larger than the picture"),
    ],
)
def test_kernels_that_cannot_be_are_refused(tmp_path: Path, word: str, code: int, message: str) -> None:
    Image.fromarray(scene(0, 24, 32)).save(tmp_path / "a.png")
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / "black.png")
    Image.fromarray(np.full((33, 33), 9, np.uint8)).save(tmp_path / "large.png")
    name = str(tmp_path / word) if word.endswith(".png") else word
    result = cli("deblur", tmp_path / "a.png", "--kernel", name, "--steps", 1)
    assert result.exit_code == code
    assert message in result.stderr
    assert not (tmp_path / "a-deblurred.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0, 3])
def test_a_soft_scene_is_not_taken_for_noise(noise: float) -> None:
    """Smooth colours, of which the prior for noisy pictures would take out a part."""
    y, x = np.mgrid[:64, :64]
    waves = (120 + 60 * np.sin(x / 3) * np.cos(y / 4), 120 + 60 * np.cos(y / 5 + x / 7), 100 + x / 2 + y / 2)
    truth = np.stack(waves, 2)
    truth[20:40, 25:45] += 60
    given = gaussian_filter(truth, (1.2, 1.2, 0)) + np.random.default_rng(0).normal(0, noise, truth.shape)
    blurred = np.rint(given).clip(0, 255).astype(np.uint8)
    found = solved(blurred, chain_of([parse_spec("blur=gaussian:1.2")]))
    before, after = (np.mean((pixels - truth.clip(0, 255)) ** 2) for pixels in (blurred, found.picture))
    assert after < 0.5 * before
