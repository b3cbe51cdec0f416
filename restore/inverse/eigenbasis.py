"""Solving in the eigenbasis of A A^T."""

from __future__ import annotations

import torch
from torch import Tensor

from restore.inverse.protocols import UNMEASURED, Spectral


class Eigenbasis:
    """The solve of operators whose spectrum is known."""

    def solve(self: Spectral, r: Tensor, damping: float) -> Tensor:
        """Give ``(A A^T + damping I)^-1 r``."""
        return self.from_spectrum(_divided(self.to_spectrum(r), self.values, damping))


def _divided(spectrum: Tensor, values: Tensor, damping: float) -> Tensor:
    if damping > 0:
        return spectrum / (values + damping)
    return torch.where(values > UNMEASURED, spectrum / values, 0)
