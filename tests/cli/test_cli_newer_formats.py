"""HEIC, AVIF and JPEG XL on the command line: in kind, with records, depths and qualities."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import cli

from restore import images
from restore.images.heif_coding import HeifCoding
from restore.images.named_profiles import profile_for
from restore.images.stored_depth import stored_bits

pytest.importorskip("pillow_heif", reason="comes with the extra heif")
pytest.importorskip("pyjpegxl", reason="comes with the extra jxl")

pytestmark = pytest.mark.usefixtures("one_thread", "here")

SIGMA = ("--sigma", 25)


def picture(**fields: object) -> images.Picture:
    noise = np.random.default_rng(0).integers(0, 65536, (24, 32, 3)).astype(np.uint16)
    return images.Picture(noise, icc=profile_for(12, 13), **fields)  # type: ignore[arg-type]


def test_a_folder_in_kind(weights: Path) -> None:
    Path("in").mkdir()
    images.write("in/a.heic", picture(heif=HeifCoding(bits=10, chroma="420")))
    images.write("in/b.avif", picture(heif=HeifCoding(bits=10)))
    images.write("in/c.jxl", picture())
    words = ("denoise", "in", "-o", "out", *SIGMA, "--weights", weights)
    done = cli(*words)
    assert (done.exit_code, done.stdout) == (0, "out/a.heic\nout/b.avif\nout/c.jxl\n"), done.stderr
    assert done.stderr == "note: 3 restored (of 3 pictures)\n"
    for name, bits in (("a.heic", 10), ("b.avif", 10), ("c.jxl", 16)):
        result = images.read(Path("out", name))
        assert (result.bits, stored_bits(Path("out", name).read_bytes())) == (16, bits)
        assert result.icc == profile_for(12, 13)
        told = cli("info", f"out/{name}")
        assert told.exit_code == 0 and "restore denoise" in told.stdout
    again = cli(*words)
    assert again.exit_code == 0
    assert "0 restored, 3 there already and kept" in again.stderr
    changed = cli("denoise", "in", "-o", "out", "--sigma", 15, "--weights", weights)
    assert changed.exit_code == 1 and "made with --sigma 25" in changed.stderr


def test_format_depth_and_quality(weights: Path) -> None:
    images.write("a.png", picture())
    for kind, words, told in (
        ("heic", ("--depth", 16), "16 bits a channel become 10"),
        ("avif", ("--depth", 8, "--quality", 50), "--depth 8: 16 bits a channel are rounded"),
        ("jxl", ("--depth", 16, "--quality", 80), ""),
    ):
        done = cli("denoise", "a.png", "--format", kind, *SIGMA, *words, "--weights", weights)
        assert (done.exit_code, done.stdout) == (0, f"a-denoised.{kind}\n"), done.stderr
        assert told in done.stderr
        assert images.read(f"a-denoised.{kind}").format == kind
        kept = cli("denoise", "a.png", "--format", kind, *SIGMA, *words, "--weights", weights)
        assert "is there already and was kept" in kept.stderr, kept.stderr


def test_masks_of_these_formats(weights: Path) -> None:
    images.write("a.png", picture())
    drawn = np.zeros((24, 32, 3), np.uint8)
    drawn[8:16, 8:16] = 255
    mask = images.Picture(drawn, gray=True)
    for kind in ("heic", "avif", "jxl"):
        images.write(f"m.{kind}", mask)
        assert images.read_mask(f"m.{kind}").lossy == (kind != "jxl")
        words = ("--mask", f"m.{kind}", "-o", f"{kind}.png", "--steps", 1, "--weights", weights)
        done = cli("inpaint", "a.png", *words)
        assert done.exit_code == 0, done.stderr
        same = images.read(f"{kind}.png").pixels == images.read("a.png").pixels
        assert same[:4].all()
        assert not same[9:15, 9:15].all()


def test_without_the_extras_they_are_named(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("in").mkdir()
    images.write("in/a.heic", picture())
    images.write("in/b.jxl", picture())
    images.write("in/c.png", picture())
    for name in ("pillow_heif", "pyjpegxl"):
        monkeypatch.setitem(sys.modules, name, None)
    done = cli("denoise", "in", "-o", "out", *SIGMA, "--weights", weights)
    assert (done.exit_code, done.stdout) == (1, "out/c.png\n")
    assert done.stderr == (
        "error: not read: 1 .heic, 1 .jxl; pip install 'restore-diffusion[heif,jxl]', or pass "
        "--ignore '*.heic' --ignore '*.jxl'\n"
    )
    one = cli("denoise", "in/a.heic", "-o", "x.png", *SIGMA, "--weights", weights, "--json")
    (fact,) = [json.loads(line) for line in one.stdout.splitlines()]
    assert fact["error"] == "in/a.heic: HEIC needs pillow-heif; pip install 'restore-diffusion[heif]'"
    named = cli("denoise", "in/c.png", "-o", "x.jxl", *SIGMA, "--weights", weights)
    assert named.stderr == "error: x.jxl: JPEG XL needs pyjpegxl; pip install 'restore-diffusion[jxl]'\n"


def test_other_formats_import_none_of_these_packages(weights: Path) -> None:
    """Nor does Pillow's AVIF come with a JPEG."""
    import subprocess

    images.write("a.png", picture())
    code = (
        "import sys\nfrom restore import images\n"
        "p = images.read('a.png')\n"
        "[images.write(f'b.{kind}', p) for kind in ('png', 'jpg', 'tif', 'webp', 'bmp')]\n"
        "print([m for m in ('pillow_heif', '_pillow_heif', 'pyjpegxl', 'imagecodecs') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
