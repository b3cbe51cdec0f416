"""The examples in the docstrings run, and what users import has one."""

from __future__ import annotations

import doctest
import inspect
import pkgutil
from importlib import import_module
from typing import Any

import pytest

import restore

MODULES = [
    module.name
    for module in pkgutil.walk_packages(restore.__path__, "restore.")
    if not module.name.endswith("__main__") and not module.name.startswith("restore.cli.")
]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Finder(doctest.DocTestFinder):
    """Finds the examples of functions that a decorator of another module has wrapped, too."""

    def _from_module(self, module: Any, object: Any) -> bool:
        found: bool = super()._from_module(module, inspect.unwrap(object))  # type: ignore[misc]
        return found


def test_the_examples_of_the_tasks_are_found() -> None:
    names = {test.name for test in Finder().find(import_module("restore.tasks.denoise"))}
    assert "restore.tasks.denoise.denoise" in names


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name: str) -> None:
    if name in ("restore.integrations.deepinv", "restore.integrations.ocrmypdf"):
        pytest.importorskip(name.rpartition(".")[2])
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    results = [runner.run(test) for test in Finder().find(import_module(name), name)]
    assert not any(result.failed for result in results)


@pytest.mark.parametrize("name", restore.__all__)
def test_every_public_name_has_an_example(name: str) -> None:
    text = inspect.getdoc(getattr(restore, name)) or ""
    assert ">>> " in text


@pytest.mark.parametrize("name", ["Parameters", "Returns", "Raises", "References", "Examples"])
@pytest.mark.parametrize(
    "function", ["denoise", "erase", "inpaint", "upscale", "dejpeg", "solve", "sample", "vary"]
)
def test_every_task_is_documented_in_full(function: str, name: str) -> None:
    text = inspect.getdoc(getattr(restore, function)) or ""
    assert f"\n{name}\n{'-' * len(name)}\n" in text
