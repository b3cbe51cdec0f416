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
from restore.training.picture_loss import PictureLoss

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

    Raises
    ------
    ConfigError
        When LPIPS is asked for and the weights of its network are not found.
    """

    def __init__(self, config: BackboneConfig, loss: LossConfig, noise_std: float, device: torch.device):
        self.config, self.loss, self.noise_std = config, loss, noise_std
        self.schedule = config.diffusion
        self.running = torch.zeros(2, len(TASKS), BINS, device=device)
        self.pictures = PictureLoss(loss, device) if loss.of_pictures else None

    def __call__(
        self, forward: backbones.Network, batch: Batch, *, generator: Generator, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        """(the number to minimise, the unweighted loss of each picture ``(b,)``).

        The second is of ``loss.kind`` alone, without the bound of hybrid and the losses of pictures.
        """
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
        each, weights = self._each(state, predicted, raw, batch)
        each = each * known.to(each)
        if loss.balance:
            weights = weights / self.balance(batch, each.detach())
        total = (weights * batch.importance * each).mean()
        # Beside the balanced loss, with the weights that they are given: their levels are chosen already.
        if loss.kind == "hybrid":
            total = total + (batch.importance * self._hybrid_extra(clean, predicted, raw, batch)).mean()
        if self.pictures:
            total = total + (batch.importance * self.pictures(predicted, batch)).mean()
        return total, each.detach()

    def _each(
        self, state: losses.Noised, predicted: Tensor, raw: Tensor, batch: Batch
    ) -> tuple[Tensor, Tensor]:
        """(the loss of each picture without those beside it, its weight by min-SNR), both ``(b,)``."""
        loss = self.loss
        if loss.kind == "vlb":
            t = self._timestep(batch)
            if self.config.learned_variance:
                between = backbones.interpolation(raw)
                log_variance = bound.learned_log_variance(self.schedule, t, between)
            else:
                log_variance = bound.fixed_log_variance(self.schedule, t, "small")
            each = bound.vlb(self.schedule, state.x0, predicted, t, log_variance, batch.weight)
            return each, torch.ones_like(each)
        kind = loss.simple if loss.kind == "hybrid" else loss.kind
        error = _error(kind, predicted, state)
        each = _mean_where(losses.penalty(error, loss.norm, delta=loss.huber_delta), batch.weight)
        if loss.min_snr_gamma:
            return each, losses.min_snr_weight(kind, state.snr, gamma=loss.min_snr_gamma)
        return each, torch.ones_like(each)

    def _hybrid_extra(self, clean: Tensor, predicted: Tensor, raw: Tensor, batch: Batch) -> Tensor:
        between = backbones.interpolation(raw)
        t = self._timestep(batch)
        return bound.hybrid_extra(self.schedule, clean, predicted, between, t, batch.weight)

    def _timestep(self, batch: Batch) -> Tensor:
        """The timestep of each picture for the bound, ``(b,)``: that of the nearest noise level.

        A term of the bound is of a state at exactly the level of its timestep. The state itself adds the same
        to both means and drops out. What is left of the small difference is that x0 was estimated at a
        neighbouring level.
        """
        return schedules.nearest_timestep(self.schedule, batch.sigma)

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


def _error(kind: Prediction, x0_hat: Tensor, state: losses.Noised) -> Tensor:
    """The error of X0_hat in units of a prediction, ``(b, 3, h, w)``."""
    answer = {"v": v_from, "eps": eps_from, "x0": x0_from}[kind]
    wanted = target(kind, state.x0, state.eps, state.a, state.s)
    return answer("x0", state.x_t, x0_hat, state.a, state.s) - wanted


def _mean_where(errors: Tensor, where: Tensor) -> Tensor:
    """The mean over the pixels that count, ``(b,)``."""
    return (errors.mean(1, keepdim=True) * where).sum((1, 2, 3)) / where.sum((1, 2, 3))
