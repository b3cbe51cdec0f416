"""Jobs come back in their order and once, whatever becomes of the workers."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from restore.cli.blocks import AHEAD, MOST, Block, Blocks
from restore.cli.job_plan import Job
from restore.cli.outcome import Outcome


def jobs(count: int, samples: int = 1) -> list[Job]:
    return [Job(Path(f"{n}.png"), Path(f"{n}-{k}.png"), draw=k) for n in range(count) for k in range(samples)]


def give_back(blocks: Blocks, block: Block, count: int | None = None) -> None:
    blocks.begun(block)
    blocks.done(block, [(number, Outcome(job, "done")) for number, job in block.jobs[:count]])


def test_outcomes_come_in_the_order_of_the_jobs() -> None:
    todo = jobs(200)
    blocks = Blocks(todo)
    first, second = blocks.next(1), blocks.next(1)
    assert first is not None
    assert second is not None
    assert (first.name, len(first.jobs), second.name) == ("pictures 1 to 64", MOST, "pictures 65 to 128")
    give_back(blocks, second)
    assert list(blocks.turn()) == []
    assert (blocks.ahead, blocks.current) == (MOST, todo[0])
    give_back(blocks, first)
    assert [outcome.job for outcome in blocks.turn()] == todo[:128]


def test_the_last_blocks_are_small_and_samples_stay_together() -> None:
    todo = jobs(40, samples=3)
    blocks, sizes = Blocks(todo, [1.0] * len(todo)), []
    while block := blocks.next(2):
        assert [job.draw for _, job in block.jobs] == [0, 1, 2] * (len(block.jobs) // 3)
        sizes.append(len(block.jobs))
        give_back(blocks, block)
    assert sizes[0] == 15
    assert sizes[-1] == 3
    assert sum(sizes) == len(todo)


def test_slow_pictures_go_out_in_smaller_blocks() -> None:
    now = [0.0]
    blocks = Blocks(jobs(500), clock=lambda: now[0])
    block = blocks.next(1)
    assert block is not None
    blocks.begun(block)
    now[0] = 640.0  # ten seconds each
    blocks.done(block, [(number, Outcome(job, "done")) for number, job in block.jobs])
    block = blocks.next(1)
    assert block is not None
    assert len(block.jobs) == 3


def test_no_more_are_out_than_can_be_remembered() -> None:
    blocks, out = Blocks(jobs(3000)), []
    while block := blocks.next(2):
        out.append(block)
    assert sum(len(block.jobs) for block in out) == 2 * AHEAD
    give_back(blocks, out[0])
    assert len(list(blocks.turn())) == MOST
    assert blocks.next(2) is not None


def test_a_job_that_ends_its_worker_twice_has_failed_and_the_others_are_done() -> None:
    todo = jobs(30)
    blocks, found, deadly, workers = Blocks(todo), list[Outcome](), todo[7], 0
    while not blocks.finished:
        block = blocks.next(1)
        if block is None:
            found += blocks.turn()
            continue
        named = [job for _, job in block.jobs]
        give_back(blocks, block, named.index(deadly) if deadly in named else None)
        if deadly in named:
            workers += 1
            blocks.lost(block, by="killed")
        found += blocks.turn()
    assert [outcome.job for outcome in found] == todo
    assert [outcome.status for outcome in found].count("failed") == 1
    assert "its worker was lost 2 times" in found[7].error
    assert [said.kind for said in found[7].said] == ["error", "end", "nothing"]
    assert workers == 2


def test_a_lost_machine_is_no_fault_of_its_jobs() -> None:
    blocks = Blocks(jobs(1))
    for _ in range(5):
        block = blocks.next(1)
        assert block is not None
        blocks.begun(block)
        blocks.lost(block)
    block = blocks.next(1)
    assert block is not None
    assert block.again
    give_back(blocks, block)
    assert [outcome.status for outcome in blocks.turn()] == ["done"]
    assert blocks.next(1) is None
    assert blocks.finished


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_lost_everything_is_done_once(seed: int) -> None:
    chance, todo = random.Random(seed), jobs(150, samples=2)
    blocks, out, found = Blocks(todo, [1.0] * len(todo)), list[Block](), list[Outcome]()
    while not blocks.finished:
        while len(out) < 4 and (block := blocks.next(3)):
            out.append(block)
        if out:
            block = out.pop(chance.randrange(len(out)))
            blocks.begun(block)
            part = chance.randint(0, len(block.jobs))
            give_back(blocks, block, part)
            if part < len(block.jobs):
                blocks.lost(block, by=chance.choice(["", "killed"]) if len(block.left) > 1 else "")
        found += blocks.turn()
    assert [outcome.job for outcome in found] == todo
    assert all(outcome.status == "done" for outcome in found)
