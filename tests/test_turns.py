"""Threads that take turns."""

from __future__ import annotations

import threading

import pytest

from restore.turns import taking, waiting


def test_one_works_while_the_other_waits() -> None:
    turns, at_work, most, log = threading.Semaphore(1), [0], [0], list[str]()
    answered = threading.Event()

    def count(change: int) -> None:
        at_work[0] += change
        most[0] = max(most[0], at_work[0])

    def first() -> None:
        with taking(turns):
            count(1)
            count(-1)
            with waiting():
                assert answered.wait(30)
            count(1)
            log.append("first")
            count(-1)

    def second() -> None:
        with taking(turns):
            count(1)
            log.append("second")
            answered.set()
            count(-1)

    threads = [threading.Thread(target=each) for each in (first, second)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert log == ["second", "first"] and most == [1]
    assert turns.acquire(blocking=False)  # all were given back


def test_without_turns() -> None:
    with taking(None), waiting():
        pass


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_turns_are_given_back_after_an_error(error: type[BaseException]) -> None:
    turns = threading.Semaphore(1)
    for _ in range(2):
        with pytest.raises(error), taking(turns), waiting():
            raise error
        with pytest.raises(error), taking(turns):
            raise error
    with waiting():  # there is none to leave
        assert turns.acquire(blocking=False)
