"""Take the pictures of `restore serve` in README.md and docs/serve.md, wide and narrow, light and dark.

    python samples/serve.py PHOTO.png [FOLDER]     # FOLDER keeps all of them, the others are thrown away

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
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from scipy.interpolate import CubicSpline

HERE = Path(__file__).parent
SIZES = {"wide": (1440, 900), "tablet": (820, 1180), "phone": (390, 844)}
QUALITY = 82
SCRATCHES = (  # through these points, as curves
    [(470, 20), (462, 190), (476, 360), (455, 560), (466, 700)],
    [(180, 300), (300, 268), (430, 292), (600, 262), (740, 276)],
    [(880, 330), (846, 420), (856, 540)],
    [(230, 470), (262, 560), (250, 660)],
)
KEPT = ("filled-wide-light", "filled-wide-dark", "mask-tablet-light", "mask-phone-light", "filled-phone-dark")
PATIENCE = 900_000  # milliseconds


def curve(points: list[tuple[int, int]]) -> list[tuple[float, float]]:
    """Points along the curve through some points."""
    along = np.linspace(0, len(points) - 1, 12 * len(points))
    smooth = CubicSpline(range(len(points)), np.array(points, float))(along)
    return [(float(x), float(y)) for x, y in smooth]


def damaged(photo: Path, folder: Path) -> Path:
    """The photograph with scratches, and specks of dust."""
    with Image.open(photo) as image:
        pixels = np.array(image.convert("RGB"))
    for points in SCRATCHES:
        line = (16 * np.array(curve(points))).round().astype(np.int32)
        cv2.polylines(pixels, [line], False, (244, 240, 232), 3, cv2.LINE_AA, shift=4)
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
    for points in SCRATCHES:
        places = [(left + x, top + y) for x, y in curve(points)]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        page.mouse.up()
    page.keyboard.press("0")


def take(page: Any, name: str, folder: Path) -> None:
    """Take the page in every size and scheme, once it is at rest."""
    for kind, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.keyboard.press("0")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.mouse.move(0, 0)
            page.wait_for_timeout(1500)
            whole = f"{name}-{kind}-{scheme}"
            page.screenshot(path=folder / f"{whole}.png")
            if whole in KEPT:
                with Image.open(folder / f"{whole}.png") as image:
                    image.convert("RGB").save(HERE / f"serve-{whole}.webp", quality=QUALITY, method=6)


def main() -> None:
    """Open, paint, fill, and take pictures on the way."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        picture = damaged(Path(sys.argv[1]), Path(name))
        folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(name)
        with served(picture) as address:
            browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 1000})
            page.set_default_timeout(PATIENCE)
            page.goto(address)
            with Image.open(picture) as image:
                paint(page, image.size)
            page.wait_for_timeout(1000)
            take(page, "mask", folder)
            page.set_viewport_size({"width": 1440, "height": 1000})
            page.get_by_role("button", name="Fill", exact=True).click()
            page.get_by_role("slider", name="Divider between before and after").wait_for()
            page.keyboard.press("m")  # so that the scratches are seen
            take(page, "filled", folder)
            browser.close()


if __name__ == "__main__":
    main()
