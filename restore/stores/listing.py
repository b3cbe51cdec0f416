"""Find the pictures below a prefix, as `restore.images.survey` finds those in a folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from restore.images.folders import OTHER_PICTURES, is_ignored, natural_order
from restore.images.formats import FORMAT_OF_SUFFIX
from restore.stores.objects import Object, Store
from restore.stores.urls import Url


@dataclass(frozen=True)
class Found:
    """What lies below a prefix.

    Parameters
    ----------
    pictures : of kinds that are read, in natural order, each with what the store says of it.
    unread : pictures of other kinds, in the same order.
    problems : those that are not to be read, with a message.
    """

    pictures: tuple[tuple[Url, Object], ...]
    unread: tuple[Url, ...] = ()
    problems: tuple[tuple[Url, str], ...] = ()


def survey(
    store: Store,
    prefix: Url,
    *,
    ignore: Sequence[str] = (),
    most: Callable[[str], int | None] = lambda suffix: None,
    reads: Collection[str] = FORMAT_OF_SUFFIX,
) -> Found:
    """List the pictures below a prefix; in memory are the names of pictures alone.

    Parameters
    ----------
    store : that of the prefix.
    prefix : such as ``s3://bucket/scans/``.
    ignore : patterns of what is left out, as in `restore.images.is_ignored`.
    reads : endings of files that are read, in lower case.
    most : gives the bytes of the longest file that is read, by its ending in lower case; None for any.

    Raises
    ------
    StoreError
        Where it cannot be listed.

    Examples
    --------
    >>> from obstore.store import MemoryStore
    >>> from restore.stores import parse_url
    >>> memory = MemoryStore()
    >>> for key in ("in/a10.png", "in/a2.png", "in/.hidden/b.png", "in/notes.txt", "other/c.png"):
    ...     put = memory.put(key, b"abc")
    >>> url = parse_url("s3://bucket/in/")
    >>> [str(each) for each, _ in survey(Store(url, given=memory), url).pictures]
    ['s3://bucket/in/a2.png', 's3://bucket/in/a10.png']
    """
    start = prefix.key.rstrip("/")
    base = Url(prefix.scheme, prefix.container, f"{start}/" if start else "")
    pictures: list[tuple[Url, Object]] = []
    unread: list[Url] = []
    problems: list[tuple[Url, str]] = []
    empty: list[Url] = []
    for each in store.objects(prefix):
        inside = PurePosixPath(each.key[len(base.key) :])
        suffix = inside.suffix.lower()
        ours = suffix in reads
        if not each.key.startswith(base.key) or not (ours or suffix in OTHER_PICTURES):
            continue
        if _is_left_out(inside, ignore):
            continue
        url = base.within(str(inside))
        limit = most(suffix) if ours else None
        if each.size == 0:
            empty.append(url)
        elif limit is not None and each.size > limit:
            problems.append((url, _too_long(url, each.size, limit)))
        elif ours:
            pictures.append((url, each))
        else:
            unread.append(url)
    folders = {parent for url, _ in pictures for parent in PurePosixPath(url.key).parents}
    problems += [
        (url, f"{url}: expected a picture, got an empty object; write it again, or pass --ignore")
        for url in empty
        if PurePosixPath(url.key) not in folders  # some tools leave an empty object for a folder
    ]
    return Found(
        tuple(sorted(pictures, key=lambda pair: natural_order(pair[0].path))),
        tuple(sorted(unread, key=lambda url: natural_order(url.path))),
        tuple(problems),
    )


def _is_left_out(inside: PurePosixPath, ignore: Sequence[str]) -> bool:
    """Whether an object, or a folder it is in, is hidden or ignored."""
    if any(part.startswith(".") for part in inside.parts):
        return True
    places = (inside, *inside.parents[:-1]) if ignore else ()
    return any(is_ignored(place, ignore) for place in places)


def _too_long(url: Url, size: int, limit: int) -> str:
    sizes = f"at most {limit / 1e9:.1f} GB, got {size / 1e9:.1f} GB"
    return f"{url}: expected a picture of {sizes}; crop or downscale it"
