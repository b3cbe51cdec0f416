"""What pictures are restored by: how many at once, on this machine or on several."""

from __future__ import annotations

import click

JOBS = click.option(
    "--jobs", type=click.IntRange(1, 256), metavar="N",
    help="Pictures that are restored at once: some are read and written while the network computes another, "
    "and small ones are computed together. The results are the same.  [default: as many as help]",
)  # fmt: skip
ENGINE = (
    click.option(
        "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
        help="ray: share the pictures among the machines of a Ray cluster.",
    ),
    click.option(
        "--address", metavar="HOST:PORT",
        help="With --engine ray: the head of the cluster.  [default: RAY_ADDRESS; else Ray is started on "
        "this machine]",
    ),
)  # fmt: skip
"""Where pictures are restored."""
