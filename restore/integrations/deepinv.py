"""The prior for deepinv's optimisers and samplers, and deepinv's physics for `restore.solve`.

Both libraries have pictures in [0, 1] and noisy ones ``x0 + sigma n``, so that nothing is converted.
``pip install 'restore-diffusion[deepinv]'`` brings what is needed.

References
----------
Tachella et al. (2025), "DeepInverse: A Python package for solving imaging inverse problems with deep
learning", arXiv:2505.20160.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from restore.inverse.build import Building
from restore.inverse.conjugate_gradients import conjugate_gradients
from restore.inverse.protocols import UNMEASURED, Shape
from restore.nn import PriorModule
from restore.priors.posterior_mean import posterior_mean
from restore.priors.protocol import Prior

try:
    import deepinv
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "restore.integrations.deepinv needs deepinv: pip install 'restore-diffusion[deepinv]'",
        name=error.name,
    ) from None

GUESS_DAMPING = 0.01  # a first picture 0.1 away from the truth, and measurements without noise


class Denoiser(deepinv.models.Denoiser):  # type: ignore[misc] # deepinv has no types
    """The prior as a denoiser of deepinv.

    It is what `restore.nn.PosteriorMean` is, with deepinv's arguments: differentiable with respect to x
    alone, its weights no parameters, moved by ``to`` without changing the prior that was given.

    Parameters
    ----------
    prior : the network, as `restore.load` gives it; None is that in the package.
    device, dtype : where and in what precision that in the package is computed; None is the best there is.

    Raises
    ------
    TypeError, ValueError
        For what is no network, and for a device or a precision beside one, which has its own.

    Examples
    --------
    >>> import deepinv
    >>> from restore.testing import tiny_prior
    >>> denoiser = Denoiser(tiny_prior())
    >>> physics = deepinv.physics.Inpainting((3, 8, 8), mask=0.5)
    >>> y = physics(torch.full((1, 3, 8, 8), 0.5))
    >>> deepinv.optim.DPIR(sigma=0.05, denoiser=denoiser)(y, physics).shape
    torch.Size([1, 3, 8, 8])
    """

    def __init__(
        self,
        prior: Prior | None = None,
        *,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        self.held = PriorModule(prior, device=device, dtype=dtype)

    @property
    def prior(self) -> Prior:
        """The network."""
        return self.held.prior

    def forward(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        """Give ``E[x0 | x]``, as `restore.priors.posterior_mean.posterior_mean` does.

        Parameters
        ----------
        x : ``x0 + sigma n``, ``(b, 3, h, w)`` or gray ``(b, 1, h, w)`` of floats, nominal range [0, 1].
        sigma : noise level, [0, 1] units, clamped to the range that the prior knows; one for all, or one for
            each picture, ``(b,)`` or ``(b, 1, 1, 1)``.

        Returns
        -------
        Tensor
            Of the shape, type and device of x.
        """
        return posterior_mean(self.prior, x, sigma)


class PhysicsOperator:
    """A linear physics of deepinv whose measurements are pictures, as an operator of `restore.inverse`.

    Parameters
    ----------
    physics : a `deepinv.physics.LinearPhysics`; its noise model is not used.
    y_shape : (c, h, w) of measurements, c being 1 or 3.
    device : of the measurements that come.

    Raises
    ------
    TypeError
        For a physics that is not linear.
    ValueError
        Where it is not for measurements of that shape, or not for pictures in colour.

    Examples
    --------
    >>> from restore.testing import check_operator
    >>> blur = deepinv.physics.Blur(deepinv.physics.functional.gaussian_blur((5, 5), 1.0), padding="circular")
    >>> check_operator(PhysicsOperator(blur, (3, 16, 16)))
    """

    def __init__(self, physics: Any, y_shape: Shape, device: torch.device | str = "cpu"):
        if not isinstance(physics, deepinv.physics.LinearPhysics):
            raise TypeError(f"expected a LinearPhysics of deepinv, got {type(physics).__name__}")
        self._physics, self.y_shape = physics, y_shape
        try:
            back = physics.A_adjoint(torch.zeros(1, *y_shape, device=device))
        except (RuntimeError, ValueError) as error:
            said = str(error).splitlines()[0]
            raise ValueError(f"{type(physics).__name__} is not for measurements {y_shape}: {said}") from None
        if back.ndim != 4 or back.shape[1] != 3:
            raise ValueError(
                f"{type(physics).__name__} is for pictures {tuple(back.shape[1:])}; expected (3, h, w)"
            )
        self.x_shape: Shape = (3, int(back.shape[-2]), int(back.shape[-1]))

    def forward(self, x: Tensor) -> Tensor:
        """Measure x, without noise."""
        y: Tensor = self._physics.A(x)
        return y

    def adjoint(self, y: Tensor) -> Tensor:
        """Give ``A^T y``."""
        x: Tensor = self._physics.A_adjoint(y)
        return x

    def solve(self, r: Tensor, damping: float) -> Tensor:
        """Give ``(A A^T + damping I)^-1 r`` by conjugate gradients; damping 0 is taken for UNMEASURED."""
        damping = damping or UNMEASURED

        def apply(s: Tensor) -> Tensor:
            return self.forward(self.adjoint(s)) + damping * s

        return conjugate_gradients(apply, r, lambda s: s, tolerance=1e-5)

    def guess(self, y: Tensor) -> Tensor:
        """Give the picture nearest to gray that is measured as y, nearly."""
        gray = torch.full((len(y), *self.x_shape), 0.5, device=y.device)
        return gray + self.adjoint(self.solve(y - self.forward(gray), GUESS_DAMPING))


def operator_of(physics: Any, *, channels: int = 3) -> Building:
    """Give a physics of deepinv as an operator for `restore.solve`.

    Parameters
    ----------
    physics : a `deepinv.physics.LinearPhysics` from pictures (3, h, w) to pictures with 3 channels or 1, on
        the device of the prior. Its noise is told to `restore.solve`, on the scale of 0 to 255.
    channels : of measurements, 3 or 1.

    Returns
    -------
    A function of the measurement's size (h, w) and a device, as `restore.solve` takes it.

    Raises
    ------
    TypeError, ValueError
        When it is called, as `PhysicsOperator`.

    Examples
    --------
    >>> import deepinv
    >>> from restore import solve
    >>> from restore.testing import tiny_prior
    >>> physics = deepinv.physics.Downsampling((3, 16, 16), factor=2, filter="bicubic")
    >>> y = physics(torch.rand(1, 3, 16, 16))
    >>> solve(y, operator_of(physics), sigma=0, steps=1, prior=tiny_prior()).shape
    torch.Size([1, 3, 16, 16])
    """

    def build(size: tuple[int, int], device: torch.device | str) -> PhysicsOperator:
        return PhysicsOperator(physics, (channels, *size), device)

    return build
