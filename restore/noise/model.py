"""What kind of noise is in a set of pictures: level, dependence on the signal, correlation; and more of it.

The variance is ``gain * signal + read_std^2`` (Foi et al. 2008), the rest is a spectrum: how neighbouring
pixels and channels vary together. `restore.noise.measure` finds it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Generator, Tensor

Floats = NDArray[np.floating[Any]]
CORRELATED = 0.1  # between direct neighbours; white noise measures below it
CLEAN = 1 / 255  # of noise in all, as much as nobody sees


@dataclass(frozen=True, eq=False)
class NoiseModel:
    """Zero-mean Gaussian noise of variance ``gain * signal + read_std^2``, in [0, 1] units.

    gain, read_std: one number for each channel ``(c,)``; c is 1 for gray pictures, else 3.
    kernel: filter ``(15, 15)`` of unit energy that makes such noise of white noise; ``(1, 1)`` for white.
    channels: correlation between the channels, ``(c, c)``.
    mean: brightness of the pictures it was measured on, ``(c,)``.
    clipped: the pictures end at 0 and 1, where noise is cut off, see `uncut`.
    flat: brightness of the flat places that its level was measured at, ``(c,)``, where it is not ``mean``.
    """

    gain: Floats
    read_std: Floats
    kernel: Floats
    channels: Floats
    mean: Floats
    clipped: bool = False
    flat: Floats | None = None

    @property
    def sigma(self) -> float:
        """Standard deviation over all channels at the pictures' own brightness."""
        return float(np.sqrt((self.gain * self.mean.clip(0) + self.read_std**2).mean()))

    @property
    def depends_on_signal(self) -> bool:
        """Whether its law is another in other places of a picture."""
        return self.clipped or bool(self.gain.any())

    @property
    def correlation(self) -> float:
        """Between horizontal and vertical neighbours, -1 to 1."""
        down = (self.kernel[1:] * self.kernel[:-1]).sum()
        right = (self.kernel[:, 1:] * self.kernel[:, :-1]).sum()
        return float((down + right) / 2)

    @property
    def correlated(self) -> bool:
        """Whether neighbours share so much that methods which take pixels for independent are wrong."""
        return self.sigma > CLEAN and abs(self.correlation) > CORRELATED

    @property
    def signal_dependence(self) -> float:
        """The share of the variance that grows with the signal, 0 to 1."""
        shot = float((self.gain * self.mean.clip(0)).mean())
        return shot / max(self.sigma**2, 1e-12)

    def describe(self) -> str:
        """One line for people; levels on the 0..255 scale."""
        levels = 255 * np.sqrt(self.gain * self.mean.clip(0) + self.read_std**2)
        each = "" if len(levels) == 1 else " (" + ", ".join(f"{v:.1f}" for v in levels) + " in R, G, B)"
        kind = "independent in each pixel"
        if self.correlated:
            kind = f"neighbouring pixels share it (correlation {self.correlation:.2f})"
        grows = "the same in dark and bright parts"
        if self.signal_dependence > 0.15:
            read = 255 * math.sqrt(float((self.read_std**2).mean()))
            grows = f"growing with brightness (gain {float(self.gain.mean()):.4f}, read noise {read:.1f})"
        return f"noise sigma {255 * self.sigma:.1f} of 255{each}, {grows}, {kind}"

    def facts(self) -> dict[str, Any]:
        """The same for JSON; `from_facts` is the way back. sigma, read_std on the 0..255 scale."""
        return {
            "sigma": round(255 * self.sigma, 3),
            "gain": [round(float(g), 7) for g in self.gain],
            "read_std": [round(255 * float(r), 4) for r in self.read_std],
            "correlation": round(self.correlation, 4),
            "kernel": np.round(self.kernel, 4).tolist(),
            "channels": np.round(self.channels, 4).tolist(),
            "mean": [round(float(m), 5) for m in self.mean],
            "flat": None if self.flat is None else [round(float(m), 5) for m in self.flat],
            "clipped": self.clipped,
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> NoiseModel:
        """The model that `facts` describes. Raises ValueError and KeyError for another dictionary."""
        arrays = {name: np.asarray(facts[name], float) for name in ("gain", "kernel", "channels", "mean")}
        read_std = np.asarray(facts["read_std"], float) / 255
        flat = None if facts.get("flat") is None else np.asarray(facts["flat"], float)
        return cls(read_std=read_std, clipped=bool(facts["clipped"]), flat=flat, **arrays)

    def variance(self, signal: Tensor) -> Tensor:
        """Of each value of a picture of this signal, ``(b, 3, h, w)``."""
        import torch

        def plane(values: Floats) -> Tensor:
            return torch.as_tensor(values, dtype=signal.dtype, device=signal.device).view(1, -1, 1, 1)

        return plane(self.gain) * signal.clamp(min=0) + plane(self.read_std) ** 2

    def draw(self, signal: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw noise as a picture of this signal would have, of the same shape ``(b, 3, h, w)``."""
        return self.variance(signal).sqrt() * self._standard(signal, generator)

    def uncut(self, noisy: Tensor, signal: Tensor, generator: Generator | None = None) -> Tensor:
        """A noisy picture as it may have been before its noise was cut off at 0 and 1.

        A value at an end tells only that noise carried it there or farther; how far is drawn from what is
        left of the bell around the signal (imputation, Tanner and Wong 1987). With the true signal the result
        has the noise that clipping took away, around the right mean; what the signal is wrong by comes back
        by a fifth at most. Nothing is changed between the ends, or where nothing was ``clipped``.
        noisy, signal ``(b, 3, h, w)`` in [0, 1].
        """
        import torch

        if not self.clipped:
            return noisy
        share = torch.special.ndtr(self._standard(signal, generator))  # uniform, alike in neighbours

        def beyond(distance: Tensor) -> Tensor:
            """A draw from the bell where it is farther out than so many deviations."""
            tail = torch.special.ndtr(-distance)
            return torch.maximum(-torch.special.ndtri((share * tail).clamp(min=1e-30)), distance)

        return self._put_beyond(noisy, signal, beyond)

    def expected(self, noisy: Tensor, signal: Tensor) -> Tensor:
        """A noisy picture with, at 0 and 1, the mean of all that `uncut` may draw there.

        Noise that is known to be d deviations or more is phi(d) / Phi(-d) deviations on average (Tobin 1958).
        Each value is taken by itself, whatever its neighbours share with it. Denoising what that gives, again
        and again, is expectation maximisation (Dempster, Laird and Rubin 1977).
        """
        import torch

        if not self.clipped:
            return noisy

        def beyond(distance: Tensor) -> Tensor:
            # phi / Phi without the difference of large numbers that they become far out.
            mean: Tensor = math.sqrt(2 / math.pi) / torch.special.erfcx(distance / math.sqrt(2))
            return mean

        return self._put_beyond(noisy, signal, beyond)

    def _put_beyond(self, noisy: Tensor, signal: Tensor, beyond: Callable[[Tensor], Tensor]) -> Tensor:
        """Put values at 0 and 1 as many deviations from the signal as ``beyond(those of the end)`` says."""
        import torch

        std = self.variance(signal).sqrt().clamp(min=1e-6)
        above = signal + std * beyond((1 - signal) / std)
        below = signal - std * beyond(signal / std)
        return torch.where(noisy >= 1, above, torch.where(noisy <= 0, below, noisy))

    def _standard(self, like: Tensor, generator: Generator | None) -> Tensor:
        """Noise of variance 1: white noise, filtered to the spectrum, mixed to the channels' correlation."""
        import torch
        from torch.nn import functional as F

        b, _, h, w = like.shape
        c, reach = len(self.gain), len(self.kernel) // 2
        shape = (b, c, h + 2 * reach, w + 2 * reach)
        noise = torch.randn(shape, dtype=like.dtype, device=like.device, generator=generator)
        if reach:
            kernel = torch.as_tensor(self.kernel, dtype=like.dtype, device=like.device)
            noise = F.conv2d(noise.view(b * c, 1, *shape[2:]), kernel[None, None]).view(b, c, h, w)
        if c > 1:
            mixing = torch.as_tensor(_root(self.channels), dtype=like.dtype, device=like.device)
            noise = torch.einsum("ij,bjhw->bihw", mixing, noise)
        return noise


def white_noise(sigma: float, *, channels: int = 3) -> NoiseModel:
    """Independent Gaussian noise of a known level sigma, [0, 1] units."""
    c = channels
    return NoiseModel(np.zeros(c), np.full(c, sigma), np.ones((1, 1)), np.eye(c), np.full(c, 0.5))


def _root(correlation: Floats) -> Floats:
    """A square root of a correlation matrix, also of one that noise has made slightly indefinite."""
    values, vectors = np.linalg.eigh(correlation)
    root: Floats = vectors * np.sqrt(values.clip(0))
    unit: Floats = root / np.sqrt((root**2).sum(1, keepdims=True)).clip(1e-12)
    return unit
