"""What a training step minimises: the loss of a batch, balanced over tasks and noise levels."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from restore.diffusion import schedule as schedules
from restore.diffusion.coordinates import (
    Prediction,
    eps_from,
    log_snr_of,
    per_picture,
    target,
    to_network,
    v_from,
    x0_from,
)
from restore.priors import backbone as backbones
from restore.priors.backbone import BackboneConfig
from restore.training import bound
from restore.training import loss as losses
from restore.training.batches import TASKS, Batch
from restore.training.config import LossConfig

BINS = 8
"""Parts of the noise axis in which the loss is balanced."""


class Objective:
    """The loss of a batch, as configured.

    Parameters
    ----------
    config : the backbone that is trained.
    loss : what is minimised.
    noise_std : standard deviation of the white noise that the training pictures have, [0, 1] units.
    device : where ``running`` lies, the sums and counts of the losses in each bin, ``(2, tasks, BINS)``.
    """

    def __init__(self, config: BackboneConfig, loss: LossConfig, noise_std: float, device: torch.device):
        self.config, self.loss, self.noise_std = config, loss, noise_std
        self.schedule = schedules.named(config.schedule, config.steps)
        self.running = torch.zeros(2, len(TASKS), BINS, device=device)

    def __call__(
        self, forward: backbones.Network, batch: Batch, *, generator: Generator, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """(the number to minimise, the unweighted loss of each picture ``(b,)``)."""
        config, loss = self.config, self.loss
        clean = to_network(batch.clean, 0.0)
        device = clean.device
        noise = torch.randn(clean.shape, device=device, generator=generator)
        # A noisy picture that is the state itself is the clean one plus sigma times this.
        own = (batch.state - batch.clean) / per_picture(batch.sigma, clean)
        noise = torch.where(per_picture(batch.is_state, clean) > 0, own, noise)
        state, known = losses.noised(clean, noise, batch.sigma), torch.ones_like(batch.sigma)
        if self.noise_std:
            state, known = losses.noised_again(clean, noise, batch.sigma, self.noise_std)
        with torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            predicted, raw = backbones.predict(
                forward, config, state.x_t, batch.planes, batch.sigma, batch.given
            )
        kind = "eps" if loss.kind == "hybrid" else loss.kind
        each = _squared_error(kind, predicted, state, batch.weight) * known.to(predicted)
        weights = torch.ones_like(each)
        if loss.min_snr_gamma:
            weights = losses.min_snr_weight(kind, state.snr, gamma=loss.min_snr_gamma)
        if loss.balance:
            weights = weights / self.balance(batch, each.detach())
        total = (weights * batch.importance * each).mean()
        if loss.kind == "hybrid":
            t = schedules.nearest_timestep(self.schedule, batch.sigma)
            between = backbones.interpolation(raw)
            total = total + bound.hybrid_extra(self.schedule, clean, predicted, between, t).mean()
        return total, each.detach()

    def balance(self, batch: Batch, each: Tensor) -> Tensor:
        """The running mean of the loss in each picture's own (task, noise level) bin, ``(b,)``."""
        level = self._bins(batch.sigma)
        sums = torch.zeros_like(self.running)
        sums[0].index_put_((batch.task, level), each, accumulate=True)
        sums[1].index_put_((batch.task, level), torch.ones_like(each), accumulate=True)
        # Forget over about a hundred pictures of the bin; early on the mean is that of what was seen.
        keep = 0.99 ** sums[1]
        self.running = self.running * keep + sums
        mean = self.running[0] / self.running[1].clamp_min(1e-6)
        return mean[batch.task, level].clamp_min(1e-8)

    def _bins(self, sigma: Tensor) -> Tensor:
        low = log_snr_of(self.config.sigma_max)
        high = log_snr_of(self.config.sigma_min)
        place = (log_snr_of(sigma) - low) / (high - low)
        return (place * BINS).long().clamp(0, BINS - 1)


def _squared_error(kind: Prediction, x0_hat: Tensor, state: losses.Noised, where: Tensor) -> Tensor:
    """The squared error of X0_hat in units of a prediction, averaged where it counts, ``(b,)``."""
    answer = {"v": v_from, "eps": eps_from, "x0": x0_from}[kind]
    wanted = target(kind, state.x0, state.eps, state.a, state.s)
    squared = (answer("x0", state.x_t, x0_hat, state.a, state.s) - wanted).square().mean(1, keepdim=True)
    return (squared * where).sum((1, 2, 3)) / where.sum((1, 2, 3))
