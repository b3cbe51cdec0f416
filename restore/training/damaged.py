"""A part of a training batch: what is wanted, what the network is shown, and where the loss counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Damaged:
    """Crops with their damage.

    Parameters
    ----------
    clean : what is wanted, ``(b, 3, h, w)`` in [0, 1].
    planes : of the condition, ``(b, 6, h, w)``.
    weight : where the loss counts, ``(b, 1, h, w)``.
    importance : factor of each crop's loss ``(b,)``; None is 1.
    state : noisy pictures that are the network's state themselves, ``(b, 3, h, w)``; the clean ones, or None
        for all, where white noise is drawn.
    sigma : the noise level that the network is called with ``(b,)``; 0, or None for all, where it is drawn.
    """

    clean: Tensor
    planes: Tensor
    weight: Tensor
    importance: Tensor | None = None
    state: Tensor | None = None
    sigma: Tensor | None = None

    def whole(self) -> Damaged:
        """The same with tensors in place of None."""
        one = self.clean[:, 0, 0, 0]
        return replace(
            self,
            importance=torch.ones_like(one) if self.importance is None else self.importance,
            state=self.clean if self.state is None else self.state,
            sigma=torch.zeros_like(one) if self.sigma is None else self.sigma,
        )


def joined(parts: Sequence[Damaged]) -> Damaged:
    """Several parts as one."""
    whole = [part.whole() for part in parts]

    def together(name: str) -> Tensor:
        return torch.cat([getattr(part, name) for part in whole])

    return Damaged(**{name: together(name) for name in Damaged.__dataclass_fields__})


def as_gray(noisy: Tensor, clean: Tensor) -> Tensor:
    """Noisy pictures, gray where the clean ones are: the file of a gray picture has one channel."""
    gray = (clean == clean[:, :1]).flatten(1).all(1)[:, None, None, None]
    return torch.where(gray, noisy[:, :1].expand_as(noisy), noisy)
