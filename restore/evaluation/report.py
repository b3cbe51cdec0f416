"""One self-contained web page of an evaluation: its tables, its charts and the pictures themselves.

The page needs no network and no other file. Its numbers lie in one JSON block, its pictures as lossless
WebP in blocks of their own, so that a browser decodes only those that are looked at; everything else is
``report.html`` beside this file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from restore.evaluation.results import Bytes, Evaluation, Row, Shown, Table

# The format can hold no longer side; such pictures go in as PNG.
_WEBP_SIDE = 16383


def html(evaluation: Evaluation) -> str:
    """Make the page of an evaluation.

    Parameters
    ----------
    evaluation : Evaluation
        What was measured.

    Returns
    -------
    str
        The page, to be written as UTF-8. It holds pictures pixel for pixel, and equal pictures once.

    Examples
    --------
    >>> from restore.evaluation.results import Evaluation
    >>> html(Evaluation({"restore": "1.0"})).splitlines()[0]
    '<!doctype html>'
    """
    album = _Album()
    data = {
        "facts": list(evaluation.facts.items()),
        "notes": evaluation.notes,
        "tables": [_table(table, album) for table in evaluation.tables],
    }
    template = files("restore.evaluation").joinpath("report.html").read_text(encoding="utf-8")
    # In this order: the JSON holds no "<", hence not the second mark.
    return template.replace("<!--data-->", _json(data)).replace("<!--pictures-->", album.blocks())


class _Album:
    """The different pictures of a page in the order in which they came."""

    def __init__(self) -> None:
        self._uris: list[str] = []
        self._numbers: dict[tuple[tuple[int, ...], bytes], int] = {}

    def number(self, pixels: Bytes) -> int:
        """The number of this picture, uint8 ``(h, w, 3)``; one that is here already keeps its own."""
        key = (pixels.shape, hashlib.sha256(pixels.tobytes()).digest())
        if key not in self._numbers:
            self._numbers[key] = len(self._uris)
            self._uris.append(_data_uri(pixels))
        return self._numbers[key]

    def blocks(self) -> str:
        """A block that no browser runs or shows for each picture, to be found by its number."""
        return "\n".join(
            f'<script type="text/plain" id="picture-{number}">{uri}</script>'
            for number, uri in enumerate(self._uris)
        )


def _data_uri(pixels: Bytes) -> str:
    """Lossless: in a picture that was compressed with loss, the codec would be on show too."""
    buffer = BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if max(pixels.shape[:2]) > _WEBP_SIDE:
        kind = "png"
        picture.save(buffer, "PNG")
    else:
        kind = "webp"
        # Within 3 % of the bytes of the default effort, in a fifth of its time.
        picture.save(buffer, "WEBP", lossless=True, quality=0, method=1)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _json(data: dict[str, Any]) -> str:
    """For a script block: nothing in it can end the block, and a name that is no valid text passes too."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _number(value: float | None) -> float | str | None:
    """JSON has no infinity: such numbers go as the words that JavaScript's ``Number`` reads."""
    if value is None or math.isfinite(value):
        return None if value is None else float(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _table(table: Table, album: _Album) -> dict[str, Any]:
    names = list(dict.fromkeys(scored.picture for row in table.rows for scored in row.pictures))
    metrics = [
        {
            "key": metric.key,
            "label": metric.label,
            "higher": metric.higher_is_better,
            "digits": metric.digits,
            "description": metric.description,
        }
        for metric in table.metrics
    ]
    return {
        "title": table.title,
        "task": table.task,
        "set_name": table.set_name,
        "set_hash": table.set_hash,
        "description": table.description,
        "level": table.level,
        "level_name": table.level_name,
        "series": table.series,
        "checked": table.checked,
        "failed": list(table.failed.items()),
        "count": table.count,
        "inputs_hash": table.inputs_hash,
        "left_out": list(table.left_out.items()),
        "overlaps": list(table.overlaps.items()),
        "scoring_seconds": table.scoring_seconds,
        "metrics": metrics,
        "pictures": names,
        "rows": [_row(row, table, names) for row in table.rows],
        "shown": [_shown(shown, album) for shown in table.shown],
    }


def _row(row: Row, table: Table, names: list[str]) -> dict[str, Any]:
    """Scores by metric, then by picture, both in the order of the table; None where there is none."""
    scored = {picture.picture: picture.scores for picture in row.pictures}
    keys = [metric.key for metric in table.metrics]
    return {
        "label": row.label,
        "method": row.method,
        "kind": row.kind,
        "device": row.device,
        "weights": row.weights,
        "options": [(key, str(value)) for key, value in row.options.items()],
        "swept": bool(row.sweep),
        "peak_bytes": row.peak_bytes,
        "calls": row.calls,
        "seconds": row.seconds if row.pictures else None,
        "pace": row.seconds_per_megapixel if row.pictures else None,
        "means": [_number(row.mean(key)) for key in keys],
        "scores": [[_number(scored.get(name, {}).get(key)) for name in names] for key in keys],
    }


def _shown(shown: Shown, album: _Album) -> dict[str, Any]:
    """Pictures by their number in the album; sizes as (w, h)."""
    hole = None
    if shown.hole is not None:
        hole = album.number(np.repeat(shown.hole[:, :, None], 3, axis=2).astype(np.uint8) * 255)
    return {
        "picture": shown.picture,
        "why": shown.why,
        "size": shown.reference.shape[1::-1],
        "given_size": shown.given.shape[1::-1],
        "reference": album.number(shown.reference),
        "given": album.number(shown.given),
        "results": [(label, album.number(result)) for label, result in shown.results.items()],
        "hole": hole,
    }
