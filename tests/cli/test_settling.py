"""Files that are waited for: new, growing, changed, vanished."""

from __future__ import annotations

from pathlib import Path

from restore.cli.settling import Settling, Stamp


class Disk:
    """Files, and a clock that is turned by hand."""

    def __init__(self) -> None:
        self.files: dict[Path, Stamp] = {}
        self.time = 1000.0
        self.settling = Settling(
            2, clock=lambda: self.time, now=lambda: self.time + 5000, look=self.files.get
        )

    def write(self, name: str, size: int, at: float | None = None) -> None:
        when = round((self.time + 5000 if at is None else at) * 1e9)
        self.files[Path(name)] = Stamp(size, when, when, 1)

    def settled(self, wait: float = 0) -> list[str]:
        self.time += wait
        return [str(path) for path in self.settling.settled(self.files)]


def test_what_was_there_before_is_tried_at_once_and_what_is_being_written_later() -> None:
    disk = Disk()
    disk.write("old", 5, at=100)
    disk.write("new", 5)
    disk.write("of tomorrow", 5, at=99999)  # by a share with another clock
    assert disk.settled() == ["old"]
    assert disk.settling.waiting == 2
    assert disk.settled(1.9) == [] and disk.settled(0.1) == ["new", "of tomorrow"]
    assert disk.settled(10) == [] and disk.settling.waiting == 0


def test_what_comes_later_settles_whatever_its_time() -> None:
    disk = Disk()
    assert disk.settled() == []
    disk.write("copied with its time", 5, at=100)
    assert disk.settled() == [] and disk.settled(2) == ["copied with its time"]


def test_a_file_that_grows_is_waited_for() -> None:
    disk = Disk()
    disk.settled()
    for size in range(5):
        disk.write("a", size)
        assert disk.settled(1.5) == []
    assert disk.settled(2) == ["a"]


def test_a_change_is_a_new_try_and_so_is_what_comes_back() -> None:
    disk = Disk()
    disk.write("a", 5, at=100)
    assert disk.settled() == ["a"] and disk.settled(5) == []
    disk.write("a", 6)
    assert disk.settled() == [] and disk.settled(2) == ["a"]
    del disk.files[Path("a")]
    assert disk.settled() == []
    disk.write("a", 6)
    assert disk.settled() == [] and disk.settled(2) == ["a"]


def test_what_could_not_be_written_is_tried_again() -> None:
    disk = Disk()
    disk.write("a", 5, at=100)
    assert disk.settled() == ["a"]
    disk.settling.again([Path("a"), Path("b")])
    assert disk.settled() == [] and disk.settled(2) == ["a"]
