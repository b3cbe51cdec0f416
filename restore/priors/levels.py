"""What the blocks of a network are told of noise levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


class Known:
    """What the layers of a network make of noise levels, kept for the next call at one of them.

    For pictures of a few thousand pixels that takes a quarter of a call. The weights must not change.

    Examples
    --------
    >>> known = Known()
    >>> known.of(0.5) is known.of(0.5)
    True
    """

    MOST = 64
    """Levels that are kept."""

    def __init__(self) -> None:
        self._levels: dict[float, dict[nn.Module, Tensor]] = {}

    def of(self, level: float) -> dict[nn.Module, Tensor]:
        """Give what is known of a level, by the module that made it, to be added to.

        Parameters
        ----------
        level : a log-SNR.
        """
        if level not in self._levels and len(self._levels) >= self.MOST:
            self._levels.clear()
        return self._levels.setdefault(level, {})


@dataclass(frozen=True)
class Told:
    """What the blocks are told of the noise levels of a batch.

    Parameters
    ----------
    levels : embedded, ``(n, embedding)``: one for all pictures, one for each, or those of runs of pictures.
    counts : how many pictures after one another each level is that of; empty where they are no runs.
    folded : whether gain and shift fold into the weights.
    known : of each level, what layers have made of it before; empty where that is not kept.
    """

    levels: Tensor
    counts: tuple[int, ...] = ()
    folded: bool = False
    known: tuple[dict[nn.Module, Tensor], ...] = ()

    def through(self, film: nn.Module) -> Tensor:
        """Give what a layer makes of the levels, for each picture or for all; of runs, of each by itself.

        Parameters
        ----------
        film : the layer.
        """
        levels = self.levels.chunk(len(self.counts)) if self.counts else [self.levels]
        known = self.known or tuple({} for _ in levels)
        each = [made(film, film, level, there) for level, there in zip(levels, known, strict=True)]
        if not self.counts:
            return each[0]
        return torch.cat([one.expand(n, -1) for one, n in zip(each, self.counts, strict=True)])


def made(
    module: nn.Module, make: Callable[[Tensor], Tensor], level: Tensor, known: dict[nn.Module, Tensor]
) -> Tensor:
    """Give what a module makes of a level, or has made of it before.

    Parameters
    ----------
    module : that makes it.
    make : what it does.
    level : embedded, ``(1, embedding)``, or not yet.
    known : what is kept of the level.

    Examples
    --------
    >>> film, known = nn.Linear(2, 3), {}
    >>> first = made(film, film, torch.ones(1, 2), known)
    >>> made(film, film, torch.ones(1, 2), known) is first
    True
    """
    found = known.get(module)
    if found is None:
        found = known[module] = make(level)
    return found
