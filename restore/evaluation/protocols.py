"""What is done to clean pictures before a restorer sees them: named, frozen, and said in words.

A number can be compared with another only when both stand on the same protocol, so every table prints the
one it was measured with. The random numbers are NumPy's legacy generator's, whose stream is frozen.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from restore.evaluation import holes
from restore.images.jpeg_coding import JpegCoding
from restore.images.pillow import coding_of_file
from restore.inverse.build import chain_of, kernel_of
from restore.inverse.operators import inside_of
from restore.inverse.protocols import Degradation
from restore.inverse.spec import Spec, parse_spec, size_before
from restore.tasks.solve import ROUNDING

Noise = np.random.RandomState


@dataclass(frozen=True)
class Given:
    """What a restorer is told.

    image: the damaged picture, RGB ``(1, 3, h, w)``, nominal range [0, 1]. sigma: of its noise, on the
    0..255 scale, where the protocol tells it. scale: how many times larger the result must be.
    hole ``(1, 1, h, w)``: 1 where content is missing; the picture is mid-grey there. coding: of the JPEG.
    words: what was done to the picture, in its order; sigma is then the noise that was added after it.
    """

    image: Tensor
    sigma: float | None = None
    scale: int | None = None
    hole: Tensor | None = None
    coding: JpegCoding | None = None
    words: tuple[Spec, ...] = ()


@dataclass(frozen=True)
class Case:
    """A clean picture, RGB ``(1, 3, h, w)`` in [0, 1] as the scores see it, and what was made of it."""

    clean: Tensor
    given: Given


Restorer = Callable[[Given], Tensor]
"""Anything that can be measured: from what it is told to a picture ``(1, 3, h, w)``."""


@dataclass(frozen=True)
class Protocol(ABC):
    """A way to damage a picture, the same at every time and on every machine.

    task: whose input it makes. border: pixels at each side that PSNR and SSIM leave out. as_file: what is
    given is clamped and rounded to 8 bits, as every file on disk is.
    """

    task: ClassVar[str]
    level_name: ClassVar[str] = ""

    @property
    @abstractmethod
    def name(self) -> str:
        """Short: the kind of damage and its numbers."""

    @property
    @abstractmethod
    def words(self) -> str:
        """Everything that somebody must know to get the same input."""

    @property
    def level(self) -> float | None:
        """The number that makes it one of a series."""
        return None

    @property
    def series(self) -> str:
        """What a series of levels has in common."""
        return self.name

    @property
    def border(self) -> int:
        return 0

    @property
    def as_file(self) -> bool:
        return True

    @abstractmethod
    def apply(self, clean: Tensor) -> Case:
        """Damage a picture ``(1, 3, h, w)`` in [0, 1]. Raises ValueError for one that is too small."""


QUANTISED = "then clamped and rounded to 8 bits, as every file on disk is"
RESULT = "Results are clamped and rounded to 8 bits"


@dataclass(frozen=True)
class Gaussian(Protocol):
    """White Gaussian noise of standard deviation sigma (0..255): the denoising papers' protocol.

    quantised: the noisy picture becomes a file; otherwise it stays float and may leave [0, 1].
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
    def words(self) -> str:
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
        noise = Noise(self.seed).normal(0, self.sigma / 255, (*clean.shape[-2:], 3))
        noisy = (clean.double() + torch.from_numpy(noise).permute(2, 0, 1)).float()
        return Case(clean, Given(rounded(noisy) if self.quantised else noisy, sigma=self.sigma))


@dataclass(frozen=True)
class PoissonGaussian(Protocol):
    """Sensor noise of variance ``gain * signal + read^2`` (Foi et al. 2008, eq. 3); its level is not told.

    gain: variance per unit of signal in [0, 1], 1 / electrons at white. read: deviation, 0..255.
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
    def words(self) -> str:
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
        dice = Noise(self.seed)
        signal = clean[0].permute(1, 2, 0).double().numpy()
        noisy = self.gain * dice.poisson(signal / self.gain)
        noisy = noisy + dice.normal(0, self.read / 255, signal.shape)
        return Case(clean, Given(rounded(torch.from_numpy(noisy).permute(2, 0, 1)[None].float())))


@dataclass(frozen=True)
class Jpeg(Protocol):
    """What JPEG leaves, by Pillow's encoder with halved chroma (4:2:0); a file tells its own tables."""

    task: ClassVar[str] = "dejpeg"
    level_name: ClassVar[str] = "quality"
    quality: int

    @property
    def name(self) -> str:
        return f"jpeg quality {self.quality}"

    @property
    def words(self) -> str:
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
        file = io.BytesIO()
        Image.fromarray(to_bytes(clean)).save(file, "JPEG", quality=self.quality, subsampling=2)
        with Image.open(file) as picture:
            return Case(clean, Given(from_bytes(np.asarray(picture)), coding=coding_of_file(picture)))


@dataclass(frozen=True)
class Degraded(Protocol):
    """What words say was done, the first word first, and white noise of standard deviation sigma (0..255).

    Of a blurred picture only what the kernel did not look beyond its edge for is given, and scored.
    """

    task: ClassVar[str] = "solve"
    text: tuple[str, ...]
    sigma: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for word in self.text:
            parse_spec(word)

    @property
    def done(self) -> tuple[Spec, ...]:
        return tuple(map(parse_spec, self.text))

    @property
    def name(self) -> str:
        return ", ".join(self.text) + (f", noise {self.sigma:g}" if self.sigma else "")

    @property
    def words(self) -> str:
        noise = ""
        if self.sigma:
            noise = (
                f", noise from numpy.random.RandomState({self.seed}) anew for each picture, N(0, "
                f"{self.sigma:g}/255) drawn as (h, w, 3)"
            )
        return (
            f"Degraded by restore.operators: {', then '.join(self.text)} (of a blur only what it did not "
            f"look beyond the edge for){noise}; {QUANTISED}; the operator is told"
        )

    def apply(self, clean: Tensor) -> Case:
        operator, clean, whole = _fitted(self.done, clean)
        y = operator.forward(whole)
        if self.sigma:
            drawn = Noise(self.seed).normal(0, self.sigma / 255, (*y.shape[-2:], 3))[..., : y.shape[1]]
            y = y + torch.from_numpy(drawn).permute(2, 0, 1).float()
        y = rounded(y).expand(-1, 3, -1, -1)
        return Case(clean, Given(y, sigma=max(self.sigma, ROUNDING), words=self.done))


def _fitted(words: Sequence[Spec], clean: Tensor) -> tuple[Degradation, Tensor, Tensor]:
    """The operator that fits into a picture, what it gives of the picture, and all that it looks at."""
    kernel = 0 if words[0].kind not in ("gaussian", "motion") else max(
        side - 1 for side in kernel_of(words[0]).shape
    )  # fmt: skip
    h, w = (side - kernel for side in clean.shape[-2:])
    size = h, w
    for word in words:
        size = word.size_after(size)
    if min(size) < 1:
        raise ValueError(f"{clean.shape[-1]}x{clean.shape[-2]} pixels are too few for what is to be done")
    operator = chain_of(words)(size, clean.device)
    h, w = size_before(words, size)
    inside = inside_of(operator)
    if inside is None:
        return operator, clean[..., :h, :w], clean[..., :h, :w]
    (row, column), (large_h, large_w) = inside.corner, inside.large
    beyond = (0, max(0, large_w - clean.shape[-1]), 0, max(0, large_h - clean.shape[-2]))
    whole = pad(clean, beyond, mode="replicate")[..., :large_h, :large_w]
    return operator, whole[..., row : row + h, column : column + w], whole


@dataclass(frozen=True)
class BicubicDown(Protocol):
    """Reduced by a whole factor with antialiased bicubic interpolation, as MATLAB's imresize does it.

    Pillow's agrees with MATLAB's to 53 dB; OpenCV's and torch's without antialiasing are 28 dB away.
    """

    task: ClassVar[str] = "upscale"
    level_name: ClassVar[str] = "scale"
    scale: int

    @property
    def name(self) -> str:
        return f"bicubic-down x{self.scale}"

    @property
    def words(self) -> str:
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
    """A hole of one family, filled with mid-grey before anybody sees the picture."""

    task: ClassVar[str] = "inpaint"
    family: str
    seed: int = 0

    def __post_init__(self) -> None:
        if self.family not in holes.FAMILIES:
            raise ValueError(f"family is one of {', '.join(holes.FAMILIES)}; got {self.family!r}")

    @property
    def name(self) -> str:
        return f"hole {self.family}"

    @property
    def words(self) -> str:
        return (
            f"A hole of the family {self.family} ({holes.FAMILIES[self.family][1]}) from seed {self.seed} "
            "and the picture's own bytes, filled with mid-grey"
        )

    def apply(self, clean: Tensor) -> Case:
        pixels = to_bytes(clean)
        missing = holes.draw(self.family, pixels.shape[:2], self.seed, pixels.tobytes())
        hole = torch.from_numpy(missing).to(clean)[None, None]
        return Case(clean, Given(rounded(clean * (1 - hole) + 0.5 * hole), hole=hole))


def rounded(image: Tensor) -> Tensor:
    """Clamped and rounded to 8 bits."""
    return (image.clamp(0, 1) * 255).round() / 255


def to_bytes(image: Tensor) -> np.ndarray:
    """``(1, 3, h, w)`` in [0, 1] as uint8 ``(h, w, 3)``, clamped and rounded."""
    return (image[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def from_bytes(pixels: np.ndarray) -> Tensor:
    """uint8 ``(h, w, 3)`` as ``(1, 3, h, w)`` in [0, 1]."""
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 255
