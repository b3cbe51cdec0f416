"""A few pictures that stand for many: spread over their folders, their kinds and their sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from restore.cli.job_plan import Job

LOOKED_AT = 64  # files of each stretch whose sizes are compared


def spread(jobs: Sequence[Job], count: int) -> list[Job]:
    """Choose some of the jobs, in their order; the same ones every time.

    Every kind of file has its share, and at least one where there is room. The pictures of each kind are
    taken from equal stretches of their order, by turns of small, large and middling ones.
    """
    firsts = [job for job in jobs if not job.draw]
    kinds: dict[str, list[Job]] = {}
    for job in firsts:
        kinds.setdefault(job.source.suffix.lower() if job.source else "", []).append(job)
    chosen: set[int] = set()
    for kind, share in _shares({kind: len(each) for kind, each in kinds.items()}, count).items():
        chosen |= {id(job) for job in _stretched(kinds[kind], share)}
    return [job for job in firsts if id(job) in chosen]


def _shares(sizes: dict[str, int], count: int) -> dict[str, int]:
    """How many of each kind: one, as long as there is room, and the rest as the kinds are large.

    >>> _shares({".jpg": 900, ".tif": 99, ".png": 1}, 12)
    {'.jpg': 10, '.tif': 1, '.png': 1}
    """
    shares = dict.fromkeys(sorted(sizes, key=lambda kind: -sizes[kind])[:count], 1)
    for _ in range(min(count, sum(sizes.values())) - len(shares)):
        free = [kind for kind in shares if shares[kind] < sizes[kind]]
        shares[max(free, key=lambda kind: sizes[kind] / (shares[kind] + 0.5))] += 1
    return shares


def _stretched(jobs: Sequence[Job], count: int) -> list[Job]:
    """One of each of so many stretches of equal length."""
    chosen = []
    for number in range(count):
        start, end = (len(jobs) * (number + k) // count for k in (0, 1))
        stretch = jobs[start : end : max(1, (end - start) // LOOKED_AT)]
        ordered = sorted(
            stretch, key=lambda job: _bytes(job.source)
        )  # stable: by place where sizes are equal
        chosen.append(ordered[int(_radical_inverse(number) * len(ordered))])
    return chosen


def _radical_inverse(number: int) -> float:
    """Its binary digits mirrored at the point: 0, 1/2, 1/4, 3/4 (van der Corput)."""
    value, weight = 0.0, 0.5
    while number:
        value += weight * (number & 1)
        number >>= 1
        weight /= 2
    return value


def _bytes(path: Path | None) -> int:
    try:
        return 0 if path is None else path.stat().st_size
    except OSError:
        return 0
