"""How clean pictures are damaged before a restorer sees them: named, frozen, and described in full.

Numbers can be compared only where their protocol is the same, so every table prints the one it was measured
with. The random numbers are NumPy's legacy generator's, whose stream is frozen.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from restore.evaluation import holes
from restore.evaluation.cases import QUANTISED, Case, Given, Protocol, from_bytes, rounded, to_bytes
from restore.evaluation.columns import HOLES
from restore.images.pillow import coding_of_file
from restore.inverse.build import chain_of, kernel_of
from restore.inverse.operators import inside_of
from restore.inverse.protocols import Degradation
from restore.inverse.spec import BLURS, Spec, parse_spec, size_before
from restore.tasks.catalogue import ROUNDING

LegacyRng = np.random.RandomState  # NumPy's legacy generator: its stream is frozen


@dataclass(frozen=True)
class Gaussian(Protocol):
    """White Gaussian noise: the protocol of the denoising papers.

    Parameters
    ----------
    sigma : float
        Standard deviation, 0..255 scale.
    quantised : bool
        Whether the noisy picture is clamped and rounded to 8 bits; otherwise it may leave [0, 1].
    seed : int
        Of the random numbers, the same for every picture.

    References
    ----------
    Zhang et al. 2018, "FFDNet", doi:10.1109/TIP.2018.2839891, section IV; the seed is that of their code.

    Examples
    --------
    >>> import torch
    >>> case = Gaussian(25).apply(torch.full((1, 3, 64, 64), 0.5))
    >>> round(255 * float((case.given.image - case.clean).std()))
    25
    """

    task: ClassVar[str] = "denoise"
    level_name: ClassVar[str] = "sigma"
    sigma: float
    quantised: bool = False
    seed: int = 0

    @property
    def name(self) -> str:
        return f"gaussian sigma {self.sigma:g}, {'8 bit' if self.quantised else 'unclipped'}"

    @property
    def description(self) -> str:
        end = QUANTISED if self.quantised else "neither clipped nor quantised"
        return (
            f"White Gaussian noise: numpy.random.RandomState({self.seed}) anew for each picture, "
            f"N(0, {self.sigma:g}/255) drawn as (h, w, 3) and added to [0, 1] floats, {end}"
        )

    @property
    def level(self) -> float:
        return self.sigma

    @property
    def series(self) -> str:
        return f"gaussian, {'8 bit' if self.quantised else 'unclipped'}"

    @property
    def as_file(self) -> bool:
        return self.quantised

    def apply(self, clean: Tensor) -> Case:
        # The same numbers for every picture of one size, as in the papers' own code.
        noise = LegacyRng(self.seed).normal(0, self.sigma / 255, (*clean.shape[-2:], 3))
        noisy = (clean.double() + torch.from_numpy(noise).permute(2, 0, 1)).float()
        return Case(clean, Given(rounded(noisy) if self.quantised else noisy, sigma=self.sigma))


@dataclass(frozen=True)
class PoissonGaussian(Protocol):
    """Sensor noise of variance ``gain * signal + read^2``; restorers are not told its level.

    Parameters
    ----------
    gain : float
        Variance per unit of signal in [0, 1]: 1 / electrons at white.
    read : float
        Standard deviation of the read noise, 0..255 scale.
    seed : int
        Of the random numbers, the same for every picture.

    References
    ----------
    Foi et al. 2008, "Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data",
    doi:10.1109/TIP.2008.2001399, eq. 3.
    """

    task: ClassVar[str] = "denoise"
    level_name: ClassVar[str] = "gain"
    gain: float
    read: float = 3.0
    seed: int = 0

    @property
    def name(self) -> str:
        return f"poisson-gaussian gain {self.gain:g} read {self.read:g}, 8 bit"

    @property
    def description(self) -> str:
        return (
            f"Poisson-Gaussian noise: numpy.random.RandomState({self.seed}) anew for each picture, "
            f"{self.gain:g} Poisson(clean / {self.gain:g}) + N(0, {self.read:g}/255), {QUANTISED}; the noise "
            "level is not told"
        )

    @property
    def level(self) -> float:
        return self.gain

    @property
    def series(self) -> str:
        return f"poisson-gaussian read {self.read:g}, 8 bit"

    def apply(self, clean: Tensor) -> Case:
        rng = LegacyRng(self.seed)
        signal = clean[0].permute(1, 2, 0).double().numpy()
        noisy = self.gain * rng.poisson(signal / self.gain)
        noisy = noisy + rng.normal(0, self.read / 255, signal.shape)
        return Case(clean, Given(rounded(torch.from_numpy(noisy).permute(2, 0, 1)[None].float())))


@dataclass(frozen=True)
class Jpeg(Protocol):
    """JPEG by Pillow's encoder with chroma 4:2:0; restorers are told the file's tables.

    Parameters
    ----------
    quality : int
        1 to 100.
    """

    task: ClassVar[str] = "dejpeg"
    level_name: ClassVar[str] = "quality"
    quality: int

    @property
    def name(self) -> str:
        return f"jpeg quality {self.quality}"

    @property
    def description(self) -> str:
        return (
            f"Compressed by Pillow as JPEG of quality {self.quality}, chroma 4:2:0; as the file holds its "
            "tables, they are told"
        )

    @property
    def level(self) -> float:
        return float(self.quality)

    @property
    def series(self) -> str:
        return "jpeg"

    def apply(self, clean: Tensor) -> Case:
        return Case(clean, jpeg_file(clean, self.quality))


def jpeg_file(picture: Tensor, quality: int) -> Given:
    """A picture as Pillow stores it in a JPEG with chroma 4:2:0, and the tables of the file.

    Parameters
    ----------
    picture : Tensor
        ``(1, 3, h, w)``; clamped and rounded to 8 bits.
    quality : int
        1 to 100.
    """
    file = io.BytesIO()
    Image.fromarray(to_bytes(picture)).save(file, "JPEG", quality=quality, subsampling=2)
    with Image.open(file) as stored:
        return Given(from_bytes(np.asarray(stored)), coding=coding_of_file(stored))


@dataclass(frozen=True)
class Degraded(Protocol):
    """Any chain of operators and white noise; restorers are told the operators and the noise level.

    Of a blurred picture only the part is given and scored whose blur did not need pixels beyond the edge.

    Parameters
    ----------
    operators : tuple of str
        Such as ``("blur=gaussian:1.6", "down=2")``, applied in this order; see `restore.inverse.spec`.
    sigma : float
        Standard deviation of the noise added after them, 0..255 scale.
    seed : int
        Of the random numbers, the same for every picture.

    Raises
    ------
    ValueError
        An operator cannot be parsed.

    Examples
    --------
    >>> import torch
    >>> Degraded(("down=2",)).apply(torch.rand(1, 3, 32, 48)).given.image.shape
    torch.Size([1, 3, 16, 24])
    """

    task: ClassVar[str] = "solve"
    operators: tuple[str, ...]
    sigma: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for text in self.operators:
            parse_spec(text)

    @property
    def specs(self) -> tuple[Spec, ...]:
        return tuple(map(parse_spec, self.operators))

    @property
    def name(self) -> str:
        return ", ".join(self.operators) + (f", noise {self.sigma:g}" if self.sigma else "")

    @property
    def description(self) -> str:
        noise = ""
        if self.sigma:
            noise = (
                f", noise from numpy.random.RandomState({self.seed}) anew for each picture, N(0, "
                f"{self.sigma:g}/255) drawn as (h, w, 3)"
            )
        return (
            f"Degraded by restore.inverse.operators: {', then '.join(self.operators)} (of a blur only "
            f"what it did not look beyond the edge for){noise}; {QUANTISED}; the operator is told"
        )

    def apply(self, clean: Tensor) -> Case:
        operator, clean, whole = _fitted(self.specs, clean)
        y = operator.forward(whole)
        if self.sigma:
            drawn = LegacyRng(self.seed).normal(0, self.sigma / 255, (*y.shape[-2:], 3))[..., : y.shape[1]]
            y = y + torch.from_numpy(drawn).permute(2, 0, 1).float()
        y = rounded(y).expand(-1, 3, -1, -1)
        return Case(clean, Given(y, sigma=max(self.sigma, ROUNDING), specs=self.specs))


def _fitted(specs: Sequence[Spec], clean: Tensor) -> tuple[Degradation, Tensor, Tensor]:
    """The operator that fits into a picture, what it gives of the picture, and all that it looks at."""
    kernel = 0 if specs[0].kind not in BLURS else max(
        side - 1 for side in kernel_of(specs[0]).shape
    )  # fmt: skip
    h, w = (side - kernel for side in clean.shape[-2:])
    size = h, w
    for spec in specs:
        size = spec.size_after(size)
    if min(size) < 1:
        raise ValueError(f"{clean.shape[-1]}x{clean.shape[-2]} pixels are too few for what is to be done")
    operator = chain_of(specs)(size, clean.device)
    h, w = size_before(specs, size)
    inside = inside_of(operator)
    if inside is None:
        return operator, clean[..., :h, :w], clean[..., :h, :w]
    (row, column), (large_h, large_w) = inside.corner, inside.large
    beyond = (0, max(0, large_w - clean.shape[-1]), 0, max(0, large_h - clean.shape[-2]))
    whole = pad(clean, beyond, mode="replicate")[..., :large_h, :large_w]
    return operator, whole[..., row : row + h, column : column + w], whole


@dataclass(frozen=True)
class BicubicDown(Protocol):
    """Reduction by a whole factor with antialiased bicubic interpolation, as MATLAB's imresize does it.

    Pillow's agrees with MATLAB's to 53 dB; OpenCV's and torch's without antialiasing are 28 dB away.

    Parameters
    ----------
    scale : int
        The factor; PSNR and SSIM leave out as many pixels at each side.
    """

    task: ClassVar[str] = "upscale"
    level_name: ClassVar[str] = "scale"
    scale: int

    @property
    def name(self) -> str:
        return f"bicubic-down x{self.scale}"

    @property
    def description(self) -> str:
        return (
            f"Cropped at the bottom and right to a multiple of {self.scale}, reduced {self.scale} times by "
            "Pillow's BICUBIC (antialiased, as MATLAB's imresize) and rounded to 8 bits"
        )

    @property
    def level(self) -> float:
        return float(self.scale)

    @property
    def series(self) -> str:
        return "bicubic-down"

    @property
    def border(self) -> int:
        return self.scale

    def apply(self, clean: Tensor) -> Case:
        h, w = (side // self.scale for side in clean.shape[-2:])
        if min(h, w) < 1:
            raise ValueError(
                f"{clean.shape[-1]}x{clean.shape[-2]} pixels cannot be reduced {self.scale} times"
            )
        clean = clean[..., : h * self.scale, : w * self.scale]
        small = Image.fromarray(to_bytes(clean)).resize((w, h), Image.Resampling.BICUBIC)
        return Case(clean, Given(from_bytes(np.asarray(small)), scale=self.scale))


@dataclass(frozen=True)
class Holes(Protocol):
    """A hole of one family, filled with mid-grey before a restorer sees the picture.

    Parameters
    ----------
    family : str
        One of `restore.evaluation.columns.HOLES`.
    seed : int
        Of the hole, together with the picture's own bytes: each picture has another hole.

    Raises
    ------
    ValueError
        There is no such family.
    """

    task: ClassVar[str] = "inpaint"
    family: str
    seed: int = 0

    def __post_init__(self) -> None:
        if self.family not in HOLES:
            raise ValueError(f"family is one of {', '.join(HOLES)}; got {self.family!r}")

    @property
    def name(self) -> str:
        return f"hole {self.family}"

    @property
    def description(self) -> str:
        return (
            f"A hole of the family {self.family} ({HOLES[self.family]}) from seed {self.seed} "
            "and the picture's own bytes, filled with mid-grey"
        )

    def apply(self, clean: Tensor) -> Case:
        pixels = to_bytes(clean)
        missing = holes.draw(self.family, pixels.shape[:2], self.seed, pixels.tobytes())
        hole = torch.from_numpy(missing).to(clean)[None, None]
        return Case(clean, Given(rounded(clean * (1 - hole) + 0.5 * hole), hole=hole))
