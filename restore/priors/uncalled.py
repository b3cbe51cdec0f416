"""A prior that is asked for everything but a network call: what a run would refuse, without the run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from torch import Tensor

from restore.diffusion.samplers import LearnedVariance
from restore.priors.backbone import VarianceDenoiser
from restore.priors.condition import Condition
from restore.priors.protocol import Prior
from restore.priors.recording import Recording
from restore.types import Denoiser


class CalledError(Exception):
    """The first network call is reached: everything before it has gone well."""


class Uncalled(Recording):
    """A prior whose denoisers are checked and bound as ever, but raise `CalledError` when they are called.

    Parameters
    ----------
    prior : any prior.
    """

    def denoiser(
        self,
        condition: Condition | None = None,
        *,
        given: Tensor | None = None,
        differentiable: bool = False,
    ) -> Denoiser:
        """Bind a condition; takes and raises what that of the prior does."""
        bound = self._prior.denoiser(condition, given=given, differentiable=differentiable)
        if isinstance(bound, LearnedVariance):
            return VarianceDenoiser(_called)
        return lambda x, sigma: x if sigma <= 0 else _called(x, sigma)


def _called(x: Tensor, sigma: float) -> NoReturn:
    raise CalledError


def until_called(run: Callable[[Prior], object], prior: Prior) -> None:
    """Run a task up to its first network call.

    Parameters
    ----------
    run : takes a prior; what it raises before the first call is raised.
    prior : any prior.

    Examples
    --------
    >>> from restore import sample
    >>> from restore.testing import tiny_prior
    >>> until_called(lambda prior: sample(size=(8, 12), prior=prior), tiny_prior())
    >>> until_called(lambda prior: sample(size=(8, 12), label=3, prior=prior), tiny_prior())
    Traceback (most recent call last):
    restore.errors.WeightsError: these weights know no classes, got label 3; leave the label out
    """
    with suppress(CalledError):
        run(Uncalled(prior))
