"""``restore eval samples``: pictures drawn by a generator beside real ones, without a trained network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from restore.cli.evaluation_options import CSV, FILE, JSON, LIMIT, LOUDNESS
from restore.cli.evaluation_run import evaluation_run, facts_of
from restore.cli.help_pages import Command
from restore.cli.options import CONFIG, REPLACE
from restore.cli.parameters import all_of

MOST_NAMED = 5  # copies that are named one by one


@click.command(cls=Command)
@click.option(
    "--data", "references", type=FILE, required=True, metavar="DIR",
    help="Folder of real pictures, with its sub-folders: 16 at least, better hundreds.",
)  # fmt: skip
@click.option(
    "--samples", "drawn", type=FILE, required=True, metavar="DIR",
    help="Folder of pictures that were drawn, such as restore sample writes: 8 at least.",
)  # fmt: skip
@click.option(
    "--size", type=click.IntRange(16, 1024), metavar="N",
    help="All pictures are cut to the square in the middle and reduced to NxN.  [default: the samples' "
    "smallest side]",
)  # fmt: skip
@all_of(LIMIT, JSON, CSV, REPLACE, *LOUDNESS, CONFIG)
def samples(references: Path, drawn: Path, size: int | None, **options: Any) -> None:
    """Compare drawn pictures with real ones as sets: distance, diversity, copies.

    \b
    restore sample -n 64 -o drawn
    restore eval samples --data photos --samples drawn
    restore eval samples --data photos --samples drawn --json set.json

    The distance is a Fréchet distance of features of a fixed random network, which needs no download. It is
    no FID and cannot be compared with one. The last row is what real pictures reach at the same numbers.
    """
    if references.resolve() == drawn.resolve():
        raise click.UsageError("--data and --samples name the same folder; pass two")
    with evaluation_run(options | {"report": None, "show": 0, "plot": None}) as run:
        from restore.evaluation.pictures import printable
        from restore.evaluation.samples import COPY, compare_samples, copies, read_features, side_of

        side = size or side_of(drawn, options["limit"])
        given = {"limit": options["limit"], "observer": run.reporter.observer}
        ours, real = read_features(drawn, side, **given), read_features(references, side, **given)
        table = compare_samples(real, ours, name=printable(references.resolve().name), side=side)
        found = copies(real, ours)
        for sample, reference, share in found[:MOST_NAMED]:
            run.reporter.note(
                f"sample {sample} is nearly a copy of {reference}: {share:.3f} of the usual distance"
            )
        if len(found) > MOST_NAMED:
            run.reporter.note(
                f"{len(found) - MOST_NAMED} more samples are nearer than {COPY:g} to a reference"
            )
        run.reporter.table(table)
        run.publish([table], facts_of({}, {}))
