"""A part of the pictures for each of several processes that share nothing else: ``--shard 3/16``."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import click

from restore.cli.job_plan import Job, Plan

MOST = 100_000  # shards


@dataclass(frozen=True)
class Shard:
    """The part with this number, from 1, of so many."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def has_item(self, number: int) -> bool:
        """Whether an item of a manifest is in it: every 16th of 16 shards, however many are added."""
        return number % self.count == self.number - 1

    def has(self, job: Job) -> bool:
        """Whether a picture is in it: by its path within the folder, whatever others there are."""
        inside = job.inside or PurePath(job.name).name
        path = os.fsencode(PurePath(inside).as_posix())
        mark = int.from_bytes(hashlib.blake2b(path, digest_size=8).digest(), "big")
        return self.has_item(mark)


def of_shard(planned: Plan, shard: Shard | None) -> Plan:
    """The jobs of a shard. What is told of a folder as a whole is told by the first."""
    if shard is None:
        return planned
    jobs = tuple(job for job in planned.jobs if shard.has(job))
    if shard.number == 1:
        return replace(planned, jobs=jobs)
    return replace(planned, jobs=jobs, failures=(), unread=(), results=(), notes=())


class ShardType(click.types.StringParamType):
    """Which shard of how many, as 3/16."""

    name = "shard"
    _FORM = re.compile(r"([0-9]{1,9})/([0-9]{1,9})", re.ASCII)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, Shard):
            return value
        found = self._FORM.fullmatch(str(value).strip())
        if found is None:
            self.fail(f"{value!r}: expected which part of how many, such as 3/16", param, ctx)
        number, count = int(found[1]), int(found[2])
        if not 1 <= count <= MOST:
            self.fail(f"{value}: expected 1 to {MOST} parts, such as 3/16", param, ctx)
        if not 1 <= number <= count:
            self.fail(f"{value}: expected a part from 1/{count} to {count}/{count}", param, ctx)
        return Shard(number, count)
