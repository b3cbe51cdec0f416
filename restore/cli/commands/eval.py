"""``restore eval``: damage clean pictures, restore them, score the results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore.cli.evaluation_inputs import scorer_of
from restore.cli.evaluation_likelihood import likelihood
from restore.cli.evaluation_options import FILE, SCORES, data_options, row_options
from restore.cli.evaluation_run import evaluate_task, evaluation_run, facts_of
from restore.cli.evaluation_samples import samples
from restore.cli.help_pages import Group
from restore.cli.options import CONFIG, ENSEMBLE, JUMPS, NETWORK
from restore.cli.parameters import NameList, NumberList, all_of, late_option
from restore.cli.registry import register
from restore.evaluation.columns import HOLES
from restore.inverse.spec import EXAMPLES, parse_spec, solvers_for
from restore.tasks import catalogue

if TYPE_CHECKING:
    from restore.evaluation.cases import Protocol


DENOISING = {
    "gaussian": ("sigma", "kinds"),
    "poisson-gaussian": ("gain", "read"),
    "camera": ("shot", "quality"),
    "jpeg": ("sigma", "quality"),
}
"""The protocols of denoising, and the options of each."""


@register
@click.group("eval", cls=Group)
def evaluate() -> None:
    """Measure on clean pictures: damage them by a named protocol, restore them, score the results.

    \b
    restore eval denoise --data photos --sigma 25
    restore eval upscale --data set5 --scale 4 --report set5.html
    restore eval inpaint --data photos --crop 256 --sweep steps=5,10,20,40 --plot curves.png
    restore eval compare references results
    restore eval likelihood --data photos --crop 64
    restore eval samples --data photos --samples drawn

    The functions are those that the commands of the same name call. Tables go to standard output as
    Markdown, with everything that their numbers depend on. Exit code 1: a picture could not be measured, and
    is in no mean.
    """


@evaluate.command()
@all_of(*data_options(pairs=True))
@click.option(
    "--protocol", type=click.Choice(list(DENOISING)), default="gaussian", show_default=True,
    help="How the pictures of --data are damaged.",
)  # fmt: skip
@click.option(
    "--sigma", type=NumberList(0, 255), metavar="LIST",
    help="gaussian, jpeg: noise levels, 0 to 255.  [default: 15,25,50; jpeg: 10,20,30]",
)  # fmt: skip
@click.option(
    "--input", "kinds", type=NameList(lambda: ("float", "8bit")), metavar="LIST",
    help="gaussian: float (neither clipped nor quantised, as papers have it) or 8bit (as files are), or both."
    "  [default: float]",
)  # fmt: skip
@click.option(
    "--gain", type=NumberList(1e-5, 1), metavar="LIST",
    help="poisson-gaussian: variance per unit of signal.  [default: 0.01,0.05]",
)  # fmt: skip
@click.option(
    "--read",
    type=click.FloatRange(0, 255),
    metavar="S",
    help="poisson-gaussian: read noise, 0 to 255.  [default: 3]",
)
@click.option(
    "--shot", type=NumberList(1e-5, 0.1), metavar="LIST",
    help="camera: gain of the shot noise on the raw range; the default is about ISO 400, 1600, 6400."
    "  [default: 0.0004,0.0016,0.0064]",
)  # fmt: skip
@click.option(
    "--quality", type=NumberList(1, 100, whole=True), metavar="LIST",
    help="camera, jpeg: qualities of the JPEG, chroma 4:2:0.  [default: 95; jpeg: 85,95]",
)  # fmt: skip
@all_of(*row_options("denoise"), *SCORES, ENSEMBLE, *NETWORK)
def denoise(protocol: str, **options: Any) -> None:
    """Measure denoising: of noise that is made, or found in pairs of a noisy picture and a reference.

    \b
    restore eval denoise --data bsd --list cbsd68.txt --sigma 15,25,50
    restore eval denoise --data photos --protocol poisson-gaussian
    restore eval denoise --data photos --protocol camera
    restore eval denoise --pairs night
    """
    values = {
        name: options.pop(name) for name in sorted({name for own in DENOISING.values() for name in own})
    }
    _check_noise(protocol, values, options)

    def protocols() -> list[Protocol]:
        from restore.evaluation.camera import SHOTS, Camera, JpegOfNoisy
        from restore.evaluation.protocols import Gaussian, PoissonGaussian

        if protocol == "poisson-gaussian":
            read = 3.0 if values["read"] is None else values["read"]
            return [PoissonGaussian(gain, read) for gain in values["gain"] or (0.01, 0.05)]
        if protocol == "camera":
            return [Camera(shot, q) for q in values["quality"] or (95,) for shot in values["shot"] or SHOTS]
        if protocol == "jpeg":
            sigmas = values["sigma"] or (10.0, 20.0, 30.0)
            return [JpegOfNoisy(sigma, q) for q in values["quality"] or (85, 95) for sigma in sigmas]
        kinds, sigmas = values["kinds"] or ("float",), values["sigma"] or (15.0, 25.0, 50.0)
        return [Gaussian(sigma, kind == "8bit") for kind in kinds for sigma in sigmas]

    evaluate_task("denoise", protocols, **options)


def _check_noise(protocol: str, values: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Refuse options of the noise that have no effect, and a run without pictures."""
    if not (options["folders"] or options["pairs"]):
        raise click.UsageError("Missing option '--data' or '--pairs'.")
    given = [name for name, value in values.items() if value is not None]
    if not options["folders"]:
        asked = click.get_current_context().get_parameter_source("protocol")
        for name in given + ["protocol"] * (asked is click.core.ParameterSource.COMMANDLINE):
            raise click.UsageError(f"--{_word(name)} has no effect on --pairs; leave it out, or pass --data")
    for name in given:
        if name not in DENOISING[protocol]:
            raise click.UsageError(f"--{_word(name)} has no effect with --protocol {protocol}; leave it out")


def _word(name: str) -> str:
    return "input" if name == "kinds" else name


@evaluate.command()
@all_of(*data_options())
@click.option(
    "--quality", type=NumberList(1, 100, whole=True), default="10,20,30,40", show_default=True,
    metavar="LIST",
    help="JPEG qualities, of Pillow's encoder with chroma 4:2:0.",
)  # fmt: skip
@all_of(*row_options("dejpeg"), *SCORES, ENSEMBLE, *NETWORK)
def dejpeg(quality: tuple[int, ...], **options: Any) -> None:
    """Measure the removal of JPEG artefacts.

    \b
    restore eval dejpeg --data photos --quality 10,30
    restore eval dejpeg --data photos --method all
    restore eval dejpeg --data photos --sweep steps=1,2,4 --plot steps.png
    """

    def protocols() -> list[Protocol]:
        from restore.evaluation.protocols import Jpeg

        return [Jpeg(each) for each in quality]

    evaluate_task("dejpeg", protocols, **options)


@evaluate.command()
@all_of(*data_options())
@click.option(
    "--operator", "operators", multiple=True, required=True, metavar="WHAT",
    help=f"A degradation, such as {EXAMPLES}. May be given several times, in their order.",
)  # fmt: skip
@click.option(
    "--sigma", type=click.FloatRange(0, 255), default=0, show_default=True, metavar="S",
    help="Then white noise of this level, 0 to 255, is added, and the picture is rounded to 8 bits.",
)  # fmt: skip
@all_of(*row_options("solve"))
@all_of(*SCORES, ENSEMBLE, *NETWORK)
def solve(operators: tuple[str, ...], sigma: float, **options: Any) -> None:
    """Measure every method that can undo a chain of operators.

    \b
    restore eval solve --data photos --operator down=3
    restore eval solve --data photos --operator blur=gaussian:1.6 --crop 256 --sweep steps=5,10,20,50,100
    restore eval solve --data photos --operator blur=motion:15:30 --operator down=2 --method diffpir,pigdm
    """
    try:
        specs = [parse_spec(text) for text in operators]
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    for method in options["methods"] or ():
        if method not in solvers_for(specs):
            raise click.UsageError(f"--method {method} cannot undo this; {', '.join(solvers_for(specs))} can")

    def protocols() -> list[Protocol]:
        from restore.evaluation.protocols import Degraded

        return [Degraded(operators, sigma)]

    evaluate_task("solve", protocols, **options)


@evaluate.command()
@all_of(*data_options())
@click.option(
    "--scale", type=NumberList(2, 4, whole=True), default="4", show_default=True, metavar="LIST",
    help="Factors: 2, 3, 4. Reduced by antialiased bicubic interpolation, as MATLAB and Pillow do it.",
)  # fmt: skip
@all_of(*row_options("upscale"), *SCORES, ENSEMBLE, *NETWORK)
def upscale(scale: tuple[int, ...], **options: Any) -> None:
    """Measure upscaling.

    \b
    restore eval upscale --data set5 --scale 2,3,4
    restore eval upscale --data set5 --scale 4 --estimate mean,sample --report set5.html
    restore eval upscale --data set14 --peer ESRGAN=RRDB_PSNR_x4.pth
    """

    def protocols() -> list[Protocol]:
        from restore.evaluation.protocols import BicubicDown

        return [BicubicDown(factor) for factor in scale]

    evaluate_task("upscale", protocols, **options)


@evaluate.command()
@all_of(*data_options())
@late_option(
    "--holes", type=NameList(lambda: list(HOLES), every="all"), default="strokes-narrow,text,box",
    show_default=True, metavar="LIST", late=lambda: f"Families of holes, of {', '.join(HOLES)}, or all.",
)  # fmt: skip
@click.option(
    "--hole-seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, metavar="N",
    help="Seed of the holes; each picture has its own hole, the same in every run.",
)  # fmt: skip
@all_of(*JUMPS, *row_options("inpaint"), *SCORES, ENSEMBLE, *NETWORK)
def inpaint(
    holes: tuple[str, ...], hole_seed: int, jump_length: int | None, jump_repeats: int | None, **options: Any
) -> None:
    """Measure inpainting.

    \b
    restore eval inpaint --data kodak --crop 256 --holes strokes-narrow,text
    restore eval inpaint --data kodak --crop 256 --report holes.html
    restore eval inpaint --data kodak --crop 256 --method all --limit 4
    """

    def protocols() -> list[Protocol]:
        from restore.evaluation.protocols import Holes

        return [Holes(family, hole_seed) for family in holes]

    jumps = None
    if jump_length is not None or jump_repeats is not None:
        jumps = jump_length or catalogue.JUMPS[0], jump_repeats or catalogue.JUMPS[1]
    evaluate_task("inpaint", protocols, jumps=jumps, **options)


@evaluate.command()
@click.argument("reference", type=FILE)
@click.argument("outputs", type=FILE, nargs=-1, required=True, metavar="OUTPUT...")
@click.option(
    "--border", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
    help="Pixels at each side that PSNR and SSIM leave out; super-resolution leaves out its scale.",
)  # fmt: skip
@click.option(
    "--partly", is_flag=True, help="Where the folders do not match, compare what is in all of them."
)
@all_of(*SCORES, CONFIG)
def compare(reference: Path, outputs: tuple[Path, ...], border: int, partly: bool, **options: Any) -> None:
    """Score the pictures of each OUTPUT folder against those of the same name in REFERENCE.

    \b
    restore eval compare clean denoised --metrics psnr,ssim
    restore eval compare clean denoised --csv scores.csv
    restore eval compare set5 ours theirs --border 4 --report both.html
    """
    with evaluation_run(options) as run:
        from restore.evaluation.compare import MatchedFolders, compare

        scorer, nets = scorer_of("compare", options, run.reporter)
        folders = MatchedFolders.of(reference, outputs, limit=options["limit"], partly=partly)
        table = compare(folders, scorer, border=border, show=run.show, observer=run.reporter.observer)
        run.reporter.table(table)
        run.publish([table], facts_of({}, nets))


evaluate.add_command(likelihood)
evaluate.add_command(samples)
