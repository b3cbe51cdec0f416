"""What results are called: suffixes, formats, templates, and pictures of the same name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import cli
from PIL import Image

from restore import images
from restore.cli.job_plan import Plan, plan
from restore.cli.naming import Naming, numbers
from restore.errors import OutputError

pytestmark = pytest.mark.usefixtures("one_thread", "here")

FLAT = np.full((16, 20, 3), 120, np.uint8)


def named(inputs: list[str], output: str | None = None, *, samples: int = 1, **options: Any) -> list[str]:
    """Give the names of results."""
    options |= {"command": "denoise", "marks": numbers(samples), "seeds": tuple(range(7, 7 + samples))}
    return [str(job.target or "-") for job in planned(inputs, output, Naming("done", **options)).jobs]


def planned(inputs: list[str], output: str | None, naming: Naming) -> Plan:
    for name in inputs:
        if name != "-" and not Path(name).is_dir():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()
    return plan(inputs, output, naming)


@pytest.mark.parametrize(
    ("inputs", "output", "options", "expected"),
    [
        (["a.jpg"], None, {"suffix": "clean"}, ["a-clean.jpg"]),
        (["a.jpg"], None, {"suffix": "_clean"}, ["a_clean.jpg"]),
        (["a.jpg"], None, {"suffix": "-clean"}, ["a-clean.jpg"]),
        (["a.jpg"], "out/", {"suffix": "clean"}, ["out/a-clean.jpg"]),
        (["a.jpg"], "out/", {"suffix": ""}, ["out/a.jpg"]),
        (["a.jpg"], None, {"suffix": "", "format": "png"}, ["a.png"]),
        (["a.jpg"], None, {"format": "tiff"}, ["a-done.tiff"]),
        (["a.TIF", "b.jpeg"], None, {"format": "tiff"}, ["a-done.TIF", "b-done.tiff"]),
        (["a.jpg"], "b.JPEG", {"format": "jpg"}, ["b.JPEG"]),
        (["-"], None, {"format": "jpg"}, ["-"]),
        (["in/a.jpg"], None, {"template": "{stem}-clean{ext}"}, ["in/a-clean.jpg"]),
        (["in/a.jpg"], "out/", {"template": "{parent}-{name}.png"}, ["out/in-a.jpg.png"]),
        (["b.jpg", "a.jpg"], "out", {"template": "{number:03}{ext}"}, ["out/001.jpg", "out/002.jpg"]),
        (["a.jpg"], "out/", {"template": "{command}/{stem}{ext}"}, ["out/denoise/a.jpg"]),
        (["a.jpg"], None, {"template": "{{{stem}}}-{ending}{ext}"}, ["{a}-done.jpg"]),
        (["a.jpg"], None, {"template": "{stem}-{seed}{ext}", "samples": 2}, ["a-7.jpg", "a-8.jpg"]),
        (["a.jpg"], None, {"template": "{stem}{ext}", "samples": 2}, ["a-1.jpg", "a-2.jpg"]),
        (["a.jpg"], None, {"suffix": "x", "samples": 2}, ["a-x-1.jpg", "a-x-2.jpg"]),
        (["a.jpg"], None, {"template": "{stem}{ext}", "format": "png"}, ["a.png"]),
    ],
)
def test_the_names(inputs: list[str], output: str | None, options: dict[str, Any], expected: Any) -> None:
    assert named(inputs, output, **options) == expected


@pytest.mark.parametrize(
    ("inputs", "output", "options", "message"),
    [
        (["a.jpg"], None, {"suffix": ""}, "gives results the names of their pictures"),
        (["a.jpg"], "b.jpg", {"suffix": "c"}, "^-o b.jpg is the name of the result; leave out --suffix"),
        (["a.jpg"], "b.png", {"format": "jpg"}, "^-o b.png is no name for --format jpg; name it .jpg"),
        (["-"], None, {"template": "{stem}{ext}"}, "^standard output has no name; leave out --output-templ"),
        (["a.jpg"], "-", {"suffix": "c"}, "^standard output has no name; leave out --suffix"),
        (["a.jpg"], None, {"suffix": "a/b"}, "^--suffix 'a/b': expected a part of a name"),
        (["a.jpg"], None, {"suffix": "a", "template": "{stem}{ext}"}, "both say the name"),
        (["a.jpg"], None, {"template": "{stem.__class__}{ext}"}, r"\{stem.__class__\} is none of \{stem\}"),
        (["a.jpg"], None, {"template": "{stem[0]}{ext}"}, r"\{stem\[0\]\} is none of"),
        (["a.jpg"], None, {"template": "{}{ext}"}, r"\{\} is none of"),
        (["a.jpg"], None, {"template": "{stem!r}{ext}"}, "only {number} and {seed} take a width"),
        (["a.jpg"], None, {"template": "{number:{seed}}{ext}"}, "only {number} and {seed} take a width"),
        (["a.jpg"], None, {"template": "{number:99999}{ext}"}, "only {number} and {seed} take a width"),
        (["a.jpg"], None, {"template": "{stem:>9}{ext}"}, "only {number} and {seed} take a width"),
        (["a.jpg"], None, {"template": "{stem"}, "expected '}' before end of string"),
        (["a.jpg"], None, {"template": "../{stem}{ext}"}, "would leave the output folder"),
        (["a.jpg"], None, {"template": "a/../../{stem}{ext}"}, "would leave the output folder"),
        (["a.jpg"], None, {"template": "/tmp/{stem}{ext}"}, "starts from the root"),
        (["a.jpg"], None, {"template": "{stem}"}, "expected an ending of a picture"),
        (["a.jpg"], None, {"template": ""}, "expected a file name, got an empty one"),
        (["a.jpg"], None, {"template": "{stem}.jpg", "format": "png"}, "which is not --format png"),
        (["a.jpg", "b.jpg"], None, {"template": "same{ext}"}, "would both be written to same.jpg"),
    ],
)
def test_names_that_cannot_be(inputs: list[str], output: str | None, options: Any, message: str) -> None:
    with pytest.raises((ValueError, OutputError), match=message):
        named(inputs, output, **options)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["a/x.png", "b/x.png"], ["out/a/x.png", "out/b/x.png"]),
        (["b/x.png", "a/x.png"], ["out/b/x.png", "out/a/x.png"]),  # whatever the order
        (["a/x.png", "b/x.png", "b/y.png"], ["out/a/x.png", "out/b/x.png", "out/b/y.png"]),
        # One more changes the place of none of the others: of another name, and of the same.
        (["a/x.png", "b/x.png", "c/z.png"], ["out/a/x.png", "out/b/x.png", "out/z.png"]),
        (["a/x.png", "b/x.png", "c/x.png"], ["out/a/x.png", "out/b/x.png", "out/c/x.png"]),
        (["a/x.png", "b/x.png", "c/a/x.png"], ["out/a/x.png", "out/b/x.png", "out/c/a/x.png"]),
        (["x.png", "a/x.png"], ["out/x.png", "out/a/x.png"]),
        # Only where another folder of the same end comes, the one before it gets a longer name.
        (["1/a/x.png", "1/b/x.png"], ["out/a/x.png", "out/b/x.png"]),
        (["1/a/x.png", "1/b/x.png", "2/a/x.png"], ["out/1/a/x.png", "out/b/x.png", "out/2/a/x.png"]),
    ],
)
def test_pictures_of_the_same_name(inputs: list[str], expected: list[str]) -> None:
    assert named(inputs, "out") == expected


def test_folders_with_pictures_of_the_same_name() -> None:
    for name in ("2019/raw/x.png", "2019/raw/sub/y.png", "2020/raw/x.png", "2020/raw/z.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    found = planned(["2019/raw", "2020/raw"], "out", Naming("done"))
    assert [str(job.target) for job in found.jobs] == [
        "out/2019/raw/sub/y.png",
        "out/2019/raw/x.png",
        "out/2020/raw/x.png",
        "out/2020/raw/z.png",
    ]
    told = "pictures of the same name are told apart by their folders: out/2019/raw/sub/y.png, "
    assert found.notes == (told + "out/2020/raw/x.png",)
    assert named(["2019/raw"], "out") == ["out/sub/y.png", "out/x.png"]


SAVED = {"a/x.png": "out/a/x.png", "b/x.png": "out/b/x.png"}


def test_the_same_command_again_finds_the_same_names(weights: Path) -> None:
    for number, name in enumerate(SAVED):
        Path(name).parent.mkdir()
        Image.fromarray(FLAT + np.uint8(number)).save(name)
    command = ["denoise", *SAVED, "--sigma", 10, "--weights", weights, "-o", "out"]
    assert cli(*command).stdout.split() == list(SAVED.values())
    again = cli(*command)
    assert (again.exit_code, again.stdout) == (0, "")
    assert "2 there already and kept" in again.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--suffix", "clean"],
        ["--output-template", "{stem}+{number}{ext}"],
        ["--suffix", "", "--format", "tif"],
    ],
)
def test_a_glob_twice(options: list[str], weights: Path) -> None:
    """Results are left out by their records, and copies by their names."""
    Image.fromarray(FLAT).save("flat.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 20, 3), np.uint8)).save("noise.png")
    command = ["--strength", 0, "--weights", weights, *options]
    first = cli("denoise", "flat.png", "noise.png", *command)
    assert first.exit_code == 0
    again = cli("denoise", *sorted(map(str, Path().glob("[fn]*.*"))), *command)
    assert (again.exit_code, again.stdout) == (0, "")
    assert "are results of earlier runs and are left out" in again.stderr
    assert "2 there already and kept" in again.stderr


# ---------------------------------------------------------------------------------- depth and quality


def test_depth(weights: Path) -> None:
    deep = np.arange(16 * 20, dtype=np.uint16).reshape(16, 20) * 200
    Image.fromarray(deep).save("deep.png")
    Image.fromarray(FLAT).save("flat.png")
    Image.fromarray(FLAT[..., 0] > 100).save("bits.png")
    rest = ["--weights", weights, "--strength", 0, "-o", "out/"]
    done = cli("denoise", "deep.png", "--depth", 8, *rest)
    assert "note: out/deep.png: --depth 8: 16 bits a channel are rounded\n" in done.stderr
    assert np.array_equal(images.read("out/deep.png").pixels[..., 0], np.rint(deep / 257).astype(np.uint8))
    for name, bits, copied in (("flat.png", 16, False), ("bits.png", 8, False), ("flat.png", 8, True)):
        assert cli("denoise", name, "--depth", bits, *rest, "--overwrite").exit_code == 0
        found = images.read(f"out/{name}")
        assert found.bits == bits
        assert (Path("out", name).read_bytes() == Path(name).read_bytes()) == copied
        again = cli("denoise", name, "--depth", bits, *rest)
        assert (again.exit_code, "was kept" in again.stderr) == (0, True)
    assert cli("denoise", "flat.png", "--depth", 16, *rest).exit_code == 1  # a copy of 8 bits is there


def test_what_is_computed_between_levels_is_kept(weights: Path) -> None:
    noisy = (FLAT + np.random.default_rng(0).normal(0, 9, FLAT.shape)).astype(np.uint8)
    Image.fromarray(noisy).save("noisy.png")
    for bits in (8, 16):
        done = cli(
            "denoise", "noisy.png", "--sigma", 9, "--depth", bits, "--weights", weights, "-o", f"{bits}.png"
        )
        assert done.exit_code == 0
    low, high = (images.read(f"{bits}.png").pixels for bits in (8, 16))
    assert np.array_equal(np.rint(high / 257).astype(np.uint8), low)
    assert (high % 257 != 0).mean() > 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["a.jpg", "--depth", "16"],
            "a-denoised.jpg: --depth 16: JPEG holds 8 bits a channel, PNG, TIFF and JPEG XL hold",
        ),
        (["a.png", "--depth", "16", "--format", "webp"], "WebP holds 8 bits a channel"),
        (["a.png", "--depth", "12"], "12 is neither 8 nor 16"),
        (["a.png", "--quality", "80"], "--quality 80 is for JPEG, WebP, HEIC, AVIF and JPEG XL, PNG keeps"),
        (["a.jpg", "--quality", "0"], "0 is not in the range 1<=x<=100"),
        (["a.jpg", "--format", "psd"], "'psd' is not one of"),
    ],
)
def test_files_that_cannot_be(arguments: list[str], message: str) -> None:
    done = cli("denoise", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_quality(weights: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    Image.fromarray(noise).save("a.png")
    rest = ["--sigma", 1, "--weights", weights, "--overwrite"]
    for kind in ("jpg", "webp"):
        sizes = {}
        for quality in (10, 60, 100, None):
            asked = [] if quality is None else ["--quality", quality]
            assert cli("denoise", "a.png", "--format", kind, *asked, *rest).exit_code == 0
            sizes[quality] = Path(f"a-denoised.{kind}").stat().st_size
        assert sizes[10] < sizes[60] < sizes[100]
        assert sizes[60] < sizes[None]
    lossless = images.read("a-denoised.webp").pixels
    assert cli("denoise", "a.png", "-o", "b.png", *rest).exit_code == 0
    assert np.array_equal(images.read("b.png").pixels, lossless)
    with pytest.raises(ValueError, match="quality is for JPEG, WebP, HEIC, AVIF, JPEG XL; PNG has none"):
        images.encode(images.read("a.png"), "png", quality=90)


def test_depth_and_quality_in_a_folder_of_several_formats(weights: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    Path("in").mkdir()
    for name in ("a.jpg", "b.png"):
        Image.fromarray(noise).save(Path("in", name))
    rest = ["denoise", "in", "--sigma", 5, "--weights", weights, "-o"]
    Path("shared.toml").write_text("depth = 16\noutput-quality = 70\n[denoise]\n")
    Path("own.toml").write_text("[denoise]\ndepth = 16\noutput-quality = 70\n")
    for number, asked in enumerate(
        (["--quality", 70], *(["--config", f"{n}.toml"] for n in ("shared", "own")))
    ):
        for kept in (False, True):
            done = cli(*rest, f"out{number}", *asked)
            assert done.exit_code == 0
            assert ("2 there already and kept" in done.stderr) == kept
        photo, deep = (images.read(f"out{number}/{name}") for name in ("a.jpg", "b.png"))
        assert photo.coding is not None
        assert photo.coding.quality == 70
        assert deep.bits == (16 if number else 8)
        told = [cli("info", f"out{number}/{name}").stdout for name in ("a.jpg", "b.png")]
        assert ["--output-quality 70" in each for each in told] == [True, False]
        assert ["--depth 16" in each for each in told] == [False, number > 0]
    typed = cli(*rest, "deep", "--depth", 16)
    assert (typed.exit_code, "a.jpg: --depth 16: JPEG holds 8 bits" in typed.stderr) == (2, True)


def test_in_dejpeg_quality_is_that_of_the_input(weights: Path) -> None:
    Image.fromarray(FLAT).save("a.png")
    done = cli(
        "dejpeg", "a.png", "--quality", 30, "--output-quality", 70, "-o", "b.jpg", "--weights", weights
    )
    assert done.exit_code == 0
    coding = images.read("b.jpg").coding
    assert coding is not None
    assert coding.quality == 70
