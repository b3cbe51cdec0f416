"""Measure the page of `restore serve` in a headless Chromium: how soon, how large, how smooth, what it adds.

    python benchmarks/serve.py                 # prints a Markdown table; two minutes on two cores
    python benchmarks/serve.py --photo P.jpg   # with a photograph of your own for the fill

It needs the extra `test` (playwright) and Chromium. All numbers are of one run: the page and the command line
fill the same scratch of the same photograph, one after the other, and their difference is what the page adds.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data

PAGE = Path(__file__).resolve().parents[1] / "restore" / "cli" / "serve" / "page"
WIDE = {"width": 1440, "height": 900}
PATIENCE = 300_000  # milliseconds
FRAMES = """() => {
  window.frames_ = [];
  const go = now => { window.frames_.push(now); window.going_ = requestAnimationFrame(go); };
  window.going_ = requestAnimationFrame(go);
}"""
PAINT = """() => new Promise(done => {
  const told = () => Object.fromEntries(
    performance.getEntriesByType("paint").map(entry => [entry.name, entry.startTime]));
  const wait = () => "first-contentful-paint" in told() ? done(told()) : setTimeout(wait, 10);
  wait();
})"""


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, float]]:
    """Give the address of a server, and after how many seconds it was told."""
    command = [sys.executable, "-m", "restore", "serve", "--no-open", "--quiet", "--port", "0"]
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            yield address, time.perf_counter() - start
        finally:
            process.send_signal(signal.SIGINT)


def photograph(path: Path, size: tuple[int, int]) -> None:
    """A JPEG of that size, enlarged from a photograph, with a scratch in it."""
    photo = cv2.resize(skimage.data.astronaut(), size, interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 2, photo.shape[:2])[..., None]
    photo = (photo + noise).clip(0, 255).astype(np.uint8)
    cv2.imwrite(str(path), photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])


def opened(page: Any, path: Path) -> float:
    """Open a picture; give the seconds until it is seen."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Open pictures").first.click()
    start = time.perf_counter()
    chooser.value.set_files(path)
    page.get_by_role("application", name=f"Picture {path.name}").wait_for()
    page.get_by_role("toolbar", name="Zoom").wait_for()
    return time.perf_counter() - start


def painted(page: Any, seconds: float) -> list[float]:
    """Paint in circles for a while; give the milliseconds from frame to frame."""
    box = page.get_by_role("application").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(FRAMES)
    end, turn = time.perf_counter() + seconds, 0.0
    while time.perf_counter() < end:
        turn += 0.15
        page.mouse.move(x + 180 * np.cos(turn), y + 120 * np.sin(1.3 * turn))
    frames = page.evaluate("() => { cancelAnimationFrame(window.going_); return window.frames_; }")
    page.mouse.up()
    return np.diff(frames).tolist()  # type: ignore[no-any-return]


def scratched(page: Any) -> None:
    """Paint over a scratch of some 200 by 9 pixels of the picture near the middle."""
    for _ in range(12):
        page.keyboard.press("[")  # a thin brush
    box = page.get_by_role("application").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 20, y - 20)
    page.mouse.down()
    page.mouse.move(x + 20, y, steps=10)
    page.mouse.up()
    page.get_by_text(re.compile("Mask of")).first.wait_for()


def filled(page: Any, folder: Path) -> tuple[float, list[str]]:
    """Fill; give the seconds until the result is there, and the command that does the same."""
    with page.expect_download() as mask:
        page.get_by_role("group", name="Mask").get_by_role("button", name="Download").click()
    mask.value.save_as(folder / mask.value.suggested_filename)
    words = shlex.split(page.locator("#panel code").first.inner_text())
    start = time.perf_counter()
    page.get_by_role("button", name="Fill", exact=True).click()
    page.get_by_role("link", name=re.compile("^Download ")).first.wait_for()
    return time.perf_counter() - start, words


def commanded(words: list[str], folder: Path) -> float:
    """The seconds that the same takes on the command line."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "restore", *words[1:], "--quiet", "--overwrite"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def rows(browser: Any, photo: Path | None, runs: int) -> Iterator[tuple[str, str]]:
    """What was measured, and the numbers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with server(folder) as (address, start):
            yield "start until the address is printed", f"{start:.2f} s"
            paints = []
            for _ in range(runs):
                with browser.new_context(viewport=WIDE) as fresh:
                    page = fresh.new_page()
                    page.goto(address)
                    paints.append(page.evaluate(PAINT))
            for kind in ("first-paint", "first-contentful-paint"):
                times = sorted(each.get(kind, float("nan")) for each in paints)
                middle = statistics.median(times)
                yield kind, f"{middle:.0f} ms ({times[0]:.0f} to {times[-1]:.0f}, {runs} loads)"
            size = sum(len(gzip.compress(path.read_bytes(), 9)) for path in PAGE.rglob("*") if path.is_file())
            yield "front end, gzip", f"{size / 1000:.1f} kB"
            with browser.new_context(viewport=WIDE, accept_downloads=True) as fresh:
                page = fresh.new_page()
                page.set_default_timeout(PATIENCE)
                page.goto(address)
                large = folder / "large.jpg"
                photograph(large, (6000, 4000))
                yield "24 MP JPEG: opened until seen", f"{opened(page, large):.2f} s"
                steps = painted(page, 5)
                late = sum(step > 25 for step in steps) / len(steps)
                rate = 1000 / statistics.fmean(steps)
                yield "painting on it", f"{rate:.1f} frames a second, {late:.1%} of them later than 25 ms"
                page.get_by_role("button", name="Remove the mask").click()
                twelve = folder / "twelve.jpg"
                photograph(twelve, (4000, 3000)) if photo is None else shutil.copyfile(photo, twelve)
                upload = opened(page, twelve)
                scratched(page)
                fill, words = filled(page, folder)
                told = commanded(words, folder)
                yield "12 MP JPEG: opened until seen", f"{upload:.2f} s"
                yield "a scratch filled, from click to result", f"{fill:.2f} s"
                yield "the same command, from start to end", f"{told:.2f} s"
                yield "opened and filled, beyond the command", f"{upload + fill - told:+.2f} s"
                yield "ratio", f"{(upload + fill) / told:.2f}"


def main() -> None:
    """Measure and print."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--photo", type=Path, metavar="FILE", help="a JPEG to fill; default: one that is made"
    )
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="loads of the page")
    options = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("expected Chromium on the PATH; install it, Debian: apt-get install chromium")
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{os.cpu_count()} cores{load}\n\n| | |\n|---|---|")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, number in rows(browser, options.photo, options.runs):
            print(f"| {name} | {number} |", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
