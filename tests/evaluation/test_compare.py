"""Pictures made elsewhere are scored by name."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scenes import scene

from restore.errors import ConfigError, ImageError
from restore.evaluation.columns import metrics_of
from restore.evaluation.compare import MatchedFolders, compare
from restore.evaluation.observer import Observer
from restore.evaluation.scoring import Scorer


def test_compare_scores_by_name(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for path in folder.iterdir():
        with Image.open(path) as picture:
            noisy = np.asarray(picture).astype(int) + 10
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(tmp_path / "out" / f"{path.stem}.bmp")
    scorer = Scorer(metrics_of("compare", [], ["psnr"]), {})
    table = compare(MatchedFolders.of(folder, [tmp_path / "out", folder]), scorer, show=1)
    assert [row.label for row in table.rows] == ["out", "set"]
    assert table.rows[0].mean("psnr") == pytest.approx(28.13, abs=0.3)
    assert table.rows[1].mean("psnr") == math.inf
    assert table.count == 3
    assert len(table.shown) == 1


def test_compare_refuses_what_does_not_match(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    scorer = Scorer(metrics_of("compare", [], ["psnr"]), {})
    with pytest.raises(ImageError, match="expected a folder with pictures"):
        compare(MatchedFolders.of(folder, [out]), scorer)
    Image.fromarray(scene(1, 20, 20)).save(out / "a2.png")
    Image.fromarray(scene(1, 20, 20)).save(out / "z.png")
    with pytest.raises(ConfigError, match=r"out lacks a10, b; .*out has z that .* has not; pass --partly"):
        compare(MatchedFolders.of(folder, [out]), scorer)
    for name in ("a10", "b"):
        Image.fromarray(scene(1, 20, 20)).save(out / f"{name}.png")
    (out / "z.png").unlink()
    with pytest.raises(ConfigError, match=r"a2.png is 20x20 but .*a2.png is 72x60, .*b.png is 20x20 but"):
        compare(MatchedFolders.of(folder, [out]), scorer)
    (out / "a10.png").write_bytes((folder / "a10.png").read_bytes())
    table = compare(MatchedFolders.of(folder, [out], partly=True), scorer)
    assert table.left_out == {"a2": "the sizes differ", "b": "the sizes differ"}
    with pytest.raises(ImageError, match="not one picture could be compared"):
        compare(MatchedFolders.of(folder, [out], partly=True), scorer, border=32)
    with pytest.raises(ConfigError, match="the same folder of results is named twice"):
        compare(MatchedFolders.of(folder, [out, out], partly=True), scorer)
    for name in ("a10", "b"):
        (out / f"{name}.png").unlink()
    (out / "a2.png").rename(out / "y.png")
    with pytest.raises(ConfigError, match="no picture name in common"):
        compare(MatchedFolders.of(folder, [out], partly=True), scorer)
    with pytest.raises(ConfigError, match="expected a folder of pictures"):
        compare(MatchedFolders.of(folder, [tmp_path / "none"]), scorer)
    Image.fromarray(scene(1, 20, 20)).save(folder / "b.bmp")
    with pytest.raises(ConfigError, match="have the same name"):
        compare(MatchedFolders.of(folder, [out]), scorer)


def test_compare_leaves_unreadable_pictures_out(folder: Path, tmp_path: Path) -> None:
    out, said = tmp_path / "out", list[str]()
    out.mkdir()
    for path in folder.iterdir():
        (out / path.name).write_bytes(path.read_bytes() if path.stem != "b" else b"x")
    table = compare(
        MatchedFolders.of(folder, [out]),
        Scorer(metrics_of("compare", [], ["psnr"]), {}),
        observer=Observer(said.append),
    )
    assert table.count == 2
    assert list(table.left_out) == ["b"]
    assert len(said) == 1
