"""The examples in the docstrings run, and what users import has one."""

from __future__ import annotations

import doctest
import inspect
import pkgutil
from importlib import import_module

import pytest

import restore

MODULES = [
    module.name
    for module in pkgutil.walk_packages(restore.__path__, "restore.")
    if not module.name.endswith("__main__") and not module.name.startswith("restore.cli.")
]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name: str) -> None:
    result = doctest.testmod(import_module(name), optionflags=OPTIONS)
    assert result.failed == 0


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
