"""Wrong versions of modules, each with a piece of its source exchanged, and tests that they are found."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import pytest

Check = Callable[[ModuleType], None]
Mutations = Mapping[tuple[ModuleType, Check], Sequence[tuple[str, str]]]
"""For a module and the check that must fail: what is exchanged, for what."""


def mutate(module: ModuleType, old: str, new: str) -> ModuleType:
    """The module with one piece of its source exchanged; the module itself stays as it is."""
    source = inspect.getsource(module)
    assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times in {module.__name__}"
    mutant = ModuleType(module.__name__)
    exec(compile(source.replace(old, new), f"<mutant of {module.__name__}>", "exec"), mutant.__dict__)
    return mutant


def mutant_tests(mutations: Mutations) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Two tests: that each mutant is found, and that an exact copy is not."""
    mutants = [
        pytest.param(module, check, old, new, id=f"{check.__name__}: {old} -> {new}")
        for (module, check), exchanges in mutations.items()
        for old, new in exchanges
    ]

    @pytest.mark.parametrize(("module", "check", "old", "new"), mutants)
    def test_the_check_finds_the_mutant(module: ModuleType, check: Check, old: str, new: str) -> None:
        mutant = mutate(module, old, new)
        with pytest.raises(AssertionError):
            check(mutant)

    @pytest.mark.parametrize(("module", "check"), mutations, ids=lambda value: value.__name__)
    def test_an_exact_copy_passes(module: ModuleType, check: Check) -> None:
        """Mutants are found for what was changed in them, not because they are copies."""
        first = inspect.getsource(module).splitlines()[0]
        check(mutate(module, first, first + " "))

    return test_the_check_finds_the_mutant, test_an_exact_copy_passes
