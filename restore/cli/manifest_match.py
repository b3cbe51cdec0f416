"""Whether a manifest has been run by the command at hand, with its options and weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import click

from restore import __version__, images
from restore.cli.options import Settings
from restore.cli.record_match import SHORT, files_in
from restore.cli.recorder import NO_MATTER, given, words_of
from restore.cli.weights_hash import weights_hash

APART = NO_MATTER | {"weights", "tile", "allow_damaged"}
"""Options that do not change the results, or are looked at otherwise."""


def run_facts(settings: Settings) -> dict[str, Any]:
    """What makes the results of the command at hand, for its line. Raises ImageError and WeightsError."""
    context = click.get_current_context()
    arguments, files = [], dict[str, str]()
    for option in given(context):
        name = option.name or ""
        value = context.params[name]
        if name in APART or _is_default(option, value):
            continue
        arguments += [list(words) for words in words_of(option, value, {})]
        for path in files_in(value):
            files[path.name] = hashlib.sha256(images.read_bytes(path)).hexdigest()
    return {
        "command": str(context.info_name),
        "arguments": sorted(arguments),
        "files": files,
        "weights": weights_hash(settings.weights),
        "version": __version__,
    }


def _is_default(option: click.Option, value: Any) -> bool:
    # Of a context of its own, which knows nothing of a configuration file.
    return bool(option.get_default(click.Context(click.get_current_context().command)) == value)


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """In what a run differs from one before, in words."""
    if before.get("command") != now["command"]:
        yield f"the command was {before.get('command')}, now {now['command']}"
        return
    old, new = ({" ".join(map(str, each)) for each in told.get("arguments") or ()} for told in (before, now))
    if old != new:
        pairs = ((old, new), (new, old))
        was, is_now = (" ".join(sorted(one - other)) or "the defaults" for one, other in pairs)
        yield f"options were {was}, now {is_now}"
    was_files, files = before.get("files") or {}, now["files"]
    for name in sorted(files.keys() & was_files.keys()):
        if files[name] != was_files[name]:
            yield f"{name} is another file"
    if before.get("weights") != now["weights"]:
        was, is_now = (str(told.get("weights"))[:SHORT] for told in (before, now))
        yield f"the weights were {was}, now {is_now}"
    if before.get("version") != now["version"]:
        yield f"the version was {before.get('version')}, now {now['version']}"
