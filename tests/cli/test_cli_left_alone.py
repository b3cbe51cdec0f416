"""Where there is nothing to do the file is copied byte for byte, or not written at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_photos import PHOTO
from commands import cli
from PIL import Image

from restore import images
from restore.cli.provenance import history_in

pytestmark = pytest.mark.usefixtures("one_thread", "here")
CLEAN = np.full((40, 44, 3), 128, np.uint8)


def save_clean(name: str, **options: Any) -> bytes:
    Image.fromarray(CLEAN).save(name, **options)
    return Path(name).read_bytes()


def told(*arguments: object) -> list[dict[str, Any]]:
    return [json.loads(line) for line in cli(*arguments, "--json").stdout.splitlines()]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp", "a.bmp"])
def test_the_file_is_copied_and_recognised(weights: Path, name: str) -> None:
    before = save_clean(name)
    words = ["denoise", name, "--weights", weights]
    (fact,) = told(*words)
    target = Path(name).with_stem("a-denoised")
    assert (fact["status"], fact["output"]) == ("unchanged", str(target))
    assert target.read_bytes() == before
    done = cli(*words)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == (
        f"note: {target} is there already, a copy of the picture, and was kept; pass --overwrite to "
        "replace it\n"
    )
    # A copy is no result of a command that leaves nothing as it is, and no picture to be restored again.
    done = cli(*words, "--sigma", 20)
    if name == "a.bmp":
        assert "without a record of what made it, and was kept" in done.stderr
    else:
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith(f"error: {target} is there, a copy of the picture; pass --overwrite")
    done = cli("upscale", name, target, "--scale", 2, "--steps", 1, "--weights", weights)
    assert (done.exit_code, done.stdout.count("\n")) == (0, 1)


def test_one_bit_stays_one_bit(weights: Path) -> None:
    Image.fromarray(CLEAN[..., 0] > 100).save("page.tif")
    before = Path("page.tif").read_bytes()
    assert cli("repair", "page.tif", "--weights", weights).exit_code == 0
    assert Path("page-repaired.tif").read_bytes() == before


@pytest.mark.parametrize(
    "more", [["--strength", 0], ["--luma", 0, "--chroma", 0, "--sigma", 20], ["--sigma", 0]]
)
def test_nothing_is_taken_out(weights: Path, more: list[object]) -> None:
    done = cli("denoise", "photo.png", *more, "--weights", weights)
    assert (done.exit_code, done.stdout) == (0, "photo-denoised.png\n")
    assert done.stderr == "note: photo.png: nothing is to be taken out, so the picture is left as it is\n"
    assert Path("photo-denoised.png").read_bytes() == Path("photo.png").read_bytes()
    assert cli("denoise", "photo.png", *more, "--weights", weights).exit_code == 0


def test_what_asks_for_another_file_is_written(weights: Path) -> None:
    before = save_clean("a.png")
    words = ["--weights", weights]
    (fact,) = told("denoise", "a.png", "-o", "a.webp", *words)
    assert (fact["status"], images.read("a.webp").format) == ("done", "webp")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = save_clean("turned.jpg", exif=exif.tobytes())
    (fact,) = told("denoise", "turned.jpg", *words)
    assert fact["status"] == "done"
    assert Path("turned-denoised.jpg").read_bytes() != turned
    assert images.read("turned-denoised.jpg").size == (44, 40)
    # A record that is not wanted is taken out; an earlier one stays in a copy.
    (record,) = history_in(Path("a.webp")).records
    (fact,) = told("denoise", "a.webp", "-o", "b.webp", *words)
    assert (fact["status"], history_in(Path("b.webp")).records) == ("unchanged", (record,))
    (fact,) = told("denoise", "a.webp", "-o", "c.webp", "--no-provenance", *words)
    assert (fact["status"], history_in(Path("c.webp")).records) == ("done", ())
    assert Path("a.png").read_bytes() == before


def test_several_pages_are_copied_together(weights: Path) -> None:
    page = Image.fromarray(CLEAN)
    page.save("pages.tif", save_all=True, append_images=[page])
    (fact,) = told("denoise", "pages.tif", "--weights", weights)
    assert fact["status"] == "unchanged"
    assert Path("pages-denoised.tif").read_bytes() == Path("pages.tif").read_bytes()
    (fact,) = told("denoise", "pages.tif", "-o", "new.tif", "--skip-unchanged", "--weights", weights)
    assert (fact["status"], fact["output"]) == ("unchanged", None) and not Path("new.tif").exists()


def test_the_count_of_what_was_left_and_nothing_written(weights: Path) -> None:
    Path("in").mkdir()
    save_clean("in/a.jpg")
    save_clean("in/b.png")
    Image.fromarray(PHOTO).save("in/c.bmp")
    words = ["repair", "in", "--weights", weights, "--steps", 1]
    done = cli(*words, "-o", "out")
    count = done.stderr.splitlines()[-1]
    left = sum(Path("out", each.name).read_bytes() == each.read_bytes() for each in Path("in").iterdir())
    assert left >= 2
    assert count == f"note: {3 - left} restored, {left} left as they are (of 3 pictures)"
    found = told(*words, "-o", "new", "--skip-unchanged")
    assert [each["status"] for each in found[:2]] == ["unchanged", "unchanged"]
    assert [each["output"] for each in found[:2]] == [None, None]
    assert not Path("new/a.jpg").exists() and not Path("new/b.png").exists()
    done = cli("repair", "in/a.jpg", "-o", "-", "--skip-unchanged", "--weights", weights)
    assert done.exit_code == 2
    assert "--skip-unchanged would leave standard output empty; leave it out" in done.stderr


def test_standard_output_and_a_file_onto_itself(weights: Path) -> None:
    before = save_clean("a.jpg")
    done = cli("denoise", "-", "--weights", weights, stdin=before)
    assert (done.exit_code, done.stdout_bytes) == (0, before)
    stamp = (Path("a.jpg").stat().st_ino, Path("a.jpg").stat().st_mtime_ns)
    assert cli("denoise", "a.jpg", "-o", "a.jpg", "--overwrite", "--weights", weights).exit_code == 0
    assert (Path("a.jpg").stat().st_ino, Path("a.jpg").stat().st_mtime_ns) == stamp
    save_clean("b.jpg", quality=30)
    done = cli("denoise", "a.jpg", "-o", "b.jpg", "--overwrite", "--weights", weights)
    assert (done.exit_code, Path("b.jpg").read_bytes()) == (0, before)
