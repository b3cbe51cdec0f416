"""Commands that undo a degradation by the prior alone: deblur, colorize, run; convert, for other priors."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli.budgets import compressed, solving, spent
from restore.cli.deviation import deviation_of
from restore.cli.jobs import Job
from restore.cli.options import (
    BUDGET,
    CONSISTENCY,
    DEJPEG_METHOD,
    DEJPEG_STEPS,
    ENSEMBLE,
    MODEL,
    OUTPUT,
    OVERWRITE,
    SAMPLERS,
    SAMPLES,
    SEED,
    SOLVERS,
    UNCERTAINTY,
    Number,
    Settings,
    check_budget,
    check_sampler,
    check_samples,
    check_walk,
    estimate_option,
    with_settings,
)
from restore.cli.runner import Prepared, Session, channels, check_writable, restore_all, with_channels
from restore.errors import ConfigError, ImageError, OutputError
from restore.images.jpeg_coding import Coding, coding_of
from restore.inverse.spec import KERNELS, Word, preferred, read_word, size_before, solvers_for
from restore.tasks.catalogue import COLOUR_START, SOLVE_STEPS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INPUTS = click.argument("inputs", nargs=-1, required=True, type=click.Path(), metavar="INPUT...")
SIGMA = click.option(
    "--sigma", type=Number(0, 255), metavar="S",
    help="Standard deviation of the noise in the picture, 0 to 255 as 8-bit pixels count.  [default: that of "
    "rounding, 0.29]",
)  # fmt: skip


def walk_options(
    estimate: str, method: str, steps: str, sampler: str, start: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """How a problem is walked: an estimate as the default, and what the help says of the other options."""
    options = (
        estimate_option(estimate),
        click.option("--method", metavar="NAME", help=method),
        click.option(
            "--steps", type=click.IntRange(1, 1000), metavar="N",
            help=f"Steps of the walk from noisy to clean, a network call each.  [default: {steps}]",
        ),
        click.option(
            "--sampler", type=click.Choice(SAMPLERS), help=f"How to walk to a sample, for {sampler}."
        ),
        click.option(
            "--start", type=Number(0.01, 80), metavar="S",
            help="Noise level at which the walk starts from a first guess, 0.01 to 80, where 1 is white "
            f"minus black.  [default: {start}]",
        ),
        SEED,
    )  # fmt: skip

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


_SAMPLING = [name for name, estimate in SOLVERS.items() if estimate == "sample" and name != "repaint"]
_METHOD = (
    f"For the mean splitting; for a sample {', '.join(_SAMPLING)}, or what an installed package adds.  "
    "[default: splitting; for a sample the first of pigdm, ddnm, dps that can undo it]"
)
_STEPS = f"{SOLVE_STEPS['mean']} for the mean, {SOLVE_STEPS['sample']} for a sample"
_SAMPLER = "the methods that leave the choice: ddnm, pigdm"

solver_options = walk_options("mean", _METHOD, _STEPS, _SAMPLER, "splitting 0.25, dps 0.1, else 0.5")

colour_options = walk_options("sample", _METHOD, _STEPS, _SAMPLER, f"of a sample {COLOUR_START:g}")


@click.command()
@INPUTS
@click.option(
    "--kernel", required=True, metavar="KERNEL",
    help="gaussian:SIGMA, or motion:LENGTH:ANGLE with the angle in degrees from the right turning up; in "
    "pixels.",
)  # fmt: skip
@SIGMA
@solver_options
@with_settings(OUTPUT, OVERWRITE, *BUDGET, SAMPLES, *UNCERTAINTY, CONSISTENCY, ENSEMBLE, *MODEL)
def deblur(settings: Settings, inputs: tuple[str, ...], kernel: str, **walk: Any) -> None:
    """Sharpen pictures blurred by a known kernel: files, folders with their sub-folders, or -.

    \b
    restore deblur soft.jpg --kernel gaussian:1.6
    restore deblur shaken.png --kernel motion:15:30 --sigma 2 -o sharp.png
    """
    try:
        words = [read_word(f"blur={kernel}")]
    except ValueError:
        raise click.UsageError(f"--kernel {kernel}: {KERNELS}") from None
    _solve(inputs, settings, words, walk, "deblurred")


@click.command()
@INPUTS
@colour_options
@with_settings(OUTPUT, OVERWRITE, *BUDGET, SAMPLES, *UNCERTAINTY, CONSISTENCY, ENSEMBLE, *MODEL)
def colorize(settings: Settings, inputs: tuple[str, ...], **walk: Any) -> None:
    """Give gray pictures colours: files, folders with their sub-folders, or -.

    The network knows textures, not objects: expect plausible tints, not the right ones. Colours that are
    there are not looked at. The mean of all that is possible is nearly gray.

    \b
    restore colorize old.png
    restore colorize old.png --samples 4
    """
    if walk["start"] is None and walk["estimate"] == "sample":
        walk["start"] = COLOUR_START
    _solve(inputs, settings, [read_word("gray")], walk, "colorized")


@click.command("solve")
@INPUTS
@click.option(
    "--operator", "words", multiple=True, required=True, metavar="WHAT",
    help="What was done to the picture: blur=KERNEL (as for deblur), down=FACTOR (bicubic), area=FACTOR "
    "(means), gray, jpeg=QUALITY. May be given several times, in the order in which it happened.",
)  # fmt: skip
@SIGMA
@solver_options
@with_settings(OUTPUT, OVERWRITE, *BUDGET, SAMPLES, *UNCERTAINTY, CONSISTENCY, ENSEMBLE, *MODEL)
def solve_command(settings: Settings, inputs: tuple[str, ...], words: tuple[str, ...], **walk: Any) -> None:
    """Undo what was done to pictures: files, folders with their sub-folders, or -.

    \b
    restore solve small.png --operator blur=gaussian:1.2 --operator down=3
    restore solve bad.jpg --operator down=2 --operator jpeg=20 --method dps --estimate sample
    """
    try:
        read = [read_word(word) for word in words]
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    _solve(inputs, settings, read, walk, "restored")


def _solve(
    inputs: tuple[str, ...], settings: Settings, words: list[Word], walk: dict[str, Any], ending: str
) -> None:
    _check(words, walk)
    check_samples(settings, walk)
    check_budget(settings, ("steps", walk["steps"]))
    walk = {name: value for name, value in walk.items() if value is not None}

    def task(picture: images.Picture, job: Job, session: Session) -> Prepared:
        size = size_before(words, picture.size)
        check_writable(job, size, "the factor")

        def finish() -> images.Picture:
            from restore.inverse.build import chain_of
            from restore.tasks.solve import solve

            colour = any(word.kind == "gray" for word in words)
            asked = replace(picture, gray=False) if colour else picture
            if colour and picture.gray and picture.icc:
                session.note(f"{job.name}: its profile is for gray; the result has colours, and none")
                asked = replace(asked, icc=b"")
            pixels = channels(asked, job.name)
            backbone, progress = session.backbone, session.progress
            try:
                operator = chain_of(words)(picture.size, backbone.device)
            except ValueError as error:  # a picture too small for what was done to it
                raise ImageError(f"{job.name}: {error}") from error
            drawn = {"method": preferred(words, walk["estimate"]), **session.drawn(walk)}
            drawn = spent(session, job.name, drawn, lambda: solving(pixels, words, drawn["method"], session))
            try:
                found = solve(pixels, lambda *_: operator, prior=backbone, progress=progress, **drawn)
            except ValueError as error:  # another package's method that cannot serve the operator
                raise ConfigError(f"{job.name}: {error}") from error
            return with_channels(asked, found)

        def deviation() -> NDArray[np.float32]:
            from restore.inverse.build import chain_of
            from restore.tasks.uncertainty import of_solving

            asked = {k: walk[k] for k in ("sigma", "start") if k in walk}
            find = partial(of_solving, operator=chain_of(words), count=settings.map_samples, **asked)
            colour = any(word.kind == "gray" for word in words)
            shown = replace(picture, gray=False) if colour else picture
            return deviation_of(shown, job.name, "solve", session, find, walk["seed"])

        def truth(result: images.Picture) -> tuple[str, dict[str, Any]]:
            from restore.inverse.build import chain_of
            from restore.tasks.consistency import misfit

            most, mean = misfit(result.pixels, picture.pixels, chain_of(words)(picture.size, "cpu"))
            line = f"damaged again it is {most:.2f} from the input at most, {mean:.3f} on average (of 255)"
            return line, {"apart_most": round(most, 4), "apart_mean": round(mean, 5)}

        return Prepared(size, finish, truth, deviation)

    restore_all(inputs, task, settings, ending=ending, walk=walk)


def _check(words: Sequence[Word], walk: dict[str, Any]) -> None:
    """Refuse, before anything is loaded, what no method can do."""
    if any(word.kind == "gray" for word in words[:-1]):
        raise click.UsageError("gray comes last in a chain, and once: what follows it is for colours")
    estimate, able = walk["estimate"], solvers_for(words)
    method = walk["method"] or preferred(words, estimate)
    if method in SOLVERS and method not in able:
        raise click.UsageError(
            f"--method {method} cannot undo this; --method {', '.join(able[:-1])} or {able[-1]} can"
            if len(able) > 1
            else f"--method {method} cannot undo this; pass --estimate sample --method {able[0]}"
        )
    table: dict[tuple[str, str], int] = {
        each: SOLVE_STEPS[each[1]] for each in SOLVERS.items() if each[0] in able
    }
    if method not in SOLVERS:
        table[method, estimate] = SOLVE_STEPS[estimate]  # another package's, which says itself what it can do
    check_walk(table, {**walk, "method": method})
    check_sampler(method, walk)
    projected = [word.kind for word in words] == ["jpeg"]
    if walk.get("sigma") is not None and (method == "dps" or projected):
        what = "what JPEG has left" if projected else "--method dps"
        raise click.UsageError(f"--sigma has no effect with {what}; leave it out")
    if walk.get("sigma") == 0 and method == "diffpir":
        raise click.UsageError("--method diffpir weighs by the noise, which is 0; pass --method ddnm-plus")


@click.command()
@INPUTS
@click.option(
    "--quality", type=Number(1, 100), metavar="Q",
    help="Quality it was compressed with, where the file is no JPEG any more, or was compressed again.  "
    "[default: by the file's own tables]",
)  # fmt: skip
@walk_options(
    "mean",
    "splitting: every step is one of the pictures that the file can have been of; blind: one network call, "
    "for pictures that were cropped or resized since; ddnm, dps: for a sample.  "
    f"[default: {DEJPEG_METHOD['mean']}, {DEJPEG_METHOD['sample']}]",
    ", ".join(f"{method} {steps}" for (method, _), steps in DEJPEG_STEPS.items() if steps > 1),
    "ddnm",
    "by the tables",
)
@with_settings(OUTPUT, OVERWRITE, *BUDGET, SAMPLES, *UNCERTAINTY, CONSISTENCY, ENSEMBLE, *MODEL)
def dejpeg(settings: Settings, inputs: tuple[str, ...], quality: float | None, **walk: Any) -> None:
    """Remove what JPEG has left in pictures: files, folders with their sub-folders, or -.

    The file's own tables say in which interval every coefficient was; the result keeps to them.

    \b
    restore dejpeg bad.jpg -o better.png
    restore dejpeg screenshot.png --quality 30
    """
    walk["method"] = method = walk["method"] or DEJPEG_METHOD[walk["estimate"]]
    check_walk(DEJPEG_STEPS, walk)
    check_samples(settings, walk)
    check_budget(settings, ("steps", walk["steps"]))
    check_sampler(method, walk)
    if method == "blind":
        uncertainty = settings.uncertainty
        for name, value in (("quality", quality), ("start", walk["start"]), ("uncertainty", uncertainty)):
            if value is not None:
                raise click.UsageError(f"--{name} has no effect with --method blind; leave it out")

    def task(picture: images.Picture, job: Job, session: Session) -> Prepared:
        coding = None if method == "blind" else _coding(picture, quality, job)

        def finish() -> images.Picture:
            from restore.tasks.dejpeg import dejpeg

            if coding is not None:
                session.facts["quality"] = coding.quality
                session.note(f"{job.name}: JPEG of quality {coding.quality}")
            pixels, drawn = channels(picture, job.name), session.drawn(walk)
            drawn = spent(session, job.name, drawn, lambda: compressed(pixels, coding, method, session))
            found = dejpeg(pixels, coding=coding, prior=session.backbone, progress=session.progress, **drawn)
            return with_channels(picture, found)

        def deviation() -> NDArray[np.float32]:
            from restore.tasks.uncertainty import of_dejpeg

            assert coding is not None  # else nothing is asked
            find = partial(of_dejpeg, coding=coding, count=settings.map_samples)
            return deviation_of(picture, job.name, "dejpeg", session, find, walk["seed"])

        def truth(result: images.Picture) -> tuple[str, dict[str, Any]]:
            from restore.tasks.consistency import recompressed

            assert coding is not None  # else nothing is asked
            most, mean = recompressed(result.pixels, picture.pixels, coding)
            line = f"compressed again it is {most:.0f} from the input at most, {mean:.2f} on average (of 255)"
            return line, {"apart_most": round(most, 4), "apart_mean": round(mean, 5)}

        return Prepared(picture.size, finish, truth if coding else None, deviation if coding else None)

    restore_all(inputs, task, settings, ending="dejpeg", walk=walk)


def _coding(picture: images.Picture, quality: float | None, job: Job) -> Coding:
    """How it was compressed: as told, or as the file says."""
    found = picture.coding
    if quality is not None:
        return replace(coding_of(quality), turn=found.turn if found else 1)
    if found is None:
        what = (
            "a JPEG of unusual colours" if picture.format == "jpeg" else f"{picture.format.upper()}, no JPEG"
        )
        raise ImageError(
            f"{job.name}: is {what}, which does not say how it was compressed; pass --quality, or "
            "--method blind, which needs no quality"
        )
    return found


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE",
    help="Where to write them, as .safetensors.",
)  # fmt: skip
@OVERWRITE
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
def convert(source: Path, output: Path, overwrite: bool, **told: Any) -> None:
    """Make other people's weights ours: SOURCE is a guided-diffusion .pt file, or a folder of diffusers'.

    What is written holds all that is needed, and is given to --weights. Only tensors are read from .pt files,
    no code is run. A guided-diffusion file does not say how its network was trained: pass the options here as
    its flags say. A folder says all of it itself.

    \b
    restore convert 256x256_diffusion_uncond.pt -o adm256.safetensors
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

    if source.is_dir():
        backbone = diffusers.read(source)
    else:
        backbone = guided_diffusion.read(source, guided_diffusion.Told(**told))
    digest = foreign.save(backbone, output)
    shape = backbone.config.network
    parameters = sum(tensor.numel() for tensor in backbone.network.state_dict().values())
    classes = f", {shape.classes} classes (--label)" if shape.classes else ""
    click.echo(
        f"note: {parameters / 1e6:.1f} M parameters, channels {', '.join(map(str, shape.channels))}, "
        f"{shape.blocks} blocks a level{classes}; predicts {backbone.config.prediction} on a "
        f"{backbone.config.schedule} schedule of {backbone.config.steps} steps; sha256 {digest[:12]}",
        err=True,
    )
    click.echo(os.fsencode(output))


def _check_told(source: Path, told: dict[str, Any]) -> None:
    """Refuse what a folder of diffusers' says itself, and what is said twice."""
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
