"""A report of a run as a page of before and after, which grows by a line with each picture.

The page is a whole document at every moment: a run that is killed leaves a report of what was done, the next
goes on with it, and neither holds more of it in memory than the row at hand. Its pictures are files in a
folder beside it.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_from_bytes

from restore import images
from restore.cli.jobs import check_writable
from restore.cli.page_parts import filled, read, shared
from restore.cli.printable import printable
from restore.cli.report_rows import block, link, plain, row_of
from restore.cli.report_views import Views
from restore.errors import OutputError

if TYPE_CHECKING:
    from restore.stores import Url

MARK = b'<meta name="generator" content="restore report">'
"""By which a report is known."""

PLAIN = 200  # rows that browsers without scripts show
ENDINGS = (".html", ".htm")
_NAMED = re.compile(rb'"name":("(?:[^"\\\\]|\\\\.)*"(?:,"output":"(?:[^"\\\\]|\\\\.)*")?)')
_OURS = re.compile(r"[0-9a-f]{16}(-part)?\.jpg")


def folder_of(page: Path) -> Path:
    """The folder of a report's pictures."""
    return page.with_name(f"{page.stem}-files")


def results_of(page: Path) -> Path:
    """The folder of the restored pictures of a preview."""
    return folder_of(page) / "results"


def is_preview(page: Path) -> bool:
    """Whether a report is of a preview, which has its results with it."""
    return images.is_folder(results_of(page))


def check_report(page: Path, *, overwrite: bool) -> None:
    """Refuse a place where no report can be written, or where something else is. Raises OutputError."""
    if page.suffix.lower() not in ENDINGS:
        raise OutputError(f"--report {page}: a report is a page; name it .html, as {page.stem}.html")
    if any(part.endswith(":") and len(part) > 2 for part in page.parts[:1]):  # what a path makes of s3://
        raise OutputError(f"--report {page}: a report is written to a folder, not to a store; pass a path")
    images.check_place(page, overwrite=True)
    there = images.what_is(page) == "a file" and not images.is_empty(page)
    if there and not overwrite and not is_report(page):
        raise OutputError(
            f"{page}: a file that is no report is there; pass --overwrite to replace it, or another name"
        )
    check_writable(page.parent, page.parent)
    folder = folder_of(page)
    if images.what_is(folder) and not images.is_folder(folder):
        raise OutputError(
            f"{folder}: expected a folder for the pictures of the report, got {images.what_is(folder)}; pass "
            "another --report"
        )


def is_report(page: Path) -> bool:
    """Whether a file is a report."""
    try:
        with page.open("rb") as file:
            return MARK in file.read(2000)
    except OSError:
        return False


class Report:
    """A report that is being written. Every method raises OutputError where the disk does not take it."""

    def __init__(self, page: Path):
        self.page, self.folder = page, folder_of(page)
        self._plain = 0  # rows so far that are shown without scripts
        self._known: set[int] = set()  # of earlier runs, by hashes of their keys

    def begin(self, command: str, facts: str, *, anew: bool = False) -> None:
        """Begin a run in a new report, or in that of an earlier one. anew: replaces what is there."""
        try:
            self.page.parent.mkdir(parents=True, exist_ok=True)
            anew = anew or is_preview(self.page)
            if anew:
                self._clear()
            if not anew and images.what_is(self.page) == "a file" and is_report(self.page):
                self._resume()
            else:
                images.write_bytes(self.page, head(self.page), overwrite=True)
            self.folder.mkdir(exist_ok=True)
            (self.folder / images.ASIDE).touch()
        except OSError as error:
            raise self._refused(error) from error
        began = datetime.now(UTC).isoformat(timespec="seconds")
        self._append(block({"run": {"command": printable(command), "facts": facts, "began": began}}))

    def add(
        self,
        facts: Mapping[str, Any],
        views: Sequence[Views],
        *,
        source: Path | Url | None,
        target: Path | Url | None,
    ) -> None:
        """Add a picture. facts: as of its event. views: one, or none. source, target: where its files are."""
        row = row_of(facts)
        row |= {"in": link(source, self.page), "out": link(target, self.page)}
        if row.get("status") in ("failed", "planned") or facts.get("output") is None:
            row["out"] = None
        shown = ""
        for each in views[:1]:
            row["pic"] = name = self._store(each)
            (bh, bw), (h, w) = each.before, each.after
            row |= {"a": round(w / h, 4), "part": each.box, "w": w, "h": h, "bw": bw, "bh": bh}
            row |= {} if each.gain == 1 else {"gain": each.gain}
            row |= {} if not each.label else {"label": each.label}
            shown = f"{_quoted(self.folder.name)}/{name[:2]}/{name}.jpg"
        data = block({name: value for name, value in row.items() if value is not None})
        if self._plain < PLAIN:
            self._plain += 1
            data += plain(row, shown)
        self._append(data)

    def has(self, facts: Mapping[str, Any]) -> bool:
        """Whether a row of an earlier run is of the same picture and result."""
        found = _NAMED.search(block(row_of(facts)))
        return found is not None and hash(found[1]) in self._known

    def end(self, seconds: float, *, kept: int = 0, interrupted: bool = False) -> None:
        """End the run."""
        told = {"seconds": round(seconds, 1), "kept": kept, "interrupted": interrupted}
        self._append(block({"end": told}))

    def _append(self, data: bytes) -> None:
        try:
            # One call: a run that is killed leaves all of a line or its beginning.
            place = os.open(self.page, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
            try:
                if os.write(place, data) < len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                os.close(place)
        except OSError as error:
            raise self._refused(error) from error

    def _store(self, views: Views) -> str:
        """Write the pictures of a row, unless they are there; give their name, which their bytes say."""
        name = hashlib.sha256(views.small + views.part).hexdigest()[:16]
        folder = self.folder / name[:2]
        for end, data in (("", views.small), ("-part", views.part)):
            path = folder / f"{name}{end}.jpg"
            try:
                if path.exists() and path.stat().st_size == len(data):
                    continue
                folder.mkdir(parents=True, exist_ok=True)
                part = path.with_suffix(f".{os.getpid()}.part")
                part.write_bytes(data)
                part.replace(path)
            except OSError as error:
                raise self._refused(error) from error
        return name

    def _resume(self) -> None:
        """Take off the beginning of a line that a run was killed in, and count what is there."""
        with self.page.open("r+b") as file:
            end, last = 0, b""
            for line in file:
                self._plain += line.startswith(b"<noscript><figure")
                if found := _NAMED.search(line):
                    self._known.add(hash(found[1]))
                if line.endswith(b"\n"):
                    end += len(line)
                last = line
            if not last.endswith(b"\n"):
                file.truncate(end)

    def _clear(self) -> None:
        """Remove the pictures of the report that is replaced, and nothing else."""
        if not (self.folder / images.ASIDE).exists():
            return
        shutil.rmtree(results_of(self.page), ignore_errors=True)
        for path in self.folder.glob("[0-9a-f][0-9a-f]/*.jpg"):
            if _OURS.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def _refused(self, error: OSError) -> OutputError:
        return OutputError(f"{self.page}: cannot write the report ({error.strerror}); check the disk")


def head(page: Path) -> bytes:
    """A report without any row."""
    script = shared(read("report_page.js"))
    mark = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    parts = {
        "title": escape(printable(page.stem)),
        "files": escape(_quoted(folder_of(page).name)),
        "script": script,
        "script-hash": f"sha256-{mark}",
    }
    return filled("report_page.html", parts).encode("utf-8")


def _quoted(name: str) -> str:
    return quote_from_bytes(os.fsencode(name), safe="")
