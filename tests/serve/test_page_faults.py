"""What becomes of the page when processes are killed."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from web_desk import Desk
from web_pictures import SCRATCH, scratched_png
from web_server import serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds processes in /proc"),
]


def child(pid: int, module: str) -> int:
    """The process of a server that runs a module."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    (found,) = [each for each in children if module in Path(f"/proc/{each}/cmdline").read_bytes().decode()]
    return int(found)


@pytest.mark.parametrize("module", ["restore.cli.serve.worker", "restore.cli.serve.viewer_process"])
def test_a_killed_process_is_told_and_replaced(desk: Desk, tmp_path: Path, module: str) -> None:
    path = scratched_png(tmp_path)
    desk.choose(path)
    desk.is_open(path.name)
    desk.small_brush()
    desk.paint(*SCRATCH)
    assert desk.run("Fill")["status"] == "done"
    os.kill(child(desk.served.process.pid, module), signal.SIGKILL)
    job = desk.run("Fill")
    if job["status"] == "failed":  # the one that was there when it was killed
        assert re.search(r"was ended by signal 9.*try again", job["error"])
        desk.panel.get_by_text(job["error"]).wait_for()
        job = desk.run("Fill")
    assert job["status"] == "done", job["error"]
    assert len(desk.download(job["results"][0]["name"])) > 1000


def test_a_lost_server_is_told_and_another_one_found(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with serving(tmp_path / "a", *desk.served.network) as first:
        page = Desk(desk.page.context.new_page(), first)
        page.go()
        path = scratched_png(tmp_path)
        page.choose(path)
        page.is_open(path.name)
        first.stop(signal.SIGKILL)
    page.says("The server cannot be reached.").wait_for()
    page.is_open(path.name)  # what was seen is still seen
    port = first.base.rpartition(":")[2]
    with serving(tmp_path / "a", "--port", port, *desk.served.network) as second:
        page.says("The server was restarted").wait_for()
        page.page.get_by_label("Address, or its token").fill(second.address)
        page.button("Open").click()
        page.button("Open pictures").wait_for()
        page.choose(path)
        page.is_open(path.name)
        page.page.close()


def test_a_thumbnail_that_does_not_come_leaves_its_place_and_comes_later(desk: Desk, tmp_path: Path) -> None:
    desk.page.route("**/thumbnail", lambda route: route.abort())
    path = scratched_png(tmp_path)
    desk.choose(path)
    tab = desk.page.get_by_role("navigation", name="Pictures").get_by_role("listitem")
    place, image = tab.locator("span.thumbnail"), tab.locator("img.thumbnail")
    place.wait_for()
    assert place.bounding_box() == {**(place.bounding_box() or {}), "width": 20, "height": 20}
    desk.page.unroute("**/thumbnail")
    image.wait_for()
    desk.until(lambda: image.evaluate("image => image.naturalWidth") or None)
    assert place.count() == 0
