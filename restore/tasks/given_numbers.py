"""Options of tasks that are numbers: refused, where they are none, before anything is computed with them."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np
from torch import Tensor

from restore.noise.picture_noise import PictureNoise

REAL = ("strength", "luma", "chroma", "scale", "guidance", "start", "radius", "quality")
WHOLE = ("steps", "grow", "feather", "reference_scale", "n")
NEVER_NONE = ("strength", "guidance", "feather", "operator", "n")


def numbers_in(given: dict[str, Any]) -> dict[str, Any]:
    """Give the options of a task with plain numbers in place of tensors and arrays of one number.

    Parameters
    ----------
    given : the options by name; which of them are numbers is told by REAL and WHOLE. None is left as
        it is where it means something, and whether a number is in range is left to the task.

    Raises
    ------
    TypeError
        For what is no number, no size, no measured noise and no operator, where that is expected.

    Examples
    --------
    >>> numbers_in({"steps": np.int64(3), "scale": np.array(2.0), "size": np.array([8, 9]), "seed": 0})
    {'steps': 3, 'scale': 2.0, 'size': (8, 9), 'seed': 0}
    >>> numbers_in({"steps": "3"})
    Traceback (most recent call last):
    TypeError: steps is a whole number, got '3'
    """
    found = dict(given)
    for name, value in given.items():
        if value is None and name not in NEVER_NONE:
            continue
        if name in REAL:
            found[name] = _real(name, value)
        elif name in WHOLE:
            found[name] = _whole(f"{name} is a whole number", value, value)
        elif name == "size":
            found[name] = _size(value)
        elif name == "noise" and not isinstance(value, PictureNoise):
            raise TypeError(
                "noise is what restore.tasks.noise_choice.measured gives, got "
                f"{_shown(value)}; for a level pass sigma"
            )
        elif name == "operator" and not callable(value):
            raise TypeError(
                f"operator is a function of a size (h, w) and a device, got {_shown(value)}; for a "
                "description such as 'down=2' pass restore.inverse.build.chain_of("
                "[restore.inverse.spec.parse_spec('down=2')])"
            )
    return found


def _real(name: str, value: Any) -> Any:
    """A number, as it is unless it is in an array or a tensor."""
    if hasattr(value, "__float__"):
        try:
            number = float(value.item() if isinstance(value, np.ndarray | Tensor) else value)
            return number if isinstance(value, np.ndarray | Tensor) else value
        except (TypeError, ValueError, RuntimeError):  # several numbers, or none
            pass
    raise TypeError(f"{name} is one number, got {_shown(value)}")


def _whole(expected: str, value: Any, shown: Any) -> int:
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{expected}, got {_shown(shown)}") from None


def _size(value: Any) -> tuple[int, int]:
    expected = "size is (height, width) in whole pixels"
    try:
        h, w = value
    except (TypeError, ValueError):
        raise TypeError(f"{expected}, got {_shown(value)}") from None
    return _whole(expected, h, value), _whole(expected, w, value)


def _shown(value: Any) -> str:
    """A value in a few words: numbers, text and small tuples themselves, else what it is."""
    plain = str | bytes | bool | int | float | complex
    if isinstance(value, plain) or (isinstance(value, tuple) and len(value) < 5):
        return repr(value)[:80]
    return type(value).__name__
