"""--max-memory refuses pictures before they are decoded or computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click import BadParameter
from commands import cli
from PIL import Image

from restore.cli.memory_need import MemorySize
from restore.images import memory

pytestmark = pytest.mark.usefixtures("one_thread", "here")


@pytest.mark.parametrize(
    ("text", "size"),
    [("8G", 8 * 10**9), ("1.5 GB", 15 * 10**8), ("500m", 5 * 10**8), ("2GiB", 2**31), ("4096", 4096)],
)
def test_sizes(text: str, size: int) -> None:
    assert MemorySize().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "much", "-1G", "0", "8X", "1e9"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(BadParameter, match="no size of memory"):
        MemorySize().convert(text, None, None)


def test_a_picture_too_large_to_decode(weights: Path) -> None:
    Image.fromarray(np.zeros((400, 500, 3), np.uint8)).save("large.png")
    done = cli("denoise", "large.png", "-o", "out.png", "--weights", weights, "--max-memory", "4M")
    assert done.exit_code == 1 and not Path("out.png").exists()
    line = "large.png: 500x400 (w x h): takes about 4.2 MB of memory, more than the 4 MB that may be used"
    assert done.stderr == f"error: {line}; crop or downscale it, or allow more memory\n"


def test_a_result_too_large_to_compute(weights: Path) -> None:
    Image.fromarray(np.zeros((100, 100, 3), np.uint8)).save("small.png")
    options = ["-o", "out.png", "--scale", 4, "--weights", weights, "--max-memory", "30M"]
    done = cli("upscale", "small.png", *options, "--dry-run")
    assert done.exit_code == 1 and done.stderr.count("\n") == 1
    assert "small.png: takes about 36.8 MB of memory" in done.stderr


def test_enough_is_enough(weights: Path) -> None:
    done = cli(
        "denoise", "photo.png", "-o", "out.png", "--sigma", 15, "--weights", weights, "--max-memory", "1G"
    )
    assert done.exit_code == 0
    assert "--max-memory" not in cli("info", "out.png").stdout


def test_the_limit_ends_with_the_command(weights: Path) -> None:
    cli("denoise", "photo.png", "-o", "out.png", "--weights", weights, "--max-memory", "1k")
    assert memory.limit() is None or memory.limit() > 10**6
