"""Sets of pictures are read in order, and those that were trained on are marked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore.errors import ConfigError
from restore.evaluation.pictures import Picture, PictureSet, fingerprints_of
from restore.images.fingerprints import Fingerprints, fingerprint


def test_a_set_is_read_in_natural_order(folder: Path) -> None:
    names = [p.name for p in PictureSet.of(folder).read() if isinstance(p, Picture)]
    assert names == ["a2.png", "a10.png", "b.png"]
    crops = [p for p in PictureSet.of(folder, crop=57, limit=2).read() if isinstance(p, Picture)]
    assert [p.clean.shape for p in crops] == [(1, 3, 57, 57)] * 2


def test_a_list_names_the_pictures(folder: Path, tmp_path: Path) -> None:
    listed = tmp_path / "mine.txt"
    listed.write_text("b.png\n\na2.png\n")
    chosen = PictureSet.of(folder, listed=listed)
    assert [path.name for path in chosen.files] == ["b.png", "a2.png"]
    assert chosen.name == "mine"
    listed.write_text("b.png\nc.png\n")
    with pytest.raises(ConfigError, match=r"1 of its names are not in .*: c\.png"):
        PictureSet.of(folder, listed=listed)
    listed.write_text("\n")
    with pytest.raises(ConfigError, match="empty"):
        PictureSet.of(folder, listed=listed)
    listed.write_bytes("\ufeffb.png\r\na2.png\r\n".encode())
    assert [path.name for path in PictureSet.of(folder, listed=listed).files] == ["b.png", "a2.png"]
    for text, message in (
        ("a2.png\na2.png", r"are there twice: a2\.png"),
        ("../set/a2.png", r"lead out of it: \.\./set/a2\.png"),
        (str(folder / "b.png"), "lead out of it: /"),
    ):
        listed.write_text(text)
        with pytest.raises(ConfigError, match=message):
            PictureSet.of(folder, listed=listed)
    with pytest.raises(ConfigError, match="cannot read the list"):
        PictureSet.of(folder, listed=tmp_path / "none.txt")


def test_pictures_that_were_trained_on_are_marked(folder: Path) -> None:
    with Image.open(folder / "b.png") as picture:
        seen = Fingerprints([fingerprint(np.asarray(picture))])
    overlaps = {
        p.name: p.overlap
        for p in PictureSet.of(folder, known={"in training": seen}).read()
        if isinstance(p, Picture)
    }
    assert overlaps == {"a2.png": "", "a10.png": "", "b.png": "in training"}
    assert len(fingerprints_of(folder)) == 3


def test_a_crop_of_a_picture_that_was_trained_on_is_marked_too(folder: Path) -> None:
    known = {"in training": fingerprints_of(folder)}
    crops = [p for p in PictureSet.of(folder, known=known, crop=32).read() if isinstance(p, Picture)]
    assert [p.overlap for p in crops] == ["in training"] * 3


@pytest.mark.slow
def test_bsds_val_is_found_by_a_list_that_holds_it(shared_data: Path) -> None:
    """What the field's contamination is: CBSD68, BSD300 test and BSD100 are all BSDS500 val."""
    bsds = shared_data / "test" / "bsd300_test"
    known = {"in BSDS500 val": fingerprints_of(bsds)}
    chosen = PictureSet.of(bsds, listed=shared_data / "test" / "cbsd68.txt", limit=12, crop=128, known=known)
    overlaps = [p.overlap for p in chosen.read() if isinstance(p, Picture)]
    assert overlaps == ["in BSDS500 val"] * 12
    kodak = PictureSet.of(shared_data / "test" / "kodak24", limit=6, known=known)
    assert [p.overlap for p in kodak.read() if isinstance(p, Picture)] == [""] * 6
