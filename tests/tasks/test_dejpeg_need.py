"""Pictures in which there is no compression to undo."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import cli
from PIL import Image
from torch import Tensor

from restore import dejpeg, images
from restore.images.blocks import BLOCKY, block_excess, without_blocks
from restore.images.jpeg_coding import coding_of
from restore.tasks.dejpeg_need import nothing_to_undo
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")

H, W = 440, 480


def photograph(h: int = H, w: int = W) -> np.ndarray[Any, Any]:
    """Shapes of all sizes, and a little grain."""
    rng = torch.Generator().manual_seed(0)
    picture = 0.015 * torch.randn(1, 3, h, w, generator=rng)
    for size in (5, 20, 90):
        noise = torch.rand(1, 3, size, size, generator=rng) - 0.5
        picture += torch.nn.functional.interpolate(noise, size=(h, w), mode="bicubic") / 4
    return ((picture[0] + 0.5).clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


PHOTO = photograph()


def compressed(quality: int, subsampling: int = 0, *, crop: tuple[int, int] = (0, 0)) -> np.ndarray[Any, Any]:
    file = io.BytesIO()
    Image.fromarray(PHOTO).save(file, "JPEG", quality=quality, subsampling=subsampling)
    y, x = crop
    return np.asarray(Image.open(io.BytesIO(file.getvalue())))[y:, x:]


def tensor(pixels: np.ndarray[Any, Any]) -> Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255


def test_steps_at_the_borders_of_blocks_are_counted() -> None:
    """Of a chess board of 8 each step between blocks is the largest of its neighbours, all others are 0."""
    board = (np.indices((64, 64)) // 8).sum(0) % 2
    assert block_excess(torch.from_numpy(board).float().expand(3, -1, -1)) == pytest.approx(1)
    stripes = torch.from_numpy(np.arange(64) // 8 % 2).float().expand(3, 64, 64)
    assert block_excess(stripes) == 0


@pytest.mark.parametrize("crop", [(0, 0), (3, 5)])
@pytest.mark.parametrize("quality", [30, 70])
def test_blocks_are_seen_wherever_they_begin(quality: int, crop: tuple[int, int]) -> None:
    assert block_excess(tensor(compressed(quality, crop=crop))) > 2 * BLOCKY
    assert not without_blocks(tensor(compressed(quality, crop=crop)))


def test_without_blocks_only_where_there_is_enough_to_see() -> None:
    assert without_blocks(tensor(PHOTO))
    assert not without_blocks(tensor(PHOTO[:300, :300]))
    assert not without_blocks(tensor(np.zeros((20, 20000, 3), np.uint8)))


def test_what_is_fine_by_its_tables() -> None:
    batch = tensor(PHOTO[:64, :64])[None]
    for quality in (98, 99, 100):
        fine = coding_of(quality, coarser=(1, 1))
        assert nothing_to_undo(batch, fine) == f"JPEG of quality {quality} with all its colours"
        assert nothing_to_undo(batch, coding_of(quality, coarser=(2, 2))) == ""
    assert nothing_to_undo(batch, coding_of(97, coarser=(1, 1))) == ""
    board = torch.from_numpy((np.indices((64, 64)) // 8).sum(0) % 2).float().expand(1, 3, -1, -1)
    assert nothing_to_undo(board, coding_of(99, coarser=(1, 1))) == ""  # it was one of low quality before


def test_python_gives_a_copy_unless_quality_is_told(tmp_path: Path) -> None:
    prior = tiny_prior()
    found = dejpeg(PHOTO, prior=prior)
    assert np.array_equal(found, PHOTO) and found is not PHOTO
    with pytest.raises(ValueError, match="nothing says how the picture was compressed"):
        dejpeg(compressed(30), prior=prior)
    with pytest.raises(ValueError, match="nothing says how the picture was compressed"):
        dejpeg(PHOTO[:64, :64], prior=prior)
    small, name = PHOTO[:40, :48], tmp_path / "a.jpg"
    for quality, subsampling, same in ((99, 0, True), (99, 2, False), (90, 0, False)):
        Image.fromarray(small).save(name, quality=quality, subsampling=subsampling)
        decoded = images.read(name).pixels
        assert np.array_equal(dejpeg(name, prior=prior).pixels, decoded) == same
        with Image.open(name) as opened:
            assert np.array_equal(np.asarray(dejpeg(opened, prior=prior)), decoded) == same
        told = dejpeg(name, quality=40, steps=1, prior=prior)
        assert not np.array_equal(told.pixels, decoded)


def test_the_command_copies_the_file(tmp_path: Path, weights: Path) -> None:
    png, jpg, out = tmp_path / "a.png", tmp_path / "b.jpg", tmp_path / "out"
    Image.fromarray(PHOTO).save(png)
    Image.fromarray(PHOTO[:40, :48]).save(jpg, quality=99, subsampling=0)
    done = cli("dejpeg", png, jpg, "-o", out, "--weights", weights)
    assert done.exit_code == 0, done.stderr
    for path, why in (
        (png, "no JPEG, and no blocks of 8 pixels are seen in it"),
        (jpg, "JPEG of quality 99"),
    ):
        assert f"note: {path}: {why}" in done.stderr
        assert (out / path.name).read_bytes() == path.read_bytes()
    assert "so the picture is left as it is; if it was a JPEG of quality Q before, pass --quality Q" in (
        done.stderr
    )
    again = cli("dejpeg", png, jpg, "-o", out, "--weights", weights)
    assert (again.exit_code, again.stdout) == (0, "")
    assert "kept" in again.stderr
    skipped = cli("dejpeg", jpg, "-o", tmp_path / "c.jpg", "--skip-unchanged", "--json", "--weights", weights)
    told = json.loads(skipped.stdout)
    assert (told["status"], told["output"], told["quality"]) == ("unchanged", None, 99)
    assert not (tmp_path / "c.jpg").exists()
    more = ("--report-consistency", "--uncertainty", tmp_path / "map.tif", "--uncertainty-samples", 2)
    measured = cli("dejpeg", jpg, "-o", tmp_path / "d.jpg", *more, "--weights", weights)
    assert measured.exit_code == 0, measured.stderr
    assert images.read(tmp_path / "map.tif").size == (40, 48)


def test_the_command_restores_what_it_is_told_to(tmp_path: Path, weights: Path) -> None:
    jpg, shot = tmp_path / "b.jpg", tmp_path / "shot.png"
    Image.fromarray(PHOTO[:40, :48]).save(jpg, quality=99, subsampling=0)
    for words in (["--quality", 40], ["--method", "blind"]):
        done = cli("dejpeg", jpg, "-o", tmp_path / "c.png", *words, "--overwrite", "--weights", weights)
        assert done.exit_code == 0 and "left as it is" not in done.stderr
        assert not np.array_equal(images.read(tmp_path / "c.png").pixels, images.read(jpg).pixels)
    Image.fromarray(compressed(50, crop=(3, 5))).save(shot)
    done = cli("dejpeg", shot, "--weights", weights)  # as before, it must be said how it was compressed
    assert done.exit_code == 1 and "pass --quality, or --method blind" in done.stderr
