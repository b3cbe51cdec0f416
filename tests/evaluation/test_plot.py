"""The figure of an evaluation."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from evaluations import INF, NASTY, evaluation, row, table
from PIL import Image

from restore.errors import ConfigError
from restore.evaluation import plot
from restore.evaluation.results import Evaluation


@pytest.mark.slow
def test_figure_holds_curves_and_bars() -> None:
    pytest.importorskip("matplotlib")
    sheet = plot.figure(evaluation())
    titles = [part.get_suptitle() for part in sheet.subfigs]
    assert titles == ["tiny by sigma", "tiny, sigma 25", "tiny, box", "tiny, x4", "tiny, two folders"]
    level, sweep, bars = sheet.subfigs[:3]
    assert [axes.get_xlabel() for axes in level.axes] == ["sigma", "sigma"]
    assert [axes.get_xlabel() for axes in sweep.axes] == ["network calls per picture"] * 2 + [
        "seconds per picture (median)"
    ] * 2
    curve = next(line for line in sweep.axes[0].lines if line.get_label() == "restore sample")
    np.testing.assert_allclose(curve.get_xydata(), [[1, 26], [4, 29], [16, 41]])
    # The input is no method.
    named = {"restore sample", "restore denoise", "median"}
    assert {line.get_label() for line in sweep.axes[0].lines} == named
    assert [text.get_text() for text in bars.axes[0].texts] == ["30.00", "32.00"]


@pytest.mark.slow
def test_png_is_a_picture_with_every_name() -> None:
    pytest.importorskip("matplotlib")
    odd = table("denoise", "x", [row("_hidden $x^$ 日本", "given", [INF, 1]), row(NASTY, "peer", [2])])
    for given in (
        evaluation(),
        Evaluation({}),
        Evaluation({}, [odd]),
        Evaluation({}, [table("denoise", "x", [])]),
    ):
        with Image.open(io.BytesIO(plot.png(given))) as image:
            assert image.format == "PNG" and image.width == 1600
            assert len(np.unique(np.asarray(image.convert("L")))) > 10


@pytest.mark.slow
def test_a_row_with_a_curve_is_drawn_as_it_is() -> None:
    pytest.importorskip("matplotlib")
    curve = {"sigma": [4.0, 1.0, 16.0], "bits of each step": [0.5, 2.0, 0.1]}
    sheet = plot.figure(
        Evaluation({}, [table("likelihood", "bound", [row("tiny", "restore", [3], curve=curve)])])
    )
    (axes,) = sheet.subfigs[0].axes
    assert (axes.get_xlabel(), axes.get_title(loc="left")) == ("sigma", "bits of each step")
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[1, 2], [4, 0.5], [16, 0.1]])
    assert b"<svg" in plot.svg(Evaluation({}, []))


def test_missing_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match="--plot needs matplotlib: pip install matplotlib"):
        plot.png(evaluation())
