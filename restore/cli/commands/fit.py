"""``restore fit``: fit the weights to your own noisy pictures."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore.cli.details import of_options, of_prior
from restore.cli.events import event
from restore.cli.help_pages import Command
from restore.cli.options import IGNORE, MODEL, REPLACE, SEED, Settings, with_settings
from restore.cli.parameters import FileName, Number, switch
from restore.cli.printable import printable
from restore.cli.prior_loader import load_backbone
from restore.cli.registry import register
from restore.cli.reporter import path_for
from restore.cli.reporter import say as note
from restore.cli.voice import Voice
from restore.errors import OutputError

if TYPE_CHECKING:
    from restore.fitting.views import NoisySet
    from restore.noise.model import NoiseModel

FIT_METHODS = ("auto", "noise2noise", "neighbor2neighbor", "recorrupted")
LOSSES = ("l2", "l1", "l0")


@register
@click.command(cls=Command)
@click.argument("inputs", nargs=-1, required=True, type=FileName(), metavar="INPUT...")
@click.option(
    "-o", "--output", type=FileName(), required=True, metavar="FILE",
    help="The fitted weights, .safetensors. Logs, pictures and what --resume needs go to a folder beside it, "
    "FILE with .fit in place of .safetensors.",
)  # fmt: skip
@click.option(
    "--method", type=click.Choice(FIT_METHODS), default="auto", show_default=True,
    help="noise2noise: learn from several views of the same scenes (pairs, bursts). recorrupted: learn from "
    "single pictures by adding more noise of the measured kind; also where pixels share noise or where "
    "it grows with brightness. neighbor2neighbor: learn from single pictures whose noise is independent "
    "in each pixel. auto: noise2noise where there are views, else recorrupted.",
)  # fmt: skip
@click.option(
    "--pairs", metavar="PATTERN",
    help="Which files are views of one scene: their names below INPUT without suffix, with {scene} and "
    "{view} and * in place of what differs, such as '{scene}_{view}' or '{view}/{scene}'. Pages of a TIFF "
    "are views of one scene by themselves.",
)  # fmt: skip
@click.option(
    "--loss", type=click.Choice(LOSSES), default="l2", show_default=True,
    help="Loss of noise2noise. l2 finds the mean of the views, for noise of mean zero. l1 finds the median, "
    "where up to half of the pixels are outliers (text, lines, impulses). l0 finds the mode, where more than "
    "half are.",
)  # fmt: skip
@click.option(
    "--sigma", type=Number(0, 255), default=0.0, metavar="S",
    help="Standard deviation of white Gaussian noise, 0 to 255, for recorrupted. Default: measure the noise.",
)  # fmt: skip
@click.option(
    "--minutes", type=Number(0), default=8.0, show_default=True, metavar="M",
    help="Time limit in all, from reading to the last look at the result; 0 is no limit, and --steps must be "
    "given.",
)  # fmt: skip
@click.option("--steps", type=click.IntRange(min=0), default=0, metavar="N", help="Stop after N steps.")
@click.option(
    "--rank", type=click.IntRange(0, 64), default=0, show_default=True, metavar="R",
    help="Train low-rank adapters of this rank instead of all weights. Their file is small and works only "
    "with the weights they were fitted on: those in the package, or a checkpoint in the same folder.",
)  # fmt: skip
@switch("--from-scratch", help="Start from random weights. This takes hours, not minutes.")
@click.option(
    "--lr", type=Number(0, 1), default=0.0, metavar="LR",
    help="Learning rate.  [default: 0.0003; adapters and from scratch 0.001]",
)  # fmt: skip
@click.option(
    "--batch", type=click.IntRange(1), default=16, show_default=True, metavar="N", help="Crops per step."
)
@click.option(
    "--crop", type=click.IntRange(32, 768), default=96, show_default=True, metavar="N",
    help="Side of the crops in pixels; smaller for small pictures.",
)  # fmt: skip
@click.option(
    "--held-out", type=Number(0.01, 0.5), default=0.1, show_default=True, metavar="SHARE",
    help="Share of the scenes that is kept aside to measure the error before and after.",
)  # fmt: skip
@switch(
    "--force", help="Fit to single pictures that tell too little of their noise, and write the weights even "
    "if they are no better on the scenes kept aside.",
)  # fmt: skip
@switch("--resume", help="Continue this fit where it stopped, or extend it.")
@SEED
@with_settings(IGNORE, REPLACE, *MODEL)
def fit(
    settings: Settings, inputs: tuple[str, ...], pairs: str | None, force: bool, resume: bool, **options: Any
) -> None:
    """Fit the weights to your own noisy pictures. No clean ones are needed.

    INPUT: files and folders of noisy pictures, all from one scanner, camera or film. The noise is measured
    first. Some pictures are kept aside, and the weights are written only if they do better on these. Cameras
    and JPEGs need several shots of each scene (--pairs); single ones tell too little of such noise.

    \b
    restore fit scans -o myscanner.safetensors
    restore denoise scans -o clean --weights myscanner.safetensors
    restore fit bursts -o mycamera.safetensors --pairs '{scene}_{view}'
    """
    started = time.monotonic()  # the minutes of the fit count all of it
    output = _place(settings, resume=resume)

    from restore.fitting.fit import FitOptions, plan_fit, run_folder
    from restore.fitting.fit import fit as run
    from restore.fitting.views import read_noisy
    from restore.training.config import FitConfig

    voice = Voice(quiet=settings.quiet, verbose=settings.verbose)
    say = voice.say
    config = FitConfig(precision=settings.precision, **options)
    with voice.during("reading took"):
        noisy = read_noisy(inputs, pairs=pairs, say=say, ignore=settings.ignore)
    left_out = f", {noisy.skipped} left out" if noisy.skipped else ""
    say(f"{len(noisy.scenes)} scenes, {noisy.megapixels:.1f} megapixels{left_out}")
    with voice.during("loading the network took"):
        base = load_backbone(settings.weights, settings.device, "fp32", settings.tile)
    voice.detail(of_prior(base, settings.weights))
    voice.detail(f"options: {of_options(asdict(config))}")
    how = FitOptions(resume=resume, force=force, say=say, quiet=settings.quiet, started=started)
    if settings.dry_run:
        noise, method = plan_fit(noisy, output, config, base=base, options=how)
        _report_plan(noisy, noise, method, output, as_json=settings.json)
        return
    if settings.overwrite and not resume:
        (run_folder(output) / "state.safetensors").unlink(missing_ok=True)
    with voice.during("measuring and fitting took"):
        report = run(noisy, output, config, base=base, options=how)
    if settings.json:
        click.echo(_event(report.facts()))
    elif report.saved:
        click.echo(path_for(sys.stdout, report.saved))
    context = click.get_current_context()
    if report.interrupted:
        note("interrupted; --resume goes on from here" if report.steps else "interrupted")
        context.exit(128 + report.stopped_by)
    if report.method and not report.saved:
        context.exit(1)


def _report_plan(
    noisy: NoisySet, noise: NoiseModel, method: str, output: Path, *, as_json: bool
) -> None:  # fmt: skip
    """Print what a fit would do."""
    facts = {
        "noise": noise.facts(),
        "method": method,
        "scenes": len(noisy.scenes),
        "skipped": noisy.skipped,
        "output": str(output),
        "status": "planned",
    }
    line = f"{noise.describe()}; {method or 'nothing to learn'} -> {output}"
    click.echo(_event(facts) if as_json else printable(line))


def _event(facts: dict[str, Any]) -> str:
    """What --json prints; the names in it have units, as those of a noise model in weights have not."""
    units = {"sigma": "sigma_255", "read_std": "read_std_255"}
    noise = {units.get(name, name): value for name, value in facts["noise"].items()}
    return event("fit", **{**facts, "noise": noise})


def _place(settings: Settings, *, resume: bool) -> Path:
    """The output, checked before anything is read. Raises OutputError and UsageError."""
    output = Path(str(settings.output))
    if output.suffix != ".safetensors":
        raise click.UsageError(f"-o {output}: weights are a .safetensors file; name it so")
    if output.is_dir():
        raise OutputError(f"{output}: expected a file name, got a folder")
    parent = output.absolute().parent
    if not parent.is_dir():
        raise OutputError(f"{parent}: the output folder does not exist; create it first")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{parent}: no permission to write in this folder; choose another one")
    state = output.with_suffix(".fit") / "state.safetensors"
    if not (resume or settings.overwrite):
        for there in (output, state):
            if there.exists():
                raise OutputError(f"{there} is there already; pass --resume to go on, or --overwrite")
    return output
