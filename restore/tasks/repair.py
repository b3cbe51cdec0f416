"""Repair a picture: find scratches, hairs, dust and folds, and fill them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from restore.diffusion.seeds import check_seed
from restore.images.canvas import Picture, canvas
from restore.priors.protocol import Prior
from restore.tasks import catalogue
from restore.tasks.any_kind import any_kind
from restore.tasks.catalogue import OwnMethod
from restore.tasks.damage import Kind, Sensitivity, damage_mask
from restore.tasks.inpaint import inpaint
from restore.types import Callback, Estimate, Progress

GROW = 1  # pixels: what is found leaves the faintest rim of a scratch


@any_kind
def repair(
    image: Picture,
    *,
    sensitivity: Sensitivity | float = "normal",
    only: Kind | None = None,
    infrared: Any = None,
    grow: int = GROW,
    estimate: Estimate = "sample",
    method: str | OwnMethod | None = None,
    steps: int | None = None,
    seed: int | None = 0,
    prior: Prior | None = None,
    progress: Progress | bool | None = None,
    callback: Callback | None = None,
    data_range: tuple[float, float] | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> Picture:
    """Find thin scratches, hairs, dust and fold lines, and fill them.

    Everything else stays as it is, bit for bit. What is found can be looked at first: `damage_mask` gives
    it, and `inpaint` fills it.

    Parameters
    ----------
    image : array, tensor, PIL image, path, Picture or list
        A NumPy array ``(h, w)``, ``(h, w, c)`` or ``(b, h, w, c)`` with 1 to 4 channels, a tensor
        ``(c, h, w)`` or ``(b, c, h, w)``, a PIL image, a path, what `restore.images.read` gives, or a list of
        these. Integers span their type's range, floats span [0, 1]; alpha is kept.
    sensitivity : {'low', 'normal', 'high'} or float
        How much is taken for damage; see `damage_mask`.
    only : {'specks', 'scratches'}, optional
        Leave what is long, or what is not.
    infrared : array, optional
        ``(h, w)``, the infrared channel of a scan of film, which is then used alone; for one picture.
    grow : int
        Pixels by which what is found is widened; 1 unless given.
    estimate : {'mean', 'sample'}
        As `inpaint` takes it. The default, ``sample``, has the grain of its surroundings.
    method : str or callable, optional
        A method of `inpaint`, or one's own, as it takes it.
    steps : int, optional
        Steps of the method.
    seed : int, optional
        The seed of the random numbers, 0 to 2^63 - 1; None draws one and logs it.
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
        The same kind as ``image``, a Picture for a path, of its size and depth. Without damage a copy.

    Raises
    ------
    ValueError
        For options out of range, and an infrared channel of another size or with several pictures.
    MaskError
        For an infrared channel without contrast, or that holds the picture itself.

    References
    ----------
    .. [1] Z. Wan et al. (2020). Bringing old photos back to life. arXiv:2004.09484, section 3.2, which finds
       scratches by a network trained on simulated and marked ones.

    Examples
    --------
    >>> from restore import repair
    >>> from restore.testing import tiny_prior
    >>> image = np.full((64, 64, 3), 90, np.uint8)
    >>> image[8:56, 30:32] = 250
    >>> repaired = repair(image, steps=2, prior=tiny_prior())
    >>> bool((repaired[20:44, 30:32] != 250).all()), bool((repaired[:, :20] == 90).all())
    (True, True)
    """
    given = canvas(image)
    if infrared is not None and len(given.batch) > 1:
        raise ValueError(f"infrared is of one picture, got {len(given.batch)} pictures; call it for each")
    _check(estimate, method, steps, grow, seed)
    options: dict[str, Any] = {"sensitivity": sensitivity, "only": only, "infrared": infrared}
    if isinstance(image, torch.Tensor | np.ndarray) and image.ndim == 4:
        masks = [damage_mask(one, **options) for one in image]
    else:
        masks = [damage_mask(image, **options)]
    holes = np.stack(masks)[:, None]
    if not holes.any():
        return given.unchanged()
    return inpaint(
        image, torch.from_numpy(holes.astype(np.float32)), grow=grow, estimate=estimate, method=method,
        steps=steps, seed=seed, prior=prior, progress=progress,
    )  # fmt: skip


def _check(estimate: Any, method: Any, steps: int | None, grow: int, seed: int | None) -> None:
    """Refuse what `inpaint` would refuse, also where there is no damage. Raises ValueError, TypeError."""
    catalogue.find("inpaint", method, estimate)
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if grow < 0:
        raise ValueError(f"a hole grows by 0 pixels or more, got {grow}")
    if seed is not None:
        check_seed(seed)
