"""Measure: every method on every picture of a set, the same way for all of them."""

from __future__ import annotations

import hashlib
import heapq
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from restore.errors import ImageError, RestoreError
from restore.evaluation.methods import Method, counted
from restore.evaluation.pictures import Picture, PictureSet
from restore.evaluation.protocols import RESULT, Case, Protocol, rounded, to_bytes
from restore.evaluation.results import Row, Scored, Shown, Table
from restore.evaluation.scoring import Scorer

Say = Callable[[str], None]
Tick = Callable[[str, int, int], None]


def measure(
    pictures: PictureSet, protocol: Protocol, methods: Sequence[Method], scorer: Scorer, *,
    show: int = 0, say: Say = lambda _: None, tick: Tick = lambda *_: None,
) -> Table:  # fmt: skip
    """One table: every method on every picture. Only the method itself is timed.

    show: how many pictures to keep for a report: half of them by turns, half the worst of the first row
    that is restore's. say: is told of every picture that is left out. tick(what, done, total): progress,
    in single restorations. Raises ImageError when no picture could be measured.
    """
    started = time.perf_counter()
    sheet = _Sheet(pictures, protocol, methods, scorer, show)
    total = len(pictures.files) * len(methods)
    for number, picture in enumerate(pictures.read()):

        def report(done: int, before: int = number * len(methods)) -> None:
            tick(sheet.table.title, before + done, total)

        report(0)
        if isinstance(picture, Picture):
            try:
                sheet.add(picture, protocol.apply(picture.clean), report)
                continue
            except (RestoreError, ValueError) as error:
                picture = picture.name, str(error)
        name, reason = picture
        sheet.table.left_out[name] = reason
        say(f"{name} is left out of {sheet.table.title}: {reason}")
    table = sheet.finished()
    if not table.count:
        first = next(iter(table.left_out.values()), "no pictures")
        raise ImageError(f"{pictures.root}: not one picture could be measured ({first})")
    table.scoring_seconds = time.perf_counter() - started - sheet.method_seconds
    return table


class _Sheet:
    """A table while it is being filled; a picture comes in whole or not at all."""

    def __init__(
        self, pictures: PictureSet, protocol: Protocol, methods: Sequence[Method], scorer: Scorer, show: int
    ):
        crop = f"centre crops of {pictures.crop}x{pictures.crop}" if pictures.crop else "whole pictures"
        border = protocol.border
        edge = f"a border of {border} pixels left out of PSNR and SSIM" if border else "no border left out"
        words = f"{protocol.words}. {RESULT}. RGB, {crop}, {edge}."
        rows = [Row(m.name, m.kind, m.device, m.weights, dict(m.options), dict(m.sweep)) for m in methods]
        self.table = Table(
            protocol.task, pictures.name, "", protocol.name, words, protocol.level, protocol.level_name,
            list(scorer.chosen), rows,
        )  # fmt: skip
        self.method_seconds = 0.0
        self._protocol, self._methods, self._scorer = protocol, methods, scorer
        self._clean, self._inputs = hashlib.sha256(), hashlib.sha256()
        own = next((k for k, row in enumerate(rows) if row.kind == "restore"), 0)
        self._gallery = _Gallery(show, len(pictures.files), own, scorer.chosen[0].higher_is_better)

    def add(self, picture: Picture, case: Case, report: Callable[[int], None]) -> None:
        """Run and score all methods on one picture."""
        reference = self._scorer.of(case, self._protocol.border)
        megapixels = case.clean.shape[-2] * case.clean.shape[-1] / 1e6
        found: list[tuple[Scored, int | None, Tensor]] = []
        for k, method in enumerate(self._methods):
            result, seconds, calls, peak = _timed(method, case)
            if result.shape != case.clean.shape:
                w, h, own = result.shape[-1], result.shape[-2], case.clean.shape
                raise ValueError(f"{method.name} gives {w}x{h}, the reference is {own[-1]}x{own[-2]} (w x h)")
            result = rounded(result)
            scored = Scored(picture.name, reference.scores(result), seconds, megapixels, calls)
            found.append((scored, peak, result))
            report(k + 1)
        for row, (scored, peak, _) in zip(self.table.rows, found, strict=True):
            row.pictures.append(scored)
            row.peak_bytes = peak if peak is None else max(peak, row.peak_bytes or 0)
            self.method_seconds += scored.seconds
        self._clean.update(to_bytes(case.clean).tobytes() + repr(case.clean.shape).encode())
        # To a sixteenth of a grey level: what two machines' arithmetic may differ by does not count.
        self._inputs.update((case.given.image * 255 * 16).round().short().numpy().tobytes())
        self.table.count += 1
        if picture.overlap:
            self.table.overlaps[picture.name] = picture.overlap
        labels = [row.label for row in self.table.rows]
        self._gallery.offer(picture.name, case, [f[0] for f in found], [f[2] for f in found], labels)

    def finished(self) -> Table:
        table = self.table
        table.set_hash, table.inputs_hash = self._clean.hexdigest()[:12], self._inputs.hexdigest()[:12]
        table.shown = self._gallery.shown()
        return table


def _timed(method: Method, case: Case) -> tuple[Tensor, float, int | None, int | None]:
    """(result, seconds, network calls, peak memory in bytes)."""
    with counted(method.backbone) as calls:
        _forget_peak(method.device)
        start = time.perf_counter()
        result = method.run(case.given).float().cpu()  # waits for the device
        seconds = time.perf_counter() - start
    return result, seconds, len(calls) if method.backbone else None, _peak(method.device)


def _forget_peak(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
        return
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak starts anew from what is in use


def _peak(device: str) -> int | None:
    """The largest memory of the process (of the card on a GPU) since the peak was forgotten."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated()
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return None
    return 1024 * int(found[1]) if found else None


class _Gallery:
    """The pictures that a report shows: some by turns, and the worst of one row."""

    def __init__(self, show: int, count: int, row: int, higher_is_better: bool):
        self._by_turns = set(np.linspace(0, count - 1, min(show - show // 2, count)).round().astype(int))
        self._worst = show // 2
        self._row, self._sign = row, 1 if higher_is_better else -1
        self._seen = 0
        self._kept: list[tuple[int, Shown]] = []
        self._heap: list[tuple[float, int, Shown]] = []

    def offer(
        self, name: str, case: Case, scored: list[Scored], results: list[Tensor], labels: list[str]
    ) -> None:
        number = self._seen
        self._seen += 1
        badness = -self._sign * (next(iter(scored[self._row].scores.values())) or 0.0)
        chosen = number in self._by_turns
        if not chosen and not (self._worst and (len(self._heap) < self._worst or badness > self._heap[0][0])):
            return
        hole = case.given.hole
        shown = Shown(
            name,
            to_bytes(case.clean),
            to_bytes(case.given.image),
            {label: to_bytes(result) for label, result in zip(labels, results, strict=True)},
            None if hole is None else hole[0, 0].numpy() > 0,
            "by turns" if chosen else "one of the worst",
        )
        if chosen:
            self._kept.append((number, shown))
        else:
            push = heapq.heappush if len(self._heap) < self._worst else heapq.heapreplace
            push(self._heap, (badness, number, shown))

    def shown(self) -> list[Shown]:
        worst = [(number, shown) for _, number, shown in self._heap]
        return [shown for _, shown in sorted(self._kept + worst, key=lambda pair: pair[0])]
