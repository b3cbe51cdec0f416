"""Damaged pictures on the command line: refused, or restored as far as they go with exit code 1."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_photos import PHOTO, files
from commands import cli
from PIL import Image

from restore import images
from restore.images.jpeg_file import laid_out

pytestmark = pytest.mark.usefixtures("one_thread", "here")

DENOISE = ["denoise", "--sigma", "15", "--quiet"]


@pytest.fixture
def half(here: None) -> str:
    """A JPEG whose second half is missing, and which ends as if it were whole."""
    Image.fromarray(PHOTO).save("half.jfif", "JPEG", quality=95)
    whole = Path("half.jfif").read_bytes()
    scan = laid_out(whole).scans[0]
    Path("half.jfif").write_bytes(whole[: (scan.start + scan.stop) // 2] + whole[scan.stop :])
    return "half.jfif"


def test_a_damaged_picture_is_refused_with_what_to_do(half: str) -> None:
    before = files()
    done = cli(*DENOISE, half)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        "error: half.jfif: expected a whole picture, got a damaged or truncated file (its pixel data end "
        "early); get a fresh copy, or pass --allow-damaged to restore what is there\n"
    )
    assert files() == before


def test_what_is_there_is_restored_and_the_exit_code_is_one(half: str) -> None:
    done = cli(*DENOISE, half, "photo.png", "--allow-damaged", "--json", "-o", "out")
    assert done.exit_code == 1
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["status"], first["damage"]) == ("damaged", "its pixel data end early")
    assert (second["status"], "damage" in second) == ("done", False)
    assert done.stderr == (
        "warning: half.jfif: the file is damaged (its pixel data end early); what is there is restored\n"
    )
    result = images.read("out/half.jfif")
    assert result.size == PHOTO.shape[:2] and not result.damage
    assert np.abs(result.pixels[-2:, -8:].astype(int) - 128).max() < 40  # gray, where nothing was


def test_whole_pictures_end_with_zero_all_the_same(here: None) -> None:
    done = cli(*DENOISE, "photo.png", "--allow-damaged")
    assert (done.exit_code, done.stderr) == (0, "")


def test_a_mask_is_never_read_in_part(half: str) -> None:
    done = cli("inpaint", "photo.png", "--mask", half, "--allow-damaged")
    assert done.exit_code == 1
    assert done.stderr.endswith("(its pixel data end early); get a fresh copy\n")
