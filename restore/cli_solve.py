"""Commands that undo a degradation by the prior alone: deblur, colorize, run; convert, for other priors."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from restore import images
from restore.errors import ConfigError, ImageError, OutputError
from restore.folder import Job
from restore.options import (
    CONSISTENCY,
    ENSEMBLE,
    MODEL,
    OUTPUT,
    OVERWRITE,
    SAMPLERS,
    SAMPLES,
    SEED,
    SOLVE_STEPS,
    SOLVER,
    SOLVERS,
    Number,
    Settings,
    check_samples,
    check_walk,
    estimate_option,
    with_settings,
)
from restore.running import Prepared, Session, channels, check_writable, restore_all, with_channels
from restore.words import Word, read_word, size_before

INPUTS = click.argument("inputs", nargs=-1, required=True, type=click.Path(), metavar="INPUT...")
NOISE = click.option(
    "--noise", type=Number(0, 255), metavar="S",
    help="Standard deviation of the noise in the picture, 0 to 255 as 8-bit pixels count.  [default: that of "
    "rounding, 0.29]",
)  # fmt: skip


def solver_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """How a problem is walked: the same for all commands here."""
    names = [name for name, estimate in SOLVERS.items() if estimate == "sample"]
    options = (
        estimate_option("mean"),
        click.option(
            "--method", metavar="NAME",
            help=f"For the mean {SOLVER['mean']}; for a sample {', '.join(names)}, or what an installed "
            f"package adds.  [default: {SOLVER['mean']}, {SOLVER['sample']}]",
        ),
        click.option(
            "--steps", type=click.IntRange(1, 1000), metavar="N",
            help=f"Steps of the walk from noisy to clean, a network call each.  [default: {SOLVE_STEPS}]",
        ),
        click.option(
            "--sampler", type=click.Choice(SAMPLERS),
            help="How to walk to a sample, for the methods that leave the choice: ddnm, pigdm, repaint.",
        ),
        click.option(
            "--start", type=Number(0.01, 80), metavar="S",
            help="Noise level at which the walk starts from a first guess, 0.01 to 80, where 1 is white "
            "minus black; 80 is pure noise.  [default: 0.1 for the mean, 0.5 for a sample]",
        ),
        SEED,
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@click.command()
@INPUTS
@click.option(
    "--kernel", required=True, metavar="KERNEL",
    help="gaussian:SIGMA, or motion:LENGTH:ANGLE with the angle in degrees from the right turning up; in "
    "pixels.",
)  # fmt: skip
@NOISE
@solver_options
@with_settings(OUTPUT, OVERWRITE, SAMPLES, CONSISTENCY, ENSEMBLE, *MODEL)
def deblur(settings: Settings, inputs: tuple[str, ...], kernel: str, **walk: Any) -> None:
    """Sharpen pictures blurred by a known kernel: files, folders with their sub-folders, or -.

    \b
    restore deblur soft.jpg --kernel gaussian:1.6
    restore deblur shaken.png --kernel motion:15:30 --noise 2 -o sharp.png
    """
    _solve(inputs, settings, _words([f"blur={kernel}"]), walk, "deblurred")


@click.command()
@INPUTS
@solver_options
@with_settings(OUTPUT, OVERWRITE, SAMPLES, CONSISTENCY, ENSEMBLE, *MODEL)
def colorize(settings: Settings, inputs: tuple[str, ...], **walk: Any) -> None:
    """Give gray pictures colours: files, folders with their sub-folders, or -.

    The network knows textures, not objects: expect plausible tints, not the right ones. Colours that are
    there are not looked at.

    \b
    restore colorize old.png
    """
    _solve(inputs, settings, _words(["gray"]), walk, "colorized")


@click.command()
@INPUTS
@click.option(
    "--operator", "words", multiple=True, required=True, metavar="WHAT",
    help="What was done to the picture: blur=KERNEL (as for deblur), down=FACTOR (bicubic), area=FACTOR "
    "(means), gray, jpeg=QUALITY. May be given several times, in the order in which it happened.",
)  # fmt: skip
@NOISE
@solver_options
@with_settings(OUTPUT, OVERWRITE, SAMPLES, CONSISTENCY, ENSEMBLE, *MODEL)
def run(settings: Settings, inputs: tuple[str, ...], words: tuple[str, ...], **walk: Any) -> None:
    """Undo what was done to pictures: files, folders with their sub-folders, or -.

    \b
    restore run small.png --operator blur=gaussian:1.2 --operator down=3
    restore run bad.jpg --operator jpeg=20 --method dps --estimate sample
    """
    _solve(inputs, settings, _words(words), walk, "restored")


def _words(words: Sequence[str]) -> list[Word]:
    try:
        return [read_word(word) for word in words]
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _solve(
    inputs: tuple[str, ...], settings: Settings, words: list[Word], walk: dict[str, Any], ending: str
) -> None:
    _check(walk)
    check_samples(settings, walk)
    walk = {name: value for name, value in walk.items() if value is not None}

    def task(picture: images.Picture, job: Job, session: Session) -> Prepared:
        size = size_before(words, picture.size)
        check_writable(job, size, "the factor")

        def finish() -> images.Picture:
            from restore.tasks.solve import chain_of, solve

            colour = any(word.kind == "gray" for word in words)
            asked = replace(picture, gray=False) if colour else picture
            pixels = channels(asked, job.name)
            backbone, progress = session.backbone, session.progress
            try:
                operator = chain_of(words)(picture.size, backbone.device)
            except ValueError as error:  # a picture too small for what was done to it
                raise ImageError(f"{job.name}: {error}") from error
            drawn = session.drawn(walk)
            try:
                found = solve(pixels, lambda *_: operator, backbone=backbone, progress=progress, **drawn)
            except ValueError as error:  # a method that cannot serve the operator
                raise ConfigError(f"{job.name}: {error}") from error
            return with_channels(asked, found)

        def truth(result: images.Picture) -> tuple[str, dict[str, Any]]:
            from restore.tasks.consistency import misfit
            from restore.tasks.solve import chain_of

            most, mean = misfit(result.pixels, picture.pixels, chain_of(words)(picture.size, "cpu"))
            line = f"damaged again it is {most:.2f} from the input at most, {mean:.3f} on average (of 255)"
            return line, {"apart_most": round(most, 4), "apart_mean": round(mean, 5)}

        return Prepared(size, finish, truth)

    restore_all(inputs, task, settings, ending=ending, walk=walk)


def _check(walk: dict[str, Any]) -> None:
    """Refuse, before anything is loaded, what no method can do."""
    method, estimate = walk["method"] or SOLVER[walk["estimate"]], walk["estimate"]
    table = {each: SOLVE_STEPS for each in SOLVERS.items()}
    if method not in SOLVERS:
        table[method, estimate] = SOLVE_STEPS  # another package's, which says itself what it gives
    check_walk(table, {**walk, "method": method})


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE",
    help="Where to write them, as .safetensors.",
)  # fmt: skip
@OVERWRITE
@click.option(
    "--head-channels", type=click.IntRange(min=1), default=64, show_default=True, metavar="N",
    help="guided-diffusion only: channels of one attention head.",
)  # fmt: skip
@click.option(
    "--blocks", type=click.IntRange(1, 16), metavar="N",
    help="guided-diffusion only: residual blocks a level.  [default: found from the tensors]",
)  # fmt: skip
@click.option(
    "--schedule", type=click.Choice(["linear", "cosine"]), default="linear", show_default=True,
    help="guided-diffusion only: of its noise.",
)  # fmt: skip
def convert(
    source: Path, output: Path, overwrite: bool, head_channels: int, blocks: int | None, schedule: str
) -> None:
    """Make other people's weights ours: SOURCE is a guided-diffusion .pt file, or a folder of diffusers'.

    What is written holds all that is needed, and is given to --weights. Only tensors are read from .pt files,
    no code is run.

    \b
    restore convert 256x256_diffusion_uncond.pt -o adm256.safetensors
    restore run blurred.png --operator blur=gaussian:2 --weights adm256.safetensors
    """
    if output.suffix.lower() != ".safetensors":
        raise click.UsageError(f"-o {output}: weights are written as .safetensors; name it so")
    if output.exists() and not overwrite:
        raise OutputError(f"{output} is there already; pass --overwrite to replace it")

    from restore import foreign

    backbone = foreign.read(source, heads=head_channels, blocks=blocks, schedule=schedule)
    digest = foreign.save(backbone, output)
    shape = backbone.config.network
    parameters = sum(tensor.numel() for tensor in backbone.network.state_dict().values())
    classes = f", {shape.classes} classes (--label)" if shape.classes else ""
    click.echo(
        f"note: {parameters / 1e6:.1f} M parameters, channels {', '.join(map(str, shape.channels))}, "
        f"{shape.blocks} blocks a level{classes}; sha256 {digest[:12]}",
        err=True,
    )
    click.echo(os.fsencode(output))
