"""Reports as files: what they hold, how they grow, and what a browser makes of them."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import Browser
from chromium import browser as browser
from PIL import Image

from restore import images
from restore.cli.report_file import MARK, PLAIN, Report, check_report, folder_of, is_report
from restore.cli.report_views import Views, views_of
from restore.errors import OutputError
from restore.images import Picture

NASTY = "a</script><img src=x onerror=window.bad=1>\"'&#x22;#?%20\u202e.png"


def picture(level: int, size: tuple[int, int] = (20, 30)) -> Picture:
    return Picture(np.full((*size, 3), level, np.uint8))


def views(before: int = 40, after: int = 200) -> Views:
    return views_of(picture(before), picture(after))


def facts(name: str, **more: Any) -> dict[str, Any]:
    about = {"input": f"in/{name}", "output": f"out/{name}", "status": "done", "seconds": 1.5}
    return about | {"method": "real", "sigma_255": 12.25, "noise": "even", "width_pixels": 30} | more


def rows(page: Path) -> list[dict[str, Any]]:
    blocks = re.findall(rb'<script type="application/json">(.*)</script>\n', page.read_bytes())
    return [json.loads(each) for each in blocks]


def add(report: Report, name: str, shown: Views | None = None, **more: Any) -> None:
    source, target = Path("in", name), Path("out", name)
    report.add(facts(name, **more), [] if shown is None else [shown], source=source, target=target)


def test_a_report_grows_by_a_line_and_goes_on_after_a_kill(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    page = Path("run.html")
    report = Report(page)
    report.begin("restore denoise in", "restore 1")
    add(report, "a #1?.png", views())
    whole = page.read_bytes()
    assert MARK in whole and is_report(page)
    report._append(b'<script type="application/json">{"name": "torn')  # here it is killed
    again = Report(page)
    again.begin("restore denoise in", "restore 1")
    assert page.read_bytes().startswith(whole) and b"torn" not in page.read_bytes()
    add(again, "b.png", status="failed", error="in/b.png: no picture", output=None)
    again.end(2.5, kept=1)
    first, one, second, two, end = rows(page)
    assert first["run"]["command"] == "restore denoise in" and second["run"]["facts"] == "restore 1"
    assert (one["name"], one["in"]) == ("in/a #1?.png", "in/a%20%231%3F.png")
    assert (one["level"], one["short"], one["part"]) == (12.25, "noise 12.2", [0, 0, 20, 30])
    assert two["error"] == "in/b.png: no picture" and "pic" not in two and "out" not in two
    assert end == {"end": {"seconds": 2.5, "kept": 1, "interrupted": False}}
    names = sorted(path.name for path in folder_of(page).glob("??/*"))
    assert names == [f"{one['pic']}-part.jpg", f"{one['pic']}.jpg"]
    with Image.open(folder_of(page) / one["pic"][:2] / f"{one['pic']}.jpg") as small:
        assert small.size == (60, 20)
        assert small.getpixel((10, 10)) == (40,) * 3 and small.getpixel((50, 10)) == (200,) * 3


def test_a_new_report_replaces_the_pictures_of_an_old_one_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    for level in (10, 200):
        report = Report(page)
        report.begin("x", "", anew=True)
        add(report, "a.png", views(level))
        report.end(1)
        (folder_of(page) / "mine.jpg").touch()
    assert len(list(folder_of(page).glob("??/*"))) == 2 and (folder_of(page) / "mine.jpg").exists()
    assert len(rows(page)) == 3
    # Its pictures are none to be restored, wherever the report lies.
    images.write(tmp_path / "a.png", picture(1))
    assert images.survey(tmp_path).pictures == (tmp_path / "a.png",)


def test_a_report_has_no_more_plain_rows_than_can_be_read(tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    for _ in range(2):
        report = Report(page)
        report.begin("x", "")
        for number in range(PLAIN - 50):
            add(report, f"{number}.png")
    assert page.read_bytes().count(b"<noscript><figure") == PLAIN
    assert len(rows(page)) == 2 + 2 * (PLAIN - 50)


def test_where_no_report_can_be(tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    with pytest.raises(OutputError, match=r"--report run\.txt: a report is a page; name it \.html"):
        check_report(Path("run.txt"), overwrite=False)
    page.write_text("<p>mine</p>")
    with pytest.raises(OutputError, match="a file that is no report is there; pass --overwrite"):
        check_report(page, overwrite=False)
    check_report(page, overwrite=True)
    page.unlink()
    folder_of(page).touch()
    with pytest.raises(OutputError, match="expected a folder for the pictures of the report, got a file"):
        check_report(page, overwrite=False)


def test_floats_that_json_does_not_have(tmp_path: Path) -> None:
    report = Report(tmp_path / "run.html")
    report.begin("x", "")
    add(report, "a.png", sigma_255=float("nan"), seconds=float("inf"))
    assert "level" not in rows(tmp_path / "run.html")[1]


def nasty_report(page: Path) -> list[str]:
    """A report of five pictures of names that could break out of it; gives the first four of them."""
    names = [NASTY.replace("/", "\u2215"), os.fsdecode(b"\xff\xfe.png"), "2 b.png", "10.png"]
    report = Report(page)
    report.begin(f"restore denoise {NASTY}", "")
    for folder, level in (("in", 40), ("out", 200)):
        Path(folder).mkdir()
        for name in names:
            Path(folder, name).write_bytes(images.encode(picture(level), "png"))
    for number, name in enumerate(names):
        add(report, name, views(), seconds=float(number))
    add(report, "c.png", status="failed", error=f"in/c.png: {NASTY}")
    add(report, "10.png", views(), seconds=99.0)  # again: the row is replaced
    report.end(3)
    return names


NAMES = "return $$('.card .name').map(each => each.firstChild.textContent)"
TOOLS = """
  const until = async f => { for (let i = 0; i < 600 && !f(); i++) await frames(); return Boolean(f()); };
  const order = by => { $("#order").value = by; $("#order").dispatchEvent(new Event("change")); };
  const seek = text => { $("input").value = text; $("input").dispatchEvent(new Event("input")); };
  const loaded = () => $$(".whole img").length === 2
    && $$(".whole img").every(each => each.complete && each.naturalWidth === 30);
"""
awkward = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names that are no text")


@awkward
@pytest.mark.slow
def test_a_browser_orders_and_searches_and_no_name_breaks_out(
    browser: Browser, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    page = Path('it\'s "a" #1?%41<b>.html')
    nasty = nasty_report(page)
    browser.open(tmp_path / page)
    shown = browser.run(NAMES)
    assert len(shown) == 5 and shown[1:4] == ["\\xff\\xfe.png", "2 b.png", "10.png"]
    assert shown[0] == nasty[0].replace("\u202e", "\\xe2\\x80\\xae")
    assert browser.run("return [window.bad, $('[onerror]')]") == [None, None]
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.run(TOOLS + "return until(() => $$('.thumb img').every(each => each.naturalWidth === 60))")
    assert browser.run(TOOLS + "order('name');" + NAMES)[:2] == ["\\xff\\xfe.png", "2 b.png"]
    assert browser.run(TOOLS + "order('seconds'); $('.turn').click();" + NAMES)[0] == "10.png"
    assert browser.run("$('.states .is-failed').click();" + NAMES) == ["c.png"]
    assert browser.run("return $('.said').textContent").startswith("a</script>")
    browser.run("$('.states button').click()")
    assert browser.run(TOOLS + "seek('2 b.p'); return until(() => $$('.card').length === 1)")
    assert {url.split(":")[0] for url in browser.requests} <= {"file", "data"}


@awkward
@pytest.mark.slow
def test_a_picture_of_a_report_by_keyboard(browser: Browser, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    nasty_report(Path("#1?.html"))
    browser.open(tmp_path / "#1?.html", prefers_color_scheme="dark")
    browser.run("$('.looks [data-look=list]').click(); $('.card').focus()")
    browser.key("ArrowDown")
    assert browser.run("return document.activeElement.title") == "in/\\xff\\xfe.png"
    browser.run("document.activeElement.click()")
    assert browser.run("return $('dialog').open && $('#shown').textContent") == "in/\\xff\\xfe.png"
    middle = browser.run("return $('.slides input').value")
    browser.key("ArrowUp")
    assert browser.run("return $('.slides input').value") != middle
    assert browser.run(TOOLS + "$('.all').click(); return until(loaded)")  # the files themselves
    browser.key("ArrowLeft")
    assert browser.run(TOOLS + "return until(() => loaded() && $('#shown').textContent.includes('<img'))")
    browser.run("$('dialog').close(); await frames()")
    assert "<img" in browser.run("return document.activeElement.title")


@pytest.mark.slow
def test_a_report_without_scripts(browser: Browser, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    report = Report(Path("run.html"))
    report.begin("x", "")
    add(report, "<i>.png", views())
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.call("Page.navigate", url=(tmp_path / "run.html").as_uri())
        end = time.monotonic() + 60
        while not browser.run("return document.readyState === 'complete' && $$('.plain img').length === 1"):
            assert time.monotonic() < end, "the page was not ready within a minute"
            time.sleep(0.05)
        assert browser.run("return $('.plain img').naturalWidth === 60 && $('.bar').hidden")
        assert browser.run("return $$('.plain')[1].innerText") == "in/<i>.png · noise 12.2 · real · 1.5 s"
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
