"""The backbone: one network with its schedule and its checkpoint, and the denoisers it gives."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from restore.diffusion import schedule as schedules
from restore.diffusion.coordinates import (
    Prediction,
    from_network,
    log_snr_of,
    per_picture,
    signal_and_noise_of,
    to_network,
    x0_from,
)
from restore.diffusion.schedule import Schedule
from restore.priors import adapters
from restore.priors.condition import CONDITION_PLANES, Condition, no_condition
from restore.priors.device import TILE
from restore.priors.tiling import computed_pixels, over_orientations, tiled
from restore.priors.unet import UNet, UNetConfig
from restore.types import Denoiser

Network = Callable[[Tensor, Tensor], Tensor]
"""``network(planes, log_snr) -> raw output``, a module or a function around one."""

GRADIENT_TILE = 512  # pixels; everything that the network computes for a piece is kept for its gradient


@dataclass(frozen=True)
class BackboneConfig:
    """What a checkpoint needs to be rebuilt.

    Parameters
    ----------
    network : shape of the network; its planes follow from the rest.
    prediction : what the network's output means: ``v``, ``eps`` or ``x0``.
    learned_variance : whether there are three more output planes, for the interpolation of Nichol and
        Dhariwal (2021), arXiv:2102.09672, eq. 15.
    schedule, steps : the DDPM schedule that timesteps are taken from; see `restore.diffusion.schedule`.
    beta_start, beta_end : the first and the last beta of the schedule; 0 for its own.
    sigma_min, sigma_max : the noise levels the network was trained on, [0, 1] units.

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

    def __post_init__(self) -> None:
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
        given = (self.network.inputs, self.network.outputs)
        if given not in (planes, (UNetConfig.inputs, UNetConfig.outputs)):
            raise ValueError(f"the network needs {planes[0]} inputs and {planes[1]} outputs; got {given}")
        # The planes follow from the rest, so nobody has to count them.
        object.__setattr__(self, "network", replace(self.network, inputs=planes[0], outputs=planes[1]))

    @property
    def diffusion(self) -> Schedule:
        """The DDPM schedule."""
        return schedules.with_betas(self.schedule, self.steps, self.beta_start, self.beta_end)


def predict(
    network: Network, config: BackboneConfig, x_t: Tensor, planes: Tensor, sigma: Tensor
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
    raw = network(torch.cat([guess, planes], dim=1), log_snr_of(sigma).to(x_t)).float()
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


@dataclass(frozen=True)
class _Shown:
    """The network that is called, and the planes of its condition, None without one."""

    network: UNet
    planes: Tensor | None


class Backbone:
    """A network with the configuration it was trained under; gives denoisers.

    Parameters
    ----------
    network : changed to evaluation without gradients.
    config : that of the network.
    facts : what the checkpoint says of its training, free form.

    Attributes
    ----------
    tile : side in pixels of the pieces that large pictures are computed in, which bounds the memory. The
        result is that of the whole picture, whatever the side.
    ensemble : how many orientations, 1 to 8, every call is the mean of: that many times slower, and a little
        closer to the truth, since photographs turned and mirrored are photographs too and the error of the
        mean is never above the mean of the errors.
    calls : network calls since it was loaded; a picture in tiles takes one for each.
    noise_adapters : put on the network where a noisy picture is its hint; empty where there are none.

    References
    ----------
    Timofte, Rothe and Van Gool (2016), "Seven Ways to Improve Example-Based Single Image Super Resolution",
    arXiv:1511.02228, section 3.6 (ensemble).

    Examples
    --------
    >>> backbone = Backbone(UNet(UNetConfig(channels=(8, 8), blocks=1, embedding=8)), BackboneConfig())
    >>> backbone.denoiser()(torch.full((1, 3, 8, 8), 0.5), 0.1).shape
    torch.Size([1, 3, 8, 8])
    """

    tile: int = TILE
    ensemble: int = 1

    def __init__(self, network: UNet, config: BackboneConfig, facts: Mapping[str, Any] | None = None):
        self.network = network.eval().requires_grad_(False)
        self.config = config
        self.facts = dict(facts or {})
        self.calls = 0  # of the network since it was loaded; a picture in tiles takes one for each
        self.noise_adapters: dict[str, Tensor] = {}
        self._for_noise: UNet | None = None

    @property
    def conditional(self) -> bool:
        """Whether it can be shown a `Condition`."""
        return True

    @property
    def sigma_min(self) -> float:
        """The lowest noise level it knows, [0, 1] units."""
        return self.config.sigma_min

    @property
    def sigma_max(self) -> float:
        """The highest noise level it knows, [0, 1] units."""
        return self.config.sigma_max

    @property
    def schedule(self) -> Schedule:
        """The DDPM schedule that timesteps are taken from."""
        return self.config.diffusion

    @property
    def parameters(self) -> int:
        """How many numbers it has learned."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.network.stem.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights."""
        return self.network.stem.weight.dtype

    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> Backbone:
        """Move the weights; channels_last is the fast layout on every machine measured."""
        self.network.to(device=device, dtype=dtype).to(memory_format=torch.channels_last)
        self._for_noise = None
        return self

    @property
    def for_noise(self) -> UNet:
        """The network with its adapters for noisy hints; itself where there are none."""
        if not self.noise_adapters:
            return self.network
        if self._for_noise is None:  # only now, since most tasks do without
            state = self.network.state_dict()
            added = {name: tensor.to(self.device) for name, tensor in self.noise_adapters.items()}
            with torch.device("meta"):
                network = UNet(self.config.network)
            network.load_state_dict(adapters.merged(state, added), assign=True)
            self._for_noise = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        return self._for_noise

    def copy(self, dtype: torch.dtype) -> Backbone:
        """Give the same in another precision."""
        other = self._with(self.network, self.facts)
        other.noise_adapters = self.noise_adapters
        return other.to(dtype=dtype)

    def alone(self, *, for_noise: bool) -> Backbone:
        """Give the network by itself, to be trained on: with its adapters for noise in it, or without."""
        facts = {key: value for key, value in self.facts.items() if key != "noise_adapters"}
        return self._with(self.for_noise if for_noise else self.network, facts)

    def _with(self, network: UNet, facts: Mapping[str, Any]) -> Backbone:
        """Give a copy of a network, used as this one is."""
        other = Backbone(copy.deepcopy(network), self.config, facts)
        other.tile, other.ensemble = self.tile, self.ensemble
        return other

    def computed(self, size: tuple[int, int], *, differentiable: bool = False) -> int:
        """Give how many pixels one call computes for a picture of ``size`` (h, w), halos included."""
        tile = min(self.tile, GRADIENT_TILE) if differentiable else self.tile
        return computed_pixels(size, tile=tile, halo=self.network.halo, multiple=self.config.network.multiple)

    def denoiser(self, condition: Condition | None = None, *, differentiable: bool = False) -> Denoiser:
        """Bind a condition and give ``(x, sigma) -> E[x0 | x]``.

        Parameters
        ----------
        condition : what the network is shown beside x; None is the unconditional prior.
        differentiable : with respect to x, for solvers that differentiate the network. Memory is that of one
            piece at a time, which is computed again on the way back (Chen et al. 2016, arXiv:1604.06174).

        Returns
        -------
        A denoiser for x ``(b, 3, h, w)`` of any size. sigma is clamped to the trained range; 0 gives x back.
        That of a checkpoint with learned variances gives them, too, by ``with_variance(x, sigma)``.
        """
        shown = _Shown(self.network, None)
        if condition is not None:
            network = self.for_noise if condition.noisy else self.network
            shown = _Shown(network, condition.planes().to(self.device))

        def call(x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
            return self._call(x, shown, sigma, differentiable=differentiable)

        if self.config.learned_variance:
            return VarianceDenoiser(call)
        return lambda x, sigma: x if sigma <= 0 else call(x, sigma)[0]

    def _call(
        self, x: Tensor, shown: _Shown, sigma: float, *, differentiable: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Give the clean picture in [0, 1], and in [-1, 1] followed by what else the network put out."""
        config, planes = self.config, shown.planes
        # Double precision on the CPU: not every device has it.
        level = torch.tensor([min(max(sigma, config.sigma_min), config.sigma_max)], dtype=torch.float64)
        if planes is not None and (planes.shape[0], *planes.shape[2:]) != (x.shape[0], *x.shape[2:]):
            raise ValueError(
                f"the condition is for {planes.shape[0]} pictures of {planes.shape[-1]}x{planes.shape[-2]}, "
                f"x holds {x.shape[0]} of {x.shape[-1]}x{x.shape[-2]} (w x h)"
            )

        def network(inputs: Tensor, log_snr: Tensor) -> Tensor:
            output: Tensor = shown.network(
                inputs.to(self.dtype).contiguous(memory_format=torch.channels_last), log_snr
            )
            return output.float()

        def run(piece: Tensor) -> Tensor:
            # Everything beside the state and the answer exists for one piece at a time.
            x_t = piece[:, :3]
            condition = no_condition(x_t) if planes is None else piece[:, 3:]
            clean, raw = predict(network, config, x_t, condition, level)
            return torch.cat([clean, raw[:, 3:]], dim=1)

        tile = min(self.tile, GRADIENT_TILE) if differentiable else self.tile

        def part(piece: Tensor) -> Tensor:
            self.calls += 1
            if not piece.requires_grad:
                return run(piece)
            clean: Tensor = checkpoint(run, piece, use_reentrant=False)
            return clean

        with torch.set_grad_enabled(differentiable and torch.is_grad_enabled()):
            x_t = to_network(x.to(self.device, torch.float32), level)
            inputs = x_t if planes is None else torch.cat([x_t, planes], dim=1)
            multiple = config.network.multiple

            def whole(planes: Tensor) -> Tensor:
                return tiled(part, planes, tile=tile, halo=self.network.halo, multiple=multiple)

            answer = over_orientations(whole, inputs, self.ensemble)
            return from_network(answer[:, :3], 0.0).to(x.device, x.dtype), answer.to(x.device)


class VarianceDenoiser:
    """A denoiser that also gives the reverse variance, for `restore.diffusion.samplers.ddpm`.

    Parameters
    ----------
    call : ``(x, sigma)`` to E[x0 | x] and all that the network puts out, ``(b, 6, h, w)``.
    """

    def __init__(self, call: Callable[[Tensor, float], tuple[Tensor, Tensor]]):
        self._call = call

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """Give E[x0 | x]; 0 gives x back."""
        return x if sigma <= 0 else self._call(x, sigma)[0]

    def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """Give E[x0 | x] and the interpolation in [0, 1] between the small and the large log variance."""
        clean, raw = self._call(x, sigma)
        return clean, interpolation(raw).clamp(0, 1)
