"""What the tasks need of a prior."""

from __future__ import annotations

from typing import Any, Protocol, Self

import torch
from torch import Tensor

from restore.diffusion.schedule import Schedule
from restore.priors.condition import Condition
from restore.types import Denoiser


class Prior(Protocol):
    """A diffusion network with its schedule, which gives denoisers.

    `restore.priors.backbone.Backbone` and `restore.priors.foreign.backbone.ForeignBackbone` are two.

    Attributes
    ----------
    facts : what its checkpoint says of it, free form; ``sha256`` is the hash of the weights.
    ensemble : how many orientations of a picture, 1 to 8, every call is the mean of.
    label : number of the class that it is told of, where nothing else is given; None is none.
    calls : network calls since it was loaded; a picture in tiles takes one for each.

    Examples
    --------
    >>> from restore.testing import tiny_prior
    >>> prior: Prior = tiny_prior()
    >>> prior.conditional
    True
    """

    facts: dict[str, Any]
    label: int | None
    ensemble: int
    calls: int

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights."""
        ...

    @property
    def conditional(self) -> bool:
        """Whether it can be shown a `Condition`."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes that it can be told of; empty for none."""
        ...

    @property
    def needs_label(self) -> bool:
        """Whether it gives nothing without a class."""
        ...

    @property
    def sigma_min(self) -> float:
        """The lowest noise level it knows, [0, 1] units."""
        ...

    @property
    def sigma_max(self) -> float:
        """The highest noise level it knows, [0, 1] units."""
        ...

    @property
    def schedule(self) -> Schedule:
        """The DDPM schedule that timesteps are taken from."""
        ...

    @property
    def parameters(self) -> int:
        """How many numbers it has learned."""
        ...

    def denoiser(
        self,
        condition: Condition | None = None,
        *,
        given: Tensor | None = None,
        differentiable: bool = False,
    ) -> Denoiser:
        """Bind a condition and give ``(x, sigma) -> E[x0 | x]``.

        Parameters
        ----------
        condition : what the network is shown beside x; None is the unconditional prior.
        given : what it is told of each picture or of all, ``(b or 1, n)``; classes are one-hot, and zeros are
            nothing. None is its label.
        differentiable : with respect to x.

        Returns
        -------
        A denoiser for x ``(b, 3, h, w)`` of any size.

        Raises
        ------
        WeightsError
            For a condition where it cannot be shown one, and for what it cannot be told.
        """
        ...

    def computed(self, size: tuple[int, int], *, differentiable: bool = False) -> int:
        """Give how many pixels one call computes for a picture of ``size`` (h, w)."""
        ...

    def copy(self, dtype: torch.dtype) -> Self:
        """Give the same in another precision."""
        ...
