"""The command line. Nothing heavy is imported before a command really runs."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import __version__, images
from restore.cli import jobs
from restore.cli.budgets import denoising, inpainting, spent, upscaling
from restore.cli.deviation import deviation_of
from restore.cli.evaluate import evaluate
from restore.cli.fit import fit
from restore.cli.jobs import Job
from restore.cli.options import (
    BUDGET,
    CANCELLED,
    CLIMBS,
    CONSISTENCY,
    DENOISE_STEPS,
    ENSEMBLE,
    GUIDANCE,
    INPAINT_METHOD,
    INPAINT_STEPS,
    MODEL,
    OUTPUT,
    OVERWRITE,
    OWN_WALK,
    SAMPLERS,
    SAMPLES,
    SEED,
    UNCERTAINTY,
    UPSCALE_METHOD,
    UPSCALE_STEPS,
    Number,
    Settings,
    Size,
    check_budget,
    check_sampler,
    check_samples,
    check_walk,
    default_method,
    estimate_option,
    method_option,
    sampler_option,
    steps_option,
    switch,
    with_settings,
)
from restore.cli.provenance import read_named, stamped, visible
from restore.cli.runner import Prepared, Session, channels, check_writable, restore_all, with_channels
from restore.cli.solve import colorize, convert, deblur, dejpeg, solve_command
from restore.errors import MaskError, RestoreError
from restore.tasks.catalogue import JUMPS, SAMPLE_STEPS, SCALES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MANY_GRAY = 0.02  # share of mask pixels in between that soft edges alone do not reach


class Program(click.Group):
    """What the outside world does wrong is one line and exit 1; wrong usage is exit 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RestoreError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("error: interrupted", err=True)
            ctx.exit(CANCELLED)


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Completion for bash, zsh and fish: put the output of _RESTORE_COMPLETE=bash_source restore "
    "(zsh_source, fish_source) into your shell's start file.",
)
@click.version_option(__version__)
def main() -> None:
    """Restore photographs and scans by diffusion: denoise, inpaint, upscale.

    \b
    restore denoise scan.jpg                    writes scan-denoised.jpg
    restore inpaint photo.png --mask mask.png   fills what is white in the mask
    restore upscale small.png --scale 2         writes small-x2.png
    restore denoise holiday -o clean            a folder and all its sub-folders

    The path of each written picture goes to standard output, everything else to standard error.
    Exit code 0: all went well; 1: a picture failed; 2: wrong usage.
    """


@main.command()
@click.argument("photo", type=click.Path())
@click.option(
    "--mask", type=click.Path(path_type=Path), required=True, metavar="FILE",
    help="Picture of the same size; white is what to fill.",
)  # fmt: skip
@click.option(
    "--mask-means", type=click.Choice(["fill", "keep"]), default="fill", show_default=True,
    help="What white in the mask means.",
)  # fmt: skip
@click.option(
    "--grow", type=click.IntRange(0, 64), default=0, show_default=True, metavar="N",
    help="Widen the hole by N pixels, where the mask leaves the rim of a scratch or a letter.",
)  # fmt: skip
@estimate_option("sample")
@method_option(
    INPAINT_STEPS, None,
    "alternating: conditional, then splitting from there, then a sample's texture by conditional; "
    "conditional: the network is shown the picture and the mask; repaint: from pure noise, known pixels put "
    "in at each step (thousands of network calls); "
    "ddnm, splitting, ddrm, ddnm-plus, diffpir, pigdm, dps: by the prior alone, which is not shown the mask, "
    "from a smooth fill. "
    f"{default_method(INPAINT_METHOD)}",
)  # fmt: skip
@steps_option(INPAINT_STEPS)
@sampler_option("ddpm, for conditional ddim")
@GUIDANCE
@CLIMBS[0]
@CLIMBS[1]
@SEED
@with_settings(OUTPUT, OVERWRITE, *BUDGET, SAMPLES, *UNCERTAINTY, CONSISTENCY, ENSEMBLE, *MODEL)
def inpaint(
    settings: Settings, photo: str, mask: Path, mask_means: str, grow: int, jump_length: int | None,
    jump_repeats: int | None, **walk: Any,
) -> None:  # fmt: skip
    """Fill the masked part of PHOTO (- is standard input).

    Only the hole and its surroundings are computed. All other pixels stay as they are, bit for bit, in every
    lossless format: PNG, TIFF, WebP, BMP.

    \b
    restore inpaint photo.png --mask mask.png
    restore inpaint photo.jpg --mask mask.png -o whole.png --seed 7
    restore inpaint photo.png --mask mask.png --estimate mean
    """
    if Path(photo).is_dir():
        raise click.UsageError(f"{photo} is a folder; inpaint takes one picture and its mask")
    walk["method"] = walk["method"] or INPAINT_METHOD[walk["estimate"]]
    check_walk(INPAINT_STEPS, walk)
    check_sampler(walk["method"], walk, (*OWN_WALK, "pigdm"))
    check_samples(settings, walk)
    check_budget(
        settings, ("steps", walk["steps"]), ("jump-length", jump_length), ("jump-repeats", jump_repeats)
    )
    jumps = _jumps(walk["method"], walk["steps"], jump_length, jump_repeats)
    if settings.budgeted:
        jumps = None  # are chosen

    def task(picture: images.Picture, job: Job, session: Session) -> Prepared:
        hole = _hole(picture, job, mask, mask_means, grow, session)
        kind = picture.format if job.target is None else job.target.suffix.lower()
        if kind in ("jpeg", ".jpg", ".jpeg"):
            session.note(
                "JPEG stores pixels outside the hole only roughly; write .png to keep them bit for bit"
            )

        def finish() -> images.Picture:
            if not hole.any():
                return picture
            from restore.tasks.inpaint import inpaint
            from restore.tasks.inpaint_methods import Jumps

            asked = {"jumps": jumps, **session.drawn(walk)}
            asked = spent(session, job.name, asked, lambda: inpainting(hole, walk, session))
            asked["jumps"] = asked["jumps"] and Jumps(*asked["jumps"])
            pixels, progress = channels(picture, job.name), session.progress
            filled = inpaint(pixels, hole, prior=session.backbone, progress=progress, **asked)
            return with_channels(picture, filled)

        def deviation() -> NDArray[np.float32]:
            from restore.tasks.uncertainty import of_inpainting

            find = partial(of_inpainting, mask=hole, count=settings.map_samples)
            return deviation_of(picture, job.name, "inpaint", session, find, walk["seed"])

        def truth(result: images.Picture) -> tuple[str, dict[str, Any]]:
            from restore.tasks.consistency import outside_hole

            changed = outside_hole(images.at_depth_of(result, picture.pixels), result.pixels, hole)
            return f"{changed} pixels outside the hole are changed", {"changed_outside": changed}

        return Prepared(picture.size, finish, truth, deviation)

    restore_all((photo,), task, settings, ending="inpainted", reads=(mask,), walk=walk)


def _jumps(method: str, steps: int | None, length: int | None, repeats: int | None) -> tuple[int, int] | None:
    if method != "repaint":
        if length is not None or repeats is not None:
            raise click.UsageError(f"--jump-length and --jump-repeats need --method repaint, got {method}")
        return None
    jumps = (length or JUMPS[0], repeats or JUMPS[1])
    steps = steps or INPAINT_STEPS["repaint", "sample"]
    if jumps[0] >= steps:
        raise click.UsageError(f"--jump-length {jumps[0]} must be less than --steps, which is {steps}")
    return jumps


def _hole(
    picture: images.Picture, job: Job, mask: Path, mask_means: str, grow: int, session: Session
) -> NDArray[np.bool_]:
    """The mask as a hole (h, w), checked before anything is computed. Raises MaskError."""
    found = images.decode_mask(session.read(mask), name=str(mask))
    (h, w), white = picture.size, found.white
    if white.shape != (h, w):
        raise MaskError(
            f"{mask} is {white.shape[1]}x{white.shape[0]} but {job.name} is {w}x{h} (w x h); resize the mask"
        )
    hole = white if mask_means == "fill" else ~white
    if grow:
        import torch

        from restore.tasks.holes import grown

        hole = grown(torch.from_numpy(hole)[None, None].float(), grow)[0, 0].numpy() > 0
    turned = "keep" if mask_means == "fill" else "fill"
    if hole.all():
        raise MaskError(
            f"{mask}: the hole is the whole picture, nothing is left to fill it from; paint only what "
            f"to fill white, or pass --mask-means {turned}"
        )
    if found.gray_fraction > MANY_GRAY:
        session.note(
            f"{mask}: {found.gray_fraction:.0%} of the mask is neither black nor white (a JPEG, or a soft "
            "brush); what is at least half white counts as white"
        )
    if not hole.any():
        session.note(f"{mask}: the hole is empty, {job.name} is copied")
    border = (hole[0].sum() + hole[-1].sum() + hole[:, 0].sum() + hole[:, -1].sum()) / (2 * (h + w))
    if hole.mean() > 0.5 and border > 0.5:
        session.note(
            f"{mask}: the hole is {hole.mean():.0%} of the picture and {border:.0%} of its border, which "
            f"looks inverted; if it is, pass --mask-means {turned}"
        )
    return hole


@main.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(), metavar="INPUT...")
@click.option(
    "--sigma", type=Number(0, 255), metavar="S",
    help="Standard deviation of the noise, 0 to 255 as 8-bit pixels count. Default: estimated for each "
    "picture.",
)  # fmt: skip
@estimate_option("mean")
@method_option(
    DENOISE_STEPS, "auto",
    "gaussian: for noise that is independent in each pixel; blind: for JPEG, film grain, scans; auto: "
    "gaussian with --sigma, else the one that suits the noise measured, and none where there is none.",
)  # fmt: skip
@steps_option(DENOISE_STEPS)
@sampler_option("ddpm")
@SEED
@with_settings(OUTPUT, OVERWRITE, *BUDGET, SAMPLES, *UNCERTAINTY, CONSISTENCY, ENSEMBLE, *MODEL)
def denoise(settings: Settings, inputs: tuple[str, ...], sigma: float | None, **walk: Any) -> None:
    """Remove noise from pictures: files, folders with their sub-folders, or - for standard input.

    \b
    restore denoise night.jpg
    restore denoise night.png --sigma 25 -o clean.png
    restore denoise scans -o clean --method blind
    """
    check_walk(DENOISE_STEPS, walk)
    check_samples(settings, walk)
    check_budget(settings, ("steps", walk["steps"]))

    def task(picture: images.Picture, job: Job, session: Session) -> Prepared:
        def finish() -> images.Picture:
            from restore.tasks.denoise import denoise

            pixels = channels(picture, job.name)
            asked: dict[str, Any] = {"sigma": sigma, **session.drawn(walk)}
            if sigma is None and walk["method"] == "auto":
                asked.update(_chosen(pixels, job, session))
                if asked["method"] == "none":
                    return picture
            elif sigma is None and walk["method"] == "gaussian":
                _tell_noise(pixels, job, session)
            _check_fitted(asked["method"], job, session)
            asked = spent(session, job.name, asked, lambda: denoising(pixels, session))
            clean = denoise(pixels, prior=session.backbone, progress=session.progress, **asked)
            return with_channels(picture, clean)

        def deviation() -> NDArray[np.float32]:
            from restore.tasks.uncertainty import of_blind, of_denoising

            level, method = session.facts.get("sigma", sigma), session.facts.get("method", walk["method"])
            seed: int = walk["seed"]
            if level is not None and method != "blind":
                find = partial(of_denoising, sigma=level)
                return deviation_of(picture, job.name, "denoise", session, find, seed)
            blind = partial(of_blind, sigma=sigma, count=settings.map_samples)
            return deviation_of(picture, job.name, "blind", session, blind, seed)

        def truth(result: images.Picture) -> tuple[str, dict[str, Any]]:
            from restore.tasks.consistency import residual

            removed = residual(picture.pixels, result.pixels)
            level = session.facts.get("sigma", sigma)
            told = "" if level is None else f", of noise sigma {level:.1f}"
            line = f"what was taken away has a deviation of {removed:.1f}{told} (of 255)"
            return line, {"removed": round(removed, 3)}

        return Prepared(picture.size, finish, truth, deviation)

    restore_all(inputs, task, settings, ending="denoised", walk=walk)


def _check_fitted(method: str, job: Job, session: Session) -> None:
    """Say where weights were fitted for another method than the one they are used by."""
    fitted = session.backbone.facts.get("fit")
    used = "gaussian" if method == "auto" else method  # told a level
    if fitted and fitted["branch"] != used:
        session.note(
            f"{job.name}: these weights were fitted for --method {fitted['branch']}, but --method {used} is "
            "used, which the fit did not touch; leave --method and --sigma out"
        )


def _chosen(pixels: NDArray[Any], job: Job, session: Session) -> dict[str, Any]:
    """Say what noise there is and what will be done about it; the method and the level for it."""
    from restore.images.canvas import canvas
    from restore.tasks.noise_choice import choose

    choice = choose(canvas(pixels).batch[0], session.backbone)
    session.facts.update(method=choice.method, noise=choice.why)
    if choice.noise_std is not None:
        session.facts["sigma"] = round(255 * choice.noise_std, 3)
    done = {
        "none": "hardly any, so the picture is left as it is; if you do see noise, it is of another kind "
        "(JPEG, smooth grain): pass --method blind",
        "blind": "--method blind is used",
        "gaussian": "--method gaussian is used",
    }
    session.note(f"{job.name}: {choice.why}: {done[choice.method]}")
    if choice.method == "gaussian" and choice.noise_std is not None:
        return {"method": "gaussian", "sigma": min(255.0, 255 * choice.noise_std)}
    return {"method": choice.method}


def _tell_noise(pixels: NDArray[Any], job: Job, session: Session) -> None:
    """Say how much noise will be removed, and whether it is of the kind that can be."""
    from restore.images.canvas import canvas
    from restore.noise.estimate import neighbour_correlation
    from restore.tasks.noise_choice import CORRELATED, estimated_sigmas

    batch = canvas(pixels).batch
    (sigma,) = estimated_sigmas(batch)
    session.facts["sigma"] = round(255 * sigma, 3)
    session.note(f"{job.name}: noise sigma estimated at {255 * sigma:.1f} (of 255)")
    correlation = neighbour_correlation(batch[0].permute(1, 2, 0).numpy())
    if correlation > CORRELATED:
        session.note(
            f"{job.name}: neighbouring pixels share noise (correlation {correlation:.2f}), which is "
            "taken for detail; --method blind removes more of it"
        )


@main.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(), metavar="INPUT...")
@click.option(
    "--scale", type=Number(*SCALES), required=True, metavar="S",
    help="How many times wider and higher, 1.5 to 4, fractions too.",
)  # fmt: skip
@estimate_option("sample")
@method_option(
    UPSCALE_STEPS, None,
    "conditional: the network is shown the enlargement; projection: each step is made to agree with the "
    f"input. {default_method(UPSCALE_METHOD)}",
)  # fmt: skip
@steps_option(UPSCALE_STEPS)
@sampler_option("ddim")
@GUIDANCE
@switch(
    "--consistent",
    help="Make the result one that, reduced again, is the input to half a gray level, in a file of the "
    "input's depth that keeps every number.",
)
@SEED
@with_settings(OUTPUT, OVERWRITE, *BUDGET, SAMPLES, *UNCERTAINTY, CONSISTENCY, ENSEMBLE, *MODEL)
def upscale(settings: Settings, inputs: tuple[str, ...], scale: float, **walk: Any) -> None:
    """Enlarge pictures: files, folders with their sub-folders, or - for standard input.

    \b
    restore upscale small.png --scale 2
    restore upscale small.png --scale 2.5 --estimate mean -o large.png
    restore upscale thumbnails --scale 4 -o large
    """
    walk["method"] = walk["method"] or UPSCALE_METHOD[walk["estimate"]]
    check_walk(UPSCALE_STEPS, walk)
    check_samples(settings, walk)
    check_budget(settings, ("steps", walk["steps"]))

    def task(picture: images.Picture, job: Job, session: Session) -> Prepared:
        h, w = (round(side * scale) for side in picture.size)
        check_writable(job, (h, w), "--scale")

        def finish() -> images.Picture:
            from restore.tasks.upscale import upscale

            pixels = channels(picture, job.name)
            asked = spent(session, job.name, session.drawn(walk), lambda: upscaling(pixels, scale, session))
            large = upscale(pixels, scale, prior=session.backbone, progress=session.progress, **asked)
            return with_channels(picture, large)

        def deviation() -> NDArray[np.float32]:
            from restore.tasks.uncertainty import of_upscaling

            find = partial(of_upscaling, scale=scale, count=settings.map_samples)
            return deviation_of(picture, job.name, "upscale", session, find, walk["seed"])

        def truth(result: images.Picture) -> tuple[str, dict[str, Any]]:
            from restore.tasks.consistency import reduced

            most, mean = reduced(result.pixels, picture.pixels)
            line = f"reduced again it is {most:.2f} from the input at most, {mean:.3f} on average (of 255)"
            return line, {"apart_most": round(most, 4), "apart_mean": round(mean, 5)}

        return Prepared((h, w), finish, truth, deviation)

    restore_all(inputs, task, settings, ending=f"x{scale:g}", walk=walk)


@main.command()
@click.option("-n", "--count", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many.")
@click.option(
    "-o", "--output", type=click.Path(), required=True, metavar="DIR",
    help="Folder for sample-000.png and so on, and grid.png with all of them; created if missing.",
)  # fmt: skip
@click.option("--size", type=Size(), default="128", show_default=True, help="W or WxH in pixels.")
@click.option(
    "--sampler", type=click.Choice(SAMPLERS), default="ddim", show_default=True,
    help="ddim and dpmpp-2m need the fewest steps.",
)  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(1, 1000), default=SAMPLE_STEPS, show_default=True, metavar="N",
    help="Steps from pure noise to a picture.",
)  # fmt: skip
@SEED
@with_settings(OVERWRITE, ENSEMBLE, *MODEL)
def sample(settings: Settings, count: int, size: tuple[int, int], **walk: Any) -> None:
    """Draw pictures from pure noise, to see what the network has learned.

    \b
    restore sample -n 16 -o drawn
    restore sample -n 4 -o drawn --size 192x128 --sampler dpmpp-2m --steps 25
    """
    target = Path(str(settings.output))
    paths = [*(target / f"sample-{k:03}.png" for k in range(count)), target / "grid.png"]
    jobs.check_new(paths, target, overwrite=settings.overwrite)
    session = Session(settings, 1)
    h, w = size
    if settings.dry_run:
        for path in paths[:-1]:
            session.result(f"{path} ({w}x{h})", output=str(path), width=w, height=h, status="planned")
        session.result(f"{paths[-1]} (all of them)", output=str(paths[-1]), status="planned")
        return
    session.begin("sampling")
    try:
        for path, picture in zip(paths, _samples(count, size, walk, session), strict=True):
            if settings.provenance:
                picture = stamped(picture, session.record(walk), "png")
            jobs.write(Job(None, path), picture, overwrite=settings.overwrite)
            h, w = picture.size
            session.result(str(path), output=str(path), width=w, height=h, status="done")
    finally:
        session.close()


def _samples(
    count: int, size: tuple[int, int], walk: Mapping[str, Any], session: Session
) -> list[images.Picture]:
    """The pictures drawn, and a grid of all of them."""
    import torch
    from torchvision.utils import make_grid

    from restore.tasks.sample import sample

    drawn = sample(count, size=size, prior=session.backbone, progress=session.progress, **walk)
    bytes_ = (drawn * 255).round().to(torch.uint8)
    grid = make_grid(bytes_, nrow=math.ceil(math.sqrt(count)), padding=2)
    return [images.Picture(pixels=each.permute(1, 2, 0).numpy()) for each in (*bytes_, grid)]


@main.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--resume", is_flag=True, help="Go on with the run where it stopped.")
@click.option(
    "--start-from", type=click.Path(path_type=Path), metavar="STATE",
    help="Begin a new run, with its own schedule, from another run's state.safetensors.",
)  # fmt: skip
@click.option(
    "--from-noisy", type=click.Path(), multiple=True, metavar="PATH",
    help="Train on these noisy pictures in place of data.train; may be given several times.",
)  # fmt: skip
@click.option(
    "--prior", type=click.Choice(["cleaned", "as-they-are"]), default="cleaned", show_default=True,
    help="With --from-noisy. cleaned: fit to the pictures, clean them, train on that. as-they-are: a prior "
    "straight from pictures with white noise, for noise levels above theirs.",
)  # fmt: skip
@click.option(
    "--set", "sets", multiple=True, metavar="TABLE.KEY=VALUE",
    help="In place of the file's, such as optim.lr=1e-3; may be given several times.",
)  # fmt: skip
@click.option("--out", help="Folder of the run, in place of run.out.")
@click.option("--steps", type=click.IntRange(min=0), help="In place of run.steps.")
@click.option("--minutes", type=click.FloatRange(min=0), help="In place of run.minutes.")
@click.option("--device", help="In place of run.device: auto, cpu, cuda, cuda:1, mps.")
@click.option(
    "--profile", is_flag=True,
    help="Take a few steps, print where their time goes and how much of the machine's convolution peak they "
    "reach; nothing is written.",
)  # fmt: skip
def train(
    config: Path,
    resume: bool,
    start_from: Path | None,
    from_noisy: tuple[str, ...],
    prior: Any,
    profile: bool,
    sets: tuple[str, ...],
    **changes: object,
) -> None:
    """Train a backbone as the file CONFIG says (see configs/).

    \b
    restore train configs/cpu.toml
    restore train configs/from_noisy.toml --from-noisy scans
    """
    if profile and (from_noisy or resume or start_from):
        raise click.UsageError(
            "--profile takes steps of a new run; leave out --resume, --start-from and --from-noisy"
        )
    if profile and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise click.UsageError("--profile measures one process; run it without torchrun")
    if from_noisy and start_from:
        raise click.UsageError("--from-noisy begins anew; it cannot --start-from another run's state")
    if prior != "cleaned" and not from_noisy:
        raise click.UsageError("--prior says what is made of --from-noisy pictures; name some")

    from restore.training.config import read_config

    def say(line: str) -> None:
        click.echo(line, err=True)

    settings = read_config(
        config, changes=sets, noisy=bool(from_noisy), **{k: v for k, v in changes.items() if v is not None}
    )
    if profile:
        from restore.training.profile import profile as measure
        from restore.training.trainer import Trainer

        click.echo(measure(Trainer(settings, say=say)))
        return
    if from_noisy:
        from restore.fitting.from_noisy import train_from_noisy

        train_from_noisy(settings, from_noisy, prior, resume=resume, say=say)
        return
    from restore.training.trainer import train as go

    go(settings, resume=resume, start_from=start_from, say=say)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON.")
def info(file: Path, as_json: bool) -> None:
    """Say what made a picture: the commands, their seeds, weights and network calls.

    The last command, run where its files are, gives the picture again byte for byte: by the same version,
    with the same weights, on the same kind of device. Names are without their folders.

    \b
    restore info photo-inpainted.png
    """
    history, name = read_named(file)
    if as_json:
        click.echo(history.text())
        return
    for record, line in zip(history.records, history.lines(name), strict=True):
        click.echo(line)
        files = ", ".join(f"{name} sha256 {digest[:12]}" for name, digest in record.inputs)
        details = (
            f"restore {record.version}",
            f"weights {record.weights[:12]}" if record.weights else "no weights",
            f"{record.device} {record.precision}".strip(),
            f"method {record.method}" if record.method else "",
            "" if record.seed is None else f"seed {record.seed}",
            f"{record.calls} network calls",
            files,
        )
        click.echo("  " + visible("; ".join(detail for detail in details if detail)))


for command in (deblur, dejpeg, colorize, solve_command, evaluate, fit, convert):
    main.add_command(command)
