"""benchmarks/pages.py, which is no part of the package: rendered pages and their text."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType


@cache
def printed_pages() -> ModuleType:
    """The module, whose ``page`` gives a page and its text."""
    path = Path(__file__).parents[2] / "benchmarks" / "pages.py"
    spec = importlib.util.spec_from_file_location("pages", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pages"] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["pages"]
    return module
