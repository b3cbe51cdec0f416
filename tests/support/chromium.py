"""A headless Chromium, driven over a pair of pipes (its DevTools protocol) with real mouse and key events."""

from __future__ import annotations

import base64
import io
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

# Chromium speaks on its descriptors 3 and 4; this moves the pipes there without forking Python itself.
LAUNCH = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--remote-debugging-pipe",
)  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome")
TOOLS = """
  const $ = s => document.querySelector(s), $$ = s => [...document.querySelectorAll(s)];
  const frames = async () => { for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame); };
  const drawn = async (act, viewer = $(".viewer")) => {
    act();
    do await frames(); while (viewer.getAttribute("aria-busy") !== "false");
  };
  const choose = (box, value) => { box.value = value; box.dispatchEvent(new Event("change")); };
  const pixels = canvas => {
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return [canvas.width, canvas.height, [...data]];
  };
"""


class Browser:
    """One page of a headless Chromium."""

    def __init__(self, program: str, profile: Path) -> None:
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        # Above 4, so that neither is overwritten on its way to 3 and 4.
        spare = [os.open(os.devnull, os.O_RDONLY) for _ in range(8)]
        ends = [os.dup(theirs_in), os.dup(theirs_out)]
        launch = [
            sys.executable,
            "-c",
            LAUNCH,
            *map(str, ends),
            program,
            *FLAGS,
            f"--user-data-dir={profile}",
        ]
        null = subprocess.DEVNULL
        self._process = subprocess.Popen([*launch, "about:blank"], pass_fds=ends, stdout=null, stderr=null)
        for descriptor in (theirs_in, theirs_out, *spare, *ends):
            os.close(descriptor)
        self._number, self._session, self._rest = 0, "", b""
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive(method)
            if answer.get("method") == "Network.requestWillBeSent":
                self.requests.append(answer["params"]["request"]["url"])
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result

    def _receive(self, method: str) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], 60)
            assert ready, f"Chromium did not answer {method} within a minute"
            part = os.read(self._from, 1 << 20)
            assert part, f"Chromium ended during {method}"
            self._rest += part
        text, self._rest = self._rest.split(b"\0", 1)
        answer: dict[str, Any] = json.loads(text)
        return answer

    def run(self, code: str) -> Any:
        """What the body of an async function returns."""
        source = f"(async () => {{ {TOOLS} {code} }})()"
        answer = self.call("Runtime.evaluate", expression=source, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def open(self, path: Path, width: int = 1200, height: int = 900, **media: str) -> None:
        self.requests.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.call("Page.navigate", url=path.as_uri())
        end = time.monotonic() + 60
        while time.monotonic() < end:
            state = self.run("return {...(document.documentElement?.dataset ?? {})}")
            if state:
                assert state == {"ready": "1"}
                return
            time.sleep(0.05)
        raise AssertionError("the page was not ready within a minute")

    def mouse(self, kind: str, x: float, y: float, **rest: Any) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **rest)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.mouse("mousePressed", *start, button="left", clickCount=1)
        self.mouse("mouseMoved", *end, button="left", buttons=1)
        self.mouse("mouseReleased", *end, button="left", clickCount=1)

    def key(self, key: str) -> None:
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def screenshot(self) -> np.ndarray:
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            return np.asarray(image.convert("RGB"))

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._to)
        os.close(self._from)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser for the tests of a module, which are skipped where there is none."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"needs a browser: none of {', '.join(NAMES)} is installed")
    browser = Browser(program, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()
