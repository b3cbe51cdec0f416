"""Restore photographs with one diffusion backbone: denoise, inpaint, upscale, sample.

Importing the package is cheap. A function brings in what it needs, torch included, when it is first
looked up (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from restore.errors import RestoreError

__version__ = "0.1.0"

__all__ = [
    "RestoreError", "colorize", "deblur", "dejpeg", "denoise", "inpaint", "load", "sample", "solve",
    "upscale",
]  # fmt: skip

if TYPE_CHECKING:
    from restore.priors.checkpoint import load
    from restore.tasks.dejpeg import dejpeg
    from restore.tasks.denoise import denoise
    from restore.tasks.inpaint import inpaint
    from restore.tasks.sample import sample
    from restore.tasks.solve import colorize, deblur, solve
    from restore.tasks.upscale import upscale
else:
    # Not seen by type checkers, for whom a module with __getattr__ has every attribute.
    _HOMES = {
        "colorize": "restore.tasks.solve",
        "deblur": "restore.tasks.solve",
        "dejpeg": "restore.tasks.dejpeg",
        "denoise": "restore.tasks.denoise",
        "inpaint": "restore.tasks.inpaint",
        "load": "restore.priors.checkpoint",
        "sample": "restore.tasks.sample",
        "solve": "restore.tasks.solve",
        "upscale": "restore.tasks.upscale",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
