"""The other tasks at the page: looks, previews, factors, many pictures, cancelling, and what is refused."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from web_desk import Desk, on_the_command_line
from web_pictures import SCRATCH, large_jpeg, noisy_png, scratched_png

pytestmark = pytest.mark.slow


def test_noise_is_found_previewed_and_removed(desk: Desk, tmp_path: Path) -> None:
    path = noisy_png(tmp_path)
    desk.choose(path)
    desk.is_open(path.name)
    desk.task("Denoise")
    desk.panel.get_by_text("Noise sigma estimated at 2").wait_for()
    desk.button("Preview the part in view").click()
    desk.panel.get_by_text("The part in view is a preview").wait_for()
    (preview,) = desk.pictures("preview")
    assert (preview["width"], preview["height"]) == (240, 160)
    strength = desk.panel.get_by_role("textbox", name="Strength, as a number")
    strength.fill("0.8")
    strength.press("Tab")
    job = desk.run("Denoise")
    assert job["status"] == "done", job["error"]
    assert job["options"] == {"strength": 0.8}
    result = desk.download(job["results"][0]["name"])
    assert on_the_command_line(desk.command("--strength 0.8"), tmp_path) == result


def test_a_picture_is_enlarged(desk: Desk, tmp_path: Path) -> None:
    path = scratched_png(tmp_path)
    desk.choose(path)
    desk.is_open(path.name)
    desk.task("Upscale")
    desk.panel.get_by_text("480 × 320 pixels").wait_for()  # noqa: RUF001
    job = desk.run("Enlarge")
    assert job["status"] == "done", job["error"]
    with Image.open(io.BytesIO(desk.download(job["results"][0]["name"]))) as image:
        assert image.size == (480, 320)


def test_many_pictures_in_a_table(desk: Desk, tmp_path: Path) -> None:
    paths = [noisy_png(tmp_path, f"{name}.png", seed=k) for k, name in enumerate("abc")]
    desk.choose(*paths)
    desk.task("Denoise")
    if not desk.page.get_by_role("table").is_visible():
        desk.button("All pictures").click()
    desk.panel.get_by_role("button", name="Denoise 3 pictures").click()
    jobs = desk.until(lambda: found if len(found := desk.jobs()) == 3 else None)
    ended = [desk.ended(job["id"]) for job in jobs]
    assert [job["status"] for job in ended] == ["done"] * 3, ended
    assert len({job["batch"] for job in ended}) == 1
    table = desk.page.get_by_role("table", name="Pictures and their states")
    for path in paths:
        table.get_by_role("row").filter(has_text=path.name).get_by_text("Denoise: done").wait_for()
    with desk.page.expect_download() as begun:
        desk.page.get_by_role("link", name="Download all").click()
    with zipfile.ZipFile(Path(begun.value.path())) as whole:
        assert whole.testzip() is None
        held = {name: whole.read(name) for name in whole.namelist()}
    assert held.keys() == {job["results"][0]["name"] for job in ended}
    command = ["restore", "denoise", "b.png", *desk.served.network]
    assert on_the_command_line(command, tmp_path) == held["b-denoised.png"]


def test_a_batch_fills_what_has_a_mask_and_samples_go_one_by_one(desk: Desk, tmp_path: Path) -> None:
    desk.choose(scratched_png(tmp_path, "plain.png"))
    desk.choose(scratched_png(tmp_path, "masked.png"))
    desk.is_open("masked.png")
    desk.small_brush()
    desk.paint(*SCRATCH)
    desk.button("One result more").click()
    desk.button("All pictures").click()
    desk.panel.get_by_text("1 picture without a mask is left out.").wait_for()
    table = desk.page.get_by_role("table", name="Pictures and their states")
    table.get_by_role("row").filter(has_text="plain.png").get_by_text("No mask yet").wait_for()
    job = desk.run("Fill 1 picture")
    assert job["status"] == "done", job["error"]
    assert [each["picture_name"] for each in desk.jobs()] == ["masked.png"]
    desk.button("Open masked.png").click()
    first, second = (desk.button(f"Delete Inpaint, sample {number}") for number in (1, 2))
    first.focus()
    desk.page.keyboard.press("Enter")
    first.wait_for(state="detached")
    assert [each["id"] for each in desk.pictures("result")] == [job["results"][1]["picture"]]
    second.focus()
    desk.page.keyboard.press("Enter")
    second.wait_for(state="detached")
    assert desk.until(lambda: None if desk.jobs() else True)
    assert len(desk.pictures()) == 2


def test_what_is_begun_can_be_cancelled(desk: Desk, tmp_path: Path) -> None:
    path = scratched_png(tmp_path)
    desk.choose(path)
    desk.is_open(path.name)
    desk.small_brush()
    desk.paint(*SCRATCH)
    desk.button("More options").click()
    desk.page.get_by_role("searchbox", name="Search options").fill("steps")
    steps = desk.panel.get_by_role("textbox", name=re.compile(r"^Steps\b"))
    steps.fill("1000")
    steps.press("Tab")
    desk.button("Back").click()
    for _ in range(4):  # so that it does not end by itself while the browser is slow
        desk.button("One result more").click()
    desk.command("--steps 1000")
    first = desk.start("Fill")
    desk.until(lambda: desk.running(first)["progress"])
    desk.panel.get_by_role("button", name="Cancel", exact=True).first.click()
    assert desk.ended(first)["status"] == "cancelled"
    both = [desk.start("Fill"), desk.start("Fill")]
    assert desk.ask(f"/api/jobs/{both[1]}")["place"] == 1
    desk.page.keyboard.press("q")
    desk.button("Cancel all").click()
    assert [desk.ended(job)["status"] for job in both] == ["cancelled", "cancelled"]
    assert desk.pictures("result") == []


def test_what_the_command_line_refuses_is_refused_in_its_words(desk: Desk, tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_bytes(b"no picture")
    desk.choose_refused(text)
    said = words_of("denoise", str(text)).removeprefix(f"{text}: ")
    assert said.startswith("expected a PNG, JPEG")
    desk.page.get_by_role("alert").get_by_text(said).wait_for()
    assert desk.pictures() == []

    path = noisy_png(tmp_path)
    desk.choose(path)
    desk.is_open(path.name)
    desk.task("Denoise")
    desk.button("More options").click()
    desk.page.get_by_role("searchbox", name="Search options").fill("sigma")
    sigma = desk.panel.get_by_role("textbox", name=re.compile(r"^Sigma\b"))
    sigma.fill("-3")
    sigma.press("Tab")
    said = words_of("denoise", str(path), "--sigma", "-3")
    assert "--sigma" in said
    desk.panel.get_by_text(said).wait_for()
    assert sigma.get_attribute("aria-invalid") == "true"


def words_of(*words: str) -> str:
    """The last line that the command line says."""
    done = subprocess.run(
        [sys.executable, "-m", "restore", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    return done.stderr.splitlines()[-1].partition(": ")[2]


def test_a_picture_of_24_megapixels(desk: Desk, tmp_path: Path) -> None:
    path = large_jpeg(tmp_path)
    desk.choose(path)
    desk.is_open(path.name)
    assert 0 < desk.zoom() < 0.3
    desk.paint((2950, 2000), (3050, 2000))  # near the middle, where the rounded zoom does no harm
    desk.says("Mask of").wait_for()
    desk.page.keyboard.press("1")
    desk.page.get_by_text("Zoom 100 %.").wait_for()
    job = desk.run("Fill")
    assert job["status"] == "done", job["error"]
    with Image.open(io.BytesIO(desk.download(job["results"][0]["name"]))) as image:
        assert (image.format, image.size) == ("JPEG", (6000, 4000))
    # The page was given tiles and thumbnails, never the file.
    asked = [url for url in desk.asked if "/api/pictures/" in url]
    assert not [url for url in asked if url.endswith("/file")]
    assert any("/tiles/" in url for url in asked)


def test_the_history_tells_what_made_a_result_and_why_a_job_failed(desk: Desk, tmp_path: Path) -> None:
    path = large_jpeg(tmp_path, "cut.jpg", (300, 200))
    path.write_bytes(path.read_bytes()[:-3000])
    desk.choose(path)
    desk.is_open(path.name)
    desk.task("Denoise")
    failed = desk.run("Denoise")
    assert failed["option"] == "allow_damaged"
    desk.panel.get_by_text("The file is damaged, so nothing was restored.").wait_for()
    desk.panel.get_by_role("button", name="Show --allow-damaged").first.click()
    group = desk.panel.get_by_role("group", name=re.compile("^Allow damaged"))
    group.get_by_text("Yes", exact=True).click()
    desk.button("Back").click()
    desk.command("--allow-damaged")
    strength = desk.panel.get_by_role("textbox", name="Strength, as a number")
    for value in ("0.4", "0.8"):
        strength.fill(value)
        strength.press("Tab")
        job = desk.run("Denoise")
        assert job["status"] == "damaged", (job["options"], job["error"])
    assert desk.panel.get_by_text("The file is damaged, so nothing").count() == 0
    desk.button("Denoise failed: show why").click()
    desk.panel.get_by_text("Denoise failed: expected a whole picture").wait_for()
    desk.page.locator(".strip").get_by_role("button", name="Show Denoise").first.click()
    made = desk.panel.get_by_role("region", name="Result").locator("code").filter(has_text="--strength 0.4")
    made.wait_for()
    assert desk.command("--strength 0.8")
    desk.button("Use these options").click()
    desk.command("--strength 0.4")
    desk.until(lambda: strength.input_value() == "0.4" or None)
