"""What a picture is as a measurement: its noise, measured, and which of its pixels are one-sided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from restore.images.canvas import Canvas
from restore.images.jpeg_coding import JpegCoding
from restore.inverse.catalogue import Solver
from restore.inverse.ends import Ends, ends_of
from restore.inverse.jpeg_error import coding_noise
from restore.inverse.operators import Gray
from restore.inverse.protocols import Degradation, Operator
from restore.noise.estimate import estimate_sigma
from restore.tasks.catalogue import ROUNDING
from restore.tasks.holes import filled_where_hidden
from restore.tasks.noise_choice import pixels_of
from restore.types import from_255, to_255

LEAST = 0.05  # the least that is measured of finer pictures, 0..255 scale


@dataclass(frozen=True)
class Measurement:
    """A picture, or a batch of them, as an operator has given it.

    Parameters
    ----------
    y : ``(b, c, h, w)``, gray where the operator gives gray.
    ends : its one-sided pixels.
    least : of its noise, [0, 1] units: that of rounding and coding.
    """

    y: Tensor
    ends: Ends | None
    least: float


def measurement(
    picture: Canvas[Any], coding: JpegCoding | None, *, gray: bool, device: torch.device
) -> Measurement:
    """Take a picture as a measurement.

    Parameters
    ----------
    picture : the picture.
    coding : how it was compressed, if it was; its error is part of the noise.
    gray : whether the operator gives gray, of which the luma is taken.
    device : where it is computed.

    Returns
    -------
    The measurement. Pixels that alpha hides say nothing; those at black or white are one-sided.

    Examples
    --------
    >>> import numpy as np
    >>> from restore.images.canvas import canvas
    >>> flat = canvas(np.full((16, 16, 3), 90, np.uint8))
    >>> found = measurement(flat, None, gray=False, device=torch.device("cpu"))
    >>> round(255 * found.least, 2), found.ends
    (0.29, None)
    """
    visible = picture.visible
    coded = from_255(LEAST) if coding is None else coding_noise(picture.batch, coding)
    # Of an array nobody says how it was coded; values that are those of 8 bits were rounded to them.
    eighths = bool(((255 * picture.batch) % 1).sub(0.5).abs().min() > 0.499)
    least = max(coded, from_255(ROUNDING)) if eighths else coded
    batch = filled_where_hidden(picture.batch, visible).to(device)
    y = Gray((batch.shape[-2], batch.shape[-1]), device).forward(batch) if gray else batch
    hidden = None if visible is None else ~visible.to(device)
    margin = 0.0 if coding is None else coded
    return Measurement(y, ends_of(y, margin=margin, hidden=hidden), least)


def noise_of(measured: Measurement, picture: Canvas[Any]) -> float:
    """Measure the noise of a measurement, never less than that of its rounding and coding.

    It is the white noise, which shows in the finest frequencies, where a blur has left nothing else. Noise
    that neighbours share cannot be told from a blurred scene; it shows in the solution, where
    `restore.tasks.solved.carefully` looks for it.

    Parameters
    ----------
    measured : as `measurement` gives it.
    picture : the picture.

    Returns
    -------
    The deviation in [0, 1] units, the largest of a batch.
    """
    levels = [measured.least]
    for number, y in enumerate(measured.y.cpu()):
        seen = None if picture.visible is None else picture.visible[number, 0].numpy()
        levels.append(estimate_sigma(pixels_of(y), seen))
    return min(1.0, max(levels))


def described(noise_std: float) -> str:
    """Say what was measured.

    Examples
    --------
    >>> described(1.1 / 255)
    'noise sigma measured at 1.1 (of 255)'
    """
    level = to_255(noise_std)
    return f"noise sigma measured at {level:.{1 if level >= 1 else 2}f} (of 255)"


def uses_noise(solver: Solver, operator: Degradation) -> bool:
    """Whether a solver uses the noise of a measurement: DPS and projections do not."""
    return solver.name != "dps" and isinstance(operator, Operator)
