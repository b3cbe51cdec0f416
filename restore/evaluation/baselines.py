"""The baselines: classical methods from widely used libraries, measured beside restore in every table.

Methods for 8 bits are given the picture clamped and rounded. Methods that need a noise level which the
protocol does not tell estimate it with scikit-image; JPEG artefacts are no noise that an estimate could see,
so they are given a level that suits the quality.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from restore.evaluation.cases import Given, Protocol, Restorer, from_bytes, to_bytes
from restore.evaluation.gmic import gmic_rows
from restore.evaluation.protocols import Degraded, Jpeg
from restore.inverse.build import chain_of
from restore.inverse.operators import without_margin
from restore.inverse.problem import Problem
from restore.tasks.solve import first_picture

Pixels = NDArray[np.float64]
DAMAGED = "the damaged picture"
STRENGTHS = (3, 5, 7, 10, 15, 25)
"""Of non-local means for noise of no known level. On photographs the best is from 3 to 15."""


def baselines(protocol: Protocol) -> dict[str, Restorer]:
    """The classical methods for a protocol.

    Parameters
    ----------
    protocol : Protocol
        What is done to the pictures.

    Returns
    -------
    dict
        Restorers by the names of their rows; BM3D only where its package is installed.
    """
    if protocol.task == "upscale":
        return {
            "Pillow bicubic": partial(_enlarged, resampling=Image.Resampling.BICUBIC),
            "Pillow Lanczos": partial(_enlarged, resampling=Image.Resampling.LANCZOS),
        }
    if protocol.task == "inpaint":
        fills: dict[str, Restorer] = {
            "OpenCV Telea": partial(_opencv_filled, method="INPAINT_TELEA"),
            "OpenCV Navier-Stokes": partial(_opencv_filled, method="INPAINT_NS"),
            "scikit-image biharmonic": _biharmonic,
        }
        return fills | gmic_rows()
    if protocol.any_noise:
        # No estimate of a level sees such noise; the best of several strengths is for the reader to find.
        means = {f"OpenCV non-local means, h={h}": partial(_means_of_strength, strength=h) for h in STRENGTHS}
        return {DAMAGED: lambda given: given.image} | means
    if isinstance(protocol, Degraded):
        (first, *more) = protocol.specs
        kept = not more and first.size_after((97, 97)) == (97, 97)
        damaged = {DAMAGED: lambda given: given.image} if kept else {}
        return damaged | {"regularised inverse (Wiener)": _first_picture}
    rows: dict[str, Restorer] = {
        "OpenCV non-local means (8 bit)": _non_local_means,
        "scikit-image wavelet": _on_pixels(_wavelet),
        "scikit-image TV": _on_pixels(_total_variation),
    }
    if find_spec("bm3d"):
        rows["BM3D"] = _on_pixels(_bm3d)
    if isinstance(protocol, Jpeg):
        del rows["scikit-image wavelet"]  # no threshold of it gains 0.05 dB
        rows = {name: _told(run, _jpeg_strength(protocol.quality)) for name, run in rows.items()}
    return {DAMAGED: lambda given: given.image} | rows


def _first_picture(given: Given) -> Tensor:
    """What the solvers begin with: the smooth guess, made to agree with the measurement."""
    operator = chain_of(given.specs)((given.image.shape[-2], given.image.shape[-1]), "cpu")
    y = given.image
    if operator.y_shape[0] == 1:
        y = y[:, :1]
    problem = Problem(y, operator, (given.sigma or 0) / 255)
    return without_margin(first_picture(problem), operator)


def _jpeg_strength(quality: int) -> float:
    """The sigma that suits non-local means and TV best on validation pictures; estimates see no JPEG."""
    return float(np.interp(quality, [10, 20, 30, 40, 60, 80, 100], [8, 5, 4.5, 3.5, 2.5, 1.8, 0.5]))


def _told(run: Restorer, sigma: float) -> Restorer:
    return lambda given: run(replace(given, sigma=sigma))


def _on_pixels(method: Callable[[Pixels, float], Pixels]) -> Restorer:
    """A method on float ``(h, w, 3)`` that is told sigma in [0, 1] units."""

    def run(given: Given) -> Tensor:
        pixels = given.image[0].permute(1, 2, 0).double().cpu().numpy()
        sigma = _sigma(given, pixels)
        if not sigma:
            return given.image
        result = method(pixels, sigma)
        return torch.from_numpy(np.ascontiguousarray(result)).permute(2, 0, 1)[None].float()

    return run


def _sigma(given: Given, pixels: Pixels) -> float:
    from skimage.restoration import estimate_sigma

    if given.sigma is not None:
        return given.sigma / 255
    sigma = estimate_sigma(pixels, average_sigmas=True, channel_axis=-1)  # type: ignore[no-untyped-call] # scikit-image has no types
    return float(sigma)


def _non_local_means(given: Given) -> Tensor:
    """OpenCV's fastNlMeansDenoising (Buades et al. 2005) over all three channels at once.

    Its strength is interpolated between the best of a grid at sigma 15, 25 and 50 on validation pictures.
    The Lab variant, fastNlMeansDenoisingColored, is 2 dB below at its best.
    """
    import cv2

    pixels = to_bytes(given.image)
    sigma = 255 * _sigma(given, pixels / 255)
    if not sigma:
        return given.image
    strength = float(np.interp(sigma, [0, 15, 25, 50], [0, 18, 25, 40]))
    return from_bytes(cv2.fastNlMeansDenoising(pixels, None, strength, 7, 21))


def _means_of_strength(given: Given, strength: float) -> Tensor:
    import cv2

    return from_bytes(cv2.fastNlMeansDenoising(to_bytes(given.image), None, strength, 7, 21))


def _wavelet(pixels: Pixels, sigma: float) -> Pixels:
    """BayesShrink (Chang et al. 2000) on the luma and colour differences."""
    from skimage.restoration import denoise_wavelet

    return denoise_wavelet(  # type: ignore[no-any-return] # scikit-image has no types
        pixels, sigma=sigma, channel_axis=-1, convert2ycbcr=True, method="BayesShrink", mode="soft",
        rescale_sigma=True,
    )  # fmt: skip


def _total_variation(pixels: Pixels, sigma: float) -> Pixels:
    """Chambolle (2004); a weight of 0.9 sigma is the best for all of 15, 25, 50 on validation pictures."""
    from skimage.restoration import denoise_tv_chambolle

    clean = denoise_tv_chambolle(  # type: ignore[no-untyped-call] # scikit-image has no types
        pixels, weight=0.9 * sigma, channel_axis=-1
    )
    return np.asarray(clean)


def _bm3d(pixels: Pixels, sigma: float) -> Pixels:
    """CBM3D (Dabov et al. 2007) by the bm3d package."""
    from bm3d import bm3d_rgb

    return np.asarray(bm3d_rgb(pixels, sigma))


def _enlarged(given: Given, resampling: Image.Resampling) -> Tensor:
    picture = Image.fromarray(to_bytes(given.image))
    scale = given.scale or 1
    return from_bytes(np.asarray(picture.resize((scale * picture.width, scale * picture.height), resampling)))


def _opencv_filled(given: Given, method: str) -> Tensor:
    """Radius 3: Telea (2004) by fast marching, or Bertalmio et al. (2001)."""
    import cv2

    mask = _missing(given).astype(np.uint8) * 255
    return from_bytes(cv2.inpaint(to_bytes(given.image), mask, 3, getattr(cv2, method)))


def _biharmonic(given: Given) -> Tensor:
    """Damelin and Hoang (2018)."""
    from skimage.restoration import inpaint_biharmonic

    pixels = given.image[0].permute(1, 2, 0).double().numpy()
    filled: Any = inpaint_biharmonic(pixels, _missing(given), channel_axis=-1)
    return torch.from_numpy(filled).permute(2, 0, 1)[None].float()


def _missing(given: Given) -> NDArray[np.bool_]:
    if given.hole is None:
        raise ValueError("a fill needs a hole")
    return (given.hole[0, 0] > 0).cpu().numpy()
