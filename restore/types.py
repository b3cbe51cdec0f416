"""Names and units, the same everywhere in the package.

====================  =============================================================================
image                 float32 tensor ``(b, 3, h, w)``, RGB, nominal range [0, 1]
sigma                 noise level of a state x, standard deviation in the same [0, 1] units
noise_std             noise in a measurement or a hint, standard deviation in the same [0, 1] units
x                     noisy state ``x = x0 + sigma * n`` (variance-exploding coordinates)
hole                  ``(b, 1, h, w)``, 1 where content must be invented; ``known = 1 - hole``
estimate              ``mean`` (posterior mean, best PSNR) or ``sample`` (a draw, best LPIPS)
====================  =============================================================================

Users give noise on the 0..255 scale, where the argument or option is called sigma, too; `from_255` turns it
into noise_std where a task begins, and `to_255` turns it back in what users are shown.

The DDPM's own coordinates (``t``, betas, alphas_cumprod, pictures in [-1, 1]) live in
``restore.diffusion``, the backbone and training only. The relation between the two::

    sigma = sqrt((1 - abar) / abar) / 2          abar = 1 / (1 + 4 sigma^2)
    x_t   = (2 x - 1) * sqrt(abar)               log SNR = -2 log(2 sigma)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Estimate = Literal["mean", "sample"]
Denoiser = Callable[["Tensor", float], "Tensor"]
"""``denoise(x, sigma) -> E[x0 | x]``, all that samplers need of a network. sigma is a plain float."""

Rng = Callable[["Tensor"], "Tensor"]
"""``rng(like) -> z``: fresh standard normal numbers of the shape, dtype and device of ``like``."""

Progress = Callable[[int, int], None]
"""``progress(done, total)`` is called after every network call."""


@dataclass(frozen=True, eq=False)
class Step:
    """One network call of a task, as a callback is told of it.

    Parameters
    ----------
    number : of the call, from 1; of a list of pictures all calls are counted.
    total : how many calls there will be. Where a call decides what is done next it may grow, and with it the
        number.
    sigma : the noise level of the state, [0, 1] units.
    estimate : E[x0 | x] ``(b, 3, h, w)``, what the network takes for the clean picture, nominal range [0, 1].
        A copy, to be kept or changed. Of holes it is their surroundings, at the size that is being filled.
    picture : which of a list of pictures it belongs to, from 0.
    """

    number: int
    total: int
    sigma: float
    estimate: Tensor
    picture: int = 0


Callback = Callable[[Step], None]
"""``callback(step)`` is called after every network call; what it raises ends the task."""


def from_255(sigma: float) -> float:
    """Give a noise level on the 0..255 scale, as users write it, in the [0, 1] units used inside.

    Examples
    --------
    >>> from_255(51.0)
    0.2
    """
    return sigma / 255


def to_255(value: float) -> float:
    """Give a level in [0, 1] units on the 0..255 scale, as users are shown it.

    Examples
    --------
    >>> to_255(0.2)
    51.0
    """
    return 255 * value
