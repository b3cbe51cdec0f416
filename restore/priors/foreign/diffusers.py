"""Reads folders of diffusers' UNet2DModel, or of a pipeline around one; diffusers is not needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from restore.errors import WeightsError
from restore.images.outside import MOST_SETTINGS, brief, parse_json, plain, read_regular, shown
from restore.priors.checkpoint import check_kinds, read_described, read_file
from restore.priors.foreign.attention_unet import AttentionUNetConfig, is_number
from restore.priors.foreign.backbone import ForeignBackbone, ForeignConfig, Layout, check_layout, rebuilt

RESIDUAL = {
    "norm1": "norm1",
    "conv1": "conv1",
    "embed": "time_emb_proj",
    "norm2": "norm2",
    "conv2": "conv2",
    "shortcut": "conv_shortcut",
    "conv": "conv",
}
ATTENTION = {"norm": "group_norm", "query": "to_q", "key": "to_k", "value": "to_v", "project": "to_out.0"}
OLD_ATTENTION = {
    "norm": "group_norm",
    "query": "query",
    "key": "key",
    "value": "value",
    "project": "proj_attn",
}  # before diffusers 0.15

ENDS = {
    "stem": "conv_in",
    "embed.0": "time_embedding.linear_1",
    "embed.2": "time_embedding.linear_2",
    "labels": "class_embedding",
    "head.0": "conv_norm_out",
    "head.2": "conv_out",
}
KINDS: dict[str, Callable[[Any], bool]] = {
    "a whole number": lambda value: type(value) is int,
    "a whole number or null": lambda value: value is None or type(value) is int,
    "a number": is_number,
    "true or false": lambda value: type(value) is bool,
    "a word": lambda value: isinstance(value, str),
    "a list of whole numbers": lambda value: isinstance(value, list) and all(type(n) is int for n in value),
    "a list of words": lambda value: isinstance(value, list) and all(isinstance(w, str) for w in value),
}
NEEDED = object()
# What each setting holds, and what UNet2DModel takes where it is left out.
NETWORK: dict[str, tuple[str, Any]] = {
    "block_out_channels": ("a list of whole numbers", NEEDED),
    "down_block_types": ("a list of words", NEEDED),
    "up_block_types": ("a list of words", NEEDED),
    "layers_per_block": ("a whole number", 2),
    "in_channels": ("a whole number", 3),
    "out_channels": ("a whole number", 3),
    "num_class_embeds": ("a whole number or null", None),
    "attention_head_dim": ("a whole number or null", 8),
    "norm_num_groups": ("a whole number", 32),
    "attn_norm_num_groups": ("a whole number or null", None),
    "norm_eps": ("a number", 1e-5),
    "resnet_time_scale_shift": ("a word", "default"),
    "downsample_type": ("a word", "conv"),
    "upsample_type": ("a word", "conv"),
    "downsample_padding": ("a whole number", 1),
    "flip_sin_to_cos": ("true or false", True),
    "freq_shift": ("a number", 0),
    "add_attention": ("true or false", True),
}
# Settings of which only some values can be read.
ONLY: dict[str, tuple[Any, ...]] = {
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
    "downsample_padding": (0, 1),
    "in_channels": (3,),
    "out_channels": (3, 6),
}
SCHEDULER: dict[str, tuple[str, Any]] = {
    "beta_schedule": ("a word", NEEDED),  # schedulers of other families have none
    "prediction_type": ("a word", "epsilon"),
    "beta_start": ("a number", 1e-4),
    "beta_end": ("a number", 0.02),
    "num_train_timesteps": ("a whole number", 1000),
}
ONLY_SCHEDULER: dict[str, tuple[Any, ...]] = {
    "beta_schedule": ("linear", "squaredcos_cap_v2"),
    "prediction_type": ("epsilon", "v_prediction", "sample"),
    "trained_betas": (None,),
    "rescale_betas_zero_snr": (False,),
}


def read(folder: Path) -> ForeignBackbone:
    """Read a UNet2DModel's folder, or a pipeline's with ``unet`` and ``scheduler`` in it.

    Raises WeightsError for a setting that cannot be read, and, naming it, for the first tensor that is
    unknown, missing or does not fit.
    """
    unet = folder / "unet" if (folder / "unet").is_dir() else folder
    file = unet / "config.json"
    settings = _settings(file, NETWORK, ONLY)
    scheduler = _schedule(folder, unet)
    try:
        config = _config(file, settings)
        described = ForeignConfig(config, **scheduler)
    except ValueError as error:
        raise WeightsError(f"{unet}: its settings fit no network that can be read ({brief(error)})") from None
    weights = unet / "diffusion_pytorch_model.safetensors"
    _, held = read_described(weights)
    layout = Layout("UNet2DModel", partial(_name, config, _attention_names(held)))
    check_layout(weights, held, config, layout)
    check_kinds(weights, held)
    _, state = read_file(weights)
    network = rebuilt(weights, state, config, layout)
    return ForeignBackbone(network, described, {"name": plain(folder.name), "from": "diffusers"})


def _settings(
    file: Path, kinds: Mapping[str, tuple[str, Any]], only: Mapping[str, tuple[Any, ...]]
) -> dict[str, Any]:
    """Give the settings of a file that matter here, of the types that they must have."""
    try:
        settings = parse_json(read_regular(file, most=MOST_SETTINGS).decode("utf-8"), infinite=True)
    except (OSError, ValueError) as error:
        reason = brief(getattr(error, "strerror", None) or error)
        raise WeightsError(f"{file}: cannot be read ({reason})") from None
    if not isinstance(settings, dict):
        raise WeightsError(f"{file}: expected an object of settings")
    for key, values in only.items():
        if key in settings and settings[key] not in values:
            able = " or ".join(map(str, values))
            raise WeightsError(f"{file}: has {key} {shown(settings[key])}; only {able} can be read")
    found = {key: settings.get(key, default) for key, (_, default) in kinds.items()}
    for key, value in found.items():
        if value is NEEDED:
            raise WeightsError(f"{file}: lacks {key}, expected {kinds[key][0]}")
        if not KINDS[kinds[key][0]](value):
            raise WeightsError(f"{file}: has {key} {shown(value)}; expected {kinds[key][0]}")
    return found


def _config(file: Path, settings: Mapping[str, Any]) -> AttentionUNetConfig:
    """Raises WeightsError for what the network here cannot be, ValueError for what no network can be."""
    if settings["downsample_type"] != settings["upsample_type"]:
        kinds = f"{settings['downsample_type']} and {shown(settings['upsample_type'])}"
        raise WeightsError(f"{file}: its down- and up-sampling are of other kinds, {kinds}")
    downs, ups = settings["down_block_types"], settings["up_block_types"]
    for kind, side in [(kind, "Down") for kind in downs] + [(kind, "Up") for kind in ups]:
        if kind not in (f"{side}Block2D", f"Attn{side}Block2D"):
            raise WeightsError(f"{file}: has a block {shown(kind)}, which cannot be read")
    attention = tuple(kind.startswith("Attn") for kind in downs)
    if attention != tuple(kind.startswith("Attn") for kind in reversed(ups)):
        raise WeightsError(f"{file}: its blocks attend on other levels on the way up than on the way down")
    scale_shift = settings["resnet_time_scale_shift"] == "scale_shift"
    groups = settings["attn_norm_num_groups"]
    heads = settings["attention_head_dim"]
    return AttentionUNetConfig(
        channels=tuple(settings["block_out_channels"]),
        blocks=settings["layers_per_block"],
        attention=attention,
        inputs=settings["in_channels"],
        outputs=settings["out_channels"],
        classes=settings["num_class_embeds"] or 0,
        head_channels=1 if heads is None else heads,
        heads=1 if heads is None else 0,  # one for all channels
        groups=settings["norm_num_groups"],
        eps=settings["norm_eps"],
        scale_shift=scale_shift,
        # Of the blocks that can be read only those that attend look at this.
        residual=tuple(attends and settings["downsample_type"] == "resnet" for attends in attention),
        one_sided=settings["downsample_padding"] == 0,
        sine_first=not settings["flip_sin_to_cos"],
        shift=settings["freq_shift"],
        middle_attention=settings["add_attention"],
        middle_groups=groups if groups is not None else (0 if scale_shift else None),
    )


def _schedule(folder: Path, unet: Path) -> dict[str, Any]:
    """Give prediction, schedule, steps and options of the scheduler; nothing where there is none.

    It is that of the pipeline or one beside the network's own settings.
    """
    places = [place / "scheduler_config.json" for place in (folder / "scheduler", folder, unet)]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        return {}
    settings = _settings(file, SCHEDULER, ONLY_SCHEDULER)
    linear = settings["beta_schedule"] == "linear"
    return {
        "prediction": {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}[settings["prediction_type"]],
        "schedule": "linear" if linear else "cosine",
        "steps": settings["num_train_timesteps"],
        "options": {"start": settings["beta_start"], "end": settings["beta_end"]} if linear else {},
    }


def _attention_names(state: Mapping[str, Tensor]) -> Mapping[str, str]:
    old = any(name.endswith(".proj_attn.weight") for name in state)
    return OLD_ATTENTION if old else ATTENTION


def _name(config: AttentionUNetConfig, attention: Mapping[str, str], place: str) -> str:
    """Give their name of a place."""
    module, _, kind = place.rpartition(".")
    if module in ENDS:
        return f"{ENDS[module]}.{kind}"
    side, stage, part, inner, kind = place.split(".")
    level, number = divmod(int(stage), config.blocks + 1)
    if side == "middle":
        block, number = "mid_block", 0 if part == "attention" else int(stage)
    else:
        block = f"{side}_blocks.{level}"
    if part == "attention":
        return f"{block}.attentions.{number}.{attention[inner]}.{kind}"
    if part == "resample":
        return f"{block}.{side}samplers.0.{RESIDUAL[inner]}.{kind}"
    return f"{block}.resnets.{number}.{RESIDUAL[inner]}.{kind}"
