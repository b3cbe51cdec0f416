"""Losses of the picture that a prediction amounts to: SSIM, MS-SSIM and LPIPS of its x0.

They are no measures of the distance to a mean. Where the noise leaves much open, E[x0 | x] is blurred; an
estimate that is sharp, but partly of the wrong picture, can be closer by SSIM or LPIPS. A network trained on
that answers with it, and is no posterior mean any more, which samplers take it for. At low noise both are
nearly the same. So the weight of these losses falls with the noise level.
"""

from __future__ import annotations

import torch
from torch import Tensor

from restore.diffusion.coordinates import from_network
from restore.errors import ConfigError, WeightsError
from restore.images.perceptual import Lpips
from restore.images.similarity import ms_ssim, ssim
from restore.training.batches import Batch
from restore.training.config import LossConfig


class PictureLoss:
    """The weighted sum of 1 - SSIM, 1 - MS-SSIM and LPIPS, as configured.

    Parameters
    ----------
    loss : weights of the three, and at which noise levels they count.
    device : where LPIPS is computed.

    Raises
    ------
    ConfigError
        When LPIPS is asked for and the weights of its network are not found.

    References
    ----------
    H. Zhao, O. Gallo, I. Frosio, J. Kautz, "Loss Functions for Image Restoration with Neural Networks", 2017,
    arXiv:1511.08861.
    R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018,
    arXiv:1801.03924.
    """

    def __init__(self, loss: LossConfig, device: torch.device):
        self.loss = loss
        self.lpips = _lpips(loss.lpips, device) if loss.lpips else None

    def __call__(self, x0_hat: Tensor, batch: Batch) -> Tensor:
        """Give the loss of each picture.

        Parameters
        ----------
        x0_hat : estimates ``(b, 3, h, w)`` in the network's coordinates, [-1, 1].
        batch : what they are estimates of.

        Returns
        -------
        Tensor
            ``(b,)``, times the weight of the noise level.
        """
        loss, clean = self.loss, batch.clean
        # Where the estimate does not count, nobody will see it: the picture is known there.
        shown = torch.where(batch.weight > 0, from_network(x0_hat, 0.0), clean)
        each = torch.zeros_like(batch.sigma)
        if loss.ssim:
            each = each + loss.ssim * (1 - ssim(shown, clean, where=batch.weight))
        if loss.ms_ssim:
            each = each + loss.ms_ssim * (1 - ms_ssim(shown, clean, where=batch.weight))
        if self.lpips:
            each = each + loss.lpips * self.lpips.loss(shown, clean, where=batch.weight)
        return self.level_weight(batch) * each

    def level_weight(self, batch: Batch) -> Tensor:
        """Give what the loss counts at the noise level of each picture, ``(b,)``, 0 to 1."""
        weight = level_weight(batch.sigma, self.loss.picture_sigma)
        if self.loss.picture_at == "hints":
            hinted = (batch.task > 0) & ~batch.is_state
            weight = torch.where(hinted, torch.ones_like(weight), weight)
        return weight


def level_weight(sigma: Tensor, half: float) -> Tensor:
    """Give the weight ``1 / (1 + (sigma / half)^2)`` of a loss of pictures.

    Parameters
    ----------
    sigma : noise levels ``(b,)``, [0, 1] units.
    half : the level at which the weight is a half, above 0; infinity for 1 everywhere.

    Returns
    -------
    Tensor
        ``(b,)``, 0 to 1.

    Examples
    --------
    >>> level_weight(torch.tensor([0.0, 0.1, 1.0]), 0.1)
    tensor([1.0000, 0.5000, 0.0099])
    """
    return 1 / (1 + (sigma / half).square())


def _lpips(weight: float, device: torch.device) -> Lpips:
    try:
        return Lpips().to(device)
    except WeightsError as error:
        raise ConfigError(f"loss.lpips is {weight:g}, but {error}; or set loss.lpips to 0") from None
