"""Measure every candidate on every picture of a set, the same way for all of them."""

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

from restore.errors import ImageError, RestoreError
from restore.evaluation.cases import RESULT, Case, Given, Protocol, rounded, to_bytes
from restore.evaluation.gallery import Gallery
from restore.evaluation.observer import SILENT, Observer
from restore.evaluation.pictures import Picture, PictureSet
from restore.evaluation.results import Candidate, Row, Scored, Table
from restore.evaluation.scoring import Reference, Scorer

WARM_UP = 96  # pixels a side


def measure(
    pictures: PictureSet, protocol: Protocol, candidates: Sequence[Candidate], scorer: Scorer, *,
    show: int = 0, observer: Observer = SILENT,
) -> Table:  # fmt: skip
    """Run every candidate on every picture and score the results.

    Only the candidate itself is timed, and not its first call. A picture that cannot be read, or that a
    candidate fails on, is in no row; a candidate that fails on more than half of the pictures has no row.
    Both are in the table, and the observer is warned.

    Parameters
    ----------
    pictures : PictureSet
        The clean pictures.
    protocol : Protocol
        How they are damaged.
    candidates : sequence of Candidate
        The rows of the table, each of another name.
    scorer : Scorer
        The columns.
    show : int
        How many pictures to keep for a report: half of them spread over the set, half the worst of the
        first row that is restore's.
    observer : Observer
        Is told of progress and of what is left out.

    Returns
    -------
    Table
        The scores of all pictures and the hashes of what was measured.

    Raises
    ------
    ImageError
        Not one picture could be measured.
    ValueError
        Two candidates have the same name.
    """
    started = time.perf_counter()
    sheet = _Sheet(pictures, protocol, candidates, scorer, show)
    total = len(pictures.files) * len(candidates)
    for number, picture in enumerate(pictures.read()):

        def report(done: int, before: int = number * len(candidates)) -> None:
            observer.progress(sheet.table.title, before + done, total)

        report(0)
        if isinstance(picture, Picture):
            try:
                case = picture.case(protocol)
            except ValueError as error:
                picture = picture.name, str(error)
            else:
                sheet.add(picture, case, report)
                continue
        sheet.table.left_out[picture[0]] = picture[1]
    table = sheet.finished()
    for name, reason in table.failed.items():
        observer.warn(f"{name} has no row in {table.title}: {reason}")
    for name, reason in table.left_out.items():
        observer.warn(f"{name} is left out of {table.title}: {reason}")
    if not table.count:
        first = next(iter((table.failed | table.left_out).values()), "no pictures")
        raise ImageError(f"{pictures.name}: not one picture could be measured ({first})")
    table.scoring_seconds = time.perf_counter() - started - sheet.method_seconds
    return table


@dataclass(frozen=True)
class _Entry:
    """The scores and the peak memory of each candidate on one picture, or why it failed.

    data: what the hashes are of, where they do not hold it yet.
    """

    name: str
    overlap: str
    found: list[tuple[Scored, int | None] | str]
    data: tuple[bytes, bytes] | None


class _Sheet:
    """A table while it is being filled."""

    def __init__(
        self,
        pictures: PictureSet,
        protocol: Protocol,
        candidates: Sequence[Candidate],
        scorer: Scorer,
        show: int,
    ):
        crop = f"centre crops of {pictures.crop}x{pictures.crop}" if pictures.crop else "whole pictures"
        border = protocol.border
        edge = f"a border of {border} pixels left out of PSNR and SSIM" if border else "no border left out"
        description = f"{protocol.description}. {RESULT}. RGB, {crop}, {edge}."
        self.table = Table(
            protocol.task, pictures.name, "", protocol.name, description, protocol.level, protocol.level_name,
            protocol.series, list(scorer.chosen), checked=pictures.checked,
        )  # fmt: skip
        self.method_seconds = 0.0
        self._protocol, self._candidates, self._scorer = protocol, candidates, scorer
        self._rows = [
            Row(c.name, c.kind, c.device, c.weights, dict(c.options), dict(c.sweep)) for c in candidates
        ]
        labels = [row.label for row in self._rows]
        if twice := next((label for label in labels if labels.count(label) > 1), None):
            raise ValueError(f"two rows are called {twice!r}; give them different names")
        self._entries: list[_Entry] = []
        self._hashes = hashlib.sha256(), hashlib.sha256()
        own = next((k for k, row in enumerate(self._rows) if row.kind == "restore"), 0)
        self._gallery = Gallery(show, len(pictures.files), own, scorer.chosen[0].higher_is_better)

    def add(self, picture: Picture, case: Case, report: Callable[[int], None]) -> None:
        """Run and score all candidates on one picture."""
        if not self._entries:
            self._warm_up(picture)
        reference = self._scorer.of(case, self._protocol.border)
        data = to_bytes(case.clean).tobytes(), _told(case.given)
        results: dict[str, Tensor] = {}
        found: list[tuple[Scored, int | None] | str] = []
        for k, (candidate, row) in enumerate(zip(self._candidates, self._rows, strict=True)):
            one, result = self._one(candidate, picture.name, case, reference)
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
        self, candidate: Candidate, name: str, case: Case, reference: Reference
    ) -> tuple[tuple[Scored, int | None] | str, Tensor | None]:
        """((scores, peak memory) or the reason why there are none, the result)."""
        try:
            result, seconds, calls, peak = _timed(candidate, case.given)
            _check(result, case)
        except Exception as error:  # foreign code may raise anything; the run goes on without it
            reason = (str(error).splitlines() or [""])[0]
            kind = "" if isinstance(error, ValueError | RestoreError) else f"{type(error).__name__}: "
            return f"{candidate.name}: {kind}{reason}", None
        self.method_seconds += seconds
        result = rounded(result)
        megapixels = case.clean.shape[-2] * case.clean.shape[-1] / 1e6
        return (Scored(name, reference.scores(result), seconds, megapixels, calls), peak), result

    def _warm_up(self, picture: Picture) -> None:
        """Call every network and baseline once: imports and compilations are not part of its time."""
        seen: set[int] = set()
        corner = picture.corner(WARM_UP) if min(picture.clean.shape[-2:]) > 32 else None
        small = None if corner is None else corner.case(self._protocol)
        for candidate in self._candidates:
            key = id(candidate.prior or candidate)
            if small is not None and key not in seen:
                seen.add(key)
                try:
                    candidate.run(_copy(small.given))
                except Exception:
                    continue  # it will fail again where it is measured, and be reported there

    def finished(self) -> Table:
        """The table without the candidates that mostly fail, and without the pictures that others fail on."""
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
        return [[entry.found[k] for entry in self._entries] for k in range(len(self._candidates))]


def _told(given: Given) -> bytes:
    """Everything that a restorer is given and told, for a hash.

    Pixels count to a sixteenth of a grey level, so that the arithmetic of another machine gives the same.
    """
    levels = (given.image * 255 * 16).round().short().numpy().tobytes()
    hole = b"" if given.hole is None else np.packbits(given.hole.numpy() > 0).tobytes()
    return repr((tuple(given.image.shape), given.sigma, given.scale)).encode() + levels + hole


def _copy(given: Given) -> Given:
    """A copy for one restorer alone, which may change it."""
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


def _timed(candidate: Candidate, given: Given) -> tuple[Tensor, float, int | None, int | None]:
    """(result, seconds, network calls, peak memory in bytes)."""
    own = _copy(given)
    before = candidate.prior.calls if candidate.prior else 0
    with torch.no_grad():  # not inference mode: some candidates differentiate the network
        known = _forget_peak(candidate.device)
        start = time.perf_counter()
        result = candidate.run(own).float().cpu()  # waits for the device
        seconds = time.perf_counter() - start
    calls = candidate.prior.calls - before if candidate.prior else None
    return result, seconds, calls, _peak(candidate.device) if known else None


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
