"""What a manifest says of its runs: how many pictures are done, what failed and why, the time left."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

from restore.cli.course import duration
from restore.cli.manifest import Manifest
from restore.cli.manifest_lines import FAILED, FINISHED, seconds_of
from restore.cli.printable import bounded, printable

KINDS = 100  # of failures that are told apart
EXAMPLES = 3
SHOWN = 10  # kinds that are shown
LONG = 160  # characters of an error
LIVE = 600.0  # seconds since the last line, up to which a run counts as going on


@dataclass
class Failure:
    """A kind of failure: what is said of many files, how many, and the first of them."""

    error: str
    pictures_count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count a file."""
        self.pictures_count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(name)


def facts_of(manifest: Manifest) -> dict[str, Any]:
    """All of it, as the fields of the ``status`` event."""
    counts = manifest.counts()
    finished = manifest.finished
    done = int(finished.sum())
    told: dict[str, Any] = {
        "manifest": str(manifest.path),
        "items_count": len(manifest),
        "size_bytes": int(manifest.sizes.sum()),
        "done_count": done,
        "done_bytes": int(manifest.sizes[finished].sum()),
        **{f"{name}_count": counts[name] for name in counts if name != "done"},
        **_refused(manifest),
        "runs_count": len(manifest.told_runs),
        "failures": [vars(each) for each in failures(manifest)],
    }
    if manifest.told_runs:
        last = manifest.told_runs[-1][1]
        told |= {name: last[name] for name in ("command", "arguments", "time") if name in last}
    if done:
        told["seconds_each"] = round(float(manifest.seconds[finished].sum(dtype="f8")) / done, 3)
    if (left := seconds_left(manifest)) is not None:
        told["seconds_left"] = round(left, 1)
    told |= {"cut_lines_count": manifest.cut, "foreign_lines_count": manifest.foreign}
    return told


def _refused(manifest: Manifest) -> dict[str, int]:
    """How many inputs are no items, and why."""
    results = sum(manifest.told(at).get("status") == "left out" for at in manifest.unread)
    return {"not_read_count": len(manifest.unread) - results, "left_out_count": results}


def failures(manifest: Manifest) -> list[Failure]:
    """The kinds of failures, those of most files first."""
    import numpy as np

    kinds: dict[str, Failure] = {}
    places = [int(manifest.result_at[number]) for number in np.flatnonzero(manifest.in_states(FAILED))]
    for at in [*places, *manifest.unread]:
        told = manifest.told(at)
        if told.get("status") != "failed":
            continue
        name, error = str(told.get("input")), str(told.get("error") or "no reason is known")
        kind = kind_of(error, (name, str(told.get("output"))))
        if kind not in kinds and len(kinds) >= KINDS:
            kind = "others"
        kinds.setdefault(kind, Failure(kind)).add(name)
    return sorted(kinds.values(), key=lambda each: -each.pictures_count)


def kind_of(error: str, names: tuple[str, ...]) -> str:
    """What an error has in common with those of other files: the same without names and numbers."""
    for name in names:
        error = error.removeprefix(f"{name}: ").replace(name, "it")
    return bounded(re.sub(r"[0-9]+(\.[0-9]+)?", "N", error.split("\n")[0]), LONG)


def seconds_left(manifest: Manifest) -> float | None:
    """How long the rest takes at the speed of the last run; None where nothing says.

    That is how many bytes of pictures all processes have restored since that run has begun. Where it has done
    nothing yet, the run before counts.
    """
    waiting = ~manifest.in_states(*FINISHED, FAILED)
    if not waiting.any():
        return 0.0
    ended = manifest.path.stat().st_mtime
    for at, told in reversed(manifest.told_runs):
        since = manifest.in_states(*FINISHED) & (manifest.result_at > at) & (manifest.seconds > 0)
        began = seconds_of(str(told.get("time")))
        if began is None or not since.any() or ended <= began:
            continue
        done, left = (int(manifest.sizes[chosen].sum()) for chosen in (since, waiting))
        share = left / done if done else float(waiting.sum() / since.sum())
        return (ended - began) * share
    return None


def lines_of(manifest: Manifest, told: dict[str, Any]) -> list[str]:
    """The same as lines for people."""
    count = told["items_count"]
    lines = [f"{manifest.path}: {_number(count, 'picture')}, {size_of(told['size_bytes'])}"]
    aside = [
        f"{told[f'{name}_count']:,} {word}"
        for name, word in (
            *(("unchanged", "with nothing to do"), ("damaged", "from damaged files")),
            ("skipped", "there already"),
        )
        if told[f"{name}_count"]
    ]
    share = f" ({told['done_count'] / count:.1%})" if count else ""
    lines.append(f"done       {told['done_count']:,}{share}" + (f"; {', '.join(aside)}" if aside else ""))
    for name, word in (
        *(("failed", "failed"), ("waiting", "waiting"), ("begun", "begun"), ("undone", "undone")),
        *(("not_read", "not read"), ("left_out", "left out")),
    ):
        if told[f"{name}_count"] or name in ("failed", "waiting"):
            lines.append(f"{word:<10} {told[f'{name}_count']:,}")
    lines += _runs(manifest, told)
    lines += _failures(told["failures"])
    if told["failed_count"]:
        lines.append("to try those that failed again, pass --retry-failed to the same command")
    for name, word in (("cut", "cut short"), ("foreign", "of something else")):
        if told[f"{name}_lines_count"]:
            lines.append(f"{_number(told[f'{name}_lines_count'], 'line')} {word}, passed over")
    return [printable(line) for line in lines]


def _runs(manifest: Manifest, told: dict[str, Any]) -> list[str]:
    if not manifest.told_runs:
        return ["no run yet; restore denoise --manifest, or another command, begins one"]
    words = ["restore", str(told.get("command", ""))]
    words += [str(word) for each in told.get("arguments", ()) for word in each]
    text = f"{_number(told['runs_count'], 'run')}, the last one {bounded(' '.join(words), LONG)}"
    if told.get("time"):
        text += f", begun {told['time']}"
    lines = [text]
    if told.get("seconds_left"):
        live = time.time() - manifest.path.stat().st_mtime < LIVE
        lines.append(f"time left  {duration(told['seconds_left'])}{'' if live else ', once it goes on'}")
    return lines


def _failures(found: list[dict[str, Any]]) -> list[str]:
    if not found:
        return []
    lines = ["why pictures failed:"]
    for each in found[:SHOWN]:
        names = ", ".join(bounded(name, LONG // 2) for name in each["examples"])
        count = each["pictures_count"]
        more = f" and {count - EXAMPLES:,} more" if count > EXAMPLES else ""
        lines.append(f"  {count:,} x {each['error']}: {names}{more}")
    if len(found) > SHOWN:
        rest = sum(each["pictures_count"] for each in found[SHOWN:])
        lines.append(f"  {rest:,} for other reasons; --json lists {len(found)} of them")
    return lines


def _number(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def size_of(count: int) -> str:
    """A number of bytes in words."""
    value, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{count} bytes" if unit == "bytes" else f"{value:.3g} {unit}"


def states_in(manifest: Manifest) -> tuple[int, int, int]:
    """How many items are done, failed, and left."""
    failed = int(manifest.in_states(FAILED).sum())
    left = int((~manifest.in_states(*FINISHED, FAILED)).sum())
    return len(manifest) - failed - left, failed, left
