"""Addresses of objects among the inputs and outputs of a command.

A plan names files and objects alike by paths: of an object, by the one that `restore.stores.Url.path` gives.
It is read, and its result written, through a file in a private folder (`restore.cli.remote_jobs`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from restore import images
from restore.errors import OutputError, StoreError
from restore.images.files import MAX_BYTES
from restore.images.folders import OTHER_PICTURES, suffixes_read
from restore.stores import Url, from_path, is_url, parse_url

if TYPE_CHECKING:
    from restore.cli.job_plan import Job


def path_of(text: str) -> Path:
    """The path of a file, or the one that stands for an object. Raises StoreError."""
    return parse_url(text).path if is_url(text) else Path(text)


def is_folder(text: str) -> bool:
    """Whether there is a folder, or the address of one: one that ends in a slash or in no kind of picture."""
    if not is_url(text):
        return images.is_folder(text)
    url = parse_url(text)
    suffix = PurePosixPath(url.key).suffix.lower()
    return not url.is_web and (url.is_prefix or suffix not in readable() | OTHER_PICTURES)


def called(path: Path) -> str:
    """What messages call a file or an object."""
    return str(from_path(path) or path)


def plain(label: Path) -> Path:
    """A path within a folder, that of an object without the colon of its scheme.

    >>> plain(Path("s3:", "bucket")).as_posix()
    's3/bucket'
    """
    url = from_path(label)
    return label if url is None else Path(url.scheme, *label.parts[1:])


def addresses(inputs: Sequence[str]) -> dict[Path, Url]:
    """The addresses among the inputs, by their paths.

    Raises StoreError for two that differ only in what is not shown: their results would have one name.
    """
    found: dict[Path, Url] = {}
    for url in map(parse_url, filter(is_url, inputs)):
        if found.setdefault(url.path, url) != url:
            raise StoreError(f"{url}: it is given twice, with different queries; restore one after the other")
    return found


def check_output(output: str | None) -> None:
    """Raise OutputError for results on a web server."""
    if is_url(output) and (url := parse_url(str(output))).is_web:
        raise OutputError(_only_read(url))


def _only_read(url: Url) -> str:
    return f"{url}: a web server is only read; pass -o with a folder or a store"


def addressed(job: Job, given: Mapping[Path, Url], output: str | None) -> Job:
    """A job with the addresses of what its paths stand for; given: those that were typed.

    Raises OutputError for a result on a web server.
    """
    origin = destination = None
    if job.source is not None and given:
        origin = given.get(job.source)
        if origin is None and any(job.source.is_relative_to(path) for path in given):
            origin = from_path(job.source)
    if job.target is not None and (is_url(output) or (output is None and origin is not None)):
        destination = from_path(job.target)
    if destination is not None and destination.is_web:
        raise OutputError(_only_read(destination))
    return replace(job, origin=origin, destination=destination) if origin or destination else job


def readable() -> frozenset[str]:
    """The endings of files that are read, as of those in folders."""
    return suffixes_read(pdf=True)


def most_bytes(suffix: str) -> int | None:
    """The longest file of an ending that is read; None where one page of it is read after the other."""
    return None if suffix in (".tif", ".tiff", ".pdf") else MAX_BYTES
