"""The options for folders of many pictures: manifests, shards, and results in the places of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore.cli.parameters import FileName, Switch, switch
from restore.cli.shards import ShardType
from restore.images.paths import what_is

if TYPE_CHECKING:
    from restore.cli.options import Settings

MANIFEST = click.option(
    "--manifest", type=FileName(path_type=Path), metavar="FILE",
    help="List of all pictures and what became of each, a line of JSON for each: written if it is missing, "
    "else gone on with; INPUT can then be left out. restore status shows how far it is.",
)  # fmt: skip
RETRY = switch(
    "--retry-failed",
    help="Try those pictures of the manifest again that failed, or that an ended run was at, and no others; "
    "else those that failed are passed over.",
)
FORCE = click.option(
    "--force/--no-force",
    "forced",
    cls=Switch,
    default=False,  # restore fit has another force
    help="Go on with a manifest though command, options, weights or version are others than before.",
)
SHARD = click.option(
    "--shard", type=ShardType(), metavar="K/N",
    help="Only the K-th of N parts of the pictures, such as 3/16: for as many processes that share nothing "
    "but the folders.",
)  # fmt: skip
IN_PLACE = switch(
    "--in-place",
    help="Let results take the places of their pictures, whose originals are moved to --backup; restore undo "
    "puts them back.",
)
BACKUP = click.option(
    "--backup", type=FileName(path_type=Path), metavar="DIR",
    help="With --in-place: the folder that originals are moved to, under their paths within INPUT. Without "
    "--manifest, that is DIR/run.jsonl.",
)  # fmt: skip
BATCH = (MANIFEST, RETRY, FORCE, SHARD, IN_PLACE, BACKUP)
NO_PLACE = ("output", "suffix", "format", "output_template", "skip_unchanged", "copies")
"""Options that have no sense with --in-place."""
LISTED = "run.jsonl"
"""The manifest of a run with --in-place, in its backup."""


def check_in_place(in_place: bool, backup: Path | None, others: Mapping[str, Any]) -> None:
    """Check --in-place against --backup and other options, by their names. Raises UsageError."""
    if in_place != (backup is not None):
        raise click.UsageError("--in-place and --backup DIR go together; pass both, or none")
    for name in NO_PLACE if in_place else ():
        if others.get(name) not in (None, False):
            word = f"--{name.replace('_', '-')}"
            raise click.UsageError(f"--in-place gives results the places of their pictures; leave out {word}")


def with_inputs(values: dict[str, Any], manifest: Path | None) -> dict[str, Any]:
    """Values of options; where no inputs are given, with those of the manifest. Raises UsageError."""
    return values if values.get("inputs", True) else values | {"inputs": _listed(manifest)}


def _listed(manifest: Path | None) -> tuple[str, ...]:
    context = click.get_current_context()
    if manifest is None:
        argument = next(each for each in context.command.params if each.name == "inputs")
        raise click.MissingParameter(ctx=context, param=argument)
    if not what_is(manifest):
        raise click.UsageError(f"{manifest} is not there yet; give the pictures to be listed in it, as INPUT")
    from restore.cli.manifest import Manifest

    found = Manifest.listed(manifest)
    return tuple(found) if found else (str(manifest.parent),)


def check_batch(settings: Settings) -> None:
    """Check the options of manifests and of results in the places of pictures against others."""
    listed = settings.manifest is not None or settings.in_place
    check_in_place(settings.in_place, settings.backup, vars(settings))
    if settings.in_place and settings.samples > 1:
        raise click.UsageError("--in-place has room for one result of each picture; leave out --samples")
    for name, value in (("--retry-failed", settings.retry_failed), ("--force", settings.forced)):
        if value and not listed:
            raise click.UsageError(
                f"{name} has an effect with --manifest FILE only; pass that, or leave it out"
            )
    if settings.watch and listed:
        raise click.UsageError("--watch keeps no manifest; leave out --manifest and --in-place")
    for name, path in (("--uncertainty", settings.uncertainty), ("--trajectory", settings.trajectory)):
        if path is not None and listed:
            raise click.UsageError(f"{name} {path} is of one picture; leave it out, or --manifest")
