"""What the commands promise of their results, kept and measured; several samples of one picture."""

from __future__ import annotations

import json
import math
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from commands import cli
from networks import random_backbone
from PIL import Image
from recording import picture
from scenes import scene
from torch import Tensor

from restore import images
from restore.cli.main import main
from restore.cli.provenance import read_history
from restore.errors import NumbersError
from restore.inverse import operators
from restore.inverse.guidance import half_quadratic_splitting
from restore.inverse.kernels import gaussian_kernel
from restore.inverse.protocols import consistent
from restore.priors.backbone import Backbone
from restore.tasks.consistency import misfit, outside_hole, reduced, residual
from restore.tasks.upscale import after_rounding, between_ends, upscale

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.fromarray(scene(0, 24, 30)).save(path)
    return path


# ------------------------------------------------------------------------------------- consistency


@pytest.mark.parametrize("scale", [1.5, 2, 2.7, 4, 5, 8])
def test_consistent_upscaling_reduces_to_the_input(scale: float) -> None:
    """Also where the picture touches black and white, to half a level of 8 bits after rounding."""
    wide = ((scene(3, round(20 * scale), round(17 * scale)) - 128.0) * 2 + 128).clip(0, 255) / 255
    assert ((wide == 0) | (wide == 1)).mean() > 0.05
    operator = operators.Resize(wide.shape[:2], (20, 17))
    whole = operator.forward(torch.from_numpy(wide).float().permute(2, 0, 1)[None])
    small = (255 * whole[0].permute(1, 2, 0).numpy()).round().clip(0, 255).astype(np.uint8)
    large = upscale(small, scale, consistent=True, prior=random_backbone(), estimate="mean", steps=1)
    assert large.dtype == np.uint8
    most, _ = reduced(large, small)
    assert most <= 0.5
    loose = upscale(small, scale, prior=random_backbone(), estimate="mean", steps=1)
    assert reduced(loose, small)[0] > 1


def test_what_agrees_already_is_left_as_it_is() -> None:
    operator, large = operators.Resize((20, 16), (10, 8)), 0.2 + 0.6 * picture(1, 3, 20, 16)
    assert torch.equal(between_ends(large, operator.forward(large), operator), large)
    # Else hardly more than what has to be changed is.
    small = operator.forward(large) + 0.02
    least = consistent(large, small, operator)
    found = between_ends(large, small, operator)
    assert (operator.forward(found) - small).abs().max() < 0.05 / 255
    assert (found - large).norm() < 1.05 * (least - large).norm()


def test_rounding_moves_nothing_by_more_than_half_a_level() -> None:
    """At a small scale a few pixels would be: they are found, and few others are touched."""
    operator = operators.Resize((144, 150), (96, 100))
    wanted = 0.2 + 0.6 * picture(1, 3, 144, 150)
    small = (255 * operator.forward(wanted)).round() / 255
    rounded = (255 * between_ends(wanted, small, operator)).round() / 255
    before = (operator.forward(rounded) - small).abs() * 255
    assert before.max() > 0.5
    found = after_rounding(rounded, small, operator)
    assert ((operator.forward(found) - small).abs() * 255).max() <= 0.5
    moved = (255 * (found - rounded)).abs()
    assert moved.max() == pytest.approx(1, abs=1e-3)
    assert (moved > 0.5).sum() < 3 * (before > 0.5).sum()
    assert torch.equal(after_rounding(found, small, operator), found)


def test_what_cannot_be_reached_does_not_keep_the_rest_from_being_mended() -> None:
    """A spike that no picture reduces to in one place, or in another picture of the batch."""
    operator = operators.Resize((48, 48), (24, 24))
    large = torch.full((2, 3, 48, 48), 100 / 255)
    small = operator.forward(large)
    large[..., 40:42, 40:42] += torch.tensor([[1.0, 1.0], [1.0, 0.0]]) / 255  # wrongly rounded
    assert 255 * (operator.forward(large) - small).abs().max() > 0.5
    small[0, :, 2, 2] = 1.0  # amid grays
    found = after_rounding(large, small, operator)
    apart = 255 * (operator.forward(found) - small).abs()
    assert apart[0].max() > 1
    assert apart[0, :, 12:, 12:].max() <= 0.5
    assert apart[1].max() <= 0.5
    assert torch.equal(found[1:], after_rounding(large[1:], small[1:], operator))


def test_deeper_pictures_in_shallow_files_keep_what_is_outside(photo: Path, weights: Path) -> None:
    deep, mask = photo.with_name("deep.png"), np.zeros((24, 30), np.uint8)
    mask[5:12, 6:15] = 255
    Image.fromarray(mask).save(photo.with_name("m.png"))
    images.write(deep, images.Picture(scene(0, 24, 30).astype(np.uint16) * 256 + 77))
    options = ("--mask", photo.with_name("m.png"), "--steps", 1, "--weights", weights, "--report-consistency")
    for name, least, most in (("o.png", 0, 0), ("o.bmp", 0, 0), ("o.jpg", 100, 720)):
        done = cli("inpaint", deep, *options, "-o", photo.with_name(name), "--json")
        assert least <= json.loads(done.stdout)["changed_outside_pixels"] <= most


def test_what_is_said_is_true_of_the_file(photo: Path, weights: Path) -> None:
    """What JPEG makes of a picture counts, not what was handed to it."""
    Image.fromarray(scene(0, 24, 30).clip(80, 170)).save(photo)
    options = (
        "--scale",
        2,
        "--steps",
        1,
        "--consistent",
        "--weights",
        weights,
        "--json",
        "--report-consistency",
    )
    most = {}
    for name in ("b.png", "b.jpg"):
        target = photo.with_name(name)
        most[name] = json.loads(cli("upscale", photo, *options, "-o", target).stdout)["apart_most_255"]
        written = reduced(images.read(target).pixels, images.read(photo).pixels)[0]
        assert most[name] == pytest.approx(written, abs=1e-4)
    assert most["b.png"] <= 0.5 < most["b.jpg"]


def test_measures() -> None:
    before = scene(0, 20, 30)
    after, hole = before.copy(), np.zeros((20, 30), bool)
    hole[5:10, 5:10] = True
    after[hole] = 0
    assert outside_hole(before, after, hole) == 0
    after[0, 0, 1] ^= 1
    assert outside_hole(before, after, hole) == 1
    noise = np.random.default_rng(0).normal(0, 10, before.shape)
    noisy = (before.clip(60, 190) + noise).round().astype(np.uint8)
    assert residual(noisy, before.clip(60, 190).astype(np.uint8)) == pytest.approx(10, rel=0.05)
    kernel = gaussian_kernel(1.0)
    operator = operators.chain(operators.BlurInside(kernel, (20, 30)), operators.Resize((20, 30), (10, 15)))
    x = torch.rand(1, *operator.x_shape, generator=torch.Generator().manual_seed(0))
    shown = operators.without_margin(x, operator)[0].permute(1, 2, 0).numpy()
    y = operator.forward(x)[0].permute(1, 2, 0).numpy()
    assert misfit(shown, y, operator)[0] < 0.01
    assert misfit(shown, y + 2 / 255, operator)[1] == pytest.approx(2, abs=0.01)
    gray = operators.Gray((20, 30)).forward(torch.from_numpy(before / 255.0).float().permute(2, 0, 1)[None])
    assert misfit(before, gray[0, 0].numpy(), operators.Gray((20, 30)))[0] < 1.0


@pytest.mark.parametrize(
    ("arguments", "said", "facts"),
    [
        (["denoise", "--sigma", 10], "deviation of", ["removed_255"]),
        (
            ["upscale", "--scale", 2, "--consistent"],
            "reduced again it is",
            ["apart_most_255", "apart_mean_255"],
        ),
        (["deblur", "--kernel", "gaussian:1", "--steps", 1], "damaged again it is", ["apart_most_255"]),
        (["colorize", "--steps", 1], "damaged again it is", ["apart_mean_255"]),
    ],
)
def test_it_is_said_on_request(
    photo: Path, weights: Path, arguments: list[Any], said: str, facts: list[str]
) -> None:
    command, *rest = arguments
    rest += ["--weights", weights, "--report-consistency", "--overwrite"]
    assert said in cli(command, photo, *rest).stderr
    told = json.loads(cli(command, photo, *rest, "--json").stdout)
    assert all(math.isfinite(told[fact]) for fact in facts)


def test_inpainting_says_that_nothing_outside_is_changed(photo: Path, weights: Path) -> None:
    mask = np.zeros((24, 30), np.uint8)
    mask[5:12, 6:15] = 255
    Image.fromarray(mask).save(photo.with_name("m.png"))
    options = ("--mask", photo.with_name("m.png"), "--steps", 1, "--weights", weights)
    assert (
        "0 pixels outside the hole are changed"
        in cli("inpaint", photo, *options, "--report-consistency").stderr
    )


# ----------------------------------------------------------------------------------------- samples


def test_several_samples_each_with_its_seed(photo: Path, weights: Path) -> None:
    options = ("--scale", 2, "--steps", 2, "--weights", weights)
    done = cli("upscale", photo, *options, "--samples", 3, "--seed", 5)
    assert done.exit_code == 0, done.stderr
    paths = [photo.with_name(f"a-x2-{k}.png") for k in (1, 2, 3)]
    assert done.stdout.split() == [str(path) for path in paths]
    pixels = [images.read(path).pixels for path in paths]
    assert not np.array_equal(pixels[0], pixels[1])
    assert not np.array_equal(pixels[1], pixels[2])
    for number, path in enumerate(paths):
        (record,) = read_history(path).records
        assert record.seed == 5 + number
        assert "--samples" not in record.line()
    alone = cli("upscale", photo, *options, "--seed", 7, "-o", photo.with_name("alone.png"))
    assert alone.exit_code == 0
    assert np.array_equal(images.read(photo.with_name("alone.png")).pixels, pixels[2])
    assert photo.with_name("alone.png").read_bytes() == paths[2].read_bytes()
    # The same command again has nothing to do, and says so.
    again = cli("upscale", photo, *options, "--samples", 3, "--seed", 5)
    assert again.stdout == ""
    assert "3 there already and kept" in again.stderr


def test_samples_of_a_folder_go_on_where_they_stopped(photo: Path, weights: Path) -> None:
    options = (photo.parent, "--scale", 2, "--steps", 1, "--weights", weights, "--samples", 2)
    assert cli("upscale", *options).exit_code == 0
    photo.with_name("a-x2-2.png").unlink()
    again = cli("upscale", *options)
    assert again.exit_code == 0, again.stderr
    assert again.stdout.split() == [str(photo.with_name("a-x2-2.png"))]
    assert len(list(photo.parent.iterdir())) == 3


def test_samples_of_standard_input(photo: Path, weights: Path) -> None:
    arguments = ["upscale", "-", "--scale", "2", "--steps", "1", "--weights", str(weights), "--samples", "2"]
    target = photo.with_name("o.png")
    done = CliRunner().invoke(main, [*arguments, "-o", str(target)], input=photo.read_bytes())
    assert done.exit_code == 0, done.stderr
    assert [path.name for path in sorted(photo.parent.glob("o-*.png"))] == ["o-1.png", "o-2.png"]


def test_samples_that_cannot_be(photo: Path, weights: Path) -> None:
    refused = cli("denoise", photo, "--samples", 3)
    assert refused.exit_code == 2
    assert "--samples 3: there is one mean; pass --estimate sample" in refused.stderr
    refused = cli("upscale", photo, "--scale", 2, "--samples", 3, "-o", "-")
    assert refused.exit_code == 2
    assert "3 samples do not fit into standard output" in refused.stderr


# ------------------------------------------------------------------------------- when numbers break


def test_one_picture_that_is_too_small_stops_no_folder(photo: Path, weights: Path) -> None:
    Image.fromarray(scene(1, 80, 90)).save(photo.with_name("b.png"))
    out = photo.parent / "out"
    options = ("--kernel", "gaussian:8", "--steps", 1, "--weights", weights)
    done = cli("deblur", photo.parent, "-o", out, *options)
    assert done.exit_code == 1
    assert "a.png: the blur kernel is 49x49 (w x h), larger than the picture, 30x24" in done.stderr
    assert [path.name for path in out.iterdir()] == ["b.png"]


def test_splitting_stops_too() -> None:
    with pytest.raises(NumbersError, match="not finite after step 1 of 3"):
        half_quadratic_splitting(lambda x, _: x * math.nan, torch.ones(1, 3, 4, 4), [0.3, 0.2, 0.1, 0.0])


def test_half_precision_that_breaks_is_computed_again(
    photo: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, hopeless = Backbone.denoiser, False

    def broken(self: Backbone, *args: Any, **kwargs: Any) -> Any:
        denoise = whole(self, *args, **kwargs)

        def answer(x: Tensor, sigma: float) -> Tensor:
            breaks = hopeless or self.dtype == torch.bfloat16
            return denoise(x, sigma) * (math.nan if breaks else 1)

        return answer

    monkeypatch.setattr(Backbone, "denoiser", broken)
    options = ("--sigma", 10, "--weights", weights, "--estimate", "sample", "--steps", 3)
    done = cli("denoise", photo, *options, "--precision", "bf16")
    assert done.exit_code == 0, done.stderr
    assert "not finite after step 1 of 3, from sigma 0.0392157; check the input" in done.stderr
    assert "computed again in float32" in done.stderr
    (record,) = read_history(photo.with_name("a-denoised.png")).records
    assert record.precision == "fp32"
    # The line asks for single precision at once, and for it alone.
    line = record.line(str(photo.with_name("c.png")))
    assert line.count("--precision") == line.count("--precision fp32") == 1
    monkeypatch.chdir(photo.parent)
    Path(weights.name).write_bytes(weights.read_bytes())
    assert cli(*shlex.split(line)[1:]).exit_code == 0
    assert Path("c.png").read_bytes() == Path("a-denoised.png").read_bytes()
    hopeless = True
    failed = cli("denoise", photo, *options, "-o", photo.with_name("b.png"))
    assert failed.exit_code == 1
    assert "Traceback" not in failed.stderr
    assert not photo.with_name("b.png").exists()
