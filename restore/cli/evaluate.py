"""`restore eval`: damage, restore, score, print. Nothing heavy is imported before a command really runs."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import __version__, images
from restore.cli.options import (
    CLIMBS,
    DEJPEG_STEPS,
    DENOISE_STEPS,
    ENSEMBLE,
    INPAINT_STEPS,
    NETWORK,
    OVERWRITE,
    SAMPLERS,
    SEED,
    SOLVERS,
    UPSCALE_STEPS,
    load_backbone,
    switch,
    usable,
)
from restore.errors import ConfigError, OutputError, RestoreError, WeightsError
from restore.inverse.spec import EXAMPLES, read_word, solvers_for
from restore.tasks.catalogue import JUMPS, SOLVE_STEPS

if TYPE_CHECKING:
    from restore.evaluation.pictures import PictureSet
    from restore.evaluation.protocols import Protocol
    from restore.evaluation.results import Evaluation, Method, Table
    from restore.evaluation.scoring import Scorer
    from restore.priors.backbone import Backbone

# Literals that the evaluation has too: to look them up there would import torch. A test compares them.
HOLES = (
    "strokes-narrow", "strokes-wide", "text", "scratches", "box", "random", "half", "expand",
    "alternate-lines", "grid2x",
)  # fmt: skip

METRICS = ("psnr", "psnr-y", "ssim", "ssim-y", "ms-ssim", "colour", "lpips")
TRUNKS = ("squeeze", "alex", "vgg")
SWEPT = ("steps", "method", "estimate", "sampler", "seed")


class Words(click.types.StringParamType):
    """Words of a choice, separated by commas."""

    name = "list"
    listed = True  # a list in a configuration file

    def __init__(self, choices: Sequence[str], *, every: str = ""):
        self.choices, self.every = choices, every

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        words = tuple(dict.fromkeys(word.strip() for word in value.split(",")))
        if self.every and words == (self.every,):
            return tuple(self.choices)
        for word in words:
            if word not in self.choices:
                self.fail(f"{word!r} is not one of {', '.join(self.choices)}", param, ctx)
        return words


class Numbers(click.types.StringParamType):
    """Numbers of a range, separated by commas."""

    name = "list"
    listed = True

    def __init__(self, low: float, high: float, *, whole: bool = False):
        self.low, self.high, self.whole = low, high, whole

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        numbers = []
        for word in str(value).split(","):
            try:
                number = int(word) if self.whole else float(word)
            except ValueError:
                kind = "whole numbers" if self.whole else "numbers"
                self.fail(f"{word.strip()!r} in {value!r}: expected {kind}, such as 15,25,50", param, ctx)
            if not self.low <= number <= self.high:
                self.fail(f"{word.strip()} is not in the range {self.low:g} to {self.high:g}", param, ctx)
            numbers.append(number)
        return tuple(dict.fromkeys(numbers))


class Sweep(click.types.StringParamType):
    """OPTION=VALUE,VALUE,... as (name, values)."""

    name = "sweep"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        name, _, values = value.partition("=")
        if name not in SWEPT or not values:
            self.fail(f"{value!r}: expected one of {', '.join(SWEPT)} and values, as steps=1,2,4", param, ctx)
        if name == "steps":
            return name, Numbers(1, 1000, whole=True).convert(values, param, ctx)
        if name == "seed":
            return name, Numbers(0, 2**32 - 1, whole=True).convert(values, param, ctx)
        tables = (DENOISE_STEPS, UPSCALE_STEPS, INPAINT_STEPS, DEJPEG_STEPS, SOLVERS.items())
        methods = [method for table in tables for method, _ in table]
        words = {"method": methods, "estimate": ("mean", "sample"), "sampler": SAMPLERS}[name]
        return name, Words(list(dict.fromkeys(words))).convert(values, param, ctx)


_FILE = click.Path(path_type=Path)
_DATA = (
    click.option(
        "--data", "folders", type=_FILE, multiple=True, required=True, metavar="DIR",
        help="Folder of clean pictures, with its sub-folders. May be given several times: a table for each.",
    ),
    click.option(
        "--list", "listed", type=_FILE, metavar="FILE",
        help="Text file with one picture of the folder in each line: these only.",
    ),
    click.option(
        "--crop", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
        help="Centre crops of N pixels a side; 0: whole pictures.",
    ),
    click.option(
        "--trained-on", type=_FILE, multiple=True, metavar="DIR",
        help="Pictures that no test picture may look like, such as what a peer was trained on. Those that "
        "the weights were trained on are known already.",
    ),
)  # fmt: skip

_SCORES = (
    click.option(
        "--metrics", type=Words(METRICS), metavar="LIST",
        help=f"Of {', '.join(METRICS)}.  [default: all that can be measured]",
    ),
    click.option(
        "--lpips", "trunks", type=Words(TRUNKS), metavar="LIST",
        help="LPIPS with these trunks: squeeze, alex, vgg.  [default: those that --lpips-trunk names, else "
        "squeeze]",
    ),
    click.option(
        "--lpips-trunk", "trunk_files", multiple=True, metavar="[NET=]FILE",
        help="torchvision's weights of a trunk (squeeze unless named). Default: RESTORE_LPIPS_TRUNK, else "
        "torchvision's own download.",
    ),
    click.option(
        "--limit", type=click.IntRange(min=1), metavar="N", help="The first N pictures of each set only.",
    ),
    click.option("--json", "json_file", metavar="FILE", help="Write everything there; - is standard output."),
    click.option("--csv", "csv_file", metavar="FILE", help="A line for each picture and method; - as above."),
    click.option(
        "--report", type=_FILE, metavar="FILE",
        help="Write one self-contained HTML page with pictures to look at.",
    ),
    click.option(
        "--report-pictures", "show", type=click.IntRange(0, 64), default=8, show_default=True, metavar="N",
        help="Pictures in the report: half of them by turns, half the worst.",
    ),
    click.option("--plot", type=_FILE, metavar="FILE", help="Write the curves as PNG; needs matplotlib."),
    OVERWRITE,
    switch("-q", "--quiet", help="No progress and no notes on standard error; warnings remain."),
)  # fmt: skip


def _rows_options(steps: Mapping[tuple[str, str], int], estimates: str) -> tuple[Callable[[Any], Any], ...]:
    methods = list(dict.fromkeys(method for method, _ in steps))
    return (
        click.option(
            "--estimate", "estimates", type=Words(("mean", "sample")), metavar="LIST",
            help=f"mean, sample or both.  [default: {estimates}]",
        ),
        click.option(
            "--method", "methods", type=Words(methods, every="all"), metavar="LIST",
            help=f"Of {', '.join(methods)}, or all.  [default: what the command does unasked]",
        ),
        click.option(
            "--steps", type=click.IntRange(1, 1000), metavar="N", help="For the methods that walk."
        ),
        click.option(
            "--sampler", type=click.Choice(SAMPLERS), help="For samples.",
        ),
        SEED,
        click.option(
            "--sweep", type=Sweep(), multiple=True, metavar="OPTION=LIST",
            help=f"A row for each value of {', '.join(SWEPT)}: trade-off curves in --report and --plot.",
        ),
        click.option(
            "--peer", "peers", multiple=True, metavar="[NAME=]SOURCE",
            help="A row for another restorer: FILE.py:FUNCTION[:WEIGHTS], or a model file for spandrel.",
        ),
        click.option(
            "--against", type=_FILE, multiple=True, metavar="FILE",
            help="The same rows with another checkpoint, under its name.",
        ),
        click.option(
            "--own/--no-own", default=True, help="Rows of restore itself.  [default: own]", show_default=False
        ),
        click.option(
            "--floor/--no-floor", default=True, show_default=False,
            help="Rows of the classical methods.  [default: floor]",
        ),
    )  # fmt: skip


def _with(*options: Callable[[Any], Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@click.group("eval")
def evaluate() -> None:
    """Measure on clean pictures: damage them by a named protocol, restore them, score the results.

    \b
    restore eval denoise --data photos --sigma 25
    restore eval upscale --data set5 --scale 4 --report set5.html
    restore eval inpaint --data photos --crop 256 --sweep steps=5,10,20,40 --plot curves.png
    restore eval compare references results

    The functions are those that the commands of the same name call. Tables go to
    standard output as Markdown, with everything that their numbers depend on. Exit code 1: a picture could
    not be measured, and is in no mean.
    """


@evaluate.command()
@_with(*_DATA)
@click.option(
    "--protocol", type=click.Choice(["gaussian", "poisson-gaussian"]), default="gaussian",
    show_default=True, help="What is done to the pictures.",
)  # fmt: skip
@click.option(
    "--sigma",
    type=Numbers(0, 255),
    metavar="LIST",
    help="gaussian: noise levels, 0 to 255.  [default: 15,25,50]",
)
@click.option(
    "--input", "kinds", type=Words(("float", "8bit")), metavar="LIST",
    help="gaussian: float (neither clipped nor quantised, as papers have it) or 8bit (as files are), or both."
    "  [default: float]",
)  # fmt: skip
@click.option(
    "--gain", type=Numbers(1e-5, 1), metavar="LIST",
    help="poisson-gaussian: variance per unit of signal.  [default: 0.01,0.05]",
)  # fmt: skip
@click.option(
    "--read",
    type=click.FloatRange(0, 255),
    metavar="S",
    help="poisson-gaussian: read noise, 0 to 255.  [default: 3]",
)
@_with(*_rows_options(DENOISE_STEPS, "mean"), *_SCORES, ENSEMBLE, *NETWORK)
def denoise(protocol: str, **options: Any) -> None:
    """Noise.

    \b
    restore eval denoise --data bsd --list cbsd68.txt --sigma 15,25,50
    restore eval denoise --data photos --protocol poisson-gaussian
    """
    own = {"gaussian": ("sigma", "kinds"), "poisson-gaussian": ("gain", "read")}
    values = {name: options.pop(name) for names in own.values() for name in names}
    for name, value in values.items():
        if value is not None and name not in own[protocol]:
            word = "input" if name == "kinds" else name
            raise click.UsageError(f"--{word} has no effect with --protocol {protocol}; leave it out")

    def protocols() -> list[Protocol]:
        from restore.evaluation.protocols import Gaussian, PoissonGaussian

        if protocol == "poisson-gaussian":
            read = 3.0 if values["read"] is None else values["read"]
            return [PoissonGaussian(gain, read) for gain in values["gain"] or (0.01, 0.05)]
        kinds, sigmas = values["kinds"] or ("float",), values["sigma"] or (15.0, 25.0, 50.0)
        return [Gaussian(sigma, kind == "8bit") for kind in kinds for sigma in sigmas]

    _evaluate("denoise", protocols, **options)


@evaluate.command()
@_with(*_DATA)
@click.option(
    "--quality", type=Numbers(1, 100, whole=True), default="10,20,30,40", show_default=True, metavar="LIST",
    help="JPEG qualities, of Pillow's encoder with chroma 4:2:0.",
)  # fmt: skip
@_with(*_rows_options(DEJPEG_STEPS, "mean,sample"), *_SCORES, ENSEMBLE, *NETWORK)
def dejpeg(quality: tuple[int, ...], **options: Any) -> None:
    """Compressed pictures.

    \b
    restore eval dejpeg --data photos --quality 10,30
    restore eval dejpeg --data photos --method all
    """

    def protocols() -> list[Protocol]:
        from restore.evaluation.protocols import Jpeg

        return [Jpeg(each) for each in quality]

    _evaluate("dejpeg", protocols, **options)


@evaluate.command()
@_with(*_DATA)
@click.option(
    "--operator", "words", multiple=True, required=True, metavar="WHAT",
    help=f"What is done to the pictures, such as {EXAMPLES}. May be given several times, in their order.",
)  # fmt: skip
@click.option(
    "--sigma", type=click.FloatRange(0, 255), default=0, show_default=True, metavar="S",
    help="White noise after that, 0 to 255; the result becomes 8 bits.",
)  # fmt: skip
@_with(
    *_rows_options(
        {each: SOLVE_STEPS[each[1]] for each in SOLVERS.items() if each[0] != "repaint"}, "mean,sample"
    )
)
@_with(*_SCORES, ENSEMBLE, *NETWORK)
def solve(words: tuple[str, ...], sigma: float, **options: Any) -> None:
    """Pictures degraded by any chain of operators, restored by every method that can undo it.

    \b
    restore eval solve --data photos --operator blur=gaussian:1.6 --crop 256 --sweep steps=5,10,20,50,100
    restore eval solve --data photos --operator blur=motion:15:30 --operator down=2 --method diffpir,pigdm
    """
    try:
        read = [read_word(word) for word in words]
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    for method in options["methods"] or ():
        if method not in solvers_for(read):
            raise click.UsageError(f"--method {method} cannot undo this; {', '.join(solvers_for(read))} can")

    def protocols() -> list[Protocol]:
        from restore.evaluation.protocols import Degraded

        return [Degraded(words, sigma)]

    _evaluate("solve", protocols, **options)


@evaluate.command()
@_with(*_DATA)
@click.option(
    "--scale", type=Numbers(2, 4, whole=True), default="4", show_default=True, metavar="LIST",
    help="Factors: 2, 3, 4. Reduced by antialiased bicubic interpolation, as MATLAB and Pillow do it.",
)  # fmt: skip
@_with(*_rows_options(UPSCALE_STEPS, "mean,sample"), *_SCORES, ENSEMBLE, *NETWORK)
def upscale(scale: tuple[int, ...], **options: Any) -> None:
    """Reduced pictures.

    \b
    restore eval upscale --data set5 --scale 2,3,4
    restore eval upscale --data set14 --peer ESRGAN=RRDB_PSNR_x4.pth
    """

    def protocols() -> list[Protocol]:
        from restore.evaluation.protocols import BicubicDown

        return [BicubicDown(factor) for factor in scale]

    _evaluate("upscale", protocols, **options)


@evaluate.command()
@_with(*_DATA)
@click.option(
    "--holes", type=Words(HOLES, every="all"), default="strokes-narrow,text,box", show_default=True,
    metavar="LIST", help=f"Of {', '.join(HOLES)}, or all.",
)  # fmt: skip
@click.option(
    "--hole-seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True,
    help="Of the holes; each picture has its own, the same in every run.",
)  # fmt: skip
@_with(*CLIMBS, *_rows_options(INPAINT_STEPS, "mean,sample"), *_SCORES, ENSEMBLE, *NETWORK)
def inpaint(
    holes: tuple[str, ...], hole_seed: int, jump_length: int | None, jump_repeats: int | None, **options: Any
) -> None:
    """Pictures with holes.

    \b
    restore eval inpaint --data kodak --crop 256 --holes strokes-narrow,text
    restore eval inpaint --data kodak --crop 256 --method all --limit 4
    """

    def protocols() -> list[Protocol]:
        from restore.evaluation.protocols import Holes

        return [Holes(family, hole_seed) for family in holes]

    jumps = None
    if jump_length is not None or jump_repeats is not None:
        jumps = jump_length or JUMPS[0], jump_repeats or JUMPS[1]
    _evaluate("inpaint", protocols, jumps=jumps, **options)


@evaluate.command()
@click.argument("reference", type=_FILE)
@click.argument("outputs", type=_FILE, nargs=-1, required=True, metavar="OUTPUT...")
@click.option(
    "--border", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
    help="Pixels at each side that PSNR and SSIM leave out; super-resolution leaves out its scale.",
)  # fmt: skip
@click.option(
    "--partly", is_flag=True, help="Where the folders do not match, compare what is in all of them."
)
@_with(*_SCORES)
def compare(reference: Path, outputs: tuple[Path, ...], border: int, partly: bool, **options: Any) -> None:
    """Score the pictures of each OUTPUT folder against those of the same name in REFERENCE.

    \b
    restore eval compare clean denoised --metrics psnr,ssim
    restore eval compare set5 ours theirs --border 4 --report both.html
    """
    with _Run(options) as run:
        from restore.evaluation.compare import compare

        scorer, nets = run.scorer("compare")
        table = compare(
            reference, outputs, scorer, border=border, limit=options["limit"], show=run.show, partly=partly,
            say=run.warn, tick=run.tick,
        )  # fmt: skip
        run.publish([table], run.facts({}, nets))


def _evaluate(task: str, protocols: Callable[[], list[Protocol]], **options: Any) -> None:
    """The three commands that damage and restore."""
    _check_options(options)
    with _Run(options) as run:
        from restore.evaluation.measure import measure

        networks = run.networks()
        plan = _plan(run, networks, protocols(), options)
        scorer, nets = run.scorer(task)
        run.expect(sum(len(pictures.files) * len(methods) for pictures, _, methods in plan))
        tables: list[Table] = []
        try:
            for pictures, protocol, methods in plan:
                tables.append(
                    measure(pictures, protocol, methods, scorer, show=run.show, say=run.warn, tick=run.tick)
                )
                run.print(tables[-1])
        except BaseException:  # an interrupt too: what is finished is not lost
            if tables:
                run.note(f"stopped after {len(tables)} of {len(plan)} tables; these are kept")
                run.publish(tables, run.facts(networks, nets))
            raise
        run.publish(tables, run.facts(networks, nets))


def _check_options(options: Mapping[str, Any]) -> None:
    """Refuse what does not go together, before anything is loaded."""
    names = [name for name, _ in options["sweep"]]
    if len(set(names)) < len(names):
        raise click.UsageError("--sweep names the same option twice; give all its values at once")
    for name in names:
        plain = {"method": "methods", "estimate": "estimates"}.get(name, name)
        given = click.get_current_context().get_parameter_source(plain)
        if given is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} is given and swept; leave one of them out")
    if len({folder.resolve() for folder in options["folders"]}) < len(options["folders"]):
        raise click.UsageError("--data names the same folder twice; name it once")
    if options["listed"] and len(options["folders"]) > 1:
        raise click.UsageError("--list names pictures of one folder; pass one --data with it")
    if not (options["own"] or options["floor"] or options["peers"] or options["against"]):
        raise click.UsageError("--no-own and --no-floor leave nothing to measure; pass a --peer")


def _plan(
    run: _Run, networks: Mapping[str, Backbone], protocols: Sequence[Protocol], options: Mapping[str, Any]
) -> list[tuple[PictureSet, Protocol, list[Method]]]:
    """What will be measured: a table for each set and protocol."""
    from restore.evaluation.peers import peer_method
    from restore.evaluation.pictures import PictureSet
    from restore.evaluation.rows import Asked, floor_methods, own_methods

    sweep = dict(options["sweep"])
    walk = {k: options[k] for k in ("steps", "sampler", "seed") if options[k] is not None and k not in sweep}
    if options.get("jumps"):
        from restore.tasks.inpaint_methods import Jumps

        walk["jumps"] = Jumps(*options["jumps"])
    asked = Asked(options["estimates"] or (), options["methods"] or (), walk, sweep)
    peers = [peer_method(spec, run.device()) for spec in options["peers"]]
    known = run.known_pictures(networks, options["trained_on"])
    narrowed = {"listed": options["listed"], "limit": options["limit"], "crop": options["crop"]}
    sets = _told_apart([PictureSet.of(folder, known=known, **narrowed) for folder in options["folders"]])
    plan = []
    for pictures in sets:
        for protocol in protocols:
            methods = floor_methods(protocol) if options["floor"] else []
            methods += peers
            for name, network in networks.items():
                methods += own_methods(protocol, network, asked, name)
            plan.append((pictures, protocol, methods))
    return plan


def _told_apart(sets: Sequence[PictureSet]) -> list[PictureSet]:
    """With names that tell them apart: those above them come in where folders are called the same."""
    names = [pictures.name for pictures in sets]
    if len(set(names)) == len(names):
        return list(sets)
    return [replace(p, name="/".join(p.root.resolve().parts[-2:])) for p in sets]


class _Run:
    """One evaluation: what is written where, what is said meanwhile."""

    def __init__(self, options: Mapping[str, Any]):
        self._options = options
        self._bar: Any = None
        self._expected = False
        self._done = 0  # of the tables before this one
        self._title, self._total = "", 0
        self.notes: list[str] = []
        self._failed = False
        self._files = {
            name: Path(value)
            for name in ("json_file", "csv_file", "report", "plot")
            if (value := options[name]) and str(value) != "-"
        }

    def __enter__(self) -> _Run:
        for name in ("report", "plot"):
            if str(self._options[name]) == "-":
                raise click.UsageError(f"--{name} - : only --json and --csv go to standard output")
        if self._options["json_file"] == self._options["csv_file"] == "-":
            raise click.UsageError("--json and --csv cannot both go to standard output; name a file for one")
        if "" in (self._options["json_file"], self._options["csv_file"]):
            raise click.UsageError("--json and --csv want the name of a file, or -")
        for path in self._files.values():
            if path.is_dir():
                raise OutputError(f"{path}: expected a file name, got a folder; add a name")
            if path.exists() and not self._options["overwrite"]:
                raise OutputError(
                    f"{path}: the file is already there; choose another name or pass --overwrite"
                )
            if not path.absolute().parent.is_dir():
                raise OutputError(f"{path}: the folder {path.parent} does not exist; create it first")
            try:
                with tempfile.TemporaryFile(dir=path.absolute().parent):
                    pass
            except OSError as error:
                raise OutputError(
                    f"{path}: cannot write there ({error.strerror}); choose another folder"
                ) from None
        if len(set(self._files.values())) < len(self._files):
            raise click.UsageError("--json, --csv, --report and --plot name the same file twice")
        if self._options["plot"]:
            from restore.evaluation.plot import check

            check()
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        if self._bar is not None:
            self._bar.close()
        if kind is None and self._failed:
            click.get_current_context().exit(1)

    @property
    def show(self) -> int:
        """How many pictures of each table the report shows."""
        return int(self._options["show"]) if self._options["report"] else 0

    def networks(self) -> dict[str, Backbone]:
        """By the names of their rows."""
        options = self._options
        files: dict[str, Path | None] = {"restore": options["weights"]} if options["own"] else {}
        for path in options["against"]:
            if path.stem in files:
                raise ConfigError(f"--against {path}: there are rows called {path.stem} already; rename it")
            files[path.stem] = path
        return {
            name: load_backbone(
                path, options["device"], options["precision"], options["tile"], options["ensemble"]
            )
            for name, path in files.items()
        }

    def known_pictures(self, networks: Mapping[str, Backbone], folders: Sequence[Path]) -> dict[str, Any]:
        """Fingerprints of what the weights and peers were trained on, by what they are."""
        from restore.evaluation.pictures import fingerprints_of, printable
        from restore.images.fingerprints import Fingerprints

        known = {f"in {printable(folder.resolve().name)}": fingerprints_of(folder) for folder in folders}
        for name, network in networks.items():
            whose = "the weights" if name == "restore" else name
            text = network.facts.get("fingerprints")
            if text is None:
                self.note(
                    f"{whose} carry no fingerprints of their training pictures; whether a test picture was "
                    "among them cannot be checked"
                )
                continue
            try:
                known[f"in the training data of {whose}"] = Fingerprints.parse(text)
            except ValueError as error:
                raise WeightsError(f"the fingerprints of {whose} cannot be read: {error}") from None
        return known

    def scorer(self, task: str) -> tuple[Scorer, dict[str, Any]]:
        """(the scorer with all metrics that were asked for or can be measured, LPIPS by its trunk)."""
        from restore.evaluation.metrics import Lpips
        from restore.evaluation.scoring import Scorer, metrics_of

        options = self._options
        only = options["metrics"] or ()
        files = dict(self._trunk_files())
        trunks = options["trunks"] or tuple(files) or ("squeeze",)
        if only and "lpips" not in only and (options["trunks"] or files):
            raise click.UsageError("--lpips and --lpips-trunk have no effect without lpips in --metrics")
        insisted = bool(options["trunks"] or files or "lpips" in only)
        nets = {}
        for trunk in trunks if not only or "lpips" in only else ():
            try:
                nets[trunk] = Lpips(files.get(trunk), trunk).to(self.device())
            except WeightsError as error:
                if insisted:
                    raise WeightsError(f"{error}; without it all other metrics can be measured") from None
                self.note("LPIPS is not measured, everything else is", f": {error}")
        return Scorer(metrics_of(task, list(nets), only), nets), nets

    def _trunk_files(self) -> Iterator[tuple[str, str]]:
        for value in self._options["trunk_files"]:
            name, equals, path = value.partition("=")
            if not equals:
                name, path = "squeeze", value
            if name not in TRUNKS:
                raise click.UsageError(f"--lpips-trunk {value}: expected one of {', '.join(TRUNKS)} before =")
            yield name, path

    def device(self) -> str:
        """Where networks are computed."""
        from restore.priors.device import best_device

        name = self._options.get("device", "cpu")
        return best_device() if name == "auto" else usable(name)

    def expect(self, total: int) -> None:
        """Show a bar for so many restorations, where there is a terminal."""
        self._expected = True
        if self._options["quiet"] or not sys.stderr.isatty():
            return
        from tqdm import tqdm

        form = "{desc} {percentage:3.0f}% |{bar}| {elapsed}, {remaining} left"
        self._bar = tqdm(total=total, file=sys.stderr, bar_format=form, leave=False, dynamic_ncols=True)

    def tick(self, title: str, done: int, total: int) -> None:
        if not self._expected:
            self.expect(total)
        if title != self._title:
            self._done, self._title, self._total = self._done + self._total, title, total
        if self._bar is not None:
            self._bar.set_description_str(title, refresh=False)
            self._bar.update(self._done + done - self._bar.n)

    def warn(self, text: str) -> None:
        """Something that changes what the numbers mean: said even when quiet, and the exit code is 1."""
        self._failed = True
        self._say(f"warning: {text}")

    def note(self, text: str, detail: str = "") -> None:
        """Said, and kept beside the numbers; detail, such as a folder of this machine, is only said."""
        self.notes.append(text)
        if not self._options["quiet"]:
            self._say(f"note: {text}{detail}")

    def print(self, table: Table) -> None:
        """The table on standard output, unless that is taken."""
        from restore.evaluation.tables import markdown

        if table.overlaps:
            self._say(
                f"warning: {len(table.overlaps)} of {table.count} pictures of {table.title} were seen "
                "before, which makes the numbers too good: "
                + ", ".join(f"{name} ({what})" for name, what in table.overlaps.items())
            )
        if "-" not in (self._options["json_file"], self._options["csv_file"]):
            if self._bar is not None:
                self._bar.clear()
            click.echo(markdown(table))

    def facts(self, networks: Mapping[str, Backbone], nets: Mapping[str, Any]) -> dict[str, str]:
        from restore.evaluation.environment import facts

        # Folders of this machine are nobody else's business.
        shown = [_without_folders(word) for word in sys.argv[1:]]
        return {"restore": __version__, "command": shlex.join(["restore", *shown])} | facts(networks, nets)

    def publish(self, tables: list[Table], facts: dict[str, str]) -> None:
        """Write the files that were asked for, and the shared facts under the tables."""
        from restore.evaluation import tables as text
        from restore.evaluation.results import Evaluation

        evaluation = Evaluation(facts, tables, self.notes)
        if tables[0].task == "compare":
            self.print(tables[0])
        options = self._options
        for name, encode in (("json_file", text.as_json), ("csv_file", text.as_csv)):
            if options[name] == "-":
                click.echo(encode(evaluation), nl=False)
        if "-" not in (options["json_file"], options["csv_file"]):
            click.echo(text.footer(evaluation))
        makers: dict[str, Callable[[Evaluation], bytes]] = {
            "json_file": lambda e: text.as_json(e).encode(),
            "csv_file": lambda e: text.as_csv(e).encode(),
            "report": _report,
            "plot": _plot,
        }
        problems: list[RestoreError] = []
        for name, path in self._files.items():
            try:
                images.write_bytes(path, makers[name](evaluation), overwrite=options["overwrite"])
            except RestoreError as error:  # the others are not lost for it
                problems.append(error)
                continue
            if not options["quiet"]:
                self._say(f"wrote {path}")
        if problems:
            raise problems[0]

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        click.echo(text, err=True)


def _without_folders(word: str) -> str:
    """An argument without this machine's folders: absolute paths, also after = and :, by their names."""
    if "=" in word:
        head, _, tail = word.partition("=")
        return f"{_without_folders(head)}={_without_folders(tail)}"
    return ":".join(Path(part).name if Path(part).is_absolute() else part for part in word.split(":"))


def _report(evaluation: Evaluation) -> bytes:
    from restore.evaluation.report import html

    return html(evaluation).encode()


def _plot(evaluation: Evaluation) -> bytes:
    from restore.evaluation.plot import png

    return png(evaluation)
