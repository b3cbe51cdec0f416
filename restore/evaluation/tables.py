"""Results as text: Markdown to read, JSON and CSV to compute with."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from restore.evaluation.metrics import MS_SSIM_SMALLEST, SSIM_SMALLEST
from restore.evaluation.results import Evaluation, Row, Table
from restore.images.perceptual import LPIPS_SMALLEST

FORMAT = "restore-eval-1"
MANY = 5  # names in a warning; the rest is counted


def markdown(table: Table) -> str:
    """Format a table in Markdown, below everything that its numbers depend on.

    Parameters
    ----------
    table : Table
        What was measured.

    Returns
    -------
    str
        Markdown that ends with a line break.

    Examples
    --------
    >>> from restore.evaluation.results import Row, Scored, Table
    >>> from restore.evaluation.columns import METRICS
    >>> row = Row("median", "baseline", pictures=[Scored("a.png", {"psnr": 30.0}, 0.5, 1.0)])
    >>> table = Table("denoise", "set", "", "noise", "", None, "", "", [METRICS["psnr"]], [row], 1)
    >>> markdown(table).splitlines()[-1]
    '| median | 30.00 | 0.500 | 0.50 |  |  | cpu |  |'
    """
    lines = [f"### {table.title}: {table.count} pictures", "", table.description, ""]
    checked = table.checked and f" {table.checked}: {len(table.overlaps) or 'none'} of them looks alike."
    if table.checked.startswith("Not"):
        checked = f" {table.checked}."
    lines += [f"Set {table.set_hash}, inputs {table.inputs_hash}.{checked}", ""]
    lines += [f"**{warning}**\n" for warning in warnings(table)]
    lines += [f"{row.label}: {_options(row)}\n" for row in table.rows if row.options]
    heads = ["method", *(f"{m.label} {'↑' if m.higher_is_better else '↓'}" for m in table.metrics)]
    heads += ["s / picture", "s / MP", "calls", "peak GiB", "computed on", "weights"]
    lines += ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in table.rows:
        label = _escaped(row.label)
        name = f"**{label}**" if row.kind == "restore" else label
        lines.append("| " + " | ".join([name, *_cells(table, row)]) + " |")
    return "\n".join(lines) + "\n"


def _options(row: Row) -> str:
    return ", ".join(f"{key} {value}" for key, value in row.options.items())


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _cells(table: Table, row: Row) -> list[str]:
    cells = []
    for metric in table.metrics:
        mean = row.mean(metric.key)
        error = row.errors.get(metric.key)
        spread = "" if error is None else f" ± {error:.{metric.digits}f}"
        cells.append(
            "-" if mean is None else "∞" if math.isinf(mean) else f"{mean:.{metric.digits}f}{spread}"
        )
    if row.kind in ("input", "given"):
        return [*cells, "", "", "", "", "", ""]
    cells += [f"{row.seconds:.3f}", f"{row.seconds_per_megapixel:.2f}"]
    cells.append("" if row.calls is None else f"{round(row.calls, 1):g}")
    cells.append("" if row.peak_bytes is None else f"{row.peak_bytes / 2**30:.2f}")
    return [*cells, row.device, row.weights]


def warnings(table: Table) -> list[str]:
    """What a reader of a table must know before its numbers."""
    found = []
    if table.left_out:
        found.append(
            f"LEFT OUT, in no mean: {len(table.left_out)} of {table.count + len(table.left_out)} pictures: "
            + "; ".join(f"{name} ({reason})" for name, reason in table.left_out.items())
            + "."
        )
    if table.failed:
        found.append(
            "NO ROW: " + "; ".join(f"{name} ({reason})" for name, reason in table.failed.items()) + "."
        )
    if table.overlaps:
        found.append(
            f"OVERLAP: {len(table.overlaps)} of {table.count} pictures were seen before, which makes these "
            "numbers too good: " + "; ".join(f"{n} ({what})" for n, what in table.overlaps.items()) + "."
        )
    for metric in table.metrics:
        exact = dict.fromkeys(name for row in table.rows for name in row.exact(metric.key))
        if exact and any(len(row.exact(metric.key)) < len(row.pictures) for row in table.rows):
            found.append(f"{metric.label} is infinite, and in no mean, where a row is exact: {some(exact)}.")
        without = dict.fromkeys(
            p.picture for row in table.rows for p in row.pictures if p.scores.get(metric.key) is None
        )
        if without:
            small = f"{some(without)} being too small for it{_smallest(metric.key)}"
            found.append(f"No mean of {metric.label}, {small}.")
    return found


def some(names: Iterable[str], most: int = MANY) -> str:
    """The first of many names, and how many more there are."""
    first, rest = list(names)[:most], len(list(names)) - most
    return ", ".join(first) + (f" and {rest} more" if rest > 0 else "")


def _smallest(key: str) -> str:
    sides = {"ssim": SSIM_SMALLEST, "ms": MS_SSIM_SMALLEST, "lpips": LPIPS_SMALLEST}
    side = sides.get(key.split("_")[0])
    return f" ({side}x{side} pixels)" if side else ""


def as_json(evaluation: Evaluation) -> str:
    """Format everything, down to single pictures, as JSON; an infinite PSNR is the string "inf"."""
    tables = []
    for table in evaluation.tables:
        values = asdict(replace(table, shown=[]))  # without the pixels of a report
        del values["shown"]
        for row, record in zip(table.rows, values["rows"], strict=True):
            record["label"] = row.label
            record["means"] = {m.key: row.mean(m.key) for m in table.metrics}
            record["seconds_per_picture"] = row.seconds
            record["seconds_per_megapixel"] = row.seconds_per_megapixel
            record["calls"] = row.calls
            for name in ("errors", "curve"):
                if not record[name]:
                    del record[name]
        tables.append({"title": table.title, **values})
    whole = {"format": FORMAT, "facts": evaluation.facts, "notes": evaluation.notes, "tables": tables}
    return json.dumps(_finite(whole), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """The same with infinities as strings, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def as_csv(evaluation: Evaluation) -> str:
    """Format the scores as CSV, a line for each picture and method."""
    keys = list(dict.fromkeys(m.key for table in evaluation.tables for m in table.metrics))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads = ["set", "set_hash", "protocol", "method", "kind", "weights", "device", "picture", "overlap"]
    writer.writerow([*heads, *keys, "seconds", "megapixels", "calls"])
    for table in evaluation.tables:
        for row in table.rows:
            for picture in row.pictures:
                scores = [picture.scores.get(key) for key in keys]
                writer.writerow([
                    table.set_name, table.set_hash, table.protocol, row.label, row.kind, row.weights,
                    row.device, picture.picture, table.overlaps.get(picture.picture, ""),
                    *("" if score is None else f"{score:.6f}" for score in scores),
                    f"{picture.seconds:.6f}", f"{picture.megapixels:.6f}",
                    "" if picture.calls is None else picture.calls,
                ])  # fmt: skip
    return text.getvalue()


def footer(evaluation: Evaluation) -> str:
    """The facts that all tables share, one line each."""
    restoring = sum(p.seconds for t in evaluation.tables for row in t.rows for p in row.pictures)
    beside = sum(table.scoring_seconds for table in evaluation.tables)
    doing, rest = "restoring", "reading, damaging and scoring"
    if all(table.task == "likelihood" for table in evaluation.tables):
        doing, rest = "measuring", "reading"
    lines = [f"{key}: {value}" for key, value in evaluation.facts.items()]
    lines += [f"note: {note}" for note in evaluation.notes]
    metrics = dict.fromkeys(m for table in evaluation.tables for m in table.metrics)
    lines += [f"{metric.label}: {metric.description}" for metric in metrics]
    if any(row.errors for table in evaluation.tables for row in table.rows):
        lines.append("±: the standard error of the mean over the pictures")
    if restoring:
        lines.append(
            f"time: {restoring:.1f} s {doing}, {beside:.1f} s {rest} ({beside / restoring:.0%}); seconds are "
            "medians over the pictures, of the method alone"
        )
    if any(row.peak_bytes is not None for table in evaluation.tables for row in table.rows):
        lines.append(
            "peak GiB: of the whole process while the method ran, everything that is loaded included (on a "
            "GPU: of torch on the card)"
        )
    lines.append("pictures: read upright, as RGB at 8 bits; alpha is left out")
    return "\n".join(f"- {line}" for line in lines)
