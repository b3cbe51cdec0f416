"""``restore convert``: convert weights of other projects."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from restore.cli.help_pages import Command
from restore.cli.loudness import LOUDNESS
from restore.cli.options import CONFIG, REPLACE
from restore.cli.parameters import FileName, all_of
from restore.cli.registry import register
from restore.cli.reporter import path_for
from restore.cli.voice import Voice
from restore.errors import OutputError, WeightsError

KIND = "a guided-diffusion file"


@register
@click.command(cls=Command)
@click.argument("source", type=FileName(path_type=Path))
@click.option(
    "-o", "--output", type=FileName(path_type=Path), required=True, metavar="FILE",
    help="Where to write them, as .safetensors.",
)  # fmt: skip
@REPLACE
@click.option(
    "--head-channels", type=click.IntRange(1, 65_536), metavar="N",
    help="guided-diffusion only: channels of one attention head.  [default: 64]",
)  # fmt: skip
@click.option(
    "--heads", type=click.IntRange(1, 65_536), metavar="N",
    help="guided-diffusion only: heads of every attention, in place of --head-channels; 4 for its 128x128 "
    "model and for improved-diffusion.",
)  # fmt: skip
@click.option(
    "--new-attention-order", is_flag=True, default=None,
    help="guided-diffusion only: trained with use_new_attention_order, as its 64x64 model.",
)  # fmt: skip
@click.option(
    "--schedule", type=click.Choice(["linear", "cosine"]),
    help="guided-diffusion only: of its noise.  [default: linear]",
)  # fmt: skip
@click.option(
    "--diffusion-steps", type=click.IntRange(1, 100_000), metavar="N",
    help="guided-diffusion only: timesteps it was trained on.  [default: 1000]",
)  # fmt: skip
@click.option(
    "--rescale-timesteps", is_flag=True, default=None,
    help="guided-diffusion only: trained with rescale_timesteps, which is improved-diffusion's default.",
)  # fmt: skip
@click.option(
    "--null-label", is_flag=True, default=False,
    help="The last class stands for none: the network was trained with label drop-out, so that sample "
    "--guidance has something to go away from.",
)  # fmt: skip
@all_of(CONFIG, *LOUDNESS)
def convert(
    source: Path, output: Path, overwrite: bool, null_label: bool, quiet: bool, verbose: bool, **told: Any
) -> None:
    """Convert weights of other projects: SOURCE is a guided-diffusion .pt file or a diffusers folder.

    The result is a single file for --weights. Only tensors are read from .pt files; no code is run. A
    guided-diffusion file does not hold the settings of its network: pass them as options here. A diffusers
    folder holds all of them.

    \b
    restore convert 256x256_diffusion_uncond.pt -o adm256.safetensors
    restore convert ddpm-cat-256 -o cats.safetensors
    restore solve blurred.png --operator blur=gaussian:2 --weights adm256.safetensors
    """
    told = {name: value for name, value in told.items() if value is not None}
    if output.suffix.lower() != ".safetensors":
        raise click.UsageError(f"-o {output}: weights are written as .safetensors; name it so")
    _check_told(source, told)
    if output.exists() and not overwrite:
        raise OutputError(f"{output} is there already; pass --overwrite to replace it")

    from restore.priors.foreign import backbone as foreign
    from restore.priors.foreign import diffusers, guided_diffusion

    voice = Voice(quiet=quiet, verbose=verbose)
    with voice.during(f"reading {source} as {'a diffusers folder' if source.is_dir() else KIND} took"):
        if source.is_dir():
            backbone = diffusers.read(source)
        else:
            backbone = guided_diffusion.read(source, guided_diffusion.Told(**told))
    if null_label:
        try:
            last = backbone.config.network.classes - 1
            backbone.config = replace(backbone.config, null_label=last)
        except ValueError as error:
            raise WeightsError(f"{source}: --null-label: {error}") from None
    with voice.during(f"writing {output} took"):
        digest = foreign.save(backbone, output, overwrite=overwrite)
    shape = backbone.config.network
    parameters = sum(tensor.numel() for tensor in backbone.network.state_dict().values())
    classes = f", {len(backbone.classes)} classes (--label)" if shape.classes else ""
    voice.say(
        f"note: {parameters / 1e6:.1f} M parameters, channels {', '.join(map(str, shape.channels))}, "
        f"{shape.blocks} blocks a level{classes}; predicts {backbone.config.prediction} on a "
        f"{backbone.config.schedule} schedule of {backbone.config.steps} steps; sha256 {digest[:12]}"
    )
    click.echo(path_for(sys.stdout, str(output)))


def _check_told(source: Path, told: dict[str, Any]) -> None:
    """Refuse options that a diffusers folder holds itself, and two options for the same setting."""
    if source.is_dir() and told:
        option = "--" + next(iter(told)).replace("_", "-")
        raise click.UsageError(
            f"{option} is for a guided-diffusion file; {source} is a folder, which says it; leave it out"
        )
    if "heads" in told and "head_channels" in told:
        raise click.UsageError(
            f"--heads {told['heads']} and --head-channels {told['head_channels']} say the same in two ways; "
            "pass one of them"
        )
