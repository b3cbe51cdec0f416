"""Give a gray picture colours: what is known of them is their luma."""

from __future__ import annotations

from typing import Any

from restore.images.canvas import Picture, in_colour
from restore.inverse import operators
from restore.tasks.any_kind import any_kind
from restore.tasks.catalogue import COLOUR_START, ROUNDING
from restore.tasks.solve import solve
from restore.types import Estimate


@any_kind
def colorize(
    image: Picture, /, *, estimate: Estimate = "sample", start: float | None = None, **options: Any
) -> Picture:
    """Give a gray picture colours.

    The luma of the result is the picture. The prior sees surroundings of a few hundred pixels and knows no
    objects: expect plausible tints, not the right ones.

    Parameters
    ----------
    image : array, tensor or PIL image
        A gray picture of any kind that `solve` takes; of colours the luma is used.
    estimate : {'sample', 'mean'}
        A sample unless given; the mean of all that is possible is nearly gray.
    start : float, optional
        The first noise level, as in `solve`. None is 1 for a sample, where colours are not decided yet.
    **options
        The other options of `solve`.

    Returns
    -------
    array, tensor or PIL image
        An RGB picture of the kind of ``image``, of its size and depth.

    Raises
    ------
    ValueError
        As `solve` does.

    Examples
    --------
    >>> import numpy as np
    >>> from restore import colorize
    >>> from restore.testing import tiny_prior
    >>> gray = np.full((8, 12), 90, np.uint8)
    >>> colorize(gray, estimate="mean", steps=1, prior=tiny_prior()).shape
    (8, 12, 3)
    """
    if estimate == "sample":
        start = COLOUR_START if start is None else start
    # The luma stays the picture's own, whatever its noise.
    options = {"sigma": ROUNDING, **options, "estimate": estimate, "start": start}
    return solve(in_colour(image), operators.Gray, **options)
