"""Layers whose result for a picture depends neither on others in its batch nor on the number of threads."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Convolution(nn.Conv2d):
    """``torch.nn.Conv2d``, with `convolved`."""

    def forward(self, input: Tensor) -> Tensor:
        """Apply it to ``(b, c, h, w)``."""
        assert not isinstance(self.padding, str)
        return convolved(input, self.weight, self.bias, stride=self.stride[0], padding=self.padding[0])


class Linear(nn.Linear):
    """``torch.nn.Linear`` for a few rows.

    Matrix products on processors add in an order that depends on the number of threads. Training uses them
    all the same: they are faster for a batch, and repeatable in the same number of threads.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply it to ``(n, c)``."""
        if self.training or not _is_single(input) or torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        found = (input[:, None] * self.weight).sum(-1)
        return found if self.bias is None else found + self.bias


def convolved(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 0
) -> Tensor:
    """Convolve as ``torch.nn.functional.conv2d`` does, by the same kernel whatever the batch.

    On processors PyTorch takes another kernel for one small picture in single precision than for two, and for
    1x1 filters in one thread than in several. Their sums are in another order, and the last bits differ.

    Parameters
    ----------
    x : ``(b, c, h, w)``.
    weight : ``(c', c, k, k)``.
    bias : ``(c',)``.
    stride, padding : of both directions.

    Returns
    -------
    ``(b, c', h', w')``.

    Examples
    --------
    >>> x, weight = torch.rand(2, 384, 4, 4), torch.rand(8, 384, 3, 3)
    >>> torch.equal(convolved(x, weight, padding=1)[:1], convolved(x[:1], weight, padding=1))
    True
    """
    if _is_single(x) and x.numel():
        steps, edges = [stride, stride], [padding, padding]
        return torch.mkldnn_convolution(x, weight, bias, edges, steps, [1, 1], 1)
    return F.conv2d(x, weight, bias, stride, padding)


def _is_single(x: Tensor) -> bool:
    """Whether it is computed in single precision on a processor."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and _has_one_kernel()


def _has_one_kernel() -> bool:
    """Whether oneDNN is there and in use, and nothing is compiled, which has its own kernels."""
    usable = torch.backends.mkldnn.enabled and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(usable) and not torch.compiler.is_compiling()
