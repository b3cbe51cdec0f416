"""Open the document of a job, be it a file or standard input."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from restore import images
from restore.cli.jobs import Job
from restore.cli.page_ranges import Pages
from restore.cli.recorder import Recorder
from restore.images.documents import Document
from restore.images.page_count import pages_in

PDF = b"%PDF-"


@contextmanager
def opened(job: Job, recorder: Recorder, pages: Pages | None) -> Iterator[Document | None]:
    """Open a job's document; None for a file of one picture, and for what is none.

    Raises ImageError for pages that are asked for of one picture.
    """
    with _document(job, recorder) as document:
        if document is None and pages is not None:
            pages.of(1, job.name)
        try:
            yield document
        finally:
            if document is not None:
                document.close()


@contextmanager
def _document(job: Job, recorder: Recorder) -> Iterator[Document | None]:
    if job.source is not None:
        yield images.open_document(job.source, name=job.name)
        return
    data = recorder.read_picture(None, start=_start)
    if not data.startswith(PDF) and pages_in(BytesIO(data)) < 2:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "input")
        path.write_bytes(data)
        yield images.open_document(path, name=job.name)


def _start(head: bytes) -> object:
    return head.startswith(PDF) or images.picture_start("standard input")(head)
