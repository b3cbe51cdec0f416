"""Measure the frames of the page of ``restore serve`` while a mask is painted on a large picture.

    python benchmarks/page_painting.py [--pixels 24] [--scale 1] [--browser /usr/bin/chromium]

Opens a picture in a headless Chromium, as benchmarks/serve.py does, and moves the mouse along a spiral, as
fast as the page takes it: with small and large brushes, over many strokes, and moving the picture.

Prints a Markdown table: how long frames took, from one requestAnimationFrame to the next, and the time that
the page's main thread and the compositor computed for each move of the mouse. A screen of 60 Hz leaves 16.7
ms for a frame. Headless browsers draw without a graphics card: on other machines frames are faster. Frames
are told by the clock, so other programs should rest; computing times count only what the threads themselves
did.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from serve import FRAMES, PATIENCE, WIDE, opened, photograph, server

SCREEN = 1000 / 60
THREADS = {"CrRendererMain": "page", "VizCompositorThread": "compositor"}
STROKES = """async ([count, radius]) => {
  const { pictures } = await (await fetch("./api/session")).json();
  const { id, width, height } = pictures[0];
  let seed = 1;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const strokes = Array.from({ length: count }, (_, i) => {
    const [x, y] = [random() * width, random() * height];
    const points = Array.from({ length: 150 }, (_, k) => [x + 300 * Math.sin(k / 9), y + 3 * k]).flat();
    return { kind: "brush", erase: i % 7 === 6, radius, points: points.map(Math.round) };
  });
  const body = JSON.stringify({ strokes, grow: 0, feather: 0 });
  const headers = { "content-type": "application/json" };
  await fetch(`./api/pictures/${id}/strokes`, { method: "PUT", headers, body });
}"""


def spiral(page: Any, moves: int) -> None:
    """Paint a spiral in the middle of the stage."""
    box = page.locator(".st-surface").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    wide, high = 0.4 * box["width"], 0.35 * box["height"]
    page.mouse.move(x + wide, y)
    page.mouse.down()
    for i in range(moves):
        turn, share = 12 * math.pi * i / moves, 1 - 0.5 * i / moves
        page.mouse.move(x + wide * share * math.cos(turn), y + high * share * math.sin(turn))
    page.mouse.up()


def drag(page: Any, moves: int) -> None:
    """Move the picture with space held."""
    page.keyboard.down(" ")
    page.mouse.move(700, 550)
    page.mouse.down()
    for i in range(moves):
        page.mouse.move(700 - i, 550 - i / 2)
    page.mouse.up()
    page.keyboard.up(" ")


def computed(events: list[dict[str, Any]]) -> dict[str, float]:
    """Milliseconds that threads computed, by the names in ``THREADS``; tasks within tasks are not counted."""
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e.get("name") == "thread_name"}
    sums = dict.fromkeys(THREADS.values(), 0.0)
    for event in events:
        told = THREADS.get(names.get((event["pid"], event.get("tid")), ""))
        if told and event.get("ph") == "X" and event["name"] == "ThreadControllerImpl::RunTask":
            sums[told] += event.get("tdur", 0) / 1000
    return sums


def measured(browser: Any, page: Any, name: str, run: Callable[[Any, int], None], moves: int) -> str:
    """Give a row of the table: the clock first, then, in another run, the computing time."""
    page.evaluate(FRAMES)
    run(page, moves)
    took = np.diff(page.evaluate("() => { cancelAnimationFrame(window.going_); return window.frames_; }"))
    browser.start_tracing(page=page, categories=["toplevel", "__metadata"])
    run(page, moves)
    sums = computed(json.loads(browser.stop_tracing())["traceEvents"])
    middle, late = np.percentile(took, 50), np.percentile(took, 95)
    within = 100 * float((took < 1.25 * SCREEN).mean())
    cost = " | ".join(f"{value / moves:.1f}" for value in sums.values())
    return f"| {name} | {middle:.1f} | {late:.1f} | {within:.0f} | {cost} |"


def measure(browser: Any, page: Any, moves: int) -> None:
    """Print the table of one page."""

    def fresh(radius: int, count: int = 0) -> None:
        page.evaluate(f"sessionStorage.setItem('restore.brush-radius', '{radius}')")
        page.evaluate(STROKES, [count, 20])
        page.reload()
        page.wait_for_selector(".st-picture[data-sharp]")
        page.locator(".st-surface").focus()
        page.keyboard.press("b")
        time.sleep(1.5)

    print("| what | median ms | 95 % below ms | frames in time % | page ms a move | compositor ms a move |")
    print("|---|---|---|---|---|---|")
    for name, radius, count, keys in (
        ("paint 48 px, whole picture", 24, 0, "0"),
        ("paint 800 px, whole picture", 400, 0, "0"),
        ("paint 48 px, 100 %", 24, 0, "1"),
        ("paint 48 px over 300 strokes", 24, 300, "0"),
        ("erase 200 px over 300 strokes", 100, 300, "0e"),
    ):
        fresh(radius, count)
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_selector(".st-picture[data-sharp]")
        print(measured(browser, page, name, spiral, moves), flush=True)
    fresh(24, 300)
    page.keyboard.press("1")
    page.wait_for_selector(".st-picture[data-sharp]")
    print(measured(browser, page, "move at 100 %, 300 strokes", drag, moves), flush=True)


def main() -> None:
    """Serve, open, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pixels", type=float, default=24, help="millions of them; default 24")
    parser.add_argument("--scale", type=float, default=1, help="device pixels of a CSS pixel; default 1")
    parser.add_argument("--moves", type=int, default=200, help="of the mouse, for each row; default 200")
    parser.add_argument("--browser", default="/usr/bin/chromium")
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        path = Path(name) / "large.jpg"
        height = round(math.sqrt(asked.pixels * 1e6 / 1.5))
        photograph(path, (round(1.5 * height), height))
        with server(Path(name)) as (address, _):
            browser = play.chromium.launch(executable_path=asked.browser, args=["--no-sandbox"])
            page = browser.new_context(viewport=WIDE, device_scale_factor=asked.scale).new_page()
            page.set_default_timeout(PATIENCE)
            page.goto(address)
            opened(page, path)
            measure(browser, page, asked.moves)
            browser.close()


if __name__ == "__main__":
    main()
