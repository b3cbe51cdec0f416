"""Measure: every method on every picture of a set, the same way for all of them."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from restore.errors import ImageError
from restore.evaluation.gallery import Gallery
from restore.evaluation.pictures import Picture, PictureSet
from restore.evaluation.protocols import RESULT, Case, Given, Protocol, rounded, to_bytes
from restore.evaluation.results import Method, Row, Scored, Table
from restore.evaluation.scoring import Reference, Scorer

Say = Callable[[str], None]
Tick = Callable[[str, int, int], None]
WARM_UP = 96  # pixels a side


def measure(
    pictures: PictureSet, protocol: Protocol, methods: Sequence[Method], scorer: Scorer, *,
    show: int = 0, say: Say = lambda _: None, tick: Tick = lambda *_: None,
) -> Table:  # fmt: skip
    """One table: every method on every picture. Only the method itself is timed, and not its first call.

    A picture that cannot be read, or that a method fails on, is in no row; a method that fails on more than
    half of the pictures has no row. Both are told to ``say`` and stand in the table. show: how many pictures
    to keep for a report: half of them by turns, half the worst of the first row that is restore's.
    tick(what, done, total): progress, in single restorations. Raises ImageError when nothing could be
    measured.
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
                case = protocol.apply(picture.clean)
            except ValueError as error:
                picture = picture.name, str(error)
            else:
                sheet.add(picture, case, report)
                continue
        sheet.table.left_out[picture[0]] = picture[1]
    table = sheet.finished()
    for name, reason in table.failed.items():
        say(f"{name} has no row in {table.title}: {reason}")
    for name, reason in table.left_out.items():
        say(f"{name} is left out of {table.title}: {reason}")
    if not table.count:
        first = next(iter((table.failed | table.left_out).values()), "no pictures")
        raise ImageError(f"{pictures.name}: not one picture could be measured ({first})")
    table.scoring_seconds = time.perf_counter() - started - sheet.method_seconds
    return table


@dataclass(frozen=True)
class _Entry:
    """What one picture gave: by method its scores and peak memory, or why it failed.

    data: what the hashes are of, where they do not hold it yet.
    """

    name: str
    overlap: str
    found: list[tuple[Scored, int | None] | str]
    data: tuple[bytes, bytes] | None


class _Sheet:
    """A table while it is being filled."""

    def __init__(
        self, pictures: PictureSet, protocol: Protocol, methods: Sequence[Method], scorer: Scorer, show: int
    ):
        crop = f"centre crops of {pictures.crop}x{pictures.crop}" if pictures.crop else "whole pictures"
        border = protocol.border
        edge = f"a border of {border} pixels left out of PSNR and SSIM" if border else "no border left out"
        words = f"{protocol.words}. {RESULT}. RGB, {crop}, {edge}."
        self.table = Table(
            protocol.task, pictures.name, "", protocol.name, words, protocol.level, protocol.level_name,
            protocol.series, list(scorer.chosen), checked=pictures.checked,
        )  # fmt: skip
        self.method_seconds = 0.0
        self._protocol, self._methods, self._scorer = protocol, methods, scorer
        self._rows = [
            Row(m.name, m.kind, m.device, m.weights, dict(m.options), dict(m.sweep)) for m in methods
        ]
        labels = [row.label for row in self._rows]
        if twice := next((label for label in labels if labels.count(label) > 1), None):
            raise ValueError(f"two rows are called {twice!r}; give them different names")
        self._entries: list[_Entry] = []
        self._hashes = hashlib.sha256(), hashlib.sha256()
        own = next((k for k, row in enumerate(self._rows) if row.kind == "restore"), 0)
        self._gallery = Gallery(show, len(pictures.files), own, scorer.chosen[0].higher_is_better)

    def add(self, picture: Picture, case: Case, report: Callable[[int], None]) -> None:
        """Run and score all methods on one picture."""
        if not self._entries:
            self._warm_up(picture.clean)
        reference = self._scorer.of(case, self._protocol.border)
        data = to_bytes(case.clean).tobytes(), _told(case.given)
        results: dict[str, Tensor] = {}
        found: list[tuple[Scored, int | None] | str] = []
        for k, (method, row) in enumerate(zip(self._methods, self._rows, strict=True)):
            one, result = self._one(method, picture.name, case, reference)
            found.append(one)
            if result is not None:
                results[row.label] = result
            report(k + 1)
        # A picture on which all went well stays, and its pixels need not be kept; after a failure it is only
        # known at the end which pictures come next.
        settled = not any(entry.data for entry in self._entries[-1:]) and len(results) == len(found)
        if settled:
            self._hash(data)
        self._entries.append(_Entry(picture.name, picture.overlap, found, None if settled else data))
        scores = [None if isinstance(one, str) else one[0].scores for one in found]
        self._gallery.offer(picture.name, case, scores, results)

    def _hash(self, data: tuple[bytes, bytes]) -> None:
        for digest, part in zip(self._hashes, data, strict=True):
            digest.update(part)

    def _one(
        self, method: Method, name: str, case: Case, reference: Reference
    ) -> tuple[tuple[Scored, int | None] | str, Tensor | None]:
        """((scores, peak memory) or the reason why there are none, the result)."""
        try:
            result, seconds, calls, peak = _timed(method, case.given)
            _check(result, case)
        except Exception as error:  # another's code may raise anything; the run goes on without it
            reason = (str(error).splitlines() or [""])[0]
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            return f"{method.name}: {kind}{reason}", None
        self.method_seconds += seconds
        result = rounded(result)
        megapixels = case.clean.shape[-2] * case.clean.shape[-1] / 1e6
        return (Scored(name, reference.scores(result), seconds, megapixels, calls), peak), result

    def _warm_up(self, clean: Tensor) -> None:
        """Call every network and every classical method once: imports and compilations are not their time."""
        seen: set[int] = set()
        small = self._protocol.apply(clean[..., :WARM_UP, :WARM_UP]) if min(clean.shape[-2:]) > 32 else None
        for method in self._methods:
            key = id(method.prior or method)
            if small is not None and key not in seen:
                seen.add(key)
                try:
                    method.run(_copy(small.given))
                except Exception:
                    continue  # it will fail again where it is measured, and be told

    def finished(self) -> Table:
        """The table without the methods that fail mostly, and without the pictures that others fail on."""
        table = self.table
        failures = [[found for found in column if isinstance(found, str)] for column in self._columns()]
        able = [2 * len(found) <= len(self._entries) for found in failures]
        for row, reasons, fine in zip(self._rows, failures, able, strict=True):
            if fine:
                table.rows.append(row)
            else:
                count = f"{len(reasons)} of {len(self._entries)} pictures failed"
                table.failed[row.label] = f"{count}; {reasons[0]}"
        for entry in self._entries:
            kept = [found for found, fine in zip(entry.found, able, strict=True) if fine]
            if reason := next((found for found in kept if isinstance(found, str)), None):
                table.left_out[entry.name] = reason
                continue
            for row, found in zip(table.rows, kept, strict=True):
                assert not isinstance(found, str)
                row.pictures.append(found[0])
                if found[1] is not None:
                    row.peak_bytes = max(found[1], row.peak_bytes or 0)
            if entry.data:
                self._hash(entry.data)
            table.count += bool(kept)
            if entry.overlap:
                table.overlaps[entry.name] = entry.overlap
        table.set_hash, table.inputs_hash = (digest.hexdigest()[:12] for digest in self._hashes)
        labels = [row.label for row in table.rows]
        table.shown = [
            replace(shown, results={label: shown.results[label] for label in labels})
            for shown in self._gallery.shown()
            if all(label in shown.results for label in labels)
        ]
        return table

    def _columns(self) -> list[list[tuple[Scored, int | None] | str]]:
        return [[entry.found[k] for entry in self._entries] for k in range(len(self._methods))]


def _told(given: Given) -> bytes:
    """Everything that a method is given and told, for a hash.

    To a sixteenth of a grey level: what two machines' arithmetic may differ by does not count.
    """
    levels = (given.image * 255 * 16).round().short().numpy().tobytes()
    hole = b"" if given.hole is None else np.packbits(given.hole.numpy() > 0).tobytes()
    return repr((tuple(given.image.shape), given.sigma, given.scale)).encode() + levels + hole


def _copy(given: Given) -> Given:
    """For one method alone, which may do with it what it likes."""
    hole = None if given.hole is None else given.hole.clone()
    return replace(given, image=given.image.clone(), hole=hole)


def _check(result: Tensor, case: Case) -> None:
    if result.shape != case.clean.shape:
        raise ValueError(f"gives {_size(result)}, the reference is {_size(case.clean)}")
    if not torch.isfinite(result).all():
        raise ValueError("gives values that are not finite (NaN or infinity)")


def _size(image: Tensor) -> str:
    return (
        f"{image.shape[-1]}x{image.shape[-2]} (w x h)" if image.ndim == 4 else f"shape {tuple(image.shape)}"
    )


def _timed(method: Method, given: Given) -> tuple[Tensor, float, int | None, int | None]:
    """(result, seconds, network calls, peak memory in bytes)."""
    own = _copy(given)
    before = method.prior.calls if method.prior else 0
    with torch.no_grad():  # not inference mode: some methods differentiate the network
        known = _forget_peak(method.device)
        start = time.perf_counter()
        result = method.run(own).float().cpu()  # waits for the device
        seconds = time.perf_counter() - start
    calls = method.prior.calls - before if method.prior else None
    return result, seconds, calls, _peak(method.device) if known else None


def _forget_peak(device: str) -> bool:
    """Let the peak start anew from what is in use; False where that cannot be done."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device.split()[0])
        return True
    try:
        Path("/proc/self/clear_refs").write_text("5")  # Linux
    except OSError:
        return False
    return True


def _peak(device: str) -> int | None:
    """The largest memory of the process (of torch on the card on a GPU) since the peak was forgotten."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device.split()[0])
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(found[1]) if found else None
