"""Options of ``restore eval``: the pictures, the rows and the scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from restore.cli.loudness import VERBOSE, one_of_two
from restore.cli.options import REPLACE, SEED
from restore.cli.parameters import (
    SAMPLER,
    CheckpointName,
    Decorator,
    FileName,
    NameList,
    Names,
    NumberList,
    late_option,
    switch,
)
from restore.diffusion.samplers import sampler_names
from restore.evaluation.columns import FAMILIES, TRUNKS
from restore.evaluation.selection import SWEPT, default_estimates
from restore.tasks import catalogue


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
            return name, NumberList(1, 1000, whole=True).convert(values, param, ctx)
        if name == "seed":
            return name, NumberList(0, 2**32 - 1, whole=True).convert(values, param, ctx)
        names: dict[str, Names] = {
            "method": lambda: [name for task in catalogue.TASKS for name in catalogue.names(task)],
            "estimate": lambda: catalogue.ESTIMATES,
            "sampler": sampler_names,
        }
        return name, NameList(names[name]).convert(values, param, ctx)


FILE = FileName(path_type=Path)
PAIRS = click.option(
    "--pairs", type=FILE, multiple=True, metavar="DIR",
    help="Folder of noisy pictures, each with a reference of the same scene: 01_noisy.jpg and 01_mean.jpg "
    "(or clean, reference, gt), or folders noisy and clean. In place of --data, or beside it.",
)  # fmt: skip


def data_options(*, pairs: bool = False) -> tuple[Decorator, ...]:
    """What is measured on: clean pictures, or pairs too, and then neither is required here."""
    folders = click.option(
        "--data", "folders", type=FILE, multiple=True, required=not pairs, metavar="DIR",
        help="Folder of clean pictures, with its sub-folders. May be given several times: a table for each.",
    )  # fmt: skip
    return (folders, *((PAIRS,) if pairs else ()), *_PICTURES)


_PICTURES = (
    click.option(
        "--list", "listed", type=FILE, metavar="FILE",
        help="Text file with one picture of the folder in each line: these only.",
    ),
    click.option(
        "--crop", type=click.IntRange(min=0), default=0, show_default=True, metavar="N",
        help="Centre crops of N pixels a side; 0: whole pictures.",
    ),
    click.option(
        "--trained-on", type=FILE, multiple=True, metavar="DIR",
        help="Pictures that no test picture may look like, such as what a peer was trained on. Those that "
        "the weights were trained on are known already.",
    ),
)  # fmt: skip

LIMIT = click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="The first N pictures of each set only.",
)  # fmt: skip
JSON = click.option(
    "--json",
    "json_file",
    type=FileName(),
    metavar="FILE",
    help="Write everything there; - is standard output.",
)
CSV = click.option(
    "--csv", "csv_file", type=FileName(), metavar="FILE",
    help="Write a line for each picture and method there; - is standard output.",
)  # fmt: skip
PLOT = click.option(
    "--plot", type=FILE, metavar="FILE",
    help="Write the curves as PNG, or as SVG where the name ends so; needs matplotlib.",
)  # fmt: skip
QUIET = switch(
    "-q", "--quiet", callback=one_of_two,
    help="No progress and no notes on standard error; warnings remain.",
)  # fmt: skip
LOUDNESS = (QUIET, VERBOSE)

SCORES = (
    click.option(
        "--metrics", type=NameList(lambda: FAMILIES), metavar="LIST",
        help=f"Of {', '.join(FAMILIES)}.  [default: all that can be measured]",
    ),
    click.option(
        "--lpips", "trunks", type=NameList(lambda: list(TRUNKS)), metavar="LIST",
        help=f"LPIPS with these trunks: {', '.join(TRUNKS)}.  [default: those that --lpips-trunk names, else "
        "squeeze]",
    ),
    click.option(
        "--lpips-trunk", "trunk_files", multiple=True, metavar="[NET=]FILE",
        help="torchvision's weights of a trunk (squeeze unless named). Default: RESTORE_LPIPS_TRUNK, else "
        "torchvision's own download.",
    ),
    LIMIT,
    JSON,
    CSV,
    click.option(
        "--report", type=FILE, metavar="FILE",
        help="Write one self-contained HTML page with pictures to look at.",
    ),
    click.option(
        "--report-pictures", "show", type=click.IntRange(0, 64), default=8, show_default=True, metavar="N",
        help="Pictures in the report: half of them spread over the set, half the worst.",
    ),
    PLOT,
    REPLACE,
    *LOUDNESS,
)  # fmt: skip


def row_options(task: str) -> tuple[Decorator, ...]:
    """Which rows a table of a task has."""

    def methods() -> list[str]:
        return catalogue.names(task)

    default = ",".join(default_estimates(task))

    return (
        click.option(
            "--estimate", "estimates", type=NameList(lambda: catalogue.ESTIMATES), metavar="LIST",
            help=f"mean, sample or both.  [default: {default}]",
        ),
        late_option(
            "--method", "methods", type=NameList(methods, every="all"), metavar="LIST",
            late=lambda: f"Of {', '.join(methods())}, or all.  [default: that of the command]",
        ),
        click.option(
            "--steps", type=click.IntRange(1, catalogue.MOST_STEPS), metavar="N",
            help="For the methods that take steps."
        ),
        click.option(
            "--sampler", type=SAMPLER, help="For samples; a name that restore sample --help lists.",
        ),
        SEED,
        click.option(
            "--sweep", type=Sweep(), multiple=True, metavar="OPTION=LIST",
            help=f"A row for each value of {', '.join(SWEPT)}: trade-off curves in --report and --plot.",
        ),
        click.option(
            "--peer", "peers", multiple=True, metavar="[NAME=]SOURCE",
            help="A row for another restorer: FILE.py:FUNCTION[:WEIGHTS], a model file for spandrel, or a "
            "command such as 'Mine=mine {input} {output}'; docs/evaluation.md says what it must do.",
        ),
        click.option(
            "--against", type=CheckpointName(path_type=Path), multiple=True, metavar="FILE",
            help="The same rows with another checkpoint, under its name.",
        ),
        click.option(
            "--own/--no-own", default=True, help="Rows of restore itself.  [default: own]", show_default=False
        ),
        click.option(
            "--baselines/--no-baselines", default=True, show_default=False,
            help="Rows of the classical methods.  [default: baselines]",
        ),
    )  # fmt: skip
