"""What axe-core finds in each state of the page, light and dark, wide and narrow: nothing serious."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from web_desk import SIZE, Desk
from web_pictures import SCRATCH, noisy_png, scratched_png

pytestmark = pytest.mark.slow

PHONE = {"width": 390, "height": 844}
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core."""
    return str(
        pytest.importorskip("axe_playwright_python.base", reason="comes with the extra test").AXE_SCRIPT
    )


def faults(desk: Desk, axe: str, *rules: str) -> list[str]:
    """What is serious, with the elements that it is about. rules: those alone."""
    # The page moves by itself for a moment after each change: what fades in has not its contrast yet.
    desk.page.wait_for_function("() => document.getAnimations().every(each => each.playState !== 'running')")
    if not desk.page.evaluate("() => 'axe' in window"):
        desk.page.evaluate(axe)
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": rules}
    found = desk.page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [
        f"{each['id']} ({each['impact']}): {json.dumps([node['target'] for node in each['nodes']])}"
        for each in found
        if each["impact"] in SERIOUS
    ]


def check(desk: Desk, axe: str) -> None:
    """Hold the page as it is against all rules, and in the dark against those of contrast."""
    assert faults(desk, axe) == []
    desk.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert faults(desk, axe, "color-contrast") == []
    desk.page.emulate_media(color_scheme="light", reduced_motion="reduce")


@pytest.mark.parametrize("size", [SIZE, PHONE], ids=["desk", "phone"])
def test_nothing_serious_is_found(desk: Desk, axe: str, tmp_path: Path, size: dict[str, int]) -> None:
    desk.page.set_viewport_size(size)  # type: ignore[arg-type]  # a dictionary is one
    desk.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    check(desk, axe)  # nothing is open

    first = scratched_png(tmp_path)
    desk.choose(first)
    desk.is_open(first.name)
    for _ in range(12):
        desk.page.keyboard.press("[")  # a thin brush
    desk.paint(*SCRATCH)
    desk.says("Mask of").wait_for()
    check(desk, axe)

    assert desk.run("Fill")["status"] == "done"
    desk.page.get_by_role("slider", name="Divider between before and after").wait_for()
    check(desk, axe)

    desk.task("Denoise")
    desk.button("More options").click()
    desk.page.get_by_role("searchbox", name="Search options").wait_for()
    check(desk, axe)
    desk.button("Back").click()

    desk.page.keyboard.press("q")
    desk.page.get_by_role("region", name="Queue").or_(
        desk.page.get_by_role("dialog", name="Queue")
    ).wait_for()
    check(desk, axe)
    desk.page.keyboard.press("Escape")

    desk.page.keyboard.press("?")
    desk.page.get_by_role("dialog", name="Keys").wait_for()
    check(desk, axe)
    desk.page.keyboard.press("Escape")

    desk.choose(noisy_png(tmp_path))
    desk.button("All pictures").click()
    desk.page.get_by_role("table").wait_for()
    check(desk, axe)


def test_the_page_can_be_read_in_order(desk: Desk, tmp_path: Path) -> None:
    """Landmarks, one heading of the first order, a language, a title, and words for what changes."""
    page = desk.page
    assert page.title() != ""
    assert page.evaluate("() => document.documentElement.lang") == "en"
    path = scratched_png(tmp_path)
    desk.choose(path)
    desk.is_open(path.name)
    for role, name in (("navigation", "Tasks"), ("navigation", "Pictures"), ("complementary", "Options")):
        page.get_by_role(role, name=name).wait_for()  # type: ignore[arg-type]  # these are roles
    assert page.get_by_role("main").count() == 1
    assert page.locator("[aria-live]:not([aria-live=off]), [role=status], [role=alert]").count() >= 1
