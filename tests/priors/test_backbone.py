"""The backbone: what the network sees, what its output means, and the denoisers it gives."""

from __future__ import annotations

import math
from dataclasses import asdict, replace

import pytest
import torch
from networks import SMALL, random_network, random_planes
from torch import Tensor

from restore.diffusion import samplers
from restore.diffusion.coordinates import Prediction, target
from restore.diffusion.seeds import seeded_rng
from restore.priors.backbone import Backbone, BackboneConfig, predict
from restore.priors.checkpoint import config_from_dict
from restore.priors.condition import UNKNOWN_NOISE, Condition, no_condition
from restore.priors.device import best_device, best_dtype
from restore.priors.unet import UNet

CONFIG = BackboneConfig(network=SMALL)
KINDS: list[Prediction] = ["v", "eps", "x0"]


def backbone(config: BackboneConfig = CONFIG, *, seed: int = 0) -> Backbone:
    return Backbone(random_network(config.network, seed=seed), config)


def scales(sigma: float) -> tuple[float, float]:
    """a and s of a noise level, from their definition."""
    abar = 1 / (1 + 4 * sigma**2)
    return math.sqrt(abar), math.sqrt(1 - abar)


def images(b: int, h: int, w: int, seed: int = 0) -> Tensor:
    return torch.rand(b, 3, h, w, generator=torch.Generator().manual_seed(seed))


# --- one network call -----------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.5 / 255, 0.1, 1.0, 80.0])
def test_network_sees_a_first_guess_the_planes_and_the_log_snr(sigma: float) -> None:
    a, s = scales(sigma)
    x_t, planes, seen = random_planes(2, 3, 4, 4), random_planes(2, 6, 4, 4, seed=1), []

    def network(inputs: Tensor, log_snr: Tensor) -> Tensor:
        seen.append((inputs, log_snr))
        return torch.zeros(2, 3, 4, 4)

    predict(network, CONFIG, x_t, planes, torch.tensor([sigma], dtype=torch.float64))
    ((inputs, log_snr),) = seen
    torch.testing.assert_close(inputs[:, :3], a * x_t + s * s * planes[:, :3])
    assert torch.equal(inputs[:, 3:], planes)
    assert log_snr.item() == pytest.approx(-2 * math.log(2 * sigma), rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sigma", [0.01, 0.3, 20.0])
def test_a_perfect_answer_gives_the_clean_picture(kind: Prediction, sigma: float) -> None:
    a, s = scales(sigma)
    x0, eps = 2 * images(2, 4, 4).double() - 1, random_planes(2, 3, 4, 4, dtype=torch.float64)
    planes = no_condition(x0)
    answer = target(kind, x0, eps, a, s)
    config = replace(CONFIG, prediction=kind)
    sigmas = torch.full((2,), sigma, dtype=torch.float64)
    clean, raw = predict(lambda *_: answer, config, a * x0 + s * eps, planes, sigmas)
    torch.testing.assert_close(clean.double(), x0, rtol=0, atol=1e-4)  # raw outputs are float32
    torch.testing.assert_close(raw, answer.float())


def test_v_is_relative_to_the_hint() -> None:
    """X0 = a x_t + s^2 hint - s F, with the hint in [-1, 1]."""
    a, s = scales(0.7)
    x_t, output, hint = random_planes(1, 3, 4, 4), random_planes(1, 3, 4, 4, seed=1), images(1, 4, 4)
    clean, _ = predict(lambda *_: output, CONFIG, x_t, Condition(hint).planes(), torch.tensor([0.7]))
    torch.testing.assert_close(clean, a * x_t + s * s * (2 * hint - 1) - s * output)


def test_each_picture_has_its_own_level() -> None:
    network = random_network()
    x_t, planes = random_planes(2, 3, 8, 8), random_planes(2, 6, 8, 8, seed=1)
    sigmas = torch.tensor([0.02, 3.0])
    together, _ = predict(network, CONFIG, x_t, planes, sigmas)
    for k in range(2):
        alone, _ = predict(network, CONFIG, x_t[k : k + 1], planes[k : k + 1], sigmas[k : k + 1])
        torch.testing.assert_close(together[k : k + 1], alone, rtol=1e-4, atol=1e-5)


# --- conditions -----------------------------------------------------------------------------------


def test_planes_of_a_condition() -> None:
    hint = images(2, 2, 3)
    known = torch.zeros(2, 1, 2, 3)
    known[..., 0] = 1
    planes = Condition(hint, known=known, noise_std=torch.tensor([0.1, 0.25])).planes()
    assert planes.shape == (2, 6, 2, 3)
    torch.testing.assert_close(planes[:, :3], 2 * hint - 1)
    assert torch.equal(planes[:, 3:4], known)
    assert (planes[:, 4] == 1).all()
    torch.testing.assert_close(planes[:, 5, 0, 0], torch.tensor([0.2, 0.5]))


def test_planes_by_default() -> None:
    planes = Condition(images(1, 2, 2)).planes()[0, 3:, 0, 0]
    assert planes.tolist() == [0, 1, 0]  # nowhere exact, a hint is there, free of noise
    blind = Condition(images(1, 2, 2), noise_std=None).planes()[0, 3:, 0, 0]
    assert blind.tolist() == [0, 1, UNKNOWN_NOISE]
    planes = Condition(images(1, 2, 2), noise_std=0.1).planes()[0, 3:, 0, 0]
    torch.testing.assert_close(planes, torch.tensor([0.0, 1.0, 0.2]))
    assert not no_condition(images(1, 2, 2)).any()


def test_a_condition_of_another_size_is_refused() -> None:
    denoise = backbone().denoiser(Condition(images(1, 8, 10)))
    message = r"the condition is for 1 pictures of 10x8, x holds 1 of 10x9 \(w x h\)"
    with pytest.raises(ValueError, match=message):
        denoise(images(1, 9, 10), 0.1)
    with pytest.raises(ValueError, match="x holds 2 of 10x8"):
        denoise(images(2, 8, 10), 0.1)


# --- denoisers ------------------------------------------------------------------------------------


def test_a_fresh_backbone_in_closed_form() -> None:
    """Where the network answers 0, x0 = (a^2 (2 x - 1) + s^2 hint + 1) / 2."""
    fresh = Backbone(UNet(SMALL), CONFIG)
    x, hint = images(1, 7, 9), images(1, 7, 9, seed=1)
    a, s = scales(0.3)
    expected = (a**2 * (2 * x - 1) + 1) / 2
    torch.testing.assert_close(fresh.denoiser()(x, 0.3), expected)
    with_hint = fresh.denoiser(Condition(hint))(x, 0.3)
    torch.testing.assert_close(with_hint, expected + s**2 * (2 * hint - 1) / 2)


@pytest.mark.parametrize("size", [(37, 31), (1, 1), (8, 8), (3, 50)])
def test_any_size(size: tuple[int, int]) -> None:
    x = images(2, *size)
    result = backbone().denoiser()(x, 0.1)
    assert result.shape == x.shape
    assert torch.isfinite(result).all()


def test_dtype_and_gradients_of_the_caller() -> None:
    denoise = backbone().denoiser()
    result = denoise(images(1, 8, 8).double(), 0.1)
    assert result.dtype == torch.float64
    assert not result.requires_grad
    result += 1  # an ordinary tensor, free to be changed
    x = images(1, 8, 8)
    kept = x.clone()
    denoise(x, 0.1)
    assert torch.equal(x, kept)


@pytest.mark.parametrize("tile", [16, 512])
def test_the_gradient_is_that_of_differences(tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in pieces, which are computed anew one by one."""
    monkeypatch.setattr("restore.priors.backbone.GRADIENT_TILE", tile)
    network = backbone()
    denoise = network.denoiser(Condition(images(1, 37, 31, seed=3)), differentiable=True)
    x, direction, weights = (images(1, 37, 31, seed=seed) - 0.5 for seed in (0, 1, 2))
    x.requires_grad_()
    (gradient,) = torch.autograd.grad((weights * denoise(x, 0.3)).sum(), x)
    with torch.no_grad():
        ahead, behind = denoise(x + 0.001 * direction, 0.3), denoise(x - 0.001 * direction, 0.3)
        assert not ahead.requires_grad
    expected = (weights.double() * (ahead - behind) / 0.002).sum()
    assert (gradient * direction).sum().item() == pytest.approx(expected.item(), rel=2e-3)
    assert all(weight.grad is None for weight in network.network.parameters())
    assert not network.denoiser()(x, 0.3).requires_grad


def test_noise_levels_outside_the_trained_range() -> None:
    config = replace(CONFIG, sigma_min=0.01, sigma_max=2.0)
    denoise, x = backbone(config).denoiser(), images(1, 8, 8)
    assert denoise(x, 0.0) is x
    assert torch.equal(denoise(x, 0.001), denoise(x, 0.01))
    assert torch.equal(denoise(x, 50.0), denoise(x, 2.0))
    assert not torch.equal(denoise(x, 0.01), denoise(x, 2.0))


def test_condition_counts() -> None:
    model, x = backbone(), images(1, 8, 8)
    results = [
        model.denoiser()(x, 0.5),
        model.denoiser(Condition(x))(x, 0.5),
        model.denoiser(Condition(x, known=torch.ones(1, 1, 8, 8)))(x, 0.5),
        model.denoiser(Condition(x, noise_std=None))(x, 0.5),
    ]
    for i, a in enumerate(results):
        assert all((a - b).abs().max() > 1e-4 for b in results[:i])


def test_half_precision_agrees() -> None:
    x = images(1, 16, 16)
    full = backbone().denoiser()(x, 0.1)
    half = backbone().to(dtype=torch.bfloat16)
    assert half.dtype == torch.bfloat16
    result = half.denoiser()(x, 0.1)
    assert result.dtype == torch.float32
    assert 0 < (result - full).abs().max() < 0.02


# --- learned variance -----------------------------------------------------------------------------

LEARNED = BackboneConfig(network=replace(SMALL, outputs=6), learned_variance=True)


def test_variance_lies_between_its_bounds() -> None:
    fresh = Backbone(UNet(LEARNED.network), LEARNED).denoiser()
    x = images(1, 7, 9)
    clean, between = fresh.with_variance(x, 0.3)
    assert between.shape == x.shape
    assert (between == 0.5).all()
    torch.testing.assert_close(clean, fresh(x, 0.3))
    network = random_network(LEARNED.network)
    network.head.bias[12:] = torch.tensor([9.0, -9.0, 0.2]).repeat_interleave(4)
    _, between = Backbone(network, LEARNED).denoiser().with_variance(x, 0.3)
    assert (between[:, 0] == 1).all()
    assert (between[:, 1] == 0).all()
    assert 0 < between[:, 2].mean() < 1


def test_sampler_takes_the_learned_variance() -> None:
    denoise = backbone(LEARNED).denoiser(Condition(images(1, 8, 8)))
    result = samplers.ddpm(denoise, images(1, 8, 8), [0.5, 0.2, 0.0], variance="learned", rng=seeded_rng(0))
    small = samplers.ddpm(denoise, images(1, 8, 8), [0.5, 0.2, 0.0], variance="small", rng=seeded_rng(0))
    assert not torch.equal(result, small)


def test_without_learned_variance_there_is_none() -> None:
    assert not isinstance(backbone().denoiser(), samplers.LearnedVariance)
    assert isinstance(backbone(LEARNED).denoiser(), samplers.LearnedVariance)


# --- configuration --------------------------------------------------------------------------------


def test_planes_follow_from_the_rest() -> None:
    assert (BackboneConfig().network.inputs, BackboneConfig().network.outputs) == (9, 3)
    assert BackboneConfig(learned_variance=True).network.outputs == 6
    with pytest.raises(ValueError, match=r"needs 9 inputs and 3 outputs; got \(12, 3\)"):
        BackboneConfig(network=replace(SMALL, inputs=12))


def test_configuration_survives_json() -> None:
    import json

    for config in (CONFIG, LEARNED, replace(CONFIG, prediction="x0", schedule="cosine", sigma_max=40.0)):
        assert config_from_dict(json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prediction": "score"}, "prediction is one of v, eps, x0; got 'score'"),
        ({"schedule": "quartic"}, "schedule is one of linear, scaled-linear, .*; got 'quartic'"),
        ({"steps": 0}, "steps must be at least 1; got 0"),
        ({"sigma_min": 0.0}, "sigma_min and sigma_max must rise from above 0; got 0.0 and 80.0"),
        ({"sigma_max": 0.001}, "must rise"),
        ({"sigma_max": math.inf}, "must rise"),
        ({"sigma_max": math.nan}, "must rise"),
    ],
)
def test_values_out_of_range_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BackboneConfig(**changes)  # type: ignore[arg-type]


def test_best_choices_can_be_used() -> None:
    device = best_device()
    dtype = best_dtype(device)
    assert dtype in (torch.bfloat16, torch.float32)
    model = backbone().to(device, dtype)
    assert (model.device.type, model.dtype) == (torch.device(device).type, dtype)
    assert torch.isfinite(model.denoiser()(images(1, 8, 8), 0.1)).all()
    assert best_dtype("meta") == torch.float32


@pytest.mark.parametrize(("granted", "expected"), [("1", 1), ("1024", 2), ("", 2), ("all", 2), ("0", 2)])
def test_no_more_threads_are_used_than_openmp_grants(
    granted: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_THREAD_LIMIT", granted)
    try:
        torch.set_num_threads(2)
        backbone()
        assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)
