"""How far a decoded JPEG is from the picture that it was made of, as one noise level."""

from __future__ import annotations

from torch import Tensor

from restore.images.jpeg_coding import JpegCoding
from restore.inverse.jpeg import as_coded, before_enlarging, blocks_of, planes_of, tables_of

CHROMA = 0.1  # weight of the error of a chroma, against that of luma; chosen on validation pictures


def coding_noise(decoded: Tensor, coding: JpegCoding) -> float:
    """Estimate the deviation of white noise that harms a solver as much as the quantisation of a JPEG.

    A coefficient that was rounded to a multiple of q has an error of variance ``q^2 / 12``, if it survives;
    those that became zero belong to frequencies that the picture hardly has. So the mean is taken over the
    coefficients that survive, which are the ones that a solver amplifies. The error of chroma of fewer
    samples lies in low frequencies alone, where it is that many times denser.

    Parameters
    ----------
    decoded : tensor
        Upright pictures ``(b, 3, h, w)`` in [0, 1].
    coding : JpegCoding
        How they were coded.

    Returns
    -------
    float
        The deviation in [0, 1] units, above 0.

    References
    ----------
    ITU-T T.81 (1992), annex A; B. Widrow, I. Kollar (2008), "Quantization Noise", eq. 1.1, for the variance.

    Examples
    --------
    >>> import torch
    >>> from restore.images.jpeg_coding import coding_of
    >>> ramp = torch.linspace(0, 1, 32).expand(1, 3, 32, 32)
    >>> fine, coarse = (255 * coding_noise(ramp, coding_of(quality)) for quality in (95, 30))
    >>> fine < 2 < coarse
    True
    """
    y = as_coded(decoded, coding.turn)
    errors = []
    for plane, times, table in planes_of(y, tables_of(coding, y.device), coding.coarser):
        levels = (blocks_of(before_enlarging(plane, times)) / table).round()
        alive = (levels != 0).to(levels).mean((0, 1, 2))
        alive[0, 0] = alive[0, 0].clamp_min(1e-3)  # where nothing survives, the mean is known that well
        variance = table[0, 0, 0].square() / 12
        errors.append(times[0] * times[1] * float((variance * alive).sum() / alive.sum()))
    luma, *chroma = errors
    deviation: float = (luma + CHROMA * sum(chroma)) ** 0.5 / 255
    return deviation
