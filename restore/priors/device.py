"""Which device and which precision a network is computed with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

PRECISIONS = ("auto", "bf16", "fp32")
TILE = 2048  # side in pixels of the pieces that a large picture is computed in
Precision = Literal["auto", "bf16", "fp32"]


def limit_threads() -> None:
    """Let torch compute in no more threads than OpenMP grants (``OMP_THREAD_LIMIT``).

    Networks in bfloat16 share their work among the threads that torch asks for. Where OpenMP grants fewer,
    parts of the result are never computed, and torch 2.14 says nothing.

    Examples
    --------
    >>> limit_threads()
    """
    import torch

    most = os.environ.get("OMP_THREAD_LIMIT", "").strip()
    if most.isdecimal() and 0 < int(most) < torch.get_num_threads():
        torch.set_num_threads(int(most))


def best_dtype(device: str | torch.device) -> torch.dtype:
    """Give the fastest precision whose result is the same to 0.02 dB: bfloat16 where it is native."""
    import torch

    if torch.device(device).type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if torch.device(device).type == "cpu":
        return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32
    return torch.float32


def dtype_of(precision: Precision, device: str | torch.device) -> torch.dtype:
    """Give what a precision means on a device; ``auto`` is the best there.

    Examples
    --------
    >>> dtype_of("fp32", "cpu")
    torch.float32
    """
    import torch

    dtypes = {"bf16": torch.bfloat16, "fp32": torch.float32}
    return dtypes.get(precision) or best_dtype(device)


def check_device(device: str | torch.device) -> None:
    """Raise TypeError for what names no device, ValueError for one that this machine does not have.

    Examples
    --------
    >>> check_device("cpu")
    """
    import torch

    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise TypeError(f"device is such as 'cpu', 'cuda', 'cuda:1' or 'mps', got {device!r}") from None
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = torch.backends.mps.is_available()
    there = {"cpu": True, "cuda": (found.index or 0) < cards, "mps": mps}
    if not there.get(found.type):
        known = ["'cpu'", *(f"'cuda:{k}'" for k in range(cards)), *["'mps'"][: int(mps)]]
        raise ValueError(f"device {str(device)!r} is not there; this machine has {', '.join(known)}")


def check_dtype(dtype: torch.dtype) -> None:
    """Raise TypeError for what is no precision that a network is computed in.

    Examples
    --------
    >>> import torch
    >>> check_dtype(torch.float32)
    """
    import torch

    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise TypeError(f"dtype is such as torch.float32 or torch.bfloat16, got {dtype!r}")


def best_device() -> str:
    """Give ``cuda`` where there is a card, ``mps`` on a Mac that has it, else ``cpu``."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
