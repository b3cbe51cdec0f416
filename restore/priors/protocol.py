"""What the tasks ask of a prior: our backbone and other people's networks fulfil it."""

from __future__ import annotations

from typing import Any, Protocol, Self

import torch

from restore.diffusion.schedule import Schedule
from restore.priors.condition import Condition
from restore.types import Denoiser


class Prior(Protocol):
    """A diffusion network with its schedule, which gives denoisers.

    Attributes
    ----------
    facts : what its checkpoint says of it, free form; ``sha256`` is the hash of the weights.
    ensemble : how many orientations of a picture, 1 to 8, every call is the mean of.
    calls : network calls since it was loaded; a picture in tiles takes one for each.
    conditional : whether it can be shown a `Condition`.
    sigma_min, sigma_max : the noise levels that it knows, [0, 1] units.
    schedule : the DDPM schedule that timesteps are taken from.
    parameters : how many numbers it has learned.
    """

    facts: dict[str, Any]
    ensemble: int
    calls: int

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> torch.dtype: ...

    @property
    def conditional(self) -> bool: ...

    @property
    def sigma_min(self) -> float: ...

    @property
    def sigma_max(self) -> float: ...

    @property
    def schedule(self) -> Schedule: ...

    @property
    def parameters(self) -> int: ...

    def denoiser(self, condition: Condition | None = None, *, differentiable: bool = False) -> Denoiser:
        """Bind a condition (None: the unconditional prior) and give ``(x, sigma) -> E[x0 | x]``.

        x ``(b, 3, h, w)`` of any size. differentiable: with respect to x. Raises WeightsError for a condition
        where it cannot be shown one.
        """
        ...

    def computed(self, size: tuple[int, int], *, differentiable: bool = False) -> int:
        """How many pixels one call computes for a picture of ``size`` (h, w)."""
        ...

    def copy(self, dtype: torch.dtype) -> Self:
        """The same in another precision."""
        ...
