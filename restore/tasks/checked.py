"""Arguments that the tasks share, checked before anything is computed: one line says what was expected."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from operator import index
from typing import Any, SupportsIndex

import numpy as np
import torch
from torch import Tensor

from restore.images.jpeg_coding import JpegCoding
from restore.noise.picture_noise import PictureNoise

MOST_STEPS = 100_000
"""Steps at most: more than any schedule has timesteps."""
WIDEST = 10_000
"""Pixels at most by which a hole is widened."""


def check_arguments(given: Mapping[str, Any], task: Callable[..., Any] | None = None) -> None:
    """Check arguments of a task by their names.

    That numbers are not too small is told by the tasks themselves.

    Parameters
    ----------
    given : the arguments; those that are not known here are left to the task.
    task : None is left to it where that is the default of the argument, or without a task.

    Raises
    ------
    TypeError
        For what is no whole number, no switch, no noise of a picture, and for sparse tensors.
    ValueError
        For a number out of range.

    Examples
    --------
    >>> check_arguments({"steps": 20, "sigma": 25})
    >>> check_arguments({"steps": 1.5})
    Traceback (most recent call last):
        ...
    TypeError: steps is a whole number, got 1.5
    """
    parameters = {} if task is None else inspect.signature(task).parameters
    needed = {name for name, each in parameters.items() if each.default is not None} - {"seed"}
    for name, value in given.items():
        if isinstance(value, Tensor) and value.layout != torch.strided:
            raise TypeError(f"{name} is expected to be dense, got {value.layout}; pass tensor.to_dense()")
        if name in _CHECKS and (value is not None or name in needed):
            _CHECKS[name](name, value)


def shown(value: Any) -> str:
    """A value in one short line.

    Examples
    --------
    >>> shown("a" * 100), shown(25)
    ("'aaaaaaaaaaaaaaaaaaa...aaaaaaaaaaaaaaa'", '25')
    """
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else f"{text[:20]}...{text[-16:]}"


def _is_whole(value: Any) -> bool:
    """Whether it is one whole number; an array or tensor with dimensions is none."""
    if not isinstance(value, SupportsIndex) or isinstance(value, bool) or getattr(value, "ndim", None):
        return False
    try:
        index(value)
    except TypeError:  # of a tensor of floats
        return False
    return True


def _number(name: str, value: Any) -> None:
    """That it is in its range is told by the task."""
    plain = isinstance(value, int | float | np.number) and not isinstance(value, np.complexfloating)
    single = isinstance(value, np.ndarray | Tensor) and not value.ndim
    if not plain and not (single and not np.iscomplexobj(value)):
        raise TypeError(f"{name} is one number, got {shown(value)}")


def _name(name: str, value: Any) -> None:
    if isinstance(value, int | float | complex | bytes | list | tuple | dict | np.ndarray | Tensor):
        raise TypeError(f"{name} is a name, got {shown(value)}")


def _seed(name: str, value: Any) -> None:
    if not _is_whole(value) and not isinstance(value, bool):
        raise TypeError(f"the {name} is a whole number, or None for one that is drawn; got {shown(value)}")


def _dtype(name: str, value: Any) -> None:
    if not isinstance(value, torch.dtype):
        raise TypeError(f"{name} is such as torch.float32 or torch.bfloat16, got {shown(value)}")


def _operator(name: str, value: Any) -> None:
    if not callable(value):
        raise TypeError(
            f"{name} is a function of a size (h, w) and a device, got {shown(value)}; for a description such "
            "as 'down=2' pass restore.inverse.build.chain_of([restore.inverse.spec.parse_spec('down=2')])"
        )


def _whole(most: int, least: float = -math.inf) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        if not _is_whole(value):
            raise TypeError(f"{name} is a whole number, got {shown(value)}")
        if index(value) < least:
            raise ValueError(f"{name} is at least {least:g}, got {shown(value)}")
        if index(value) > most:
            raise ValueError(f"{name} is at most {most}, got {shown(value)}")

    return check


def _size(name: str, value: Any) -> None:
    if not isinstance(value, tuple | list) or len(value) != 2 or not all(map(_is_whole, value)):
        raise TypeError(f"{name} is (height, width) in whole pixels, got {shown(value)}")


def _switch(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name} is True or False, got {shown(value)}")


def _above_zero(name: str, value: Any) -> None:
    if not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise ValueError(f"{name} is a number of pixels above 0, got {shown(value)}")


def _coding(name: str, value: Any) -> None:
    if not isinstance(value, JpegCoding):
        raise TypeError(f"{name} is what a JPEG file says, a restore.images.JpegCoding, got {shown(value)}")


def _noise(name: str, value: Any) -> None:
    if not isinstance(value, PictureNoise):
        raise TypeError(
            f"{name} is what restore.tasks.noise_choice.measured gives, got {shown(value)}; for a level pass "
            "sigma"
        )


_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "steps": _whole(MOST_STEPS),
    "n": _whole(MOST_STEPS),
    "grow": _whole(WIDEST),
    "feather": _whole(WIDEST, 0),
    "size": _size,
    **dict.fromkeys(("strength", "scale", "quality", "start", "eta", "guidance", "luma", "chroma"), _number),
    "reference_scale": _number,
    **dict.fromkeys(("estimate", "ladder", "variance", "thresholding", "only"), _name),
    **dict.fromkeys(("seed", "trial_seed"), _seed),
    "dtype": _dtype,
    "operator": _operator,
    "specks": _switch,
    "consistent": _switch,
    "radius": _above_zero,
    "coding": _coding,
    "noise": _noise,
}
