"""JPEG: how a file was coded, the pictures it can have been of, the task and the command."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import cli
from mutants import edited, mutant_tests, wrong
from networks import random_backbone
from PIL import Image
from recording import Reports
from scenes import scene
from torch import Tensor
from torch.nn.functional import avg_pool2d

from restore import images
from restore.cli.prior_loader import load_backbone
from restore.images.jpeg_coding import CHROMA, LUMA, JpegCoding, coding_of
from restore.images.reader import turned
from restore.inverse import jpeg
from restore.priors.backbone import Backbone
from restore.tasks import catalogue
from restore.tasks.consistency import recompressed
from restore.tasks.dejpeg import dejpeg
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")


def photograph(h: int = 37, w: int = 53) -> np.ndarray[Any, Any]:
    """Smooth enough for its coefficients to be small, away from black and white."""
    noise = torch.rand(1, 3, h // 3, w // 3, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(noise, size=(h, w), mode="bicubic")
    return (255 * (0.35 + 0.3 * smooth.clamp(0, 1)))[0].round().byte().permute(1, 2, 0).numpy()


def encoded(pixels: np.ndarray[Any, Any], quality: int = 30, subsampling: int = 2, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=subsampling, **options)
    return file.getvalue()


def tensor(pixels: np.ndarray[Any, Any]) -> Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


class Smoothing(Backbone):
    """A denoiser that blurs, and would leave of a file what is not in it."""

    def __init__(self) -> None:
        super().__init__(random_backbone().network, random_backbone().config)

    def denoiser(self, *_: Any, **__: Any) -> Any:
        return lambda x, sigma: avg_pool2d(x, 5, 1, 2, count_include_pad=False)


# ------------------------------------------------------------------------------------------ coding


@pytest.mark.parametrize("quality", [1, 7, 30, 50, 75, 92, 100])
def test_tables_are_those_of_the_ijgs_encoder_and_tell_their_quality(quality: int) -> None:
    picture = images.decode(encoded(photograph(), quality), name="a.jpg")
    assert picture.coding == coding_of(quality)
    assert picture.coding is not None
    assert picture.coding.quality == quality


@pytest.mark.parametrize(("subsampling", "coarser"), [(0, (1, 1)), (1, (1, 2)), (2, (2, 2))])
def test_chroma_is_as_coarse_as_the_file_says(subsampling: int, coarser: tuple[int, int]) -> None:
    coding = images.decode(encoded(photograph(), 40, subsampling), name="a.jpg").coding
    assert coding == coding_of(40, coarser=coarser)


def test_chroma_four_times_coarser_and_odd_sizes() -> None:
    """4:1:1, which Pillow does not write: its grid is 32 pixels wide."""
    import cv2

    pixels = photograph(48, 40)
    flags = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411]
    done, file = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 30, *flags])
    assert done
    picture = images.decode(file.tobytes(), name="a.jpg")
    assert picture.coding is not None
    assert picture.coding.coarser == (1, 4)
    found = dejpeg(picture.pixels, coding=picture.coding, prior=Smoothing())
    assert recompressed(found, picture.pixels, picture.coding)[1] < 2


def test_files_that_do_not_say_how_they_were_coded() -> None:
    assert images.decode(encoded(photograph()[..., 0]), name="a").coding == JpegCoding(
        coding_of(30).luma, coding_of(30).luma, (1, 1)
    )
    cmyk = io.BytesIO()
    Image.fromarray(photograph()).convert("CMYK").save(cmyk, "JPEG")
    png = io.BytesIO()
    Image.fromarray(photograph()).save(png, "PNG")
    for file in (cmyk, png):
        assert images.decode(file.getvalue(), name="a").coding is None


def test_codings_that_cannot_be() -> None:
    for make, message in (
        (lambda: JpegCoding(LUMA[:63], CHROMA), "64 numbers above 0, got 63"),
        (lambda: JpegCoding(LUMA, CHROMA, (3, 1)), r"1, 2 or 4 times coarser than luma, got \(3, 1\)"),
        (lambda: coding_of(0.5), r"lie in 1..100, got 0.5"),
    ):
        with pytest.raises(ValueError, match=message):
            make()


# ------------------------------------------------------------------------------------------- cells


def check_cells() -> None:
    """The picture that was compressed is one of those it can have been, whatever the chroma."""
    pixels = photograph(48, 64)  # whole blocks: those at an edge are known by what is seen of them
    original = tensor(pixels)
    for quality in (10, 50, 90):
        for subsampling, coarser in ((0, (1, 1)), (1, (1, 2)), (2, (2, 2))):
            coding = coding_of(quality, coarser=coarser)
            decoded = tensor(images.decode(encoded(pixels, quality, subsampling), name="a").pixels)
            cells = jpeg.cells(decoded, coding)
            moved = (cells.nearest(original) - original).abs()
            # An interval is known but for what 8-bit rounding of the file's pixels leaves open.
            assert moved.mean() < 0.6 / 255, (quality, coarser)
            assert (decoded - original).abs().mean() > 3 * moved.mean()
            # A projection: what it gives it leaves.
            other = cells.nearest(0.5 + 0.5 * (original.flip(-1) - 0.5))
            torch.testing.assert_close(cells.nearest(other), other, rtol=0, atol=2e-5)
            # Compressed again it is the file.
            again = jpeg.Jpeg(coding, (48, 64)).forward(other)
            assert (again - decoded).abs().mean() < 1.5 / 255, (quality, coarser)


def test_cells_hold_the_original_and_give_the_file() -> None:
    check_cells()


def test_blocks_that_were_cut_off_are_held_less() -> None:
    """A white page with a gray line: JPEG's ringing went beyond white, and nobody knows how far."""
    page = np.full((32, 64, 3), 230, np.uint8)
    page[:, :32] = 255
    page[:, 13:15] = 60
    coding, original = coding_of(30), tensor(page)
    decoded = tensor(images.decode(encoded(page, 30), name="a").pixels)
    cells = jpeg.cells(decoded, coding)
    low, high = cells.bounds[0]
    widths = ((high - low) / cells.tables[0][:, None, None])[0, 0]
    assert (widths[1] > 1.7).all()  # the block with the line
    assert (widths[4:] < 1).all()
    assert (cells.nearest(original) - original).abs().max() < (decoded - original).abs().max()


def test_pictures_that_were_turned() -> None:
    x = torch.arange(24.0).view(1, 1, 4, 6)
    for turn in range(1, 9):
        coded = jpeg.as_coded(x, turn)
        assert torch.equal(jpeg.upright(coded, turn), x)
        if turn > 1:
            expected = turned(coded[0, 0].numpy(), turn)
            assert np.array_equal(jpeg.upright(coded, turn)[0, 0].numpy(), expected)


# -------------------------------------------------------------------------------------------- task


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", catalogue.methods("dejpeg"), ids=lambda method: f"{method.name} {method.estimate}"
)
def test_every_method_takes_its_calls(method: catalogue.Method) -> None:
    picture = images.decode(encoded(photograph()), name="a.jpg")
    reports = Reports()
    found = dejpeg(
        picture.pixels, coding=picture.coding, method=method.name, estimate=method.estimate, progress=reports,
        prior=tiny_prior(),
    )  # fmt: skip
    assert found.shape == picture.pixels.shape
    assert found.dtype == np.uint8
    reports.assert_complete(1 if method.name == "blind" else 1 + method.steps)


@pytest.mark.parametrize("turn", [1, 2, 5, 6])
def test_the_result_compressed_again_is_the_file_on_its_own_grid(turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    picture = images.decode(encoded(photograph(), exif=exif), name="a.jpg")
    coding, pixels, backbone = picture.coding, picture.pixels, Smoothing()
    assert coding == replace(coding_of(30), turn=turn)
    for asked in ({}, {"estimate": "sample", "start": 0.02}):
        found = dejpeg(pixels, coding=coding, prior=backbone, **asked)
        assert recompressed(found, pixels, coding)[1] < 1.5
    blurred = dejpeg(pixels, method="blind", prior=backbone)
    assert recompressed(blurred, pixels, coding)[1] > 2
    if turn != 1:
        wrong = dejpeg(pixels, coding=coding_of(30), prior=backbone)
        assert recompressed(wrong, pixels, coding)[1] > 1.5


def test_what_pil_knows_is_used() -> None:
    backbone, pixels = tiny_prior(), photograph()
    opened = Image.open(io.BytesIO(encoded(pixels, 20)))
    found = dejpeg(opened, prior=backbone)
    assert isinstance(found, Image.Image)
    told = dejpeg(np.asarray(opened), quality=20, prior=backbone)
    assert np.array_equal(np.asarray(found), told)
    with pytest.raises(ValueError, match=r"pass quality .1 to 100., or a JPEG by its path or opened by PIL"):
        dejpeg(opened.convert("L"), prior=backbone)


def test_seeds_draw_others() -> None:
    backbone, pixels = tiny_prior(), photograph()
    draws = [dejpeg(pixels, quality=5, estimate="sample", seed=s, prior=backbone) for s in (0, 0, 1)]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimate": "best"}, "'mean' or 'sample', got 'best'"),
        ({"method": "ddnm"}, "is one of splitting, blind, got 'ddnm'"),
        ({"estimate": "sample", "method": "diffpir"}, "is one of ddnm, dps, got 'diffpir'"),
        ({"method": "blind", "steps": 4}, "one network call; leave out steps, start and sampler"),
        ({"estimate": "sample", "method": "dps", "sampler": "heun"}, "leave out sampler='heun'"),
        ({"sampler": "heun"}, "a sampler draws samples, not the mean"),
        ({"quality": 101}, r"lie in 1..100, got 101"),
        ({"steps": 0}, "at least 1, got 0"),
    ],
)
def test_wrong_options_say_what_is_right(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dejpeg(photograph(), **{"quality": 30, "prior": random_backbone(), **options})


# ----------------------------------------------------------------------------------------- command


def test_the_command_reads_the_quality_from_the_file(tmp_path: Path, weights: Path) -> None:
    source = tmp_path / "bad.jpg"
    source.write_bytes(encoded(photograph(), 25))
    result = cli(
        "dejpeg", source, "-o", tmp_path / "good.png", "--weights", weights, "--json", "--report-consistency"
    )
    assert result.exit_code == 0, result.stderr
    assert "JPEG of quality 25" in result.stderr
    said = json.loads(result.stdout)
    assert said["quality"] == 25
    again = recompressed(images.read(tmp_path / "good.png").pixels, images.read(source).pixels, coding_of(25))
    assert said["apart_mean_255"] == pytest.approx(again[1], abs=1e-5)
    expected = dejpeg(
        images.read(source).pixels, quality=25, prior=load_backbone(weights, "cpu", "auto", 2048)
    )
    assert np.array_equal(images.read(tmp_path / "good.png").pixels, expected)
    more = ("--method", "blind", "--weights", weights, "--report-consistency", "-o", tmp_path / "blind.png")
    assert "how true the result is cannot be measured" in cli("dejpeg", source, *more).stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 1, r"a.png: is PNG, no JPEG, which does not say how .*; pass --quality, or --method blind"),
        (["--method", "ddnm"], 2, "--method ddnm cannot give --estimate mean"),
        (["--method", "blind", "--quality", "30"], 2, "--quality has no effect with --method blind"),
        (["--method", "blind", "--steps", "3"], 2, "--steps has no effect with --method blind"),
        (
            ["--quality", "30", "--estimate", "sample", "--method", "dps", "--sampler", "heun"],
            2,
            "--method dps has steps of its own; leave out --sampler",
        ),
        (["--quality", "0"], 2, "0.0 is not in the range"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, weights: Path, arguments: list[str], code: int, message: str
) -> None:
    source = tmp_path / "a.png"
    Image.fromarray(scene(0, 12, 17)).save(source)
    result = cli("dejpeg", source, *arguments, "--weights", weights)
    assert result.exit_code == code, result.stderr
    assert "Traceback" not in result.stderr
    assert re.search(message, result.stderr), result.stderr
    assert sorted(tmp_path.iterdir()) == [source]


test_the_check_finds_the_mutant = mutant_tests({
    check_cells: [
        edited(jpeg.cells, "table / 2 - (table / 10).clamp_max(0.5)", "table / 8"),
        edited(jpeg.cells, "table / 2 - (table / 10).clamp_max(0.5)", "table / 2"),
        edited(jpeg.cells, "table / 2 - (table / 10).clamp_max(0.5)", "table"),
        wrong(jpeg.before_enlarging, lambda right: lambda plane, times: plane, "chroma as enlarged"),
        edited(jpeg.Cells.nearest,
               "repeat_interleave(times[0], -2).repeat_interleave(times[1], -1)",
               "repeat_interleave(times[0], -2).repeat_interleave(times[1], -1) / 2"),
        edited(jpeg.planes_of, "planes - 128", "planes - 120"),
        edited(jpeg._constants, "0.299, 0.587, 0.114", "0.333, 0.333, 0.334"),
    ],
})  # fmt: skip
