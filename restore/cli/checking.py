"""Commands that are checked and not run, for a page that tells what is wrong before it computes.

Nothing of the file system is looked at: the files that there will be are named.
"""

from __future__ import annotations

from collections.abc import Collection

import click

KEY = "restore.checking"  # of the context: the names of the files that there will be


def check_alone(context: click.Context, files: Collection[str]) -> None:
    """Check the commands of a context, and run none. files: the names of those that there will be."""
    context.meta[KEY] = frozenset(files)


def files_to_be() -> frozenset[str] | None:
    """Give the files that there will be where a command is only checked; None where it runs."""
    context = click.get_current_context(silent=True)
    return None if context is None else context.meta.get(KEY)
