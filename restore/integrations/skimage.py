"""Functions in the manner of `skimage.restoration`: they stand where its own stand.

As there, arrays of whole numbers are brought to [0, 1] (`skimage.util.img_as_float`) and float64 comes back,
floats keep their type and scale, and ``channel_axis`` says which axis holds the colours; None, the default,
is a gray picture. Noise levels are in the numbers of the picture as it is given, as
`skimage.restoration.estimate_sigma` gives them and `skimage.restoration.denoise_wavelet` takes them: 25 for a
picture of uint8, 0.1 for one in [0, 1].
"""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from restore.images.scales import checked_range
from restore.tasks.deblur import deblur
from restore.tasks.denoise import denoise
from restore.tasks.inpaint import inpaint
from restore.tasks.upscale import upscale
from restore.types import to_255

Array = NDArray[Any]


def denoise_diffusion(
    image: Array, sigma: float | None = None, *, channel_axis: int | None = None, **options: Any
) -> Array:
    """Remove noise, as `skimage.restoration.denoise_wavelet` and its siblings do.

    It runs in `skimage.restoration.calibrate_denoiser` and `denoise_invariant`, too.

    Parameters
    ----------
    image : ``(h, w)``, or with an axis of 3 channels, or of 1.
    sigma : standard deviation of the noise, in the numbers of ``image``; None measures it.
    channel_axis : the axis of the channels; None for a gray picture ``(h, w)``.
    **options : those of `restore.denoise`. With ``data_range=(low, high)``, the values of black and white, a
        picture of any type is taken and given back on that scale, as floats.

    Returns
    -------
    array
        Floats of the shape of ``image``.

    Raises
    ------
    ValueError, TypeError
        For another number of axes or channels, and as `restore.denoise`.

    Examples
    --------
    >>> from restore.testing import tiny_prior
    >>> noisy = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    >>> clean = denoise_diffusion(noisy, sigma=25, channel_axis=-1, prior=tiny_prior())
    >>> clean.shape, clean.dtype, bool(clean.max() < 2)
    ((8, 12, 3), dtype('float64'), True)
    """
    picture = _Picture(image, channel_axis, options)
    return picture.back(denoise(picture.pixels, sigma=picture.level(sigma), **options))


def inpaint_diffusion(image: Array, mask: Array, *, channel_axis: int | None = None, **options: Any) -> Array:
    """Fill what is masked, as `skimage.restoration.inpaint_biharmonic` does.

    Parameters
    ----------
    image : ``(h, w)``, or with an axis of 3 channels, or of 1. What lies under the mask is not read.
    mask : ``(h, w)``, true where the picture is to be filled.
    channel_axis : the axis of the channels; None for a gray picture ``(h, w)``.
    **options : those of `restore.inpaint`; ``data_range`` as for `denoise_diffusion`.

    Returns
    -------
    array
        Floats of the shape of ``image``; the known pixels are its own.

    Raises
    ------
    ValueError, TypeError
        For another number of axes or channels, and as `restore.inpaint`.

    Examples
    --------
    >>> from restore.testing import tiny_prior
    >>> image = np.full((8, 8), 51, np.uint8)
    >>> mask = np.zeros((8, 8), bool)
    >>> mask[2:4, 2:4] = True
    >>> filled = inpaint_diffusion(image, mask, steps=1, prior=tiny_prior())
    >>> filled.dtype, bool((filled[~mask] == 0.2).all())
    (dtype('float64'), True)
    """
    picture = _Picture(image, channel_axis, options)
    return picture.back(inpaint(picture.pixels, mask, **options))


def upscale_diffusion(
    image: Array, scale: float | None = None, *, channel_axis: int | None = None, **options: Any
) -> Array:
    """Enlarge, as `skimage.transform.rescale` does.

    Parameters
    ----------
    image : ``(h, w)``, or with an axis of 3 channels, or of 1.
    scale : factor, 1 to 8; None where ``size=(h, w)`` says the size of the result.
    channel_axis : the axis of the channels; None for a gray picture ``(h, w)``.
    **options : those of `restore.upscale`; ``data_range`` as for `denoise_diffusion`.

    Returns
    -------
    array
        Floats of the new size.

    Raises
    ------
    ValueError, TypeError
        For another number of axes or channels, and as `restore.upscale`.

    Examples
    --------
    >>> from restore.testing import tiny_prior
    >>> upscale_diffusion(np.zeros((8, 12), np.uint8), 2, steps=1, prior=tiny_prior()).shape
    (16, 24)
    """
    picture = _Picture(image, channel_axis, options)
    return picture.back(upscale(picture.pixels, scale, **options))


def deconvolve_diffusion(
    image: Array, psf: Array, *, sigma: float | None = None, channel_axis: int | None = None, **options: Any
) -> Array:
    """Sharpen what a known kernel has blurred, as `skimage.restoration.richardson_lucy` does.

    Parameters
    ----------
    image : ``(h, w)``, or with an axis of 3 channels, or of 1.
    psf : the kernel ``(kh, kw)``, the same for all channels; its sum is brought to 1.
    sigma : standard deviation of the noise, in the numbers of ``image``; None measures it.
    channel_axis : the axis of the channels; None for a gray picture ``(h, w)``.
    **options : those of `restore.deblur`; ``data_range`` as for `denoise_diffusion`.

    Returns
    -------
    array
        Floats of the shape of ``image``.

    Raises
    ------
    ValueError, TypeError
        For another number of axes or channels, and as `restore.deblur`.

    Examples
    --------
    >>> from restore.testing import tiny_prior
    >>> soft = np.full((16, 16), 0.5)
    >>> deconvolve_diffusion(soft, np.ones((3, 3)), sigma=0.01, steps=1, prior=tiny_prior()).shape
    (16, 16)
    """
    picture = _Picture(image, channel_axis, options)
    return picture.back(deblur(picture.pixels, psf, sigma=picture.level(sigma), **options))


class _Picture:
    """A picture of scikit-image as the tasks take it, and the way back.

    options : get the scale, so that none is guessed.

    Attributes
    ----------
    pixels : floats ``(h, w)`` or ``(h, w, c)``.
    """

    def __init__(self, image: Array, channel_axis: int | None, options: dict[str, Any]):
        from skimage.util import img_as_float

        planes = _channels_last(np.asarray(image), channel_axis)
        self._axis = channel_axis
        if options.get("data_range") is None:
            options["data_range"] = (0.0, 1.0)
            self._width = float(np.iinfo(planes.dtype).max) if planes.dtype.kind in "ui" else 1.0
            planes = img_as_float(planes)  # type: ignore[no-untyped-call]
        else:
            low, high = checked_range(options["data_range"])
            self._width = high - low
        kind = planes.dtype
        single = kind in (np.float16, np.float32)
        self.pixels: Array = planes.astype(np.float32 if single else np.float64, copy=False)

    def level(self, sigma: Any) -> Any:
        """A noise level in the numbers of the picture on the scale of 0 to 255. TypeError and ValueError."""
        if sigma is None:
            return None
        try:
            if isinstance(sigma, str | bytes | bool):
                raise TypeError
            levels = np.array(sigma.tolist() if hasattr(sigma, "tolist") else sigma, np.float64)
        except (TypeError, ValueError):
            shown = repr(sigma) if isinstance(sigma, str | bytes | bool) else type(sigma).__name__
            raise TypeError(f"sigma is a number, in those of the picture, or a map; got {shown}") from None
        if not ((levels >= 0) & (levels <= self._width)).all():
            got = f"{levels.min():g}" + (f" to {levels.max():g}" if levels.size > 1 else "")
            raise ValueError(
                f"sigma is in the numbers of the picture, 0 to {self._width:g}, got {got}; floats are in "
                "[0, 1], unless data_range says more"
            )
        scaled = levels * (to_255(1) / self._width)
        return float(scaled.item()) if levels.size == 1 else scaled

    def back(self, result: Array) -> Array:
        """A result with its channels where those of the picture are."""
        return result if self._axis is None else np.moveaxis(result, -1, self._axis)


def _channels_last(image: Array, channel_axis: int | None) -> Array:
    """A picture as ``(h, w)`` or ``(h, w, c)``. Raises TypeError and ValueError."""
    if image.dtype.kind not in "buif":
        raise TypeError(f"expected a picture of numbers, got an array of {image.dtype}")
    if not isinstance(channel_axis, SupportsIndex | None):
        raise TypeError(f"channel_axis is the number of an axis, or None, got {channel_axis!r}")
    if image.ndim != (2 if channel_axis is None else 3):
        way = "; pass channel_axis=-1 for colours" if channel_axis is None and image.ndim == 3 else ""
        expected = "(h, w)" if channel_axis is None else "(h, w) and an axis of channels"
        raise ValueError(f"expected a picture {expected}, got {image.shape}{way}")
    if channel_axis is None:
        return image
    if not -3 <= channel_axis < 3 or image.shape[channel_axis] not in (1, 3):
        raise ValueError(
            f"expected 3 channels, or 1, on axis {channel_axis}, got a picture {image.shape}; "
            "alpha and other channels are restored apart"
        )
    return np.moveaxis(image, channel_axis, -1)
