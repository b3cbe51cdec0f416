"""Several pictures at once: one bad file alone, the order of what is said, what ends a run."""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_photos import PHOTO
from commands import cli
from PIL import Image

from restore.cli import jobs, lanes, runner, signals
from restore.cli.job_plan import Job
from restore.cli.options import Settings
from restore.cli.outcome import Outcome, Tally
from restore.cli.picture_voice import PictureVoice
from restore.cli.recorder import Recorder
from restore.cli.reporter import Reporter
from restore.cli.run import _restored
from restore.errors import ConfigError, ImageError, OutputError, RestoreError, WeightsError

JOBS = [Job(Path(f"{name}.png"), Path(f"out/{name}.png")) for name in "abcd"]
COUNTS = pytest.mark.parametrize("count", [1, 3])


class Command:
    """What a runner asks of a command before its pictures."""

    growth = 1.0


class Results:
    """What becomes of jobs of which these fail, so many at once; waits: names that come after others."""

    def __init__(
        self,
        errors: dict[str, BaseException],
        count: int,
        monkeypatch: pytest.MonkeyPatch,
        *,
        jobs: list[Job] = JOBS,
        waits: dict[str, str] | None = None,
    ):
        begun: list[str] = []
        ended = {job.name[0]: threading.Event() for job in jobs}

        class Run:
            def __init__(self, _: object, job: Job, __: object, voice: PictureVoice):
                self.job, self.voice = job, voice

            def restore(self) -> Outcome:
                name = self.job.name[0]
                begun.append(name)
                self.voice.note(f"{name} begins")
                if waits and name in waits:
                    assert ended[waits[name]].wait(30)
                try:
                    if name in errors:
                        raise errors[name]
                    return Outcome(self.job, "done")
                finally:
                    self.voice.end()
                    ended[name].set()

            def failed(self, message: str) -> Outcome:
                self.voice.error(message)
                return Outcome(self.job, "failed", {}, message)

        monkeypatch.setattr(runner, "PictureRun", Run)
        settings = Settings(
            output=None, overwrite=False, weights=None, device="cpu", precision="fp32", tile=2048,
            quiet=False, json=False, dry_run=False, jobs=count,
        )  # fmt: skip
        self.runner = runner.Runner(Command(), settings, [1.0] * len(jobs))  # type: ignore[arg-type]
        self.heard: list[str] = []
        self.messages: list[str] = []
        self.runner.listeners += [
            lambda outcome: self.heard.append(outcome.job.name[0]),
            lambda outcome: self.messages.append(outcome.error),
        ]
        try:
            self.tally: Tally = _restored(self.runner, jobs)
        finally:
            self.runner.reporter.close()
        self.begun = begun


@COUNTS
def test_one_bad_file_alone(
    count: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = {"b": ImageError("b.png: truncated"), "c": RestoreError("hollow")}
    found = Results(bad, count, monkeypatch)
    assert (found.tally.done, found.tally.failed, found.tally.interrupted) == (2, 2, False)
    assert sorted(found.begun) == found.heard == list("abcd")
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert said == ["error: b.png: truncated", "error: c.png: hollow"]


@COUNTS
def test_a_fault_of_the_program_is_told_with_its_traceback(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Results({"b": ZeroDivisionError("oh")}, count, monkeypatch)
    assert (found.tally.done, found.tally.failed, sorted(found.begun)) == (3, 1, list("abcd"))
    assert found.messages[1].startswith("b.png: ZeroDivisionError, a fault in this program:\nTraceback")
    with pytest.raises(ZeroDivisionError):
        Results({"a": ZeroDivisionError("oh")}, count, monkeypatch, jobs=JOBS[:1])


@COUNTS
@pytest.mark.parametrize("error", [WeightsError("bad"), ConfigError("no card"), BrokenPipeError()])
def test_what_no_other_job_could_escape_is_raised(
    error: Exception, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(type(error)):
        Results({"b": error}, count, monkeypatch)


@COUNTS
def test_what_another_process_has_done_is_no_failure(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Results({"b": jobs.Overtaken()}, count, monkeypatch)
    assert (found.tally.done, found.tally.overtaken, found.tally.failed) == (3, 1, 0)
    assert found.messages == [""] * 4


def test_interrupt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    errors = {"b": ImageError("b.png"), "c": KeyboardInterrupt()}
    found = Results(errors, 1, monkeypatch)
    assert (found.tally.done, found.tally.failed, found.tally.interrupted) == (1, 1, True)
    assert found.begun == list("abc")
    assert "error: b.png" in capsys.readouterr().err.splitlines()


@COUNTS
def test_a_full_disk_ends_the_run(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    full, locked = OutputError("out/b.png: no space"), OutputError("out/b.png: locked")
    full.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    locked.__cause__ = OSError(errno.EACCES, "Permission denied")
    heard = Results({"b": full}, count, monkeypatch).heard
    # What was in flight and is done counts; with one lane nothing was.
    assert heard == list("ab") or (count > 1 and heard[:2] == list("ab") and heard == sorted(heard))
    assert Results({"b": locked}, count, monkeypatch).heard == list("abcd")


def test_what_is_done_when_an_error_ends_the_run_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    with pytest.raises(WeightsError), monkeypatch.context() as patch:
        take = Tally.add

        def add(self: Tally, outcome: Outcome) -> None:
            seen.append(outcome.job.name[0])
            take(self, outcome)

        patch.setattr(Tally, "add", add)
        Results({"a": WeightsError("bad")}, 2, monkeypatch, jobs=JOBS[:2], waits={"a": "b"})
    assert seen == ["b"]


def test_what_is_said_has_the_order_of_the_jobs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pictures that end in another order are told of in that of the jobs."""
    found = Results({"c": ImageError("c.png: bad")}, 4, monkeypatch, waits={"a": "d", "b": "c"})
    assert found.heard == list("abcd")
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith(("note", "error"))]
    begins = [f"note: {name} begins" for name in "abcd"]
    assert lines == [*begins[:3], "error: c.png: bad", begins[3]]


def test_what_is_done_when_the_user_ends_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first picture is given up; those after it that are done are told of, and the rest never begins."""
    done = threading.Event()

    def interrupted(self: lanes.Lanes) -> Iterator[Outcome]:
        assert done.wait(30)
        yield from ()
        raise KeyboardInterrupt

    errors: dict[str, BaseException] = {"a": lanes_stopped()}
    monkeypatch.setattr(lanes.Lanes, "_in_order", interrupted)
    ended = lanes.Lanes._ended

    def told(self: lanes.Lanes, flight: Any, *rest: Any, **more: Any) -> None:
        ended(self, flight, *rest, **more)
        if all(each.ended for each in self._flights) and len(self._flights) == 2:
            done.set()

    monkeypatch.setattr(lanes.Lanes, "_ended", told)
    found = Results(errors, 2, monkeypatch, jobs=JOBS[:2], waits={"a": "b"})
    assert (found.heard, found.tally.done, found.tally.interrupted) == (["b"], 1, True)


def lanes_stopped() -> BaseException:
    from restore.cli.picture_voice import Stopped

    return Stopped()


# --------------------------------------------------------------------------------- from the command line


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures of two sizes and a file that is none."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        noisy = PHOTO.astype(float) + rng.normal(0, 8 + 4 * (number % 3), PHOTO.shape)
        picture = Image.fromarray(noisy.clip(0, 255).round().astype(np.uint8))
        picture.crop((0, 0, 37 - 8 * (number == 4), 31)).save(f"in/{number}.png")
    Path("in/3b.png").write_bytes(b"no picture")
    return tmp_path


@pytest.mark.usefixtures("one_thread", "folder")
@pytest.mark.parametrize(
    "words", [[], ["--method", "blind", "--estimate", "sample", "--samples", 2, "--steps", 2]]
)
def test_lanes_change_nothing(weights: Path, words: list[object]) -> None:
    """Bytes, messages, events and the exit code are those of one picture after the other."""
    said = {}
    for count in (1, 4):
        done = cli(
            *("denoise", "in", "-o", "out", "--weights", weights, *words),
            *("--jobs", count, "--json", "--precision", "fp32"),
        )
        events = [json.loads(line) for line in done.stdout.splitlines()]
        for event in events:
            event.pop("seconds", None)
        files = {path.name: path.read_bytes() for path in sorted(Path("out").iterdir())}
        said[count] = done.exit_code, events, done.stderr, files
        for path in Path("out").iterdir():
            path.unlink()
    assert said[1] == said[4]
    assert said[1][0] == 1 and len(said[1][3]) == 6 * (1 + ("--samples" in words))


@pytest.mark.usefixtures("one_thread", "folder")
def test_signals_leave_no_half_files(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in flight when the run ends is given up, and nothing stays of it."""

    def ends(self: lanes.Lanes) -> Iterator[Outcome]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(lanes.Lanes, "_in_order", ends)
    done = cli("denoise", "in", "-o", "out", "--weights", weights, "--sigma", 9, "--jobs", 3)
    assert done.exit_code == signals.exit_code()
    assert "error: interrupted with " in done.stderr
    left = sorted(path.name for path in Path("out").iterdir()) if Path("out").exists() else []
    assert all(name.endswith(".png") and not name.startswith(".") for name in left)
    for name in left:
        Image.open(Path("out", name)).load()


def test_few_are_done_ahead_of_what_is_taken() -> None:
    """Where nobody takes what is done, as with a pipe that is not read, memory stays bounded."""
    settings = Settings(
        output=None, overwrite=False, weights=None, device="cpu", precision="fp32", tile=2048,
        quiet=True, json=False, dry_run=False,
    )  # fmt: skip
    todo = [Job(Path(f"{number}.png"), None) for number in range(3 * lanes.AHEAD)]
    done: list[Job] = []
    full = threading.Event()

    def attempt(job: Job, *_: object) -> Outcome:
        done.append(job)
        if len(done) > lanes.AHEAD + 3:  # each lane may have one more
            full.set()
        return Outcome(job, "done")

    found = lanes.Lanes(attempt, Reporter(settings, [1.0]), Recorder, count=2)
    outcomes = found.outcomes(todo)
    assert next(outcomes).job is todo[0]
    assert not full.wait(0.5)
    assert [outcome.job for outcome in outcomes] == todo[1:]
