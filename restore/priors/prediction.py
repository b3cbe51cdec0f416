"""What a backbone is, and what one call of its network says of a picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import get_args

import torch
from torch import Tensor

from restore.diffusion import schedule as schedules
from restore.diffusion.coordinates import (
    Prediction,
    log_snr_of,
    per_picture,
    signal_and_noise_of,
    x0_from,
)
from restore.diffusion.schedule import Schedule
from restore.priors.condition import CONDITION_PLANES
from restore.priors.limits import Limit, check_fields
from restore.priors.unet import UNetConfig

MOST_STEPS = 100_000  # of a schedule
LIMITS = {
    "prediction": Limit(40),
    "schedule": Limit(40),
    "steps": Limit(MOST_STEPS),
    "beta_start": Limit(1e6, finite=False),
    "beta_end": Limit(1e6, finite=False),
    "sigma_min": Limit(1e6, finite=False),
    "sigma_max": Limit(1e6, finite=False),
    "labels": Limit(200, count=65_536, printable=True),
}

Network = Callable[..., Tensor]
"""``network(planes, log_snr) -> raw output``, a module or a function around one.

One that is told of a picture is called ``network(planes, log_snr, given)``.
"""


@dataclass(frozen=True)
class BackboneConfig:
    """What a checkpoint needs to be rebuilt.

    Parameters
    ----------
    network : shape of the network; its planes follow from the rest.
    prediction : what the network's output means: ``v``, ``eps`` or ``x0``.
    learned_variance : whether there are three more output planes, for the interpolation of Nichol and
        Dhariwal (2021), arXiv:2102.09672, eq. 15.
    schedule, steps : the DDPM schedule that timesteps are taken from, of 1 to 100000 steps; see
        `restore.diffusion.schedule`.
    beta_start, beta_end : the first and the last beta of the schedule; 0 for its own.
    sigma_min, sigma_max : the noise levels the network was trained on, [0, 1] units, up to 1e6.
    labels : the names of the classes it was trained on, which are told as one-hot vectors; up to 65536 of up
        to 200 characters, empty for none.

    Raises
    ------
    ValueError
        For values out of range.

    Examples
    --------
    >>> BackboneConfig(prediction="eps", steps=100).network.inputs
    9
    """

    network: UNetConfig = field(default_factory=UNetConfig)
    prediction: Prediction = "v"
    learned_variance: bool = False
    schedule: str = "linear"
    steps: int = 1000
    beta_start: float = 0.0
    beta_end: float = 0.0
    sigma_min: float = 0.5 / 255
    sigma_max: float = 80.0
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self, LIMITS)
        if self.prediction not in get_args(Prediction):
            raise ValueError(f"prediction is one of v, eps, x0; got {self.prediction!r}")
        if self.schedule not in schedules.SCHEDULES:
            raise ValueError(f"schedule is one of {', '.join(schedules.SCHEDULES)}; got {self.schedule!r}")
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1; got {self.steps}")
        self.diffusion  # noqa: B018  (raises for betas that make no schedule)
        if not 0 < self.sigma_min < self.sigma_max < math.inf:
            raise ValueError(
                f"sigma_min and sigma_max must rise from above 0; got {self.sigma_min} and {self.sigma_max}"
            )
        planes = (3 + CONDITION_PLANES, 6 if self.learned_variance else 3)
        asked = (self.network.inputs, self.network.outputs)
        if asked not in (planes, (UNetConfig.inputs, UNetConfig.outputs)):
            raise ValueError(f"the network needs {planes[0]} inputs and {planes[1]} outputs; got {asked}")
        count = len(self.labels)
        if len(set(self.labels)) < count:
            raise ValueError(f"{count} labels are no more than {len(set(self.labels))}: some are there twice")
        if count and self.network.given not in (0, count):
            raise ValueError(f"{count} labels are told by as many numbers; got {self.network.given}")
        # The planes follow from the rest, so nobody has to count them.
        given = count or self.network.given
        network = replace(self.network, inputs=planes[0], outputs=planes[1], given=given)
        object.__setattr__(self, "network", network)

    @cached_property
    def diffusion(self) -> Schedule:
        """The DDPM schedule."""
        return schedules.with_betas(self.schedule, self.steps, self.beta_start, self.beta_end)


def predict(
    network: Network,
    config: BackboneConfig,
    x_t: Tensor,
    planes: Tensor,
    sigma: Tensor,
    given: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Make one network call.

    The network sees a first guess and answers, with v prediction, what is wrong with it; a, s are the signal
    and noise scales of the level::

        guess = a x_t + s^2 hint            X0 = guess - s F            that is, v = F - s hint

    The state is scaled by its Wiener factor a, so that pure noise does not swamp the hint; at high noise F
    is the residual to the hint, and the filters that clean a noisy picture also sharpen a hint. Without a
    hint that is plain v prediction.

    Parameters
    ----------
    network : a module, or a function around one.
    config : that of the network.
    x_t : states ``(b, 3, h, w)`` in DDPM coordinates.
    planes : those of a `Condition`, ``(b, 6, h, w)``.
    sigma : noise levels ``(b,)`` or ``(1,)``, [0, 1] units.
    given : what the network is told of the pictures, ``(b or 1, n)``; None is nothing.

    Returns
    -------
    The clean pictures X0 ``(b, 3, h, w)``, [-1, 1] units, and the raw output ``(b, c, h, w)``.

    References
    ----------
    Salimans and Ho (2022), "Progressive Distillation for Fast Sampling of Diffusion Models",
    arXiv:2202.00512, section 4.

    Examples
    --------
    >>> x_t, planes, sigma = torch.zeros(1, 3, 4, 4), torch.zeros(1, 6, 4, 4), torch.ones(1)
    >>> clean, raw = predict(lambda inputs, log_snr: inputs[:, :3], BackboneConfig(), x_t, planes, sigma)
    >>> clean.shape
    torch.Size([1, 3, 4, 4])
    """
    a, s = (per_picture(scale, x_t) for scale in signal_and_noise_of(sigma))
    # What is known of X0 before the call: all of the hint at the top, all of the state at the bottom.
    guess = a * x_t + s * s * planes[:, :3]
    told = () if given is None else (given,)
    raw = network(torch.cat([guess, planes], dim=1), log_snr_of(sigma).to(x_t), *told).float()
    output = raw[:, :3]
    if config.prediction == "v":
        output = output - s * planes[:, :3]
    return x0_from(config.prediction, x_t, output, a, s), raw


def interpolation(raw: Tensor) -> Tensor:
    """Give where the learned log variance lies between the small, 0, and the large one, 1.

    Parameters
    ----------
    raw : the network's output with learned variances, ``(b, 6, h, w)``.

    Returns
    -------
    ``(v + 1) / 2`` of the last three planes, ``(b, 3, h, w)``.

    References
    ----------
    Nichol and Dhariwal (2021), arXiv:2102.09672, eq. 15.

    Examples
    --------
    >>> float(interpolation(torch.zeros(1, 6, 2, 2)).mean())
    0.5
    """
    return (raw[:, 3:] + 1) / 2
