"""What is said of a manifest that was written."""

from __future__ import annotations

from pathlib import Path

from restore import images
from restore.cli.manifest_plan import Told
from restore.cli.reporter import say, say_error
from restore.cli.results import left_out

FEW = 10  # problems that are said one by one


def tell_planned(told: Told, *, quiet: bool = False) -> None:
    """Say what there is to say of the inputs: names told apart, results left out, what cannot be read."""
    for note in () if quiet else told.notes:
        say(f"note: {note}")
    if told.results and not quiet:
        say(f"note: {left_out([Path(name) for name in told.results], told.results_count)}")
    for problem in told.problems[:FEW]:
        say_error(problem)
    if len(told.problems) > FEW:
        say_error(f"{len(told.problems) - FEW} more inputs cannot be used; restore status lists them")
    if told.unread:
        names = [Path(f"x{suffix}") for suffix, count in told.unread.items() for _ in range(count)]
        say_error(images.unread_note(names, pdf=True))
