"""Blurs: of a picture that goes on at the other side, and of a photograph."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from restore.inverse.chains import Chain, Crop, LinearChain
from restore.inverse.eigenbasis import Eigenbasis
from restore.inverse.protocols import Degradation, Shape


class Blur(Eigenbasis):
    """Convolution with a kernel on a picture that goes on at the other side.

    Its spectrum is Fourier's. For photographs, which do not go on at the other side, see `BlurInside`.

    Parameters
    ----------
    kernel : ``(kh, kw)``, of odd sides, no larger than the picture.
    size : of pictures, (h, w).
    device : of the spectrum.

    Raises
    ------
    ValueError
        For a kernel of even sides or larger than the picture.

    Examples
    --------
    >>> import torch
    >>> from restore.inverse.kernels import gaussian_kernel
    >>> Blur(gaussian_kernel(0.5), (8, 8)).forward(torch.ones(1, 3, 8, 8)).shape
    torch.Size([1, 3, 8, 8])
    """

    def __init__(self, kernel: Tensor, size: tuple[int, int], device: torch.device | str = "cpu"):
        _check_kernel(kernel, size)
        self.x_shape: Shape = (3, *size)
        self.y_shape = self.x_shape
        (kh, kw), (h, w) = kernel.shape, size
        around = pad(kernel.double(), (0, w - kw, 0, h - kh)).roll((-(kh // 2), -(kw // 2)), (0, 1))
        response = torch.fft.rfft2(around)
        self._response = response.to(torch.complex64).to(device)
        self.values = response.abs().square().float().to(device)

    def forward(self, x: Tensor) -> Tensor:
        """Blur x."""
        return self._filtered(x, self._response)

    def guess(self, y: Tensor) -> Tensor:
        """Give y."""
        return y

    def adjoint(self, y: Tensor) -> Tensor:
        """Blur y with the mirrored kernel."""
        return self._filtered(y, self._response.conj())

    def to_spectrum(self, r: Tensor) -> Tensor:
        """Give r's Fourier transform, orthonormal."""
        spectrum: Tensor = torch.fft.rfft2(r, norm="ortho")
        return spectrum

    def from_spectrum(self, c: Tensor) -> Tensor:
        """Give the picture of a Fourier transform."""
        r: Tensor = torch.fft.irfft2(c, s=self.x_shape[1:], norm="ortho")
        return r

    def _filtered(self, picture: Tensor, response: Tensor) -> Tensor:
        return self.from_spectrum(self.to_spectrum(picture) * response)


def _check_kernel(kernel: Tensor, size: tuple[int, int]) -> None:
    (kh, kw), (h, w) = kernel.shape, size
    if not (kh % 2 and kw % 2):
        raise ValueError(f"a blur kernel has odd sides, so that it has a middle; got {kw}x{kh} (w x h)")
    if kh > h or kw > w:
        raise ValueError(f"the blur kernel is {kw}x{kh} (w x h), larger than the picture, {w}x{h}")


class BlurInside(LinearChain):
    """A blurred photograph: the scene went on outside it, and was blurred into it.

    The picture x has a margin of at least half the kernel around ``inside``, of which y tells little.

    Parameters
    ----------
    kernel : ``(kh, kw)``, of odd sides, no larger than the photograph.
    size : of the photograph, (h, w).
    device : of the spectrum.

    Raises
    ------
    ValueError
        For a kernel of even sides or larger than the photograph.

    Examples
    --------
    >>> import torch
    >>> from restore.inverse.kernels import motion_kernel
    >>> BlurInside(motion_kernel(3), (8, 8)).y_shape
    (3, 8, 8)
    """

    def __init__(self, kernel: Tensor, size: tuple[int, int], device: torch.device | str = "cpu"):
        _check_kernel(kernel, size)
        (kh, kw), (h, w) = kernel.shape, size
        large = _quick_side(h + kh - 1), _quick_side(w + kw - 1)
        blur = Blur(kernel, large, device)
        self.inside = inside = Crop(large, (kh // 2, kw // 2), size)

        def precondition(r: Tensor, damping: float) -> Tensor:  # not of self: that is freed with its last use
            return inside.forward(blur.solve(inside.adjoint(r), damping))

        super().__init__(blur, inside, precondition=precondition)


def _quick_side(side: int) -> int:
    """The shortest side of at least so many pixels that is quick to transform: no factor above 5."""
    while True:
        rest = side
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return side
        side += 1


def inside_of(operator: Degradation) -> Crop | None:
    """Give the part of a picture x that the operator measures; None for all of it."""
    if isinstance(operator, BlurInside):
        return operator.inside
    return inside_of(operator.parts[0]) if isinstance(operator, Chain) else None


def without_margin(x: Tensor, operator: Degradation) -> Tensor:
    """Give the part of a picture x that the operator measures, ``(b, c, h, w)``."""
    inside = inside_of(operator)
    return x if inside is None else inside.forward(x)
