"""The loop: choose a file, change it, judge what a reader makes of it, keep what is new."""

from __future__ import annotations

import faulthandler
import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import CodeType, FrameType
from typing import Any

from fuzz_edits import mutated
from fuzz_judge import ROOT, Outcome, Target, judged, kind_of_fault

CORPUS = Path(__file__).parents[1] / "corpus"
HANGS_AFTER = 200.0  # seconds for one input, on a busy machine; what is slow is found by its computing time
SHRINKING = 300  # calls to make the input of a fault smaller


@dataclass
class Report:
    """What a run has found.

    calls: inputs tried, those of the corpus included. kept: inputs that reached new lines or messages.
    faults: kind -> (what is wrong, the smallest input that shows it).
    """

    calls: int = 0
    kept: int = 0
    faults: dict[str, tuple[str, bytes]] = field(default_factory=dict)


@dataclass(frozen=True)
class Limits:
    """When a run ends: after so many seconds or calls, whichever comes first. skip: calls done before."""

    seconds: float = 60.0
    calls: int = sys.maxsize
    skip: int = 0


def corpus_of(target: Target) -> dict[str, bytes]:
    """The files that a target begins from, by name."""
    found: dict[str, bytes] = {}
    for folder in (target.name, f"regressions/{target.name}", *target.also):
        place = CORPUS / folder
        files = sorted(place.iterdir()) if place.is_dir() else sorted(CORPUS.glob(folder))
        found |= {f"{folder}/{path.name}": path.read_bytes() for path in files if path.is_file()}
    return found


def explore(
    target: Target,
    *,
    seed: int,
    limits: Limits,
    about_to: Callable[[int, bytes], None] = lambda call, data: None,
    printed: Callable[[], str] = lambda: "",
) -> Report:
    """Try the corpus and changes of it; the same inputs for the same seed, as far as time allows.

    about_to : told the number and the bytes of each input before it is tried.
    """
    report, lines, messages = Report(), Lines(), set[str]()
    pool = list(corpus_of(target).values())
    corpus, start = len(pool), time.monotonic()
    number = limits.skip
    while number < limits.calls and (number < corpus or time.monotonic() - start < limits.seconds):
        if number <= corpus:  # the clock starts behind the corpus
            start = time.monotonic()
        rng = Random(f"{seed} {target.name} {number}")
        data = pool[number] if number < corpus else _drawn(rng, target, pool)
        printed()  # what was printed up to here is nothing that the input has led to
        about_to(number, data)
        with lines.watched():
            outcome = judged(target, data, printed)
        new = lines.new() or outcome.said not in messages
        messages.add(outcome.said)
        if outcome.fault:
            kind = kind_of_fault(outcome.fault)
            if kind not in report.faults:
                report.faults[kind] = smallest(target, data, outcome, printed)
        elif new and number >= corpus:
            pool.append(data)
            report.kept += 1
        number += 1
    report.calls = number
    return report


def _drawn(rng: Random, target: Target, pool: list[bytes]) -> bytes:
    """A change of a file; of those kept lately more often than of others."""
    some = pool[-20:] if rng.random() < 0.3 else pool
    data = mutated(rng, rng.choice(some), rng.choice(pool))
    return target.repaired(data) if rng.random() < 0.7 else data


def smallest(target: Target, data: bytes, outcome: Outcome, printed: Callable[[], str]) -> tuple[str, bytes]:
    """The fault and an input, as small as pieces can be cut out, that shows a fault of the same kind."""
    kind, fault, left = kind_of_fault(outcome.fault), outcome.fault, SHRINKING
    if fault.startswith("took"):  # too slow to be tried over and over
        return fault, data
    size = len(data) // 2
    while size and left:
        at = 0
        while at < len(data) and left:
            shorter, left = data[:at] + data[at + size :], left - 1
            again = judged(target, shorter, printed)
            if again.fault and kind_of_fault(again.fault) == kind:
                data, fault = shorter, again.fault
            else:
                at += size
        size //= 2
    return fault, data


class Lines:
    """The lines of the package that were reached."""

    def __init__(self) -> None:
        self._seen: set[tuple[CodeType, int]] = set()
        self._count = 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note lines that are reached within."""
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(before)

    def new(self) -> bool:
        """Whether there were any that had not been reached when this was asked last."""
        before, self._count = self._count, len(self._seen)
        return self._count > before

    def _called(self, frame: FrameType, _event: str, _value: Any) -> Callable[..., Any] | None:
        return self._stepped if frame.f_code.co_filename.startswith(ROOT) else None

    def _stepped(self, frame: FrameType, event: str, _value: Any) -> Callable[..., Any]:
        if event == "line":
            self._seen.add((frame.f_code, frame.f_lineno))
        return self._stepped


class Guard:
    """For a process of its own: notes each input before it is tried, and ends the process where one hangs.

    Who started the process finds the input in ``folder/current`` and where it hung in ``folder/trace``.
    """

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self._current = os.open(folder / "current", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        self._trace = (folder / "trace").open("w")
        faulthandler.enable(self._trace)
        self._output = os.open(folder / "printed", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        self._read = 0
        self.told = os.fdopen(os.dup(1), "w")  # what the process itself has to say
        for number in (1, 2):
            os.dup2(self._output, number)

    def about_to(self, call: int, data: bytes) -> None:
        """Note the input and start the clock."""
        os.pwrite(self._current, call.to_bytes(8, "little") + data, 0)
        os.ftruncate(self._current, 8 + len(data))
        faulthandler.dump_traceback_later(HANGS_AFTER, exit=True, file=self._trace)

    def printed(self) -> str:
        """What has been printed since this was asked last."""
        sys.stdout.flush()
        sys.stderr.flush()
        start, self._read = self._read, os.fstat(self._output).st_size
        return os.pread(self._output, self._read - start, start).decode("utf-8", "replace")


def noted(folder: Path) -> tuple[int, bytes]:
    """The number and the bytes of the input that a process was at when it ended."""
    data = (folder / "current").read_bytes()
    return int.from_bytes(data[:8], "little"), data[8:]


def saved(folder: Path, data: bytes) -> Path:
    """Where an input is kept: a file named by its hash."""
    path = folder / hashlib.sha256(data).hexdigest()[:12]
    path.write_bytes(data)
    return path
