"""The report shows what the evaluation holds: to the pixel, in a real browser, with no network.

Chromium is driven over a pair of pipes (its DevTools protocol), with real mouse and key events.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
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

from restore.errors import ConfigError
from restore.evaluation import plot
from restore.evaluation.report import html
from restore.evaluation.results import Evaluation, Metric, Row, Scored, Shown, Table

H, W = 32, 48
NASTY = '</script><b>"Jürgen\'s & Söhne" <!--'
PICTURES = ["a.png", NASTY, "日本.png", "z/10.png", "z/9.png"]
METRICS = [
    Metric("psnr", "PSNR", True, 2, "peak signal-to-noise ratio in dB"),
    Metric("lpips", "LPIPS", False, 4, "perceptual distance"),
]
INF = float("inf")


def picture(seed: int, height: int = H, width: int = W) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def row(method: str, kind: Any, psnr: list[float], *, seconds: float = 0.5, **rest: Any) -> Row:
    calls = rest.pop("calls", None)
    pictures = [
        Scored(name, {"psnr": score, "lpips": round(1 / (1 + min(score, 99)), 4)}, seconds, 0.5, calls)
        for name, score in zip(PICTURES, psnr, strict=False)
    ]
    return Row(method, kind, pictures=pictures, **rest)


def table(task: str, protocol: str, rows: list[Row], **rest: Any) -> Table:
    words = {"set_hash": "5e7", "inputs_hash": "1n9", "words": f"{task} in words, 100 % & <more>"}
    level, name = rest.pop("level", None), rest.pop("level_name", "")
    return Table(
        task,
        "tiny",
        protocol=protocol,
        level=level,
        level_name=name,
        series=name,
        metrics=METRICS,
        rows=rows,
        **words,
        **rest,
    )


def denoising() -> Table:
    """Sigma 25, with a sweep, an infinity, a score that is missing, and pictures to look at."""
    rows = [
        row("input", "input", [20, 20.5, 21, 20, 20], seconds=0),
        row("median", "floor", [25, 31, 22, 26, 24], seconds=0.01, options={"size": 3}),
        row("restore denoise", "restore", [30, 29, 28, 27, INF], calls=1, weights="abc123", peak_bytes=2**30),
        *(
            row("restore sample", "restore", [25 + s] * 5, seconds=s, calls=s, sweep={"steps": s})
            for s in (1, 4, 16)
        ),
    ]
    rows[1].pictures[2].scores["lpips"] = None
    shown = []
    for number, name in enumerate(PICTURES[:2]):
        given = picture(10 * number + 1)
        results = {one.label: picture(10 * number + 2 + place) for place, one in enumerate(rows)}
        results["input"] = given.copy()
        shown.append(Shown(name, picture(10 * number), given, results, why="2nd worst"))
    return table(
        "denoise", "sigma 25", rows, level=25.0, level_name="sigma", count=5, shown=shown,
        left_out={"broken.png": "truncated & <lost>"}, overlaps={"z/9.png": "train/0009.png"},
    )  # fmt: skip


def evaluation() -> Evaluation:
    weaker = [row("median", "floor", [28] * 5), row("restore denoise", "restore", [33] * 5, calls=1)]
    hole = np.zeros((H, W), bool)
    hole[8:16, 12:30] = True
    filled = {"telea": picture(52), "restore inpaint": picture(53)}
    inpainting = table(
        "inpaint", "box", [row("telea", "floor", [30]), row("restore inpaint", "restore", [32])], count=1,
        shown=[Shown("a.png", picture(50), picture(51), filled, hole)],
    )  # fmt: skip
    upscaling = table(
        "upscale", "x4", [row("bicubic", "floor", [26])], count=1,
        shown=[Shown("a.png", picture(60), picture(61, H // 4, W // 4), {"bicubic": picture(62)})],
    )  # fmt: skip
    comparison = table(
        "compare", "two folders", [row("theirs", "given", [26]), row("ours", "given", [27])], count=1,
        shown=[Shown("a.png", picture(70), picture(71), {"theirs": picture(71), "ours": picture(72)})],
    )  # fmt: skip
    tables = [
        denoising(),
        table("denoise", "sigma 15", weaker, level=15.0, level_name="sigma", count=5),
        inpainting,
        upscaling,
        comparison,
    ]
    facts = {"version": "0.1.0", "date": "2025-07-01", "command": f"restore eval '{NASTY}'"}
    return Evaluation(facts, tables, [f"a note about {NASTY}"])


def data_of(page: str) -> dict[str, Any]:
    """Read as strictly as browsers do: no NaN, no Infinity."""
    blocks = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert len(blocks) == 1

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    data: dict[str, Any] = json.loads(blocks[0], parse_constant=refuse)
    return data


def pictures_of(page: str) -> dict[int, tuple[str, np.ndarray]]:
    """By number: the format and the pixels."""
    found = re.findall(r'id="picture-(\d+)">data:image/(\w+);base64,([^<]*)</script>', page)
    decoded = {}
    for number, kind, text in found:
        with Image.open(io.BytesIO(base64.b64decode(text))) as image:
            assert image.format == kind.upper()
            decoded[int(number)] = kind, np.asarray(image.convert("RGB"))
    assert len(decoded) == len(found)
    return decoded


# -------------------------------------------------------------------------------------------- the file


def test_data_arrives_and_cannot_end_its_block() -> None:
    page = html(evaluation())
    data = data_of(page)
    first = data["tables"][0]
    assert first["pictures"] == PICTURES
    assert data["notes"] == [f"a note about {NASTY}"]
    assert first["left_out"] == [["broken.png", "truncated & <lost>"]]
    assert [one["label"] for one in first["rows"]] == [one.label for one in denoising().rows]
    assert page.count("<!--") == 0
    # Those of the data, of the pictures and of the code, and none that a name brought along.
    assert page.count("</script") == 2 + len(pictures_of(page))


def test_what_is_no_number_in_json_travels_as_a_word() -> None:
    one = denoising()
    one.rows[1].pictures[0].scores["psnr"] = float("nan")
    one.rows[1].pictures[1].scores["psnr"] = -INF
    rows = data_of(html(Evaluation({}, [one])))["tables"][0]["rows"]
    assert rows[2]["scores"][0] == [30, 29, 28, 27, "Infinity"]
    assert rows[2]["means"][0] == 28.5  # of those that are not exact
    assert rows[1]["scores"][0][:2] == ["NaN", "-Infinity"]
    assert rows[1]["scores"][1][2] is None
    assert rows[1]["means"][1] is None  # no mean of a part


def test_pictures_are_there_to_the_pixel_and_equal_ones_once() -> None:
    given = evaluation()
    page = html(given)
    album = pictures_of(page)
    assert {kind for kind, _ in album.values()} == {"webp"}
    different = set()
    for table_, data in zip(given.tables, data_of(page)["tables"], strict=True):
        for shown, one in zip(table_.shown, data["shown"], strict=True):
            results = dict(one["results"])
            expected = {one["reference"]: shown.reference, one["given"]: shown.given}
            expected |= {results[label]: pixels for label, pixels in shown.results.items()}
            assert list(results) == list(shown.results)
            assert one["size"] == [W, H]
            assert one["given_size"] == [shown.given.shape[1], shown.given.shape[0]]
            if shown.hole is not None:
                expected[one["hole"]] = np.repeat(shown.hole[..., None], 3, 2) * np.uint8(255)
            for number, pixels in expected.items():
                np.testing.assert_array_equal(album[number][1], pixels)
            different |= set(expected)
    assert different == set(album)
    assert len({pixels.tobytes() for _, pixels in album.values()}) == len(album)
    noisy = data_of(page)["tables"][0]["shown"][0]
    assert noisy["given"] == dict(noisy["results"])["input"]


def test_a_side_too_long_for_webp_is_lossless_too() -> None:
    long = picture(1, 1, 16384)
    shown = Shown("a.png", long, long, {"median": long})
    page = html(Evaluation({}, [table("denoise", "x", [row("median", "floor", [1])], shown=[shown])]))
    [(kind, pixels)] = pictures_of(page).values()
    assert kind == "png"
    np.testing.assert_array_equal(pixels, long)


def test_refers_to_nothing_outside() -> None:
    page = html(evaluation())
    assert "http:" not in page and "https:" not in page
    assert not re.search(r'(?:src|href)\s*=\s*["\']?(?!#)[^>\s]', page.split("<script")[0])
    assert "default-src 'none'" in page


def test_nothing_measured_and_undecodable_names_still_make_a_page(tmp_path: Path) -> None:
    empty = table("denoise", "x", [Row("median", "floor"), row("bad\udcff", "given", [1])])
    for given in (Evaluation({}), Evaluation({"machine": "\udcff"}, [empty, table("denoise", "y", [])])):
        (tmp_path / "report.html").write_text(html(given), encoding="utf-8")
    assert data_of(html(Evaluation({}, [empty])))["tables"][0]["rows"][0]["seconds"] is None


# --------------------------------------------------------------------------------------------- browser

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
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"needs a browser: none of {', '.join(NAMES)} is installed")
    browser = Browser(program, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html(evaluation()), encoding="utf-8")
    return path


def test_page_draws_itself_and_asks_for_nothing(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert {url.split(":")[0] for url in browser.requests} == {"file", "data"}
    text = browser.run("return document.body.innerText")
    for words in (
        NASTY,
        "truncated & <lost>",
        "looks like one train/0009.png",
        "denoise in words, 100 % & <more>",
        "restore sample, steps=16",
        "1 picture of tiny, sigma 25 could not be measured",
    ):
        assert words in text
    assert browser.run("return $$('b').length") == 0  # names are text, not markup
    cells = (
        "return $$('#table-0 .methods tbody tr').map(tr => [...tr.children].map(td => td.innerText.trim()))"
    )
    rows = browser.run(cells)
    assert rows[0][:2] == ["input as it came", "20.30"]
    assert rows[0][3:] == ["–", "–", "–", "–"]  # noqa: RUF001
    assert rows[1][1:3] == ["25.60", "–"]  # noqa: RUF001
    assert rows[2][1] == "28.50"
    assert rows[2][3:] == ["0.500", "1.00", "1", "1.00 GiB"]
    assert browser.run("return $$('#table-0 .methods td.best').map(td => td.innerText)")[0] == "41.00"
    shades = np.unique(browser.screenshot().reshape(-1, 3), axis=0)
    assert len(shades) > 100


def test_charts_are_there_with_their_axes(browser: Browser, page: Path) -> None:
    browser.open(page)
    titles = browser.run("return $$('.chart').map(f => f.innerText.replace(/\\u00a0/g, ' '))")
    # Level: two metrics. Sweep: two metrics against calls and against seconds.
    assert len(titles) == 6
    assert "sigma" in titles[0] and "network calls per picture" in titles[2] and "seconds" in titles[4]
    # Three steps on a curve, and the other methods on dashed lines; the input is switched off at first.
    marks = "return $$('.sweep .chart')[0].querySelectorAll('g').length"
    assert browser.run(marks) == 3
    assert browser.run(f"$('.sweep .legend button').click(); {marks}") == 4
    assert browser.run("return $('.sweep .legend button').getAttribute('aria-pressed')") == "true"
    browser.run("$('.sweep svg[role=img]').focus()")
    browser.key("ArrowRight")
    assert "PSNR" in browser.run("return $('#tip').textContent")
    at = browser.run("""
      $(".histogram").scrollIntoView({block: "center"});
      await frames();
      const box = $(".histogram rect").getBoundingClientRect();
      return [box.x + box.width / 2, box.y + box.height / 2]""")
    browser.mouse("mouseMoved", *at)
    assert "picture" in browser.run("return $('#tip').textContent")


def test_tables_sort_and_show_differences(browser: Browser, page: Path) -> None:
    browser.open(page)
    names = (
        "return $$('#table-0 .pictures tbody th').map(th => th.innerText.replace('seen before', '').trim())"
    )
    column = "$$('#table-0 .pictures thead button')[{}].click();"
    assert browser.run(names) == PICTURES
    assert browser.run(column.format(2) + names)[0] == NASTY  # median, the best first
    assert browser.run(column.format(2) + names)[0] == "日本.png"  # and the worst
    assert browser.run(column.format(3) + names)[0] == "z/9.png"  # infinity is best
    by_name = browser.run(column.format(0) + names)
    assert by_name.index("z/9.png") < by_name.index("z/10.png")  # numbers by their size
    assert browser.run("return $$('#table-0 .pictures thead th')[0].getAttribute('aria-sort')") == "ascending"

    difference = """
      choose($$("#table-0 .pictures select")[1], "1");
      return $$("#table-0 .pictures tbody tr").filter(tr => tr.innerText.includes("a.png"))
        .flatMap(tr => [...tr.children].slice(1, 4).map(td => [td.innerText, td.className]))"""
    assert browser.run(difference) == [["−5.00", "bad"], ["25.00", ""], ["+5.00", "good"]]  # noqa: RUF001
    # For a distance, less is better; what is unknown has no difference and sorts last, whatever the order.
    lpips = 'choose($$("#table-0 .pictures select")[0], "1");' + difference
    assert [kind for _, kind in browser.run(lpips)] == ["bad", "", "good"]
    for _ in range(2):
        assert browser.run(column.format(2) + names)[-1] == "日本.png"
    methods = "return $$('#table-0 .methods tbody th').map(th => th.innerText)"
    best = browser.run(f"$$('#table-0 .methods thead button')[1].click(); {methods}")[0]
    assert "restore sample, steps=16" in best


def middles(canvas: np.ndarray, scale: int = 0) -> np.ndarray:
    """The colour in the middle of each pixel of the picture, which is enlarged by a whole number."""
    height, width = canvas.shape[:2]
    scale = scale or min(height // H, width // W)
    top, start = (height - H * scale + 1) // 2, (width - W * scale + 1) // 2
    inside = canvas[top : top + H * scale, start : start + W * scale]
    return inside[scale // 2 :: scale, scale // 2 :: scale]


def test_divider_shows_the_pixels_of_both_pictures(browser: Browser, page: Path) -> None:
    browser.open(page)
    shown = evaluation().tables[0].shown[0]
    left, right = shown.results["input"], shown.results["restore sample, steps=16"]
    stage = browser.run("""
      $(".stage").scrollIntoView({block: "center"});
      await frames();
      const box = $(".stage").getBoundingClientRect();
      return [box.x, box.y, box.width, box.height]""")

    def on_canvas() -> np.ndarray:
        width, height, flat = browser.run("return pixels($('.stage canvas'))")
        return np.array(flat, np.uint8).reshape(height, width, 4)[..., :3]

    assert browser.run("return $$('.viewer')[0].querySelector('.sides').innerText.includes('Left')")
    seen = middles(on_canvas())
    np.testing.assert_array_equal(seen[:, : W // 2 - 1], left[:, : W // 2 - 1])
    np.testing.assert_array_equal(seen[:, W // 2 + 1 :], right[:, W // 2 + 1 :])

    x, y, width, height = stage
    value = "await frames(); return Number($('.divider').getAttribute('aria-valuenow'))"
    browser.drag((x + width / 2, y + height / 2), (x + width - 1, y + height / 2))
    assert browser.run(value) >= 99
    np.testing.assert_array_equal(middles(on_canvas()), left)
    browser.key("Home")  # the divider has the focus
    assert browser.run(value) == 0
    np.testing.assert_array_equal(middles(on_canvas()), right)
    browser.key("ArrowRight")
    assert browser.run(value) == 1
    browser.run("await drawn(() => $('.swap').click())")
    browser.key("Home")
    browser.run("await frames()")
    np.testing.assert_array_equal(middles(on_canvas()), left)


def test_zoom_holds_the_point_under_the_pointer_and_drags_pan(browser: Browser, page: Path) -> None:
    browser.open(page)
    x, y, width, height = browser.run("""
      $(".stage").scrollIntoView({block: "center"});
      await frames();
      const box = $(".stage").getBoundingClientRect();
      return [box.x, box.y, box.width, box.height]""")
    scale = "await frames(); return parseFloat($('.viewer header span').textContent.match(/at ([0-9.]+)/)[1])"
    fit = browser.run(scale)
    spot = (x + width * 0.3, y + height * 0.4)
    # The wheel belongs to the page until the picture was clicked.
    browser.mouse("mouseWheel", *spot, deltaX=0, deltaY=-1)
    assert browser.run(scale) == fit
    browser.mouse("mousePressed", *spot, button="left", clickCount=1)
    browser.mouse("mouseReleased", *spot, button="left", clickCount=1)
    colour = f"""
      const canvas = $(".stage canvas"), box = canvas.getBoundingClientRect();
      return [...canvas.getContext("2d").getImageData({spot[0]} - box.x, {spot[1]} - box.y, 1, 1).data]"""
    before = browser.run("await frames();" + colour)
    browser.mouse("mouseWheel", *spot, deltaX=0, deltaY=-200)
    assert browser.run(scale) > fit
    assert browser.run(colour) == before
    pannable = "await frames(); return $('.stage').classList.contains('pans')"
    assert browser.run(pannable)
    shot = browser.run("return pixels($('.stage canvas'))[2].join()")
    browser.drag((x + width * 0.8, y + height * 0.8), (x + width * 0.7, y + height * 0.6))
    assert browser.run("await frames(); return pixels($('.stage canvas'))[2].join()") != shot
    browser.run("$('.viewer [data-value=fit]').click()")
    assert browser.run(scale) == fit
    assert browser.run("$('.viewer [data-value=\"1\"]').click();" + scale) == 1


def test_error_map_is_the_difference_to_the_reference(browser: Browser, page: Path) -> None:
    browser.open(page)
    shown = evaluation().tables[0].shown[0]
    code = """
      await drawn(() => $(".viewer [data-value=errors]").click());
      await drawn(() => choose($(".viewer .bar select"), "1"));
      await drawn(() => $(".viewer [data-value=grid]").click());
      await drawn(() => $(".viewer [data-value='1']").click());
      const name = tile => tile.querySelector("b").textContent;
      return $$(".viewer .tile").map(tile => [name(tile), pixels(tile.querySelector("canvas"))])"""
    tiles = dict(browser.run(code))
    assert list(tiles) == [*shown.results, "Reference"]
    assert "grey levels" in browser.run("return $('.viewer .scale').innerText")

    def seen(name: str) -> np.ndarray:
        width, height, flat = tiles[name]
        canvas = np.array(flat, np.uint8).reshape(height, width, 4)[..., :3]
        return middles(canvas, scale=1)

    np.testing.assert_array_equal(seen("Reference"), shown.reference)
    # The colours rise in lightness: the order of the errors is the order of the luminance.
    difference = np.abs(shown.results["median"].astype(int) - shown.reference).mean(2)
    lightness = seen("median") @ [0.299, 0.587, 0.114]
    order = np.argsort(difference.ravel())
    assert np.all(np.diff(lightness.ravel()[order]) > -1.5)
    assert np.corrcoef(difference.ravel(), lightness.ravel())[0, 1] > 0.98


def test_hole_small_input_and_equal_input_are_handled(browser: Browser, page: Path) -> None:
    browser.open(page)
    code = """
      const viewers = $$(".viewer");
      for (const viewer of viewers) await drawn(() => viewer.scrollIntoView(), viewer);
      const tags = viewers.map(viewer => [...viewer.querySelectorAll(".tag")].map(tag => tag.textContent));
      const holes = viewers.map(viewer => !viewer.querySelector(".check").hidden);
      const canvas = viewers[1].querySelector(".stage canvas");
      const without = pixels(canvas)[2];
      await drawn(() => viewers[1].querySelector(".check input").click(), viewers[1]);
      const [width, height, outlined] = pixels(canvas);
      const changed = [];
      for (let i = 0; i < outlined.length; i += 4) {
        if (outlined[i + 1] !== without[i + 1]) changed.push([i / 4 % width, Math.floor(i / 4 / width)]);
      }
      const words = viewers[2].querySelector(".remarks").innerText;
      return {tags, holes, changed, width, height, words}"""
    seen = browser.run(code)
    assert seen["tags"] == [
        ["input", "restore sample, steps=16"],
        ["Damaged", "restore inpaint"],
        ["Damaged", "bicubic"],
        ["theirs", "ours"],  # what was given is the result of theirs, and is not shown a second time
    ]
    assert seen["holes"] == [False, True, False, False]
    width, height = seen["width"], seen["height"]
    scale = min(width // W, height // H)
    around = (np.array(seen["changed"]) - [width / 2, height / 2]) / scale + [W / 2, H / 2]
    np.testing.assert_allclose(around.min(0), [12, 8], atol=2 / scale)
    np.testing.assert_allclose(around.max(0), [30, 16], atol=2 / scale)
    inside = np.all((around > [12.5, 8.5]) & (around < [29.5, 15.5]), axis=1)
    assert len(around) > 100 and not inside.any()
    assert "12 × 8 pixels" in seen["words"] and "nearest" in seen["words"]  # noqa: RUF001


def test_a_picture_opens_from_its_row(browser: Browser, page: Path) -> None:
    browser.open(page, prefers_reduced_motion="reduce")
    code = """
      const links = $$("#table-0 .pictures .open");
      await drawn(() => links[1].click());
      const chosen = $("#table-0 .thumbs [aria-pressed=true]").dataset.picture;
      return [links.map(link => link.textContent), chosen]"""
    assert browser.run(code) == [[PICTURES[0], NASTY], NASTY]


def test_fits_a_phone_and_the_dark(browser: Browser, page: Path) -> None:
    browser.open(page, width=360, height=740)
    assert browser.run("return document.documentElement.scrollWidth") == 360
    light = browser.screenshot()[2, 2].mean()
    browser.open(page, width=360, height=740, prefers_color_scheme="dark")
    assert browser.screenshot()[2, 2].mean() < 60 < 200 < light


def test_odd_evaluations_are_drawn(browser: Browser, tmp_path: Path) -> None:
    nothing = table("denoise", "nothing", [Row("median", "floor"), Row("restore", "restore")])
    endless = table(
        "denoise", "endless", [row("a", "given", [INF, INF]), row("b", "given", [INF, float("nan")])]
    )
    single = Row("restore sample", "restore", sweep={"steps": 1}, pictures=row("x", "peer", [3.0]).pictures)
    for number, given in enumerate(
        [
            Evaluation({}),
            Evaluation({}, [nothing, endless, table("odd task", "x", [])]),
            Evaluation({"": ""}, [table("denoise", "one", [single])]),
        ]
    ):
        path = tmp_path / f"{number}.html"
        path.write_text(html(given), encoding="utf-8")
        browser.open(path)
        assert browser.run("return document.documentElement.dataset.error ?? ''") == ""


# ------------------------------------------------------------------------------------------ the figure


def test_figure_holds_curves_and_bars() -> None:
    pytest.importorskip("matplotlib")
    sheet = plot.figure(evaluation())
    titles = [part.get_suptitle() for part in sheet.subfigs]
    assert titles == ["tiny by sigma", "tiny, sigma 25", "tiny, box", "tiny, x4", "tiny, two folders"]
    level, sweep, bars = sheet.subfigs[:3]
    assert [axes.get_xlabel() for axes in level.axes] == ["sigma", "sigma"]
    assert [axes.get_xlabel() for axes in sweep.axes] == ["network calls per picture"] * 2 + [
        "seconds per picture (median)"
    ] * 2
    curve = next(line for line in sweep.axes[0].lines if line.get_label() == "restore sample")
    np.testing.assert_allclose(curve.get_xydata(), [[1, 26], [4, 29], [16, 41]])
    # The input is no method.
    named = {"restore sample", "restore denoise", "median"}
    assert {line.get_label() for line in sweep.axes[0].lines} == named
    assert [text.get_text() for text in bars.axes[0].texts] == ["30.00", "32.00"]


def test_png_is_a_picture_with_every_name() -> None:
    pytest.importorskip("matplotlib")
    odd = table("denoise", "x", [row("_hidden $x^$ 日本", "given", [INF, 1]), row(NASTY, "peer", [2])])
    for given in (
        evaluation(),
        Evaluation({}),
        Evaluation({}, [odd]),
        Evaluation({}, [table("denoise", "x", [])]),
    ):
        with Image.open(io.BytesIO(plot.png(given))) as image:
            assert image.format == "PNG" and image.width == 1600
            assert len(np.unique(np.asarray(image.convert("L")))) > 10


def test_missing_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match="--plot needs matplotlib: pip install matplotlib"):
        plot.png(evaluation())
