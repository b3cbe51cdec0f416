"""A model of the noise in a set of pictures, and draws from it.

The variance is ``gain * signal + read_std^2`` (Foi et al. 2008); a kernel and a matrix say how neighbouring
pixels and channels vary together. `restore.noise.measure` finds a model for given pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from restore.types import to_255

if TYPE_CHECKING:
    from torch import Generator, Tensor

Floats = NDArray[np.floating[Any]]
CORRELATED = 0.1  # between direct neighbours; the measured correlation of white noise is below it
CLEAN = 1 / 255  # a standard deviation that nobody sees


@dataclass(frozen=True, eq=False)
class NoiseModel:
    """Zero-mean Gaussian noise of variance ``gain * signal + read_std^2``, in [0, 1] units.

    Parameters
    ----------
    gain, read_std : one number for each channel, ``(c,)``; c is 1 for gray pictures, else 3.
    kernel : filter of unit energy, ``(15, 15)``, that makes such noise of white noise; ``(1, 1)`` for white
        noise.
    channels : correlation between the channels, ``(c, c)``.
    mean : mean brightness of the pictures that the model was measured on, ``(c,)``.
    clipped : whether the pictures end at 0 and 1, where noise is cut off; see `uncut`.
    flat : brightness of the flat places that the level was measured at, ``(c,)``, where it is not ``mean``.

    References
    ----------
    .. [1] A. Foi, M. Trimeche, V. Katkovnik and K. Egiazarian, "Practical Poissonian-Gaussian Noise
       Modeling and Fitting for Single-Image Raw-Data", IEEE TIP 17(10), 2008,
       :doi:`10.1109/TIP.2008.2001399`.

    Examples
    --------
    >>> gain, read_std = np.full(3, 0.02), np.full(3, 5 / 255)
    >>> model = NoiseModel(gain, read_std, np.ones((1, 1)), np.eye(3), mean=np.full(3, 0.5))
    >>> round(255 * model.sigma, 1)
    26.0
    >>> model.depends_on_signal, model.correlated
    (True, False)
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
        """Standard deviation over all channels at the mean brightness of the pictures."""
        return float(np.sqrt((self.gain * self.mean.clip(0) + self.read_std**2).mean()))

    @property
    def depends_on_signal(self) -> bool:
        """Whether the noise differs between dark and bright parts of a picture."""
        return self.clipped or bool(self.gain.any())

    @property
    def correlation(self) -> float:
        """Correlation between horizontal and vertical neighbours, -1 to 1."""
        down = (self.kernel[1:] * self.kernel[:-1]).sum()
        right = (self.kernel[:, 1:] * self.kernel[:, :-1]).sum()
        return float((down + right) / 2)

    @property
    def correlated(self) -> bool:
        """Whether neighbours share so much noise that methods for independent pixels do not fit."""
        return self.sigma > CLEAN and abs(self.correlation) > CORRELATED

    @property
    def signal_dependence(self) -> float:
        """The share of the variance that grows with the signal, 0 to 1."""
        shot = float((self.gain * self.mean.clip(0)).mean())
        return shot / max(self.sigma**2, 1e-12)

    def describe(self) -> str:
        """Describe the noise in one line, with levels on the 0..255 scale.

        Examples
        --------
        >>> white_noise(10 / 255, channels=1).describe()
        'noise sigma 10.0 of 255, the same in dark and bright parts, independent in each pixel'
        """
        levels = 255 * np.sqrt(self.gain * self.mean.clip(0) + self.read_std**2)
        each = "" if len(levels) == 1 else " (" + ", ".join(f"{v:.1f}" for v in levels) + " in R, G, B)"
        kind = "independent in each pixel"
        if self.correlated:
            kind = f"neighbouring pixels share it (correlation {self.correlation:.2f})"
        grows = "the same in dark and bright parts"
        if self.signal_dependence > 0.15:
            read = to_255(math.sqrt(float((self.read_std**2).mean())))
            grows = f"growing with brightness (gain {float(self.gain.mean()):.4f}, read noise {read:.1f})"
        return f"noise sigma {to_255(self.sigma):.1f} of 255{each}, {grows}, {kind}"

    def facts(self) -> dict[str, Any]:
        """The model as a dictionary for JSON; `from_facts` is the way back.

        Returns
        -------
        dict
            The fields, rounded, with read_std on the 0..255 scale; also sigma, on that scale, and
            correlation.
        """
        return {
            "sigma": round(to_255(self.sigma), 3),
            "gain": [round(float(g), 7) for g in self.gain],
            "read_std": [round(to_255(float(r)), 4) for r in self.read_std],
            "correlation": round(self.correlation, 4),
            "kernel": np.round(self.kernel, 4).tolist(),
            "channels": np.round(self.channels, 4).tolist(),
            "mean": [round(float(m), 5) for m in self.mean],
            "flat": None if self.flat is None else [round(float(m), 5) for m in self.flat],
            "clipped": self.clipped,
        }

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> NoiseModel:
        """The model that a dictionary of `facts` describes.

        Raises
        ------
        KeyError, ValueError
            For another dictionary.

        Examples
        --------
        >>> NoiseModel.from_facts(white_noise(0.1).facts()).sigma
        0.1
        """
        arrays = {name: np.asarray(facts[name], float) for name in ("gain", "kernel", "channels", "mean")}
        read_std = np.asarray(facts["read_std"], float) / 255
        flat = None if facts.get("flat") is None else np.asarray(facts["flat"], float)
        return cls(read_std=read_std, clipped=bool(facts["clipped"]), flat=flat, **arrays)

    def variance(self, signal: Tensor) -> Tensor:
        """The variance of each value of a picture with this signal.

        Parameters
        ----------
        signal : the picture without noise, ``(b, 3, h, w)`` in [0, 1].

        Returns
        -------
        Tensor
            ``(b, 3, h, w)``, in [0, 1] units squared.
        """
        import torch

        def plane(values: Floats) -> Tensor:
            return torch.as_tensor(values, dtype=signal.dtype, device=signal.device).view(1, -1, 1, 1)

        return plane(self.gain) * signal.clamp(min=0) + plane(self.read_std) ** 2

    def draw(self, signal: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw noise as a picture with this signal would have it.

        Parameters
        ----------
        signal : the picture without noise, ``(b, 3, h, w)`` in [0, 1].
        generator : a generator on the device of the signal; torch's own where it is None.

        Returns
        -------
        Tensor
            Noise alone, ``(b, 3, h, w)``; not clipped.

        Examples
        --------
        >>> import torch
        >>> signal = torch.full((1, 3, 64, 64), 0.5)
        >>> noise = white_noise(0.1).draw(signal, torch.Generator().manual_seed(0))
        >>> noise.shape, round(noise.std().item(), 2)
        (torch.Size([1, 3, 64, 64]), 0.1)
        """
        return self.variance(signal).sqrt() * self._standard(signal, generator)

    def uncut(self, noisy: Tensor, signal: Tensor, generator: Generator | None = None) -> Tensor:
        """Draw a noisy picture as it may have been before its noise was cut off at 0 and 1.

        A value at an end says only that noise carried it there or farther. How far is drawn from the tail of
        the normal distribution around the signal, an imputation [1]_. With the true signal the result has the
        noise that clipping took away, around the right mean; an error of the signal comes back by a fifth at
        most.

        Parameters
        ----------
        noisy : the clipped picture, ``(b, 3, h, w)`` in [0, 1].
        signal : an estimate of the picture without noise, ``(b, 3, h, w)`` in [0, 1].
        generator : a generator on the device of the signal; torch's own where it is None.

        Returns
        -------
        Tensor
            The picture with new values where it was 0 or 1; ``noisy`` itself where the model is not
            ``clipped``.

        References
        ----------
        .. [1] M. A. Tanner and W. H. Wong, "The Calculation of Posterior Distributions by Data
           Augmentation", JASA 82(398), 1987, :doi:`10.1080/01621459.1987.10478458`.
        """
        import torch

        if not self.clipped:
            return noisy
        share = torch.special.ndtr(self._standard(signal, generator))  # uniform, alike in neighbours

        def beyond(distance: Tensor) -> Tensor:
            """A draw from the normal distribution beyond so many deviations."""
            tail = torch.special.ndtr(-distance)
            return torch.maximum(-torch.special.ndtri((share * tail).clamp(min=1e-30)), distance)

        return self._put_beyond(noisy, signal, beyond)

    def expected(self, noisy: Tensor, signal: Tensor) -> Tensor:
        """A noisy picture with, at 0 and 1, the mean of all that `uncut` may draw there.

        Noise that is known to be d deviations or more is phi(d) / Phi(-d) deviations on average [1]_. Each
        value is taken by itself, whatever its neighbours share with it. Alternating this with denoising is
        expectation maximisation [2]_.

        Parameters
        ----------
        noisy : the clipped picture, ``(b, 3, h, w)`` in [0, 1].
        signal : an estimate of the picture without noise, ``(b, 3, h, w)`` in [0, 1].

        Returns
        -------
        Tensor
            The picture with new values where it was 0 or 1; ``noisy`` itself where the model is not
            ``clipped``.

        References
        ----------
        .. [1] J. Tobin, "Estimation of Relationships for Limited Dependent Variables", Econometrica 26(1),
           1958, :doi:`10.2307/1907382`.
        .. [2] A. P. Dempster, N. M. Laird and D. B. Rubin, "Maximum Likelihood from Incomplete Data via the
           EM Algorithm", JRSS B 39(1), 1977, :doi:`10.1111/j.2517-6161.1977.tb01600.x`.
        """
        import torch

        if not self.clipped:
            return noisy

        def beyond(distance: Tensor) -> Tensor:
            # phi / Phi, also far out, where both vanish.
            mean: Tensor = math.sqrt(2 / math.pi) / torch.special.erfcx(distance / math.sqrt(2))
            return mean

        return self._put_beyond(noisy, signal, beyond)

    def _put_beyond(self, noisy: Tensor, signal: Tensor, beyond: Callable[[Tensor], Tensor]) -> Tensor:
        """Move values at 0 and 1 to ``beyond(d)`` deviations from the signal, d being that of the end."""
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
    """The model of independent Gaussian noise of a known level.

    Parameters
    ----------
    sigma : standard deviation, in [0, 1] units.
    channels : 3, or 1 for gray pictures.

    Examples
    --------
    >>> white_noise(0.1).sigma
    0.1
    """
    c = channels
    return NoiseModel(np.zeros(c), np.full(c, sigma), np.ones((1, 1)), np.eye(c), np.full(c, 0.5))


def _root(correlation: Floats) -> Floats:
    """A square root of a correlation matrix, also of one that noise has made slightly indefinite."""
    values, vectors = np.linalg.eigh(correlation)
    root: Floats = vectors * np.sqrt(values.clip(0))
    unit: Floats = root / np.sqrt((root**2).sum(1, keepdims=True)).clip(1e-12)
    return unit
