"""Pairs of a noisy picture and its reference are found by their names and measured as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scenes import scene
from torch import Tensor

from restore.errors import ConfigError, ImageError
from restore.evaluation.cases import Given
from restore.evaluation.columns import metrics_of
from restore.evaluation.measure import measure
from restore.evaluation.observer import Observer
from restore.evaluation.pairs import REFERENCES, Pairs, PairSet
from restore.evaluation.pictures import Picture
from restore.evaluation.results import Candidate
from restore.evaluation.scoring import Scorer
from restore.images.fingerprints import Fingerprints, fingerprint

SCORER = Scorer(metrics_of("denoise", [], ["psnr"]), {})


def put(path: Path, pixels: np.ndarray, noise: int = 0) -> Path:
    """Write a picture with noise of an amplitude."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = np.random.RandomState(1).randint(-noise, noise + 1, pixels.shape)
    options = {"quality": 90, "subsampling": 2} if path.suffix == ".jpg" else {}
    Image.fromarray((pixels + drawn).clip(0, 255).astype(np.uint8)).save(path, **options)
    return path


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Three pairs, and a reference that nothing belongs to."""
    for number, size in ((2, (48, 64)), (10, (64, 40)), (1, (50, 50))):
        put(tmp_path / f"{number}_noisy.jpg", scene(number, *size), 12)
        put(tmp_path / f"{number}_mean.png", scene(number, *size))
    put(tmp_path / "7_mean.png", scene(7, 40, 40))
    return tmp_path


def seen(given: Given) -> Tensor:
    return given.image


def test_pairs_of_one_folder(pairs: Path) -> None:
    found = PairSet.found(pairs)
    assert [path.name for path in found.files] == ["1_noisy.jpg", "2_noisy.jpg", "10_noisy.jpg"]
    first = next(iter(found.read()))
    assert isinstance(first, Picture)
    assert first.found is not None
    with Image.open(pairs / "1_noisy.jpg") as noisy, Image.open(pairs / "1_mean.png") as mean:
        np.testing.assert_array_equal(
            (first.found.image[0] * 255).round().permute(1, 2, 0), np.asarray(noisy)
        )
        np.testing.assert_array_equal((first.clean[0] * 255).round().permute(1, 2, 0), np.asarray(mean))
    assert first.found.sigma is None
    assert first.found.coding is not None
    assert first.found.coding.quality == 90
    case = first.case(Pairs())
    assert case.given is first.found
    with pytest.raises(ValueError, match="found, not made"):
        Pairs().apply(first.clean)
    assert len(PairSet.found(pairs, limit=2).files) == 2


@pytest.mark.parametrize("word", REFERENCES)
def test_the_words_for_a_reference(tmp_path: Path, word: str) -> None:
    put(tmp_path / "one" / "a_noisy.png", scene(1, 40, 40), 9)
    put(tmp_path / "one" / f"a_{word}.jpg", scene(1, 40, 40))
    (path,) = PairSet.found(tmp_path / "one").references.values()
    assert path.name == f"a_{word}.jpg"
    put(tmp_path / "two" / "noisy" / "night" / "a.jpg", scene(1, 40, 40), 9)
    put(tmp_path / "two" / word / "night" / "a.png", scene(1, 40, 40))
    ((noisy, path),) = PairSet.found(tmp_path / "two").references.items()
    assert (noisy.suffix, path.parent.parent.name) == (".jpg", word)


def test_a_crop_is_of_both(pairs: Path) -> None:
    whole, cropped = (next(iter(PairSet.found(pairs, crop=crop).read())) for crop in (0, 32))
    assert isinstance(whole, Picture)
    assert isinstance(cropped, Picture)
    assert whole.found is not None
    assert cropped.found is not None
    torch.testing.assert_close(cropped.clean, whole.clean[..., 9:41, 9:41])
    torch.testing.assert_close(cropped.found.image, whole.found.image[..., 9:41, 9:41])
    assert cropped.found.coding is None  # its blocks do not begin at the corner


def test_pairs_are_measured_as_they_are(pairs: Path) -> None:
    inputs: list[Tensor] = []

    def run(given: Given) -> Tensor:
        inputs.append(given.image)
        return given.image + 0.25  # of its own copy

    candidates = [Candidate("seen", seen, "input"), Candidate("other", run, "baseline")]
    known = {"in mine": Fingerprints([fingerprint(scene(2, 48, 64))])}
    table = measure(PairSet.found(pairs, known=known), Pairs(), candidates, SCORER)
    assert (table.count, table.level, table.title) == (3, None, f"{pairs.name}, pairs")
    for picture in table.rows[0].pictures:
        noisy, mean = (
            np.asarray(Image.open(pairs / picture.picture.replace("noisy.jpg", end)), float)
            for end in ("noisy.jpg", "mean.png")
        )
        psnr = 10 * np.log10(255**2 / np.square(noisy - mean).mean())
        assert picture.scores["psnr"] == pytest.approx(psnr, abs=1e-3)
    assert list(table.overlaps) == ["2_noisy.jpg"]
    assert "told" in table.description
    assert inputs[0].shape[-2:] == (50, 50)  # the warm-up


def test_a_pair_of_two_sizes_is_left_out(pairs: Path) -> None:
    put(pairs / "2_mean.png", scene(2, 48, 60))
    said: list[str] = []
    observer = Observer(said.append)
    table = measure(
        PairSet.found(pairs), Pairs(), [Candidate("seen", seen, "input")], SCORER, observer=observer
    )
    assert table.count == 2
    (line,) = said
    assert line.startswith(f"2_noisy.jpg is left out of {pairs.name}, pairs: ")
    assert line.endswith("pairs: it is 64x48 but its reference 2_mean.png is 60x48 (w x h)")
    for number in (1, 10):
        (pairs / f"{number}_noisy.jpg").unlink()
    with pytest.raises(ImageError, match=r"not one picture could be measured \(it is 64x48"):
        measure(PairSet.found(pairs), Pairs(), [Candidate("seen", seen, "input")], SCORER)


def test_what_is_no_folder_of_pairs(tmp_path: Path) -> None:
    a = scene(1, 40, 40)
    with pytest.raises(ConfigError, match="none: expected a folder of pairs of pictures, found none there"):
        PairSet.found(tmp_path / "none")
    put(tmp_path / "clean" / "a.png", a)
    with pytest.raises(
        ConfigError, match=r"expected pairs of pictures, such as 01_noisy.jpg and 01_mean.jpg"
    ):
        PairSet.found(tmp_path / "clean")
    for name in ("a_noisy.png", "b_noisy.png", "b_gt.png"):
        put(tmp_path / "lacking" / name, a)
    with pytest.raises(ConfigError, match=r"lacking: expected a reference of each .* none of a_noisy.png$"):
        PairSet.found(tmp_path / "lacking")
    put(tmp_path / "lacking" / "a_mean.png", a)
    put(tmp_path / "lacking" / "b_clean.png", a)
    with pytest.raises(ConfigError, match=r"b_noisy.png has two references, b_clean.png and b_gt.png"):
        PairSet.found(tmp_path / "lacking")
    put(tmp_path / "two" / "noisy" / "a.png", a)
    with pytest.raises(ConfigError, match=r"expected one folder of mean, .* beside noisy, found none"):
        PairSet.found(tmp_path / "two")
    put(tmp_path / "two" / "gt" / "b.png", a)
    with pytest.raises(ConfigError, match=r"\(the same name in gt\), none of noisy.a.png"):
        PairSet.found(tmp_path / "two")
    put(tmp_path / "two" / "mean" / "a.png", a)
    with pytest.raises(ConfigError, match="found mean and gt"):
        PairSet.found(tmp_path / "two")
