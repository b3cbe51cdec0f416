"""The process that restores for `restore serve`, run in this one."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restore.cli import course, prior_loader
from restore.cli.serve.worker import CANCELLED, Worker
from restore.cli.serve.worker import HOLE as FOUND


@pytest.fixture
def worker(here: Path) -> Iterator[Worker]:
    made = Worker(io.StringIO())
    before = signal.signal(signal.SIGINT, made.interrupt)
    yield made
    signal.signal(signal.SIGINT, before)


def run(worker: Worker, folder: Path, *argv: str, look: bool = False, job: str = "a") -> dict[str, Any]:
    request = {"do": "run", "job": job, "folder": str(folder), "argv": [*argv, "--json"], "look": look}
    return worker._ended(request)


def answers(worker: Worker) -> list[dict[str, Any]]:
    assert isinstance(worker._answers, io.StringIO)
    return [json.loads(line) for line in worker._answers.getvalue().splitlines()]


def there() -> list[str]:
    return sorted(each.name for each in Path().iterdir())


def test_commands_share_one_network_and_tell_what_the_command_line_does(
    worker: Worker, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Any] = []
    load = prior_loader.load_prior
    monkeypatch.setattr(
        prior_loader, "load_prior", lambda settings: loaded.append(settings) or load(settings)
    )
    words = ("inpaint", "photo.png", "--mask", "mask.png", "--weights", str(weights), "--steps", "2")
    first = run(worker, tmp_path, *words)
    second = run(worker, tmp_path, *words, "--seed", "3", "--overwrite", job="b")
    assert len(loaded) == 1
    assert first["code"] == second["code"] == 0 and first["fault"] == ""
    assert [each["output"] for each in first["events"]] == ["photo-inpainted.png"]
    progress = [each["progress"] for each in answers(worker) if each["job"] == "a"]
    assert progress and all(0 <= each["share"] <= 1 for each in progress)
    run(worker, tmp_path, *words, "--tile", "64", "--overwrite")
    assert len(loaded) == 2


def test_what_is_refused_is_told_in_the_words_of_the_command_line(worker: Worker, tmp_path: Path) -> None:
    ended = run(worker, tmp_path, "denoise", "photo.png", "--sigma", "x")
    assert ended["code"] == 2
    assert ended["events"][0]["error"] == (
        "Invalid value for '--sigma': 'x' is not a number in the range 0<=x<=255."
    )
    ended = run(worker, tmp_path, "denoise", "no.png")
    assert ended["events"][0]["error"] == "no.png: no such file; check the name"
    assert ended["said"] == ["error: no.png: no such file; check the name"]


def test_a_fault_of_the_program_is_told(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr("restore.cli.commands.denoise.run_command", broken)
    ended = run(worker, tmp_path, "denoise", "photo.png")
    assert (ended["code"], ended["fault"]) == (1, "a fault in this program, ZeroDivisionError: a fault")


def test_a_look_finds_damage_and_restores_nothing(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = np.zeros((64, 64), bool)
    found[10:40, 20:22] = True
    monkeypatch.setattr("restore.tasks.damage.damage_mask", lambda *_, **__: found)
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save("scratched.png")
    before = there()
    ended = run(worker, tmp_path, "repair", "scratched.png", "--grow", "0", "--dry-run", look=True)
    assert ended["code"] == 0 and ended["events"][0]["status"] == "planned"
    assert ended["events"][0]["scratches_count"] == 1
    assert sorted([*before, FOUND]) == there()
    assert np.array_equal(np.asarray(Image.open(FOUND)) > 0, found)


def test_a_command_ends_when_it_is_cancelled_and_leaves_no_file(
    worker: Worker, tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen(now: course.Course) -> None:
        if now.steps[0] > 1:
            worker._cancel("a")

    worker.host.seen = seen
    before = there()
    words = ("inpaint", "photo.png", "--mask", "mask.png", "--weights", str(weights), "--steps", "20")
    assert run(worker, tmp_path, *words)["code"] == CANCELLED
    assert there() == before
    worker.host.seen = lambda _: None
    assert run(worker, tmp_path, *words, job="b")["code"] == 0


def test_a_job_can_be_cancelled_before_it_begins(worker: Worker, tmp_path: Path) -> None:
    worker._cancel("a")
    assert run(worker, tmp_path, "denoise", "photo.png")["code"] == CANCELLED
    worker._cancel("a")  # it has ended: nothing happens
    assert run(worker, tmp_path, "denoise", "no.png", job="b")["code"] == 1


def test_a_map_of_uncertainty_is_a_part_of_the_work(worker: Worker, tmp_path: Path, weights: Path) -> None:
    told: list[tuple[str, float]] = []
    worker.host.seen = lambda now: told.append((now.doing, now.share))
    words = ("denoise", "photo.png", "--sigma", "10", "--weights", str(weights), "--uncertainty", "map.png")
    assert run(worker, tmp_path, *words)["code"] == 0
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    restoring = [share for doing, share in told if doing == course.RESTORING]
    measuring = [share for doing, share in told if doing == course.MEASURING]
    assert max(restoring) < 0.5 and measuring[0] < 0.5 and measuring[-1] == 1


def test_a_job_that_waits_for_the_network_says_so(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [{"do": "run", "job": "a"}, {"do": "warm", "network": []}, {"do": "run", "job": "b"}]
    worker.listen(io.StringIO("".join(json.dumps(each) + "\n" for each in asked)))
    told = answers(worker)
    assert [each["job"] for each in told] == ["b"]
    assert told[0]["progress"]["doing"] == told[0]["progress"]["line"] == "loading the network"

    class EndError(Exception):
        pass

    def ended(request: dict[str, Any]) -> dict[str, Any]:
        if request["job"] == "b":
            raise EndError
        return {}

    monkeypatch.setattr(worker, "warm", lambda _: None)
    monkeypatch.setattr(worker, "_ended", ended)
    with pytest.raises(EndError):
        worker.work()
    worker.listen(io.StringIO(json.dumps({"do": "run", "job": "c"})))
    assert "c" not in [each.get("job") for each in answers(worker)]
