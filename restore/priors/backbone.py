"""The backbone: one network with its schedule and its checkpoint, and the denoisers it gives."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from restore.diffusion import watch
from restore.diffusion.coordinates import from_network, to_network
from restore.diffusion.schedule import Schedule
from restore.errors import WeightsError
from restore.priors import adapters
from restore.priors.condition import Condition, no_condition
from restore.priors.device import TILE, limit_threads
from restore.priors.given import one_hot
from restore.priors.merged import Computes, apart
from restore.priors.once import ONE_AT_A_TIME, count_call
from restore.priors.prediction import BackboneConfig, Network, interpolation, predict
from restore.priors.tiling import computed_pixels, over_orientations, padded, tiled
from restore.priors.unet import UNet
from restore.types import Denoiser

__all__ = ["Backbone", "BackboneConfig", "Network", "VarianceDenoiser", "interpolation", "predict"]

SMALL = 2**14
"""Pixels of pictures up to which folding the modulation into the weights costs more than it saves.

Those are of the whole picture, so that all its tiles are computed alike."""

GRADIENT_TILE = 512  # pixels; everything that the network computes for a piece is kept for its gradient


@dataclass(frozen=True)
class _Shown:
    """The network that is called, the planes of its condition, and what it is told; None without one."""

    network: UNet
    planes: Tensor | None
    given: Tensor | None


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
    label : number of the class that it is told of, where nothing else is given; None is none.
    calls : network calls since it was loaded; a picture in tiles takes one for each.
    noise_adapters : put on the network where a noisy picture is its hint; empty where there are none.
    computes : computes calls of the network: `restore.priors.merged.apart`, or a
        `restore.priors.merged.Merged` that several threads share.

    References
    ----------
    Timofte, Rothe and Van Gool (2016), "Seven Ways to Improve Example-Based Single Image Super Resolution",
    arXiv:1511.02228, section 3.6 (ensemble).

    Examples
    --------
    >>> from restore.priors.unet import UNetConfig
    >>> backbone = Backbone(UNet(UNetConfig(channels=(8, 8), blocks=1, embedding=8)), BackboneConfig())
    >>> backbone.denoiser()(torch.full((1, 3, 8, 8), 0.5), 0.1).shape
    torch.Size([1, 3, 8, 8])
    """

    tile: int = TILE
    ensemble: int = 1
    label: int | None = None
    needs_label = False

    def __init__(self, network: UNet, config: BackboneConfig, facts: Mapping[str, Any] | None = None):
        limit_threads()
        self.network = network.eval().requires_grad_(False)
        self.config = config
        self.facts = dict(facts or {})
        self.calls = 0  # of the network since it was loaded; a picture in tiles takes one for each
        self.noise_adapters: dict[str, Tensor] = {}
        self.computes: Computes = apart
        self._made: dict[float, UNet] = {}  # shared with what `beside` gives

    @property
    def conditional(self) -> bool:
        """Whether it can be shown a `Condition`."""
        return True

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes that it can be told of."""
        return self.config.labels

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
        self._made = {}
        return self

    def beside(self) -> Backbone:
        """Give the same network with a number of calls, an ensemble and a label of its own."""
        other = copy.copy(self)
        other.calls = 0
        return other

    def for_noise(self, share: float = 1.0) -> UNet:
        """The network with a share of its adapters for noisy hints; itself where there are none."""
        if not (self.noise_adapters and share):
            return self.network
        with ONE_AT_A_TIME:
            if share not in self._made:  # only now, since most tasks do without
                self._made[share] = self._with_noise_adapters(share)
            return self._made[share]

    def _with_noise_adapters(self, share: float) -> UNet:
        state = self.network.state_dict()
        added = {name: tensor.to(self.device) for name, tensor in self.noise_adapters.items()}
        with torch.device("meta"):
            network = UNet(self.config.network)
        network.load_state_dict(adapters.merged(state, added, share), assign=True)
        return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def copy(self, dtype: torch.dtype) -> Backbone:
        """Give the same in another precision."""
        other = self._with(self.network, self.facts)
        other.noise_adapters = self.noise_adapters
        return other.to(dtype=dtype)

    def alone(self, *, for_noise: bool) -> Backbone:
        """Give the network by itself, to be trained on: with its adapters for noise in it, or without."""
        facts = {key: value for key, value in self.facts.items() if key != "noise_adapters"}
        return self._with(self.for_noise() if for_noise else self.network, facts)

    def _with(self, network: UNet, facts: Mapping[str, Any]) -> Backbone:
        """Give a copy of a network, used as this one is."""
        other = Backbone(copy.deepcopy(network), self.config, facts)
        other.tile, other.ensemble, other.label = self.tile, self.ensemble, self.label
        return other

    def computed(self, size: tuple[int, int], *, differentiable: bool = False) -> int:
        """Give how many pixels one call computes for a picture of ``size`` (h, w), halos included."""
        if not self.network.local:
            return size[0] * size[1]
        tile = min(self.tile, GRADIENT_TILE) if differentiable else self.tile
        return computed_pixels(size, tile=tile, halo=self.network.halo, multiple=self.config.network.multiple)

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
        given : what it is told of each picture or of all, ``(b or 1, n)``, where it can be told something;
            zeros are nothing, None is `label`.
        differentiable : with respect to x, for solvers that differentiate the network. Memory is that of one
            piece at a time, which is computed again on the way back (Chen et al. 2016, arXiv:1604.06174).

        Returns
        -------
        A denoiser for x ``(b, 3, h, w)`` of any size. sigma is clamped to the trained range; 0 gives x back.
        That of a checkpoint with learned variances gives them, too, by ``with_variance(x, sigma)``.
        """
        told = self._told(given)
        shown = _Shown(self.network, None, told)
        if condition is not None:
            network = self.for_noise(condition.adapted) if condition.noisy else self.network
            shown = _Shown(network, condition.planes().to(self.device), told)

        def call(x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
            return self._call(x, shown, sigma, differentiable=differentiable)

        if self.config.learned_variance:
            return VarianceDenoiser(call)
        return lambda x, sigma: x if sigma <= 0 else call(x, sigma)[0]

    def _told(self, given: Tensor | None) -> Tensor | None:
        """What the network is told, on its device; WeightsError for what it cannot be told."""
        length = self.config.network.given
        if given is None:
            return one_hot([self.label], length).to(self.device) if length else None
        if given.ndim != 2 or given.shape[1] != length:
            raise WeightsError(
                f"these weights can be told {length} numbers of a picture, got {tuple(given.shape)}"
                + ("" if length else "; leave it out")
            )
        return given.to(self.device, torch.float32)

    def _call(
        self, x: Tensor, shown: _Shown, sigma: float, *, differentiable: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Give the clean picture in [0, 1], and in [-1, 1] followed by what else the network put out."""
        config, planes = self.config, shown.planes
        # Double precision on the CPU: not every device has it.
        level = torch.tensor([min(max(sigma, config.sigma_min), config.sigma_max)], dtype=torch.float64)
        _check_shown(planes, x)
        size = x.shape[-2], x.shape[-1]
        told = watch.parts_of(self.ensemble * self.computed(size, differentiable=differentiable))

        def network(inputs: Tensor, *levels: Tensor) -> Tensor:
            inputs = inputs.to(self.dtype).contiguous(memory_format=torch.channels_last)
            more: dict[str, Any] = {"folded": size[0] * size[1] > SMALL}
            if told is not None and not inputs.requires_grad:
                more["done"] = partial(told, inputs.shape[-2] * inputs.shape[-1] / shown.network.blocks)
            return self.computes(shown.network, inputs, *levels, **more).float()

        def run(piece: Tensor) -> Tensor:
            # Everything beside the state and the answer exists for one piece at a time.
            x_t = piece[:, :3]
            condition = no_condition(x_t) if planes is None else piece[:, 3:]
            clean, raw = predict(network, config, x_t, condition, level, shown.given)
            return torch.cat([clean, raw[:, 3:]], dim=1)

        tile = min(self.tile, GRADIENT_TILE) if differentiable else self.tile

        def part(piece: Tensor) -> Tensor:
            count_call(self)
            if not piece.requires_grad:
                return run(piece)
            clean: Tensor = checkpoint(run, piece, use_reentrant=False)
            if told is not None:  # only now: on the way back all layers are computed again
                told(piece.shape[-2] * piece.shape[-1])
            return clean

        with torch.set_grad_enabled(differentiable and torch.is_grad_enabled()):
            x_t = to_network(x.to(self.device, torch.float32), level)
            inputs = x_t if planes is None else torch.cat([x_t, planes], dim=1)
            multiple = config.network.multiple

            def whole(planes: Tensor) -> Tensor:
                if not self.network.local:
                    return padded(part, planes, multiple=multiple)
                return tiled(part, planes, tile=tile, halo=self.network.halo, multiple=multiple)

            answer = over_orientations(whole, inputs, self.ensemble)
            return from_network(answer[:, :3], 0.0).to(x.device, x.dtype), answer.to(x.device)


def _check_shown(planes: Tensor | None, x: Tensor) -> None:
    """Raise ValueError for a condition of another number or size of pictures than x."""
    if planes is not None and (planes.shape[0], *planes.shape[2:]) != (x.shape[0], *x.shape[2:]):
        raise ValueError(
            f"the condition is for {planes.shape[0]} pictures of {planes.shape[-1]}x{planes.shape[-2]}, "
            f"x holds {x.shape[0]} of {x.shape[-1]}x{x.shape[-2]} (w x h)"
        )


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
