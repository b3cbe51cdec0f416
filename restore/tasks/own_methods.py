"""Methods that are no part of this package: what they are given, and what is asked of what they give.

A method is a function ``method(request)`` that gives the result of a task as a tensor. The functions of
`restore` take one as ``method=``; a package offers one by an entry point (`restore.tasks.method`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from restore import plugins
from restore.diffusion.own_sampler import checked
from restore.inverse.protocols import Degradation
from restore.priors.protocol import Prior
from restore.tasks.method import Method
from restore.tasks.request import Request
from restore.types import Denoiser, Rng


@dataclass(frozen=True, kw_only=True)
class MethodRequest(Request):
    """What a method of one's own is given.

    Parameters
    ----------
    drawing, estimate, steps, progress : as of `restore.tasks.request.Request`.
    task : denoise, inpaint, upscale, dejpeg or solve, which is also that of deblur and colorize.
    image : ``(b, 3, h, w)``, float32 on the prior's device, nominal range [0, 1]. For inpaint a hole with
        its surroundings, smoothly filled; for upscale the small picture; for solve the measurement, with as
        many channels as the operator gives.
    noise_std : of denoise and solve: the noise of the image, [0, 1] units, told or measured;
        ``(b, 1, 1, 1)``, for denoise also a map ``(b, 1, h, w)``.
    hole : of inpaint: ``(b, 1, h, w)``, 1 where content is missing; the result counts there alone.
    operator : of upscale, dejpeg and solve: what has made the image out of the picture that is looked for.
    start : of dejpeg and solve: the noise level to start from, [0, 1] units, as asked for or usual.
    shape : of the result.

    Examples
    --------
    >>> import torch
    >>> from restore.diffusion.seeds import seeded_rng
    >>> from restore.tasks.drawing import Drawing
    >>> from restore.testing import tiny_prior
    >>> x = torch.full((1, 3, 8, 8), 0.5)
    >>> drawing = Drawing(tiny_prior(), seeded_rng(0))
    >>> request = MethodRequest(drawing, "mean", 1, None, task="denoise", image=x, shape=(1, 3, 8, 8))
    >>> request.sample(request.prior.denoiser(), request.image, [0.1, 0.0]).shape
    torch.Size([1, 3, 8, 8])
    """

    task: str
    image: Tensor
    shape: tuple[int, ...]
    noise_std: Tensor | None = None
    hole: Tensor | None = None
    operator: Degradation | None = None
    start: float | None = None

    @property
    def prior(self) -> Prior:
        """The network: ``prior.denoiser()`` gives ``denoise(x, sigma)``."""
        return self.drawing.prior

    @property
    def rng(self) -> Rng:
        """``rng(like)`` gives normal random numbers, those of the seed."""
        return self.drawing.rng

    def sample(self, denoise: Denoiser, x: Tensor, sigmas: Sequence[float]) -> Tensor:
        """Run the sampler that the user has chosen from x at ``sigmas[0]``, and report its calls."""
        return self.drawing(denoise, x, sigmas, progress=self.progress)


def run_own(method: Method, request: MethodRequest) -> Tensor:
    """Run a method that is no part of this package.

    Parameters
    ----------
    method : Method
        With a function to run.
    request : MethodRequest
        What it is given. Its image is copied, so that the function may write in it.

    Returns
    -------
    Tensor
        Of the request's shape, finite, on the device of its image.

    Raises
    ------
    PluginError
        For a function that gives no tensor of that shape.
    NumbersError
        For NaN or infinity.

    Examples
    --------
    >>> import torch
    >>> from restore.diffusion.seeds import seeded_rng
    >>> from restore.tasks.drawing import Drawing
    >>> from restore.tasks.method import own_method
    >>> from restore.testing import tiny_prior
    >>> x, drawing = torch.zeros(1, 3, 8, 8), Drawing(tiny_prior(), seeded_rng(0))
    >>> request = MethodRequest(drawing, "mean", 1, None, task="denoise", image=x, shape=(1, 3, 8, 8))
    >>> run_own(own_method("denoise", lambda request: request.image + 1, "mean"), request).max()
    tensor(1.)
    """
    assert method.run is not None  # else it is one of this package
    told = plugins.told_of("method", method.run, method.plugin)
    found = plugins.call(method.run, method.plugin, request)
    return checked(found, request.shape, told).to(request.image)
