"""Put the originals back that a run with ``--in-place`` has moved to its backup."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from restore.cli.in_place import remove_empty, undo
from restore.cli.manifest import Manifest
from restore.cli.manifest_file import ManifestFile
from restore.cli.manifest_lines import BEGUN, DAMAGED, DONE, Item, result_line
from restore.cli.manifest_run import is_live
from restore.errors import ManifestError


def undo_all(path: Path) -> Iterator[dict[str, Any]]:
    """Put every original back; give a ``picture`` event's fields for each, undone or failed.

    What a run is at just now has failed: its result might take the place of an original that was put back.
    Raises ManifestError for a manifest of results that stand elsewhere.
    """
    import numpy as np

    with Manifest(path) as manifest:
        backup = manifest.header.get("backup")
        if not isinstance(backup, str):
            raise ManifestError(
                f"{path}: expected the manifest of a run with --in-place; the results of this one stand "
                "elsewhere, and all originals are in their places"
            )
        quiet_since = path.stat().st_mtime
        with ManifestFile(path) as file:
            for number in np.flatnonzero(manifest.in_states(DONE, DAMAGED, BEGUN)):
                item, result = manifest.item(int(number)), manifest.result(int(number)) or {}
                if item.backup is None or item.output is None or "input_sha256" not in result:
                    continue  # begun, but the original had not been moved yet
                begun = int(manifest.states[number]) == BEGUN
                if begun and is_live(manifest, int(manifest.runs[number]), quiet_since):
                    problem = f"{item.output}: a run is at it; undo it again when that has ended"
                    yield _told(item) | {"status": "failed", "error": problem}
                    continue
                yield _undone(manifest, file, item, result, manifest.path_of(backup))


def _undone(
    manifest: Manifest, file: ManifestFile, item: Item, result: dict[str, Any], folder: Path
) -> dict[str, Any]:
    target, backup = manifest.path_of(item.output or ""), manifest.path_of(item.backup or "")
    hashes = {name: result.get(name) for name in ("output_sha256", "input_sha256")}
    done = undo(target, backup, output_hash=hashes["output_sha256"], input_hash=hashes["input_sha256"])
    if done.problem:
        return _told(item) | {"status": "failed", "error": done.problem}
    told = _told(item)
    file.append(result_line(item.number, "undone", None, told))
    remove_empty(backup.parent, folder)
    return told


def _told(item: Item) -> dict[str, Any]:
    return {"item": item.number, "status": "undone", "input": item.input, "output": None}
