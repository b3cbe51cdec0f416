"""Masks on the command line: what is recognised and said, other sizes, standard input, folders of masks."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from command_photos import ALPHA, HOLE, PHOTO, H, W, columns, files
from commands import cli
from numpy.typing import NDArray
from PIL import Image

from restore import images

pytestmark = pytest.mark.usefixtures("one_thread", "here")

DRY = ["inpaint", "photo.png", "--dry-run"]
RED = np.where(HOLE[..., None], (255, 0, 0), PHOTO).astype(np.uint8)
SHARE = "10% of the picture"


def save(values: Any, name: str, **options: Any) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values)).save(name, **options)


def hole_of(done: Any) -> NDArray[np.bool_]:
    """What a command has filled of the photo."""
    assert (done.exit_code, done.stdout) == (0, "out.png\n"), done.stderr
    changed: NDArray[np.bool_] = (images.read("out.png").pixels != PHOTO).any(axis=2)
    return changed


RECOGNISED: dict[str, tuple[Any, list[str], str, dict[str, str]]] = {
    "red over the photo": (
        RED, [], "the mask is the photograph with red strokes; the hole is what they cover",
        {"kind": "strokes", "colour": "red"},
    ),
    "white over the photo": (
        np.where(HOLE[..., None], 255, PHOTO), [],
        "the mask is the photograph with white strokes; the hole is what they cover",
        {"kind": "strokes", "colour": "white"},
    ),
    "erased": (
        np.dstack([PHOTO, np.where(HOLE, 0, 255)]), [],
        "the mask is a picture with clear parts; the hole is what is clear", {"kind": "erased"},
    ),
    "painted layer": (
        np.dstack([PHOTO * 0 + 90, HOLE * 255]), [],
        "the mask is strokes on a clear layer; the hole is what is painted", {"kind": "layer"},
    ),
    "magenta on dark gray": (
        np.where(HOLE[..., None], (255, 0, 255), 9), [],
        "the mask is magenta on black; the hole is what is magenta", {"kind": "colour", "colour": "magenta"},
    ),
    "blue on white": (
        np.where(HOLE[..., None], (0, 0, 255), 255), ["--mask-color", "blue"],
        "the mask is blue on white; the hole is what is blue", {"kind": "colour", "colour": "blue"},
    ),
    "red over another photo": (
        np.where(HOLE[..., None], (255, 0, 0), 255 - PHOTO), ["--mask-colour", "red"],
        "the mask is a picture with red in it; the hole is what is red", {"kind": "colour", "colour": "red"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("drawn", RECOGNISED)
def test_what_is_recognised_is_said_in_one_line(drawn: str, weights: Path) -> None:
    values, options, told, facts = RECOGNISED[drawn]
    save(values.astype(np.uint8), "mask.png")
    words = ["inpaint", "photo.png", "--mask", "mask.png", *options, "--weights", weights, "--steps", 1]
    done = cli(*words, "-o", "out.png")
    assert done.stderr == f"note: mask.png: {told}, {SHARE}\n"
    assert (hole_of(done) == HOLE).mean() > 0.99
    done = cli(*words, "--dry-run", "--json")
    about = json.loads(done.stdout)
    assert about["mask"] == {"file": "mask.png", **facts}
    assert about["hole_share"] == pytest.approx(HOLE.mean(), abs=1e-3)
    done = cli(*words, "-o", "out.png", "--invert-mask", "--overwrite")
    assert (hole_of(done) == ~HOLE).mean() > 0.97


@pytest.mark.parametrize("kind", ["png gray alpha", "png 16 rgba", "tif rgba"])
def test_a_picture_that_was_erased_in_parts_is_its_own_mask(kind: str, weights: Path) -> None:
    """What was clear is opaque where it is filled, and so is the soft edge of the eraser."""
    clear = np.where(HOLE, 0, 255).astype(np.uint8)
    clear[8, 6:30] = 100
    clear[20, 3] = 180  # half clear, elsewhere
    name = f"erased.{kind.partition(' ')[0]}"
    match kind:
        case "png gray alpha":
            save(np.dstack([PHOTO[..., 0], clear]), name)
        case "png 16 rgba":
            deep = np.dstack([PHOTO, clear]).astype(np.uint16) * 257
            Path(name).write_bytes(images.encode(images.Picture(deep[..., :3], alpha=deep[..., 3]), "png"))
        case _:
            tifffile.imwrite(name, np.dstack([PHOTO, clear]), photometric="rgb", extrasamples=["unassalpha"])
    done = cli("inpaint", name, "--mask", name, "--weights", weights, "--steps", 1, "-o", f"out-{name}")
    assert done.exit_code == 0
    first, second = done.stderr.splitlines()
    assert first.startswith(
        f"note: {name}: the mask is the picture itself; the hole is what is clear in it, "
    )
    assert second == (
        f"note: {name}: {HOLE.sum()} pixels of the hole were clear; they are opaque in the result"
    )
    before, after = images.read(name), images.read(f"out-{name}")
    assert after.alpha is not None and before.alpha is not None
    top = images.TOP[after.alpha.dtype.name]
    assert (after.alpha[HOLE] == top).all() and (after.alpha[8, 6:30] == top).all()
    rest = ~HOLE & (np.arange(H)[:, None] != 8)
    np.testing.assert_array_equal(after.alpha[rest], before.alpha[rest])
    np.testing.assert_array_equal(after.pixels[rest], before.pixels[rest])


def test_alpha_stays_where_no_clear_pixel_is_filled(weights: Path) -> None:
    save(np.dstack([PHOTO, (ALPHA >> 8).astype(np.uint8)]), "soft.png")  # clear in column 0
    words = ["inpaint", "soft.png", "--mask", "mask.png", "--weights", weights, "--steps", 1, "-o", "out.png"]
    assert cli(*words).stderr == ""
    np.testing.assert_array_equal(images.read("out.png").alpha, (ALPHA >> 8).astype(np.uint8))


def test_a_mask_of_another_size_is_fitted_if_that_is_asked_for(weights: Path) -> None:
    large = np.kron(HOLE, np.ones((3, 3), bool))
    save(large, "mask.png")
    done = cli(*DRY, "--mask", "mask.png")
    assert done.stderr == (
        "error: mask.png is 111x93 but photo.png is 37x31 (w x h); pass --fit-mask to scale it, or resize "
        "the mask\n"
    )
    words = ["inpaint", "photo.png", "--fit-mask", "--weights", weights, "--steps", 1, "-o", "out.png"]
    done = cli(*words, "--mask", "mask.png")
    assert done.stderr == "note: mask.png is 111x93 but photo.png is 37x31 (w x h); the mask is scaled\n"
    assert (hole_of(done) == HOLE).mean() > 0.99
    save(np.kron(RED, np.ones((3, 3, 1), np.uint8)), "red.png")
    done = cli(*words, "--mask", "red.png", "--overwrite")
    assert "the mask is the photograph with red strokes" in done.stderr
    assert (hole_of(done) == HOLE).mean() > 0.98


def test_a_mask_from_before_the_picture_was_turned(weights: Path) -> None:
    """A camera held upright stores its picture lying; a program that ignores EXIF paints on that."""
    exif = Image.Exif()
    for turn in (5, 6, 7, 8):
        lying = {5: 0, 6: 1, 7: 2, 8: 3}[turn]
        stored = np.rot90(PHOTO, lying) if turn in (6, 8) else PHOTO
        stored = {5: PHOTO.swapaxes(0, 1), 7: PHOTO[::-1, ::-1].swapaxes(0, 1)}.get(turn, stored)
        hole = np.rot90(HOLE, lying) if turn in (6, 8) else HOLE
        hole = {5: HOLE.T, 7: HOLE[::-1, ::-1].T}.get(turn, hole)
        exif[0x112] = turn
        save(np.ascontiguousarray(stored), "turned.png", exif=exif)
        save(np.ascontiguousarray(hole), "lying.png")
        np.testing.assert_array_equal(images.read("turned.png").pixels, PHOTO)
        words = ["inpaint", "turned.png", "--mask", "lying.png", "--weights", weights, "--steps", 1]
        assert "pass --fit-mask to turn it as the picture was turned" in cli(*words, "--dry-run").stderr
        done = cli(*words, "-o", "out.png", "--fit-mask", "--overwrite")
        assert done.stderr == (
            "note: lying.png is 31x37 but turned.png is 37x31 (w x h); the mask is turned\n"
        )
        np.testing.assert_array_equal(hole_of(done), HOLE)
    line = cli(*DRY, "--mask", "lying.png", "--fit-mask").stderr
    assert line == (
        "error: lying.png is 31x37 but photo.png is 37x31 (w x h); turn the mask as the picture is\n"
    )


def test_a_mask_whose_size_does_not_tell_how_it_was_turned(weights: Path) -> None:
    """Upside down pictures have masks of one size before and after; so have square ones."""
    exif = Image.Exif()
    exif[0x112] = 3
    save(np.ascontiguousarray(PHOTO[::-1, ::-1]), "turned.png", exif=exif)
    words = ["inpaint", "turned.png", "--weights", weights, "--steps", 1, "-o", "out.png", "--overwrite"]
    done = cli(*words, "--mask", "mask.png")
    assert done.stderr == (
        "note: turned.png was turned upright by its EXIF; mask.png is taken for a mask of the upright "
        "picture, and where it was painted before, turn it first\n"
    )
    np.testing.assert_array_equal(hole_of(done), HOLE)
    # A mask that was turned itself, and one that is compared with the photograph, leave no doubt.
    save((HOLE[::-1, ::-1] * np.uint8(255)), "turned-mask.png", exif=exif)
    done = cli(*words, "--mask", "turned-mask.png")
    assert done.stderr == ""
    np.testing.assert_array_equal(hole_of(done), HOLE)
    save(np.where(HOLE[..., None], np.uint8((255, 0, 0)), PHOTO), "strokes.png")
    assert "EXIF" not in cli(*words, "--mask", "strokes.png").stderr
    exif[0x112] = 6
    save(np.ascontiguousarray(np.rot90(PHOTO[:31, :31])), "turned.png", exif=exif)
    save(HOLE[:31, :31] * np.uint8(255), "square.png")
    assert "square.png is taken for a mask of the upright" in cli(*words, "--mask", "square.png").stderr


def test_a_mask_file_of_several_pictures(weights: Path) -> None:
    """The first is the mask, as of a picture with several, and that is said."""
    hole, black = (Image.fromarray(each * np.uint8(255)) for each in (HOLE, HOLE & False))
    words = ["inpaint", "photo.png", "--weights", weights, "--steps", 1, "-o", "out.png", "--overwrite"]
    for name in ("several.gif", "several.tif"):
        hole.save(name, save_all=True, append_images=[black])
        done = cli(*words, "--mask", name)
        assert done.stderr == f"note: {name}: it holds several pictures; the first is the mask\n"
        np.testing.assert_array_equal(hole_of(done), HOLE)
        black.save(name, save_all=True, append_images=[hole])
        assert cli(*words, "--mask", name).stderr == (
            f"error: {name}: nothing in it is white: it is black in the first of its pictures, so there is "
            "nothing to fill; paint what to fill white on black\n"
        )


def test_the_mask_from_standard_input(weights: Path) -> None:
    data = Path("mask.png").read_bytes()
    words = ["inpaint", "photo.png", "--mask", "-", "--weights", weights, "--steps", 1, "-o"]
    hole = hole_of(cli(*words, "out.png", stdin=data))
    np.testing.assert_array_equal(hole, HOLE)
    out = BytesIO()
    Image.fromarray(HOLE).save(out, "GIF")
    save(PHOTO, "other.png")
    done = cli("inpaint", "photo.png", "other.png", *words[2:], "both", stdin=out.getvalue())
    assert (done.exit_code, done.stdout) == (0, "both/photo.png\nboth/other.png\n")
    assert np.array_equal(images.read("both/photo.png").pixels, images.read("both/other.png").pixels)
    assert '["--mask", "-"]' in cli("info", "out.png", "--json").stdout
    done = cli(*words, "new.png", stdin=b"no picture")
    assert done.stderr.startswith(
        "error: standard input: expected a PNG, JPEG, TIFF, WebP, BMP, HEIC, AVIF or JPEG XL picture"
    )
    # The photograph may come that way, too.
    done = cli(
        "inpaint", "-", "--mask", "mask.png", *words[4:], "piped.png", stdin=Path("photo.png").read_bytes()
    )
    assert np.array_equal(images.read("piped.png").pixels, images.read("out.png").pixels)


def test_one_mask_for_a_folder(weights: Path) -> None:
    for name in ("in/a.png", "in/deep/b.png", "in/c.png"):
        save(PHOTO, name)
    save(PHOTO[:9, :9], "in/small.png")
    save(HOLE, "in/dust.gif")
    words = ["inpaint", "in", "-o", "out", "--mask", "in/dust.gif", "--weights", weights, "--steps", 1]
    done = cli(*words, "--dry-run")
    assert (done.exit_code, files(".")) == (1, ["in", "mask.png", "photo.png"])
    done = cli(*words)
    assert (done.exit_code, done.stdout) == (1, "out/a.png\nout/c.png\nout/deep/b.png\n")
    assert done.stderr.splitlines() == [
        "error: in/dust.gif is 37x31 but in/small.png is 9x9 (w x h), which is another shape; crop the mask "
        "as the picture was cropped",
        "error: 3 restored, 1 failed (of 4 pictures)",
    ]
    alone = cli("inpaint", "photo.png", "--mask", "in/dust.gif", *words[6:], "-o", "out.png")
    assert alone.exit_code == 0
    assert np.array_equal(images.read("out/deep/b.png").pixels, images.read("out.png").pixels)
    again = cli(*words)
    assert again.stderr.splitlines()[-1].startswith("error: 0 restored, 3 there already and kept, 1 failed")


def test_a_folder_of_masks(weights: Path) -> None:
    for name in ("in/a.jpg", "in/deep/b.png", "in/c.png", "in/d.png", "in/e.png"):
        save(PHOTO, name)
    for name in (
        "masks/A.gif",
        "masks/deep/b_mask.png",
        "masks/c-mask.bmp",
        "masks/d.png",
        "masks/d.mask.png",
    ):
        save(HOLE, name)
    words = ["inpaint", "in", "-o", "out", "--masks", "masks", "--weights", weights, "--steps", 1]
    done = cli(*words, "--json", "--dry-run")
    told = {each["input"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert {name: each["status"] for name, each in told.items()} == {
        "in/a.jpg": "planned", "in/c.png": "planned", "in/d.png": "failed", "in/e.png": "failed",
        "in/deep/b.png": "planned",
    }  # fmt: skip
    assert told["in/a.jpg"]["mask"] == {"file": "masks/A.gif", "kind": "drawn"}
    done = cli(*words)
    assert (done.exit_code, done.stdout) == (1, "out/a.jpg\nout/c.png\nout/deep/b.png\n")
    errors = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert errors == [
        "error: in/d.png: expected one mask in masks, found d.mask.png and d.png; keep one",
        "error: in/e.png: expected a mask called masks/e.*, or so with _mask, -mask or .mask after the name, "
        "found none; draw one, or leave the picture out with --ignore",
        "error: 3 restored, 2 failed (of 5 pictures)",
    ]
    alone = cli("inpaint", "in/deep/b.png", "--masks", "masks/deep", *words[6:], "-o", "out.png")
    assert (alone.exit_code, alone.stdout) == (0, "out.png\n")
    assert cli("inpaint", "in/e.png", "--masks", "none").stderr == (
        "error: none: expected a folder of masks, got nothing; check the name\n"
    )


def test_masks_in_the_folder_of_the_pictures_are_not_restored(weights: Path) -> None:
    for name in ("in/a.jpg", "in/b.png", "in/c.jpg"):
        save(PHOTO, name)
    for name in ("in/a_mask.png", "in/b-mask.gif", "in/c.png"):
        save(HOLE, name)
    save(np.dstack([PHOTO, np.where(HOLE, 0, 255).astype(np.uint8)]), "in/own.png")
    words = ["inpaint", "in", "--masks", "in", "--weights", weights, "--steps", 1]
    done = cli(*words, "-o", "out")
    assert (done.exit_code, done.stdout) == (0, "out/a.jpg\nout/b.png\nout/c.jpg\nout/own.png\n")
    # Beside the pictures; a second run keeps what is there.
    for text in ("4 restored (of 4", "0 restored, 4 there already and kept (of 4"):
        done = cli(*words)
        assert done.exit_code == 0
        assert text in done.stderr.splitlines()[-1]
    names = ["a-inpainted.jpg", "b-inpainted.png", "c-inpainted.jpg", "own-inpainted.png"]
    assert all(Path("in", name).exists() for name in names)
    # As a shell lists them, and in a folder of their own within that of the pictures.
    given = ["in/a.jpg", "in/a_mask.png", "in/b.png"]
    done = cli("inpaint", *given, *words[2:], "-o", "named")
    assert (done.exit_code, done.stdout) == (0, "named/a.jpg\nnamed/b.png\n")
    save(PHOTO, "tree/a.png")
    for name in ("tree/masks/a.png", "tree/masks/unused.png"):
        save(HOLE, name)
    done = cli("inpaint", "tree", "--masks", "tree/masks", *words[4:], "-o", "whole")
    assert (done.exit_code, done.stdout) == (0, "whole/a.png\n")
    save(HOLE, "masks/only/a.png")
    done = cli("inpaint", "masks", "--masks", "masks/only")
    assert done.stderr == "error: masks/only/a.png: expected pictures, found only masks\n"


def test_the_channels_of_a_picture_have_one_hole(weights: Path) -> None:
    """The strokes are found by comparing with the first, which the second has not."""
    gray, second = PHOTO[..., 0], np.roll(PHOTO[..., 1], 11, axis=1)
    tifffile.imwrite("two.tif", np.dstack([gray, second]), photometric="minisblack", extrasamples=[0])
    save(np.where(HOLE[..., None], (255, 0, 0), gray[..., None]).astype(np.uint8), "red.png")
    words = ["inpaint", "two.tif", "--mask", "red.png", "--weights", weights, "--steps", 1, "-o", "out.tif"]
    assert cli(*words).exit_code == 0
    after = images.read("out.tif")
    assert after.extra is not None
    np.testing.assert_array_equal(after.pixels[..., 0] != gray, HOLE & (after.pixels[..., 0] != gray))
    np.testing.assert_array_equal(after.extra[..., 0][~HOLE], second[~HOLE])
    assert (after.extra[..., 0] != second)[HOLE].mean() > 0.5


def test_a_gif_can_be_a_mask_and_a_picture() -> None:
    save(np.where(columns[..., None] < W // 2, 0, 255).astype(np.uint8).repeat(3, axis=2), "half.gif")
    assert cli(*DRY, "--mask", "half.gif").exit_code == 0
    assert cli("inpaint", "half.gif", "--mask", "mask.png", "--dry-run").exit_code == 0
