"""Training pictures: decoding, crops, pages of text."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_runs import encoded, photograph
from training_runs import photographs as photographs

from restore.errors import ConfigError, ImageError
from restore.training import data

pytestmark = pytest.mark.usefixtures("one_thread")


def numbered(h: int, w: int, number: int) -> np.ndarray[Any, Any]:
    """A picture whose pixels are (row, column, number)."""
    y, x = np.mgrid[:h, :w]
    return np.stack([y, x, np.full((h, w), number)], axis=2).astype(np.uint8)


def test_crops_are_pieces_of_the_pictures() -> None:
    store = data.PictureStore([numbered(20, 9, 0), numbered(8, 30, 1), numbered(7, 99, 2)], 8)
    assert store.count == 2  # the last one is too small
    crops = (store.crops(600, torch.Generator().manual_seed(0)) * 255).round().long()
    assert crops.shape == (600, 3, 8, 8)
    sizes, steps, corners = {0: (20, 9), 1: (8, 30)}, set(), set()
    for crop in crops:
        number = int(crop[2, 0, 0])
        assert (crop[2] == number).all()
        down, right = crop[:2, 1, 0] - crop[:2, 0, 0], crop[:2, 0, 1] - crop[:2, 0, 0]
        steps.add((*down.tolist(), *right.tolist()))
        y, x = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
        expected = crop[:2, :1, :1] + down.view(2, 1, 1) * y + right.view(2, 1, 1) * x
        assert torch.equal(crop[:2], expected)
        low, high = crop[:2].amin((1, 2)), crop[:2].amax((1, 2))
        assert (low >= 0).all()
        assert (high < torch.tensor(sizes[number])).all()
        corners.add((number, *low.tolist()))
    assert len(steps) == 8  # mirrored and turned in all ways
    assert len(corners) == 13 * 2 + 1 * 23  # every place comes up


def test_large_pictures_count_more_but_not_fully() -> None:
    store = data.PictureStore([numbered(64, 64, 0), numbered(16, 16, 1)], 16)
    crops = store.crops(4000, torch.Generator().manual_seed(0))
    share = (crops[:, 2, 0, 0] == 0).float().mean().item()
    assert share == pytest.approx(16**0.25 / (1 + 16**0.25), abs=4.5 * (1 / 3 * 2 / 3 / 4000) ** 0.5)


def test_the_generator_decides() -> None:
    store = data.PictureStore([numbered(40, 40, 0)], 8)
    first, again = (store.crops(5, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, store.crops(5, torch.Generator().manual_seed(4)))


def test_pictures_too_small_are_an_error() -> None:
    with pytest.raises(ConfigError, match=r"as large as the crop of 64x64 pixels \(2 pictures read\)"):
        data.PictureStore([numbered(20, 90, 0), numbered(8, 30, 1)], 64)
    with pytest.raises(ConfigError, match=r"\(0 pictures read\)"):
        data.PictureStore([], 64)


def shard(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_pictures_come_from_folders_shards_and_files(tmp_path: Path) -> None:
    pictures = [numbered(4, 5, number) for number in range(4)]
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "b.PNG").write_bytes(encoded(pictures[1]))
    (tmp_path / "folder" / "deep" / "c.bmp").write_bytes(encoded(pictures[2], "BMP"))
    (tmp_path / "folder" / "notes.txt").write_text("not a picture")
    members = {"x/d.png": encoded(pictures[3]), "readme.md": b"not a picture"}
    sources = [shard(tmp_path / "one.tar", members), tmp_path / "folder", tmp_path / "folder" / "b.PNG"]
    read = list(data.read_pictures(sources))
    for picture, expected in zip(read, [pictures[3], pictures[1], pictures[2], pictures[1]], strict=True):
        np.testing.assert_array_equal(picture, expected)


def test_deep_pictures_are_rounded_to_eight_bits(tmp_path: Path) -> None:
    import cv2
    import tifffile

    values = np.array([0, 100, 128, 129, 32896, 65407, 65535], dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), np.repeat(values[None, :, None], 3, axis=2))
    (read,) = data.read_pictures([tmp_path / "deep.png"])
    assert read.dtype == np.uint8
    assert read[0, :, 0].tolist() == [0, 0, 0, 1, 128, 255, 255]
    floats = np.array([-0.5, 0.0, 0.5, 1.0, 1.5], dtype=np.float32)
    tifffile.imwrite(tmp_path / "float.tif", np.repeat(floats[None, :, None], 3, axis=2), photometric="rgb")
    (read,) = data.read_pictures([tmp_path / "float.tif"])
    assert read[0, :, 0].tolist() == [0, 0, 128, 255, 255]


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    whole = encoded(photograph(64, 64), "JPEG")
    path = shard(tmp_path / "some.tar", {"good.jpg": whole, "sub/bad.jpg": whole[: len(whole) // 2]})
    pictures = data.read_pictures([path])
    next(pictures)
    with pytest.raises(ImageError, match=r"some\.tar:sub/bad\.jpg: .*damaged or truncated"):
        next(pictures)
    (tmp_path / "empty.png").touch()
    with pytest.raises(ImageError, match=r"empty\.png: .*empty file"):
        list(data.read_pictures([tmp_path / "empty.png"]))
    with pytest.raises(ImageError, match=r"text\.png: expected a PNG, JPEG"):
        (tmp_path / "text.png").write_text("not a picture")
        list(data.read_pictures([tmp_path / "text.png"]))


@pytest.mark.parametrize("keep", [0, 600, 8000])
def test_a_damaged_shard_is_named(tmp_path: Path, keep: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = shard(tmp_path / "some.tar", {"a.png": encoded(noise)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ImageError, match=r"some\.tar: expected a whole \.tar shard"):
        list(data.read_pictures([path]))


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere: expected a folder, a \.tar shard or a picture"):
        list(data.read_pictures([tmp_path / "nowhere"]))


def test_half_size_is_the_mean_of_four() -> None:
    picture = np.zeros((5, 6, 3), np.uint8)
    picture[:2, :2] = [[[10, 20, 30], [20, 20, 30]], [[30, 20, 30], [40, 20, 34]]]
    half = data.halved(picture)
    assert half.shape == (2, 3, 3)
    assert half[0, 0].tolist() == [25, 20, 31]


def test_pages_are_pictures_of_text() -> None:
    pages = data.page_pictures()
    assert len(pages) == 18
    black_on_white, tinted, light_on_dark = pages[:3]
    assert black_on_white.dtype == np.uint8
    assert np.median(black_on_white) == 255
    assert black_on_white.min() < 5
    assert (np.median(tinted, axis=(0, 1)) >= 200).all()
    assert np.median(light_on_dark) == 20
    assert light_on_dark.max() > 230


def test_validation_crops_are_centred(tmp_path: Path) -> None:
    for number, (h, w) in enumerate([(20, 30), (9, 50), (16, 16), (40, 40)]):
        (tmp_path / f"{number}.png").write_bytes(encoded(numbered(h, w, number)))
    crops = (data.validation_crops(tmp_path, count=2, size=16) * 255).round()
    assert crops[:, :, 0, 0].tolist() == [[2, 7, 0], [0, 0, 2]]
    assert crops.shape == (2, 3, 16, 16)
    with pytest.raises(ConfigError, match="no validation picture of at least 64x64 pixels"):
        data.validation_crops(tmp_path, size=64)


def test_psnr() -> None:
    a, b = torch.full((2, 3, 4, 4), 0.5), torch.full((2, 3, 4, 4), 0.5)
    b[0] = 0.6
    b[1, :, :2] = 0.51
    assert data.psnr(a, b)[0] == pytest.approx(20, abs=1e-4)
    weight = torch.zeros(2, 1, 4, 4)
    weight[:, :, :2] = 1
    assert data.psnr(a, b, weight) == pytest.approx([20, 40], abs=1e-3)
    assert data.psnr(a, a) == [120, 120]
