"""The page of `restore serve` in a headless Chromium, and a person's hands on it."""

from __future__ import annotations

import base64
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from web_server import Served, environment, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

T = TypeVar("T")
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 240_000  # milliseconds for anything to happen, on a machine that does other work
SIZE = {"width": 1280, "height": 800}
DROP = """async ([name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(
      new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }
}"""
ASK = """async ([path, method]) => {
  const answer = await fetch(path, { method });
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for the tests of a module, which are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="comes with the extra test")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"needs a browser: none of {', '.join(PROGRAMS)} is installed")
    # Loopback is not asked for through the proxies that the tests name to keep others away.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            os, "environ", {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        )
        with playwright.sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
            )
            yield browser
            browser.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Iterator[Served]:
    """A server with a tiny network, for all tests: most of what it costs is its start."""
    with serving(tmp_path_factory.mktemp("server"), "--weights", str(weights)) as server:
        yield server


@pytest.fixture
def desk(chromium: Browser, served: Served) -> Iterator[Desk]:
    """The page, with nothing on it."""
    context = chromium.new_context(viewport=SIZE, accept_downloads=True)
    desk = Desk(context.new_page(), served)
    desk.go()
    yield desk
    desk.clear()
    context.close()
    assert desk.faults == []


class Desk:
    """A page, and what people do with it. faults: what the browser complains of."""

    def __init__(self, page: Page, served: Served) -> None:
        self.page, self.served = page, served
        self.faults: list[str] = []
        self.asked: list[str] = []
        page.set_default_timeout(PATIENCE)
        # Choosers of files are held back from the first moment on: a key opens one at once.
        page.on("filechooser", lambda _: None)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._said)
        page.on("request", lambda request: self.asked.append(request.url))

    def _said(self, message: Any) -> None:
        # A refused request is no fault of the page, which says so itself.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)

    def go(self) -> None:
        self.page.goto(self.served.address)
        self.button("Inpaint").wait_for()

    def ask(self, path: str, method: str = "GET") -> Any:
        """What the API says to the page."""
        return self.page.evaluate(ASK, [path, method])

    def clear(self) -> None:
        """Remove every picture and job."""
        if self.served.process.poll() is not None or self.page.is_closed():
            return
        told = self.ask("/api/session")
        for job in told["jobs"]:
            if job["status"] in ("queued", "running"):
                self.ask(f"/api/jobs/{job['id']}/cancel", "POST")
        for picture in told["pictures"]:
            if picture["kind"] == "input":
                self.ask(f"/api/pictures/{picture['id']}", "DELETE")

    # What is there.

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True).first

    def says(self, words: str) -> Locator:
        return self.page.get_by_text(words).first

    @property
    def stage(self) -> Locator:
        return self.page.get_by_role("application")

    @property
    def panel(self) -> Locator:
        return self.page.get_by_role("complementary", name="Options")

    def pictures(self, kind: str = "input") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("/api/session")["pictures"]
        return [picture for picture in found if picture["kind"] == kind]

    def jobs(self, kind: str = "restore") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("/api/session")["jobs"]
        return [job for job in found if job["kind"] == kind]

    # What people do.

    def choose(self, *paths: Path) -> None:
        """Open files by the button."""
        with self.page.expect_file_chooser() as chooser:
            self.button("Open pictures").click()
        chooser.value.set_files(list(paths))
        self.page.get_by_role("navigation", name="Pictures").get_by_text(paths[-1].name).wait_for()

    def choose_refused(self, path: Path) -> None:
        """Open a file that is none."""
        with self.page.expect_file_chooser() as chooser:
            self.button("Open pictures").click()
        chooser.value.set_files(path)

    def drop(self, path: Path, kind: str = "") -> None:
        """Drop a file on the page, and wait until it is there."""
        data = base64.b64encode(path.read_bytes()).decode()
        self.page.evaluate(DROP, [path.name, kind, data])

    def is_open(self, name: str) -> None:
        self.page.get_by_role("application", name=f"Picture {name}").wait_for()

    def task(self, name: str) -> None:
        self.page.get_by_role("navigation", name="Tasks").get_by_role("button", name=name, exact=True).click()

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the picture is on the screen, while the whole picture is shown."""
        box = self.stage.bounding_box()
        assert box is not None
        picture = self.pictures()[-1]
        zoom = self.zoom()
        return (
            box["x"] + box["width"] / 2 + (x - picture["width"] / 2) * zoom,
            box["y"] + box["height"] / 2 + (y - picture["height"] / 2) * zoom,
        )

    def zoom(self) -> float:
        """Pixels of the screen for one of the picture, as screen readers are told."""
        words = self.page.get_by_text(re.compile(r"^Zoom [\d.,]+ %")).first.text_content() or ""
        return float(words.split()[1].replace(",", "")) / 100

    def small_brush(self, most: int = 12) -> None:
        """Make the brush smaller by its key, until it is that many pixels wide."""
        size = self.page.get_by_role("toolbar", name="Mask tools").get_by_role("status")
        while int(size.inner_text().split()[0].replace(",", "")) > most:
            before = size.inner_text()
            self.page.keyboard.press("[")
            self.page.wait_for_function(
                "([is, was]) => is.textContent !== was", arg=[size.element_handle(), before]
            )

    def paint(self, *points: tuple[float, float]) -> None:
        """Paint a line through points of the picture."""
        places = [self.at(*point) for point in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=8)
        self.page.mouse.up()

    def start(self, words: str) -> str:
        """Press the button of the task; give the id of the job."""
        with self.page.expect_response(_is_new_job) as answer:
            self.panel.get_by_role("button", name=words, exact=True).click()
        assert answer.value.status == 202, answer.value.text()
        job: str = answer.value.json()["id"]
        return job

    def run(self, words: str) -> dict[str, Any]:
        """Press the button of the task, and wait for what becomes of it."""
        return self.ended(self.start(words))

    def until(self, found: Callable[[], T | None]) -> T:
        """What a question gives, once it gives something."""
        end = time.monotonic() + PATIENCE / 1000
        while (result := found()) is None:
            assert time.monotonic() < end, "it did not happen"
            self.page.wait_for_timeout(50)  # the page goes on meanwhile
        return result

    def running(self, job: str) -> dict[str, Any]:
        """A job that is still to end."""
        told: dict[str, Any] = self.ask(f"/api/jobs/{job}")
        assert told["status"] in ("queued", "running"), told
        return told

    def ended(self, job: str) -> dict[str, Any]:
        """A job, once it has ended."""

        def over() -> dict[str, Any] | None:
            told: dict[str, Any] = self.ask(f"/api/jobs/{job}")
            return None if told["status"] in ("queued", "running") else told

        return self.until(over)

    def download(self, link: str) -> bytes:
        with self.page.expect_download() as begun:
            self.page.get_by_role("link", name=f"Download {link}", exact=True).first.click()
        assert begun.value.suggested_filename == link
        return Path(begun.value.path()).read_bytes()

    def download_mask(self) -> bytes:
        with self.page.expect_download() as begun:
            self.panel.get_by_role("group", name="Mask").get_by_role("button", name="Download").click()
        return Path(begun.value.path()).read_bytes()

    def command(self, words: str) -> list[str]:
        """The words of the command that the page shows, once some are among them."""
        shown = self.panel.locator("code").filter(has_text=words).first
        shown.wait_for()
        return shlex.split(shown.inner_text())


def _is_new_job(answer: Any) -> bool:
    """Whether it is to what a button has asked for; the page looks at pictures by itself."""
    if not answer.url.endswith("/api/jobs") or answer.request.method != "POST":
        return False
    return bool(answer.request.post_data_json.get("kind", "restore") == "restore")


def on_the_command_line(words: Sequence[str], folder: Path) -> bytes:
    """What a command that the page shows writes, in a folder with its files."""
    assert words[0] == "restore"
    done = subprocess.run(
        [sys.executable, "-m", "restore", *words[1:]],
        cwd=folder, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return (folder / done.stdout.splitlines()[-1]).read_bytes()
