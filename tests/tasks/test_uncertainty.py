"""How sure a result is: against closed forms, as files, and on real pictures with the shipped weights."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import cli
from gaussian_oracle import GaussianPrior, generator_noise
from mutants import constant, edited, mutant_tests, wrong
from PIL import Image
from recording import box_mask, picture
from scenes import scene
from torch import Tensor

from restore import images
from restore.cli.provenance import read_history
from restore.diffusion.seeds import spare_seed
from restore.diffusion.watch import watched
from restore.inverse.fill import smoothed
from restore.priors.checkpoint import load
from restore.tasks import uncertainty
from restore.tasks import variance as variances
from restore.tasks.denoise import denoise
from restore.tasks.inpaint import inpaint
from restore.tasks.uncertainty import (
    mirrored_off,
    of_blind,
    of_denoising,
    of_inpainting,
    of_samples,
    of_upscaling,
)
from restore.tasks.variance import (
    Trial,
    between_samples,
    calibrated,
    known_temperature,
    line_through,
    posterior_variance,
    squared_error,
)
from restore.testing import tiny_prior

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

PRIOR = GaussianPrior(mean=0.5, std=0.25)


def check_posterior_variance() -> None:
    """For independent Gaussian pixels it is s^2 sigma^2 / (s^2 + sigma^2), whatever the probe."""
    x = picture(2, 3, 9, 8)
    for sigma in (0.05, 0.2, 1.0):
        for probes in (1, 3):
            found = posterior_variance(PRIOR.denoise, x, sigma, generator_noise(0), probes=probes)
            expected = PRIOR.std**2 * sigma**2 / (PRIOR.std**2 + sigma**2)
            torch.testing.assert_close(found, torch.full((2, 1, 9, 8), expected), rtol=1e-3, atol=0)


def check_neighbours_average_out() -> None:
    """A denoiser that mixes neighbours: beside the diagonal stands what smoothing takes out."""

    def mixing(x: Tensor, sigma: float) -> Tensor:
        return 0.5 * x + 0.25 * (x.roll(1, -1) + x.roll(-1, -1))

    x = picture(1, 3, 96, 96)
    raw = posterior_variance(mixing, x, 0.1, generator_noise(0))
    assert raw.std() > 0.1 * 0.01  # one probe alone is rough
    smooth = smoothed(raw, 3.0)
    assert smooth.mean().item() == pytest.approx(0.5 * 0.01, rel=0.02)
    assert smooth.std() < 0.2 * raw.std()


def check_samples() -> None:
    """The deviation between samples, smoothed within the hole, with the temperature and the floor."""
    samples = picture(7, 3, 20, 24)
    hole = torch.zeros(1, 1, 20, 24)
    hole[..., 5:15, 6:20] = 1
    prior = tiny_prior()
    seeds = []

    def drawn(seed: int) -> Tensor:
        seeds.append(seed)
        return samples[(len(seeds) - 1) % 7]

    found = calibrated(between_samples(drawn, 7, seed=0), "inpaint", prior, where=hole)
    variance = samples.var(0).mean(0)[None, None]
    smooth = smoothed(variance, variances.SMOOTH["inpaint"], hole)
    seen = (smooth + variances.FLOOR.get("inpaint", 0)).clamp_min(variances.LEAST**2)
    expected = (variances.UNTRIED["inpaint"] * seen).sqrt() * hole
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert found.shape == (1, 1, 20, 24)
    assert len(set(seeds)) == 7
    assert min(seeds) > 2**30  # none of those that users draw by
    # What differs outside the hole says nothing of what is in it.
    samples[:, :, :5] += torch.rand(7, 1, 1, 1)
    again = calibrated(between_samples(drawn, 7, seed=0), "inpaint", prior, where=hole)
    torch.testing.assert_close(again, found)


def test_posterior_variance() -> None:
    check_posterior_variance()


def test_neighbours_average_out() -> None:
    check_neighbours_average_out()


def test_samples() -> None:
    check_samples()
    with pytest.raises(ValueError, match="between two samples or more, got 1"):
        of_samples(lambda k: picture(1, 3, 4, 4), 1, "solve", prior=tiny_prior())


def check_line() -> None:
    """Found back over four orders of magnitude, from errors that are chance in every pixel."""
    generator = torch.Generator().manual_seed(0)
    variance = 10 ** (-6 + 4 * torch.rand(1, 60, 100, generator=generator))
    chance = torch.randn(1, 60, 100, generator=generator).square()
    for a, b in ((1.0, 0.0), (9.0, 0.0), (2.0, 1e-4), (0.5, 1e-5)):
        slope, grain = line_through(variance, chance * (a * variance + b))
        assert slope == pytest.approx(a, rel=0.15)
        assert grain == pytest.approx(b, rel=0.25, abs=2e-7)


def test_line() -> None:
    check_line()


def check_trial() -> None:
    """Every picture's deviation is corrected by its own trial, before the temperature."""
    prior = tiny_prior()
    variance = 1e-3 * (1 + picture(2, 1, 40, 50))
    trials = 1e-3 * (1 + picture(2, 1, 30, 20, seed=1))
    seen = smoothed(trials, variances.SMOOTH["upscale"]) + variances.FLOOR["upscale"]
    factors = torch.tensor([9.0, 0.25]).view(2, 1, 1, 1)
    found = calibrated(variance, "upscale", prior, trial=Trial(trials, factors * seen))
    smooth = smoothed(variance, variances.SMOOTH["upscale"]) + variances.FLOOR["upscale"]
    torch.testing.assert_close(found, (factors * smooth).sqrt(), rtol=2e-3, atol=0)
    # Where it is known only somewhere, there.
    there, spoilt = torch.zeros(2, 1, 30, 20), trials.clone()
    there[0, :, 15:] = 1
    spoilt[:, :, :15] += 1
    error = torch.where(there > 0, factors * (smoothed(trials, 2.0, there) + variances.FLOOR["upscale"]), 1.0)
    found = calibrated(variance, "upscale", prior, trial=Trial(spoilt, error, there))
    factors[1] = variances.UNTRIED["upscale"]  # nothing is tried
    torch.testing.assert_close(found, (factors * smooth).sqrt(), rtol=5e-3, atol=0)
    # Without one, as validation pictures are.
    alone = calibrated(variance, "upscale", prior)
    torch.testing.assert_close(alone, (variances.UNTRIED["upscale"] * smooth).sqrt(), rtol=1e-5, atol=0)


def test_trial() -> None:
    check_trial()


def check_inpainting_is_tried() -> None:
    """On the hole's mirror image off the hole, in the picture as it was filled."""
    prior, image, trials = tiny_prior(), picture(2, 3, 40, 48), []
    hole = torch.zeros(2, 1, 40, 48)
    hole[0, :, 4:20, 4:14] = 1
    hole[1, :, 10:30, 22:38] = 1  # nearer to the middle: what lies off it is a part

    def remembering(variance: Tensor, task: str, prior: Any, *, where: Any, trial: Any) -> Tensor:
        assert torch.equal(where, hole)
        assert (variance[where == 0] == 0).all()
        trials.append(trial)
        return variance

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uncertainty, "calibrated", remembering)
        of_inpainting(image, hole, count=2, prior=prior)
        (trial,) = trials
        assert trial is not None
        assert (trial.where * hole).sum() == 0
        assert trial.where[0].sum() == hole[0].sum()
        assert trial.where[1].sum() == 20 * 12
        assert torch.equal(trial.variance > 0, trial.where > 0)
        assert torch.equal(trial.error > 0, trial.where + hole > 0)
        # The middle of a picture is its own mirror image, nearly: a strip is no trial.
        hole = torch.zeros(2, 1, 40, 48)
        hole[0, :, 10:30, 14:34], hole[1, :, 10:30, 16:40] = 1, 1
        of_inpainting(image, hole, count=2, prior=prior)
        assert trials[-1] is None
        with pytest.raises(ValueError, match="3 masks for 2 pictures"):
            of_inpainting(image, torch.ones(3, 1, 40, 48), count=2, prior=prior)


@pytest.mark.slow
def test_a_gray_picture_has_the_deviation_of_gray_samples() -> None:
    """The mean of three channels varies less than each of them; also of a picture that is stored as RGB."""
    gray, hole = picture(1, 1, 32, 40), torch.zeros(1, 1, 32, 40)
    hole[..., 4:20, 4:14] = 1
    prior, seeds = tiny_prior(), []

    def draw(seed: int) -> Tensor:
        seeds.append(seed)
        return inpaint(gray, hole, method="pigdm", steps=10, seed=seed, prior=prior)

    expected = between_samples(draw, 4, seed=0)[hole > 0].mean()
    found = []
    for image in (gray[0, 0].numpy(), gray.expand(1, 3, 32, 40)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(uncertainty, "calibrated", lambda variance, *_, **__: variance)
            variance = of_inpainting(image, hole, count=4, prior=prior)
        found.append(variance[hole > 0].mean())
    assert found[0] == pytest.approx(float(expected), rel=1e-4)
    assert found[1] == pytest.approx(float(expected), rel=1e-4)


def test_inpainting_is_tried() -> None:
    check_inpainting_is_tried()


def check_upscaling_is_tried() -> None:
    """On the picture itself, reduced by the same factor; a picture too small for that is not."""
    prior, image = tiny_prior(), picture(1, 3, 41, 30)
    seen: list[tuple[int, ...]] = []

    def remembering(variance: Tensor, task: str, prior: Any, *, trial: Any = None) -> Tensor:
        seen.append(tuple(variance.shape[-2:]))
        if trial is not None:
            seen.append(tuple(trial.variance.shape[-2:]))
            assert trial.error.shape == trial.variance.shape
            assert 0 < trial.error.mean() < 0.2
        return variance

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uncertainty, "calibrated", remembering)
        of_upscaling(image, 2.3, count=2, prior=prior)
        assert seen == [(94, 69), (39, 30)]  # 17x13 of it, enlarged: 39x30 of its 41x30 pixels
        seen.clear()
        of_upscaling(image, 2.7, count=2, prior=prior)
        assert seen == [(111, 81)]


def test_upscaling_is_tried() -> None:
    check_upscaling_is_tried()


def test_the_temperature_is_that_of_the_weights() -> None:
    shipped = load(device="cpu")
    for task in ("denoise", "inpaint", "upscale", "dejpeg", "solve"):
        assert known_temperature(task, tiny_prior()) is None
        known = known_temperature(task, shipped)
        assert known is not None
        variance = torch.full((1, 1, 9, 9), 0.01)
        ratio = calibrated(variance, task, shipped) / calibrated(variance, task, tiny_prior())
        torch.testing.assert_close(ratio, torch.full_like(ratio, known))


@pytest.mark.slow
def test_denoisings_deviation_is_its_error(shared_data: Path) -> None:
    """On a picture that is none of training's: in every fifth of the pixels within 30 %."""
    file = sorted((shared_data / "test" / "kodak24").iterdir())[7]
    with Image.open(file) as photo:
        clean = np.asarray(photo.convert("RGB"))[:256, :256] / np.float32(255)
    prior = load(device="cpu")
    noisy = clean + np.random.default_rng(0).normal(0, 25 / 255, clean.shape).astype(np.float32)
    found = denoise(noisy, sigma=25, prior=prior)
    error = ((found - clean) ** 2).mean(2).ravel()
    sure = of_denoising(noisy, 25, prior=prior)[0, 0].numpy().ravel()
    order = sure.argsort()
    for part in np.array_split(order, 5):
        assert error[part].mean() ** 0.5 == pytest.approx(float((sure[part] ** 2).mean() ** 0.5), rel=0.3)


# ---------------------------------------------------------------------------------- command line


@pytest.mark.parametrize(
    "measured",
    [
        lambda image, prior: of_denoising(image, 25, probes=2, prior=prior),
        lambda image, prior: of_blind(image, None, count=2, prior=prior),
        lambda image, prior: of_upscaling(image, 1.5, count=2, prior=prior),
        lambda image, prior: of_inpainting(image, box_mask(32, 48, 8, 24, 4, 20), count=2, prior=prior),
    ],
    ids=["denoising", "blind", "upscaling", "inpainting"],
)
def test_it_is_told_how_far_it_is(measured: Any) -> None:
    """What tries it first is a part of the work, and nothing is told twice or taken back."""
    seen: list[float] = []
    with watched(seen.append):
        measured(picture(1, 3, 32, 48), tiny_prior())
    assert seen == sorted(seen) and 0 < seen[0] < 0.5 and seen[-1] == pytest.approx(1)
    assert len([share for share in set(seen) if share < 0.5]) > 1


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.fromarray((scene(0, 48, 40) * 0.6 + 40).astype(np.uint8)).save(path)
    Image.fromarray(box_mask(48, 40, 10, 20, 10, 20)).save(tmp_path / "m.png")
    return path


COMMANDS: list[tuple[str, tuple[Any, ...], tuple[int, int]]] = [
    ("inpaint", ("--mask", "m.png"), (48, 40)),
    ("denoise", ("--sigma", 10), (48, 40)),
    ("denoise", ("--method", "blind"), (48, 40)),
    ("upscale", ("--scale", 2), (96, 80)),
    ("dejpeg", ("--quality", 40), (48, 40)),
    ("deblur", ("--kernel", "gaussian:1"), (48, 40)),
    ("colorize", (), (48, 40)),
    ("solve", ("--operator", "down=2"), (96, 80)),
]


@pytest.mark.parametrize(("command", "more", "size"), COMMANDS, ids=lambda value: str(value)[:30])
def test_every_command_writes_a_map(
    command: str, more: tuple[Any, ...], size: tuple[int, int], photo: Path, weights: Path, tmp_path: Path
) -> None:
    given = tuple(tmp_path / word if str(word).endswith(".png") else word for word in more)
    arguments = (command, photo, *given, "--weights", weights, "--json")
    asked = ("--uncertainty", tmp_path / "u.tif", "--uncertainty-samples", 2)
    result = cli(*arguments, "-o", tmp_path / "o.png", *asked)
    assert result.exit_code == 0, result.stderr
    assert "how far deviations are off was not measured for these weights" in result.stderr
    numbers = images.read(tmp_path / "u.tif")
    assert (numbers.size, numbers.bits, numbers.gray) == (size, 32, True)
    assert numbers.pixels.min() >= 0
    assert numbers.pixels.max() > 0
    said = json.loads(result.stdout)
    assert said["deviation_255"] == pytest.approx(255 * float((numbers.pixels**2).mean() ** 0.5), abs=1e-3)
    if command in ("inpaint", "upscale"):
        # The picture is the same with and without, and so is what it says of its calls.
        plain = cli(*arguments, "-o", tmp_path / "p.png")
        assert plain.exit_code == 0, plain.stderr
        assert (tmp_path / "o.png").read_bytes() == (tmp_path / "p.png").read_bytes()


def test_maps_as_pictures_and_nothing_outside_the_hole(photo: Path, weights: Path, tmp_path: Path) -> None:
    arguments = ("inpaint", photo, "--mask", tmp_path / "m.png", "--weights", weights, "--overwrite")
    for name in ("u.png", "u.tif"):
        result = cli(*arguments, "--uncertainty", tmp_path / name, "--uncertainty-samples", 2)
        assert result.exit_code == 0, result.stderr
    numbers = images.read(tmp_path / "u.tif").pixels[..., 0]
    inside = box_mask(48, 40, 10, 20, 10, 20) > 0
    assert (numbers[~inside] == 0).all()
    assert (numbers[inside] > 0).all()
    colours = images.read(tmp_path / "u.png").pixels
    assert (colours[~inside] == [68, 1, 84]).all()  # where viridis begins
    brightest = numbers.argmax()
    assert colours.reshape(-1, 3)[brightest].tolist() == [253, 231, 37]  # where it ends
    assert not read_history(tmp_path / "a-inpainted.png").records[0].line().count("uncertainty")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("a.png", "--uncertainty-samples", "4"), 2, "is of the map of --uncertainty FILE; pass that, too"),
        (("a.png", "--uncertainty", "u.jpg"), 2, "a map is written as .tif or .png; name it so"),
        (("a.png", "b.png", "-o", "out", "--uncertainty", "u.png"), 2, "is of one picture, got several"),
        (("a.png", "--uncertainty", "a.png"), 2, "is the picture itself, or its mask; name another file"),
        (("a.png", "--uncertainty", "b.png"), 1, "b.png is there already; pass --overwrite to replace it"),
        (("a.png", "--uncertainty", "no/u.png"), 1, "no/u.png: the folder no does not exist; create it"),
    ],
)
def test_maps_that_cannot_be_written(
    photo: Path, weights: Path, arguments: tuple[str, ...], code: int, message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(photo.parent)
    Path("b.png").write_bytes(photo.read_bytes())
    before = Path("b.png").read_bytes()
    result = cli("denoise", *arguments, "--sigma", "9", "--weights", weights)
    assert result.exit_code == code, result.stderr
    assert re.search(message, result.stderr), result.stderr
    assert Path("b.png").read_bytes() == before


def test_a_mask_is_not_replaced_by_a_map(photo: Path, weights: Path, tmp_path: Path) -> None:
    mask, before = tmp_path / "m.png", (tmp_path / "m.png").read_bytes()
    more = ("--uncertainty", mask, "--overwrite", "--weights", weights)
    result = cli("inpaint", photo, "--mask", mask, *more)
    assert result.exit_code == 2
    assert mask.read_bytes() == before


def test_where_nothing_is_removed_little_is_uncertain(photo: Path, weights: Path, tmp_path: Path) -> None:
    more = ("--sigma", 0, "--uncertainty", tmp_path / "u.tif", "--weights", weights, "-o", tmp_path / "o.png")
    result = cli("denoise", photo, *more)
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "o.png").exists()
    assert images.read(tmp_path / "u.tif").pixels.max() < 2 / 255


test_the_check_finds_the_mutant = mutant_tests({
    check_posterior_variance: [
        edited(posterior_variance, "/ (2 * step)", "/ step"),
        edited(posterior_variance, "return sigma**2 * total / probes", "return sigma**2 * total"),
        edited(posterior_variance, "return sigma**2 * total / probes", "return sigma * total / probes"),
        edited(posterior_variance, "(v * slope)", "slope"),
    ],
    check_samples: [
        edited(between_samples, "samples.var(0)", "samples.std(0)"),
        edited(between_samples, "samples.var(0)", "samples.var(0, correction=0)"),
        wrong(spare_seed, lambda right: lambda seed, draw: right(seed, 0), "the same for every draw"),
    ],
    check_line: [
        edited(line_through, "return a, a * share", "return a, share"),
        edited(line_through, "return a, a * share", "return a, 0.0"),
        edited(line_through, "(predicted + share).log()", "predicted.log()"),
        edited(line_through, "math.exp(float(off(share).mean()))", "math.exp(float(off(0.0).mean()))"),
    ],
    check_trial: [
        edited(calibrated, "smooth = slope * smooth", "smooth = slope[:1] * smooth"),
        edited(calibrated, "_smooth(trial.variance, task, trial.where)", "trial.variance"),
        edited(calibrated, "_smooth(trial.variance, task, trial.where)", "_smooth(trial.variance, task)"),
        edited(calibrated, "error[there > 0]", "error[predicted > 0]"),
        edited(calibrated, "UNTRIED.get(task, 1.0)", "1.0"),
    ],
    check_inpainting_is_tried: [
        edited(mirrored_off, "hole.flip(dims) * (1 - hole)", "hole.flip(dims)"),
        edited(mirrored_off, "(2 * size >= whole)", "(size > 0)"),
        edited(mirrored_off, "argmax(0)", "argmin(0)"),
        edited(of_inpainting, "spread(whole, elsewhere,", "spread(whole, hole,"),
        edited(of_inpainting, "where=hole, trial=trial)", "where=hole, trial=None)"),
    ],
    check_upscaling_is_tried: [
        wrong(squared_error, lambda right: lambda found, known: 0 * found, "no error, of all channels"),
        constant(uncertainty, "TRIED", 0),
        edited(of_upscaling, '"upscale", prior, trial=trial)', '"upscale", prior, trial=None)'),
    ],
})  # fmt: skip
