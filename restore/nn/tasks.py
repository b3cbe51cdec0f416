"""The tasks as modules."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from restore.inverse.build import Building
from restore.nn.held import PriorModule
from restore.tasks.deblur import deblur
from restore.tasks.dejpeg import dejpeg
from restore.tasks.denoise import denoise
from restore.tasks.inpaint import inpaint
from restore.tasks.solve import solve
from restore.tasks.upscale import upscale


class _Task(PriorModule):
    """A task with its options."""

    function: ClassVar[Callable[..., Any]]
    options_of: ClassVar[Callable[..., Any]]  # the function whose signature has them all

    def __init__(self, shown: dict[str, Any], options: dict[str, Any]):
        """shown: arguments, which are checked when the function is called. options: all the others."""
        prior, device, dtype = (options.pop(name, None) for name in ("prior", "device", "dtype"))
        super().__init__(prior, device=device, dtype=dtype)
        known = inspect.signature(self.options_of).parameters
        if unknown := sorted(options.keys() - (known.keys() - {"image"})):
            raise TypeError(
                f"{type(self).__name__} takes the options of restore.{self.function.__name__}, which has no "
                f"{unknown[0]!r}; see help(restore.{self.options_of.__name__})"
            )
        self.shown, self.options = shown, options

    def forward(self, x: Any) -> Any:
        """Give the restored picture, of the same kind."""
        return self.restored(x, **self.shown)

    def restored(self, x: Any, **arguments: Any) -> Any:
        """Call the function on what was given."""
        options = self.options | arguments
        if isinstance(x, Tensor):
            if x.requires_grad and torch.is_grad_enabled():
                raise ValueError(
                    f"{type(self).__name__} gives no gradient, got a tensor that requires one; pass "
                    "x.detach(), call it under torch.no_grad(), or use restore.nn.PosteriorMean"
                )
            if x.is_floating_point():  # between other modules the scale is known: noise may leave it
                options = {"data_range": (0.0, 1.0)} | options
        result = self.function(x, prior=self.prior, **options)
        if isinstance(x, Tensor) and type(x).__module__.startswith("torchvision."):
            return result.as_subclass(
                type(x)
            )  # its transforms tell pictures from other tensors by their type
        return result

    def extra_repr(self) -> str:
        """What it was made with."""
        said = [f"{name}={_brief(value)}" for name, value in (self.shown | self.options).items()]
        return ", ".join(filter(None, [*said, super().extra_repr()]))


def _brief(value: Any) -> str:
    """A value in a few characters: of arrays and tensors their shape."""
    shape = getattr(value, "shape", None)
    return repr(value) if shape is None else f"{type(value).__name__}{tuple(shape)}"


class Denoise(_Task):
    """`restore.denoise` as a module.

    Parameters
    ----------
    sigma : noise level, 0 to 255; None measures it in each picture.
    **options : the others of `restore.denoise`.

    Raises
    ------
    TypeError
        For an option that `restore.denoise` does not have. Its values are checked with the first picture.

    Examples
    --------
    >>> from torch import nn
    >>> from restore.testing import tiny_prior
    >>> pipeline = nn.Sequential(Denoise(25, prior=tiny_prior()), nn.AvgPool2d(2))
    >>> pipeline(torch.rand(1, 3, 8, 8)).shape
    torch.Size([1, 3, 4, 4])
    >>> Denoise(25, strength=0.5)
    Denoise(sigma=25, strength=0.5)
    """

    function = staticmethod(denoise)
    options_of = staticmethod(denoise)

    def __init__(self, sigma: Any = None, **options: Any):
        super().__init__({"sigma": sigma}, options)


class Inpaint(_Task):
    """`restore.inpaint` as a module.

    Parameters
    ----------
    mask : where white is to be filled; None where each call has its own.
    **options : the others of `restore.inpaint`.

    Raises
    ------
    TypeError
        For an option that `restore.inpaint` does not have.

    Examples
    --------
    >>> from restore.testing import tiny_prior
    >>> fill = Inpaint(steps=1, prior=tiny_prior())
    >>> mask = torch.zeros(1, 1, 8, 8)
    >>> mask[..., 2:4, 2:4] = 1
    >>> fill(torch.rand(1, 3, 8, 8), mask).shape
    torch.Size([1, 3, 8, 8])
    """

    function = staticmethod(inpaint)
    options_of = staticmethod(inpaint)

    def __init__(self, mask: Any = None, **options: Any):
        super().__init__({"mask": mask}, options)

    def forward(self, x: Any, mask: Any = None) -> Any:
        """Fill the mask, the module's own where none is given."""
        mask = self.shown["mask"] if mask is None else mask
        if mask is None:
            raise ValueError("expected a mask, got none; make Inpaint(mask), or pass it beside the picture")
        return self.restored(x, mask=mask)


class Upscale(_Task):
    """`restore.upscale` as a module.

    Parameters
    ----------
    scale : factor, 1 to 8; None where ``size=(h, w)`` says the size of the result.
    **options : the others of `restore.upscale`.

    Raises
    ------
    TypeError
        For an option that `restore.upscale` does not have.

    Examples
    --------
    >>> from restore.testing import tiny_prior
    >>> Upscale(2, steps=1, prior=tiny_prior())(torch.rand(1, 3, 8, 8)).shape
    torch.Size([1, 3, 16, 16])
    """

    function = staticmethod(upscale)
    options_of = staticmethod(upscale)

    def __init__(self, scale: float | None = None, **options: Any):
        super().__init__({"scale": scale}, options)


class Deblur(_Task):
    """`restore.deblur` as a module.

    Parameters
    ----------
    kernel : ``(kh, kw)``, or its description, such as ``gaussian:2``.
    **options : the others of `restore.deblur`, which are those of `restore.solve`.

    Raises
    ------
    TypeError
        For an option that they do not have.

    Examples
    --------
    >>> from restore.testing import tiny_prior
    >>> Deblur("gaussian:1", steps=1, prior=tiny_prior())(torch.rand(1, 3, 16, 16)).shape
    torch.Size([1, 3, 16, 16])
    """

    function = staticmethod(deblur)
    options_of = staticmethod(solve)

    def __init__(self, kernel: Any, **options: Any):
        super().__init__({"kernel": kernel}, options)


class Dejpeg(_Task):
    """`restore.dejpeg` as a module.

    Parameters
    ----------
    quality : of the JPEG, 1 to 100; None where pictures say it themselves, as PIL's do.
    **options : the others of `restore.dejpeg`.

    Raises
    ------
    TypeError
        For an option that `restore.dejpeg` does not have.

    Examples
    --------
    >>> from restore.testing import tiny_prior
    >>> Dejpeg(20, steps=1, prior=tiny_prior())(torch.rand(1, 3, 16, 16)).shape
    torch.Size([1, 3, 16, 16])
    """

    function = staticmethod(dejpeg)
    options_of = staticmethod(dejpeg)

    def __init__(self, quality: float | None = None, **options: Any):
        super().__init__({"quality": quality}, options)


class Solve(_Task):
    """`restore.solve` as a module.

    Parameters
    ----------
    operator : as `restore.solve` takes it. The module can be pickled where the operator can, as those of
        `restore.inverse.build.chain_of`.
    **options : the others of `restore.solve`.

    Raises
    ------
    TypeError
        For an option that `restore.solve` does not have.

    Examples
    --------
    >>> from restore.inverse.build import chain_of
    >>> from restore.inverse.spec import parse_spec
    >>> from restore.testing import tiny_prior
    >>> enlarge = Solve(chain_of([parse_spec("down=2")]), steps=1, prior=tiny_prior())
    >>> enlarge(torch.rand(1, 3, 8, 8)).shape
    torch.Size([1, 3, 16, 16])
    """

    function = staticmethod(solve)
    options_of = staticmethod(solve)

    def __init__(self, operator: Building, **options: Any):
        super().__init__({"operator": operator}, options)
