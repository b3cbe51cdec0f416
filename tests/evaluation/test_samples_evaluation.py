"""Drawn pictures beside real ones: closed forms on features, and what a table says of sets of pictures."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scenes import scene
from scipy.linalg import sqrtm

from restore.errors import ConfigError, ImageError
from restore.evaluation.observer import Observer
from restore.evaluation.random_features import CHANNELS, random_features
from restore.evaluation.results import Row, Table
from restore.evaluation.samples import PictureFeatures, compare_samples, copies, read_features, side_of
from restore.evaluation.set_distances import diversity, frechet, manifolds, nearest_others

pytestmark = pytest.mark.usefixtures("one_thread")


def draws(seed: int, n: int, d: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


# --- distances ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [40, 7])
def test_frechet_is_that_of_the_fitted_normals(n: int) -> None:
    """Against the formula with a matrix root; with fewer vectors than dimensions, too."""
    a, b = draws(1, n, 10), draws(2, n + 3, 10) @ draws(3, 10, 10) + 0.3
    c_1, c_2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # A tiny ridge lets the root be computed where the covariances are singular.
    root = sqrtm(c_1 @ c_2 + 1e-13 * np.eye(10)).real
    shift = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    assert frechet(a, b) == pytest.approx(shift + np.trace(c_1 + c_2 - 2 * root), rel=1e-4)
    assert frechet(a, b) == pytest.approx(frechet(b, a))


def test_frechet_in_closed_form() -> None:
    """One dimension: the squared differences of the means and of the standard deviations."""
    line = np.array([[-1.0], [0.0], [1.0]])
    assert frechet(line, 3 * line + 5) == pytest.approx(5**2 + (3 - 1) ** 2)
    assert frechet(line, line) == pytest.approx(0, abs=1e-12)
    a = draws(4, 30, 50)
    assert frechet(a, a[::-1]) == pytest.approx(0, abs=1e-9)


def test_diversity_and_neighbours_by_hand() -> None:
    points = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    assert diversity(points) == pytest.approx((5 + 1 + math.hypot(3, 3)) / 3)
    np.testing.assert_allclose(nearest_others(points), [1, math.hypot(3, 3), 1])


def test_manifolds_by_hand() -> None:
    """Balls of the nearest neighbour on a line: radius 1 around each reference."""
    references = np.arange(4.0)[:, None]
    samples = np.array([[-0.5], [0.5], [10.0], [10.5]])
    found = manifolds(references, samples, k=1)
    assert found.precision == 0.5  # the first two
    assert found.density == pytest.approx((1 + 2) / 4)
    assert found.coverage == 0.5  # 0 and 1
    # Around the samples the radii are 1, 1, 0.5, 0.5: they hold 0 and 1 alone.
    assert found.recall == 0.5
    with pytest.raises(ValueError, match="5 neighbours need more than 5 vectors; got 4 and 4"):
        manifolds(references, samples)


# --- features -------------------------------------------------------------------------------------


def test_features_are_the_same_in_every_run() -> None:
    """The numbers are fixed: with others, old measurements would mean nothing."""
    ramp = torch.linspace(0, 1, 3 * 16 * 20, dtype=torch.float64).reshape(1, 3, 16, 20) ** 2
    found = random_features(ramp)
    assert found.shape == (1, 2 * sum(CHANNELS))
    assert found.dtype == torch.float64
    fixed = torch.tensor([-0.499204, -0.070962, 0.049281, -0.060432, 0.020152], dtype=torch.float64)
    torch.testing.assert_close(found[0, [0, 1, 16, 100, 223]], fixed, atol=1e-6, rtol=0)
    assert random_features(ramp.flip(-1)).sub(found).abs().max() > 1e-3
    with pytest.raises(ValueError, match="at least 16x16 pixels; got 20x15"):
        random_features(torch.zeros(1, 3, 15, 20))


# --- tables ---------------------------------------------------------------------------------------


def put(folder: Path, seeds: range, *, side: int = 32, shift: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        pixels = (scene(seed, side, side).astype(int) + shift).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{seed:03}.png")
    return folder


def table_of(references: Path, samples: Path, side: int = 32) -> Table:
    real, drawn = read_features(references, side), read_features(samples, side)
    return compare_samples(real, drawn, name="real", side=side)


def score(row: Row, key: str) -> float:
    value = row.mean(key)
    assert value is not None
    return value


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put(tmp_path_factory.mktemp("real"), range(40))


def test_the_same_pictures_are_no_distance_apart(references: Path, tmp_path: Path) -> None:
    row, limited, floor = table_of(references, put(tmp_path / "same", range(40))).rows
    assert score(row, "frechet") == pytest.approx(0, abs=1e-9)
    assert score(row, "diversity") == pytest.approx(1)
    assert score(row, "nearest") == 0
    for key in ("copies", "precision", "recall", "coverage"):
        assert score(row, key) == 1
    assert "20 samples against 20 references" in limited.method
    assert score(floor, "frechet") > 1  # real pictures at these numbers
    assert score(floor, "copies") == 0


def test_other_pictures_of_a_kind_are_near_and_shifted_ones_far(references: Path, tmp_path: Path) -> None:
    fresh = table_of(references, put(tmp_path / "fresh", range(100, 140)))
    far = table_of(references, put(tmp_path / "far", range(100, 140), shift=60))
    assert score(far.rows[0], "frechet") > 2 * score(fresh.rows[0], "frechet")
    assert score(far.rows[0], "coverage") < score(fresh.rows[0], "coverage")
    # As many fresh ones are as far from half of the references as the other half is.
    assert score(fresh.rows[1], "frechet") == pytest.approx(score(fresh.rows[2], "frechet"), rel=0.35)
    assert score(fresh.rows[0], "copies") == 0
    assert [row.mean("frechet") for row in fresh.rows[2:]] == [row.mean("frechet") for row in far.rows[2:]]


def test_collapsed_samples_have_no_diversity(references: Path, tmp_path: Path) -> None:
    folder = tmp_path / "collapsed"
    folder.mkdir()
    for number in range(10):
        pixels = scene(500, 32, 32)
        pixels[0, 0, 0] = number  # one pixel differs
        Image.fromarray(pixels).save(folder / f"{number}.png")
    row = table_of(references, folder).rows[0]
    assert score(row, "diversity") < 0.05
    assert score(row, "recall") == 0


def test_copies_are_named(references: Path, tmp_path: Path) -> None:
    folder = put(tmp_path / "drawn", range(200, 209))
    Image.open(references / "007.png").save(folder / "copy.webp", lossless=True)
    real, drawn = read_features(references, 32), read_features(folder, 32)
    assert copies(real, drawn) == [("copy.webp", "007.png", pytest.approx(0, abs=1e-9))]
    assert score(compare_samples(real, drawn, name="", side=32).rows[0], "copies") == pytest.approx(0.1)


def test_pictures_are_brought_to_one_size(references: Path, tmp_path: Path) -> None:
    """The middle of each, reduced; the grid of `restore sample` is no sample."""
    folder = put(tmp_path / "drawn", range(300, 308), side=24)
    for path in sorted(folder.iterdir()):
        path.rename(folder / f"sample-{int(path.stem) - 300:03}.png")
    Image.fromarray(scene(1, 200, 200)).save(folder / "grid.png")
    assert side_of(folder) == 24
    drawn = read_features(folder, 24)
    assert len(drawn.names) == 8
    wide = tmp_path / "wide"
    wide.mkdir()
    pixels = scene(300, 24, 24)
    Image.fromarray(np.pad(pixels, ((0, 0), (5, 5), (0, 0)))).save(wide / "a.png")
    np.testing.assert_allclose(read_features(wide, 24).features[0], drawn.features[0])
    assert read_features(references, 24).features.shape == (40, 224)
    with pytest.raises(ImageError, match=r"34x24 \(w x h\) is smaller than the size 32 .* --size 24 or less"):
        read_features(wide, 32)


def test_too_few_or_unfit_pictures_say_so(references: Path, tmp_path: Path) -> None:
    few = put(tmp_path / "few", range(7))
    with pytest.raises(ImageError, match="expected at least 8 samples to fit a distribution to, got 7"):
        table_of(references, few)
    with pytest.raises(ImageError, match=r"expected at least 16 references .* got 7"):
        table_of(few, references)
    with pytest.raises(ConfigError, match="expected a folder of pictures"):
        read_features(tmp_path / "none", 32)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.png").write_bytes(b"no picture")
    warned: list[str] = []
    with pytest.raises(ImageError, match="found none there that can be read"):
        read_features(tmp_path / "empty", 32, observer=Observer(warn=warned.append))
    assert len(warned) == 1
    assert warned[0].startswith("a.png is left out: ")
    one = read_features(put(tmp_path / "one", range(1)), 32)
    alike = PictureFeatures(("a",) * 16, np.repeat(one.features, 16, axis=0), "")
    with pytest.raises(ImageError, match="the references are all alike"):
        compare_samples(alike, read_features(references, 32), name="", side=32)
    mostly = np.concatenate([alike.features, alike.features[:1] + 1])
    with pytest.raises(ImageError, match="most references are copies of another one"):
        compare_samples(
            PictureFeatures(("a",) * 17, mostly, ""), read_features(references, 32), name="", side=32
        )
