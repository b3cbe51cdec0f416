"""A denoiser that is made of the known patches of one picture: what the picture itself holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from restore.diffusion import watch
from restore.inverse.fill import push_pull, smoothed
from restore.inverse.patch_match import Found, Search
from restore.inverse.patches import Patches, check_sources, means_over, patches_of

# Known pixels of a patch are known: they count as of this noise level at most, [0, 1] units.
KNOWN_NOISE = 0.05
LIKELY = 0.9  # quantile of the distances, at which a patch weighs exp(-1/2) in the mean of a pixel
ROUNDS = 1  # of the search in each call
RIM_RADIUS = 1.0  # pixels over which the rim is smoothed, so that its grain is not drawn into the hole
MOST_STEP = 0.1  # at the rim that is spread: more is another thing, not another light
AT_ONCE = 2**24  # pairs of patches whose distances are held in memory


@dataclass(eq=False)
class PatchDenoiser:
    """E[x0 | x] where the patches of the picture are distributed as its known ones.

    A patch p of the state that holds a missing pixel is expected to be
    ``sum_j w_j y_j``, ``w_j ~ exp(-|p - y_j|^2 / (2 sigma^2))``, over the whole known patches y_j [1]_. Its
    known pixels have no noise and count by KNOWN_NOISE where sigma is larger. A missing pixel is the mean of
    what is expected by all patches that hold it.

    With a search the sum has one term, the most similar patch that PatchMatch finds, to which it tends as
    sigma goes to 0 [2]_ [3]_. Patches count in the means by their likeness.

    Parameters
    ----------
    picture : ``(1, c, h, w)``; what it holds in the hole is not read. Any number of channels, so that
        features beside the colours can be compared, too.
    patches : those of the picture.
    search : finds similar patches; None compares all.
    found : what the search begins with, and afterwards what it has found.

    References
    ----------
    .. [1] M. Kamb, S. Ganguli (2024). An analytic theory of creativity in convolutional diffusion models.
       arXiv:2412.20292.
    .. [2] Y. Wexler, E. Shechtman, M. Irani (2007). Space-time completion of video.
       doi:10.1109/TPAMI.2007.60.
    .. [3] A. Newson et al. (2014). Video inpainting of complex scenes. doi:10.1137/140954933, algorithm 3.
    .. [4] P. Pérez, M. Gangnet, A. Blake (2003). Poisson image editing. doi:10.1145/1201775.882269, eq. 4.

    Examples
    --------
    >>> stripes = torch.tensor([0.0, 1.0]).repeat(8).expand(1, 3, 16, 16).clone()
    >>> hole = torch.zeros(1, 1, 16, 16)
    >>> hole[..., 6:9, 7:9] = 1
    >>> denoise = patch_denoiser(stripes, hole, side=5)
    >>> torch.allclose(denoise(torch.full((1, 3, 16, 16), 0.5), 0.1), stripes, atol=1e-4)
    True
    """

    picture: Tensor
    patches: Patches
    search: Search | None = None
    found: Found | None = None

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """Give what is expected of a state ``(b, c, h, w)``; known pixels are the picture's.

        Raises ValueError for several states where there is a search, which goes on where it stopped.
        """
        if self.search is not None and len(x) > 1:
            raise ValueError(f"a denoiser that searches takes one state at a time, got {len(x)}")
        return torch.cat([self._expected(each[None], sigma) for each in x])

    def _expected(self, x: Tensor, sigma: float) -> Tensor:
        if not len(self.patches.wanted):
            return self.picture
        clean = _flat(self.picture)
        values = torch.where(self.patches.known[:, None], clean, _flat(x))
        if self.search is None:
            means = self._by_all(values, sigma)
        else:
            means = self._by_search(values)
            means += self._membrane(clean - means)
        result = torch.where(self.patches.known[:, None], clean, means)
        return result.T.reshape(self.picture.shape)

    def _by_all(self, values: Tensor, sigma: float) -> Tensor:
        """The softmax over all sources, exactly; `found` becomes the most similar ones."""
        patches = self.patches
        sources = patches.sources.nonzero()[:, 0]
        y = patches.of(values, sources).flatten(1)
        squares = y.square()
        expected, best = [], []
        step = max(1, AT_ONCE // len(sources))
        told = watch.parts_of(len(patches.wanted))
        for part in (patches.wanted[k : k + step] for k in range(0, len(patches.wanted), step)):
            known = patches.known[patches.pixels(part)][..., None]
            weights = torch.where(known, min(sigma, KNOWN_NOISE) ** -2, sigma**-2).to(values)
            weights = weights.expand(-1, -1, values.shape[1]).flatten(1)
            # |p - y|^2 without |p|^2, which is the same for all y
            apart = weights @ squares.T - 2 * (weights * patches.of(values, part).flatten(1)) @ y.T
            nearest, number = apart.min(1, keepdim=True)
            likely = torch.exp((nearest - apart).clamp_min(-60) / 2)  # no denormal numbers, which are slow
            expected.append(likely @ y / likely.sum(1, keepdim=True))
            best.append(sources[number[:, 0]])
            if told is not None:
                told(len(part))
        self.found = Found(patches, torch.cat(best))
        return _overlapped(patches, torch.cat(expected).view(-1, patches.side**2, values.shape[1]))

    def _by_search(self, values: Tensor) -> Tensor:
        """The most similar patches that are found, each by its likeness."""
        assert self.search is not None and self.found is not None
        sources, apart = self.search.improve(values, self.found.sources, ROUNDS)
        self.found = Found(self.patches, sources)
        return means_over(self.patches, values, sources, _likeness(apart))

    def _membrane(self, missed: Tensor) -> Tensor:
        """What the means miss the known pixels by at the rim of the hole, spread over the hole [4]_.

        Without it a copy that is a little darker than its surroundings shows its border.
        """
        on_rim = self._rim.to(missed)
        missed = missed.where(self.patches.known[:, None], 0)  # what is hidden may be NaN
        step = missed.T.reshape(1, -1, *self.patches.size) * on_rim
        step = smoothed(step, RIM_RADIUS, on_rim).clamp(-MOST_STEP, MOST_STEP)
        return _flat(push_pull(step * on_rim, 1 - on_rim))

    @cached_property
    def _rim(self) -> Tensor:
        """The known pixels of wanted patches, bool ``(1, 1, h, w)``."""
        held = torch.zeros_like(self.patches.known)
        for offset in self.patches.offsets.tolist():
            held[self.patches.wanted + offset] = True
        return (held & self.patches.known).view(1, 1, *self.patches.size)

    def pasted(self) -> Tensor:
        """The picture with what was found so far in its hole."""
        assert self.found is not None
        clean = _flat(self.picture)
        weights = clean.new_ones(len(self.patches.wanted))
        means = means_over(self.patches, clean, self.found.sources, weights)
        means += self._membrane(clean - means)
        return torch.where(self.patches.known[:, None], clean, means).T.reshape(self.picture.shape)


def patch_denoiser(
    picture: Tensor, hole: Tensor, *, side: int, source: Tensor | None = None
) -> PatchDenoiser:
    """Make the exact denoiser of a picture, which compares every patch with all known ones.

    Parameters
    ----------
    picture : ``(1, c, h, w)``.
    hole : ``(1, 1, h, w)``, 1 where content is missing.
    side : pixels a side of a patch, odd.
    source : ``(1, 1, h, w)``, 1 where patches may be taken from; None is everywhere.

    Returns
    -------
    PatchDenoiser

    Raises
    ------
    ValueError
        Where there is no whole patch to take.
    """
    patches = patches_of(hole, side, source)
    check_sources(patches)
    return PatchDenoiser(picture, patches)


def searching_denoiser(
    picture: Tensor, patches: Patches, weights: Tensor, found: Found, seed: int
) -> PatchDenoiser:
    """Make the denoiser of a picture that searches for the most similar patches.

    Parameters
    ----------
    picture : ``(1, c, h, w)``.
    patches : of the picture.
    weights : of every pixel in the distance between patches, ``(1, 1, h, w)``.
    found : where the search begins.
    seed : of its random numbers.
    """
    return PatchDenoiser(picture, patches, Search(patches, weights.flatten(), seed), found)


def _flat(picture: Tensor) -> Tensor:
    return picture[0].flatten(1).T.contiguous()


def _overlapped(patches: Patches, expected: Tensor) -> Tensor:
    """Means over the patches ``(q, side^2, c)`` that hold a pixel: ``(h * w, c)``."""
    total = expected.new_zeros(len(patches.known), expected.shape[2] + 1)
    one = expected.new_ones(len(expected), 1)
    for number, offset in enumerate(patches.offsets.tolist()):
        total.index_add_(0, patches.wanted + offset, torch.cat([expected[:, number], one], 1))
    return total[:, :-1] / total[:, -1:].clamp_min(1)


def _likeness(apart: Tensor) -> Tensor:
    """How much patches count by their distances: never less than the least normal number."""
    sample = apart[:: -(-len(apart) // 2**20)]
    scale = sample.quantile(LIKELY).clamp_min(1e-8)
    return torch.exp((-apart / (2 * scale)).clamp_min(-40))
