"""Bad input on the command line: one clear line, exit 1 or 2, no output file, no traceback."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, NoReturn

import cv2
import numpy as np
import pytest
import tifffile
import torch
from command_photos import HOLE, PHOTO, H, W, columns, files, rows
from commands import cli
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from restore import images
from restore.tasks import denoise

pytestmark = pytest.mark.usefixtures("one_thread", "here")


def failure(*arguments: object) -> str:
    """The one line of a command that fails with exit 1 and writes nothing."""
    before = {name: Path(name).read_bytes() for name in files() if Path(name).is_file()}
    done = cli(*arguments)
    after = {name: Path(name).read_bytes() for name in files() if Path(name).is_file()}
    assert done.exit_code == 1
    assert done.stdout == ""
    assert after == before
    assert done.stderr.startswith("error: ") and done.stderr.endswith("\n")
    line = done.stderr.removeprefix("error: ").removesuffix("\n")
    assert "\n" not in line
    return line


def misuse(*arguments: object) -> str:
    """What a command says after its usage when it ends with exit 2 and writes nothing."""
    before = files()
    done = cli(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert files() == before
    usage, hint, empty, message = done.stderr.splitlines()
    assert usage.startswith(f"Usage: restore {arguments[0]} [OPTIONS]")
    assert hint.startswith(f"Try 'restore {arguments[0]} -") and empty == ""
    return message.removeprefix("Error: ")


INPAINT = ["inpaint", "photo.png", "--mask", "mask.png"]


# -------------------------------------------------------------------------------------------- pictures


def test_missing_files() -> None:
    assert failure("denoise", "no.png") == "no.png: no such file; check the name"
    assert failure("inpaint", "photo.png", "--mask", "no.png") == "no.png: no such file; check the name"


def test_no_picture() -> None:
    Path("notes.png").write_text("dear diary")
    kinds = "PNG, JPEG, TIFF, WebP, BMP, HEIC, AVIF or JPEG XL"
    expected = f"expected a {kinds} picture, got a file that starts with b'dear dia'; convert"
    assert failure("denoise", "notes.png").startswith(f"notes.png: {expected}")
    assert failure("inpaint", "photo.png", "--mask", "notes.png").startswith(f"notes.png: {expected}")


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_truncated_file(suffix: str) -> None:
    name = f"half.{suffix}"
    Image.fromarray(PHOTO).save(name)
    whole = Path(name).read_bytes()
    Path(name).write_bytes(whole[: len(whole) // 2])
    expected = f"{name}: expected a whole picture, got a damaged or truncated file ("
    assert failure("upscale", name, "--scale", 2).startswith(expected)
    assert failure("upscale", name, "--scale", 2, "--dry-run").startswith(expected)


def test_floats_that_are_no_picture(weights: Path) -> None:
    pixels = (PHOTO / 255).astype(np.float32)
    pixels[3, 5] = np.nan
    tifffile.imwrite("nan.tif", pixels, photometric="rgb")
    assert failure("denoise", "nan.tif") == (
        f"nan.tif: expected numbers, got NaN or infinity at 1 of {H * W} pixels, first at x=5, y=3; replace "
        "them first"
    )
    pixels[3, 5] = 1e6, 0, 0
    tifffile.imwrite("wide.tif", pixels, photometric="rgb")
    assert failure("denoise", "wide.tif", "--sigma", 9, "--weights", weights) == (
        "wide.tif: values lie 1e+06 times as far from black as white does, more than 16; pass --data-range "
        "LOW,HIGH, the values of black and white"
    )
    tifffile.imwrite("signed.tif", (PHOTO / 127.5 - 1).astype(np.float32), photometric="rgb")
    assert "signed.tif: the scale of a picture of floats from -1 to " in failure("denoise", "signed.tif")


def test_a_result_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 2_000_000)
    Image.fromarray(np.zeros((600, 500, 3), np.uint8)).save("large.png")
    assert failure("upscale", "large.png", "--scale", 4) == (
        "large.png: 2000x2400 (w x h) would be 5 megapixels, more than the 2 that can be written; crop it or "
        "lower --scale"
    )


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_not_enough_memory(error: Exception, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> NoReturn:
        raise error

    monkeypatch.setattr(denoise, "denoise", fails)
    arguments = ["denoise", "photo.png", "--sigma", 9, "--weights", weights]
    assert failure(*arguments) == "photo.png: not enough memory; lower --tile or crop it"
    error = RuntimeError("a bug")
    with pytest.raises(RuntimeError, match="a bug"):
        cli(*arguments)


def test_no_inputs() -> None:
    Path("in").mkdir()
    assert failure("denoise", "in") == (
        "in: expected a folder with pictures "
        "(.png .jpg .jpeg .tif .tiff .webp .bmp .heic .avif .jxl), got none"
    )
    assert misuse("denoise") == "Missing argument 'INPUT...'."


# ----------------------------------------------------------------------------------------------- masks


MEANS: dict[str, list[str]] = {"fill": [], "keep": ["--invert-mask"]}


def save_mask(values: Any) -> None:
    Image.fromarray((np.asarray(values) * 255).astype(np.uint8)).save("mask.png")


def test_a_mask_of_another_size() -> None:
    save_mask(np.zeros((10, 20)))
    for more in ((), ("--dry-run",), ("--fit-mask",)):
        assert failure(*INPAINT, *more) == (
            "mask.png is 20x10 but photo.png is 37x31 (w x h), which is another shape; crop the mask as the "
            "picture was cropped"
        )
    line = failure("vary", "photo.png", "--mask", "mask.png")
    assert line == "mask.png is 20x10 but photo.png is 37x31 (w x h); resize the mask"


@pytest.mark.parametrize(("command", "verb"), [("inpaint", "fill"), ("vary", "vary")])
def test_an_empty_mask(command: str, verb: str) -> None:
    for level, seen in ((0, "it is black"), (100 / 255, "its largest value is 100 of 255")):
        save_mask(HOLE * level)
        assert failure(command, "photo.png", "--mask", "mask.png") == (
            f"mask.png: nothing in it is white: {seen}, so there is nothing to {verb}; "
            f"paint what to {verb} white on black"
        )


def test_a_mask_that_keeps_all() -> None:
    save_mask(HOLE * 0 + 1)
    assert failure(*INPAINT, "--invert-mask") == (
        "mask.png: all of it is white, which is kept, so there is nothing to fill; "
        "paint what to keep white on black"
    )


def test_a_full_mask() -> None:
    for means, options in MEANS.items():
        save_mask(HOLE * 0 + (means == "fill"))
        assert failure(*INPAINT, *options) == (
            "mask.png: the hole is the whole picture, nothing is left to fill it from; "
            f"paint what to {means} white on black"
        )


def test_a_hole_of_nearly_all() -> None:
    known = np.zeros((H, W))
    known[:7, :8] = 1  # 4.9 %
    for means, turn, mask in (("fill", "pass", 1 - known), ("keep", "leave out", known)):
        save_mask(mask)
        assert failure(*INPAINT, *MEANS[means]) == (
            "mask.png: the hole is 95.1% of the picture, too little is left to fill it from; "
            f"paint what to {means} white on black, or {turn} --invert-mask"
        )
    known[7, :2] = 1
    save_mask(1 - known)
    assert cli(*INPAINT, "--dry-run").exit_code == 0


DRAWN: dict[str, tuple[NDArray[Any], str]] = {
    "the photo itself": (PHOTO, "is the photograph itself, with nothing painted on it and nothing erased"),
    "gray photo": (PHOTO[..., 0], "looks like a photograph: 100% of it is neither black nor white"),
    "another photo": (255 - PHOTO, "looks like a photograph: 100% of it is neither black nor white"),
    "red and blue on the photo": (
        np.where(HOLE[..., None], np.where(columns[..., None] < 18, (255, 0, 0), (0, 0, 255)), PHOTO),
        "is the photograph, changed at 10.5% of it, but not by strokes of one colour",
    ),
    "red and blue on black": (
        HOLE[..., None] * np.where(columns[..., None] < 18, (255, 0, 0), (0, 0, 255)), "has colours, red ",
    ),
    "red and white on black": (
        np.where(HOLE[..., None], (255, 0, 0), np.where(rows[..., None] > 25, 255, 0)), "has colours, red ",
    ),
    "ramp": (np.linspace(0, 255, W)[None].repeat(H, axis=0), "looks like a photograph: 84% of it is neither"),
}  # fmt: skip


@pytest.mark.parametrize("drawn", DRAWN)
@pytest.mark.parametrize(
    ("command", "more"), [("inpaint", ", or name the colour that is meant with --mask-colour"), ("vary", "")]
)
def test_what_cannot_be_meant_as_a_mask(command: str, more: str, drawn: str) -> None:
    values, seen = DRAWN[drawn]
    Image.fromarray(values.astype(np.uint8)).save("mask.png")
    line = failure(command, "photo.png", "--mask", "mask.png")
    assert line.startswith(f"mask.png {seen}")
    assert line.endswith(f"; paint what is meant white on black{more}")


@pytest.mark.parametrize("command", ["inpaint", "vary"])
def test_a_very_soft_mask(command: str) -> None:
    rows, columns = np.mgrid[:H, :W]
    soft = np.clip(1.3 - np.hypot(rows - H / 2, columns - W / 2) / (0.45 * min(H, W)), 0, 1)
    soft[: H // 5] = 0
    save_mask(soft)
    assert (soft >= 0.94).mean() > 0.05 and ((soft > 0.07) & (soft < 0.93)).mean() > 0.4
    line = failure(command, "photo.png", "--mask", "mask.png")
    assert line.startswith("mask.png is a very soft mask: ") and line.endswith("; harden its edge")


@pytest.mark.parametrize(("values", "seen"), [
    (HOLE.astype(np.uint16) * 255, "255 of 65535 (write it with 8 bits, or multiply it by 257)"),
    (HOLE.astype(np.uint8) * 2, "2 of 255 (if these are labels, write those that are meant as 255)"),
    (HOLE.astype(np.uint16) * 30_000, "30000 of 65535"),
    (HOLE.astype(np.float32) * 0.25, "0.25 of 1"),
])  # fmt: skip
def test_a_mask_without_white_is_told_of_in_its_own_numbers(values: np.ndarray, seen: str) -> None:
    tifffile.imwrite("mask.tif", values, photometric="minisblack")
    line = failure("inpaint", "photo.png", "--mask", "mask.tif")
    assert line.startswith(f"mask.tif: nothing in it is white: its largest value is {seen}, so there is noth")


@pytest.mark.parametrize("colour", [(255, 0, 255), (0, 0, 0), (200, 30, 10)])
def test_a_mask_on_a_clear_layer_with_black_under_it(colour: tuple[int, ...]) -> None:
    soft = cv2.GaussianBlur(HOLE.astype(np.float32), (0, 0), 0.8)
    alpha = np.rint(255 * soft).astype(np.uint8)
    # As programs that keep colours multiplied by alpha write it.
    multiplied = np.rint(np.array(colour) * (alpha[..., None] / 255))
    colours = np.where(alpha[..., None] > 0, np.rint(multiplied * 255 / np.maximum(alpha, 1)[..., None]), 0)
    Image.fromarray(np.dstack([colours, alpha]).astype(np.uint8)).save("mask.png")
    np.testing.assert_array_equal(images.read_mask("mask.png").white, alpha >= 128)


def test_letters_with_coloured_edges_are_drawn_in_white_and_thin_strokes_of_colour_in_it() -> None:
    """Programs draw letters with a third of a pixel for each channel."""
    wide = np.zeros((60, 3 * 160), np.uint8)
    cv2.putText(wide, "Restore", (10, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 3, cv2.LINE_AA)
    wide = cv2.blur(cv2.resize(wide, (480, 60)), (5, 1))
    letters = wide.reshape(60, 160, 3)
    Image.fromarray(letters).save("mask.png")
    white = images.read_mask("mask.png").white
    np.testing.assert_array_equal(white, letters.mean(axis=2, dtype=np.float32) / 255 >= 0.5)
    stroke = np.zeros((60, 160, 3), np.uint8)
    cv2.line(stroke, (5, 5), (150, 50), (255, 0, 0), 2)
    Image.fromarray(stroke).save("mask.png")
    mask = images.read_mask("mask.png")
    assert (mask.kind, mask.colour) == ("colour", "red")
    np.testing.assert_array_equal(mask.white, stroke[..., 0] > 0)


def test_a_mask_that_looks_inverted(weights: Path) -> None:
    save_mask(~HOLE)
    share = f"{(~HOLE).mean():.0%}"
    done = cli(*INPAINT, "--dry-run")
    assert (done.exit_code, done.stderr) == (
        0,
        f"note: mask.png: the hole is {share} of the picture and 100% of its border, which looks inverted; "
        "if it is, pass --invert-mask\n",
    )
    assert cli(*INPAINT, "--dry-run", "--invert-mask").stderr == ""
    # Half of the picture is no sign of anything, nor is a large hole inside a frame that is kept.
    for hole in (np.arange(W) < W // 2, np.pad(np.ones((H - 2, W - 2)), 1)):
        save_mask(np.broadcast_to(hole, (H, W)))
        assert cli(*INPAINT, "--dry-run").stderr == ""


def test_a_mask_with_a_soft_edge(weights: Path) -> None:
    soft = cv2.GaussianBlur(HOLE.astype(np.float32), (0, 0), 1.5)
    for means, half, mask in (("fill", "white", soft), ("keep", "black", 1 - soft)):
        save_mask(mask)
        levels = np.asarray(Image.open("mask.png")) / 255
        levels = levels if means == "fill" else 1 - levels
        done = cli(*INPAINT, *MEANS[means], "--steps", 1, "--weights", weights, "-o", f"{means}.png")
        assert done.exit_code == 0
        assert done.stderr.endswith(
            "% of the mask is neither black nor white (a JPEG, or a soft brush); the hole is what is "
            f"{half} and the soft edge around it, {(levels > 2.5 / 255).mean():.0%} of the picture\n"
        )
        result = images.read(f"{means}.png").pixels
        changed = (result != PHOTO).any(2)
        assert not changed[levels < 2.5 / 255].any()
        rim = (levels > 2.5 / 255) & (levels < 0.5)
        assert rim.sum() > 150
        assert changed[rim].mean() > 0.9
    Image.fromarray(HOLE).convert("L").save("mask.jpg", quality=95)
    assert cli("inpaint", "photo.png", "--mask", "mask.jpg", "--dry-run").stderr == ""


def test_masks_of_two_tones_and_letters_drawn_for_a_screen() -> None:
    """Television levels, a photographed mask, and colours at the edges of letters are meant as masks."""
    noise = np.random.default_rng(0).normal(0, 5, HOLE.shape)
    fringed = HOLE[..., None].repeat(3, axis=2) * 255
    fringed[9:14, 6] = (255, 160, 40)
    for mask in (np.where(HOLE, 235, 16), np.where(HOLE, 225, 30) + noise, fringed):
        Image.fromarray(mask.astype(np.uint8)).save("mask.png")
        assert cli(*INPAINT, "--dry-run").exit_code == 0


# --------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["upscale", "photo.png"],
            "pass one of --scale, --width, --height (or these two) and --max-side, got none of them",
        ),
        (
            ["upscale", "photo.png", "--scale", "0.9"],
            "'--scale': 0.9 would reduce the picture; upscale enlarges, 1 to 8 times",
        ),
        (["upscale", "photo.png", "--scale", "9"], "'--scale': 9.0 is not in the range 1.0<=x<=8.0."),
        (["upscale", "photo.png", "--scale", "nan"], "'--scale': nan is not a number"),
        (["upscale", "photo.png", "--scale", "inf"], "'--scale': inf is not in the range 1.0<=x<=8.0."),
        (
            ["upscale", "photo.png", "--scale", "two"],
            "'--scale': 'two' is not a number in the range 1.0<=x<=8.0.",
        ),
        (["denoise", "photo.png", "--sigma", "-1"], "'--sigma': -1.0 is not in the range 0<=x<=255."),
        (["denoise", "photo.png", "--sigma", "256"], "'--sigma': 256.0 is not in the range 0<=x<=255."),
        (["denoise", "photo.png", "--sigma", "nan"], "'--sigma': nan is not a number"),
        (["denoise", "photo.png", "--seed", "-1"], "'--seed': -1 is not in the range 0<=x<=4294967295."),
        ([*INPAINT, "--steps", "0"], "'--steps': 0 is not in the range 1<=x<=1000."),
        ([*INPAINT, "--steps", "1001"], "'--steps': 1001 is not in the range 1<=x<=1000."),
        (
            [*INPAINT, "--method", "magic"],
            "'--method': 'magic' is not one of 'auto', 'alternating', 'conditional', 'repaint', "
            "'exemplar', 'splitting-ddnm', 'splitting', 'ddnm', 'ddnm-plus', 'diffpir', 'pigdm', 'dps', "
            "'ddrm'.",
        ),
        ([*INPAINT, "--estimate", "both"], "'--estimate': 'both' is not one of 'sample', 'mean'."),
        (
            ["inpaint", "photo.png"],
            "expected --mask FILE or --masks DIR, got neither; a picture that was erased in parts is its own "
            "mask: --mask photo.png",
        ),
        (
            [*INPAINT, "--masks", "masks"],
            "--mask is one mask for all pictures, --masks has one for each; pass one of them",
        ),
        (
            ["inpaint", "-", "--mask", "-"],
            "- (standard input) cannot be the picture and the mask; name a file for one of them",
        ),
        (
            ["inpaint", "-", "--masks", "."],
            "- (standard input) has no name to find a mask by; pass --mask FILE",
        ),
        (
            [*INPAINT, "--mask-color", "reddish"],
            "'--mask-colour' / '--mask-color': expected a colour, such as red or #ff8800, got 'reddish'",
        ),
        (
            [*INPAINT, "--method", "splitting"],
            "--method splitting cannot give --estimate sample; pass another estimate, or --method "
            "auto or alternating or conditional or repaint or exemplar or splitting-ddnm or ddnm or "
            "ddnm-plus or diffpir or pigdm or dps or ddrm",
        ),
        (
            [*INPAINT, "--method", "repaint", "--estimate", "mean"],
            "--method repaint cannot give --estimate mean; pass another estimate, or --method auto or "
            "alternating or conditional or exemplar or splitting",
        ),
        (
            [*INPAINT, "--jump-length", "3"],
            "--jump-length and --jump-repeats need --method repaint, got auto",
        ),
        (
            [*INPAINT, "--method", "repaint", "--steps", "10"],
            "--method repaint jumps back by 10 steps and takes more than that in all, got 10; pass more "
            "--steps",
        ),
        (
            [*INPAINT, "--method", "repaint", "--jump-length", "250"],
            "--method repaint jumps back by 250 steps and takes more than that in all, got 250; pass more "
            "--steps",
        ),
        (
            ["denoise", "photo.png", "--steps", "5"],
            "--steps has no effect with --method auto --estimate mean, which takes no steps; leave "
            "it out",
        ),
        *(
            (
                [*words, "--estimate", "mean", "--sampler", "ddim"],
                "--sampler draws a sample; it has no effect with --estimate mean; leave it out",
            )
            for words in (INPAINT, ["denoise", "photo.png"], ["upscale", "photo.png", "--scale", "2"])
        ),
        (
            [*INPAINT, "--method", "repaint", "--sampler", "langevin"],
            "--sampler langevin cannot climb, as --method repaint does; pass another one",
        ),
        (
            [*INPAINT, "--sampler", "euler"],
            "'--sampler': 'euler' is not one of 'ddim', 'ddpm', 'heun', 'dpmpp-2m', "
            "'dpmpp-2m-sde', 'langevin'.",
        ),
        (["denoise", "photo.png", "--tile", "63"], "'--tile': 63 is not in the range x>=64."),
        (["sample", "-o", "out", "--tile", "x"], "'--tile': 'x' is not a whole number in the range x>=64."),
        (["denoise", ".", "-r"], "No such option '-r'."),
        (
            ["denoise", "photo.png", "--device", "gpu"],
            "'--device': 'gpu' is not one of auto, cpu, cuda, cuda:N, mps",
        ),
        (
            ["denoise", "photo.png", "--precision", "int8"],
            "'--precision': 'int8' is not one of 'auto', 'bf16', 'fp32'.",
        ),
        (
            ["denoise", "photo.png", "mask.png", "-o", "out.png"],
            "-o out.png is a file name, but many inputs need a folder; choose another",
        ),
        (["sample"], "Missing option '-o' / '--output'."),
        (["sample", "-o", "out", "-n", "0"], "'-n' / '--count': 0 is not in the range 1<=x<=1000."),
        *(
            (
                ["sample", "-o", "out", "--size", size],
                f"'--size': {size!r} is no size from 8 to 4096 pixels, such as 128x192 (w x h)",
            )
            for size in ("7", "4097", "64x", "64x64x3", "1e3", "-64")
        ),
        (["denoise", "photo.png", "--pqx", "2"], "No such option '--pqx'."),
        (["denoise", "photo.png", "--strength", "2"], "'--strength': 2.0 is not in the range 0<=x<=1."),
        (["denoise", "photo.png", "--chroma", "-0.5"], "'--chroma': -0.5 is not in the range 0<=x<=1."),
        (
            ["denoise", "photo.png", "--page", "--method", "blind"],
            "--page is a method of its own; leave out --method blind",
        ),
        (
            ["denoise", "photo.png", "--page", "--sigma", "5"],
            "--sigma has no effect with --page; leave it out",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_wrong_usage(arguments: list[str], message: str) -> None:
    said = misuse(*arguments)
    assert said.removeprefix("Invalid value for ") == message


def test_a_device_that_is_not_there(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["denoise", "photo.png", "--sigma", 9, "--weights", weights, "--device"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    expected = (
        f"torch {torch.__version__} finds {{}} usable CUDA cards here; pass --device cpu, or check the "
    )
    expected += "driver with nvidia-smi"
    assert failure(*arguments, "cuda") == f"--device cuda: {expected.format(0)}"
    assert failure(*arguments, "mps") == (
        "--device mps: this is no Mac with a usable graphics processor; pass --device cpu"
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert failure(*arguments, "cuda:1") == f"--device cuda:1: {expected.format(1)}"


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("step = 3", "unknown key step; perhaps steps is meant"),
        ("zzz = 3", "unknown key zzz; restore --help and restore config --all list all"),
        ("config = 'a'", "unknown key config; "),
        ("[denose]\nsteps = 3", "[denose] is no command; perhaps denoise is meant"),
        ("[zzz]\nsteps = 3", "[zzz] is no command; expected one of colorize, convert, "),
        (
            "[train]\nsteps = 3",
            "[train] has no effect, its settings are in its own CONFIG; leave the table out",
        ),
        ("[denoise]\nscale = 3", "[denoise] has no option scale; "),
        ("[denoise]\nstep = 3", "[denoise] has no option step; perhaps steps is meant"),
        ("[denoise]\nsteps = '3'", "[denoise] steps must be an integer, got '3'"),
        ("[denoise]\nsteps = {a = 1}", "[denoise] steps must be an integer, got {'a': 1}"),
        ("steps = {a = 1}", "[steps] is no command; "),
        ("minutes = 3\n[denoise]", "minutes is not for all commands; put it into a table, as [fit]"),
        ("stepz = 3\n[denoise]", "unknown key stepz; perhaps steps is meant"),
        ("steps = '3'", "steps must be an integer, got '3'"),
        ("steps = true", "steps must be an integer, got True"),
        ("steps = 0", "steps: 0 is not in the range 1<=x<=1000"),
        ("sigma = 'high'", "sigma must be a number, got 'high'"),
        ("sigma = nan", "sigma: nan is not a number"),
        ("tile = 63", "tile: 63 is not in the range x>=64"),
        ("quiet = 1", "quiet must be true or false, got 1"),
        ("method = 'magic'", "method: 'magic' is not one of 'auto', 'gaussian', 'blind'"),
        ("weights = 3", "weights must be a string, got 3"),
        ("device = 'gpu'", "device: 'gpu' is not one of auto, cpu, cuda, cuda:N, mps"),
        ("[denoise]\ndry-run = true\ndry_run = true", "[denoise] dry_run is there twice, with - and with _"),
        ("dry-run = true\ndry_run = true", "dry_run is there twice, with - and with _; keep one"),
        ("steps = ", "not valid TOML: "),
        ("\xff", "not valid TOML: "),
        ("a = 1\n" * 200_000, "not valid TOML: it is larger than 1000000 bytes"),
    ],
)
def test_a_wrong_config(toml: str, message: str) -> None:
    Path("my.toml").write_bytes(toml.encode("latin-1"))
    assert failure("denoise", "photo.png", "--config", "my.toml").startswith(f"my.toml: {message}")


def test_a_config_that_is_not_there() -> None:
    assert failure("denoise", "photo.png", "--config", "my.toml") == (
        "my.toml: cannot read the configuration file (No such file or directory)"
    )
    assert failure("train", "my.toml").startswith("my.toml: cannot read the configuration (No such file")


# --------------------------------------------------------------------------------------------- weights


def test_weights_that_cannot_be_used(weights: Path) -> None:
    arguments = ["denoise", "photo.png", "--sigma", 9, "--weights"]
    assert failure(*arguments, "no.safetensors") == "no.safetensors: no such weights file"
    damaged = bytearray(weights.read_bytes())
    damaged[-5] ^= 1
    Path("damaged.safetensors").write_bytes(damaged)
    assert failure(*arguments, "damaged.safetensors").startswith(
        "damaged.safetensors: damaged: its contents hash to "
    )
    Path("half.safetensors").write_bytes(damaged[: len(damaged) // 2])
    assert failure(*arguments, "half.safetensors").startswith(
        "half.safetensors: damaged, or not a safetensors file ("
    )
    torch.save({"weight": torch.zeros(3)}, "pickled.pt")
    assert failure(*arguments, "pickled.pt").startswith("pickled.pt: damaged, or not a safetensors file (")
    save_file({"weight": torch.zeros(3)}, "foreign.safetensors")
    assert failure(*arguments, "foreign.safetensors").startswith(
        "foreign.safetensors: expected a checkpoint of format restore-backbone-1, got none named"
    )


def test_unusable_weights_end_a_folder_at_once(weights: Path) -> None:
    Path("in").mkdir()
    for k in range(3):
        Image.fromarray(PHOTO[:8, :9]).save(f"in/{k}.png")
    done = cli("denoise", "in", "-o", "out", "--sigma", 9, "--weights", "no.safetensors")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "error: no.safetensors: no such weights file\n"
    assert not Path("out").exists()


# --------------------------------------------------------------------------------------------- outputs


def test_the_output_is_the_input_or_the_mask(weights: Path) -> None:
    itself = (
        "the output is the input photo.png itself; choose another name, or pass --overwrite to replace it"
    )
    assert failure("denoise", "photo.png", "-o", "photo.png") == f"photo.png: {itself}"
    Path("link.png").symlink_to("photo.png")
    assert failure("denoise", "photo.png", "-o", "link.png") == f"link.png: {itself}"
    Path("hard.png").hardlink_to("photo.png")
    assert failure("denoise", "photo.png", "-o", "hard.png") == f"hard.png: {itself}"
    assert failure(*INPAINT, "-o", "mask.png", "--overwrite") == (
        "mask.png: the output of photo.png would replace mask.png, which is read too; choose another name or "
        "folder"
    )
    done = cli("denoise", "photo.png", "-o", "photo.png", "--overwrite", "--sigma", 9, "--weights", weights)
    assert (done.exit_code, done.stdout) == (0, "photo.png\n")
    assert not np.array_equal(images.read("photo.png").pixels, PHOTO)


def test_outputs_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    assert failure("denoise", "photo.png", "-o", "no/out.png") == (
        "no: the output folder does not exist; create it first"
    )
    for name, got, more in (("out.psd", "'.psd'", ""), ("out", "none", ", or end -o in / for a folder")):
        assert failure("denoise", "photo.png", "-o", name) == (
            f"{name}: expected a suffix out of .png .jpg .jpeg .tif .tiff .webp .bmp .heic .avif .jxl, "
            f"got {got}; rename it{more}"
        )
    Path("other").mkdir()
    Image.fromarray(PHOTO).save("photo.bmp")
    assert failure("denoise", "photo.png", "photo.bmp", "-o", "out", "--format", "png") == (
        "photo.png and photo.bmp would both be written to out/photo.png; rename one, or choose another "
        "folder for it"
    )
    # The mode alone would not stop a test that runs as root.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "other")
    assert failure("denoise", "photo.png", "-o", "other/new.png") == (
        "other: no permission to write in this folder; choose another one"
    )


def no_space(*_: object) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_no_space_left(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(PHOTO).save("second.png")
    monkeypatch.setattr(os, "fsync", no_space)
    options = ["--sigma", 9, "--weights", weights]
    full = "cannot write (No space left on device); free some space or write elsewhere"
    assert failure("denoise", "photo.png", *options) == f"photo-denoised.png: {full}"
    Path("out").mkdir()
    done = cli("denoise", "photo.png", "second.png", "-o", "out", "--jobs", 1, *options)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: out/photo.png: {full}\nerror: 0 restored, 1 failed, 1 not tried (of 2 pictures)\n"
    )
    assert files("out") == []
    assert cli("sample", "-o", "drawn", "--size", 8, "--steps", 1, "--weights", weights).stderr == (
        f"error: drawn/sample-000.png: {full}\n"
    )
    assert files("drawn") == []
