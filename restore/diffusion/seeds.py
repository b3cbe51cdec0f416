"""Random numbers: one rule for every seed.

A user's seed is an integer from 0. It gives one stream of standard normal numbers (`seeded_rng`), drawn on
the CPU in float32, so that every device sees the same numbers. Where one seed has to serve several results:

- the k-th draw of one picture (``--samples``) has the seed ``seed + k`` (`draw_seed`), and can be
  drawn again alone; what a trial decides for all draws is drawn with ``seed`` (``--trial-seed``);
- the k-th picture of a batch out of pure noise has a stream of its own (`picture_rng`), whatever the batch;
- draws that only measure how sure a result is have seeds far from the user's (`spare_seed`).
"""

from __future__ import annotations

import logging
import secrets
from operator import index
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from restore.types import Rng

SEEDS = 2**32  # what --seed takes: after the last one comes 0
MOST = 2**63
OWN_STREAM = 0x5EED0F2E5704E  # any number that nobody else takes
SPARE = 2**31  # from a seed to those of draws that no user sees


def seeded_rng(seed: int | None) -> Rng:
    """Give standard normal numbers that are the same on every device: drawn on the CPU in float32.

    Each call goes on where the last one stopped. The numbers are not those of ``torch.manual_seed(seed)``,
    by which the noise in the picture may have been drawn.

    Parameters
    ----------
    seed : 0 to 2^63 - 1; every seed counts, 0 included.

    Returns
    -------
    ``rng(like)``, which gives numbers of the shape, dtype and device of ``like``.

    Raises
    ------
    ValueError
        For a seed out of range.

    Examples
    --------
    >>> import torch
    >>> like = torch.empty(1, 3, 2, 2)
    >>> torch.equal(seeded_rng(7)(like), seeded_rng(7)(like))
    True
    """
    import torch

    generator = torch.Generator("cpu").manual_seed(check_seed(seed) ^ OWN_STREAM)

    def rng(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=generator, dtype=torch.float32).to(like)

    return rng


def check_seed(seed: int | None) -> int:
    """Give a seed; ValueError outside 0..2^63 - 1, TypeError for what is no whole number."""
    try:
        number = index(seed)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"the seed is a whole number, or None for one that is drawn; got {seed!r}") from None
    if not 0 <= number < MOST:
        raise ValueError(f"the seed must lie in 0..2^63 - 1; got {number}")
    return number


def drawn_seed(task: str) -> int:
    """Draw a seed for a task that is given none, and log it at INFO, so that it can be given again.

    Examples
    --------
    >>> 0 <= drawn_seed("sample") < SEEDS
    True
    """
    seed = secrets.randbelow(SEEDS)
    logging.getLogger("restore").info("%s: seed=%d was drawn", task, seed)
    return seed


def picture_rng(seed: int, picture: int) -> Rng:
    """Give the random numbers of one picture of many, by a seed mixed from both numbers.

    Examples
    --------
    >>> import torch
    >>> like = torch.empty(1, 3, 2, 2)
    >>> torch.equal(picture_rng(7, 0)(like), picture_rng(7, 1)(like))
    False
    """
    return seeded_rng(mixed_seed(seed, picture))


def mixed_seed(*numbers: int) -> int:
    """Give one seed for several numbers, each 0 or more.

    Examples
    --------
    >>> mixed_seed(7, 0) == mixed_seed(0, 7)
    False
    """
    import numpy as np

    (mixed,) = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return int(mixed) >> 1


def draw_seed(seed: int, draw: int) -> int:
    """Give the seed of the draw-th result, from 0, of one picture.

    Examples
    --------
    >>> [draw_seed(7, draw) for draw in range(3)]
    [7, 8, 9]
    """
    return (seed + draw) % SEEDS


def spare_seed(seed: int, draw: int) -> int:
    """Give the seed of the draw-th of those that only measure how sure a result is.

    Examples
    --------
    >>> spare_seed(7, 0) == draw_seed(7, 0)
    False
    """
    return (seed + SPARE + draw) % SEEDS
