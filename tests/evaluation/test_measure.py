"""A table holds what was measured, and nothing is averaged in silence."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from protocols_at_hand import exact, halved
from scenes import scene
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from restore.errors import ImageError
from restore.evaluation import tables
from restore.evaluation.cases import Given, from_bytes, to_bytes
from restore.evaluation.columns import metrics_of
from restore.evaluation.measure import measure
from restore.evaluation.observer import Observer
from restore.evaluation.pictures import PictureSet
from restore.evaluation.protocols import Gaussian, Holes
from restore.evaluation.results import Candidate
from restore.evaluation.rows import baseline_rows, own_rows
from restore.evaluation.scoring import Scorer
from restore.evaluation.selection import Selection
from restore.priors.backbone import Backbone


def test_scores_are_scikit_image_s_of_8_bit_pictures(folder: Path) -> None:
    scorer = Scorer(metrics_of("denoise", [], ["psnr", "ssim"]), {})
    methods = [Candidate("noisy", exact, "input"), Candidate("half", halved, "baseline")]
    table = measure(PictureSet.of(folder), Gaussian(25), methods, scorer)
    for number, path in enumerate(PictureSet.of(folder).files):
        with Image.open(path) as picture:
            clean = np.asarray(picture)
        case = Gaussian(25).apply(from_bytes(clean))
        for row, image in zip(table.rows, (case.given.image, case.given.image / 2), strict=True):
            result = to_bytes(image)
            wanted = peak_signal_noise_ratio(clean, result, data_range=255)
            assert row.pictures[number].scores["psnr"] == pytest.approx(wanted, abs=1e-5)
            wanted = structural_similarity(
                clean, result, data_range=255, channel_axis=2, gaussian_weights=True, sigma=1.5,
                use_sample_covariance=False,
            )  # fmt: skip
            assert row.pictures[number].scores["ssim"] == pytest.approx(wanted, abs=1e-6)


def test_what_a_picture_is_too_small_for_has_no_mean(folder: Path) -> None:
    big = scene(77, 180, 181)
    Image.fromarray(big).save(folder / "big.png")
    scorer = Scorer(metrics_of("denoise", []), {})
    table = measure(PictureSet.of(folder), Gaussian(25), [Candidate("noisy", exact, "input")], scorer)
    assert [p.scores["ms_ssim"] is None for p in table.rows[0].pictures] == [True, True, True, False]
    assert table.rows[0].mean("ms_ssim") is None
    wanted = "No mean of MS-SSIM, a2.png, a10.png, b.png being too small for it (176x176 pixels)."
    assert tables.warnings(table) == [wanted]
    assert "| - |" in tables.markdown(table)


@pytest.mark.slow
def test_a_table_holds_what_was_measured(folder: Path, backbone: Backbone) -> None:
    protocol, ticks = Gaussian(25), []
    methods = [*baseline_rows(protocol)[:1], *own_rows(protocol, backbone, Selection())]
    scorer = Scorer(metrics_of("denoise", [], ["psnr"]), {})
    table = measure(
        PictureSet.of(folder),
        protocol,
        methods,
        scorer,
        show=2,
        observer=Observer(progress=lambda *tick: ticks.append(tick[1:])),
    )
    assert table.count == 3
    assert [row.kind for row in table.rows] == ["input", "restore", "restore"]
    assert [row.calls for row in table.rows] == [None, 1, 1]
    assert all(row.peak_bytes is None or row.peak_bytes > 1e7 for row in table.rows)
    assert ticks[-1] == (9, 9)
    assert [done for done, _ in ticks] == sorted(done for done, _ in ticks)
    assert 1 <= len(table.shown) <= 2
    assert set(table.shown[0].results) == {row.label for row in table.rows}
    same = measure(PictureSet.of(folder), protocol, methods, scorer)
    assert (same.set_hash, same.inputs_hash) == (table.set_hash, table.inputs_hash)
    assert [r.mean("psnr") for r in same.rows] == [r.mean("psnr") for r in table.rows]
    other = measure(PictureSet.of(folder), Gaussian(26), methods, scorer)
    assert other.set_hash == table.set_hash
    assert other.inputs_hash != table.inputs_hash


def test_what_cannot_be_read_is_left_out_loudly(folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    Image.fromarray(scene(5, 9, 40)).save(folder / "narrow.png")
    said: list[str] = []
    methods = [Candidate("grey", lambda given: given.image, "baseline")]
    scorer = Scorer(metrics_of("inpaint", [], ["psnr"]), {})
    table = measure(PictureSet.of(folder), Holes("text"), methods, scorer, observer=Observer(said.append))
    assert table.count == 3
    assert set(table.left_out) == {"broken.png", "narrow.png"}
    assert len(said) == 2
    assert "broken.png is left out of set, hole text" in said[0]
    assert "at least 16x16 pixels, got 40x9" in table.left_out["narrow.png"]
    assert "LEFT OUT, in no mean: 2 of 5 pictures" in tables.markdown(table)


def test_a_method_that_fails_on_a_picture_takes_it_out_of_every_row(folder: Path) -> None:
    def moody(given: Given) -> Tensor:
        if given.image.shape[-1] == 64:
            raise ValueError("not this one")
        return given.image

    methods = [Candidate("moody", moody, "peer"), Candidate("fine", exact, "baseline")]
    scorer = Scorer(metrics_of("denoise", [], ["psnr"]), {})
    table = measure(PictureSet.of(folder), Gaussian(25), methods, scorer)
    assert table.left_out == {"a10.png": "moody: not this one"}
    assert [[p.picture for p in row.pictures] for row in table.rows] == [["a2.png", "b.png"]] * 2
    wrong = Candidate("wrong", lambda given: given.image[..., :-1], "peer")
    with pytest.raises(
        ImageError, match=r"not one picture .*wrong: gives 71x60 \(w x h\), the reference is 72x60"
    ):
        measure(PictureSet.of(folder), Gaussian(25), [wrong], scorer)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (lambda given: given.image[..., :-1], "gives 71x60 (w x h), the reference is 72x60 (w x h)"),
        (lambda given: given.image * math.nan, "gives values that are not finite"),
        (lambda given: given.image.numpy(), "AttributeError"),
        (lambda given: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
    ids=["size", "nan", "array", "bug"],
)
def test_a_method_that_mostly_fails_has_no_row(folder: Path, broken: Any, reason: str) -> None:
    said: list[str] = []
    methods = [Candidate("broken", broken, "peer"), Candidate("fine", exact, "baseline")]
    scorer = Scorer(metrics_of("denoise", [], ["psnr"]), {})
    table = measure(
        PictureSet.of(folder), Gaussian(25), methods, scorer, observer=Observer(said.append), show=3
    )
    assert [row.label for row in table.rows] == ["fine"]
    assert table.count == 3
    assert table.left_out == {}
    assert reason in table.failed["broken"]
    assert table.failed["broken"].startswith("3 of 3 pictures failed; broken: ")
    assert len(said) == 1
    assert "NO ROW: broken" in tables.markdown(table)
    assert [list(shown.results) for shown in table.shown] == [["fine"]] * 3


def test_hashes_are_of_the_pictures_that_stay(folder: Path) -> None:
    def fails_on_two(given: Given) -> Tensor:
        if given.image.shape[-1] != 57:
            raise ValueError("not this one")
        return given.image

    scorer, fine = Scorer(metrics_of("denoise", [], ["psnr"]), {}), Candidate("fine", exact, "baseline")
    alone = measure(PictureSet.of(folder), Gaussian(25), [fine], scorer)
    methods = [Candidate("bad", fails_on_two, "peer"), fine]
    both = measure(PictureSet.of(folder), Gaussian(25), methods, scorer)
    assert list(both.failed) == ["bad"]
    assert (both.count, both.set_hash, both.inputs_hash) == (3, alone.set_hash, alone.inputs_hash)
    (folder / "a10.png").unlink()
    two = measure(PictureSet.of(folder), Gaussian(25), [fine], scorer)
    Image.fromarray(scene(5, 64, 64)).save(folder / "a10.png")

    def fails_on_one(given: Given) -> Tensor:
        if given.image.shape[-1] == 64:
            raise ValueError("not this one")
        return given.image

    left = measure(
        PictureSet.of(folder), Gaussian(25), [Candidate("moody", fails_on_one, "peer"), fine], scorer
    )
    assert (left.count, left.set_hash, left.inputs_hash) == (2, two.set_hash, two.inputs_hash)


def test_methods_cannot_harm_each_other(folder: Path) -> None:
    def in_place(given: Given) -> Tensor:
        if given.hole is not None:
            given.hole.zero_()
        return given.image.zero_()

    scorer = Scorer(metrics_of("inpaint", [], ["psnr"]), {})
    alone = measure(PictureSet.of(folder), Holes("box"), [Candidate("fine", exact, "baseline")], scorer)
    methods = [Candidate("in place", in_place, "peer"), Candidate("fine", exact, "baseline")]
    both = measure(PictureSet.of(folder), Holes("box"), methods, scorer)
    assert [p.scores for p in both.rows[1].pictures] == [p.scores for p in alone.rows[0].pictures]
    assert both.inputs_hash == alone.inputs_hash


def test_rows_have_names_of_their_own(folder: Path) -> None:
    methods = [Candidate("one", exact, "peer"), Candidate("one", halved, "peer")]
    with pytest.raises(ValueError, match="two rows are called 'one'"):
        measure(PictureSet.of(folder), Gaussian(25), methods, Scorer(metrics_of("denoise", []), {}))


def test_the_worst_picture_is_shown(folder: Path) -> None:
    for k in range(6):
        Image.fromarray(scene(40 + k, 60, 60)).save(folder / f"c{k}.png")

    def spoils_one(given: Given) -> Tensor:
        return given.image * 0 if given.image.shape[-2:] == (64, 64) else given.image

    scorer = Scorer(metrics_of("denoise", [], ["psnr"]), {})
    row = Candidate("restore mean", spoils_one, "restore")
    table = measure(PictureSet.of(folder), Gaussian(25), [row], scorer, show=2)
    assert {(s.picture, s.why) for s in table.shown} == {
        ("a2.png", "by turns"),
        ("a10.png", "one of the worst"),
    }
