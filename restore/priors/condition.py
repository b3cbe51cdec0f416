"""What a conditional network sees beside the noisy picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

# Planes beside the noisy picture: the hint (3), known (1), hint present (1), claimed noise of the hint (1).
CONDITION_PLANES = 6
UNKNOWN_NOISE = -1.0
PAGE = -2.0  # what the plane of the claimed noise says where a page is to be cleaned


@dataclass(frozen=True)
class Condition:
    """What a conditional backbone sees beside x.

    Parameters
    ----------
    hint : ``(b, 3, h, w)`` in [0, 1]: an enlarged, a noisy or a filled picture.
    known : ``(b, 1, h, w)``, 1 where the hint is exact; None is nowhere.
    noise_std : standard deviation of the noise in the hint, [0, 1] units, one number, one for each picture
        ``(b,)`` or a map ``(b, 1, h, w)``; None is unknown (blind).
    noisy : the hint is a noisy picture; the network is called with its adapters for noise, if it has any.
    adapted : the share of the change by these adapters, 0 to 1.
    is_state : the state itself is the noisy hint, so that the planes stay empty.
    page : the hint is a scanned page, of which the ink is wanted on even paper; noise_std is not used.

    Examples
    --------
    >>> Condition(torch.full((1, 3, 4, 4), 0.5), noise_std=0.1).planes()[0, :, 0, 0]
    tensor([0.0000, 0.0000, 0.0000, 0.0000, 1.0000, 0.2000])
    """

    hint: Tensor
    known: Tensor | None = None
    noise_std: float | Tensor | None = 0.0
    noisy: bool = False
    adapted: float = 1.0
    is_state: bool = False
    page: bool = False

    def planes(self) -> Tensor:
        """Give the planes ``(b, 6, h, w)`` that the network sees: hint in [-1, 1], known, present, noise."""
        if self.is_state:
            return no_condition(self.hint)
        one = torch.ones_like(self.hint[:, :1])
        known = one * 0 if self.known is None else self.known
        level = UNKNOWN_NOISE if self.noise_std is None else 2 * self.noise_std
        if self.page:
            level = PAGE
        if isinstance(level, Tensor):
            level = level.to(one).view(-1, 1, 1, 1) if level.ndim == 1 else level.to(one)
        return torch.cat([2 * self.hint - 1, known, one, one * level], dim=1)


def no_condition(like: Tensor) -> Tensor:
    """Give planes of zeros, with which the same weights are the unconditional prior."""
    return like.new_zeros(like.shape[0], CONDITION_PLANES, *like.shape[-2:])


def smooth_signal(hint: Tensor) -> Tensor:
    """Give the brightness ``(b, 1, h, w)`` of noisy pictures by which the level of their noise is told."""
    gray = hint.mean(1, keepdim=True)
    return F.avg_pool2d(F.pad(gray, (3, 3, 3, 3), mode="replicate"), 7, 1).clamp(0, 1)
