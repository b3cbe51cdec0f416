"""Other people's backbones: OpenAI guided-diffusion checkpoints and diffusers' UNet2DModel folders.

They are read into `restore.attention_unet`, written as safetensors with all that they need, and give the
same denoisers as our own. Nothing of theirs is run: no diffusers, no pickled code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from restore import schedule as schedules
from restore.attention_unet import AttentionUNet, AttentionUNetConfig
from restore.backbone import Condition, best_device, check_shapes, read_file, tensors_hash, write_tensors
from restore.errors import WeightsError
from restore.schedule import Prediction, Schedule
from restore.tiling import over_orientations, padded
from restore.types import Denoiser

FORMAT = "restore-foreign-1"


@dataclass(frozen=True)
class ForeignConfig:
    """What a foreign checkpoint needs to be rebuilt: the network, what it predicts, its DDPM schedule."""

    network: AttentionUNetConfig
    prediction: Prediction = "eps"
    schedule: str = "linear"
    steps: int = 1000
    options: Mapping[str, float] = field(default_factory=dict)

    @property
    def diffusion(self) -> Schedule:
        return schedules.named(self.schedule, self.steps, **self.options)

    @property
    def sigma_min(self) -> float:
        return float(self.diffusion.sigmas[0])

    @property
    def sigma_max(self) -> float:
        return float(self.diffusion.sigmas[-1])


class ForeignBackbone:
    """A foreign network with its schedule; gives unconditional denoisers.

    label: the class that a class-conditional network is to draw. ensemble: how many orientations every call
    is the mean of, as in `restore.backbone.Backbone`. Noise levels between two timesteps are given to the
    network as fractions of one.
    """

    label: int | None = None
    ensemble: int = 1

    def __init__(self, network: AttentionUNet, config: ForeignConfig, facts: Mapping[str, Any] | None = None):
        self.network = network.eval().requires_grad_(False)
        self.config = config
        self.facts = dict(facts or {})
        self._log_sigmas = config.diffusion.sigmas.log().numpy()

    @property
    def device(self) -> torch.device:
        return self.network.stem.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.network.stem.weight.dtype

    def denoiser(self, condition: Condition | None = None, *, differentiable: bool = False) -> Denoiser:
        """``(x, sigma) -> E[x0 | x]`` as `restore.backbone.Backbone.denoiser` gives it.

        Raises WeightsError for a condition, and where a class-conditional network has no label.
        """
        if condition is not None:
            raise WeightsError(
                "these weights are an unconditional prior; use a method that shows the network nothing: "
                "restore run, restore deblur, or inpaint with method repaint, ddnm or splitting"
            )
        classes = self.config.network.classes
        if classes and not (self.label is not None and 0 <= self.label < classes):
            raise WeightsError(
                f"this network draws one of {classes} classes; pass a label from 0 to {classes - 1}"
            )

        def denoise(x: Tensor, sigma: float) -> Tensor:
            if sigma <= 0:
                return x
            with torch.set_grad_enabled(differentiable and torch.is_grad_enabled()):
                return self._call(x, sigma)

        return denoise

    def _call(self, x: Tensor, sigma: float) -> Tensor:
        level = min(max(sigma, self.config.sigma_min), self.config.sigma_max)
        t = float(np.interp(np.log(level), self._log_sigmas, np.arange(len(self._log_sigmas))))
        a, s = schedules.signal_and_noise_of(torch.tensor(level, dtype=torch.float64))
        x_t = schedules.to_network(x.to(self.device, torch.float32), level)

        def raw(planes: Tensor) -> Tensor:
            times = torch.full((len(planes),), t, device=planes.device)
            labels = None
            if self.label is not None:
                labels = torch.full((len(planes),), self.label, device=planes.device)
            output: Tensor = self.network(planes.to(self.dtype), times, labels)
            return output[:, :3].float()

        def network(planes: Tensor) -> Tensor:
            if not planes.requires_grad:
                return raw(planes)
            output: Tensor = checkpoint(raw, planes, use_reentrant=False)
            return output

        def whole(planes: Tensor) -> Tensor:
            return padded(network, planes, multiple=self.network.multiple)

        output = over_orientations(whole, x_t, self.ensemble)
        clean = schedules.x0_from(self.config.prediction, x_t, output, float(a), float(s))
        return ((clean + 1) / 2).to(x.device, x.dtype)


def save(backbone: ForeignBackbone, path: Path) -> str:
    """Write a foreign backbone as safetensors with its configuration and hash; return the hash."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in backbone.network.state_dict().items()}
    digest = tensors_hash(tensors)
    metadata = {"format": FORMAT, "config": json.dumps(asdict(backbone.config)), "sha256": digest}
    write_tensors(path, tensors, {**metadata, "facts": json.dumps(backbone.facts)})
    return digest


def is_foreign(path: Path) -> bool:
    """Whether a file of weights is what `save` wrote. Raises WeightsError for no safetensors file."""
    return read_file(path, with_tensors=False)[0].get("format") == FORMAT


def load(path: Path, *, device: str | None = None, dtype: torch.dtype | None = None) -> ForeignBackbone:
    """Load what `save` wrote, checked as our own checkpoints are. Raises WeightsError."""
    metadata, tensors = read_file(path)
    try:
        described = json.loads(metadata["config"])
        network = described.pop("network")
        for name in ("channels", "attention", "residual"):
            network[name] = tuple(network[name])
        config = ForeignConfig(network=AttentionUNetConfig(**network), **described)
        facts = {**json.loads(metadata["facts"]), "sha256": metadata["sha256"]}
        found = _built(tensors, config, path)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: its configuration cannot be read ({error!r})") from None
    if tensors_hash(tensors) != metadata["sha256"]:
        raise WeightsError(f"{path}: damaged: its contents are not those of its hash; convert it again")
    found.to(device=device or best_device(), dtype=dtype or torch.float32)
    return ForeignBackbone(found, config, facts)


def _built(tensors: dict[str, Tensor], config: ForeignConfig, path: Path) -> AttentionUNet:
    with torch.device("meta"):
        network = AttentionUNet(config.network)
    check_shapes(path, tensors, network.state_dict())
    network.load_state_dict(tensors, assign=True)
    return network


# ----------------------------------------------------------------------------------------- reading


def read(
    path: Path, *, heads: int = 64, blocks: int | None = None, schedule: str = "linear"
) -> ForeignBackbone:
    """Read a foreign checkpoint: a guided-diffusion state (.pt), or a diffusers folder.

    heads, blocks, schedule: what the files of guided-diffusion do not say: channels of an attention head,
    residual blocks a level, and linear or cosine. Only tensors are unpickled (``weights_only``). Raises
    WeightsError, naming the first tensor that is unknown.
    """
    if path.is_dir():
        return _read_diffusers(path)
    if not path.is_file():
        raise WeightsError(f"{path}: no such file or folder")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises UnpicklingError, RuntimeError, EOFError and more
        raise WeightsError(
            f"{path}: cannot be read as tensors alone ({str(error).splitlines()[0][:120]})"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path}: expected a dictionary of tensors by name, as state_dict() gives it")
    return _read_guided(path, state, heads=heads, blocks=blocks, schedule=schedule)


GUIDED_RESIDUAL = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "embed",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "shortcut",
}
DIFFUSERS_RESIDUAL = {
    "norm1": "norm1",
    "conv1": "conv1",
    "time_emb_proj": "embed",
    "norm2": "norm2",
    "conv2": "conv2",
    "conv_shortcut": "shortcut",
}
DIFFUSERS_ATTENTION = {
    "group_norm": "norm",
    "to_q": "query",
    "to_k": "key",
    "to_v": "value",
    "to_out.0": "project",
    "query": "query",
    "key": "key",
    "value": "value",
    "proj_attn": "project",
}


def _read_guided(
    path: Path, state: dict[str, Tensor], *, heads: int, blocks: int | None, schedule: str
) -> ForeignBackbone:
    """OpenAI's guided-diffusion, whose modules are numbered in the order of ours."""
    try:
        config = _guided_config(state, heads, blocks)
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path}: is no guided-diffusion checkpoint ({error.args[0]})") from None
    tensors: dict[str, Tensor] = {}
    for name, tensor in state.items():
        place, role = _guided_place(name, config.blocks)
        if place is None:
            raise WeightsError(f"{path}: has a tensor {name}, which is in no guided-diffusion U-Net")
        if role != "qkv":
            tensors[place] = tensor.squeeze(-1) if role == "project" else tensor
            continue
        # Each head's queries, keys and values stand together.
        width = tensor.shape[0] // 3
        split = tensor.view(max(1, width // heads), 3, min(heads, width), -1)
        for number, part in enumerate(("query", "key", "value")):
            shape = (width,) if place.endswith("bias") else (width, width)
            tensors[place.replace("qkv", part)] = split[:, number].reshape(shape)
    described = ForeignConfig(config, schedule=schedule)
    facts = {"name": path.name, "from": "guided-diffusion"}
    return ForeignBackbone(_built(tensors, described, path), described, facts)


def _guided_place(name: str, blocks: int) -> tuple[str | None, str]:
    """Our name of a tensor, and what is special about it; None for one that we do not know."""
    ends = {"time_embed": "embed", "out": "head"}
    module, _, kind = name.rpartition(".")
    if found := re.fullmatch(r"(time_embed|out)\.(\d)", module):
        return f"{ends[found[1]]}.{found[2]}.{kind}", ""
    if name == "label_emb.weight":
        return "labels.weight", ""
    if module == "input_blocks.0.0":
        return f"stem.{kind}", ""
    found = re.fullmatch(r"(input|middle|output)_block(?:s\.(\d+))?\.(\d)\.(.+)", module)
    if not found:
        return None, ""
    side, number, layer, inner = found[1], int(found[2] or 0), int(found[3]), found[4]
    if side == "middle":
        stage = f"middle.{layer // 2}"
        first = layer != 1
    else:
        stage = f"down.{number - 1}" if side == "input" else f"up.{number}"
        first = layer == 0 and not (side == "input" and number % (blocks + 1) == 0)
    if inner in GUIDED_RESIDUAL:
        return f"{stage}.{'block' if first else 'resample'}.{GUIDED_RESIDUAL[inner]}.{kind}", ""
    if inner in ("op", "conv"):
        return f"{stage}.resample.conv.{kind}", ""
    special = {"norm": ("norm", ""), "qkv": ("qkv", "qkv"), "proj_out": ("project", "project")}
    if inner not in special:
        return None, ""
    ours, role = special[inner]
    return f"{stage}.attention.{ours}.{kind}", role if kind == "weight" or role == "qkv" else ""


def _guided_config(state: Mapping[str, Tensor], heads: int, blocks: int | None) -> AttentionUNetConfig:
    """The shape of a guided-diffusion U-Net, from its tensors; KeyError and ValueError where it has none."""

    def seen(name: str) -> Tensor:
        if name not in state:
            raise KeyError(f"it lacks {name} and begins with {next(iter(state), 'nothing')}")
        return state[name]

    stem, last = seen("input_blocks.0.0.weight"), seen("out.2.weight")
    stages = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("input_blocks."))
    convolved = {n for n in range(stages) if f"input_blocks.{n}.0.op.weight" in state}
    attends = [f"input_blocks.{n}.1.qkv.weight" in state for n in range(stages)]
    wide = [
        stem.shape[0]
        if n == 0 or n in convolved
        else seen(f"input_blocks.{n}.0.out_layers.3.weight").shape[0]
        for n in range(stages)
    ]
    for n in sorted(convolved):
        wide[n] = wide[n - 1]

    def fits(length: int) -> bool:
        """Whether levels of so many stages, the last of them down-sampling, are what is there."""
        downs = set(range(length, stages, length))
        levels = [range(start + 1, min(start + length, stages)) for start in range(0, stages, length)]
        return (
            stages % length == 0
            and (convolved == downs if convolved else not any(attends[n] for n in downs))
            and all(len({attends[n] for n in level}) == 1 for level in levels)
            and all(wide[n] == wide[n - 1] for n in range(1, stages) if n % length != 1)
        )

    lengths = [blocks + 1] if blocks else range(2, stages + 1)
    length = next((length for length in lengths if fits(length)), None)
    if length is None:
        raise ValueError(
            f"its {stages} input blocks do not divide into levels; say how many blocks a level has"
        )
    told = seen("input_blocks.1.0.emb_layers.1.weight").shape[0]
    return AttentionUNetConfig(
        channels=tuple(wide[n + 1] for n in range(0, stages, length)),
        blocks=length - 1,
        attention=tuple(attends[n + 1] for n in range(0, stages, length)),
        inputs=stem.shape[1],
        outputs=last.shape[0],
        classes=state["label_emb.weight"].shape[0] if "label_emb.weight" in state else 0,
        head_channels=heads,
        scale_shift=told == 2 * wide[1],
        residual=(not convolved,) * (stages // length),
        middle_attention="middle_block.1.qkv.weight" in state,
    )


def _read_diffusers(folder: Path) -> ForeignBackbone:
    """A UNet2DModel's folder, or a pipeline's with ``unet`` and ``scheduler`` in it."""
    unet = folder / "unet" if (folder / "unet").is_dir() else folder
    told = _read_json(unet / "config.json")
    config, described = _diffusers_config(unet, told), _diffusers_schedule(folder)
    file = unet / "diffusion_pytorch_model.safetensors"
    _, state = read_file(file)
    tensors: dict[str, Tensor] = {}
    for name, tensor in state.items():
        place = _diffusers_place(name, config)
        if place is None:
            raise WeightsError(f"{file}: has a tensor {name}, which is in no UNet2DModel")
        tensors[place] = tensor.float()
    foreign = ForeignConfig(config, **described)
    facts = {"name": folder.name, "from": "diffusers"}
    return ForeignBackbone(_built(tensors, foreign, file), foreign, facts)


def _diffusers_place(name: str, config: AttentionUNetConfig) -> str | None:
    ends = {
        "conv_in": "stem",
        "time_embedding.linear_1": "embed.0",
        "time_embedding.linear_2": "embed.2",
        "class_embedding": "labels",
        "conv_norm_out": "head.0",
        "conv_out": "head.2",
    }
    module, _, kind = name.rpartition(".")
    if module in ends:
        return f"{ends[module]}.{kind}"
    pattern = r"(down|mid|up)_block(?:s\.(\d+))?\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)"
    found = re.fullmatch(pattern, module)
    if not found:
        return None
    side, level, part, number, inner = found[1], int(found[2] or 0), found[3], int(found[4]), found[5]
    if part in ("downsamplers", "upsamplers"):
        number = config.blocks
    stage = {
        "down": f"down.{level * (config.blocks + 1) + number}",
        "mid": f"middle.{number}",
        "up": f"up.{level * (config.blocks + 1) + number}",
    }[side]
    if part == "attentions" and inner in DIFFUSERS_ATTENTION:
        return f"{stage}.attention.{DIFFUSERS_ATTENTION[inner]}.{kind}"
    if part != "attentions" and inner in DIFFUSERS_RESIDUAL:
        return f"{stage}.{'block' if part == 'resnets' else 'resample'}.{DIFFUSERS_RESIDUAL[inner]}.{kind}"
    if part in ("downsamplers", "upsamplers") and inner == "conv":
        return f"{stage}.resample.conv.{kind}"
    return None


def _diffusers_config(folder: Path, told: Mapping[str, Any]) -> AttentionUNetConfig:
    """What UNet2DModel's config.json describes. Raises WeightsError for what the network here cannot be."""
    only: dict[str, tuple[Any, ...]] = {
        "_class_name": ("UNet2DModel",),
        "center_input_sample": (False,),
        "time_embedding_type": ("positional",),
        "time_embedding_dim": (None,),
        "mid_block_type": ("UNetMidBlock2D",),
        "mid_block_scale_factor": (1,),
        "act_fn": ("silu", "swish"),
        "resnet_time_scale_shift": ("default", "scale_shift"),
        "class_embed_type": (None,),
        "downsample_type": ("conv", "resnet"),
        "in_channels": (3,),
        "out_channels": (3, 6),
    }
    for key, values in only.items():
        if key in told and told[key] not in values:
            able = " or ".join(map(str, values))
            raise WeightsError(f"{folder}: its config.json has {key} {told[key]!r}; only {able} can be read")
    sampling = [told.get(f"{way}sample_type", "conv") for way in ("down", "up")]
    if sampling[0] != sampling[1]:
        raise WeightsError(
            f"{folder}: its down- and up-sampling are of other kinds, {' and '.join(sampling)}"
        )
    downs, ups = told["down_block_types"], told["up_block_types"]
    for kind in (*downs, *ups):
        if kind not in ("DownBlock2D", "AttnDownBlock2D", "UpBlock2D", "AttnUpBlock2D"):
            raise WeightsError(f"{folder}: its config.json has a block {kind}, which cannot be read")
    attention = tuple(kind.startswith("Attn") for kind in downs)
    if attention != tuple(kind.startswith("Attn") for kind in reversed(ups)):
        raise WeightsError(f"{folder}: its blocks attend on other levels on the way up than on the way down")
    scale_shift = told.get("resnet_time_scale_shift", "default") == "scale_shift"
    groups = told.get("norm_num_groups", 32)
    middle = told.get("attn_norm_num_groups") or (0 if scale_shift else groups)
    channels = tuple(told["block_out_channels"])
    return AttentionUNetConfig(
        channels=channels,
        blocks=told.get("layers_per_block", 2),
        attention=attention,
        outputs=told.get("out_channels", 3),
        classes=told.get("num_class_embeds") or 0,
        # None is one head for all channels.
        head_channels=told.get("attention_head_dim", 8) or max(channels),
        groups=groups,
        eps=told.get("norm_eps", 1e-5),
        scale_shift=scale_shift,
        # Of the blocks that can be read only those that attend look at this.
        residual=tuple(attends and told.get("downsample_type") == "resnet" for attends in attention),
        one_sided=told.get("downsample_padding", 1) == 0,
        sine_first=not told.get("flip_sin_to_cos", True),
        shift=told.get("freq_shift", 0),
        middle_attention=told.get("add_attention", True),
        middle_groups=middle,
    )


def _diffusers_schedule(folder: Path) -> dict[str, Any]:
    """prediction, schedule, steps and options from a pipeline's scheduler; none where there is none."""
    file = folder / "scheduler" / "scheduler_config.json"
    if not file.is_file():
        return {}
    told = _read_json(file)
    predictions = {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}
    names = {"linear": "linear", "squaredcos_cap_v2": "cosine"}
    prediction, schedule = told.get("prediction_type", "epsilon"), told.get("beta_schedule", "linear")
    if prediction not in predictions or schedule not in names or told.get("trained_betas") is not None:
        raise WeightsError(
            f"{file}: prediction {prediction} on the schedule {schedule} cannot be read; only epsilon, "
            "v_prediction or sample on linear or squaredcos_cap_v2"
        )
    options = {"start": told.get("beta_start", 1e-4), "end": told.get("beta_end", 0.02)}
    return {
        "prediction": predictions[prediction],
        "schedule": names[schedule],
        "steps": told.get("num_train_timesteps", 1000),
        "options": options if schedule == "linear" else {},
    }


def _read_json(file: Path) -> dict[str, Any]:
    try:
        told = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise WeightsError(f"{file}: cannot be read ({error})") from None
    if not isinstance(told, dict):
        raise WeightsError(f"{file}: expected an object of settings")
    return told
