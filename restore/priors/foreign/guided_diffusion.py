"""Reads checkpoints of OpenAI's guided-diffusion (Dhariwal and Nichol 2021) and improved-diffusion (.pt).

Only tensors are unpickled, no code is run. The modules are numbered in the order of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from restore.errors import WeightsError
from restore.images.outside import brief, plain, shown
from restore.images.pickled import check_tensors, read_pickled
from restore.priors.foreign.attention_unet import MOST_LEVELS, AttentionUNetConfig
from restore.priors.foreign.backbone import ForeignBackbone, ForeignConfig, Layout, rebuilt

RESIDUAL = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "embed": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "shortcut": "skip_connection",
}
JOINT = ("query", "key", "value")
ATTENTION = {"norm": "norm", **dict.fromkeys(JOINT, "qkv"), "project": "proj_out"}


@dataclass(frozen=True)
class Told:
    """What the files do not say, by guided-diffusion's flags.

    Parameters
    ----------
    heads : ``num_heads``; 0 for as many as there are head_channels in the channels.
    head_channels : ``num_head_channels``.
    new_attention_order : the queries of all heads before all keys; else head by head.
    schedule : ``noise_schedule``, linear or cosine.
    diffusion_steps : number of timesteps.
    rescale_timesteps : the network is given timesteps as if there were 1000 of them.
    """

    heads: int = 0
    head_channels: int = 64
    new_attention_order: bool = False
    schedule: str = "linear"
    diffusion_steps: int = 1000
    rescale_timesteps: bool = False

    def __post_init__(self) -> None:
        if type(self.diffusion_steps) is not int or self.diffusion_steps < 1:
            raise ValueError(f"diffusion_steps must be at least 1, got {self.diffusion_steps!r}")


def read(path: Path, flags: Told | None = None) -> ForeignBackbone:
    """Read a state of guided-diffusion; the shape of the network is found from its tensors.

    Raises WeightsError, naming the first tensor that is unknown, missing or does not fit.
    """
    flags = flags or Told()
    state = _state(path)
    try:
        config = _config(state, flags)
        # Their linear schedule keeps the same noise at the end, whatever the steps.
        scale = 1000 / flags.diffusion_steps
        ends = {"start": 1e-4 * scale, "end": 0.02 * scale} if flags.schedule == "linear" else {}
        described = ForeignConfig(
            config,
            schedule=flags.schedule,
            steps=flags.diffusion_steps,
            options=ends,
            timestep_scale=scale if flags.rescale_timesteps else 1.0,
        )
    except ValueError as error:
        raise WeightsError(f"{path}: cannot be read as guided-diffusion ({brief(error)})") from None
    layout = Layout("guided-diffusion U-Net", partial(_name, config), _shape, partial(_part, config, flags))
    network = rebuilt(path, state, config, layout)
    return ForeignBackbone(network, described, {"name": plain(path.name), "from": "guided-diffusion"})


def _state(path: Path) -> dict[str, Tensor]:
    if not path.exists():
        raise WeightsError(f"{path}: no such file or folder")
    try:
        return check_tensors(read_pickled(path), path.stat().st_size)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(f"{path}: cannot be read as tensors alone ({reason})") from None


def _config(state: Mapping[str, Tensor], flags: Told) -> AttentionUNetConfig:
    """Give the shape of the U-Net, from its tensors; ValueError where it has none."""

    def channels(name: str, axis: int = 0, dims: int = 4) -> int:
        if name not in state:
            raise ValueError(f"it lacks {name} and begins with {shown(next(iter(state), 'nothing'))}")
        shape = tuple(state[name].shape)
        if len(shape) != dims:
            raise ValueError(f"tensor {name} is {shape}, expected {dims} dimensions")
        return shape[axis]

    def holds(module: str) -> bool:
        return any(name.startswith(f"{module}.") for name in state)

    inputs, outputs = channels("input_blocks.0.0.weight", 1), channels("out.2.weight")
    found = [re.match(r"input_blocks\.([0-9]{1,4})\.", name) for name in state]
    stages = 1 + max(int(match[1]) for match in found if match)
    # The first level on the way up ends where it is enlarged; without that there is one level.
    enlarges = re.compile(r"output_blocks\.([0-9]{1,4})\.[12]\.(?:conv|in_layers|emb_layers|out_layers)\.")
    ends = [int(match[1]) for name in state if (match := enlarges.match(name))]
    length = min(ends) + 1 if ends else stages
    if length < 2 or stages % length:
        raise ValueError(f"its {stages} input blocks do not divide into levels of {length}")
    firsts = range(1, stages, length)
    if len(firsts) > MOST_LEVELS:
        raise ValueError(f"expected 1 to {MOST_LEVELS} levels, got {len(firsts)}")
    width = channels("input_blocks.1.0.out_layers.3.weight")
    return AttentionUNetConfig(
        channels=tuple(channels(f"input_blocks.{n}.0.out_layers.3.weight") for n in firsts),
        blocks=length - 1,
        attention=tuple(holds(f"input_blocks.{n}.1") for n in firsts),
        inputs=inputs,
        outputs=outputs,
        classes=channels("label_emb.weight", dims=2) if holds("label_emb") else 0,
        head_channels=flags.head_channels,
        heads=flags.heads,
        scale_shift=channels("input_blocks.1.0.emb_layers.1.weight", dims=2) == 2 * width,
        residual=(bool(ends) and not holds(f"input_blocks.{length}.0.op"),) * len(firsts),
    )


def _name(config: AttentionUNetConfig, place: str) -> str:
    """Give their name of a place."""
    first, _, rest = place.partition(".")
    ends = {"embed": "time_embed", "head": "out", "labels": "label_emb", "stem": "input_blocks.0.0"}
    if first in ends:
        return f"{ends[first]}.{rest}"
    side, stage, part, inner, kind = place.split(".")
    number = int(stage)
    layer = {"block": 0, "attention": 1, "resample": 0}[part]
    if side == "middle":
        module, layer = "middle_block", layer or 2 * number
    elif side == "down":
        module = f"input_blocks.{number + 1}"
    else:
        module = f"output_blocks.{number}"
        if part == "resample":
            layer = 1 + config.attention[-1 - number // (config.blocks + 1)]
    if part == "attention":
        inner = ATTENTION[inner]
    elif inner == "conv":
        inner = "op" if side == "down" else "conv"
    else:
        inner = RESIDUAL[inner]
    return f"{module}.{layer}.{inner}.{kind}"


def _attention(place: str) -> tuple[str, str] | None:
    """Give (projection, weight or bias) of a place in an attention; None for its norm."""
    found = re.fullmatch(r".+\.attention\.(query|key|value|project)\.(weight|bias)", place)
    return (found[1], found[2]) if found else None


def _shape(place: str, shape: torch.Size) -> tuple[int, ...]:
    """Give their shape: projections are convolutions, and that of queries, keys and values is one."""
    if not (found := _attention(place)):
        return tuple(shape)
    rows = 3 * shape[0] if found[0] in JOINT else shape[0]
    return (rows, *shape[1:], 1) if found[1] == "weight" else (rows,)


def _part(config: AttentionUNetConfig, flags: Told, place: str, tensor: Tensor) -> Tensor:
    if not (found := _attention(place)):
        return tensor
    if found[0] in JOINT:
        width, number = len(tensor) // 3, JOINT.index(found[0])
        # Each head's queries, keys and values stand together, or those of all heads do.
        heads = 1 if flags.new_attention_order else config.heads or width // config.head_channels
        tensor = tensor.reshape(heads, 3, width // heads, *tensor.shape[1:])[:, number].flatten(0, 1)
    return tensor.squeeze(-1) if found[1] == "weight" else tensor
