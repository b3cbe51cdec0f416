"""Manifests as files: what is read of them, whoever wrote them, and what is appended."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import check_events

from restore.cli import manifest as module
from restore.cli import manifest_file
from restore.cli.manifest import NONE, Manifest
from restore.cli.manifest_file import ManifestFile
from restore.cli.manifest_lines import STATES, Item, begun_line, result_line
from restore.cli.manifest_plan import Asked
from restore.cli.manifest_status import facts_of, lines_of
from restore.cli.naming import Naming
from restore.errors import ManifestError, OutputError

HEADER = Asked(("scans",), "clean", Naming("")).line(Path("clean"))
NAMES = [
    "scans/a.png",
    'scans/"b".png',
    "scans/\udcff\x1b[31m.png",
    "scans/ü\\é.png",
    "scans/\N{GRINNING FACE}.png",
]


def item(number: int, **more: Any) -> Item:
    name = NAMES[number % len(NAMES)]
    return Item(number, name, name.replace("scans", "clean"), size_bytes=100 + number, mtime=5.25)._replace(
        **more
    )


def written(*lines: str, end: str = "\n", path: str = "run.jsonl") -> Manifest:
    Path(path).write_text("\n".join([HEADER, *lines]) + end, encoding="ascii")
    with Manifest(Path(path)) as found:
        return found


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_lines_are_events_and_names_come_back() -> None:
    lines = [item(number).line() for number in range(len(NAMES))]
    check_events("\n".join([HEADER, *lines, begun_line(0, 1), result_line(1, "done", 0.5, {"output": None})]))
    found = written(*lines)
    with Manifest(Path("run.jsonl")) as again:
        assert [each.input for each in again.items(range(len(found)))] == NAMES
        assert [again.names(number)[0] for number in range(len(NAMES))] == NAMES
        assert again.item(1) == item(1)
        assert list(again.mtimes) == [5_250_000] * 5 and list(again.sizes) == [100, 101, 102, 103, 104]


@pytest.mark.parametrize("few", [0, 2**14])
def test_quick_and_slow_readers_agree(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines as they are written here, as other programs write them again, torn ones and foreign ones."""
    monkeypatch.setattr(module, "FEW", few)
    monkeypatch.setattr(module, "CHUNK", 700)
    rng = random.Random(0)
    lines, items, last = [], 40, {}
    for number in range(items):
        lines.append(item(number, mtime=rng.choice([None, 1.5, 1764476617.123456])).line())
    for _ in range(150):
        number = rng.randrange(items)
        state = rng.choice(STATES[1:])
        seconds = rng.choice([None, 0.0, 1.25, 12.003])
        facts = {"output": None, "output_size_bytes": rng.randrange(9**9), "output_mtime_seconds": 7.000001}
        line = result_line(number, state, seconds, facts if rng.random() < 0.7 else {"output": None})
        if state == "begun":
            line = begun_line(number, rng.randrange(1, 9))
        told = json.loads(line)
        last[number] = told
        lines.append(
            rng.choice([line, json.dumps(told, separators=(",", ":")), json.dumps(told, sort_keys=True)])
        )
    torn = [
        "",
        '{"event": "picture", "sch',
        "garbage",
        "[1]",
        '{"event": "picture", "schema": 1, "item": 1, "st',
    ]
    foreign = [
        '{"event": "picture", "schema": 1, "item": 999, "status": "done", "output": null}',
        '{"event": "picture", "schema": 1, "item": -1, "status": "done", "output": null}',
        '{"event": "picture", "schema": 1, "item": 1, "status": "planned", "output": null}',
        '{"event": "item", "schema": 1, "item": 77, "size_bytes": 1, "input": "x", "output": "y"}',
        '{"event": "item", "schema": 2, "item": 40, "size_bytes": 1, "input": "x", "output": "y"}',
        '{"event": "picture", "schema": 1, "item": 1e99, "status": "done", "output": null}',
        '{"hello": 1}',
    ]
    for line in [*torn, *foreign]:
        lines.insert(rng.randrange(items, len(lines)), line)
    found = written(*lines)
    assert (len(found), found.cut, found.foreign) == (items, len(torn) - 1, len(foreign))
    for number, told in last.items():
        assert STATES[found.states[number]] == told["status"]
        assert found.seconds[number] == pytest.approx(told.get("seconds", 0))
        assert found.runs[number] == told.get("run", 0)
        assert found.output_sizes[number] == told.get("output_size_bytes", NONE)
        assert found.output_mtimes[number] == (7_000_001 if "output_mtime_seconds" in told else NONE)


def test_the_last_line_counts_and_a_changed_input_waits_again() -> None:
    done = result_line(0, "done", 1, {"output": "clean/a.png"})
    failed = result_line(0, "failed", None, {"output": None, "error": "no"})
    assert written(item(0).line(), failed, done).counts()["done"] == 1
    assert written(item(0).line(), done, failed).counts()["failed"] == 1
    again = written(item(0).line(), done, item(0, size_bytes=7).line())
    assert (again.counts()["waiting"], len(again), int(again.sizes[0])) == (1, 1, 7)
    assert written(item(0).line(), done, item(0).line(), failed).counts()["failed"] == 1


def test_what_is_appended_later_is_read_when_it_is_whole() -> None:
    written(item(0).line(), item(1).line())
    with Manifest(Path("run.jsonl")) as found, Path("run.jsonl").open("a") as file:
        assert not found.refresh()
        line = result_line(0, "done", 1, {"output": None})
        file.write(line[:30])
        file.flush()
        found.refresh()
        assert found.counts()["done"] == 0
        file.write(line[30:] + "\n")
        file.flush()
        assert found.refresh() and found.counts()["done"] == 1
        os.truncate("run.jsonl", 10)
        with pytest.raises(ManifestError, match="has become shorter"):
            found.refresh()


def test_what_is_no_manifest_is_refused_in_a_line() -> None:
    Path("folder").mkdir()
    os.mkfifo("pipe")
    for name, content in (
        ("empty", b""), ("garbage", b"\x00\xff" * 500), ("text", b"dear diary\n"),
        ("torn", HEADER.encode()[:50]),
        ("other", b'{"event": "picture", "schema": 1}\n'), ("wide", HEADER.encode("utf-16")),
        ("later", HEADER.replace('"schema": 1', '"schema": 2').encode() + b"\n"),
    ):  # fmt: skip
        Path(name).write_bytes(content)
        with pytest.raises(ManifestError, match=f"^{name}: expected a manifest") as caught:
            Manifest(Path(name))
        assert "\n" not in str(caught.value)
    for name in ("folder", "pipe", "missing", "a" * 300):
        with pytest.raises(ManifestError, match=r"expected|no such manifest"):
            Manifest(Path(name))
    with pytest.raises(ManifestError, match="schema 1, got 2"):
        Manifest(Path("later"))


def test_a_torn_line_is_ended_before_the_next() -> None:
    written(item(0).line(), '{"event": "picture", "schema": 1, "item": 0, "sta', end="")
    with ManifestFile(Path("run.jsonl")) as file:
        file.append(result_line(0, "done", 1, {"output": None}))
    with Manifest(Path("run.jsonl")) as found:
        assert (found.counts()["done"], found.cut) == (1, 1)
        assert "1 line cut short, passed over" in lines_of(found, facts_of(found))


def test_half_a_line_on_a_full_disk_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    written(item(0).line())
    before, write = Path("run.jsonl").read_bytes(), os.write

    def short(file: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return write(file, data[: max(len(data) - 10, 1)])

    with ManifestFile(Path("run.jsonl")) as file:
        monkeypatch.setattr(manifest_file.os, "write", short)
        with pytest.raises(OutputError, match=r"cannot write to the manifest \(No space left"):
            file.append(result_line(0, "done", 1, {"output": None}))
    assert Path("run.jsonl").read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_manifest_can_be_read_but_not_run() -> None:
    written(item(0).line())
    Path("run.jsonl").chmod(stat.S_IRUSR)
    with Manifest(Path("run.jsonl")) as found:
        assert len(found) == 1
    with pytest.raises(OutputError, match="cannot write to the manifest"):
        ManifestFile(Path("run.jsonl"))


def _append(path: Path, number: int) -> None:
    with ManifestFile(path) as file:
        for _ in range(50):
            file.append(result_line(number, "done", 1, {"output": None, "error": "x" * 5000}))


def test_processes_append_whole_lines() -> None:
    written(*(item(number).line() for number in range(4)))
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append, args=(Path("run.jsonl"), number)) for number in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    with Manifest(Path("run.jsonl")) as found:
        assert (found.counts()["done"], found.cut, found.foreign) == (4, 0, 0)
    assert len(Path("run.jsonl").read_bytes().splitlines()) == 5 + 200


def test_failures_are_told_by_kind() -> None:
    lines = [item(number).line() for number in range(5)]
    for number in range(4):
        error = f"{NAMES[number]}: expected a whole picture, got one cut at byte {number}00; get a fresh copy"
        lines.append(
            result_line(number, "failed", None, {"input": NAMES[number], "output": None, "error": error})
        )
    lines.append(result_line(4, "done", 2, {"output": None}))
    written(*lines)
    with Manifest(Path("run.jsonl")) as found:
        told = facts_of(found)
        (kind,) = told["failures"]
        assert kind["error"] == "expected a whole picture, got one cut at byte N; get a fresh copy"
        assert (kind["pictures_count"], len(kind["examples"])) == (4, 3)
        shown = "\n".join(lines_of(found, told))
    assert "failed     4" in shown and "\x1b" not in shown and "\\x1b[31m" in shown
    assert np.isclose(told["seconds_each"], 2)
