"""Operators made from their specification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from restore.images.jpeg_coding import coding_of
from restore.inverse import operators
from restore.inverse.jpeg import Jpeg
from restore.inverse.kernels import disc_kernel, gaussian_kernel, kernel_of_array, motion_kernel
from restore.inverse.own_operators import built
from restore.inverse.protocols import Degradation
from restore.inverse.spec import BLURS, Spec

Building = Callable[[tuple[int, int], torch.device | str], Degradation]


def chain_of(words: Sequence[Spec]) -> Building:
    """Give the operator of a specification, for `restore.solve`.

    Parameters
    ----------
    words : what was done to the picture; the first comes first.

    Returns
    -------
    A function of the measurement's size (h, w) and a device that gives the degradation.

    Examples
    --------
    >>> from restore.inverse.spec import parse_spec
    >>> chain_of([parse_spec("down=2"), parse_spec("gray")])((8, 8), "cpu").x_shape
    (3, 16, 16)
    """
    return partial(_chain, tuple(words))  # unlike a function in a function it can be pickled


def _chain(words: tuple[Spec, ...], size: tuple[int, int], device: torch.device | str) -> Degradation:
    parts: list[Degradation] = []
    for number, word in reversed(list(enumerate(words))):
        parts.insert(0, _operator(word, size, device, first=number == 0))
        size = parts[0].x_shape[1:]
    return operators.chain(*parts)


def kernel_of(word: Spec) -> Tensor:
    """Give the kernel ``(kh, kw)`` of a blur.

    Examples
    --------
    >>> from restore.inverse.spec import parse_spec
    >>> kernel_of(parse_spec("blur=gaussian:1")).shape
    torch.Size([7, 7])
    """
    if word.kind == "kernel":
        return kernel_of_array(torch.tensor(word.weights, dtype=torch.float64))
    if word.kind == "motion":
        return motion_kernel(*word.numbers)
    return (gaussian_kernel if word.kind == "gaussian" else disc_kernel)(*word.numbers)


def _operator(word: Spec, size: tuple[int, int], device: torch.device | str, *, first: bool) -> Degradation:
    """Give the operator whose measurement has the size (h, w)."""
    if word.plugin is not None:
        return built(word.plugin, size, device, word.numbers)
    if word.kind in BLURS:
        # What was done before the blur has left no more than the picture to be blurred.
        return (operators.BlurInside if first else operators.Blur)(kernel_of(word), size, device)
    if word.kind == "gray":
        return operators.Gray(size, device)
    if word.kind == "jpeg":
        return Jpeg(coding_of(word.numbers[0]), size, device)
    kernel: Literal["bicubic", "area"] = "bicubic" if word.kind == "down" else "area"
    return operators.Resize(word.size_before(size), size, device, kernel=kernel)
