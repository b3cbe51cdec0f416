"""The objects of one store: listed, fetched into files, and written from files."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.errors import AlreadyThereError, StoreError
from restore.stores.opened import PATIENCE, Patience, library, open_store
from restore.stores.trouble import is_passing, told
from restore.stores.urls import Url

if TYPE_CHECKING:
    from obstore.store import ObjectStore

AT_ONCE = 32 * 2**20
"""Bytes up to which an object is sent in one piece; only then can a store refuse to replace another one."""

_PART, _PARTS_AT_ONCE = 16 * 2**20, 4
_CHUNK = 2**20
_PAGE = 1000  # names that stores list at once
_SPARE = 64 * 2**20  # bytes of a disk that are left free
_MD5 = re.compile(r'"?([0-9a-f]{32})"?')


@dataclass(frozen=True)
class Object:
    """What a store says of an object.

    Parameters
    ----------
    key : its name.
    size : in bytes.
    etag : changes with its contents; empty where the store gives none.
    modified : when it was written.
    """

    key: str
    size: int
    etag: str = ""
    modified: datetime | None = None


class Store:
    """The store of an address.

    Parameters
    ----------
    url : of any object in it.
    patience : with it.
    given : an open store of obstore, in place of the one of the address.

    Examples
    --------
    >>> from obstore.store import MemoryStore
    >>> from restore.stores import parse_url
    >>> memory = MemoryStore()
    >>> put = memory.put("scans/a.png", b"abc")
    >>> store = Store(parse_url("s3://bucket"), given=memory)
    >>> [(each.key, each.size) for each in store.objects(parse_url("s3://bucket/scans/"))]
    [('scans/a.png', 3)]
    """

    def __init__(self, url: Url, *, patience: Patience = PATIENCE, given: ObjectStore | None = None):
        self.url, self.patience, self._given = url, patience, given

    @cached_property
    def _reading(self) -> ObjectStore:
        return self._given or open_store(self.url, patience=self.patience)

    @cached_property
    def _writing(self) -> ObjectStore:
        return self._given or open_store(self.url, patience=self.patience, writing=True)

    def objects(self, prefix: Url) -> Iterator[Object]:
        """List what lies below a prefix, a page of names in memory at a time.

        Parameters
        ----------
        prefix : read as a folder: ``scans`` is that of ``scans/a.png``, and not of ``scans2/a.png``.

        Raises
        ------
        StoreError
            Where it cannot be listed, as on the web.
        """
        if prefix.is_web:
            raise StoreError(f"{prefix}: a web server lists no files; name each picture")
        pages = library(self.url).list(self._reading, prefix.key.rstrip("/") or None, chunk_size=_PAGE)
        try:
            for page in pages:
                for each in page:
                    yield _object(each)
        except Exception as error:  # obstore has several kinds
            raise self._trouble(error, prefix, "list it") from None

    def head(self, url: Url) -> Object | None:
        """What the store says of an object; None where there is none.

        Parameters
        ----------
        url : of the object.

        Raises
        ------
        StoreError
            Where the store does not say.
        """
        try:
            return _object(library(self.url).head(self._reading, _key(url)))
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._trouble(error, url, "look at it") from None

    def fetch(self, url: Url, path: Path, *, most: int | None = None) -> Object:
        """Read an object into a new file.

        Parameters
        ----------
        url : of the object.
        path : of the file, which only the user can read.
        most : bytes; a longer object is refused before it is read.

        Returns
        -------
        Object
            What was read.

        Raises
        ------
        StoreError
            Where it cannot be read, is too long, or does not fit on the disk.
        """
        for attempt in range(1, self.patience.tries + 1):
            try:
                return self._fetched(url, path, most)
            except StoreError:
                raise
            except Exception as error:
                path.unlink(missing_ok=True)
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    raise StoreError(f"{url}: the disk is full at {path.parent}; free some space") from error
                if attempt == self.patience.tries or not is_passing(error):
                    raise self._trouble(error, url, "read it") from None
            self._wait(attempt)
        raise AssertionError("the last attempt returns or raises")

    def _fetched(self, url: Url, path: Path, most: int | None) -> Object:
        answer = library(self.url).get(self._reading, _key(url))
        found = _object(answer.meta)
        if most is not None and found.size > most:
            raise StoreError(
                f"{url}: expected at most {most / 1e9:.1f} GB, got {found.size / 1e9:.1f} GB; crop or "
                "downscale it"
            )
        if found.size + _SPARE > shutil.disk_usage(path.parent).free:
            raise StoreError(
                f"{url}: its {found.size / 1e9:.1f} GB do not fit on the disk of {path.parent}; set TMPDIR "
                "to a folder with more space"
            )
        written = 0
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for chunk in answer.stream(min_chunk_size=_CHUNK):
                written += file.write(chunk)
        if written != found.size:
            raise _CutError
        return found

    def put(self, path: Path, url: Url, *, overwrite: bool = False) -> Object:
        """Write a file as an object, and check that it is there as it should be.

        A new object of up to `AT_ONCE` bytes is written unless there is one, which the store decides. A
        longer one goes there in parts, and whether there is one is asked before. An empty object is replaced.

        Parameters
        ----------
        path : of the file.
        url : of the object.
        overwrite : whether an object that is there is replaced.

        Raises
        ------
        AlreadyThereError
            Where there is an object (without ``overwrite``) of other contents.
        StoreError
            Where it cannot be written, or has come there wrong; then it is removed.
        """
        if url.is_web:
            raise StoreError(f"{url}: a web server is only read; write to s3://, gs:// or az://, or a folder")
        if not url.name or url.is_prefix:
            raise StoreError(f"{url}: expected the name of an object, got a prefix; add a name")
        size, digest = path.stat().st_size, _md5(path)
        create = not overwrite and size <= AT_ONCE
        if not overwrite and not create:
            self._check_new(url, size, digest)
        try:
            etag = self._put(path, url, create=create)
        except _TakenError:
            there = self.head(url)
            if there is not None and there.size == 0 < size:
                etag = self._put(path, url, create=False)
            elif there is None or not _is(there, size, digest):
                raise _already_there(url) from None
            else:
                return there  # an answer was lost, and it was asked again
        return self._checked(url, Object(url.key, size, etag), digest)

    def _put(self, path: Path, url: Url, *, create: bool) -> str:
        """Send a file; give the etag. Raises _TakenError where there is an object (with ``create``)."""
        obstore = library(self.url)
        refused = obstore.exceptions.AlreadyExistsError, obstore.exceptions.PreconditionError
        try:
            sent = obstore.put(
                self._writing, _key(url), path, mode="create" if create else "overwrite",
                use_multipart=path.stat().st_size > AT_ONCE, chunk_size=_PART,
                max_concurrency=_PARTS_AT_ONCE,
            )  # fmt: skip
        except refused:
            raise _TakenError from None
        except Exception as error:
            unknown = isinstance(error, obstore.exceptions.NotSupportedError) or "status: 501" in str(error)
            if not (create and unknown):  # else the store does not know the condition
                raise self._trouble(error, url, "write it") from None
        else:
            return str(sent["e_tag"] or "")
        if self.head(url) is not None:
            raise _TakenError
        return self._put(path, url, create=False)

    def _check_new(self, url: Url, size: int, digest: str) -> None:
        there = self.head(url)
        if there is not None and there.size > 0 and not _is(there, size, digest):
            raise _already_there(url)

    def _checked(self, url: Url, sent: Object, digest: str) -> Object:
        """See that an object is what was sent: by its hash, or by its length.

        A hash of another kind says nothing. One that may be wrong has the object read back.
        """
        if _is(sent, sent.size, digest):
            return sent
        there = self.head(url)
        right = there is not None and there.size == sent.size
        if right and _MD5.fullmatch(sent.etag):  # of an encrypted object it is no hash of what was sent
            right = self._digest(url) == digest
        if right and there is not None:
            return there
        self._remove(url)
        raise StoreError(f"{url}: what was written reads back wrong, nothing is kept; try again")

    def _digest(self, url: Url) -> str:
        found = hashlib.md5(usedforsecurity=False)
        try:
            for chunk in library(self.url).get(self._reading, _key(url)).stream(min_chunk_size=_CHUNK):
                found.update(chunk)
        except Exception as error:
            raise self._trouble(error, url, "read it back") from None
        return found.hexdigest()

    def _remove(self, url: Url) -> None:
        with suppress(Exception):  # it may not be allowed
            library(self.url).delete(self._writing, _key(url))

    def _trouble(self, error: BaseException, url: Url, doing: str) -> StoreError:
        if isinstance(error, StoreError):
            return error
        sending = doing == "write it"
        return told(error, url, doing, patience=self.patience.sending if sending else str(self.patience))

    def _wait(self, attempt: int) -> None:
        longest = min(self.patience.longest, self.patience.first * 2.0**attempt)
        time.sleep(random.uniform(longest / 2, longest))


class _CutError(Exception):
    def __str__(self) -> str:
        return "kind: Interrupted"


class _TakenError(Exception):
    """There is an object of that name."""


def _object(meta: Any) -> Object:
    return Object(meta["path"], int(meta["size"]), meta["e_tag"] or "", meta["last_modified"])


def _key(url: Url) -> str:
    """The key of an object in the store that is opened for it."""
    return "" if url.typed else url.key


def _is(there: Object, size: int, digest: str) -> bool:
    found = _MD5.fullmatch(there.etag)
    return there.size == size and found is not None and found[1] == digest


def _already_there(url: Url) -> AlreadyThereError:
    return AlreadyThereError(f"{url}: the object is already there; choose another name or pass --overwrite")


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
