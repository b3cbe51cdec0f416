"""A page of a stack reads back as one page, whatever the description of the stack has promised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from soon import ends_soon

from restore import images
from restore.images import stacks
from restore.images.stacks import of_one_page

STACK = np.arange(5 * 8 * 9, dtype=np.uint16).reshape(5, 8, 9)


def test_imagej(tmp_path: Path) -> None:
    about = {"axes": "ZYX", "spacing": 2.0, "unit": "um", "Labels": list("abcde")}
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, metadata=about, resolution=(10, 20))
    images.write(tmp_path / "b.tif", images.read(tmp_path / "a.tif"))
    with tifffile.TiffFile(tmp_path / "b.tif") as tif:
        assert np.array_equal(tif.asarray(), STACK[0])
        assert tif.imagej_metadata == {"ImageJ": "1.11a", "spacing": 2.0, "unit": "um"}
        tags = tif.pages[0].tags
        assert [tags.valueof(code) for code in (282, 283, 296)] == [(10, 1), (20, 1), 1]


@pytest.mark.parametrize("axes", ["ZYX", "TYX", "CYX"])
def test_ome(tmp_path: Path, axes: str) -> None:
    about = {"axes": axes, "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25, "PhysicalSizeXUnit": "µm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, ome=True, metadata=about)
    picture = images.read(tmp_path / "a.ome.tif")
    images.write(tmp_path / "b.ome.tif", picture)
    large = np.repeat(picture.pixels.repeat(2, axis=0), 3, axis=1)
    images.write(tmp_path / "c.ome.tif", replace(picture, pixels=large, gray=False))
    for name, pixels, sizes in (("b", STACK[0], ("0.5", "0.25")), ("c", large, (f"{0.5 / 3:.9g}", "0.125"))):
        with tifffile.TiffFile(tmp_path / f"{name}.ome.tif") as tif:
            assert tif.is_ome and len(tif.series) == 1
            assert np.array_equal(tif.asarray(), pixels)
            told = str(tif.ome_metadata)
        assert f'PhysicalSizeX="{sizes[0]}"' in told and f'PhysicalSizeY="{sizes[1]}"' in told
        assert 'PhysicalSizeXUnit="µm"' in told


def test_ome_of_several_images(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as tif:
        for k in range(3):
            tif.write(STACK[k], metadata={"Name": f"view {k}", "axes": "YX"})
    images.write(tmp_path / "b.ome.tif", images.read(tmp_path / "a.ome.tif"))
    with tifffile.TiffFile(tmp_path / "b.ome.tif") as written:
        assert len(written.series) == 1
        assert np.array_equal(written.asarray(), STACK[0])
        assert "view 0" in str(written.ome_metadata) and "view 1" not in str(written.ome_metadata)


def test_the_shapes_of_tifffile(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", STACK, metadata={"axes": "ZYX", "who": "me"}, photometric="minisblack"
    )
    images.write(tmp_path / "b.tif", images.read(tmp_path / "a.tif"))
    with tifffile.TiffFile(tmp_path / "b.tif") as tif:
        assert np.array_equal(tif.asarray(), STACK[0])
        assert tif.shaped_metadata == ({"shape": [8, 9], "who": "me"},)


def test_other_descriptions_stay() -> None:
    for text in ("", "images=5 of Jürgen", "<note>OME</note>", "<OMENTUM/>"):
        assert of_one_page(text, (8, 9, 1), "uint8") == text
    for text in (
        '{"shape": [',
        "<OME>",
        "<OME><Pixels SizeX='1'><TiffData></OME>",
        "<OME><Pixels><Plane a='1'>",
    ):
        assert of_one_page(text, (8, 9, 1), "uint8") == ""


def test_a_hostile_description_takes_no_time() -> None:
    text = "<OME><Image><Pixels>" + "<Plane>" * 200_000
    with ends_soon():
        assert of_one_page(text, (8, 9, 1), "uint8") == ""


@pytest.mark.parametrize("text", [
    "<OME ><Pixels a>" + "<Channel " * 80_000,
    "<OME >" + "<Pixels " * 80_000,
    "<OME ><Pixels a>" + "<Plane " * 80_000,
    "<OME ><Pixels a>" + "<Channel SamplesPerPixel=" * 30_000,
    "<OME ><Pixels a>" + "<Channel/>" * 110_000,
    '{"shape": ' + "[" * 100_000,
])  # fmt: skip
def test_descriptions_are_rewritten_in_linear_time(text: str) -> None:
    with ends_soon():
        assert len(of_one_page(text, (4, 6, 3), "uint8")) <= len(text)


def test_long_descriptions_of_stacks_are_left_out() -> None:
    rest = " " * stacks.MOST_TEXT
    for text in ("<OME><Pixels>", '{"shape": [5, 8, 9]', "ImageJ=1.54f\nimages=5\n"):
        assert of_one_page(text + rest, (8, 9, 1), "uint8") == ""
    assert of_one_page("a story" + rest, (8, 9, 1), "uint8") == "a story" + rest
