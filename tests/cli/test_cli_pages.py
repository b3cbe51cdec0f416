"""Files of several pages on the command line: read by their first, never written over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_photos import PHOTO
from commands import cli
from PIL import Image

from restore import images
from restore.tasks import denoise

pytestmark = pytest.mark.usefixtures("one_thread", "here")

LOST = "it holds 3 pictures and the result is one, so the others would be lost; write to another name"


def pages(name: str) -> bytes:
    """A file of three pictures; its bytes."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    first, *rest = (Image.fromarray(np.roll(PHOTO, k, axis=0)) for k in range(3))
    first.save(name, save_all=True, append_images=rest)
    return Path(name).read_bytes()


@pytest.mark.parametrize("name", ["stack.tif", "stack.tiff", "film.webp", "film.png"])
def test_never_over_themselves(name: str, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = pages(name)
    Path(f"link-{name}").symlink_to(name)
    Path(f"hard-{name}").hardlink_to(name)
    with monkeypatch.context() as patch:
        patch.setattr(denoise, "denoise", None)  # it is refused before anything is computed
        for source, target in (
            (name, name), (f"link-{name}", name), (name, f"link-{name}"), (name, f"hard-{name}"),
            ("photo.png", name),
        ):  # fmt: skip
            for more in ([], ["--dry-run"]):
                words = ["denoise", source, "-o", target, "--overwrite", "--sigma", 9, "--weights", weights]
                done = cli(*words, *more)
                assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"error: {target}: {LOST}\n")
    assert Path(name).read_bytes() == before
    done = cli("denoise", name, "-o", f"new-{name}", "--sigma", 9, "--weights", weights)
    assert (done.exit_code, done.stdout) == (0, f"new-{name}\n")
    assert f"note: {name}: the file holds 3 pictures; only the first is used" in done.stderr.splitlines()
    assert images.page_count(f"new-{name}") == 1


def test_the_rest_of_a_folder_is_done(weights: Path) -> None:
    before = pages("in/b.tif")
    for name in ("in/a.png", "in/c.png"):
        Image.fromarray(PHOTO).save(name)
    done = cli("denoise", "in", "-o", "in", "--overwrite", "--sigma", 9, "--weights", weights)
    assert (done.exit_code, done.stdout) == (1, "in/a.png\nin/c.png\n")
    assert done.stderr.splitlines() == [
        f"error: in/b.tif: {LOST}", "error: 2 restored, 1 failed (of 3 pictures)",
    ]  # fmt: skip
    assert Path("in/b.tif").read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ["inpaint", "photo.png", "--mask", "mask.png"],
        ["upscale", "photo.png", "--scale", 2],
        ["dejpeg", "photo.png"],
        ["deblur", "photo.png", "--kernel", "gaussian:1"],
        ["solve", "photo.png", "--operator", "down=2"],
        ["colorize", "photo.png"],
        ["vary", "photo.png"],
    ],
    ids=lambda words: words[0],
)
def test_every_command(words: list[object]) -> None:
    before = pages("out.tif")
    done = cli(*words, "-o", "out.tif", "--overwrite")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == f"error: out.tif: {LOST}"
    assert Path("out.tif").read_bytes() == before


def test_a_map_of_uncertainty(weights: Path) -> None:
    before = pages("map.tif")
    words = ["denoise", "photo.png", "-o", "out.png", "--sigma", 9, "--uncertainty", "map.tif", "--overwrite"]
    done = cli(*words, "--weights", weights)
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"error: map.tif: {LOST}\n")
    assert Path("map.tif").read_bytes() == before and not Path("out.png").exists()


def test_standard_input(weights: Path) -> None:
    before = pages("stack.tif")
    done = cli("denoise", "-", "-o", "stack.tif", "--overwrite", "--sigma", 9, stdin=before)
    assert (done.exit_code, done.stderr) == (1, f"error: stack.tif: {LOST}\n")
    assert Path("stack.tif").read_bytes() == before
