"""A run that takes its pictures from a manifest and appends what became of them.

Several processes may do so at once: each takes the next item that no other one has begun.
"""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.cli.events import event
from restore.cli.in_place import file_hash, real
from restore.cli.job_plan import Job
from restore.cli.manifest import NONE, Manifest
from restore.cli.manifest_file import ManifestFile
from restore.cli.manifest_lines import (
    BEGUN,
    DONE,
    FAILED,
    FINISHED,
    Item,
    begun_line,
    micros,
    mtime_of,
    now,
    result_line,
)
from restore.cli.manifest_objects import Objects
from restore.cli.outcome import Outcome
from restore.cli.processes import is_there, this_process
from restore.cli.result_facts import output_facts
from restore.cli.shards import Shard
from restore.errors import ImageError, OutputError
from restore.images.paths import status_of
from restore.stores import is_url, parse_url

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PATIENCE = 3600.0
"""Seconds without a line, after which what a run on another machine has begun is nobody's."""
OFTEN = 1000  # items after which is looked what others have done, where none is begun
NOBODY = 0
"""The number of a run that has begun an item and given it up."""
RECORDED = ("done", "unchanged", "damaged", "skipped", "failed")


@dataclass
class Passed:
    """Items that a run has passed over.

    done: by an earlier run. failed: in an earlier run. busy: another process is at them. edited: results in
    the places of their pictures that somebody has changed since.
    """

    done: int = 0
    failed: int = 0
    busy: int = 0
    edited: int = 0


class ManifestRun:
    """The items of a manifest that a run is to do.

    shard: only these. retry: only those that failed. aside: inputs that are no pictures to restore. dry:
    whether nothing is done.
    """

    def __init__(
        self,
        manifest: Manifest,
        *,
        shard: Shard | None = None,
        retry: bool = False,
        aside: Collection[Path] = (),
        dry: bool = False,
    ):
        import numpy as np

        self.manifest, self.retry, self.aside = manifest, retry, aside
        self.file = None if dry else ManifestFile(manifest.path)
        first, step = (0, 1) if shard is None else (shard.number - 1, shard.count)
        self.numbers: NDArray[np.intp] = np.arange(first, len(manifest), step)
        self.shard, self.passed = shard, Passed()
        self.in_place = "backup" in manifest.header
        folder = manifest.header.get("results_folder")
        self._objects = Objects(parse_url(folder) if isinstance(folder, str) and is_url(folder) else None)
        self.beside = manifest.header.get("output") is None
        self.notes: dict[int, str] = {}  # on items that are done again
        self.number = 0
        self._quiet_since = manifest.path.stat().st_mtime
        self._there = {NOBODY: False}  # runs that are, or may be, going on
        self._begun: dict[int, dict[str, Any]] = {}  # by this run, and not done, with facts of results

    @property
    def weights(self) -> array[float]:
        """The sizes of the inputs that are to be done, as far as the lines say."""
        import numpy as np

        states = self.manifest.states[self.numbers]
        todo = np.isin(states, (FAILED, BEGUN)) if self.retry else ~np.isin(states, (*FINISHED, FAILED))
        return array("d", np.maximum(self.manifest.sizes[self.numbers][todo], 1).astype("f8").tolist())

    def begin(self, facts: dict[str, Any]) -> None:
        """Append the line of this run. facts: of what is done."""
        if self.file is None:
            return
        with self.file.locked():
            self.manifest.refresh()
            told = [each.get("run") for _, each in self.manifest.told_runs]
            self.number = 1 + max((each for each in told if isinstance(each, int)), default=0)
            more = {} if self.shard is None else {"shard": str(self.shard)}
            line = event("run", run=self.number, time=now(), process=this_process(), **facts, **more)
            self.file.append(line)

    def close(self) -> None:
        """Give up what was begun and not done, write through to the disk and close."""
        if self.file is not None:
            with suppress(OutputError):
                self.file.append(*(begun_line(number, NOBODY, told) for number, told in self._begun.items()))
            self.file.close()

    def jobs(self) -> Iterator[Job]:
        """The jobs that are to be done, each found when its turn comes."""
        busy = array("q")
        for count, number in enumerate(self.numbers):
            if not count % OFTEN:
                self.manifest.refresh()
            found = self._job(int(number))
            if isinstance(found, Job):
                yield found
            elif found == BEGUN:
                busy.append(int(number))
        for number in busy:  # those that another process has given up meanwhile
            found = self._job(number)
            if isinstance(found, Job):
                yield found
            else:
                self.passed.busy += found == BEGUN

    def record(self, outcome: Outcome) -> None:
        """Append what became of an item."""
        number = outcome.job.item
        if self.file is None or number is None or outcome.full or outcome.status not in RECORDED:
            return
        facts = {"input": outcome.job.name, "output": outcome.job.output, **outcome.facts}
        if outcome.error:
            facts["error"] = outcome.error
        self.file.append(result_line(number, outcome.status, facts.get("seconds"), facts))
        self._begun.pop(number, None)

    def written(self, job: Job, facts: dict[str, Any]) -> None:
        """Note that a result is about to take the place of its picture."""
        if self.file is not None and job.item is not None:
            told = {"input": job.name, "output": job.output} | facts
            self._begun[job.item] = told
            self.file.append(begun_line(job.item, self.number, told))

    def _job(self, number: int) -> Job | int:
        """The job of an item, which is begun by it; or the state in which it is passed over."""
        state = int(self.manifest.states[number])
        if state in FINISHED and not self.retry and self._stands(number):
            self.passed.done += 1
            return state
        if state == FAILED and not (self.retry or self._changed(number)):
            self.passed.failed += 1
            return state
        if self.file is None:
            return self._wanted(number)
        with self.file.locked():
            self.manifest.refresh()
            found = self._wanted(number)
            if isinstance(found, Job):
                # What is replaced is known as a result of a manifest, also where this run is killed.
                told = {"output": found.output} | output_facts(found.target) if self._replaces(found) else {}
                self.file.append(begun_line(number, self.number, told))
                self._begun[number] = told
            return found

    def _replaces(self, job: Job) -> bool:
        """Whether the result of a job takes the place of an earlier one."""
        return job.replaces and not self.in_place and job.destination is None

    def _wanted(self, number: int) -> Job | int:
        state = int(self.manifest.states[number])
        if state == BEGUN and self._is_busy(int(self.manifest.runs[number])):
            return BEGUN
        if self.retry and state not in (FAILED, BEGUN):  # the latter is what such a run was ended in
            return state
        if state in FINISHED:
            return self._again(number)
        ours = state == BEGUN and self._is_as_noted(number)
        if ours and self.in_place:
            self._note_done(number)
            return DONE
        changed = self._changed(number)
        if state == FAILED and not (self.retry or changed):
            return FAILED
        return self._made(self.manifest.item(number), replaces=ours, listed_anew=changed)

    def _stands(self, number: int) -> bool:
        """Whether the result and the input of an item are as they were; quick, where that is so."""
        manifest = self.manifest
        source, output = manifest.names(number)
        try:
            status = os.stat(manifest.place_of(output or ""))  # noqa: PTH116  # a Path would take longer
        except OSError:
            return False
        if (status.st_size, status.st_mtime_ns // 1000) != (
            manifest.output_sizes[number],
            manifest.output_mtimes[number],
        ):
            return False
        return self.in_place or not self._changed(number, source)

    def _again(self, number: int) -> Job | int:
        """What is done with an item that an earlier run has done."""
        result = self._looked_at(number)
        changed = not self.in_place and self._changed(number)
        if result == "" and not changed:
            self.passed.done += 1
            return DONE
        item = self.manifest.item(number)
        if self.in_place:  # the file is no original, which is in the backup
            self.passed.edited += 1
            return DONE
        if changed:
            self.notes[number] = f"{item.input}: it has changed since it was restored, and is restored again"
        else:
            again = "" if result == "changed" else f", so {item.input} is restored again"
            what = "has been changed since it was written" if result == "changed" else f"is {result}"
            self.notes[number] = f"{item.output}: it {what}{again}"
        return self._made(item, replaces=result in ("", "damaged"), listed_anew=changed)

    def _looked_at(self, number: int) -> str:
        """How the result of an item is not as it was written: missing, changed or damaged; empty: it is."""
        size, mtime = int(self.manifest.output_sizes[number]), int(self.manifest.output_mtimes[number])
        if size == NONE:
            return ""  # nothing was to be written
        output = self.manifest.names(number)[1]
        if output is not None and is_url(output):
            there = self._objects.size_of(parse_url(output))
            return "missing" if there is None else "changed" if there != size else ""
        path = self.manifest.path_of(output or "")
        status = status_of(path)
        if status is None:
            return "missing"
        if status.st_size == size and micros(mtime_of(status)) == mtime:
            return ""
        try:
            if file_hash(path) == (self.manifest.result(number) or {}).get("output_sha256"):
                return ""
            return "changed" if _is_whole(path) else "damaged"
        except OSError:
            return "missing"

    def _changed(self, number: int, source: str | None = None) -> bool:
        """Whether an input is not as it was listed; one that is gone counts as it was. source: its name."""
        manifest = self.manifest
        mtime = manifest.mtimes[number]
        source = source or manifest.names(number)[0]
        try:
            status = os.stat(manifest.place_of(source or ""))  # noqa: PTH116
        except OSError:
            return False
        if mtime == NONE:
            return False
        return bool(status.st_size != manifest.sizes[number] or status.st_mtime_ns // 1000 != mtime)

    def _is_as_noted(self, number: int) -> bool:
        """Whether a run was killed while its result, or an earlier one, was where the result goes."""
        told = self.manifest.result(number) or {}
        if "output_sha256" not in told or not isinstance(told.get("output"), str):
            return False
        try:
            return bool(file_hash(real(self.manifest.path_of(told["output"]))) == told["output_sha256"])
        except OSError:
            return False

    def _note_done(self, number: int) -> None:
        """Note a result that has taken the place of its picture before the run was killed."""
        told = self.manifest.result(number) or {}
        facts = {name: each for name, each in told.items() if name not in ("event", "schema", "run")}
        if self.file is not None:
            path = self.manifest.path_of(told["output"])
            self.file.append(result_line(number, "done", None, facts | output_facts(path)))
        self.passed.done += 1

    def _made(self, item: Item, *, replaces: bool, listed_anew: bool) -> Job | int:
        source = self.manifest.path_of(item.input)
        if source in self.aside:
            return DONE
        if listed_anew and self.file is not None and (status := status_of(source)) is not None:
            self.file.append(item._replace(size_bytes=status.st_size, mtime=mtime_of(status)).line())
        output = item.output
        return Job(
            source=source,
            target=None if output is None else self.manifest.path_of(output),
            draw=item.draw,
            inside=None if item.inside is None else Path(item.inside),
            base=source.parent if self.beside else None,
            origin=parse_url(item.input) if is_url(item.input) else None,
            destination=parse_url(output) if output is not None and is_url(output) else None,
            item=item.number,
            replaces=replaces or self.in_place,
            backup=None if item.backup is None else self.manifest.path_of(item.backup),
        )

    def _is_busy(self, run: int) -> bool:
        """Whether the run that has begun an item may still be at it."""
        if run == self.number and self.number:
            return True  # by another lane
        if not self._there.get(run, True):
            return False  # it was gone before
        self._there[run] = is_live(self.manifest, run, self._quiet_since)
        return self._there[run]


def is_live(manifest: Manifest, run: int, quiet_since: float) -> bool:
    """Whether a run may still be going on. quiet_since: when a line was added last, as the clock tells."""
    if run == NOBODY:
        return False
    told = (told for _, told in manifest.told_runs if told.get("run") == run)
    there = is_there(str(next(told, {}).get("process")))
    return time.time() - quiet_since < PATIENCE if there is None else there


def _is_whole(path: Path) -> bool:
    """Whether a file holds a picture that can be read."""
    from restore import images

    try:
        images.read(path)
    except ImageError:
        return False
    return True
