"""The noise levels that a training step sees: timesteps of the schedule, or even in log sigma."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Generator, Tensor

from restore.diffusion.sigmas import known_levels
from restore.priors.backbone import BackboneConfig

if TYPE_CHECKING:
    from restore.training.batches import Mix

Spacing = Literal["schedule", "importance", "log-sigma"]
SPACINGS: tuple[Spacing, ...] = get_args(Spacing)
PARTS = 50  # of the timesteps, each with a loss of its own for importance sampling
FORGET = 0.99  # how much of what is known of a part stays when another loss of it is seen
UNIFORM = 0.05  # share of the draws that are uniform whatever the losses, so that no part is forgotten


class NoiseLevels:
    """Draws noise levels for the crops of a batch.

    ``schedule``: timesteps t of the backbone's schedule, uniform, as in [1]_. ``importance``: the same ones
    with probabilities p proportional to the root of the mean square of their losses, each loss weighted by
    1/(T p), which leaves the expected loss as it is and makes its gradient less noisy [2]_. ``log-sigma``:
    even in log sigma from the lowest to the middle level of the mix, with few draws beyond.

    Parameters
    ----------
    mix : its ``levels`` and shares.
    backbone : its schedule, and the lowest and the highest noise level.
    device : where ``squares`` lies, sums and counts of the squared losses in each part, ``(2, parts)``.

    References
    ----------
    .. [1] J. Ho, A. Jain, P. Abbeel (2020). Denoising diffusion probabilistic models. arXiv:2006.11239,
       algorithm 1.
    .. [2] A. Nichol, P. Dhariwal (2021). Improved denoising diffusion probabilistic models. arXiv:2102.09672,
       eq. 18.
    """

    def __init__(self, mix: Mix, backbone: BackboneConfig, device: torch.device | str = "cpu"):
        self.mix, self.top = mix, backbone.sigma_max
        self.parts = PARTS
        self.timesteps: Tensor | None = None
        if mix.levels != "log-sigma":
            known = known_levels(backbone.diffusion, lowest=backbone.sigma_min, highest=backbone.sigma_max)
            self.timesteps = torch.tensor(known, dtype=torch.float32, device=device)
            self.top, self.parts = known[-1], min(PARTS, len(known))
        self.squares = torch.zeros(2, self.parts, device=device)

    def draw(self, n: int, *, prior: bool, generator: Generator | None) -> tuple[Tensor, Tensor]:
        """Noise levels ``(n,)`` in [0, 1] units, and the weights of their losses ``(n,)``.

        They are stratified over the batch, so that every step sees the whole range.

        Parameters
        ----------
        n : how many.
        prior : for the unconditional part; else a share of ``top_share`` is at the highest level.
        generator : draws on the device of ``squares``.
        """
        device = self.squares.device
        u = torch.rand(n, device=device, generator=generator)
        strata = (torch.arange(n, device=device) + u) / n
        strata = strata[torch.randperm(n, device=device, generator=generator)]
        choose = torch.rand(n, device=device, generator=generator)
        ones = torch.ones_like(strata)
        if self.timesteps is None:
            return self._by_log_sigma(strata, choose, prior), ones
        place, weights = strata, ones
        if self.mix.levels == "importance":
            place, weights = self._by_importance(strata)
        t = (place * len(self.timesteps)).long().clamp_max(len(self.timesteps) - 1)
        at_top = (choose < self.mix.top_share) & (not prior)
        return torch.where(at_top, self.timesteps[-1], self.timesteps[t]), torch.where(at_top, ones, weights)

    def learn(self, sigma: Tensor, losses: Tensor) -> None:
        """Note the losses ``(b,)`` of pictures at their levels ``(b,)``, for importance sampling."""
        if self.mix.levels != "importance" or self.timesteps is None:
            return
        t = (torch.bucketize(sigma.float(), self.timesteps * (1 - 1e-5), right=True) - 1).clamp_min(0)
        parts = (t * self.parts) // len(self.timesteps)
        seen = torch.zeros_like(self.squares)
        seen[0].index_put_((parts,), losses.float() ** 2, accumulate=True)
        seen[1].index_put_((parts,), torch.ones_like(losses, dtype=torch.float32), accumulate=True)
        self.squares = self.squares * FORGET ** seen[1] + seen

    def _by_log_sigma(self, strata: Tensor, choose: Tensor, prior: bool) -> Tensor:
        mix = self.mix
        low, mid, top = math.log(mix.sigma_low), math.log(mix.sigma_mid), math.log(self.top)
        if prior:
            useful = low + (mid - low) * strata
            return torch.where(choose < mix.prior_share, useful, mid + (top - mid) * strata**2).exp()
        everywhere = low + (top - low) * strata  # without a gap below the top, or samples go astray there
        return torch.where(choose < mix.top_share, torch.full_like(strata, top), everywhere).exp()

    def _by_importance(self, strata: Tensor) -> tuple[Tensor, Tensor]:
        """Places ``(n,)`` on the timesteps, 0 to 1, and weights; uniform until every part has a loss."""
        sums, counts = self.squares
        known = counts.min() > 0
        roots = torch.where(known, (sums / counts.clamp_min(1e-6)).sqrt(), torch.ones_like(sums))
        shares = UNIFORM / self.parts + (1 - UNIFORM) * roots / roots.sum().clamp_min(1e-30)
        ends = shares.cumsum(0)
        part = torch.bucketize(strata, ends).clamp_max(self.parts - 1)
        inside = (strata - (ends[part] - shares[part])) / shares[part]
        return (part + inside.clamp(0, 1)) / self.parts, 1 / (self.parts * shares[part])
