"""Formats whose packages come with an extra: nothing here imports them."""

from __future__ import annotations

import sys
from importlib.util import find_spec

EXTRAS = {
    "heic": ("heif", "HEIC", ("pillow_heif",)),
    "pdf": ("pdf", "PDF", ("pikepdf", "pypdfium2")),
    "jxl": ("jxl", "JPEG XL", ("pyjpegxl",)),
}
"""format -> the extra, what people call the format, and the modules that it needs"""


def lacking(kind: str) -> str:
    """Say what a format lacks to be read and written here.

    Parameters
    ----------
    kind : a format, as `restore.images.formats.FORMATS` has them.

    Returns
    -------
    str
        Empty where nothing is missing.

    Examples
    --------
    >>> lacking("png")
    ''
    """
    extra, name, modules = EXTRAS.get(kind, ("", "", ()))
    missing = [module.replace("_", "-") for module in modules if not _is_there(module)]
    return f"{name} needs {' and '.join(missing)}; {install(extra)}" if missing else ""


def install(extra: str) -> str:
    """The command that brings an extra.

    Examples
    --------
    >>> install("heif")
    "pip install 'restore-diffusion[heif]'"
    """
    return f"pip install 'restore-diffusion[{extra}]'"


def _is_there(module: str) -> bool:
    return (module in sys.modules and sys.modules[module] is not None) or find_spec(module) is not None
