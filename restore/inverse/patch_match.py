"""Find similar patches of a picture by what was found for their neighbours, and at random."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from restore.diffusion import watch
from restore.inverse.patches import Patches

FAR = (8, 4, 2, 1)  # neighbours that are asked, in steps of the wanted patches
SIDES = ((0, 1), (0, -1), (1, 0), (-1, 0))  # of a patch, on which they are
NEAR = 16  # pixels around what was found within which is searched at random, at first


@dataclass(frozen=True, eq=False)
class Found:
    """For every wanted patch of a picture the most similar source that was found.

    Parameters
    ----------
    patches : of the picture.
    sources : one for each of the wanted, ``(q,)``.
    """

    patches: Patches
    sources: Tensor

    def in_twice_the_size(self, patches: Patches) -> Found:
        """Give what this says of the patches of the same picture in twice the size.

        What points to no source there points to the nearest one.
        """
        w, large_w = self.patches.size[1], patches.size[1]
        y, x = patches.wanted // large_w, patches.wanted % large_w
        centres = (y // 2).clamp(max=self.patches.size[0] - 1) * w + (x // 2).clamp(max=w - 1)
        places = torch.zeros(self.patches.size, dtype=torch.bool, device=y.device)
        places.view(-1)[self.patches.wanted] = True
        near = nearest(places)[centres]
        lookup = torch.zeros_like(places, dtype=torch.long).flatten()
        lookup[self.patches.wanted] = self.sources
        from_ = lookup[near]
        h = patches.size[0]
        y = (y + 2 * (from_ // w - near // w)).clamp(0, h - 1)
        x = (x + 2 * (from_ % w - near % w)).clamp(0, large_w - 1)
        return Found(patches, nearest(patches.sources.view(patches.size))[y * large_w + x])


def nearest(places: Tensor) -> Tensor:
    """For every pixel the number of the nearest of some places, bool ``(h, w)``: ``(h * w,)``."""
    import cv2

    missing = (~places).byte().cpu().numpy()
    kind = cv2.DIST_LABEL_PIXEL
    _, labels = cv2.distanceTransformWithLabels(missing, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=kind)
    labels_of = torch.from_numpy(labels).to(places.device).long().flatten()
    numbers = places.flatten().nonzero()[:, 0]
    place = torch.zeros(int(labels_of.max()) + 1, dtype=torch.long, device=places.device)
    place[labels_of[numbers]] = numbers
    return place[labels_of]


class Search:
    """Improves what was found, by PatchMatch.

    The candidates for all patches are tried at once, not one after the other: those of neighbours at growing
    distances, then random ones within ever smaller windows.

    Parameters
    ----------
    patches : of the picture.
    weights : of every pixel in the distance between patches, ``(h * w,)``.
    seed : of the random numbers.

    References
    ----------
    Barnes et al. (2009), "PatchMatch", doi:10.1145/1531326.1531330, section 3.
    """

    def __init__(self, patches: Patches, weights: Tensor, seed: int):
        self.patches, self.weights = patches, weights
        self._random = torch.Generator().manual_seed(seed)
        self._number = torch.full((len(patches.known),), -1, device=weights.device)
        self._number[patches.wanted] = torch.arange(len(patches.wanted), device=weights.device)
        self._share = weights[patches.pixels(patches.wanted).flatten()].view(-1, patches.side**2).sum(1)
        rows = patches.wanted // patches.size[1]
        columns = patches.wanted[rows == rows[:1]]  # of the first row
        self._step = int(columns.diff().min()) if len(columns) > 1 else 1

    def distances(self, values: Tensor, sources: Tensor, of: Tensor) -> Tensor:
        """Weighted mean squared differences between wanted patches, by their numbers, and sources."""
        found = values.new_empty(len(of))
        for part in self.patches.parts(len(of), values.shape[1]):
            numbers = of[part]
            wanted = self.patches.wanted[numbers]
            apart = self.patches.of(values, wanted).sub_(self.patches.of(values, sources[part])).square_()
            weights = self.weights[self.patches.pixels(wanted)]
            found[part] = (apart.sum(2) * weights).sum(1) / self._share[numbers]
        return found

    def improve(self, values: Tensor, sources: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
        """Look for better sources.

        Parameters
        ----------
        values : of all pixels, ``(h * w, c)``.
        sources : one for each wanted patch.
        rounds : how often neighbours are asked and random places are tried.

        Returns
        -------
        The sources and their distances, ``(q,)`` each.
        """
        sources = sources.clone()
        distances = self.distances(values, sources, torch.arange(len(sources), device=values.device))
        best = values, sources, distances
        told = watch.parts_of(rounds * (len(FAR) * len(SIDES) + NEAR.bit_length()))
        for _ in range(rounds):
            for far in FAR:
                self._ask_neighbours(best, far * self._step)
                if told is not None:
                    told(len(SIDES))
            reach = NEAR
            while reach:
                self._try_at_random(best, reach)
                reach //= 2
                if told is not None:
                    told(1)
        return sources, distances

    def _ask_neighbours(self, best: tuple[Tensor, Tensor, Tensor], far: int) -> None:
        h, w = self.patches.size
        y, x = self.patches.wanted // w, self.patches.wanted % w
        for down, right in ((far * below, far * beside) for below, beside in SIDES):
            there = (y + down >= 0) & (y + down < h) & (x + right >= 0) & (x + right < w)
            numbers = self._number[((y + down) * w + x + right).where(there, 0)]
            there &= numbers >= 0
            source = best[1][numbers.clamp_min(0)]
            self._try(best, source // w - down, source % w - right, there)

    def _try_at_random(self, best: tuple[Tensor, Tensor, Tensor], reach: int) -> None:
        w = self.patches.size[1]
        shape = (2, len(best[1]))
        down, right = torch.randint(-reach, reach + 1, shape, generator=self._random).to(best[1])
        everywhere = torch.ones_like(down, dtype=torch.bool)
        self._try(best, best[1] // w + down, best[1] % w + right, everywhere)

    def _try(self, best: tuple[Tensor, Tensor, Tensor], y: Tensor, x: Tensor, where: Tensor) -> None:
        """Take over the candidates at (y, x) that are sources and more similar."""
        values, sources, distances = best
        h, w = self.patches.size
        where = where & (y >= 0) & (y < h) & (x >= 0) & (x < w)
        candidates = (y * w + x).where(where, 0)
        where &= self.patches.sources[candidates] & (candidates != sources)
        numbers = where.nonzero()[:, 0]
        apart = self.distances(values, candidates[numbers], numbers)
        better = apart < distances[numbers]
        numbers, apart = numbers[better], apart[better]
        sources[numbers], distances[numbers] = candidates[numbers], apart
