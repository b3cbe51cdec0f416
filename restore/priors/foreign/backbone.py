"""Other people's backbones: how they denoise, how they are kept as safetensors with all that they need.

`restore.priors.foreign.guided_diffusion` and `restore.priors.foreign.diffusers` read what others have
written.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from restore.diffusion import schedule as schedules
from restore.diffusion import watch
from restore.diffusion.coordinates import Prediction, from_network, signal_and_noise_of, to_network, x0_from
from restore.diffusion.schedule import Schedule
from restore.errors import WeightsError
from restore.images.outside import brief, parse_json, plain, shown
from restore.priors.backbone import VarianceDenoiser
from restore.priors.checkpoint import (
    check_finite,
    check_kinds,
    check_shapes,
    check_size,
    read_described,
    read_file,
    tensors_hash,
    write_tensors,
)
from restore.priors.condition import Condition
from restore.priors.device import best_device, limit_threads
from restore.priors.facts import parse_facts
from restore.priors.foreign.attention_unet import AttentionUNet, AttentionUNetConfig, is_number
from restore.priors.given import label_number, one_hot
from restore.priors.once import count_call
from restore.priors.prediction import MOST_STEPS
from restore.priors.tiling import over_orientations, padded
from restore.types import Denoiser

FORMAT = "restore-foreign-1"
MOST_OPTIONS = 8


@dataclass(frozen=True)
class ForeignConfig:
    """What a foreign checkpoint needs to be rebuilt: the network, what it predicts, its DDPM schedule.

    Parameters
    ----------
    network : its shape.
    prediction : what its output means: ``eps``, ``x0`` or ``v``.
    schedule, steps, options : those of `restore.diffusion.schedule.named`.
    timestep_scale : the network is given the timestep times this, 1e-6 to 1e6.
    null_label : the class that stands for none, for networks that were trained with label drop-out; it is the
        last one of the network's. None where there is no such class.

    Raises
    ------
    ValueError, TypeError
        For what is no schedule.
    """

    network: AttentionUNetConfig
    prediction: Prediction = "eps"
    schedule: str = "linear"
    steps: int = 1000
    options: Mapping[str, float] = field(default_factory=dict)
    timestep_scale: float = 1.0
    null_label: int | None = None

    def __post_init__(self) -> None:
        if self.prediction not in get_args(Prediction):
            raise ValueError(
                f"prediction is one of {', '.join(get_args(Prediction))}; got {shown(self.prediction)}"
            )
        if not isinstance(self.network, AttentionUNetConfig) or not isinstance(self.schedule, str):
            raise ValueError(f"expected a network and the name of a schedule, got {shown(self.schedule)}")
        classes, last = self.network.classes, self.null_label
        if last is not None and not (type(last) is int and classes > 1 and last == classes - 1):
            raise ValueError(
                f"the class that stands for none is the last one, {classes - 1} of {classes}; got "
                f"{shown(last)}"
            )
        self._check_schedule()

    def _check_schedule(self) -> None:
        if type(self.steps) is not int or not 1 <= self.steps <= MOST_STEPS:
            raise ValueError(f"expected 1 to {MOST_STEPS} steps, in whole numbers; got {shown(self.steps)}")
        if self.schedule not in schedules.SCHEDULES:
            known = ", ".join(schedules.SCHEDULES)
            raise ValueError(f"schedule is one of {known}; got {shown(self.schedule)}")
        if not isinstance(self.options, Mapping) or len(self.options) > MOST_OPTIONS:
            raise ValueError(f"expected the options of the schedule as a table, got {shown(self.options)}")
        for value in (*self.options.values(), self.timestep_scale):
            if not is_number(value):
                raise ValueError(f"expected numbers for the schedule, got {shown(value)}")
        if not 1e-6 <= self.timestep_scale <= 1e6:
            raise ValueError(f"expected a timestep_scale from 1e-6 to 1e6, got {self.timestep_scale:g}")
        if not self.sigma_min > 0:
            raise ValueError(
                f"a {self.schedule} schedule of {dict(self.options)} adds no noise at its first step"
            )

    @cached_property
    def diffusion(self) -> Schedule:
        """The DDPM schedule."""
        return schedules.named(self.schedule, self.steps, **self.options)

    @property
    def sigma_min(self) -> float:
        """The lowest noise level it knows, [0, 1] units."""
        return float(self.diffusion.sigmas[0])

    @property
    def sigma_max(self) -> float:
        """The highest noise level it knows, [0, 1] units."""
        return float(self.diffusion.sigmas[-1])


class ForeignBackbone:
    """A foreign network with its schedule; gives unconditional denoisers.

    Noise levels between two timesteps are given to the network as fractions of one.

    Parameters
    ----------
    network : changed to evaluation without gradients.
    config : that of the network.
    facts : what the checkpoint says of it, free form.

    Attributes
    ----------
    label : the class that a class-conditional network is to draw.
    ensemble : how many orientations every call is the mean of, as in `restore.priors.backbone.Backbone`.
    calls : network calls since it was loaded.
    """

    label: int | None = None
    ensemble: int = 1

    def __init__(self, network: AttentionUNet, config: ForeignConfig, facts: Mapping[str, Any] | None = None):
        limit_threads()
        self.network = network.eval().requires_grad_(False)
        self.config, self.facts = config, dict(facts or {})
        self.calls = 0  # of the network since it was loaded
        self._log_sigmas = config.diffusion.sigmas.log().numpy()

    @property
    def conditional(self) -> bool:
        """Whether it can be shown a `Condition`."""
        return False

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that it can be told of, by their numbers, without that which stands for none."""
        return tuple(map(str, range(self.config.network.classes - (self.config.null_label is not None))))

    @property
    def needs_label(self) -> bool:
        """Whether it gives nothing without a class."""
        return bool(self.config.network.classes) and self.config.null_label is None

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

    def computed(self, size: tuple[int, int], *, differentiable: bool = False) -> int:
        """Give how many pixels one call computes for a picture of ``size`` (h, w): all at once."""
        return size[0] * size[1]

    def denoiser(
        self, condition: Condition | None = None, *, given: Tensor | None = None, differentiable: bool = False
    ) -> Denoiser:
        """Give ``(x, sigma) -> E[x0 | x]``, as `restore.priors.backbone.Backbone.denoiser` does.

        given: classes, one-hot ``(b or 1, n)``; zeros for none.

        Raises WeightsError for a condition, and for a label that is none of the network's classes.
        """
        if condition is not None:
            raise WeightsError(
                "these weights are an unconditional prior; use a method that shows the network nothing: "
                "restore solve, restore deblur, or inpaint with method repaint, ddnm or splitting"
            )
        labels = self._labels(given)

        def call(x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
            with torch.set_grad_enabled(differentiable and torch.is_grad_enabled()):
                return self._call(x, sigma, labels)

        if self.config.network.outputs == 6:
            return VarianceDenoiser(call)
        return lambda x, sigma: x if sigma <= 0 else call(x, sigma)[0]

    def copy(self, dtype: torch.dtype) -> ForeignBackbone:
        """Give the same in another precision."""
        other = ForeignBackbone(copy.deepcopy(self.network).to(dtype=dtype), self.config, self.facts)
        other.label, other.ensemble = self.label, self.ensemble
        return other

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> ForeignBackbone:
        """Move the weights."""
        self.network.to(device=device, dtype=dtype)
        return self

    def _labels(self, given: Tensor | None) -> Tensor | None:
        """The classes ``(b or 1,)`` that the network is told; WeightsError for others than it has."""
        count, none = len(self.classes), self.config.null_label
        if given is None:
            if self.label is not None:
                label_number(self.label, self.classes)
            given = one_hot([self.label], count)
        if given.ndim != 2 or given.shape[1] != count:
            raise WeightsError(
                f"these weights know {count} classes, got {tuple(given.shape)} numbers for them"
            )
        if not self.config.network.classes:
            return None
        without = given.abs().sum(1) == 0
        if without.any() and none is None:
            raise WeightsError(
                f"this network draws one of {count} classes; pass a label from 0 to {count - 1}, got none"
            )
        return torch.where(without, -1 if none is None else none, given.argmax(1)).to(self.device)

    def _call(self, x: Tensor, sigma: float, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        """Give the clean picture in [0, 1], and what the network put out."""
        level = min(max(sigma, self.config.sigma_min), self.config.sigma_max)
        t = float(np.interp(np.log(level), self._log_sigmas, np.arange(len(self._log_sigmas))))
        timestep = t * self.config.timestep_scale
        a, s = signal_and_noise_of(torch.tensor(level, dtype=torch.float64))
        x_t = to_network(x.to(self.device, torch.float32), level)

        def raw(planes: Tensor) -> Tensor:
            times = torch.full((len(planes),), timestep, device=planes.device)
            told = None if labels is None else labels.expand(len(planes))
            output: Tensor = self.network(planes.to(self.dtype), times, told)
            return output.float()

        told_of = watch.parts_of(self.ensemble)

        def network(planes: Tensor) -> Tensor:
            count_call(self)
            run = partial(checkpoint, raw, use_reentrant=False) if planes.requires_grad else raw
            answer: Tensor = run(planes)
            if told_of is not None:
                told_of(1)
            return answer

        def whole(planes: Tensor) -> Tensor:
            return padded(network, planes, multiple=self.network.multiple)

        output = over_orientations(whole, x_t, self.ensemble)
        clean = x0_from(self.config.prediction, x_t, output[:, :3], float(a), float(s))
        return from_network(clean, 0.0).to(x.device, x.dtype), output.to(x.device)


def save(backbone: ForeignBackbone, path: Path, *, overwrite: bool = True) -> str:
    """Write a foreign backbone as safetensors with its configuration and hash; return the hash."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in backbone.network.state_dict().items()}
    digest = tensors_hash(tensors)
    metadata = {"format": FORMAT, "config": json.dumps(asdict(backbone.config)), "sha256": digest}
    metadata["facts"] = json.dumps(backbone.facts)
    write_tensors(path, tensors, metadata, overwrite=overwrite)
    return digest


def is_foreign(path: Path) -> bool:
    """Whether a file of weights is what `save` wrote. Raises WeightsError for no safetensors file."""
    return read_described(path)[0].get("format") == FORMAT


def load(path: Path, *, device: str | None = None, dtype: torch.dtype | None = None) -> ForeignBackbone:
    """Load what `save` wrote, checked as our own checkpoints are. Raises WeightsError."""
    metadata, held = read_described(path)
    try:
        described = parse_json(metadata["config"])
        network = described.pop("network")
        for name in ("channels", "attention", "residual"):
            network[name] = tuple(network[name])
        config = ForeignConfig(network=AttentionUNetConfig(**network), **described)
        facts = {**parse_facts(metadata["facts"]), "sha256": metadata["sha256"]}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: its configuration cannot be read ({brief(repr(error))})") from None
    check_size(path, held, config.network.sizes)
    check_shapes(path, held, _blank(config.network).state_dict())
    check_kinds(path, held)
    _, tensors = read_file(path)
    if tensors_hash(tensors) != metadata["sha256"]:
        raise WeightsError(f"{path}: damaged: its contents are not those of its hash; convert it again")
    found = filled(path, tensors, config.network)
    found.to(device=device or best_device(), dtype=dtype or torch.float32)
    return ForeignBackbone(found, config, facts)


def _blank(config: AttentionUNetConfig) -> AttentionUNet:
    with torch.device("meta"):  # no memory before the tensors are known to fit
        return AttentionUNet(config)


def filled(path: Path, tensors: dict[str, Tensor], config: AttentionUNetConfig) -> AttentionUNet:
    """Give the network of tensors that fit, in single precision; WeightsError for what are no numbers.

    tensors: emptied on the way, so that no two copies of all of them are held at once.
    """
    check_kinds(path, tensors)
    own: dict[str, Tensor] = {}
    for name in list(tensors):
        own[name] = tensors.pop(name).to(torch.float32).contiguous()
    check_finite(path, own)
    network = _blank(config)
    network.load_state_dict(own, assign=True)
    return network


@dataclass(frozen=True)
class Layout:
    """How others' checkpoints hold our tensors, which are named by their place in `AttentionUNet`.

    Parameters
    ----------
    kind : of network, in words.
    name : of the tensor that holds a place.
    shape : of that tensor, from that of ours.
    part : what of it belongs in a place.
    """

    kind: str
    name: Callable[[str], str]
    shape: Callable[[str, torch.Size], tuple[int, ...]] = lambda place, shape: tuple(shape)
    part: Callable[[str, Tensor], Tensor] = lambda place, tensor: tensor


def check_layout(
    path: Path, held: Mapping[str, Tensor], config: AttentionUNetConfig, layout: Layout
) -> dict[str, str]:
    """Give the names of the tensors that hold our places; only the shapes of what is held are looked at.

    Raises WeightsError, by their name, for the first tensor that is unknown, missing or of another shape.
    """
    check_size(path, held, config.sizes)
    ours = _blank(config).state_dict()
    names = {place: layout.name(place) for place in ours}
    unknown = held.keys() - set(names.values())
    if first := next((name for name in held if name in unknown), None):
        raise WeightsError(f"{path}: has a tensor {plain(first)}, which is in no {layout.kind} of its shape")
    for place, name in names.items():
        if name not in held:
            raise WeightsError(f"{path}: lacks tensor {name}, which a {layout.kind} of its shape has")
        found, expected = tuple(held[name].shape), layout.shape(place, ours[place].shape)
        if found != expected:
            raise WeightsError(f"{path}: tensor {name} is {found}, expected {expected}")
    return names


def rebuilt(
    path: Path, state: Mapping[str, Tensor], config: AttentionUNetConfig, layout: Layout
) -> AttentionUNet:
    """Give our network with others' tensors; WeightsError as `check_layout`."""
    names = check_layout(path, state, config, layout)
    # Copies: what shares memory, as the parts of one tensor do, cannot be written as safetensors.
    parts = {place: layout.part(place, state[name]).clone() for place, name in names.items()}
    return filled(path, parts, config)
