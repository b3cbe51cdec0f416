"""Inpaint a picture: invent what is in the hole, leave everything else untouched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal

import torch
from torch import Tensor

from restore.diffusion.progress import reporter
from restore.diffusion.samplers import Sampler
from restore.diffusion.seeds import check_seed, seeded_rng
from restore.images.canvas import Picture, canvas, check_values, hole_of
from restore.images.colours import gray_as
from restore.images.value_range import whole_range
from restore.priors.checkpoint import shipped
from restore.priors.protocol import Prior
from restore.tasks import catalogue
from restore.tasks.any_kind import any_kind
from restore.tasks.catalogue import OwnMethod
from restore.tasks.deep_holes import Parts, Scene, parts_of
from restore.tasks.drawing import Drawing
from restore.tasks.holes import check_masks, depth_of, grown
from restore.tasks.inpaint_methods import Jumps, Plan
from restore.tasks.inpaint_parts import Decided, Trials, fill_by_network, fill_by_parts
from restore.types import Callback, Estimate, Progress


@any_kind
def inpaint(
    image: Picture,
    mask: Any,
    *,
    mask_means: Literal["fill", "keep"] = "fill",
    grow: int = 0,
    estimate: Estimate = "sample",
    method: str | OwnMethod | None = None,
    sampler: str | Sampler | None = None,
    steps: int | None = None,
    jumps: Jumps | None = None,
    guidance: float = 1.0,
    source: Any = None,
    feather: int = 0,
    seed: int | None = 0,
    trial_seed: int | None = None,
    prior: Prior | None = None,
    progress: Progress | bool | None = None,
    callback: Callback | None = None,
    data_range: tuple[float, float] | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> Picture:
    """Fill the masked part of a picture.

    Outside the hole every number of the result is the input's own, bit for bit. Only the hole and its
    surroundings are computed. What alpha 0 hides is not taken for known. Floats beyond [0, 1], and pictures
    that fill little of it, are filled at the range that they use.

    Parameters
    ----------
    image : array, tensor, PIL image, path, Picture or list
        A NumPy array ``(h, w)``, ``(h, w, c)`` or ``(b, h, w, c)`` with 1 to 4 channels, a tensor
        ``(c, h, w)`` or ``(b, c, h, w)``, a PIL image, a path, what `restore.images.read` gives, or a list of
        these. Integers span their type's range, floats span [0, 1]; alpha is kept. What is in
        the hole is not read, and may be NaN.
    mask : array, tensor or PIL image
        ``(h, w)`` of the picture's size, one for all pictures of a batch or ``(b, 1, h, w)``, one for each.
        White, more than half of the mask's range, is the hole.
    mask_means : {'fill', 'keep'}
        What white in the mask means; ``fill`` unless given.
    grow : int
        Pixels by which the hole is widened first, for masks that leave the edge of a scratch or a letter; 2
        covers the rim of a soft mask.
    estimate : {'mean', 'sample'}
        ``mean`` approximates the posterior mean and has the best PSNR; ``sample`` is a draw from the
        posterior and has natural texture. The default is ``sample``.
    method : str or callable, optional
        None is ``auto``.

        - ``auto``: holes up to 12 pixels deep as by ``alternating``. Of a sample, each deeper part is filled
          by ``exemplar`` or ``alternating``, whichever does better on a hole of the same shape beside it.
        - ``exemplar``: by the picture's own patches (`restore.tasks.exemplar.exemplar_fill`), without the
          network: coarse to fine, texture is copied and made to fit [7]_. For the mean, of several fills.
        - ``alternating``: one call of the conditional branch, then ``splitting`` from there. For a sample the
          branch draws in the second half of the steps, from a noise level of its own for every pixel
          (`restore.tasks.inpaint_methods.strength_map`, as SDEdit [6]_ from one level).
        - ``conditional``: the network is shown the picture with a smooth fill and the mask, and known pixels
          are put in at every step, in the manner of SR3 and Palette [5]_.
        - ``repaint``: the unconditional prior from pure noise, with noise levels that rise again [1]_.
          ``steps`` is its t_T; the paper's (250, 10, 10) takes 2410 network calls.
        - ``splitting``: the unconditional prior from a smooth fill, by half-quadratic splitting [2]_; a mean.
        - ``splitting-ddnm``: the last third, or half, of the steps draws a sample around what splitting
          found, every estimate projected [3]_.
        - ``ddnm``, ``ddnm-plus``, ``ddrm``, ``diffpir``, ``pigdm``, ``dps`` and registered solvers: as
          published (`restore.inverse.catalogue`), from a smooth fill with noise added.
        - one's own (`restore.tasks.own_methods`), by its name or as a function, at each hole's own size.
    sampler : str or callable, optional
        One of `restore.diffusion.samplers.SAMPLERS`, or one's own (`restore.diffusion.samplers.Sampler`),
        for a sample; None is ``dpmpp-2m-sde``, or ``ddpm`` for ``repaint``. The published solvers have their
        own.
    steps : int, optional
        Steps, for ``alternating`` with those of the branch; None is the method's own number.
    jumps : Jumps, optional
        The resampling of ``repaint``; None is the paper's (10, 10).
    guidance : float
        Strength of classifier-free guidance [4]_ for samples of ``conditional``, 0 or more. 1, the default,
        is the conditional branch itself; others take two calls a step.
    source : array, tensor or PIL image, optional
        As ``mask``: white is where texture may be copied from, for ``exemplar``, and for ``auto``, which then
        is ``exemplar``. None is all that is known.
    feather : int
        Pixels around the hole over which the result passes into the picture. They are filled, too, and
        change; 0, the default, changes nothing outside the hole.
    seed : int, optional
        The seed of the random numbers, 0 to 2^63 - 1; None draws one and logs it. The pictures of a
        batch draw different ones.
    trial_seed : int, optional
        That of the trials of ``auto``; None is ``seed``. Several samples of one picture that are to be copied
        in the same parts have one.
    prior : Prior, optional
        The network, as `restore.load` gives it; None loads the weights in the package.
    progress : bool or callable, optional
        True shows a bar on standard error. ``progress(done, total)`` is called after every network call.
    callback : callable, optional
        ``callback(step)`` is called then, too, with a `restore.types.Step`; what it raises ends the task.
    data_range : (float, float), optional
        The values of black and white, for pictures of another scale than their type's range or [0, 1], which
        come back in it; see `restore.tasks.any_kind`.
    device, dtype : optional
        Where and in what precision the weights in the package are computed, as `restore.load` takes them; for
        other weights, pass them to `restore.load`.

    Returns
    -------
    array, tensor, PIL image, Picture or list
        The same kind as ``image``, a Picture for a path, of its size and depth. An empty hole gives a copy.
        `filled` also says which parts of the hole were copied.

    Raises
    ------
    ValueError
        For options out of range, a method that cannot give the estimate, a mask of another size, a mask
        without a single known pixel, a photograph or coloured drawing in place of a mask, and a source
        without a whole patch of 9x9 pixels.

    References
    ----------
    .. [1] A. Lugmayr et al. (2022). RePaint: inpainting using denoising diffusion probabilistic models.
       arXiv:2201.09865, algorithm 1.
    .. [2] K. Zhang et al. (2021). Plug-and-play image restoration with deep denoiser prior. arXiv:2008.13751,
       eq. 6.
    .. [3] Y. Wang, J. Yu, J. Zhang (2023). Zero-shot image restoration using denoising diffusion null-space
       model. arXiv:2212.00490, eq. 13.
    .. [4] J. Ho, T. Salimans (2022). Classifier-free diffusion guidance. arXiv:2207.12598, eq. 6.
    .. [5] C. Saharia et al. (2022). Palette: image-to-image diffusion models. arXiv:2111.05826.
    .. [6] C. Meng et al. (2022). SDEdit: guided image synthesis and editing with stochastic differential
       equations. arXiv:2108.01073.
    .. [7] A. Newson et al. (2014). Video inpainting of complex scenes. doi:10.1137/140954933.

    Examples
    --------
    >>> import numpy as np
    >>> from restore import inpaint
    >>> from restore.testing import tiny_prior
    >>> image = np.full((16, 16, 3), 120, np.uint8)
    >>> mask = np.zeros((16, 16), bool)
    >>> mask[6:9, 4:12] = True
    >>> filled = inpaint(image, mask, steps=2, prior=tiny_prior())
    >>> bool((filled[~mask] == image[~mask]).all()), bool((filled[mask] == image[mask]).all())
    (True, False)
    """
    return filled(
        image, mask, mask_means=mask_means, grow=grow, estimate=estimate, method=method, sampler=sampler,
        steps=steps, jumps=jumps, guidance=guidance, source=source, feather=feather, seed=seed,
        trial_seed=trial_seed, prior=prior, progress=reporter(progress),
    ).picture  # fmt: skip


@dataclass(frozen=True, eq=False)
class Filled(Generic[Picture]):
    """A picture whose hole was filled, and what filled it.

    Parameters
    ----------
    picture : of the kind of the input.
    hole : what was filled, ``(b, 1, h, w)``, 1 in the hole.
    copied : what of that was filled by copies of the picture; the network drew the rest.
    """

    picture: Picture
    hole: Tensor
    copied: Tensor

    @property
    def parts(self) -> Parts:
        """How many connected parts were filled by what, of all pictures."""
        return parts_of(self.hole, self.copied)


@dataclass(frozen=True)
class _Asked:
    """The options of `inpaint`."""

    mask_means: Literal["fill", "keep"] = "fill"
    grow: int = 0
    estimate: Estimate = "sample"
    method: str | OwnMethod | None = None
    sampler: str | Sampler | None = None
    steps: int | None = None
    jumps: Jumps | None = None
    guidance: float = 1.0
    source: Any = None
    feather: int = 0
    seed: int = 0
    trial_seed: int | None = None

    def trials(self, decided: Decided | None) -> Trials | None:
        """The trials of `auto`; None where all is copied."""
        if self.method == "exemplar" or self.source is not None:
            return None
        seed = self.seed if self.trial_seed is None else self.trial_seed
        return Trials(seed, seed == self.seed, {} if decided is None else decided)


def filled(
    image: Picture,
    mask: Any,
    *,
    prior: Prior | None = None,
    progress: Progress | None = None,
    decided: Decided | None = None,
    **options: Any,
) -> Filled[Picture]:
    """Do what `inpaint` does, and say which parts of the hole were copied, too.

    Parameters
    ----------
    image, mask, prior, progress
        As `inpaint` takes them.
    decided : dict, optional
        What trials of the same picture and hole have decided, which is then not tried again; empty at first.
    **options
        The others of `inpaint`.

    Returns
    -------
    Filled
        The picture, the hole, and what of it was filled by copies.

    Raises
    ------
    ValueError
        As `inpaint`.

    Examples
    --------
    >>> import numpy as np
    >>> from restore.tasks.inpaint import filled
    >>> from restore.testing import tiny_prior
    >>> image, mask = np.full((80, 80, 3), 120, np.uint8), np.zeros((80, 80), bool)
    >>> mask[20:50, 20:50] = True
    >>> filled(image, mask, method="exemplar", prior=tiny_prior()).parts
    Parts(copied=1, drawn=0, share=1.0)
    """
    asked = _Asked(**options)
    chosen = catalogue.find("inpaint", asked.method, asked.estimate)
    check_trial_seed(chosen, asked.trial_seed, source=asked.source)
    run = catalogue.check(chosen, steps=asked.steps, sampler=asked.sampler, guidance=asked.guidance)
    rng = seeded_rng(asked.seed)
    jumps = checked_jumps(chosen, asked.steps, asked.jumps)
    plan = Plan(chosen, asked.steps or chosen.steps, jumps, asked.guidance)
    picture = canvas(image, checked=False)
    batch = picture.batch
    size = batch.shape[-2], batch.shape[-1]
    hole = hole_of(mask, size, asked.mask_means).to(batch.device)
    check_masks(hole, batch)
    hole, allowed = grown(hole, asked.grow), _source(asked.source, chosen, batch)
    inner, hole = hole, grown(hole, asked.feather)
    batch = batch.masked_fill(hole > 0, 0)  # nothing there is read: it may be NaN, for what is missing
    if picture.bits == 32:
        alpha = picture.alpha
        check_values(batch, None if alpha is None else alpha.to(hole.device).masked_fill(hole > 0, 0))
    if not hole.any():
        return Filled(picture.unchanged(), hole, hole)
    _check_known(inner, hole, asked.feather)
    hole = hole.expand(len(batch), -1, -1, -1)
    missing = missing_of(hole, picture.visible)
    ranges = [whole_range(p, m[0] == 0, bits=picture.bits) for p, m in zip(batch, missing, strict=True)]
    batch = torch.stack([used.unit(p) for used, p in zip(ranges, batch, strict=True)])
    drawing = Drawing(prior or shipped(), rng, run)
    copied = torch.zeros_like(hole)
    if chosen.name in catalogue.COPYING:
        scene = Scene(batch, hole, missing, (1 - missing) if allowed is None else (1 - missing) * allowed)
        result, copied = fill_by_parts(scene, plan, drawing, trials=asked.trials(decided), progress=progress)
    else:
        result = fill_by_network(batch, hole, missing, plan, drawing, progress)
    result = torch.stack([used.back(p) for used, p in zip(ranges, result, strict=True)])
    result = gray_as(result, picture.batch, missing == 0)
    feathered = _feathered(result, picture.batch, inner, asked.feather)
    return Filled(picture.paste(feathered, hole), hole, copied)


def check_trial_seed(method: catalogue.Method, seed: int | None, *, source: Any) -> None:
    """Raise ValueError for a seed out of range, or where nothing is tried."""
    if seed is None:
        return
    if not catalogue.is_tried(method, source):
        raise ValueError("a trial_seed is for samples of method 'auto' without a source; leave it out")
    check_seed(seed)


def checked_jumps(method: catalogue.Method, steps: int | None, jumps: Jumps | None) -> Jumps:
    """RePaint's jumps; ValueError where another method is given some, and for more than there are steps."""
    if jumps is not None and not method.jumps:
        raise ValueError(f"jumps belong to method 'repaint', got method {method.name!r}")
    jumps, steps = jumps or Jumps(), steps or method.steps
    if method.jumps and jumps.length >= steps:
        raise ValueError(
            f"jumps of {jumps.length} steps need more steps in all, got {steps}; pass shorter jumps or more "
            "steps"
        )
    return jumps


def _check_known(inner: Tensor, hole: Tensor, feather: int) -> None:
    """Raise ValueError for a hole, with its feather or without, that is all of a picture."""
    if inner.flatten(1).all(1).any():
        raise ValueError("the mask leaves no known pixel to start from; is it inverted? (mask_means)")
    if hole.flatten(1).all(1).any():
        raise ValueError(
            f"a feather of {feather} pixels leaves no known pixel to start from; pass a smaller one"
        )


def missing_of(hole: Tensor, visible: Tensor | None) -> Tensor:
    """The holes, and what alpha 0 hides: that is not known either, though it stays as it is.

    Raises ValueError where that is all of a picture.
    """
    if visible is None:
        return hole
    missing = torch.maximum(hole, (~visible).to(hole))
    if (missing.flatten(1).all(1) & hole.flatten(1).any(1)).any():
        raise ValueError("alpha 0 hides all that the mask leaves; there is no known pixel to start from")
    return missing


def _source(source: Any, method: catalogue.Method, batch: Tensor) -> Tensor | None:
    """Where texture may be copied from ``(1 or b, 1, h, w)``; ValueError for a method that copies none."""
    if source is None:
        return None
    if method.name not in catalogue.COPYING:
        raise ValueError(f"a source is for method 'exemplar', not for {method.name!r}; leave it out")
    allowed = hole_of(source, (batch.shape[-2], batch.shape[-1])).to(batch.device)
    check_masks(allowed, batch)
    return allowed


def _feathered(result: Tensor, image: Tensor, hole: Tensor, feather: int) -> Tensor:
    """The result in the hole, the picture ``feather`` pixels away from it, and mixtures in between."""
    if not feather:
        return result
    share = 1 - depth_of(1 - hole).to(result) / (feather + 1)
    mixed = share * result + (1 - share) * image.to(result)
    return torch.where(hole > 0, result, torch.where(share > 0, mixed, result))
