"""The options of what is shown of results, and of watching a folder."""

from __future__ import annotations

from pathlib import Path

import click

from restore.cli.parameters import FileName, Number, switch

REPORT = click.option(
    "--report", type=FileName(path_type=Path), metavar="FILE",
    help="Also write a page of all pictures before and after: run.html, with a folder run-files beside it. "
    "The next run adds to it.",
)  # fmt: skip
COMPARE = switch(
    "--compare",
    help="Also write each picture and its result side by side, as name-compare.png beside the result.",
)
PREVIEW = click.option(
    "--preview", type=click.IntRange(1, 1000), metavar="N",
    help="Restore only N pictures, spread over all of them, into a page of before and after, and open that; "
    "nothing is written to the output. Then the time that all would take is told.",
)  # fmt: skip
OPEN = click.option(
    "--open/--no-open", "opened", default=None,
    help="Whether the page of --preview is opened in the browser.  [default: yes, where there is a screen "
    "and a terminal]",
)  # fmt: skip
WATCH = switch(
    "--watch",
    help="Restore what is in the folder, then wait for more pictures until stopped (Ctrl-C, SIGTERM).",
)
SETTLE = click.option(
    "--settle", type=Number(0, 86_400), default=2.0, show_default=True, metavar="T",
    help="With --watch: seconds for which a file must not change before it is read.",
)  # fmt: skip
POLL = switch(
    "--poll",
    help="With --watch: look every five seconds instead of waiting for events of the system, as shares may "
    "send none.",
)
SHOWN = (REPORT, COMPARE)
MANY = (PREVIEW, OPEN, WATCH, SETTLE, POLL)
"""Of commands that restore many pictures."""
