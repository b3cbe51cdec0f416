"""What commands print, where pictures go, and dry runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_photos import PHOTO, files, white_noise
from commands import cli
from PIL import Image

import restore
from restore import images
from restore.priors.backbone import Backbone

pytestmark = pytest.mark.usefixtures("one_thread", "here")


ROOT = Path(__file__).parents[2]


def test_default_names(weights: Path) -> None:
    Path("in").mkdir()
    Image.fromarray(PHOTO).save("in/a.b.TIF")
    for arguments, expected in (
        (["denoise", "in/a.b.TIF", "--sigma", "9"], "in/a.b-denoised.TIF"),
        (["upscale", "in/a.b.TIF", "--scale", "1.75", "--estimate", "mean"], "in/a.b-x1.75.TIF"),
        (["upscale", "in/a.b.TIF", "--scale", "2.0", "--estimate", "mean"], "in/a.b-x2.TIF"),
        (["inpaint", "in/a.b.TIF", "--mask", "mask.png", "--steps", "1"], "in/a.b-inpainted.TIF"),
    ):
        done = cli(*arguments, "--weights", weights)
        assert (done.exit_code, done.stdout, done.stderr) == (0, f"{expected}\n", "")
        assert images.read(expected).format == "tiff"


def test_json(weights: Path) -> None:
    Image.fromarray(white_noise(20)).save("noisy.png")
    Path("bad.png").write_bytes(b"no picture")
    done = cli(
        "denoise", "noisy.png", "bad.png", "photo.png", "-o", "out", "--weights", weights, "--json", "-q"
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 1
    assert [line["status"] for line in lines] == ["done", "failed", "done"]
    about = {"input", "output", "event", "schema", "width_pixels", "height_pixels", "status", "seconds"}
    assert lines[0].keys() == about | {"sigma_255", "method", "noise"}
    assert lines[0]["method"] == "gaussian"
    assert lines[0]["input"] == "noisy.png" and lines[0]["output"] == "out/noisy.png"
    assert (lines[0]["width_pixels"], lines[0]["height_pixels"]) == (64, 64) and 15 < lines[0][
        "sigma_255"
    ] < 22
    assert lines[1]["error"].startswith(
        "bad.png: expected a PNG, JPEG, TIFF, WebP, BMP, HEIC, AVIF or JPEG XL picture"
    )
    done = cli("denoise", "noisy.png", "photo.png", "-o", "out", "--weights", weights, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line.keys() for line in lines] == [{"event", "schema", "input", "output", "status"}] * 2
    assert [line["status"] for line in lines] == ["skipped", "skipped"]
    done = cli("upscale", "photo.png", "--scale", 2, "--json", "--dry-run")
    assert json.loads(done.stdout) == {
        "event": "picture", "schema": 1, "input": "photo.png", "output": "photo-x2.png",
        "width_pixels": 74, "height_pixels": 62, "status": "planned",
    }  # fmt: skip


def test_a_path_is_printed_as_its_own_bytes(weights: Path) -> None:
    name = os.fsdecode(b"caf\xe9 \xf0.png")  # Latin-1, as in old archives
    Image.fromarray(PHOTO).save("photo.png")
    Path("photo.png").rename(name)
    done = cli("denoise", name, "--sigma", 9, "--weights", weights)
    assert (done.exit_code, done.stdout_bytes) == (0, b"caf\xe9 \xf0-denoised.png\n")
    assert Path(os.fsdecode(b"caf\xe9 \xf0-denoised.png")).is_file()


def test_standard_input_and_output(weights: Path, backbone: Backbone) -> None:
    expected = restore.denoise(PHOTO, sigma=10, prior=backbone)
    arguments = ["--sigma", "10", "--weights", weights]
    done = cli("denoise", "-", *arguments, stdin=Path("photo.png").read_bytes())
    assert (done.exit_code, done.stderr) == (0, "")
    assert np.array_equal(images.decode(done.stdout_bytes, name="out").pixels, expected)
    same = cli("denoise", "photo.png", *arguments, "-o", "-")
    assert np.array_equal(images.decode(same.stdout_bytes, name="out").pixels, expected)
    done = cli("denoise", "-", *arguments, "-o", "out.png", stdin=Path("photo.png").read_bytes())
    assert (done.exit_code, done.stdout) == (0, "out.png\n")
    assert np.array_equal(images.read("out.png").pixels, expected)
    done = cli("denoise", "-", *arguments, "--json", stdin=b"")
    assert done.exit_code == 2
    assert done.stderr.endswith(
        "Error: --json and the picture both want standard output; give a file with -o\n"
    )


def test_the_picture_does_not_go_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore.cli.run.on_terminal", lambda stream: True)
    done = cli("denoise", "photo.png", "-o", "-")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.endswith("standard output is a terminal; redirect it, or give a file with -o\n")


def test_dry_run(here: Path) -> None:
    turned = Image.fromarray(PHOTO)
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save("turned.jpg", exif=exif)
    before = files()
    done = cli("upscale", "photo.png", "turned.jpg", "--scale", 1.5, "-o", "out", "--dry-run")
    assert (done.exit_code, done.stderr) == (0, "note: 2 planned (of 2 pictures)\n")
    assert done.stdout == (
        "photo.png (37x31) -> out/photo.png (56x46)\nturned.jpg (31x37) -> out/turned.jpg (46x56)\n"
    )
    done = cli("sample", "-n", 2, "-o", "out", "--dry-run", "--size", 32)
    assert done.stdout == (
        "out/sample-000.png (32x32)\nout/sample-001.png (32x32)\nout/grid.png (all of them)\n"
    )
    assert files() == before


@pytest.mark.slow
def test_dry_run_and_a_real_run_as_programs(weights: Path) -> None:
    """In processes of their own: a dry run without torch, a real run with its exit code and streams."""
    code = (
        "import sys, atexit; atexit.register(lambda: print('torch' in sys.modules)); import restore.__main__"
    )
    code += "; restore.__main__.main()"
    words = ["inpaint", "photo.png", "--mask", "mask.png"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words, "--dry-run"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "photo.png (37x31) -> photo-inpainted.png (37x31)\nFalse\n"
    done = subprocess.run(
        [sys.executable, ROOT / "cli.py", *words, "--steps", "1", "--weights", weights],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "photo-inpainted.png\n", "")
