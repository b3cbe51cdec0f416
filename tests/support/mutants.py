"""Wrong versions of functions, put in their place at run time, and tests that a check finds them.

A mutant says what is wrong. `wrong` makes it out of the right function (an ignored seed, a lost factor);
`edited` exchanges a piece of the function's source, for mistakes within a formula; `constant` changes a
number of a module. Each is put everywhere that the package or a test has the right one, so that a check calls
the package as users do.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

Check = Callable[[], None]
Function = Callable[..., Any]


@dataclass(frozen=True)
class Mutant:
    """What is wrong, in words, and how it is put in place: ``put(patch)``."""

    what: str
    put: Callable[[pytest.MonkeyPatch], None]


def wrong(right: Function, make: Callable[[Function], Function], what: str) -> Mutant:
    """A function in place of the right one, which ``make`` is given."""
    return Mutant(f"{right.__qualname__}: {what}", lambda patch: _put(patch, right, make(right)))


def edited(right: Function, old: str, new: str) -> Mutant:
    """The function with one piece of its source exchanged."""
    return Mutant(
        f"{right.__qualname__}: {old} -> {new}", lambda patch: _put(patch, right, _edited(right, old, new))
    )


def constant(module: ModuleType, name: str, value: object, what: str = "") -> Mutant:
    """Another value in place of a module's. what: in words, where the value says too little or too much."""

    def put(patch: pytest.MonkeyPatch) -> None:
        right = getattr(module, name)
        for home in _homes():
            if getattr(home, name, None) is right:
                patch.setattr(home, name, value)

    return Mutant(f"{module.__name__}.{name} = {what or repr(value)}", put)


@contextmanager
def in_place(mutant: Mutant) -> Iterator[None]:
    """The package with the mutant in it."""
    with pytest.MonkeyPatch.context() as patch:
        mutant.put(patch)
        yield


def mutant_tests(mutants: Mapping[Check, Sequence[Mutant]]) -> Callable[..., Any]:
    """A test that each check finds its mutants. That it passes without them is for a test of its own."""
    cases = [
        pytest.param(check, mutant, id=f"{check.__name__}: {mutant.what}")
        for check, its in mutants.items()
        for mutant in its
    ]

    @pytest.mark.parametrize(("check", "mutant"), cases)
    def test_the_check_finds_the_mutant(check: Check, mutant: Mutant) -> None:
        with in_place(mutant), pytest.raises(AssertionError):
            check()

    return test_the_check_finds_the_mutant


def _homes() -> list[ModuleType]:
    """The modules of the package, and the tests that have imported from them."""
    return [
        module
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == "restore" or name.startswith("test_")
    ]


def _put(patch: pytest.MonkeyPatch, right: Function, other: Function) -> None:
    """Replace a function wherever it has been imported to; a method in its class."""
    owner, _, name = right.__qualname__.rpartition(".")
    if owner:
        home = getattr(sys.modules[right.__module__], owner)
        patch.setattr(home, name, other)
        if hasattr(other, "__set_name__"):  # a cached property
            other.__set_name__(home, name)
        return
    found = [(home, name) for home in _homes() for name, value in vars(home).items() if value is right]
    assert found, f"the package has no {right.__qualname__}"
    for home, name in found:
        patch.setattr(home, name, other)


def _edited(right: Function, old: str, new: str) -> Function:
    plain = inspect.unwrap(right)
    source = textwrap.dedent(inspect.getsource(plain))
    assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times in {plain.__qualname__}"
    found: dict[str, Any] = {}
    code = compile(source.replace(old, new), f"<mutant of {plain.__qualname__}>", "exec")
    exec(code, plain.__globals__, found)
    function: Function = found[plain.__name__]
    return function
