"""Jobs whose pictures or results are objects of stores: fetched into private files, and sent from them."""

from __future__ import annotations

import posixpath
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from restore import images
from restore.cli.addresses import most_bytes
from restore.errors import AlreadyThereError, OutputError, StoreError
from restore.stores import Spool, Store, Url, is_url, parse_url, survey

if TYPE_CHECKING:
    from restore.cli.job_plan import Job

Given = TypeVar("Given")
FEW = 16
"""Results that are asked for one by one; of more, the prefix is listed."""

_last = threading.local()  # what each thread has fetched last, for the samples of one picture


@cache
def spool() -> Spool:
    """The private files of this process."""
    return Spool()


@cache
def _store(scheme: str, container: str, typed: str) -> Store:
    return Store(Url(scheme, container, "", typed))


def store_of(url: Url) -> Store:
    """The store of an address, opened once."""
    return _store(url.scheme, url.container, url.typed)


def waited(call: Callable[[], Given]) -> Given:
    """The result of a call to a store, for which the main thread waits so that Ctrl-C ends the wait."""
    if threading.current_thread() is not threading.main_thread():
        return call()
    results: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue()

    def work() -> None:
        try:
            results.put((call(), None))
        except BaseException as error:
            results.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    found, error = results.get()
    if error is not None:
        raise error
    return found  # type: ignore[no-any-return]


def surveyed(name: str, given: Path, ignore: Sequence[str]) -> images.Listing:
    """What lies in a folder, or below the address of one; given: its path. An address may be a problem."""
    if not is_url(name):
        return images.survey(given, ignore=ignore)
    prefix = parse_url(name)
    try:
        found = waited(lambda: survey(store_of(prefix), prefix, ignore=ignore, most=most_bytes))
    except StoreError as error:
        return images.Listing((), (), ((given, str(error)),))
    return images.Listing(
        tuple(url.path for url, _ in found.pictures),
        tuple(url.path for url in found.unread),
        tuple((url.path, problem) for url, problem in found.problems),
    )


def existing(jobs: Iterable[Job]) -> set[Url]:
    """Which of the results of jobs are there already. Raises StoreError."""
    wanted: dict[tuple[str, str], list[Url]] = {}
    for job in jobs:
        if (url := job.destination) is not None:
            wanted.setdefault((url.scheme, url.container), []).append(url)
    return {url for urls in wanted.values() for url in waited(partial(_existing, urls))}


def _existing(urls: Sequence[Url]) -> set[Url]:
    """The same of results in one store."""
    store = store_of(urls[0])
    if len(urls) > FEW:
        common = posixpath.commonpath([url.key.rpartition("/")[0] for url in urls])
        prefix = replace(urls[0], key=f"{common}/" if common else "", typed="")
        by_key = {url.key: url for url in urls}
        try:
            found = store.objects(prefix)
            return {by_key[each.key] for each in found if each.size and each.key in by_key}
        except StoreError:
            pass  # some may only look at each, and not list them
    return {url for url in urls if (there := store.head(url)) is not None and there.size}


def check_not_an_input(job: Job, origins: dict[Url, Job], *, overwrite: bool) -> None:
    """Raise OutputError where the result of a job would replace a picture that is read."""
    owner = origins.get(job.destination) if job.destination is not None else None
    if owner is None or (owner.origin == job.origin and overwrite):
        return
    if owner.origin == job.origin:
        raise OutputError(
            f"{job.output}: the output is the input itself; choose another name, or pass --overwrite to "
            "replace it"
        )
    raise OutputError(
        f"{job.output}: the output of {job.name} would replace {owner.name}, which is read too; choose "
        "another name or folder"
    )


def check_object(job: Job, *, overwrite: bool) -> None:
    """Check, before a picture is fetched, that nobody has written its result meanwhile.

    Raises AlreadyThereError.
    """
    url = job.destination
    if url is None or overwrite:
        return
    there = store_of(url).head(url)
    if there is not None and there.size:
        raise AlreadyThereError(
            f"{url}: the object is already there; choose another name or pass --overwrite"
        )


@contextmanager
def at_hand(job: Job) -> Iterator[Job]:
    """A job of files in place of objects: that of the picture is there, that of the result will be sent.

    Raises StoreError where the picture cannot be fetched.
    """
    target = None if job.destination is None else spool().place(job.destination.name)
    try:
        if target is not None:
            job = replace(job, target=target, base=target.parent)
        yield job if job.origin is None else replace(job, source=_fetched(job.origin))
    finally:
        if target is not None:
            spool().remove(target)


def _fetched(origin: Url) -> Path:
    """The file of an object, which the next one takes the place of in this thread."""
    known: tuple[Url, Path] | None = getattr(_last, "file", None)
    if known is not None:
        if known[0] == origin and known[1].is_file():
            return known[1]
        spool().remove(known[1])
    path = spool().place(origin.name)
    _last.file = origin, path
    most = most_bytes(path.suffix.lower())
    waited(lambda: store_of(origin).fetch(origin, path, most=most))
    return path


def send(job: Job, *, overwrite: bool) -> None:
    """Write the result of a job to its store, once its file is written.

    Raises AlreadyThereError, StoreError.
    """
    url, path = job.destination, job.target
    if url is not None and path is not None:
        waited(lambda: store_of(url).put(path, url, overwrite=overwrite))


def in_addresses(job: Job, local: Job, value: Any) -> Any:
    """A text, or facts, with the addresses of a job in place of the paths of its private files."""
    if isinstance(value, str):
        for path, name in ((local.source, job.name), (local.target, job.output)):
            if path is not None and path not in (job.source, job.target):
                value = value.replace(str(path), name)
        return value
    if isinstance(value, dict):
        return {key: in_addresses(job, local, each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(in_addresses(job, local, each) for each in value)
    return value
