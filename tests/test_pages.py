"""Text must survive: rendered pages with noise are read as well after denoising as the clean ones are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from printed_pages import printed_pages

from restore import denoise


def read_by_machine(picture: NDArray[np.uint8], folder: Path) -> str:
    path = folder / "page.png"
    Image.fromarray(picture).save(path)
    command = ["tesseract", str(path), "-", "--psm", "6"]
    return " ".join(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def error_rate(found: str, text: str) -> float:
    """Characters to insert, delete or replace, as a share of the text's (Levenshtein 1966)."""
    row = list(range(len(text) + 1))
    for i, character in enumerate(found, 1):
        above, row = row, [i]
        for j, wanted in enumerate(text, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (character != wanted)))
    return row[-1] / len(text)


def test_error_rate_counts_characters() -> None:
    assert error_rate("the cat sat", "the cat sat") == 0
    assert error_rate("the bat at", "the cat sat") == pytest.approx(2 / 11)


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="needs tesseract: apt-get install tesseract-ocr"
)
@pytest.mark.parametrize(
    ("height", "seed", "options"),
    [(16, 216, {"sigma": 25}), (16, 216, {}), (20, 220, {}), (20, 220, {"method": "blind"})],
    ids=["told-16", "auto-16", "auto-20", "blind-20"],
)
def test_text_is_read_as_well_as_on_the_clean_page(
    tmp_path: Path, height: int, seed: int, options: dict[str, object]
) -> None:
    clean, text = printed_pages().page(seed, (240, 480), height=height)
    rng = np.random.default_rng(seed)
    noisy = (clean + 25 * rng.standard_normal(clean.shape)).clip(0, 255).round().astype(np.uint8)
    text = " ".join(text.split())
    restored: NDArray[np.uint8] = denoise(noisy, **options)  # type: ignore[arg-type] # options of three kinds
    wanted = error_rate(read_by_machine(clean, tmp_path), text)
    assert error_rate(read_by_machine(restored, tmp_path), text) <= wanted + 0.01
    assert len(text) > 100
