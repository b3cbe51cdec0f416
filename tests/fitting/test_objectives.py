"""What is learned from noise alone: closed-form answers, and scores that are what the truth would say."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from mutants import constant, edited, mutant_tests, wrong
from noise_models import bell_model
from scenes import scene
from torch import Generator, Tensor

from restore.fitting import held_out, objectives
from restore.fitting.fitter import Fitter, regression
from restore.fitting.held_out import HeldOut, as_used, hold_out
from restore.fitting.objectives import ALPHA, FLOOR, Restoration, sub_images
from restore.fitting.views import NoisySet, Scene
from restore.noise.model import NoiseModel, white_noise
from restore.testing import tiny_prior
from restore.training.config import FitConfig, Loss

pytestmark = pytest.mark.usefixtures("one_thread")


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def times(c: float) -> Restoration:
    """f(y) = c y, whatever the level."""
    return lambda noisy, strength: c * noisy


def smooth(noisy: Tensor, strength: float) -> Tensor:
    """The mean of each pixel and its right neighbour, around the edge."""
    return (noisy + noisy.roll(1, 3)) / 2


SHOT = NoiseModel(np.full(3, 0.02), np.full(3, 0.03), np.ones((1, 1)), np.eye(3), np.full(3, 0.5))
NOISES = {
    "white": white_noise(0.1),
    "gray": white_noise(0.1, channels=1),
    "shared by neighbours": bell_model(0.8, 0.1),
    "shared by channels": bell_model(0.8, 0.1, rho=0.7),
    "growing with the signal": SHOT,
    "all of it": bell_model(1.2, 0.05, rho=0.5, gain=0.01),
}
LEVELS = torch.tensor([0.1, 0.4, 0.9]).view(3, 1, 1, 1)


def recorrupted_risk(f: Restoration, noise: NoiseModel, draws: int = 4, alpha: float = ALPHA) -> Tensor:
    """The mean of recorrupted pairs over draws of noisy pictures, for each of three flat scenes ``(3,)``."""
    clean = LEVELS.expand(3, 3, 96, 96).contiguous()
    found = []
    for seed in range(draws):
        generator = seeded(seed)
        noisy = clean + noise.draw(clean, generator)
        found.append(objectives.recorrupted(f, noisy, noise, clean, alpha=alpha, generator=generator))
    return torch.stack(found).mean(0)


def floor_of(noise: NoiseModel) -> float:
    """The variance of the white floor under correlated noise."""
    return (FLOOR * noise.sigma) ** 2 if noise.kernel.size > 1 else 0.0


def check_recorrupted() -> None:
    """For f = c y the expectation is ``(c - 1)^2 x^2 + c^2 (1 + alpha^2) v``: the error, by hand."""
    for name, noise in NOISES.items():
        variance = noise.variance(LEVELS)[:, 0].flatten() + floor_of(noise)
        for c, alpha in ((1.0, 0.5), (0.8, 1.0)) if name == "white" else ((0.6, 0.5),):
            wanted = (c - 1) ** 2 * LEVELS.flatten() ** 2 + c**2 * (1 + alpha**2) * variance
            # Each draw has 28 thousand values, fewer where they are shared, of about this spread.
            few = 96 * 96 * 4 / (12 if noise.kernel.size > 1 else 1)
            spread = (2 / few) ** 0.5 * (c * alpha + 1 / alpha) ** 2 * variance
            cross = 2 * (1 - c) * LEVELS.flatten() * (c * alpha + 1 / alpha) * (variance / few) ** 0.5
            found = recorrupted_risk(times(c), noise, alpha=alpha)
            assert (found - wanted).abs().lt(4 * spread + 4 * cross).all(), (name, c, alpha, found, wanted)


@pytest.mark.slow
def test_recorrupted_is_the_error_at_more_noise() -> None:
    check_recorrupted()


def check_floor() -> None:
    """The white floor under correlated noise is noise of the picture and of the pair alike."""
    noise = NOISES["shared by neighbours"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objectives, "FLOOR", 2.0)  # much more than it is, to be seen
        found = recorrupted_risk(times(0.6), noise)
    wanted = 0.16 * LEVELS.flatten() ** 2 + 0.36 * (1 + ALPHA**2) * 0.01 * (1 + 4)
    assert found.numpy() == pytest.approx(wanted.numpy(), rel=0.15)


def test_the_floor_under_correlated_noise() -> None:
    check_floor()


def check_recorrupted_spectrum() -> None:
    """A filter sees the spectrum: the noise added must be correlated as that of the picture."""
    for name in ("white", "shared by neighbours"):
        noise = NOISES[name]
        wanted = (1 + ALPHA**2) * (0.01 * (1 + noise.correlation) / 2 + floor_of(noise) / 2)
        found = recorrupted_risk(smooth, noise, 6).mean()
        assert found.item() == pytest.approx(wanted, rel=0.12), name


def test_recorrupted_of_a_filter() -> None:
    check_recorrupted_spectrum()


def test_noise_of_another_kind_than_the_models_is_told_by_the_risk() -> None:
    """Were it white noise in the model and correlated in the picture, keeping noise would be rewarded."""
    clean = torch.full((4, 3, 96, 96), 0.5)
    noisy = clean + bell_model(0.8, 0.1).draw(clean, seeded())
    found = objectives.recorrupted(smooth, noisy, white_noise(0.1), clean, generator=seeded(1)).mean()
    truth = ((smooth(noisy, 1) - clean) ** 2).mean()
    assert found < 0.9 * truth


def test_recorrupted_tells_each_picture_at_the_level_of_both_noises() -> None:
    asked: list[float] = []

    def f(noisy: Tensor, strength: float) -> Tensor:
        asked.append(strength)
        return noisy

    noisy = torch.rand(3, 3, 16, 16, generator=seeded())
    assert objectives.recorrupted(f, noisy, SHOT, noisy, alpha=0.75, generator=seeded(1)).shape == (3,)
    assert asked == [1.25]


def test_recorrupted_has_a_gradient_and_leaves_its_arguments_alone() -> None:
    c = torch.tensor(0.7, requires_grad=True)
    noisy = torch.rand(2, 3, 16, 16, generator=seeded())
    before = noisy.clone()
    objectives.recorrupted(lambda y, s: c * y, noisy, bell_model(0.8, 0.1), noisy).mean().backward()
    assert c.grad is not None
    assert torch.isfinite(c.grad)
    assert torch.equal(noisy, before)


# --- noise2noise ----------------------------------------------------------------------------------

VALUES = torch.tensor([0.2] * 4 + [0.5] * 2 + [0.8] * 3 + [0.9] * 1 + [1.0] * 1)
"""Mean 0.56, median 0.5, mode 0.2."""


def fitted_constant(loss: Any, done: float) -> float:
    """Which constant answer has the least loss against views that show VALUES."""
    other = VALUES.view(1, 1, 1, -1)
    grid = torch.linspace(0, 1, 1001)
    losses = [
        objectives.noise2noise(
            lambda y, s, at=at: torch.full_like(y, float(at)), other * 0, other, loss, done=done
        )
        for at in grid
    ]
    return float(grid[torch.stack(losses).argmin()])


def check_noise2noise() -> None:
    mean = VALUES.mean().item()
    assert fitted_constant("l2", 0.3) == pytest.approx(mean, abs=6e-4)
    assert fitted_constant("l1", 0.3) == pytest.approx(0.5, abs=6e-4)
    assert fitted_constant("l0", 0.95) == pytest.approx(0.2, abs=6e-4)
    assert fitted_constant("l0", 0.0) == pytest.approx(mean, abs=6e-4)
    assert fitted_constant("l0", 0.5) == pytest.approx(0.5, abs=6e-4)
    views = torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.25)
    for done, exponent in ((0.0, 2.0), (0.25, 1.5), (0.5, 1.0), (0.75, 0.5), (1.0, 0.0)):
        found = objectives.noise2noise(lambda y, s: y, *views, "l0", done=done)
        assert found.item() == pytest.approx(0.25**exponent, rel=1e-4)


def test_noise2noise_finds_mean_median_and_mode() -> None:
    check_noise2noise()


def test_noise2noise_sees_one_view_and_is_compared_with_the_other() -> None:
    noisy, other = (torch.rand(2, 3, 8, 8, generator=seeded(k)) for k in range(2))
    seen: list[tuple[Tensor, float]] = []

    def f(y: Tensor, strength: float) -> Tensor:
        seen.append((y, strength))
        return y / 2

    found = objectives.noise2noise(f, noisy, other)
    assert torch.allclose(found, (noisy / 2 - other).square().mean())
    ((y, strength),) = seen
    assert torch.equal(y, noisy)
    assert strength == 1


def test_the_annealed_loss_has_finite_gradients_where_there_is_no_error() -> None:
    c = torch.ones(1, requires_grad=True)
    picture = torch.full((1, 3, 4, 4), 0.5)
    objectives.noise2noise(lambda y, s: c * y, picture, picture, "l0", done=0.99).backward()
    assert c.grad is not None
    assert torch.isfinite(c.grad).all()


# --- neighbor2neighbor ----------------------------------------------------------------------------


def check_sub_images() -> None:
    """Two pixels of each cell that share an edge, in either order, the same in all channels."""
    h, w = 6, 8
    places = torch.arange(h * w).view(1, 1, h, w).float()
    image = torch.cat([places, places + 1000], dim=1)
    pairs = set()
    for choice in range(8):
        first, second = objectives.sub_images(image, torch.full((1, 1, h // 2, w // 2), choice))
        assert first.shape == second.shape == (1, 2, h // 2, w // 2)
        assert torch.equal(first[:, 1], first[:, 0] + 1000)
        assert torch.equal(second[:, 1], second[:, 0] + 1000)
        for y in range(h // 2):
            for x in range(w // 2):
                a, b = (divmod(int(part[0, 0, y, x]), w) for part in (first, second))
                assert (a[0] // 2, a[1] // 2) == (b[0] // 2, b[1] // 2) == (y, x)
                assert abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1
                pairs.add((a[0] % 2, a[1] % 2, b[0] % 2, b[1] % 2))
    assert len(pairs) == 8


def test_sub_images() -> None:
    check_sub_images()


def test_each_cell_and_picture_has_a_choice_of_its_own() -> None:
    image = torch.rand(3, 3, 8, 8, generator=seeded())
    choice = torch.randint(8, (3, 1, 4, 4), generator=seeded(1))
    first, second = sub_images(image, choice)
    for k in range(3):
        for y in range(4):
            for x in range(4):
                same = sub_images(image, torch.full((3, 1, 4, 4), int(choice[k, 0, y, x])))
                assert torch.equal(first[k, :, y, x], same[0][k, :, y, x])
                assert torch.equal(second[k, :, y, x], same[1][k, :, y, x])


def check_regulariser() -> None:
    """Nothing for the identity, as much again for a constant; no gradient through the whole picture."""
    noisy = torch.rand(2, 3, 12, 16, generator=seeded())

    def loss(f: Restoration, weight: float) -> Tensor:
        found: Tensor = objectives.neighbor2neighbor(f, noisy, weight=weight, generator=seeded(5))
        return found

    assert loss(times(1), 0).item() > 0.01
    assert loss(times(1), 2).item() == pytest.approx(loss(times(1), 0).item(), rel=1e-5)

    def constant(y: Tensor, s: float) -> Tensor:
        return torch.full_like(y, 0.3)

    assert loss(constant, 2).item() == pytest.approx(3 * loss(constant, 0).item(), rel=1e-5)
    choice = torch.randint(8, (2, 1, 6, 8), generator=seeded(5))
    first, second = sub_images(noisy, choice)
    c = torch.tensor(0.6, requires_grad=True)
    loss(lambda y, s: c * y, 2.0).backward()
    difference = 0.6 * (first - second)  # of f's own result, a number as far as its gradient goes
    error = 0.6 * first - second
    wanted = (2 * error * first + 2 * 2 * (error - difference) * first).mean()
    assert c.grad is not None
    assert c.grad.item() == pytest.approx(wanted.item(), rel=1e-4)


def test_regulariser() -> None:
    check_regulariser()


def test_neighbours_with_independent_noise_teach_the_truth() -> None:
    """On a flat scene the error against a neighbour is that against the truth, and its noise."""
    clean = torch.full((8, 3, 64, 64), 0.5)
    noisy = clean + white_noise(0.1).draw(clean, seeded())
    for c in (1.0, 0.7):
        found = objectives.neighbor2neighbor(times(c), noisy, weight=0.0, generator=seeded(1)).item()
        wanted = (c - 1) ** 2 * 0.25 + c**2 * 0.01 + 0.01
        assert found == pytest.approx(wanted, rel=0.03)


def test_neighbours_that_share_noise_teach_to_keep_it() -> None:
    clean = torch.full((8, 3, 64, 64), 0.5)
    model = bell_model(1.2, 0.1)
    noisy = clean + model.draw(clean, seeded())
    kept = objectives.neighbor2neighbor(times(1), noisy, weight=0.0, generator=seeded(1)).item()
    assert kept == pytest.approx(2 * 0.01 * (1 - model.correlation), rel=0.1)
    removed = objectives.neighbor2neighbor(lambda y, s: torch.full_like(y, 0.5), noisy, weight=0.0).item()
    assert kept < removed


def test_the_generator_decides() -> None:
    noisy = torch.rand(2, 3, 16, 16, generator=seeded())
    for objective in (
        lambda g: objectives.neighbor2neighbor(times(0.5), noisy, weight=1.0, generator=g),
        lambda g: objectives.recorrupted(times(0.5), noisy, bell_model(0.8, 0.1), noisy, generator=g),
    ):
        state = torch.get_rng_state()
        assert torch.equal(objective(seeded(1)), objective(seeded(1)))
        assert not torch.equal(objective(seeded(1)), objective(seeded(2)))
        assert torch.equal(torch.get_rng_state(), state)


# --- errors on what is kept aside -----------------------------------------------------------------


PAPER = 0.97
CUT_OFF = dataclasses.replace(white_noise(0.12), clipped=True)


def paper_views(count: int) -> list[Tensor]:
    """Files of white paper, whose noise ends at white: their mean is darker than the paper."""
    clean = torch.full((4, 3, 96, 96), PAPER)
    views = [(clean + CUT_OFF.draw(clean, seeded(10 + k))).clamp(0, 1) for k in range(count)]
    assert views[0].mean() < PAPER - 0.03
    return views


def says(level: float) -> Restoration:
    return lambda noisy, strength: torch.full_like(noisy, level)


class Views:
    """As much of a store of pictures as an objective asks for."""

    def __init__(self) -> None:
        self.views = paper_views(2)

    def crops(self, count: int, generator: Generator) -> Tensor:
        return self.views[0]

    def pairs(self, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
        return self.views[0], self.views[1]


def fitting(method: str, noise: NoiseModel) -> Any:
    """As much of a fit as its objective asks for."""
    return SimpleNamespace(
        config=FitConfig(), noise=noise, generator=seeded(3), store=Views(), method=method, progress=0.0
    )


@pytest.mark.parametrize("method", ["recorrupted", "neighbor2neighbor", "noise2noise"])
def test_the_true_white_is_learned_from_noise_that_ends_there(method: str) -> None:
    """An answer that is right gains nothing from a little more dark or light, a dark one from more light."""

    def slope(level: float) -> float:
        shift = torch.zeros(1, requires_grad=True)
        Fitter.loss(fitting(method, CUT_OFF), lambda noisy, strength: 0 * noisy + level + shift).backward()
        assert shift.grad is not None
        return shift.grad.item() / 2

    assert slope(PAPER) == pytest.approx(0, abs=0.004)
    # What the guess is wrong by comes back by a fifth, so it goes the right way.
    assert slope(PAPER - 0.03) == pytest.approx(-0.03, abs=0.01)
    assert slope(PAPER + 0.03) == pytest.approx(0.03, abs=0.01)


def test_noise_that_grows_is_drawn_around_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Around means of neighbourhoods, strokes of ink would be given the noise of their paper."""
    strokes = torch.zeros(4, 3, 96, 96)
    strokes[..., ::4] = 0.7
    fit = fitting("recorrupted", SHOT)
    drawn: list[Tensor] = []
    monkeypatch.setattr(NoiseModel, "draw", lambda _, signal, __: drawn.append(signal) or signal)
    Fitter.loss(fit, lambda noisy, strength: strokes)
    HeldOut(strokes, None, SHOT, "l2", known=False).with_signal(lambda y, s: strokes).error(says(0.5))
    assert len(drawn) >= 2
    assert all(torch.equal(signal, strokes) for signal in drawn)


def test_no_answer_sees_beyond_the_ends() -> None:
    seen: list[Tensor] = []

    def f(noisy: Tensor, strength: float) -> Tensor:
        seen.append(noisy)
        return noisy

    for method in ("recorrupted", "neighbor2neighbor", "noise2noise"):
        Fitter.loss(fitting(method, CUT_OFF), f)
    assert len(seen) == 7  # one guess each, and one, two or one answer more; neighbours look twice
    assert all(noisy.min() >= 0 and noisy.max() <= 1 for noisy in seen)


@pytest.mark.parametrize("views", [1, 2])
def test_errors_on_noise_that_was_cut_off_are_those_against_the_paper(views: int) -> None:
    first, *others = paper_views(views)
    kept = HeldOut(first, others[0] if others else None, CUT_OFF, "l2", known=True)
    uncut = kept.with_signal(says(PAPER))
    dark = first.mean().item()
    assert uncut.error(says(PAPER)) == pytest.approx(0, abs=3e-4)
    assert uncut.error(says(dark)) == pytest.approx((PAPER - dark) ** 2, abs=4e-4)
    assert kept.error(says(dark)) < kept.error(says(PAPER))  # what would be believed without
    assert uncut.error(times(1)) == uncut.error(lambda y, s: y.clamp(0, 1))


def test_what_was_cut_off_stays_where_it_says_nothing() -> None:
    first, second = paper_views(2)
    for loss in ("l1", "l0"):
        kept = HeldOut(first, second, CUT_OFF, loss, known=True)
        assert kept.with_signal(says(PAPER)) is kept
    whole = HeldOut(first, second, white_noise(0.12), "l2", known=True)
    assert whole.with_signal(says(PAPER)) is whole


def clean_pictures(count: int = 8, side: int = 96) -> Tensor:
    pictures = np.stack([scene(seed, side, side) for seed in range(count)]) / 255
    return torch.from_numpy(0.2 + 0.6 * pictures).float().permute(0, 3, 1, 2)


@pytest.mark.parametrize("name", ["white", "growing with the signal", "shared by neighbours"])
@pytest.mark.parametrize("c", [1.0, 0.8])
def test_errors_without_views_are_those_at_more_noise(name: str, c: float) -> None:
    noise, clean = NOISES[name], clean_pictures()
    kept = HeldOut(clean + noise.draw(clean, seeded(7)), None, noise, "l2", known=False)
    kept = kept.with_signal(lambda noisy, strength: clean)
    assert (kept.signal is not None) == (name == "growing with the signal")
    noisier = clean + (1 + ALPHA**2) ** 0.5 * noise.draw(clean, seeded(8))
    error = (c * noisier - clean).square().mean().item() + c**2 * (1 + ALPHA**2) * floor_of(noise)
    assert kept.error(times(c)) == pytest.approx(error, rel=0.08)
    assert kept.error(times(c)) == kept.error(times(c))
    assert kept.scored_by == "by recorrupted pairs, up to a constant"
    assert dataclasses.replace(kept, known=True).scored_by == "by recorrupted pairs"


@pytest.mark.parametrize("c", [1.0, 0.8])
def test_errors_with_views_are_those_against_the_truth(c: float) -> None:
    noise, clean = NOISES["all of it"], clean_pictures()
    first, second = (clean + noise.draw(clean, seeded(k)) for k in range(2))
    kept = HeldOut(first, second, noise, "l2", known=True)
    assert kept.error(times(c)) == pytest.approx((c * first - clean).square().mean().item(), rel=0.05)
    assert kept.scored_by == "against the other noisy view, less its noise"


def test_errors_by_median_and_mode_prefer_the_truth_under_outliers() -> None:
    clean = clean_pictures(4)
    spoilt = torch.rand(clean[:, :1].shape, generator=seeded()) < 0.3
    other = torch.where(spoilt, torch.ones(()), clean)
    error = (clean - other).abs()
    losses: tuple[tuple[Loss, float], ...] = (
        ("l1", error.mean().item()),
        ("l0", error.clamp(max=0.1).mean().item()),
    )
    mean = 0.7 * clean + 0.3
    for loss, wanted in losses:
        kept = HeldOut(clean, other, white_noise(0.1), loss, known=True)
        assert kept.error(times(1)) == pytest.approx(wanted)
        assert kept.error(times(1)) < 0.8 * kept.error(lambda y, s: mean)
        assert kept.scored_by == f"against the other noisy view, {loss}"
        assert kept.compare(0.04, 0.03) == "error lower by 25.0 %"


def test_gains_in_words() -> None:
    flat = torch.full((1, 3, 16, 16), 0.5)
    known = HeldOut(flat, flat, white_noise(0.1), "l2", known=True)
    assert known.compare(0.01, 0.001) == "30.00 dB, +10.00 dB"
    assert known.compare(0.001, 0.002) == "26.99 dB, -3.01 dB"
    assert known.error(times(1)) == 0
    assert known.compare(0.0, -0.001) == "80.00 dB, +0.00 dB"
    unknown = dataclasses.replace(known, other=None, known=False)
    assert unknown.compare(0.004, 0.003) == "mean squared error lower by 10.0 % of the noise's power"
    assert unknown.compare(-0.004, -0.005) == unknown.compare(0.004, 0.003)


def numbered_scene(number: int, h: int, w: int, views: int = 1) -> Scene:
    y, x = np.mgrid[:h, :w]
    made = [np.stack([y, x, np.full((h, w), 10 * number + v)], axis=2).astype(np.uint8) for v in range(views)]
    return Scene(str(number), tuple(made))


@pytest.mark.parametrize("views", [1, 2])
def test_crops_kept_aside_do_not_overlap(views: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_out, "SIDE", 32)
    noisy = NoisySet((numbered_scene(0, 70, 250, views), numbered_scene(1, 33, 40, views)))
    kept = hold_out(noisy, white_noise(0.1), "l2", 4)
    crops = (kept.noisy * 255).round().long()
    assert crops.shape[1:] == (3, 32, 32)
    corners = [(int(c[2, 0, 0]) // 10, int(c[0, 0, 0]), int(c[1, 0, 0])) for c in crops]
    assert len(set(corners)) == len(corners) == 6 + 1
    assert all(y % 32 == 0 and x % 32 == 0 for _, y, x in corners)
    assert max(x for _, _, x in corners) >= 128  # over all of the picture
    if views == 1:
        assert kept.other is None
        assert not kept.known
        assert hold_out(noisy, white_noise(0.1), "l2", 4, known=True).known
    else:
        assert kept.known
        assert kept.other is not None
        other = (kept.other * 255).round().long()
        assert torch.equal(other[:, :2], crops[:, :2])
        assert torch.equal(other[:, 2], crops[:, 2] + 1)


def test_at_most_twelve_crops() -> None:
    noisy = NoisySet(tuple(numbered_scene(k, 20, 24) for k in range(20)))
    kept = hold_out(noisy, white_noise(0.1), "l2", 4)
    assert kept.noisy.shape == (12, 3, 20, 20)


@pytest.mark.parametrize("branch", ["gaussian", "blind"])
@pytest.mark.parametrize("gray", [False, True])
def test_what_is_trained_is_what_is_used(branch: Any, gray: bool) -> None:
    backbone = tiny_prior()
    noise = white_noise(0.1, channels=1 if gray else 3)
    noisy = torch.rand(2, 1 if gray else 3, 16, 24, generator=seeded()).expand(2, 3, 16, 24)
    trained = regression(backbone.network, backbone.config, branch, noise)
    for strength in (1.0, 1.25):
        used = as_used(backbone, branch, noise)(noisy, strength)
        assert torch.allclose(trained(noisy, strength), used, atol=1e-5)
    if branch == "gaussian":
        assert not torch.allclose(trained(noisy, 1.0), trained(noisy, 3.0), atol=1e-4)


# --- mutants --------------------------------------------------------------------------------------

test_the_check_finds_the_mutant = mutant_tests(
    {
        check_recorrupted: [
            edited(objectives.recorrupted, "noisy + alpha * fresh,", "noisy + fresh / alpha,"),
            edited(objectives.recorrupted, "(noisy - fresh / alpha)", "(noisy - alpha * fresh)"),
            edited(objectives.recorrupted, "(noisy - fresh / alpha)", "(noisy + fresh / alpha)"),
            edited(objectives.recorrupted, "(1 + alpha**-2) * variance", "(1 + alpha**2) * variance"),
            edited(objectives.recorrupted, "(1 + alpha**-2) * variance", "alpha**-2 * variance"),
        ],
        check_floor: [
            edited(objectives.recorrupted, "variance + floor**2", "variance"),
            edited(objectives.recorrupted, "fresh + white[1]", "fresh + white[0]"),
            edited(objectives.recorrupted, "fresh + white[1]", "fresh"),
            edited(objectives.recorrupted, "noisy + white[0]", "noisy"),
        ],
        check_recorrupted_spectrum: [
            edited(
                objectives.recorrupted,
                "noise.draw(signal, generator)",
                "torch.randn(signal.shape, generator=generator) * 0.1",
            ),
        ],
        check_noise2noise: [
            wrong(
                objectives.noise2noise,
                lambda right: (
                    lambda f, noisy, other, loss, done: right(
                        f, noisy, other, "l2" if loss == "l1" else loss, done=done
                    )
                ),
                "l1 squares the error",
            ),
            wrong(
                objectives.noise2noise,
                lambda right: lambda *views, done: right(*views, done=1 - done),
                "the exponent rises from 0 to 2",
            ),
            wrong(
                objectives.noise2noise,
                lambda right: lambda *views, done: right(*views, done=(1 + done) / 2),
                "the exponent falls from 1 to 0",
            ),
            wrong(
                objectives.noise2noise,
                lambda right: lambda f, noisy, other, loss, done: right(f, noisy, noisy, loss, done=done),
                "compared with the view it sees",
            ),
        ],
        check_sub_images: [
            constant(
                objectives,
                "_NEIGHBOURS",
                ((0, 1), (0, 2), (1, 2), (0, 3), (1, 0), (2, 0), (3, 1), (3, 2)),
            ),
            constant(objectives, "_NEIGHBOURS", 2 * ((0, 1), (0, 2), (1, 3), (2, 3))),
            edited(
                objectives.sub_images,
                ".view(b, c, 4, h // 2, w // 2)",
                ".view(b, 4, c, h // 2, w // 2).transpose(1, 2)",
            ),
        ],
        check_regulariser: [
            edited(
                objectives.neighbor2neighbor, "- (expected_1 - expected_2)", "+ (expected_1 - expected_2)"
            ),
            edited(objectives.neighbor2neighbor, "- (expected_1 - expected_2)", ""),
            edited(objectives.neighbor2neighbor, "torch.no_grad()", "torch.enable_grad()"),
        ],
    }
)
