"""Jobs whose pictures or results are objects of stores: fetched into private files, and sent from them."""

from __future__ import annotations

import posixpath
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from restore import images
from restore.cli.addresses import most_bytes, readable
from restore.errors import AlreadyThereError, OutputError, StoreError
from restore.stores import PATIENCE, Store, Url, is_url, parse_url, survey
from restore.turns import waiting

if TYPE_CHECKING:
    from restore.cli.job_plan import Job

Given = TypeVar("Given")
FEW = 16
"""Results that are asked for one by one; of more, the prefix is listed."""

POLL, GRACE = 0.1, 10.0
"""Seconds after which is looked whether the run ends, and for which what is sent may take longer than it."""


class _Lane(threading.local):
    """What a thread is told: check raises where the run ends."""

    check: Callable[[], None] | None = None


LANE = _Lane()


@cache
def _store(scheme: str, container: str, typed: str) -> Store:
    return Store(Url(scheme, container, "", typed), patience=PATIENCE)


def store_of(url: Url) -> Store:
    """The store of an address, opened once."""
    return _store(url.scheme, url.container, url.typed)


class Call(Generic[Given]):
    """A call to a store, in a thread of its own, which the end of the program does not wait for."""

    def __init__(self, call: Callable[[], Given]):
        self._call, self._ended = call, threading.Event()
        self._found: list[Given] = []
        self._error: BaseException | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._found.append(self._call())
        except BaseException as error:
            self._error = error
        self._ended.set()

    def result(self, *, grace: float = 0.0) -> Given:
        """What the call gives. The wait ends with the run, or so many seconds after it."""
        with waiting():
            self._wait(grace)
        if self._error is not None:
            raise self._error
        return self._found[0]

    def _wait(self, grace: float) -> None:
        until = 0.0
        while not self._ended.wait(POLL):
            try:
                if LANE.check is not None:
                    LANE.check()
            except BaseException:
                until = until or time.monotonic() + grace
                if time.monotonic() >= until:
                    raise


def waited(call: Callable[[], Given], *, grace: float = 0.0) -> Given:
    """What a call to a store gives; the wait for it can be ended. grace: seconds after which it is."""
    return Call(call).result(grace=grace)


def surveyed(name: str, given: Path, ignore: Sequence[str]) -> images.Listing:
    """What lies in a folder, or below the address of one; given: its path. An address may be a problem."""
    if not is_url(name):
        return images.survey(given, ignore=ignore, pdf=True)
    prefix = parse_url(name)
    try:
        reads = readable()
        found = waited(lambda: survey(store_of(prefix), prefix, ignore=ignore, most=most_bytes, reads=reads))
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


def send(job: Job, *, overwrite: bool) -> None:
    """Write the result of a job to its store, once its file is written.

    Raises AlreadyThereError, StoreError.
    """
    url, path = job.destination, job.target
    if url is not None and path is not None and path.is_file():  # else nothing was to be written
        waited(lambda: store_of(url).put(path, url, overwrite=overwrite), grace=GRACE)
