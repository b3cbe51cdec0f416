"""A document on its way through a command: one page or frame after the other, each as a picture is."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore import images
from restore.cli import jobs
from restore.cli.beside import Made
from restore.cli.command import Plan, Source
from restore.cli.hole_masks import EmptyPageError
from restore.cli.jobs import Job
from restore.cli.left_alone import can_be_copied
from restore.cli.outcome import Outcome
from restore.cli.page_job import PageJob
from restore.cli.picture_run import PictureRun
from restore.cli.remote_jobs import send
from restore.cli.result_files import fitted, has_depth, kind_of
from restore.errors import AlreadyThereError, ImageError, MaskError, NumbersError, OutputError
from restore.images.documents import UNWANTED, Document, DocumentWriter, Part
from restore.images.formats import FORMAT_OF_SUFFIX, FORMATS

if TYPE_CHECKING:
    from restore.cli.picture_voice import PictureVoice
    from restore.cli.recorder import Recorder
    from restore.cli.runner import Runner

WITH_TAGS = "tiff"
"""What pages of documents of other formats than pictures are fitted to: it holds all depths and EXIF."""

SHOWN = 16  # pages of a document that a report shows, the first ones
FEW = 3  # reasons for which pictures stay that are named one by one


class PageRun(PictureRun):
    """Restores one page of a document. kind: the format of the result."""

    def __init__(self, run: DocumentRun, document: Document, part: Part, kind: str, said: set[str]):
        whole = run.job
        page = PageJob(
            whole.source, None, whole.draw, whole.inside, whole.base, whole=whole, label=part.label,
            page=part.page, pages=document.pages, origin=whole.origin, destination=whole.destination,
        )  # fmt: skip
        super().__init__(run.runner, page, run.recorder, run.reporter)
        self.document, self.part, self.kind, self._said = document, part, kind, said
        self.page = page
        self.recorder.begin(whole.name)

    @property
    def facts(self) -> dict[str, Any]:
        """What is known of the page."""
        return self._facts

    def restored(self) -> tuple[Plan, Made]:
        """Restore the page. Raises RestoreError."""
        self.reporter.do("reading")
        data, picture = self._read()
        plan, picture, kind = self._planned(picture)
        made = self._made(plan, picture, kind, data)
        problem = self._beside(plan, made)
        if problem is not None:
            raise problem
        return plan, made

    def planned(self, *, first: bool) -> Plan:
        """Plan the page. first: whether it is rehearsed, too."""
        plan = self._planned(self._read()[1])[0]
        if first:
            self._rehearse(plan)
        return plan

    def _read(self) -> tuple[bytes, images.Picture]:
        allowed = self.settings.allow_damaged
        with self._telling_damage():
            picture = self._told(self.document.picture(self.part, damaged=allowed))
        if self.command.finite:
            images.check_finite(picture, self.job.name)
        return self.document.stored(self.part), picture

    def _kind(self, picture: images.Picture) -> str:
        return self.kind if self.kind in FORMATS else WITH_TAGS

    def _source(self, picture: images.Picture, kind: str) -> Source:
        read, page = self.recorder.read_picture, self.page
        return Source(
            picture, page.name, kind, read, page.known_as, page=page.page, pages=page.pages,
            number=self.part.number,
        )  # fmt: skip

    def _can_stay(self, plan: Plan, picture: images.Picture, stored: bytes) -> bool:
        same = self.kind == self.document.format and can_be_copied(picture, self.settings)
        return same and has_depth(stored, self._found.settings)

    def _notes(self, *notes: str) -> None:
        """Say each once that is the same for many pages."""
        for note in notes:
            if self.job.name in note or note not in self._said:
                self.reporter.note(note)
            if self.job.name not in note:
                self._said.add(note)


class OnePageRun(PageRun):
    """Restores one page of a document into a file of one picture."""

    def __init__(self, run: DocumentRun, document: Document, part: Part):
        super().__init__(run, document, part, "", set())
        self.job = run.job

    def _kind(self, picture: images.Picture) -> str:
        return kind_of(self.job, picture, self.settings)

    def _can_stay(self, plan: Plan, picture: images.Picture, stored: bytes) -> bool:
        return False  # it has another format


class DocumentRun(PictureRun):
    """Restores the pages of one job's document."""

    def __init__(self, runner: Runner, job: Job, recorder: Recorder, voice: PictureVoice, document: Document):
        super().__init__(runner, job, recorder, voice)
        self.document = document
        self._pages: list[dict[str, Any]] = []  # facts
        self._said: set[str] = set()
        self._problem: Exception | None = None  # of the first page that failed
        self._sizes: list[tuple[int, int]] = []
        self._nothing: Exception | None = None  # of the first page that has nothing to fill
        self._held: list[str] = []  # why pages failed, until one does not: then something is written

    def restore(self) -> Outcome:
        """Restore the pages and write the result. Raises RestoreError."""
        start = time.monotonic()
        document, job = self.document, self.job
        self.recorder.begin(job.name)
        wanted = self._wanted()
        kind = self._kind_of_all()
        if kind not in document.kinds:
            raise OutputError(self._cannot_hold(kind))
        self._check_alone(wanted)
        self._check_place(document.pages)
        if job.source is not None:
            self.reporter.do("reading")
            self.recorder.read_document(job.source)
        self._tell(document)
        if self.settings.dry_run:
            return self._plan_all(kind, wanted)
        with self._written() as path, self._writer(path, kind) as writer:
            self._restore_all(writer, kind, wanted)
            if self._all_stay(kind):
                writer.close()
                path.unlink(missing_ok=True)
                self._copy_to(path)
            else:
                writer.finish()
                self._notes(*(f"{job.output}: {note}" for note in writer.notes))
        if self._all_stay(kind):
            return self._ended("unchanged", start)
        return self._ended("damaged" if "damage" in self._facts else "done", start)

    def one_page(self) -> OnePageRun | None:
        """The only page that is wanted, where the format of the result holds one picture; else None."""
        wanted = self._wanted()
        if self._kind_of_all() in self.document.kinds or len(wanted) != 1 or self.settings.pages is None:
            return None
        parts = [part for part in self.document.parts(wanted) if not part.keep]
        if len(parts) != 1:
            return None
        self.recorder.begin(self.job.name)
        if self.job.source is not None:
            self.recorder.read_document(self.job.source)
        return OnePageRun(self, self.document, parts[0])

    def _wanted(self) -> frozenset[int]:
        """The pages that are to be restored. Raises ImageError for those that are not there."""
        count, asked = self.document.pages, self.settings.pages
        every = frozenset(range(1, count + 1))
        return every if asked is None else asked.of(count, self.job.name, self.document.unit)

    def _kind_of_all(self) -> str:
        target, document = self.job.target, self.document
        if target is not None and target.suffix.lower().removeprefix(".") in document.kinds:
            return target.suffix.lower().removeprefix(".")
        if target is None and self.settings.format is None:
            return document.format
        if target is None:
            return FORMAT_OF_SUFFIX[f".{self.settings.format}"]
        return kind_of(self.job, images.Picture(_pixel()), self.settings)

    def _cannot_hold(self, kind: str) -> str:
        document = self.document
        able = " or ".join(each.upper() if each != "webp" else "WebP" for each in document.kinds)
        name = FORMATS[kind].name if kind in FORMATS else kind.upper()
        hint = f"; pass --pages with one of them, or write {able}"
        return (
            f"{self.job.output}: {name} cannot hold the {document.pages} {document.unit}s of "
            f"{self.job.name}{hint}"
        )

    def _check_alone(self, wanted: frozenset[int]) -> None:
        """Refuse what is of one picture where several pages are restored. Raises ImageError."""
        settings = self.settings
        mask = settings.save_mask is not None and not self.runner.masks.many
        given = {
            "--uncertainty": settings.uncertainty is not None,
            "--trajectory": settings.trajectory is not None,
            "--save-mask": mask,
        }
        for option in (each for each, there in given.items() if there and len(wanted) > 1):
            unit = self.document.unit
            folder = ", or give a folder" if option == "--save-mask" else ""
            raise ImageError(
                f"{self.job.name}: {option} is of one picture, and it holds {len(wanted)} {unit}s; name one "
                f"with --pages{folder}"
            )

    def _tell(self, document: Document) -> None:
        self._notes(*(f"{self.job.name}: {note}" for note in document.notes))
        if document.damage:
            self._mark(document.damage)

    def _mark(self, damage: str) -> None:
        """Mark the document as damaged."""
        self._facts.setdefault("damage", damage)
        self.reporter.warn(f"{self.job.name}: the file is damaged ({damage}); what is there is restored")

    @contextmanager
    def _written(self) -> Iterator[Path]:
        """Give the name of a new file, which becomes the result in the end."""
        job = self.job
        if job.target is None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "result")
                yield path
                with path.open("rb") as file:
                    shutil.copyfileobj(file, sys.stdout.buffer, 2**20)
                sys.stdout.buffer.flush()
            return
        jobs.make_folder(job)
        try:
            with images.written(job.target, overwrite=self._overwrite) as path:
                yield path
                self.original.check()
                if path.exists() and (before := self.original.mover(self.runner.ledger)):
                    before(path)
            self._facts |= self.original.facts
            send(job, overwrite=self._overwrite)
        except AlreadyThereError as error:
            self._skipped()
            raise jobs.Overtaken(str(error)) from error

    def _writer(self, path: Path, kind: str) -> DocumentWriter:
        settings = fitted(self.settings, kind) if kind in FORMATS else self.settings
        quality = settings.output_quality
        return self.document.writer(path, kind, name=self.job.output, quality=quality)

    def _restore_all(self, writer: DocumentWriter, kind: str, wanted: frozenset[int]) -> None:
        """Restore all pages; one that fails stays as it is."""
        stay: dict[str, list[str]] = {}
        for part in self.document.parts(wanted):
            if part.keep:
                if part.keep != UNWANTED:
                    stay.setdefault(part.keep, []).append(part.label)
                writer.add(part, None)
                continue
            self.reporter.part(part.page, self.document.pages, part.label)
            writer.add(part, self._restored_page(part, kind))
        if self._problem is not None and all(each["status"] == "failed" for each in self._pages):
            raise self._all_failed(self._problem)
        if self._nothing is not None and all(each["status"] == "unchanged" for each in self._pages):
            raise self._nothing
        for keep, labels in stay.items():
            more = f" and {len(labels) - FEW} more" if len(labels) > FEW else ""
            told = keep if ";" in keep else f"{keep}, which stays as it is"
            self._notes(f"{self.job.name}: {', '.join(labels[:FEW])}{more}: {told}")

    def _restored_page(self, part: Part, kind: str) -> images.Picture | None:
        """Restore a page; None for one that stays as it is, also since it failed."""
        run = PageRun(self, self.document, part, kind, self._said)
        about: dict[str, Any] = {"page": part.page, "label": part.label}
        try:
            plan, made = run.restored()
        except EmptyPageError as error:
            self._nothing = self._nothing or error
            self._notes(f"{run.job.name}: {error}")
            self._pages.append(about | {"status": "unchanged"} | run.facts)
            return None
        except (ImageError, MaskError, NumbersError) as error:
            self._failed(error)
            self._facts.setdefault("damage", f"{part.label} could not be restored")
            self._pages.append(about | {"status": "failed", "error": str(error)} | run.facts)
            return None
        self._say_held()
        if len(self.views) < SHOWN:
            self.views += tuple(replace(each, label=part.label) for each in run.views)
        status = "unchanged" if made.picture is None else "done"
        if "damage" in run.facts:
            status = "damaged"
            self._facts.setdefault("damage", f"{part.label}: {run.facts['damage']}")
        self._sizes.append(plan.size)
        self._pages.append(about | {"status": status} | run.facts)
        return made.picture

    def _failed(self, error: Exception) -> None:
        """Say why a page failed; what is said of several is said once."""
        self._problem = self._problem or error
        if str(error) not in self._said:
            self._said.add(str(error))
            self._held.append(str(error))
        if any(each["status"] != "failed" for each in self._pages):
            self._say_held()

    def _say_held(self) -> None:
        for told in self._held:
            self.reporter.error(f"{told}; the {self.document.unit} stays as it is")
        self._held.clear()

    def _all_failed(self, first: Exception) -> Exception:
        """Say of a few pages why they failed, and give what is said of all, of which nothing is written."""
        for told in self._held[1:FEW]:
            self.reporter.error(told)
        unit, count = self.document.unit, len(self._pages)
        if count == 1:
            return first
        return type(first)(f"{first}; none of the {count} {unit}s could be restored, so nothing is written")

    def _all_stay(self, kind: str) -> bool:
        """Whether the result is the file that was read."""
        same = kind == self.document.format and "damage" not in self._facts
        return same and all(each["status"] == "unchanged" for each in self._pages)

    def _copy_to(self, path: Path) -> None:
        """Let the result be the file that was read, or nothing where that is wanted."""
        source = self.job.source
        if self.settings.skip_unchanged or (source is not None and jobs.is_same(self.job)):
            return
        if source is not None:
            shutil.copyfile(source, path)
        else:
            path.write_bytes(self.recorder.read_picture(None))

    def _plan_all(self, kind: str, wanted: frozenset[int]) -> Outcome:
        """Plan all pages, and rehearse the first."""
        first = True
        for part in self.document.parts(wanted):
            if not part.keep:
                plan = PageRun(self, self.document, part, kind, self._said).planned(first=first)
                self._sizes.append(plan.size)
                first = False
        return self._ended("planned", time.monotonic())

    def _ended(self, status: str, start: float) -> Outcome:
        """Report the document."""
        about: dict[str, Any] = {"input": self.job.name, "output": self.job.output}
        if self._sizes:
            h, w = self._sizes[0]
            about |= {"width_pixels": w, "height_pixels": h}
        about |= {"status": status, "page_count": self.document.pages}
        if status != "planned":
            about |= {"seconds": round(time.monotonic() - start, 3), "pages": self._pages}
        about |= self._facts
        if status == "planned":
            count, unit = self.document.pages, self.document.unit
            done = "" if len(self._sizes) == count else f", {len(self._sizes)} of them restored"
            told = f"{self.job.name} ({count} {unit}s{done}) -> {self.job.output}"
            self.reporter.plan(told, **about)
        elif status == "unchanged" and self.settings.skip_unchanged:
            about["output"] = None
            self.reporter.nothing(**about)
        elif self.job.target is not None:
            self.reporter.result(self.job.output, **about)
        self.reporter.end()
        self._outcome = Outcome(self.job, status, about, views=self.views)
        return self._outcome


def _pixel() -> Any:
    import numpy as np

    return np.zeros((1, 1, 3), np.uint8)
