"""Measure a picture's noise and choose the method for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from restore.noise.estimate import estimate_sigma, measure
from restore.noise.measure import SIDE, is_clipped, measure_noise
from restore.noise.model import NoiseModel
from restore.priors.protocol import Prior
from restore.types import from_255, to_255

CORRELATED = 0.25  # correlation of neighbouring pixels, below which white noise nearly always measures
SIGNAL_DEPENDENT = 0.5  # share of the variance that grows with it, above which noise is not of one level
VISIBLE = 5 / 255  # noise of a kind that fine texture can be mistaken for must be plain to see
STRONG = 30 / 255  # noise that no texture is mistaken for
FAINT = 1 / 255  # white noise that nobody sees; JPEG and resizing leave no more of what was visible
CUT_OFF = 0.01  # share of a picture at black or white above which the noise cut off there is made up for


@dataclass(frozen=True)
class Choice:
    """How a picture is best denoised, and why.

    Parameters
    ----------
    method : {'none', 'gaussian', 'blind'}
        ``none`` where there is hardly any noise.
    noise_std : float or None
        What is taken for its level, [0, 1] units; None where the method needs none.
    why : str
        The reason, for people.
    correlation : float
        Of the noise of neighbouring pixels, 0 to 1.
    """

    method: Literal["none", "gaussian", "blind"]
    noise_std: float | None
    why: str
    correlation: float = 0.0


def choose(picture: Tensor, prior: Prior) -> Choice:
    """Measure a picture's noise and choose the method for it.

    The prior is exact for white noise of one level. Noise that is correlated between neighbours, or grows
    with the signal, is left to the conditional branch, and a picture without noise is left as it is. Weights
    that were fitted to one kind of noise are used for that. Two estimates complement each other: the finest
    frequencies tell noise from texture but miss smooth noise, and the flattest patches the other way round.
    Noise that differs between channels is measured on differences of colours, which have hardly any texture.

    Parameters
    ----------
    picture : tensor
        ``(3, h, w)`` in [0, 1].
    prior : Prior
        Its facts say whether it was fitted.

    Returns
    -------
    Choice
        The method, the noise level and the reason.
    """
    fitted = prior.facts.get("fit")
    if fitted and fitted["branch"] == "blind":
        return Choice("blind", None, "the weights were fitted to noise of one kind")
    pixels = picture.permute(1, 2, 0).cpu().numpy()
    white = measure(pixels)
    white = replace(white, sigma=before_cut(pixels, white.sigma))
    level = f"noise sigma estimated at {to_255(white.sigma):.1f} (of 255)"
    if fitted and white.sigma >= FAINT:
        sigma = from_255(fitted["noise"]["sigma"])
        return Choice(
            "gaussian", sigma, f"the weights were fitted to noise of sigma {to_255(sigma):.1f} (of 255)"
        )
    if not fitted and min(pixels.shape[:2]) >= SIDE:
        model = measure_noise([pixels], most=3000)
        gray = len(model.channels) == 1
        # Texture and letters are the same in all channels, noise is not, unless the picture is gray.
        colours = model if gray else min(_colour_noise(pixels), key=lambda noise: noise.sigma)
        smooth = not gray and colours.correlation > CORRELATED and colours.sigma > VISIBLE
        coarse = gray and min(white.sigma, model.sigma) > VISIBLE / 2 and white.correlation > CORRELATED
        grows = model.signal_dependence > SIGNAL_DEPENDENT and 2 * VISIBLE < model.sigma < 3 * white.sigma
        if smooth or coarse or grows:
            found = colours if smooth else model
            return Choice("blind", white.sigma, found.describe(), found.correlation)
    if white.sigma < FAINT:
        return Choice("none", white.sigma, level)
    return Choice("gaussian", white.sigma, level, white.correlation)


def _colour_noise(pixels: NDArray[Any]) -> list[NoiseModel]:
    """The noise of the differences of colours of a picture ``(h, w, 3)``, of the level of its channels."""
    red, green, blue = np.moveaxis(pixels, 2, 0)
    differences = ((one - green) / 2**0.5 + 0.5 for one in (red, blue))
    return [measure_noise([difference[..., None]], most=3000) for difference in differences]


def estimated_sigmas(batch: Tensor) -> list[float]:
    """The estimated level of white noise in each picture of a batch ``(b, 3, h, w)``, in [0, 1] units."""
    every = [picture.permute(1, 2, 0).cpu().numpy() for picture in batch]
    return [before_cut(pixels, estimate_sigma(pixels)) for pixels in every]


def before_cut(pixels: NDArray[Any], sigma: float) -> float:
    """The level of noise of which some was cut off at black and white, from what `estimate_sigma` found.

    `estimate_sigma` leaves out patches at black or white and so finds too little, nine tenths for sigma 50.
    `measure_noise` corrects for that, but takes some texture for noise unless the noise is STRONG. Below that
    the geometric mean of both is within 3 % on most pictures.
    """
    if sigma < VISIBLE or min(pixels.shape[:2]) < SIDE or not is_clipped(pixels, CUT_OFF):
        return sigma
    whole = measure_noise([pixels], most=3000).sigma
    return whole if sigma > STRONG else float((sigma * whole) ** 0.5)
