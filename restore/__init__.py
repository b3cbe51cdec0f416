"""Restore photographs with one diffusion backbone: denoise, inpaint, upscale, sample.

The public names are listed once, in the stub ``__init__.pyi``, which type checkers and this module read.
Importing the package is cheap. A name's module, torch included, is imported when the name is first looked up
(PEP 562). That holds for modules, too: `restore.images`, `restore.nn`, `restore.types`.

Examples
--------
>>> import restore
>>> restore.__all__[:7]
['RestoreError', 'colorize', 'damage_mask', 'deblur', 'dejpeg', 'denoise', 'erase']
>>> restore.__all__[7:]
['erase_mask', 'inpaint', 'load', 'repair', 'sample', 'solve', 'upscale', 'vary']
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"
_modules: dict[str, str] = {}  # of each public name, once the stub has been read


def _listed() -> dict[str, str]:
    """Read which names the stub lists, and which module each comes from."""
    if not _modules:
        import ast
        from pathlib import Path

        stub = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
        imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
        _modules.update({alias.name: node.module or "" for node in imports for alias in node.names})
    return _modules


def __getattr__(name: str) -> object:
    if name == "__all__":
        return sorted(public for public, module in _listed().items() if module != __name__)
    if name not in _listed():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _listed()[name]
    if module == __name__:
        return import_module(f"{module}.{name}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_listed()})
