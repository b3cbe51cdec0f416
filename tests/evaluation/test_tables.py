"""Tables as Markdown, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math

from restore.evaluation import tables
from restore.evaluation.columns import METRICS
from restore.evaluation.results import Evaluation, Row, Scored, Table


def a_table() -> Table:
    row = Row("restore mean", "restore", "cpu bfloat16", "abc", {}, {"steps": 4}, 2**30)
    row.pictures = [
        Scored("a, b.png", {"psnr": math.inf}, 1.0, 0.5, 3),
        Scored("c.png", {"psnr": 30.0}, 2.0, 0.5, 5),
    ]
    metrics = [METRICS["psnr"]]
    return Table("denoise", "tiny", "s" * 12, "gaussian", "Words.", 25, "sigma", "all", metrics, [row], 2)


def test_tables_as_text() -> None:
    table = a_table()
    evaluation = Evaluation({"restore": "1"}, [table], ["a note"])
    found = json.loads(tables.as_json(evaluation))
    assert found["format"] == "restore-eval-1"
    (row,) = found["tables"][0]["rows"]
    assert row["label"] == "restore mean, steps=4"
    assert row["means"] == {"psnr": 30.0}
    assert row["pictures"][1]["scores"] == {"psnr": 30.0}
    assert (row["calls"], row["seconds_per_picture"], row["seconds_per_megapixel"]) == (4, 1.5, 3)
    lines = list(csv.DictReader(io.StringIO(tables.as_csv(evaluation))))
    assert [line["picture"] for line in lines] == ["a, b.png", "c.png"]
    assert [line["psnr"] for line in lines] == ["inf", "30.000000"]
    text = tables.markdown(table)
    assert "| **restore mean, steps=4** | 30.00 | 1.500 | 3.00 | 4 | 1.00 | cpu bfloat16 | abc |" in text
    assert "PSNR: PSNR in dB on RGB" in tables.footer(evaluation)


def test_a_mean_is_of_all_pictures_or_none() -> None:
    row = Row("x", "baseline")
    row.pictures = [Scored("a", {"psnr": 1.0}, 1, 1), Scored("b", {"psnr": 3.0}, 1, 1)]
    assert row.mean("psnr") == 2
    row.pictures.append(Scored("c", {"psnr": None}, 1, 1))
    assert row.mean("psnr") is None
    assert row.mean("ssim") is None


def test_one_exact_picture_does_not_make_a_row_infinite() -> None:
    row = Row("x", "baseline")
    row.pictures = [Scored("a", {"psnr": math.inf}, 1, 1), Scored("b", {"psnr": 30.0}, 1, 1)]
    assert row.mean("psnr") == 30
    assert row.exact("psnr") == ["a"]
    row.pictures.pop()
    assert row.mean("psnr") == math.inf
    (warning,) = tables.warnings(a_table())
    assert warning == "PSNR is infinite, and in no mean, where a row is exact: a, b.png."
