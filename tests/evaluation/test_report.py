"""The file of a report holds what the evaluation holds, to the pixel."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from evaluations import INF, NASTY, PICTURES, H, W, denoising, evaluation, picture, row, table
from PIL import Image

from restore.evaluation.report import html
from restore.evaluation.results import Evaluation, Row, Shown


def data_of(page: str) -> dict[str, Any]:
    """Read as strictly as browsers do: no NaN, no Infinity."""
    blocks = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert len(blocks) == 1

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    data: dict[str, Any] = json.loads(blocks[0], parse_constant=refuse)
    return data


def pictures_of(page: str) -> dict[int, tuple[str, np.ndarray]]:
    """By number: the format and the pixels."""
    found = re.findall(r'id="picture-(\d+)">data:image/(\w+);base64,([^<]*)</script>', page)
    decoded = {}
    for number, kind, text in found:
        with Image.open(io.BytesIO(base64.b64decode(text))) as image:
            assert image.format == kind.upper()
            decoded[int(number)] = kind, np.asarray(image.convert("RGB"))
    assert len(decoded) == len(found)
    return decoded


def test_data_arrives_and_cannot_end_its_block() -> None:
    page = html(evaluation())
    data = data_of(page)
    first = data["tables"][0]
    assert first["pictures"] == PICTURES
    assert data["notes"] == [f"a note about {NASTY}"]
    assert first["left_out"] == [["broken.png", "truncated & <lost>"]]
    assert [one["label"] for one in first["rows"]] == [one.label for one in denoising().rows]
    assert page.count("<!--") == 0
    # Those of the data, of the pictures and of the code, and none that a name brought along.
    assert page.count("</script") == 2 + len(pictures_of(page))


def test_what_is_no_number_in_json_travels_as_a_word() -> None:
    one = denoising()
    one.rows[1].pictures[0].scores["psnr"] = float("nan")
    one.rows[1].pictures[1].scores["psnr"] = -INF
    rows = data_of(html(Evaluation({}, [one])))["tables"][0]["rows"]
    assert rows[2]["scores"][0] == [30, 29, 28, 27, "Infinity"]
    assert rows[2]["means"][0] == 28.5  # of those that are not exact
    assert rows[1]["scores"][0][:2] == ["NaN", "-Infinity"]
    assert rows[1]["scores"][1][2] is None
    assert rows[1]["means"][1] is None  # no mean of a part


def test_pictures_are_there_to_the_pixel_and_equal_ones_once() -> None:
    given = evaluation()
    page = html(given)
    album = pictures_of(page)
    assert {kind for kind, _ in album.values()} == {"webp"}
    different = set()
    for table_, data in zip(given.tables, data_of(page)["tables"], strict=True):
        for shown, one in zip(table_.shown, data["shown"], strict=True):
            results = dict(one["results"])
            expected = {one["reference"]: shown.reference, one["given"]: shown.given}
            expected |= {results[label]: pixels for label, pixels in shown.results.items()}
            assert list(results) == list(shown.results)
            assert one["size"] == [W, H]
            assert one["given_size"] == [shown.given.shape[1], shown.given.shape[0]]
            if shown.hole is not None:
                expected[one["hole"]] = np.repeat(shown.hole[..., None], 3, 2) * np.uint8(255)
            for number, pixels in expected.items():
                np.testing.assert_array_equal(album[number][1], pixels)
            different |= set(expected)
    assert different == set(album)
    assert len({pixels.tobytes() for _, pixels in album.values()}) == len(album)
    noisy = data_of(page)["tables"][0]["shown"][0]
    assert noisy["given"] == dict(noisy["results"])["input"]


def test_a_side_too_long_for_webp_is_lossless_too() -> None:
    long = picture(1, 1, 16384)
    shown = Shown("a.png", long, long, {"median": long})
    page = html(Evaluation({}, [table("denoise", "x", [row("median", "baseline", [1])], shown=[shown])]))
    [(kind, pixels)] = pictures_of(page).values()
    assert kind == "png"
    np.testing.assert_array_equal(pixels, long)


def test_refers_to_nothing_outside() -> None:
    page = html(evaluation())
    assert "http:" not in page and "https:" not in page
    assert not re.search(r'(?:src|href)\s*=\s*["\']?(?!#)[^>\s]', page.split("<script")[0])
    assert "default-src 'none'" in page


def test_nothing_measured_and_undecodable_names_still_make_a_page(tmp_path: Path) -> None:
    empty = table("denoise", "x", [Row("median", "baseline"), row("bad\udcff", "given", [1])])
    for given in (Evaluation({}), Evaluation({"machine": "\udcff"}, [empty, table("denoise", "y", [])])):
        (tmp_path / "report.html").write_text(html(given), encoding="utf-8")
    assert data_of(html(Evaluation({}, [empty])))["tables"][0]["rows"][0]["seconds"] is None
