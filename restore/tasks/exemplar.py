"""Fill a hole with what the picture itself holds, from coarse to fine."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from restore.diffusion import watch
from restore.diffusion.samplers import ddim
from restore.diffusion.sigmas import log_sigma
from restore.inverse.fill import push_pull
from restore.inverse.patch_denoiser import PatchDenoiser, patch_denoiser, searching_denoiser
from restore.inverse.patches import FEWEST, Patches, check_sources, patches_of
from restore.tasks.holes import depth_of, halved
from restore.types import Progress, Rng

SIDE = 9  # pixels a side of a patch
COARSEST = 12.0  # pixels that a hole is deep at the size where it is filled first
START, END, STEPS = 0.5, 0.02, 10  # the noise levels at that size
# Pairs of patches that are compared in each step there; with more, sources are drawn at random. It costs
# nothing: the search at larger sizes finds what was left out.
PAIRS = 3_000_000
# Calls of the searching denoiser at each larger size, by how many patches are searched for at most: of a
# large hole the smaller sizes have decided what goes where.
CALLS = ((50_000, 4), (200_000, 2), (math.inf, 0))
COARSE_STRIDE = 150  # pixels a side of a picture above which every second row and column of patches is enough
STRIDE = 2
TEXTURE = 8.0  # weight of the texture features beside the colours
NOISE = 0.5  # of that of the first noise level: less structure is lost, samples differ still
FADING = 1.3  # by which a missing pixel counts less than one a pixel nearer to a known one
DEEPEST_COUNTS = 30.0  # pixels below which it counts no less


def exemplar_fill(
    image: Tensor,
    hole: Tensor,
    rng: Rng,
    *,
    source: Tensor | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Fill the hole of a picture by its own patches.

    Where the hole is COARSEST pixels deep, the denoiser that compares all patches (`PatchDenoiser`) takes
    noise to a first fill by DDIM. At every larger size its correspondences are pasted and improved by search,
    which is the same denoiser at noise level 0. Beside the colours patches are compared by their texture,
    mean gradients along both axes [1]_, so that detail is not given up for smoothness.

    Parameters
    ----------
    image : ``(1, 3, h, w)``; what it holds in the hole is not read.
    hole : ``(1, 1, h, w)``, 1 where content is missing.
    rng : the random numbers, of the first noise and of the search.
    source : ``(1, 1, h, w)``, 1 where texture may be copied from; None is everywhere.
    progress : called after every step at the size that is filled first, and after every larger size.

    Returns
    -------
    ``(1, 3, h, w)``; known pixels have not changed.

    Raises
    ------
    ValueError
        Where there is no whole patch to copy from.

    References
    ----------
    .. [1] A. Newson et al. (2014). Video inpainting of complex scenes. doi:10.1137/140954933, section 3.4.
    """
    if not (hole > 0).any():
        return image.clone()
    known = 1 - hole
    allowed = known if source is None else known * source
    check_sources(patches_of(hole, SIDE, allowed))  # at half the size there may be some all the same
    clean = image.where(hole == 0, 0)  # not a product: what is hidden may not be a number
    picture = torch.cat([clean, TEXTURE * texture_of(clean, hole)], 1)
    sizes = [(picture, hole, allowed)]
    while smaller := _half(*sizes[-1]):
        sizes.append(smaller)
    report = _reporter(progress, STEPS + len(sizes) - 1)
    denoise = _first(*sizes.pop(), rng, report)
    x = denoise[1]
    previous = denoise[0]
    for picture, missing, allowed in reversed(sizes):
        previous, x = _refined(previous, picture, missing, allowed, rng, report)
    return torch.where(hole > 0, x[:, :3], image)


def texture_of(image: Tensor, hole: Tensor) -> Tensor:
    """Mean absolute gradients of the brightness along both axes near every pixel, ``(b, 2, h, w)``.

    Only pairs of known pixels count. They are 0 in the hole, and where nothing near is known.
    """
    brightness, known = image.mean(1, keepdim=True), 1 - hole
    side = (
        int(max(3, float(depth_of(hole).max()) / 8)) | 1
    )  # the size of a cell where the hole is filled first
    features = []
    for axis, edges in ((-1, (0, 1)), (-2, (0, 0, 0, 1))):
        length = image.shape[axis] - 1
        pair = known.narrow(axis, 1, length) * known.narrow(axis, 0, length)
        step = brightness.diff(dim=axis).abs() * pair
        total, count = (_sums(pad(each, edges), side) for each in (step, pair))
        features.append(total / count.clamp_min(1))
    return torch.cat(features, 1) * known


def _sums(planes: Tensor, side: int) -> Tensor:
    """Sums over squares around every pixel of ``(b, 1, h, w)``, in a time that is the same for every side."""
    import cv2

    sums = []
    for each in planes[:, 0].cpu().numpy():
        found = cv2.boxFilter(each, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
        sums.append(torch.from_numpy(found))
    return torch.stack(sums)[:, None].to(planes)


def _half(picture: Tensor, hole: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor, Tensor] | None:
    """The picture in half its size; None where its hole is shallow, or too few patches would be left."""
    if float(depth_of(hole).max()) <= COARSEST:
        return None
    smaller, missing = halved(picture, hole)
    h, w = allowed.shape[-2:]
    copied = (avg_pool2d(pad(allowed, (0, w % 2, 0, h % 2)), 2) > 0).to(allowed) * (1 - missing)
    if min(missing.shape[-2:]) < SIDE or int(patches_of(missing, SIDE, copied).sources.sum()) < FEWEST:
        return None
    return smaller, missing, copied


def _first(
    picture: Tensor, hole: Tensor, allowed: Tensor, rng: Rng, report: Callable[[], None]
) -> tuple[PatchDenoiser, Tensor]:
    """The first fill, from a smooth one with noise: the denoiser, with what it has copied, and the state."""
    smooth = push_pull(picture, hole)
    denoise = patch_denoiser(picture, hole, side=SIDE, source=allowed)
    denoise.patches = _thinned(denoise.patches, rng)
    start = torch.where(hole > 0, smooth + START * NOISE * rng(smooth), picture)
    x = ddim(denoise, start, log_sigma(START, END, STEPS), progress=lambda done, total: report())
    return denoise, x


def _thinned(patches: Patches, rng: Rng) -> Patches:
    """The same patches with so few sources that PAIRS are compared."""
    sources = patches.sources.nonzero()[:, 0]
    most = max(FEWEST, PAIRS // max(1, len(patches.wanted)))
    if len(sources) <= most:
        return patches
    random = torch.Generator().manual_seed(_seed_of(rng))
    drawn = sources[torch.randperm(len(sources), generator=random)[:most].to(sources.device)]
    return replace(patches, sources=torch.zeros_like(patches.sources).index_fill(0, drawn, value=True))


def _refined(
    coarser: PatchDenoiser,
    picture: Tensor,
    hole: Tensor,
    allowed: Tensor,
    rng: Rng,
    report: Callable[[], None],
) -> tuple[PatchDenoiser, Tensor]:
    """The fill in twice the size."""
    stride = STRIDE if min(hole.shape[-2:]) > COARSE_STRIDE else 1
    patches: Patches = patches_of(hole, SIDE, allowed, stride=stride)
    assert coarser.found is not None
    found = coarser.found.in_twice_the_size(patches)
    calls = next(calls for most, calls in CALLS if len(patches.wanted) <= most)
    if not calls:  # nothing is compared
        picture = picture[:, :3]
    weights = FADING ** -depth_of(hole).to(picture).clamp_max(DEEPEST_COUNTS)
    denoise = searching_denoiser(picture, patches, weights, found, _seed_of(rng))
    x = denoise.pasted()
    for number in range(calls):
        with watch.stretch(number, calls):
            x = denoise(x, 0.0)
    report()
    return denoise, x


def _seed_of(rng: Rng) -> int:
    return int(rng(torch.zeros(1)).double().abs() * 2**30)


def _reporter(progress: Progress | None, total: int) -> Callable[[], None]:
    done = 0
    if progress is not None:
        watch.expect(total)

    def report() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    return report
