"""A person at the page: a scratch is painted over, filled, compared, taken back and downloaded."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from picture_files import SRGB
from PIL import Image
from web_desk import Desk, on_the_command_line
from web_pictures import SCRATCH, deep_tiff, scratched, scratched_png

pytestmark = pytest.mark.slow


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def test_a_scratch_is_filled_as_on_the_command_line(desk: Desk, tmp_path: Path) -> None:
    path = scratched_png(tmp_path)
    desk.drop(path, "image/png")
    desk.is_open(path.name)
    desk.small_brush()
    desk.paint(*SCRATCH)
    desk.says("Mask of").wait_for()
    desk.page.keyboard.press("Control+z")
    desk.says("No mask.").wait_for()
    desk.button("Redo").click()
    desk.says("Mask of").wait_for()

    job = desk.run("Fill")
    assert (job["status"], job["error"]) == ("done", None)
    modes = desk.page.get_by_role("toolbar", name="Before and after")
    for name in ("Before", "Side by side", "Blink", "After", "Divider"):
        modes.get_by_role("button", name=name, exact=True).click()
        assert modes.get_by_role("button", name=name, exact=True).get_attribute("aria-pressed") == "true"
    divider = desk.page.get_by_role("slider", name="Divider between before and after")
    at = divider.get_attribute("aria-valuenow")
    divider.press("ArrowRight")
    desk.page.wait_for_function(
        "([is, was]) => is.getAttribute('aria-valuenow') !== was", arg=[divider.element_handle(), at]
    )

    result, mask = desk.download(job["results"][0]["name"]), desk.download_mask()
    hole = pixels(mask) > 127
    assert hole.shape == (160, 240) and hole[80, 105] and 0.005 < hole.mean() < 0.1
    before, after = scratched(), pixels(result)
    np.testing.assert_array_equal(after[~hole], before[~hole])
    assert np.abs(after[hole].astype(int) - before[hole]).max() > 20
    (tmp_path / "scratched-mask.png").write_bytes(mask)
    command = desk.command("restore inpaint scratched.png --mask scratched-mask.png")
    assert on_the_command_line(command, tmp_path) == result
    assert {url.split("/")[2] for url in desk.asked if url.startswith("http")} == {desk.served.base[7:]}


def test_sixteen_bits_and_the_profile_stay(desk: Desk, tmp_path: Path) -> None:
    path = deep_tiff(tmp_path)
    desk.choose(path)
    desk.is_open(path.name)
    desk.small_brush()
    desk.paint(*SCRATCH)
    job = desk.run("Fill")
    assert job["status"] == "done", job["error"]
    result, hole = desk.download(job["results"][0]["name"]), pixels(desk.download_mask()) > 127
    with tifffile.TiffFile(io.BytesIO(result)) as tiff:
        after, tags = tiff.asarray(), tiff.pages[0].tags  # type: ignore[union-attr]  # a page, no frame
        assert tags["InterColorProfile"].value == SRGB
        over, under = tags["XResolution"].value
        assert over / under == 300
    assert after.dtype == np.uint16
    np.testing.assert_array_equal(after[~hole], tifffile.imread(path)[~hole])


def test_a_reload_loses_nothing_and_tabs_agree(desk: Desk, tmp_path: Path) -> None:
    path = scratched_png(tmp_path)
    desk.choose(path)
    desk.is_open(path.name)
    desk.small_brush()
    with desk.page.expect_response(lambda answer: answer.url.endswith("/strokes")):
        desk.paint(*SCRATCH)
    job = desk.run("Fill")
    desk.page.reload()
    desk.is_open(path.name)
    desk.says("Mask of").wait_for()
    link = desk.page.get_by_role("link", name=f"Download {job['results'][0]['name']}").first
    link.wait_for()

    other = Desk(desk.page.context.new_page(), desk.served)
    other.page.goto(desk.served.base)
    other.is_open(path.name)
    other.says("Mask of").wait_for()
    other.page.get_by_role("link", name=f"Download {job['results'][0]['name']}").first.wait_for()
    # What is done in one is seen in the other.
    desk.page.bring_to_front()
    desk.button("Remove the mask").click()
    desk.says("No mask.").wait_for()
    other.page.bring_to_front()
    other.says("No mask.").wait_for()
    more = scratched_png(tmp_path, "second.png")
    other.choose(more)
    desk.page.get_by_role("navigation", name="Pictures").get_by_text("second.png").wait_for()
    other.page.close()
    assert other.faults == []


def test_everything_by_the_keyboard(desk: Desk, tmp_path: Path) -> None:
    path, keys = scratched_png(tmp_path), desk.page.keyboard
    with desk.page.expect_file_chooser() as chooser:
        keys.press("o")
    chooser.value.set_files(path)
    desk.is_open(path.name)
    tab_to(desk, "[role=application]")
    desk.small_brush()
    for _ in range(3):
        keys.press("ArrowRight")
    keys.down(" ")
    for _ in range(6):
        keys.press("ArrowDown")
    keys.up(" ")
    desk.says("Mask of").wait_for()
    keys.press("p")
    tab_to(desk, "button", "Fill")
    assert has_visible_focus(desk)
    with desk.page.expect_response(lambda r: r.url.endswith("/api/jobs")) as answer:
        keys.press("Enter")
    job = desk.ended(answer.value.json()["id"])
    assert job["status"] == "done", job["error"]
    name = job["results"][0]["name"]
    desk.page.get_by_role("link", name=f"Download {name}").first.wait_for()
    tab_to(desk, "[role=application]")
    keys.press("c")
    with desk.page.expect_download() as begun:
        keys.press("d")
    assert begun.value.suggested_filename == name
    keys.press("?")
    desk.page.get_by_role("dialog", name="Keys").wait_for()
    keys.press("Escape")
    desk.page.get_by_role("dialog", name="Keys").wait_for(state="hidden")


def tab_to(desk: Desk, selector: str, words: str = "") -> None:
    """Press Tab until something has the focus."""
    seen = "([selector, words]) => { const at = document.activeElement;"
    seen += " return at.matches(selector) && at.textContent.includes(words); }"
    for _ in range(100):
        if desk.page.evaluate(seen, [selector, words]):
            return
        desk.page.keyboard.press("Tab")
    raise AssertionError(f"{selector} {words} is not reached by Tab")


def has_visible_focus(desk: Desk) -> bool:
    found = "() => { const style = getComputedStyle(document.activeElement);"
    found += " return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1; }"
    return bool(desk.page.evaluate(found))
