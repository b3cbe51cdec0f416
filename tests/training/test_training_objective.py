"""What a training step minimises, from the definitions of the losses."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from networks import SMALL, random_network
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from training_runs import ONLY_PRIOR, batch_of
from training_runs import photographs as photographs

from restore.priors import backbone as backbones
from restore.priors.backbone import BackboneConfig
from restore.training.batches import Batch, Mix
from restore.training.config import DataConfig, LossConfig, OptimConfig, RunConfig, TrainConfig
from restore.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


def trainer_with(loss: LossConfig, backbone: BackboneConfig | None = None, tmp: str = "unused") -> Trainer:
    backbone = backbone or BackboneConfig(network=SMALL)
    run = RunConfig(out=tmp, steps=1, device="cpu", precision="fp32", compile=False)
    config = TrainConfig(DataConfig(("unused",)), backbone, Mix(), loss, OptimConfig(), run)
    trainer = Trainer(config)
    trainer.network.load_state_dict(random_network(backbone.network).state_dict())
    trainer.generator.manual_seed(0)
    return trainer


def errors(trainer: Trainer, batch: Batch) -> tuple[Tensor, Tensor]:
    """(the squared error of X0 where it counts, the noise-to-signal ratio), from their definitions."""
    sigma = batch.sigma.double()
    abar = (1 / (1 + 4 * sigma**2)).view(-1, 1, 1, 1)
    clean = 2 * batch.clean.double() - 1
    eps = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)).double()
    x_t = abar.sqrt() * clean + (1 - abar).sqrt() * eps
    config = trainer.config.backbone
    network = trainer.network.double()
    predicted, _ = backbones.predict(network, config, x_t, batch.planes.double(), sigma)
    trainer.network.float()
    where = batch.weight.bool().expand_as(clean)
    squared = (predicted - clean).square()
    means = torch.stack([e[w].mean() for e, w in zip(squared, where, strict=True)])
    return means.detach(), (abar / (1 - abar)).flatten()


MODERATE = torch.tensor([0.02, 0.05, 0.1, 0.3, 0.5, 1.0, 2.0, 5.0])


@pytest.mark.parametrize("kind", ["v", "eps", "x0"])
@pytest.mark.parametrize("gamma", [0.0, 5.0])
def test_loss_of_each_kind(kind: Any, gamma: float) -> None:
    """|X0 error|^2 in the units of v, 1 + SNR; of eps, SNR; of X0, 1; or min(SNR, gamma) for any kind."""
    batch = dataclasses.replace(batch_of(Mix(0.25, 0.25, 0.25, 0.25)), sigma=MODERATE)
    trainer = trainer_with(LossConfig(kind=kind, min_snr_gamma=gamma, balance=False))
    total, each = trainer.loss(trainer.network, batch)
    x0_errors, snr = errors(trainer, batch)
    units = {"v": 1 + snr, "eps": snr, "x0": torch.ones_like(snr)}[kind]
    torch.testing.assert_close(each.double(), x0_errors * units, rtol=2e-3, atol=1e-6)
    weighted = x0_errors * (snr.clamp(max=gamma) if gamma else units)
    torch.testing.assert_close(total.double(), weighted.mean(), rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("kind", ["v", "eps", "x0"])
@pytest.mark.parametrize("norm", ["l1", "huber"])
def test_norms_of_each_kind(kind: Any, norm: Any) -> None:
    """The norm is of the error in units of what it is of; Huber's is the squared error while it is small."""
    batch = dataclasses.replace(batch_of(ONLY_PRIOR), sigma=MODERATE)
    delta = 0.3 if norm == "huber" else 0.0
    trainer = trainer_with(LossConfig(kind=kind, norm=norm, huber_delta=delta, balance=False))
    output = 0.3 * torch.randn(batch.clean.shape, generator=torch.Generator().manual_seed(1))
    total, each = trainer.loss(lambda planes, log_snr: output, batch)
    sigma = MODERATE.double().view(-1, 1, 1, 1)
    a, s = 1 / (1 + 4 * sigma**2).sqrt(), 2 * sigma / (1 + 4 * sigma**2).sqrt()
    clean = 2 * batch.clean.double() - 1
    eps = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)).double()
    error = s * (output - (a * eps - s * clean)).abs()  # of X0, by the network's v
    error = error * {"v": 1 / s, "eps": a / s, "x0": torch.ones_like(s)}[kind]
    expected = error
    if norm == "huber":
        expected = torch.where(error <= 0.3, error**2, 0.6 * error - 0.09)
        assert (error <= 0.3).any()
        assert (error > 0.3).any()
    torch.testing.assert_close(each.double(), expected.mean((1, 2, 3)), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(total, each.mean())


@pytest.mark.parametrize("prediction", ["v", "eps", "x0"])
def test_loss_does_not_depend_on_what_the_network_answers_with(prediction: Any) -> None:
    """The same picture X0 said in another way costs the same."""
    batch = dataclasses.replace(batch_of(ONLY_PRIOR), sigma=MODERATE)
    backbone = BackboneConfig(network=SMALL, prediction=prediction)
    trainer = trainer_with(LossConfig(balance=False), backbone)
    _, each = trainer.loss(trainer.network, batch)
    x0_errors, snr = errors(trainer, batch)
    torch.testing.assert_close(each.double(), x0_errors * (1 + snr), rtol=2e-3, atol=1e-6)


def test_only_the_hole_counts() -> None:
    batch = dataclasses.replace(batch_of(Mix(0, 0, 1, 0)), sigma=MODERATE)
    trainer = trainer_with(LossConfig(balance=False))
    known = (batch.weight == 0).float()

    def network(shift: Tensor) -> Any:
        return lambda planes, log_snr: 0.1 * planes[:, :3] + shift

    losses_ = []
    for shift in (torch.zeros_like(batch.clean), 7 * known.expand_as(batch.clean), 0.3 * batch.weight):
        trainer.generator.manual_seed(0)
        losses_.append(trainer.loss(network(shift), batch)[1])
    assert torch.equal(losses_[0], losses_[1])
    assert (losses_[0] != losses_[2]).all()


def test_balance_divides_by_the_running_mean() -> None:
    batch = dataclasses.replace(batch_of(ONLY_PRIOR, 4), sigma=torch.tensor([0.02, 0.02, 3.0, 3.0]))
    trainer = trainer_with(LossConfig(balance=True))
    each = torch.tensor([1.0, 3.0, 10.0, 30.0])
    assert trainer.objective.balance(batch, each).tolist() == [2, 2, 20, 20]
    # Two more in each bin: what was seen before counts 0.99^2.
    keep = 0.99**2
    first = (4 * keep + 8) / (2 * keep + 2)
    expected = torch.tensor([first, first, 20.0, 20.0])
    torch.testing.assert_close(trainer.objective.balance(batch, torch.tensor([4.0, 4, 20, 20])), expected)
    upscale = dataclasses.replace(batch, task=torch.ones(4, dtype=torch.long))
    assert trainer.objective.balance(upscale, each).tolist() == [2, 2, 20, 20]  # each task by itself


def test_balanced_losses_are_near_one() -> None:
    trainer = trainer_with(LossConfig(balance=True, kind="eps"))
    total, each = trainer.loss(trainer.network, batch_of(Mix(0.25, 0.25, 0.25, 0.25), 16))
    assert total.item() == pytest.approx(1, rel=1e-4)
    assert each.max() > 10 * each.min()


LEARNED = BackboneConfig(network=dataclasses.replace(SMALL, outputs=6), learned_variance=True)


def test_hybrid_is_the_simple_loss_and_trains_the_variance_beside_it() -> None:
    batch = dataclasses.replace(batch_of(ONLY_PRIOR), sigma=MODERATE)
    hybrid = trainer_with(LossConfig(kind="hybrid", balance=False), LEARNED)
    total, each = hybrid.loss(hybrid.network, batch)
    x0_errors, snr = errors(hybrid, batch)
    torch.testing.assert_close(each.double(), x0_errors * snr, rtol=2e-3, atol=1e-6)
    extra = total - each.mean()
    assert 0 < extra < total
    # What the bound teaches: the planes of the variance, not those of the mean.
    output = torch.zeros(8, 6, 16, 16, requires_grad=True)
    hybrid.generator.manual_seed(0)
    total, each = hybrid.loss(lambda planes, log_snr: output, batch)
    total.backward()
    assert output.grad is not None
    variance = output.grad[:, 3:].clone()
    mean = output.grad[:, :3].clone()
    assert (variance.flatten(1).abs().amax(1) > 0).all()
    alone = trainer_with(LossConfig(kind="eps", balance=False))
    plain = torch.zeros(8, 3, 16, 16, requires_grad=True)
    alone.generator.manual_seed(0)
    alone.loss(lambda planes, log_snr: plain, batch)[0].backward()
    torch.testing.assert_close(mean, plain.grad)


def test_the_error_of_hybrid_is_of_what_is_named() -> None:
    batch = dataclasses.replace(batch_of(ONLY_PRIOR), sigma=MODERATE)
    hybrid = trainer_with(LossConfig(kind="hybrid", simple="v", balance=False), LEARNED)
    _, each = hybrid.loss(hybrid.network, batch)
    x0_errors, snr = errors(hybrid, batch)
    torch.testing.assert_close(each.double(), x0_errors * (1 + snr), rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("learned", [False, True])
def test_vlb_is_the_bound_at_the_nearest_timestep(learned: bool) -> None:
    """T times the divergence of the two Gaussians of Ho et al. (2020), eq. 7, by torch.distributions."""
    batch = dataclasses.replace(batch_of(ONLY_PRIOR), sigma=MODERATE)
    trainer = trainer_with(LossConfig(kind="vlb", balance=False), LEARNED if learned else None)
    output = 0.3 * torch.randn(8, 6 if learned else 3, 16, 16, generator=torch.Generator().manual_seed(1))
    total, each = trainer.loss(lambda planes, log_snr: output, batch)
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    abar = (1 - betas).cumprod(0)
    levels = ((1 - abar) / abar).sqrt() / 2
    clean = 2 * batch.clean.double() - 1
    eps = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)).double()
    for number, sigma in enumerate(MODERATE.double()):
        t = int((levels.log() - sigma.log()).abs().argmin())
        a, s = 1 / (1 + 4 * sigma**2).sqrt(), 2 * sigma / (1 + 4 * sigma**2).sqrt()
        x0, x_t = clean[number], a * clean[number] + s * eps[number]
        x0_hat = a * x_t - s * output[number, :3].double()
        small = betas[t] * (1 - abar[t - 1]) / (1 - abar[t])
        share = (output[number, 3:].double() + 1) / 2 if learned else torch.zeros_like(x0)
        std = (share * betas[t].log() + (1 - share) * small.log()).exp().sqrt()
        weight = betas[t] * abar[t - 1].sqrt() / (1 - abar[t])
        q, p = Normal(weight * x0, small.sqrt()), Normal(weight * x0_hat, std)
        expected = 1000 * kl_divergence(q, p).mean() / math.log(2)
        torch.testing.assert_close(each[number].double(), expected, rtol=1e-3, atol=0)
    torch.testing.assert_close(total, each.mean())


def test_vlb_alone_teaches_the_mean_and_the_variance_where_it_counts() -> None:
    batch = dataclasses.replace(batch_of(Mix(0, 0, 1, 0)), sigma=MODERATE)
    trainer = trainer_with(LossConfig(kind="vlb", balance=True), LEARNED)
    output = torch.zeros(8, 6, 16, 16, requires_grad=True)
    total, _ = trainer.loss(lambda planes, log_snr: output, batch)
    assert total.item() == pytest.approx(1, rel=1e-4)  # balanced
    total.backward()
    assert output.grad is not None
    hole = batch.weight.expand(-1, 3, -1, -1) > 0
    for planes in (output.grad[:, :3], output.grad[:, 3:]):
        assert (planes.flatten(1).abs().amax(1) > 0).all()
        assert planes[~hole].abs().max() == 0


def test_the_bound_of_hybrid_counts_where_the_loss_does_and_as_much() -> None:
    batch = dataclasses.replace(batch_of(Mix(0, 0, 1, 0)), sigma=MODERATE, importance=torch.arange(8.0))
    trainer = trainer_with(LossConfig(kind="hybrid", balance=False), LEARNED)
    output = torch.zeros(8, 6, 16, 16, requires_grad=True)
    trainer.loss(lambda planes, log_snr: output, batch)[0].backward()
    assert output.grad is not None
    variance = output.grad[:, 3:]
    assert variance[batch.weight.expand(-1, 3, -1, -1) == 0].abs().max() == 0
    assert variance[0].abs().max() == 0
    assert (variance[1:].flatten(1).abs().amax(1) > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["hybrid", "vlb"])
def test_the_learned_variance_finds_the_true_one(kind: Any) -> None:
    """With the mean exact the reverse variance is the small one, and where it is far off the large one."""
    batch = dataclasses.replace(batch_of(ONLY_PRIOR, 2), sigma=torch.tensor([0.05, 0.05]))
    found = []
    for error in (0.0, 0.2):
        trainer = trainer_with(LossConfig(kind=kind, balance=False), LEARNED)
        output = nn.Parameter(torch.zeros(1, 3, 1, 1))
        optimizer = torch.optim.Adam([output], lr=0.1)
        clean = 2 * batch.clean - 1
        for _ in range(40):
            trainer.generator.manual_seed(0)
            eps = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
            a, s = 1 / 1.01**0.5, 0.1 / 1.01**0.5
            v = a * eps - s * clean + error / s
            network = lambda planes, log_snr: torch.cat([v, output.expand_as(v)], 1)  # noqa: B023, E731
            optimizer.zero_grad()
            trainer.loss(network, batch)[0].backward()
            optimizer.step()
        found.append(backbones.interpolation(torch.cat([v, output.expand_as(v)], 1)).mean().item())
    assert found[0] < 0.2
    assert found[1] > 0.8
