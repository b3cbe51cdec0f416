"""Options of tasks that are numbers: out of arrays and tensors of one, before anything is done with them."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np
from torch import Tensor

REAL = ("strength", "luma", "chroma", "scale", "guidance", "start", "radius", "quality")
WHOLE = ("steps", "grow", "feather", "reference_scale", "n")


def numbers_in(given: dict[str, Any]) -> dict[str, Any]:
    """Give the options of a task with plain numbers in place of tensors and arrays of one number.

    Parameters
    ----------
    given : the options by name; which of them are numbers is told by REAL and WHOLE. What is no number is
        left as it is: `restore.tasks.checked.check_arguments` refuses it.

    Examples
    --------
    >>> numbers_in({"steps": np.int64(3), "scale": np.array(2.0), "size": np.array([8, 9]), "seed": 0})
    {'steps': 3, 'scale': 2.0, 'size': (8, 9), 'seed': 0}
    >>> numbers_in({"steps": "3"})
    {'steps': '3'}
    """
    kinds = {**dict.fromkeys(REAL, _real), **dict.fromkeys(WHOLE, _whole), "size": _size}
    return {name: kinds[name](value) if name in kinds else value for name, value in given.items()}


def _real(value: Any) -> Any:
    single = isinstance(value, np.ndarray | Tensor) and np.prod(value.shape) == 1
    if not single or np.iscomplexobj(value) or not hasattr(value, "__float__"):
        return value
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):  # objects, and tensors without values
        return value


def _whole(value: Any) -> Any:
    try:
        return value if isinstance(value, bool) else index(value)
    except TypeError:
        return value


def _size(value: Any) -> Any:
    try:
        h, w = value
    except (TypeError, ValueError):
        return value
    return _whole(h), _whole(w)
