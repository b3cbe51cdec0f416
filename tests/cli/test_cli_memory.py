"""--max-memory refuses pictures before they are decoded or computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click import BadParameter
from commands import cli
from PIL import Image

from restore.cli import rehearsal
from restore.cli.memory_need import MemorySize
from restore.images import memory
from restore.priors import device
from restore.tasks import noise_choice

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


@pytest.mark.parametrize("mode", [[], ["--dry-run"]])
def test_the_network_takes_memory_too(
    weights: Path, monkeypatch: pytest.MonkeyPatch, mode: list[str]
) -> None:
    """Each picture that it takes too much for is refused, also before it is loaded."""
    Path("tiny").mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save("tiny/t.png")
    Path("photo.png").rename("tiny/a.png")
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save("tiny/b.png")
    words = ["denoise", "tiny", "-o", "out", "--max-memory", "500k", *mode]
    done = cli(*words, "--sigma", 9, "--weights", weights)
    assert done.exit_code == 1
    told = [line.partition(" of memory")[0] for line in done.stderr.splitlines()]
    assert told[:2] == ["error: tiny/a.png: takes about 1.08 MB", "error: tiny/b.png: takes about 1.51 MB"]
    assert "out/t.png" in done.stdout
    # A picture that is left as it is needs no network.
    none = noise_choice.Choice("none", None, "no noise found")
    monkeypatch.setattr(noise_choice, "choose", lambda *_: none)
    assert cli(*words, "--weights", weights, "--overwrite").exit_code == 0


def test_a_dry_run_asks_for_the_device_only_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[None] = []
    monkeypatch.setattr(device, "best_device", lambda: asked.append(None) or "cpu")
    words = ["denoise", "photo.png", "--sigma", 9, "--dry-run", "--max-memory"]
    assert (cli(*words, "1G").exit_code, len(asked)) == (0, 0)
    assert (cli(*words, "500k").exit_code, len(asked)) == (1, 1)
    monkeypatch.setattr(device, "best_device", lambda: "cuda")
    with monkeypatch.context() as patch:  # it has memory of its own
        patch.setattr(rehearsal, "_is_unchanged", lambda *_: False)
        assert cli(*words, "500k").exit_code == 0


def test_enough_is_enough(weights: Path) -> None:
    done = cli(
        "denoise", "photo.png", "-o", "out.png", "--sigma", 15, "--weights", weights, "--max-memory", "1G"
    )
    assert done.exit_code == 0
    assert "--max-memory" not in cli("info", "out.png").stdout


def test_the_limit_ends_with_the_command(weights: Path) -> None:
    cli("denoise", "photo.png", "-o", "out.png", "--weights", weights, "--max-memory", "1k")
    assert memory.limit() is None or memory.limit() > 10**6
