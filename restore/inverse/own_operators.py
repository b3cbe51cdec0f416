"""Operators that other installed packages offer, by their words: ``mine`` or ``mine=2:0.5``.

An entry point of the group ``restore.operators`` names a class, or a function, that is called with the size
(h, w) of the measurement, a device, and the numbers of the word, and gives a degradation. It can be built at
any size. Importing this module does not import torch.
"""

from __future__ import annotations

from functools import lru_cache
from inspect import signature
from typing import TYPE_CHECKING

from restore import plugins
from restore.diffusion.own_sampler import taken
from restore.errors import PluginError
from restore.inverse.catalogue import Capability
from restore.plugins import Plugin

if TYPE_CHECKING:
    import torch

    from restore.inverse.protocols import Degradation

TRIAL = 64  # pixels along the side of the measurement by which an operator is judged


def built(
    plugin: Plugin, size: tuple[int, int], device: torch.device | str, numbers: tuple[float, ...]
) -> Degradation:
    """Build the operator of an installed package.

    Parameters
    ----------
    plugin : its entry point.
    size : of the measurement, (h, w).
    device : where it is computed.
    numbers : those of the word.

    Raises
    ------
    PluginError
        For what cannot be loaded or is called with other arguments, and for what is no degradation of that
        size.
    """
    from restore.inverse.protocols import Degradation

    make = plugin.load()
    if not callable(make):
        raise plugin.wrong("a class or a function (size, device)", make)
    if taken(make, 2 + len(numbers), ()) is None:
        word = f"{plugin.name}={':'.join(f'{number:g}' for number in numbers)}" if numbers else plugin.name
        raise PluginError(f"{plugin.told} takes {signature(make)}, got {word}; pass other numbers")
    found = plugins.call(make, plugin, size, device, *numbers)
    if not isinstance(found, Degradation):
        raise plugin.wrong("a degradation with x_shape, y_shape, forward and guess", found)
    if tuple(found.y_shape[1:]) != tuple(size):
        h, w = found.y_shape[1:]
        raise plugin.wrong(
            f"an operator whose measurement is {size[1]}x{size[0]}, not {w}x{h} (w x h)", found
        )
    return found


@lru_cache(maxsize=8)
def tried(plugin: Plugin, numbers: tuple[float, ...]) -> Degradation:
    """Build the operator at a small size, to see what it is."""
    return built(plugin, (TRIAL, TRIAL), "cpu", numbers)


def capabilities_of(plugin: Plugin, numbers: tuple[float, ...]) -> set[Capability]:
    """Give what solvers can do with the operator."""
    from restore.inverse import needs

    return set(needs.capabilities_of(tried(plugin, numbers)))


def size_before(plugin: Plugin, numbers: tuple[float, ...], size: tuple[int, int]) -> tuple[int, int]:
    """Give the size (h, w) of the picture that the operator makes a measurement of ``size`` of."""
    h, w = built(plugin, size, "cpu", numbers).x_shape[1:]
    return h, w


def size_after(plugin: Plugin, numbers: tuple[float, ...], size: tuple[int, int]) -> tuple[int, int]:
    """Give the largest size (h, w) that the operator can make of a picture of ``size``, or of a part."""
    before = tried(plugin, numbers).x_shape[1:]
    h, w = (max(1, side * TRIAL // there) for side, there in zip(size, before, strict=True))
    while h > 1 and size_before(plugin, numbers, (h, w))[0] > size[0]:
        h -= 1
    while w > 1 and size_before(plugin, numbers, (h, w))[1] > size[1]:
        w -= 1
    return h, w
