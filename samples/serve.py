"""Take the pictures of `restore serve` in README.md and docs/serve.md, wide and narrow, light and dark.

    python samples/serve.py PHOTO.png

PHOTO is `scipy.datasets.face()`, a raccoon of 1024x768 pixels (public-domain-image.com, public domain). It is
scratched here, and the scratches are painted over and filled with the shipped weights. Chromium is needed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

HERE = Path(__file__).parent
SIZES = {"wide": (1440, 900), "tablet": (820, 1180), "phone": (390, 844)}
QUALITY = 82
SCRATCHES = (
    [(590, 30), (582, 160), (566, 300), (572, 430), (556, 600)],
    [(330, 250), (420, 236), (520, 258), (640, 244), (760, 262)],
    [(860, 330), (820, 420), (836, 520)],
)
PATIENCE = 900_000  # milliseconds


def damaged(photo: Path, folder: Path) -> Path:
    """The photograph with scratches, and specks of dust."""
    with Image.open(photo) as image:
        pixels = np.array(image.convert("RGB"))
    for line in SCRATCHES:
        for start, end in pairwise(line):
            cv2.line(pixels, start, end, (244, 240, 232), 3, cv2.LINE_AA)
    path = folder / "raccoon.png"
    Image.fromarray(pixels).save(path)
    return path


@contextmanager
def served(picture: Path) -> Iterator[str]:
    """The address of a server that has the picture open."""
    command = [sys.executable, "-m", "restore", "serve", picture.name, "--no-open", "--port", "0"]
    with subprocess.Popen(command, cwd=picture.parent, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def paint(page: Any, size: tuple[int, int]) -> None:
    """Paint over the scratches, with a thin brush."""
    page.get_by_role("application").wait_for()
    for _ in range(12):
        page.keyboard.press("[")
    page.keyboard.press("1")
    page.get_by_text("Zoom 100 %.").wait_for()
    box = page.get_by_role("application").bounding_box()
    left = box["x"] + box["width"] / 2 - size[0] / 2
    top = box["y"] + box["height"] / 2 - size[1] / 2
    for line in SCRATCHES:
        places = [(left + x, top + y) for x, y in line]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=12)
        page.mouse.up()
    page.keyboard.press("0")


def take(page: Any, name: str) -> None:
    """Take the page in every size and scheme, once it is at rest."""
    for kind, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.keyboard.press("0")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.mouse.move(0, 0)
            page.wait_for_load_state("networkidle") if name == "empty" else page.wait_for_timeout(1500)
            with tempfile.NamedTemporaryFile(suffix=".png") as file:
                page.screenshot(path=file.name)
                with Image.open(file.name) as image:
                    image.convert("RGB").save(
                        HERE / f"serve-{name}-{kind}-{scheme}.webp", quality=QUALITY, method=6
                    )


def main() -> None:
    """Open, paint, fill, and take pictures on the way."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        picture = damaged(Path(sys.argv[1]), Path(name))
        with served(picture) as address:
            browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 1000})
            page.set_default_timeout(PATIENCE)
            page.goto(address)
            with Image.open(picture) as image:
                paint(page, image.size)
            page.wait_for_timeout(1000)
            take(page, "mask")
            page.set_viewport_size({"width": 1440, "height": 1000})
            page.get_by_role("button", name="Fill", exact=True).click()
            page.get_by_role("slider", name="Divider between before and after").wait_for()
            take(page, "filled")
            browser.close()


if __name__ == "__main__":
    main()
