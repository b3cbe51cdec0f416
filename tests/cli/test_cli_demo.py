"""``restore demo``: its pictures, what it writes and keeps, what fails, and when a browser is opened."""

from __future__ import annotations

import base64
import json
import shlex
import time
import webbrowser
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import click
import numpy as np
import pytest
from chromium import Browser
from chromium import browser as browser
from commands import cli
from PIL import Image

from restore import images
from restore.cli import browser as browser_of_user
from restore.cli import demo_page, demo_pictures
from restore.cli.commands import demo
from restore.cli.demo_pictures import SAMPLES, Files, Sample
from restore.cli.main import main

pytestmark = pytest.mark.usefixtures("one_thread", "here")

PAGE = Path("restore-demo/index.html")


def gray(name: str, level: int) -> Callable[[], Files]:
    buffer = BytesIO()
    Image.new("RGB", (24, 16), (level, level // 2, 90)).save(buffer, "PNG")
    return lambda: {name: buffer.getvalue()}


def sample(name: str, *words: str, level: int = 80) -> Sample:
    return Sample(
        f"Picture <{name}>",
        "Gray & plain.",
        ("denoise", f"{{}}{name}.png", "--weights", "w", *words),
        f"{name}.png",
        f"{name}-denoised.png",
        gray(f"{name}.png", level),
    )


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch, here: Path, weights: Path) -> None:
    """Two tiny pictures and a tiny network."""
    (here / "w").symlink_to(weights)
    monkeypatch.setattr(demo, "SAMPLES", (sample("a", "--sigma", "10"), sample("b", "--sigma", "20")))
    monkeypatch.setattr(webbrowser, "open", lambda _: pytest.fail("a browser was opened"))


def stored() -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in Path().rglob("*")
        if path.is_file()
    }


def test_pictures_pages_and_a_second_run_that_keeps_them() -> None:
    done = cli("demo")
    assert (done.exit_code, done.stdout) == (0, f"{PAGE}\n")
    lines = done.stderr.splitlines()
    assert lines[0] == "1 of 2, picture <a>: restore denoise restore-demo/a.png --weights w --sigma 10"
    assert lines[1] == "2 of 2, picture <b>: restore denoise restore-demo/b.png --weights w --sigma 20"
    assert lines[-1].startswith("2 of 2 pictures in ") and lines[-1].endswith(f"; {PAGE} shows them")
    names = {"a.png", "a-denoised.png", "b.png", "b-denoised.png", "index.html"}
    assert {path.name for path in PAGE.parent.iterdir()} == names
    text = PAGE.read_text("utf-8")
    for name in names - {"index.html"}:
        assert base64.b64encode((PAGE.parent / name).read_bytes()).decode() in text
    assert "<code>restore denoise restore-demo/a.png --weights w --sigma 10</code>" in text
    assert "Picture &lt;a&gt;" in text and "Gray &amp; plain." in text and "24 × 16 pixels" in text  # noqa: RUF001
    assert "<!--" not in text and text.count("restored in ") == 2 and "http://" not in text

    before = stored()
    again = cli("demo")
    assert (again.exit_code, again.stdout) == (0, f"{PAGE}\n")
    assert again.stderr.endswith("everything was there already and was kept\n")
    assert stored() == before
    PAGE.unlink()
    assert cli("demo", "-q").stderr == ""
    assert PAGE.read_text("utf-8").count("kept from an earlier run") == 2
    # The command on the page is the one that made the picture: typed again, it keeps it.
    assert "was kept" in cli("denoise", "restore-demo/a.png", "--weights", "w", "--sigma", "10").stderr


def test_one_that_fails_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Files:
        return {"a.png": demo_pictures._encoded(demo_pictures._photograph("none.png"), "PNG")}

    broken = Sample("A", "", ("denoise", "{}a.png"), "a.png", "a-denoised.png", missing)
    none = sample("c", "--mask", "none.png")  # no such option
    monkeypatch.setattr(demo, "SAMPLES", (broken, sample("b", "--sigma", "20"), none))
    done = cli("demo")
    assert (done.exit_code, done.stdout) == (1, f"{PAGE}\n")
    assert "error: none.png: expected this photograph in the package scikit-image" in done.stderr
    assert "1 of 3 pictures in " in done.stderr
    text = PAGE.read_text("utf-8")
    assert text.count("This did not work: ") == 2 and text.count('class="pair"') == 1
    assert "This did not work: No such option" in text
    told = [json.loads(line) for line in cli("demo", "--json").stdout.splitlines()]
    found = [(each["event"], each.get("status")) for each in told]
    assert found == [("picture", "failed"), ("picture", "skipped"), ("error", None), ("page", "done")]
    assert told[-1]["output"] == str(PAGE)


def test_what_is_not_of_the_demo_is_never_replaced() -> None:
    Path("restore-demo").mkdir()
    Path("restore-demo/index.html").write_text("mine")
    done = cli("demo")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "a page that is not of this demo; pass --overwrite" in done.stderr
    PAGE.unlink()
    Path("restore-demo/a.png").write_bytes(b"mine")
    done = cli("demo")
    assert done.exit_code == 1 and "restore-demo/a.png: a file that is not of this demo" in done.stderr
    assert Path("restore-demo/a.png").read_bytes() == b"mine"
    assert cli("demo", "--overwrite").exit_code == 0
    assert Path("restore-demo/a.png").read_bytes() == gray("a.png", 80)()["a.png"]
    assert cli("demo", "-o", "photo.png").stderr == (
        "error: photo.png: expected a folder, got a file; pass another -o\n"
    )
    assert cli("demo", "-o=-x").exit_code == 0  # its name is no option


def test_a_browser_is_opened_where_somebody_sits_before_a_screen(
    monkeypatch: pytest.MonkeyPatch, here: Path
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda page: bool(opened.append(page)))
    for name in ("SSH_CONNECTION", "SSH_TTY", "CI", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(browser_of_user.sys, "platform", "linux")  # type: ignore[attr-defined]
    monkeypatch.setattr(browser_of_user, "on_terminal", lambda _: True)
    assert not browser_of_user.has_screen()
    monkeypatch.setenv("DISPLAY", ":0")
    assert browser_of_user.has_screen()
    monkeypatch.setenv("SSH_TTY", "/dev/pts/0")
    assert not browser_of_user.has_screen()
    monkeypatch.delenv("SSH_TTY")
    monkeypatch.setenv("CI", "1")
    assert not browser_of_user.has_screen()
    monkeypatch.delenv("CI")
    assert cli("demo", "--no-open").exit_code == 0 and not opened
    done = cli("demo")
    assert done.exit_code == 0 and opened == [(here / PAGE).as_uri()]
    assert done.stderr.endswith(f"no browser was found; open {PAGE}\n")


def test_the_sample_pictures_are_there_and_their_commands_understood() -> None:
    total = 0
    for each in SAMPLES:
        made = each.make()
        assert made == each.make() and each.before in made
        total += sum(map(len, made.values()))
        for name, data in made.items():
            h, w = images.decode(data, name=name).size
            assert min(h, w) >= 100 and max(h, w) <= 320
            assert any(word == f"{{}}{name}" for word in each.words)
        context = click.Context(main, **main.context_settings)
        words = shlex.join(each.words).replace("{}", "in/")
        command = main.get_command(context, each.words[0])
        assert command is not None
        command.make_context(each.words[0], shlex.split(words)[1:], parent=context)
    assert [each.words[0] for each in SAMPLES] == [
        "denoise", "dejpeg", "upscale", "inpaint", "erase", "repair",
    ]  # fmt: skip
    assert total < 1_000_000
    veil = demo_pictures.wear(120, 160)
    assert veil.shape == (120, 160) and 0.005 < np.mean(veil > 0.3) < 0.1 and veil.max() <= 1


@pytest.mark.slow
def test_a_browser_compares_the_pictures(browser: Browser, here: Path) -> None:
    white, black = (demo_pictures._png(np.full((40, 60, 3), level, np.uint8)) for level in (255, 0))
    shown = demo_page.Shown(
        "Noise <b>", "It is gone.", "restore denoise a.png", white, black, (40, 60), "1 s"
    )
    path = here / "index.html"
    failed = demo_page.Shown("Other", "", "restore x", problem="no <such> thing")
    path.write_text(demo_page.html([shown, failed], facts="", credit="", example="b.png"), encoding="utf-8")
    browser.open(path, width=360, height=740)
    assert {url.split(":")[0] for url in browser.requests} == {"file", "data"}
    assert browser.run("return document.documentElement.scrollWidth") == 360
    assert "no <such> thing" in browser.run("return document.body.innerText")
    assert browser.run("return $('.how').innerText.length") > 10
    at = "await frames(); return Number($('.pair input').value)"
    x, y, width, height = browser.run(
        "const box = $('.pair').getBoundingClientRect(); return [box.x, box.y, box.width, box.height]"
    )
    assert width == 120  # twice as large as its 60 pixels
    row = browser.screenshot()[int(y + height * 0.8), int(x) : int(x + width), 0]
    assert (row[5:50] == 255).all() and (row[70:115] == 0).all()
    browser.drag((x + width / 2, y + height / 2), (x + width * 0.9, y + height / 2))
    assert browser.run(at) == 90
    browser.key("ArrowLeft")  # it has the focus
    assert browser.run(at) == 89
    browser.key("Home")
    assert browser.run(at) == 0
    assert (browser.screenshot()[int(y + height * 0.8), int(x + 5) : int(x + width), 0] == 0).all()
    assert browser.run("return $('.command button').hidden") is False

    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.call("Page.navigate", url="about:blank")
        browser.call("Page.navigate", url=path.as_uri())
        boxes = "return $$('.pair img').map(img => img.getBoundingClientRect()).map(box => [box.x, box.y])"
        end = time.monotonic() + 60
        while not browser.run("return document.readyState === 'complete' && $$('.pair img').length === 2"):
            assert time.monotonic() < end, "the page was not ready within a minute"
            time.sleep(0.05)
        (left, top), (right, other) = browser.run(boxes)
        assert top == other and right > left + 100  # side by side
        assert browser.run("return $('.how').hidden && $('.command button').hidden")
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
