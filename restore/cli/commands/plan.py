"""``restore plan``: list pictures in a manifest, for runs that can be gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from restore.cli.events import event
from restore.cli.help_pages import Command
from restore.cli.manifest import Manifest
from restore.cli.manifest_options import IN_PLACE, check_in_place
from restore.cli.manifest_plan import Asked
from restore.cli.manifest_status import size_of
from restore.cli.manifest_told import tell_planned
from restore.cli.manifest_write import extend_manifest, write_manifest
from restore.cli.naming import Naming
from restore.cli.options import IGNORE, INPUTS
from restore.cli.parameters import FileName
from restore.cli.registry import register
from restore.cli.reporter import say
from restore.cli.result_options import FORMAT, SUFFIX, TEMPLATE
from restore.images.paths import what_is

OF_COMMANDS = ("{command}", "{ending}", "{seed}")
"""Fields of templates that a plan knows nothing of."""


@register
@click.command(cls=Command)
@INPUTS
@click.option(
    "-o", "--output", type=FileName(stores=True), metavar="DIR",
    help="Folder for the results, which is created by the run.",
)  # fmt: skip
@click.option(
    "--manifest", type=FileName(path_type=Path), metavar="FILE", required=True,
    help="The manifest to write; to one that is there already are added those pictures that are not in it.",
)  # fmt: skip
@IGNORE
@SUFFIX
@FORMAT
@TEMPLATE
@IN_PLACE
@click.option(
    "--backup", type=FileName(path_type=Path), metavar="DIR",
    help="With --in-place: the folder that originals will be moved to.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="What was listed as one event of JSON.")
def plan(
    inputs: tuple[str, ...], manifest: Path, ignore: tuple[str, ...], as_json: bool, **places: Any
) -> None:
    """List pictures and where their results go: files, and folders with their sub-folders.

    A command with this --manifest restores them, goes on where it was ended, and several processes may do so
    at once. Done again later, new pictures are added and those that have changed are listed anew.

    \b
    restore plan scans -o clean --manifest run.jsonl
    restore denoise --manifest run.jsonl
    restore status run.jsonl
    """
    if not inputs:
        raise click.MissingParameter(param=click.get_current_context().command.params[0])
    asked = Asked(inputs, places["output"], _naming(places), ignore, places["backup"])
    known = bool(what_is(manifest))
    try:
        told = extend_manifest(manifest, asked) if known else write_manifest(manifest, asked)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    tell_planned(told)
    if as_json:
        with Manifest(manifest) as found:
            sizes = {"items_count": len(found), "size_bytes": int(found.sizes.sum())}
        more = {"added_count": told.items, "changed_count": told.changed, "pages_count": told.pages}
        click.echo(event("status", manifest=str(manifest), **sizes, **more))
    else:
        verb = "added" if known else "listed"
        anew = f", {told.changed:,} changed and listed anew" if told.changed else ""
        pages = f", {told.pages:,} pages" if told.pages > told.items else ""
        say(f"note: {told.items:,} pictures {verb} ({size_of(told.size)}{pages}){anew}")
    if told.problems or told.unread:
        click.get_current_context().exit(1)


def _naming(places: Mapping[str, Any]) -> Naming:
    """What results are called. Raises UsageError."""
    suffix, form, template = (places[name] for name in ("suffix", "format", "output_template"))
    check_in_place(places["in_place"], places["backup"], places)
    if not places["in_place"] and places["output"] is None and not suffix and template is None:
        raise click.UsageError(
            "what a command adds to names is not known yet; pass -o DIR, or --suffix, or --in-place"
        )
    for each in OF_COMMANDS:
        if template is not None and each.rstrip("}") in template:
            raise click.UsageError(f"--output-template: {each} is not known yet; leave it out")
    return Naming(ending="", suffix=suffix, format=form, template=template, seeds=(0,))
