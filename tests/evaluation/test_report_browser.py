"""A real browser shows a report as it is meant, with no network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from chromium import Browser
from chromium import browser as browser
from evaluations import INF, NASTY, PICTURES, H, W, evaluation, row, table

from restore.evaluation.report import html
from restore.evaluation.results import Evaluation, Row

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html(evaluation()), encoding="utf-8")
    return path


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    nothing = table("denoise", "nothing", [Row("median", "baseline"), Row("restore", "restore")])
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
