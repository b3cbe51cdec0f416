"""Fingerprints: copies are found, other pictures are not, and a checkpoint carries them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenes import scene

from restore.images.fingerprints import BYTES, SAME, Fingerprints, fingerprint

SCENES = [scene(seed) for seed in range(30)]
KNOWN = Fingerprints(fingerprint(each) for each in SCENES)


def test_a_fingerprint_is_sixteen_bytes() -> None:
    print_ = fingerprint(SCENES[0])
    assert print_.shape == (BYTES,)
    assert print_.dtype == np.uint8
    assert 40 < np.bitwise_count(print_).sum() < 88  # about half of the signs are positive


@pytest.mark.parametrize("seed", range(0, 30, 5))
def test_copies_are_found(seed: int) -> None:
    picture, rng = SCENES[seed], np.random.default_rng(seed)
    h, w = picture.shape[:2]
    jpeg = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR)
    copies = {
        "itself": picture,
        "half": cv2.resize(picture, (w // 2, h // 2), interpolation=cv2.INTER_AREA),
        "larger": cv2.resize(picture, (2 * w, 2 * h), interpolation=cv2.INTER_CUBIC),
        "jpeg": jpeg,
        "noisy": (picture + rng.normal(0, 15, picture.shape)).clip(0, 255).astype(np.uint8),
        "mirrored": picture[:, ::-1],
        "turned": np.rot90(picture),
        "upside down": np.rot90(picture[:, ::-1], 2),
    }
    far = {name: KNOWN.distance(copy) for name, copy in copies.items()}
    assert far["itself"] == far["mirrored"] == far["turned"] == far["upside down"] == 0
    assert max(far.values()) <= SAME
    assert all(KNOWN.holds(copy) for copy in copies.values())


@pytest.mark.parametrize("seed", range(100, 160))
def test_other_pictures_are_not(seed: int) -> None:
    assert KNOWN.distance(scene(seed)) > SAME
    assert not KNOWN.holds(scene(seed))


def test_text_and_back() -> None:
    again = Fingerprints.parse(KNOWN.text())
    np.testing.assert_array_equal(again.hashes, KNOWN.hashes)
    assert len(again) == 30
    assert len(Fingerprints.parse("")) == 0
    assert Fingerprints().distance(SCENES[0]) == 8 * BYTES


def test_merged_holds_each_once() -> None:
    both = KNOWN.merged(Fingerprints(fingerprint(each) for each in (SCENES[3], scene(200))))
    assert len(both) == 31
    assert both.holds(scene(200))


@pytest.mark.parametrize("text", ["AAAA", "no base64!", None, 5])
def test_other_text_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected base64 of 16 bytes"):
        Fingerprints.parse(text)
