"""Every loss teaches: a tiny network that learns simple shapes from each of them."""

from __future__ import annotations

import dataclasses
import math
import random
from typing import Any

import pytest
import torch
from networks import SMALL
from perceptual_trunks import random_trunk_file as random_trunk_file
from torch import Tensor

from restore.diffusion.coordinates import signal_and_noise_of, to_network
from restore.priors import backbone as backbones
from restore.priors.backbone import BackboneConfig
from restore.training.batches import Batch, Mix, make_batch
from restore.training.config import DataConfig, LossConfig, OptimConfig, RunConfig, TrainConfig
from restore.training.levels import NoiseLevels
from restore.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

SIDE, CROPS, STEPS = 32, 6, 100
MIX = Mix(
    unconditional=0.8, upscale=0.2, inpaint=0, denoise=0, levels="log-sigma", prior_share=1, sigma_low=0.03,
    top_share=0.2,
)  # fmt: skip


def shapes(n: int, seed: int) -> Tensor:
    """Discs and bars of flat colours on flat grounds, ``(n, 3, SIDE, SIDE)`` in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    ground, ink = (torch.rand(n, 3, 1, 1, generator=generator) for _ in range(2))
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    cy, cx = (SIDE * torch.rand(n, 1, 1, generator=generator) for _ in range(2))
    size = SIDE * (0.15 + 0.2 * torch.rand(n, 1, 1, generator=generator))
    disc = (y - cy).square() + (x - cx).square() < size.square()
    bar = (y - cy).abs() < size / 2
    inside = torch.where(torch.rand(n, 1, 1, generator=generator) < 0.5, disc, bar)
    return torch.where(inside[:, None], ink, ground)


def batch_of_shapes(seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    levels = NoiseLevels(MIX, BackboneConfig())
    return make_batch(shapes(CROPS, seed), MIX, levels, generator=generator, rng=random.Random(seed))


def x0_error(trainer: Trainer) -> float:
    """The squared error of X0 on shapes that are not trained on, at noise levels from 0.05 to 0.4."""
    clean = to_network(shapes(16, 10_001), 0.0)
    sigma = torch.logspace(-1.3, -0.4, 16)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(10_002))
    a, s = (scale.view(-1, 1, 1, 1) for scale in signal_and_noise_of(sigma))
    planes = torch.zeros(16, 6, SIDE, SIDE)
    with torch.no_grad():
        found, _ = backbones.predict(
            trainer.network, trainer.config.backbone, a * clean + s * noise, planes, sigma
        )
    return (found - clean).square().mean().item()


def learned(loss: LossConfig, **backbone: Any) -> tuple[float, float]:
    """(the error at the start, the error after the steps)."""
    network = dataclasses.replace(SMALL, channels=(16, 16))
    config = TrainConfig(
        DataConfig(("unused",), crop=SIDE),
        BackboneConfig(network=network, **{"prediction": "x0", **backbone}),
        MIX,
        loss,
        OptimConfig(lr=1e-2, warmup_steps=10, decay=0.5),
        RunConfig(out="unused", steps=STEPS, device="cpu", precision="fp32", compile=False, ema=(0.9,)),
    )
    trainer = Trainer(config)
    before = x0_error(trainer)
    for step in range(STEPS):
        trainer.generator.manual_seed(step)
        total, _ = trainer.loss(trainer.network, batch_of_shapes(step))
        torch.autograd.backward(total)
        trainer.update_weights()
    return before, x0_error(trainer)


CASES: dict[str, tuple[LossConfig, dict[str, Any]]] = {
    "v": (LossConfig(), {}),
    "v, not balanced": (LossConfig(balance=False), {}),
    "eps": (LossConfig(kind="eps"), {}),
    "eps, not balanced": (LossConfig(kind="eps", balance=False), {}),
    "x0": (LossConfig(kind="x0"), {}),
    "x0 of a network that predicts eps": (LossConfig(kind="x0"), {"prediction": "eps"}),
    "eps of a network that predicts v": (LossConfig(kind="eps", balance=False), {"prediction": "v"}),
    "l1": (LossConfig(norm="l1"), {}),
    "huber": (LossConfig(norm="huber", huber_delta=0.1), {}),
    "min-SNR": (LossConfig(min_snr_gamma=5, balance=False), {}),
    "vlb": (LossConfig(kind="vlb"), {}),
    "vlb, not balanced": (LossConfig(kind="vlb", balance=False), {}),
    "vlb, learned variance": (LossConfig(kind="vlb", balance=False), {"learned_variance": True}),
    "hybrid": (LossConfig(kind="hybrid"), {"learned_variance": True}),
    "hybrid of v by l1": (LossConfig(kind="hybrid", simple="v", norm="l1"), {"learned_variance": True}),
    "ssim": (LossConfig(ssim=0.3), {}),
    "ms_ssim, not balanced": (LossConfig(ms_ssim=0.3, balance=False), {}),
    "lpips": (LossConfig(lpips=0.3), {}),
    "ssim at all levels": (LossConfig(ssim=0.3, picture_sigma=math.inf), {}),
    "lpips of hints": (LossConfig(lpips=0.3, picture_at="hints"), {}),
}


@pytest.mark.slow
@pytest.mark.usefixtures("random_trunk_file")
@pytest.mark.parametrize("name", CASES)
def test_a_tiny_network_learns(name: str) -> None:
    """To 0.05, where no answer has an error of 0.29 and the state scaled by its signal one of 0.10."""
    loss, backbone = CASES[name]
    before, after = learned(loss, **backbone)
    assert before > 0.1
    assert after < 0.05
