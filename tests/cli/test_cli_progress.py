"""What is shown while a command runs: on a terminal, elsewhere, when quiet, when verbose."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_photos import PHOTO
from commands import cli
from PIL import Image

from restore.cli import course as courses
from restore.cli import display as displays
from restore.cli.course import MEASURING, RESTORING, Course, duration, line
from restore.cli.display import Display, cells, cut, shown
from restore.cli.options import Settings
from restore.cli.reporter import Reporter
from restore.cli.weighing import weights_of
from restore.diffusion import watch

SETTINGS = Settings(
    output=None, overwrite=False, weights=None, device="auto", precision="auto", tile=2048, quiet=False,
    json=False, dry_run=False,
)  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    monkeypatch.setattr(Display, "start", lambda self: None)  # no thread that tells the time
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(displays, "EVERY", 10.0)
    return Clock()


def screen(text: str, width: int) -> list[str]:
    """What a terminal of that width shows of a text. Any letter beyond it is an error."""
    rows, at = [[]], 0
    for letter in text:
        if letter == "\n":
            rows, at = [*rows, []], 0
        elif letter in "\r\b":
            at = 0 if letter == "\r" else at - 1
        else:
            assert letter.isprintable(), f"{letter!r} steers the terminal"
            rows[-1][at:] = [letter, *rows[-1][at + 1 :]]
            at += 1
            assert cells("".join(rows[-1])) < width
    return ["".join(row).rstrip() for row in rows]


def halfway(course: Course, clock: Clock, name: str = "photo.jpg", steps: int = 20) -> None:
    """Come to the middle of a picture in ten seconds of steps."""
    course.begin(name)
    course.do(RESTORING)
    clock.now += 10
    course.step(steps // 2, steps)


# --- the course -----------------------------------------------------------------------------------


def test_one_picture_is_told_by_steps_and_time(clock: Clock) -> None:
    course = Course([1.0], clock)
    course.begin("photo.jpg")
    course.do("reading")
    assert line(course) == "photo.jpg: reading"
    clock.now += 4
    assert line(course) == "photo.jpg: reading, 4 s"
    halfway(course, clock)
    assert line(course) == "photo.jpg: step 11 of 20, 50 %, 10 s left"
    clock.now += 4
    assert line(course) == "photo.jpg: step 11 of 20, 50 %, 6 s left"


def test_a_step_is_told_within(clock: Clock) -> None:
    course = Course([1.0], clock)
    course.begin("photo.jpg")
    course.do(RESTORING)
    course.expect(2)
    course.within(0.5)
    assert course.share == 0.25
    course.expect(1)  # of a part: those that were told first hold
    course.step(1, 2)
    assert course.share == 0.5
    course.step(0, 10)  # of another part
    assert course.share == 0.5, "never back"


def test_what_is_measured_of_the_result_counts(clock: Clock) -> None:
    course = Course([1.0], clock)
    course.begin("photo.jpg")
    course.stage.later = 60
    course.do(RESTORING)
    course.step(0, 20)
    clock.now += 5
    course.step(10, 20)
    assert course.share == pytest.approx(10 / 80)
    assert course.left == pytest.approx(35)
    course.step(20, 20)
    course.do(MEASURING)
    course.within(0.0)
    assert course.share == pytest.approx(20 / 80)
    clock.now += 10
    course.within(0.1)  # slower than was expected
    assert course.share == pytest.approx(26 / 80)
    assert course.left == pytest.approx(90)
    assert line(course) == "photo.jpg: measuring how sure the result is, 10 s, 32 %, 2 min left"
    course.within(1.0)
    assert course.share == 1


def test_loading_is_no_work(clock: Clock) -> None:
    course = Course([1.0, 1.0], clock)
    course.begin("a.png")
    course.do("reading")
    with course.during(courses.LOADING):
        clock.now += 1000
    course.do(RESTORING)
    clock.now += 10
    course.step(1, 2)
    assert course.spent == {"reading": 0.0, "loading the network": 1000.0}
    assert course.left == pytest.approx(10 + 20)


def test_what_loads_within_a_step_is_not_counted(clock: Clock) -> None:
    course = Course([1.0], clock)
    course.begin("a.png")
    course.do(RESTORING)
    with course.during(courses.LOADING):
        clock.now += 1000
    clock.now += 10
    course.step(1, 2)
    assert course.left == pytest.approx(10)


def test_pictures_are_weighed(clock: Clock) -> None:
    course = Course([2.0, 1.0, 3.0], clock)
    halfway(course, clock)
    clock.now += 10
    course.end()
    assert course.share == pytest.approx(2 / 6)
    course.begin("b.png")
    assert course.left == pytest.approx(40)
    assert line(course) == "picture 2 of 3, 33 %, 40 s left: b.png"


def test_nothing_is_foretold_from_little(clock: Clock) -> None:
    course = Course([1.0], clock)
    course.begin("a.png")
    course.do(RESTORING)
    clock.now += 1
    course.step(1, 2)
    assert course.left is None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (9.4, "9 s"), (42, "40 s"), (100, "2 min"), (3600, "1 h"), (5400, "1 h 30 min")],
)
def test_durations_are_as_exact_as_estimates(seconds: float, said: str) -> None:
    assert duration(seconds) == said


# --- on a terminal --------------------------------------------------------------------------------


def drawn(name: str, width: int, clock: Clock, pictures: int = 1) -> str:
    terminal = Terminal()
    course = Course([1.0] * pictures, clock)
    display = Display(course, terminal, clock=clock, columns=lambda: width)
    halfway(course, clock, name)
    display.show(now=True)
    (row,) = screen(terminal.getvalue(), width)
    return row


def test_a_bar_on_a_terminal(clock: Clock) -> None:
    bar = "█" * 12 + "░" * 12
    assert drawn("a.png", 100, clock) == f"a.png: step 11 of 20  50 % |{bar}| 10 s left"
    assert drawn("a.png", 100, clock, 2) == f"picture 1 of 2  25 % |{'█' * 6}{'░' * 18}| 30 s left: " + (
        "a.png, step 11 of 20"
    )


@pytest.mark.parametrize(
    "name", ["a.png", "夜景の写真" * 20, "e\u0301te\u0301" * 30, "\x1b[2Jevil\r\n.png", "ف" * 90]
)
@pytest.mark.parametrize("width", [200, 80, 40, 20, 8, 1])
def test_no_width_and_no_name_breaks_the_line(name: str, width: int, clock: Clock) -> None:
    for pictures in (1, 40):
        assert "%" in drawn(name, width, clock, pictures) or width < 60


def test_a_terminal_without_such_letters(clock: Clock) -> None:
    course = Course([1.0], clock)
    halfway(course, clock)
    assert "|############............|" in shown(course, 100, displays.PLAIN)
    terminal = Terminal()
    terminal.encoding = "latin-1"
    Display(course, terminal, clock=clock, columns=lambda: 80).show(now=True)
    terminal.getvalue().encode("ascii")


def test_a_dumb_terminal_gets_plain_lines(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    terminal, course = Terminal(), Course([1.0], clock)
    display = Display(course, terminal, clock=clock)
    halfway(course, clock)
    display.show()
    display.close()
    assert terminal.getvalue() == "photo.jpg: step 11 of 20, 50 %, 10 s left\n"


def test_notes_stand_above_the_bar_which_goes(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(displays, "width_of", lambda stream: 80)
    reporter = Reporter(SETTINGS, [1.0, 1.0], clock)
    reporter.begin("a.png")
    reporter.do("reading")
    reporter.note("hear, hear")
    with reporter.restoring():
        watch.expect(2)
        told = watch.parts_of(4)
        assert told is not None
        clock.now += 1
        told(1)
        clock.now += 1
        reporter.progress(1, 2)
        assert screen(terminal.getvalue(), 80)[-1].startswith("picture 1 of 2  25 % |")
    reporter.error("no good")
    before = terminal.getvalue()
    reporter.close()
    assert screen(before, 80)[:2] == ["note: hear, hear", "error: no good"]
    assert screen(terminal.getvalue(), 80)[2:] == [""]
    reporter.note("after all")
    assert screen(terminal.getvalue(), 80)[2:] == ["note: after all", ""]


def test_the_echo_of_an_interrupt_is_wiped(clock: Clock) -> None:
    terminal, course = Terminal(), Course([1.0], clock)
    display = Display(course, terminal, clock=clock, columns=lambda: 80)
    halfway(course, clock)
    display.show(now=True)
    terminal.write("^C")
    display.close()
    assert screen(terminal.getvalue(), 80) == [""]


def test_a_terminal_that_is_gone_ends_nothing(clock: Clock) -> None:
    class Gone(Terminal):
        def write(self, text: str) -> int:
            raise OSError(5, "Input/output error")

    course = Course([1.0], clock)
    display = Display(course, Gone(), clock=clock, columns=lambda: 80)
    halfway(course, clock)
    display.show(now=True)
    display.close()


# --- elsewhere ------------------------------------------------------------------------------------


def test_a_plain_line_every_ten_seconds(clock: Clock) -> None:
    stream, course = io.StringIO(), Course([1.0, 1.0], clock)
    display = Display(course, stream, clock=clock)
    course.begin("a\x1b.png")
    course.do(RESTORING)
    for second in range(25):
        course.step(second, 100)
        display.show(now=second % 2 == 0)
        clock.now += 1
    display.close()
    lines = stream.getvalue().splitlines()
    assert lines == [
        "picture 1 of 2, 5 %, 3 min left: a\\x1b.png, step 11 of 100",
        "picture 1 of 2, 10 %, 3 min left: a\\x1b.png, step 21 of 100",
    ]


def test_a_short_run_says_nothing(clock: Clock) -> None:
    stream, course = io.StringIO(), Course([1.0], clock)
    display = Display(course, stream, clock=clock)
    course.begin("a.png")
    course.do(courses.LOADING)
    clock.now += 60
    display.show()
    course.do(RESTORING)
    clock.now += 9
    course.step(1, 1)
    display.show(now=True)
    display.close()
    assert stream.getvalue() == ""


def test_a_display_tells_the_time_by_itself() -> None:
    terminal = Terminal()
    display = Display(Course([1.0], lambda: 0.0), terminal, clock=lambda: 0.0)
    display.start()
    thread = display._beat
    assert thread is not None and thread.daemon
    display.close()
    assert not thread.is_alive()


def test_text_is_cut_by_its_columns() -> None:
    assert (cells("ab"), cells("夜景"), cells("e\u0301")) == (2, 4, 1)
    assert (cut("夜景夜景", 8), cut("夜景夜景", 7), cut("abc", 2)) == ("夜景夜景", "夜景...", "..")


# --- weights --------------------------------------------------------------------------------------


def test_sizes_are_read_from_heads(here: Path) -> None:
    from restore.cli.job_plan import Job

    for name, size in (("a.png", (10, 20)), ("b.jpg", (40, 20)), ("c.tif", (6, 100))):
        Image.new("RGB", size).save(name)
    Path("d.png").write_bytes(b"no picture")
    jobs = [Job(Path(name), None) for name in ("a.png", "b.jpg", "c.tif", "d.png")]
    assert weights_of(jobs) == [200.0, 800.0, 600.0, pytest.approx(1600 / 3)]
    assert weights_of(jobs[:1] * 3) == [1.0] * 3


# --- quiet and verbose ----------------------------------------------------------------------------


def test_verbose_tells_what_is_used_and_how_long_it_took(here: Path, weights: Path) -> None:
    done = cli("denoise", "photo.png", "--sigma", 15, "--weights", weights, "-v", "--tile", 64)
    assert (done.exit_code, done.stdout) == (0, "photo-denoised.png\n")
    text = done.stderr
    h, w = PHOTO.shape[:2]
    assert re.search(
        r"^detail: weights: .*, sha256 \w{12}, .* parameters; on \w+ in (fp32|bf16)$", text, re.M
    )
    assert "detail: photo.png: options: sigma 15, strength 1, specks no, estimate mean, method auto" in text
    assert f"detail: photo.png: {w}x{h} in " in text
    assert re.search(r"^detail: photo\.png: \d+ calls? of the network$", text, re.M)
    assert re.search(r"^detail: photo\.png: reading .* s, .*restoring .* s, writing \d+\.\d s$", text, re.M)


def test_quiet_says_nothing(here: Path, weights: Path) -> None:
    for words in (
        ["denoise", "photo.png", "--sigma", 15, "--estimate", "sample"],
        ["vary", "photo.png"],
        ["inpaint", "photo.png", "--mask", "mask.png"],
    ):
        done = cli(*words, "--weights", weights, "-q", "--steps", 2)
        assert (done.exit_code, done.stderr) == (0, ""), words


COMMANDS = {
    "denoise": ["photo.png"],
    "inpaint": ["photo.png", "--mask", "mask.png"],
    "upscale": ["photo.png"],
    "dejpeg": ["photo.png"],
    "deblur": ["photo.png", "--kernel", "gaussian:2"],
    "repair": ["photo.png"],
    "erase": ["photo.png", "--box", "1,1,4,4"],
    "colorize": ["photo.png"],
    "solve": ["photo.png", "--operator", "blur=gaussian:2"],
    "sample": ["-o", "drawn"],
    "vary": ["photo.png"],
    "fit": ["photo.png", "-o", "w.safetensors"],
    "train": ["c.toml"],
    "convert": ["w.pt", "-o", "w.safetensors"],
    "schedule": ["--name", "cosine"],
    "eval": ["samples", "--data", "a", "--samples", "b"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_quiet_and_verbose_contradict_each_other(command: str, here: Path) -> None:
    for both in (["-q", "-v"], ["--verbose", "--quiet"]):
        done = cli(command, *COMMANDS[command], *both)
        assert done.exit_code == 2
        assert "--quiet and --verbose contradict each other; leave one of them out" in done.stderr


def test_the_command_line_goes_before_the_configuration(here: Path, weights: Path) -> None:
    Path("c.toml").write_text("quiet = true\n")
    words = ["denoise", "photo.png", "--sigma", 15, "--weights", weights, "--config", "c.toml"]
    assert cli(*words).stderr == ""
    assert "detail: " in cli(*words, "--verbose", "--overwrite").stderr


def test_schedule_tells_its_file_and_its_network(here: Path, weights: Path) -> None:
    loud = cli("schedule", "--weights", weights, "-v")
    assert re.match(r"detail: loading took .* s\ndetail: weights: .*, sha256", loud.stderr)
    assert cli("schedule", "--weights", weights, "-q").stderr == ""


def test_what_is_logged_is_a_detail(here: Path) -> None:
    import logging

    from restore.cli.voice import Voice

    logger = logging.getLogger("restore")
    said: list[str] = []
    voice = Voice(quiet=False, verbose=True, clock=lambda: 1.0)
    voice.say = said.append  # type: ignore[method-assign]
    with voice.during("drawing took"):
        logger.info("seed=%d was drawn", 7)
    logger.info("nobody hears")
    assert said == ["detail: seed=7 was drawn", "detail: drawing took 0.0 s"]
