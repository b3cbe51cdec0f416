"""Modules that hold a prior, and the prior itself as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from restore.priors.checkpoint import shipped
from restore.priors.device import best_device, best_dtype
from restore.priors.posterior_mean import levels_in, posterior_mean
from restore.priors.protocol import Prior
from restore.tasks.any_kind import prior_of
from restore.types import from_255


class PriorModule(nn.Module):
    """A module that holds a prior, which moves with it.

    Parameters
    ----------
    prior : the network, as `restore.load` gives it; None is that in the package.
    device, dtype : where and in what precision that in the package is computed; None is the best there is.

    Raises
    ------
    TypeError, ValueError
        For what is no network, and for a device or a precision beside one, which has its own.

    Examples
    --------
    >>> from restore.testing import tiny_prior
    >>> tiny = tiny_prior()
    >>> PriorModule(tiny).double().prior.dtype, tiny.dtype
    (torch.float64, torch.float32)
    """

    def __init__(
        self,
        prior: Prior | None = None,
        *,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        if prior is not None:
            prior_of(prior, device, dtype)
        self._prior, self._device, self._dtype = prior, device, dtype

    @property
    def prior(self) -> Prior:
        """The network."""
        if self._prior is not None:
            return self._prior
        prior: Prior | None = prior_of(None, self._device, self._dtype)
        return prior or shipped()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move the prior as ``to``, ``half`` and the like move tensors: it holds no tensors of its own."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        prior = self._prior
        device = prior.device if prior is not None else torch.device(self._device or best_device())
        dtype = prior.dtype if prior is not None else self._dtype or best_dtype(device)
        before = torch.empty(0, device=device, dtype=dtype)
        after = fn(before)
        if prior is None:
            self._device = self._device if after.device == before.device else after.device
            self._dtype = self._dtype if after.dtype == before.dtype else after.dtype
        elif (after.device, after.dtype) != (before.device, before.dtype):
            self._prior = _moved(prior, after)
        return self

    def extra_repr(self) -> str:
        """What it was made with."""
        own = {"prior": None if self._prior is None else type(self._prior).__name__}
        said = own | {"device": self._device, "dtype": self._dtype}
        return ", ".join(f"{name}={value}" for name, value in said.items() if value is not None)


def _moved(prior: Prior, like: Tensor) -> Prior:
    """A copy of a prior in the precision and on the device of a tensor. Raises TypeError."""
    copy = prior.copy(like.dtype)
    if copy.device == like.device:
        return copy
    if not hasattr(copy, "to"):
        raise TypeError(f"{type(prior).__name__} has no method `to`; load it on {like.device}")
    moved: Prior = copy.to(like.device)
    return moved


class PosteriorMean(PriorModule):
    """The clean picture that is expected of one with white noise: the prior itself, differentiable.

    Unlike `Denoise` it measures nothing, does not care for what was cut off at black and white, and gives a
    gradient with respect to the picture: for losses, for solvers that differentiate the prior, and to train
    what comes before it.

    Parameters
    ----------
    sigma : noise level, 0 to 255; None where each call says it.
    prior, device, dtype : as for `PriorModule`.

    Examples
    --------
    >>> from restore.testing import tiny_prior
    >>> x = torch.rand(2, 3, 8, 8, requires_grad=True)
    >>> PosteriorMean(sigma=25, prior=tiny_prior())(x).mean().backward()
    >>> bool(x.grad.abs().sum() > 0)
    True
    """

    def __init__(
        self,
        sigma: float | None = None,
        *,
        prior: Prior | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__(prior, device=device, dtype=dtype)
        self.sigma = sigma

    def forward(self, x: Tensor, sigma: float | Tensor | None = None) -> Tensor:
        """Give ``E[x0 | x]`` as `restore.priors.posterior_mean.posterior_mean` does.

        Parameters
        ----------
        x : floats ``(b, 3, h, w)`` or gray ``(b, 1, h, w)``, nominal range [0, 1].
        sigma : noise level, 0 to 255; one for all, or ``(b,)``. None is the module's own.

        Raises
        ------
        ValueError
            Without a noise level, and as `posterior_mean`.
        """
        level = self.sigma if sigma is None else sigma
        if level is None:
            raise ValueError(
                "expected a noise level, got none; make PosteriorMean(sigma=25), or pass it beside x"
            )
        return posterior_mean(self.prior, x, levels_in(level) * from_255(1))

    def extra_repr(self) -> str:
        """What it was made with."""
        return ", ".join(filter(None, [f"sigma={self.sigma}", super().extra_repr()]))
