"""Noise as cameras make it: simulated on the raw sensor, then developed as a camera develops its pictures.

Only the noise is simulated. The clean picture stays as it is, and what is added to it is the difference that
the sensor's noise makes to the developed picture.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from restore.images.colours import rgb_of, ycc_of
from restore.images.device_constants import constant
from restore.images.resize import resize
from restore.training.degradations import jpeg

# From XYZ to raw, for the D65 illuminant: four cameras of different makers, as in Brooks et al. (2019),
# appendix A. The second is Sony's ILCE-7R.
XYZ_TO_CAMERA = (
    (1.0234, -0.2969, -0.2266, -0.5625, 1.6328, -0.0469, -0.0703, 0.2188, 0.6406),
    (0.4913, -0.0541, -0.0202, -0.6130, 1.3513, 0.2906, -0.1564, 0.2151, 0.7183),
    (0.8380, -0.2630, -0.0639, -0.2887, 1.0725, 0.2496, -0.0627, 0.1427, 0.5438),
    (0.6596, -0.2079, -0.0562, -0.4782, 1.3016, 0.1933, -0.0970, 0.1581, 0.5181),
)
_SRGB_TO_XYZ = (0.4124564, 0.3575761, 0.1804375, 0.2126729, 0.7151522, 0.0721750, 0.0193339, 0.1191920,
                0.9503041)  # fmt: skip


@dataclass(frozen=True)
class CameraConfig:
    """The cameras that are simulated; every number is drawn for each picture within these ranges.

    Parameters
    ----------
    shot : gain of the Poisson noise on the raw range 0..1, log-uniform: about ISO 100 to 25600 [1]_.
    read_slope, read_offset, read_spread : the log variance of the read noise is normal about
        ``slope * log(shot) + offset`` [1]_.
    red, blue : gains of the white balance [1]_.
    exposure : mean and deviation of the digital gain [1]_.
    rows : share of the pictures whose rows have offsets of their own, up to a third of the read noise.
    smoothed : share of the pictures whose noise the camera has smoothed, in chroma more than in luma [2]_.
    shelved : share of the pictures whose noise the camera has taken out, but not the coarse part of it.
    guided : share of the pictures in whose luma it does both where they are even, and spares texture [3]_.
    faded : share of the pictures of whose noise in chroma only a part is left, more of it where it is coarse.
    resized : share of the pictures that are reduced, by a factor of up to 2.
    sharpened : share of the pictures that are sharpened after development.
    coded : share of the pictures stored as JPEG.
    quality : of the JPEGs.
    halved : share of the JPEGs with chroma at half size.

    References
    ----------
    .. [1] T. Brooks et al., "Unprocessing Images for Learned Raw Denoising", CVPR 2019, arXiv:1811.11127.
    .. [2] S. Guo et al., "Toward Convolutional Blind Denoising of Real Photographs", CVPR 2019,
       arXiv:1807.04686.
    .. [3] J.-S. Lee, "Digital Image Enhancement and Noise Filtering by Use of Local Statistics", 1980,
       doi:10.1109/TPAMI.1980.4766994.
    """

    shot: tuple[float, float] = (5e-5, 0.015)
    read_slope: float = 2.18
    read_offset: float = 1.20
    read_spread: float = 0.26
    red: tuple[float, float] = (1.9, 2.4)
    blue: tuple[float, float] = (1.5, 1.9)
    exposure: tuple[float, float] = (0.8, 0.1)
    rows: float = 0.1
    smoothed: float = 0.75
    shelved: float = 0.7
    guided: float = 0.7
    faded: float = 0.7
    resized: float = 0.3
    sharpened: float = 0.3
    coded: float = 0.85
    quality: tuple[float, float] = (70.0, 99.0)
    halved: float = 0.6


CAMERA = CameraConfig()
Demosaic = Callable[[Tensor], Tensor]
"""From what `mosaic` gives to all three colours at every pixel."""


@dataclass(frozen=True)
class Development:
    """How cameras see colours and make pictures of them; nothing is drawn.

    Parameters
    ----------
    to_raw : from linear sRGB to raw colours, ``(b, 3, 3)``; see `raw_matrices`.
    gains : of the white balance and the exposure, ``(b, 3)``.
    tone : whether a tone curve follows the gamma.
    """

    to_raw: Tensor
    gains: Tensor
    tone: bool

    def raw_of(self, picture: Tensor) -> Tensor:
        """What a sensor with all three colours at every pixel sees, ``(b, 3, h, w)`` in [0, 1]."""
        seen = torch.einsum("bij,bjhw->bihw", self.to_raw, _linear(picture, tone=self.tone))
        return (seen / self.gains[:, :, None, None]).clamp(0, 1)

    def difference(self, raw: Tensor, noise: Tensor, demosaic: Demosaic) -> Tensor:
        """What noise on the sensor changes in the developed picture.

        Parameters
        ----------
        raw : as `raw_of` gives it.
        noise : on the raw range, of each colour ``(b, 3, h, w)`` or of each pixel ``(b, 1, h, w)``.
        demosaic : such as `by_green`.
        """
        back = torch.linalg.inv(self.to_raw)

        def developed(raw: Tensor) -> Tensor:
            full = demosaic(mosaic(raw.clamp(0, 1)))
            balanced = (full * self.gains[:, :, None, None]).clamp(0, 1)
            rgb = torch.einsum("bij,bjhw->bihw", back, balanced)
            return _displayed(rgb.clamp(0, 1), tone=self.tone)  # the curve makes negative colours bright

        return developed(raw + noise) - developed(raw)


def camera_noise(
    clean: Tensor, generator: Generator | None, rng: random.Random, config: CameraConfig = CAMERA
) -> Tensor:
    """Give pictures the noise of cameras, each that of another one.

    Parameters
    ----------
    clean : ``(b, 3, h, w)`` in [0, 1], as developed.
    generator : draws on the device of the pictures.
    rng : makes the decisions for the whole batch: reduction, demosaicking, coding.
    config : the cameras.

    Returns
    -------
    Tensor
        The noisy pictures, 8-bit values in [0, 1].
    """
    size = (clean.shape[-2], clean.shape[-1])
    scene = clean
    if rng.random() < config.resized:  # noise is made on a larger sensor and reduced with the picture
        times = 1 + rng.random()
        scene = resize(clean, (2 * round(size[0] * times / 2), 2 * round(size[1] * times / 2))).clamp(0, 1)
    noise = developed_noise(scene, config, generator, rng)
    even = torch.ones_like(noise)  # luma and chroma
    if rng.random() < config.guided:
        even[:, :1] = evenness(scene, noise, rng)
    if rng.random() < config.smoothed:
        change = smoothed_noise(noise, rng.random(), 0.6 + 3.0 * rng.random()) - noise
        noise = noise + rgb_of(even * ycc_of(change))
    if rng.random() < config.shelved:
        noise = noise + rgb_of(even * ycc_of(shelved_noise(noise, rng) - noise))
    if rng.random() < config.faded:
        noise = faded_noise(noise, uniform(noise, (0.1, 0.8), generator))
    if rng.random() < config.sharpened:
        noise = noise + 0.8 * rng.random() * (noise - blurred(noise, 0.7 + rng.random()))
    if scene is not clean:
        noise = resize(noise, size)
    return coded(clean + noise, generator, rng, config)


def softened(clean: Tensor, generator: Generator | None, rng: random.Random) -> Tensor:
    """Give pictures ``(b, 3, h, w)`` the sharpness of camera pictures at full size.

    Lens, movement, depth of field and the demosaicked grid leave less detail in a pixel than the reduced
    pictures of training sets have. Without this, noise is taken for the fine detail that others would show.
    """
    h, w = clean.shape[-2:]
    if rng.random() < 0.5:
        times = 1 + 1.5 * rng.random()
        part_h, part_w = round(h / times), round(w / times)
        top, left = rng.randrange(h - part_h + 1), rng.randrange(w - part_w + 1)
        clean = resize(clean[..., top : top + part_h, left : left + part_w], (h, w)).clamp(0, 1)
    return blurred(clean, 1.6 * rng.random() ** 2)


def coded(
    noisy: Tensor, generator: Generator | None, rng: random.Random, config: CameraConfig = CAMERA
) -> Tensor:
    """Clip pictures ``(b, 3, h, w)`` and store most of them as JPEG, all with 8 bits."""
    noisy = noisy.clamp(0, 1)
    if rng.random() < config.coded:
        shift = rng.randrange(8), rng.randrange(8)  # crops do not start at the blocks of their files
        moved = F.pad(noisy, (shift[1], 0, shift[0], 0), mode="reflect")
        quality = uniform(noisy, config.quality, generator)
        moved = jpeg((moved * 255).round() / 255, quality, halve_chroma=rng.random() < config.halved)
        noisy = moved[..., shift[0] :, shift[1] :]
    return (noisy * 255).round() / 255


def developed_noise(
    clean: Tensor, config: CameraConfig, generator: Generator | None, rng: random.Random
) -> Tensor:
    """Give what the noise of the sensor changes in developed pictures of even size ``(b, 3, h, w)``."""
    to_raw = _colour_matrices(clean, generator)
    gains = torch.stack(
        [uniform(clean, config.red, generator), torch.ones_like(clean[:, 0, 0, 0]),
         uniform(clean, config.blue, generator)], 1,
    )  # fmt: skip
    mean, spread = config.exposure
    exposure = (mean + spread * _standard(clean, generator)).clamp(0.4, 1.2)
    development = Development(to_raw, gains / exposure[:, None], tone=rng.random() < 0.7)
    raw = development.raw_of(clean)

    low, high = config.shot
    shot = torch.exp(uniform(clean, (math.log(low), math.log(high)), generator))
    centre = config.read_slope * shot.log() + config.read_offset
    read = torch.exp((centre + config.read_spread * _standard(clean, generator)) / 2)
    noise = (shot[:, None, None, None] * raw + read[:, None, None, None] ** 2).sqrt() * _normal(
        raw, generator
    )
    if rng.random() < config.rows:
        level = read * uniform(clean, (0.0, 1.0), generator) / 3 + shot.sqrt() / 30
        noise = noise + level[:, None, None, None] * _normal(raw[:, :1, :, :1], generator)
    demosaic = _DEMOSAICS[int(rng.random() * len(_DEMOSAICS))]
    return development.difference(raw, noise, demosaic)


def evenness(clean: Tensor, noise: Tensor, rng: random.Random) -> Tensor:
    """How far a camera takes what lies around each pixel for noise, ``(b, 1, h, w)`` in [0, 1].

    Parameters
    ----------
    clean, noise : ``(b, 3, h, w)``; their variances in luma are compared.
    rng : draws how wide the camera looks, and for how strong it takes the noise.

    References
    ----------
    J.-S. Lee, "Digital Image Enhancement and Noise Filtering by Use of Local Statistics", 1980,
    doi:10.1109/TPAMI.1980.4766994: one minus the gain of the local linear estimate.
    """
    luma, radius = ycc_of(clean)[:, :1], 1.0 + 2.0 * rng.random()
    texture = (blurred(luma**2, radius) - blurred(luma, radius) ** 2).clamp(min=0)
    level = ycc_of(noise)[:, :1].square().mean((2, 3), keepdim=True)
    level = level * 0.5 * 16 ** rng.random() + 1e-8
    return level / (level + texture)


def smoothed_noise(noise: Tensor, luma: float, chroma: float) -> Tensor:
    """Blur noise by Gaussians of these radii in pixels, as cameras smooth the even parts of a picture."""
    planes = ycc_of(noise)
    return rgb_of(torch.cat([blurred(planes[:, :1], luma), blurred(planes[:, 1:], chroma)], 1))


def shelved_noise(noise: Tensor, rng: random.Random) -> Tensor:
    """Leave of noise the coarse part and a share of the rest, as a camera's own denoising does.

    It looks at a few pixels around each and so takes out what is finer than that. Coarse stains are left, in
    chroma more than in luma, and the coarser the more.
    """
    planes = ycc_of(noise)
    kept = []
    for part, most, least in ((planes[:, :1], 6.0, 0.2), (planes[:, 1:], 10.0, 0.05)):
        radius = 1.5 * (most / 1.5) ** rng.random()
        coarse = blurred(part, radius)
        fine = (least + (1 - least) * rng.random() ** 2) * (part - coarse)
        kept.append(fine + coarse + 2 * rng.random() * blurred(part, 3 * radius))
    return rgb_of(torch.cat(kept, 1))


def faded_noise(noise: Tensor, left: Tensor) -> Tensor:
    """Leave a share of the noise in chroma, ``(b,)``, and the root of it of what is coarse."""
    planes, share = ycc_of(noise), left[:, None, None, None]
    coarse = blurred(planes[:, 1:], 4.0)
    chroma = share.sqrt() * coarse + share * (planes[:, 1:] - coarse)
    return rgb_of(torch.cat([planes[:, :1], chroma], 1))


def blurred(planes: Tensor, radius: float) -> Tensor:
    """Blur planes ``(b, c, h, w)`` by a Gaussian of ``radius`` pixels."""
    if radius < 0.2:
        return planes
    margin = min(math.ceil(2.5 * radius), planes.shape[-2] - 1, planes.shape[-1] - 1)
    grid = torch.arange(-margin, margin + 1, device=planes.device, dtype=planes.dtype)
    line = torch.exp(-0.5 * (grid / radius) ** 2)
    line = line / line.sum()
    c = planes.shape[1]
    padded = F.pad(planes, (margin,) * 4, mode="reflect")
    down = F.conv2d(padded, line.view(1, 1, -1, 1).expand(c, 1, -1, 1), groups=c)
    return F.conv2d(down, line.view(1, 1, 1, -1).expand(c, 1, 1, -1), groups=c)


def uniform(like: Tensor, ends: tuple[float, float], generator: Generator | None) -> Tensor:
    """One number for each picture of a batch, ``(b,)``."""
    low, high = ends
    return low + (high - low) * torch.rand(len(like), device=like.device, generator=generator)


def _colour_matrices(like: Tensor, generator: Generator | None) -> Tensor:
    """From linear sRGB to the raw colours of a mixture of cameras, ``(b, 3, 3)``, white to white."""
    shares = torch.rand(len(like), len(XYZ_TO_CAMERA), device=like.device, generator=generator)
    cameras = constant(sum(XYZ_TO_CAMERA, ()), like.device).view(-1, 9)
    return raw_matrices((shares / shares.sum(1, keepdim=True) @ cameras).view(-1, 3, 3))


def raw_matrices(cameras: Tensor) -> Tensor:
    """From linear sRGB to raw colours, white to white, by XYZ to raw; both ``(b, 3, 3)``."""
    matrices = cameras @ constant(_SRGB_TO_XYZ, cameras.device, cameras.dtype).view(3, 3)
    return matrices / matrices.sum(2, keepdim=True)


def _linear(picture: Tensor, *, tone: bool) -> Tensor:
    """Undo the tone curve (smoothstep), where there is one, and the gamma (Brooks et al. 2019, 3.1)."""
    curved = picture.clamp(0, 1)
    if tone:
        curved = 0.5 - torch.sin(torch.asin((1 - 2 * curved).clamp(-1, 1)) / 3)
    return torch.where(curved <= 0.04045, curved / 12.92, ((curved + 0.055) / 1.055).clamp(min=0) ** 2.4)


def _displayed(linear: Tensor, *, tone: bool) -> Tensor:
    """The gamma of sRGB, which unlike a power has no infinite slope at black, and the tone curve."""
    power = 1.055 * linear.clamp(0.0031308, 1) ** (1 / 2.4) - 0.055
    gamma = torch.where(linear <= 0.0031308, 12.92 * linear, power)
    return 3 * gamma**2 - 2 * gamma**3 if tone else gamma


def mosaic(rgb: Tensor) -> Tensor:
    """What an RGGB sensor sees of colours: three planes with zeros where another colour was measured."""
    return rgb * _filters(rgb)


def _filters(like: Tensor) -> Tensor:
    h, w = like.shape[-2:]
    row = (torch.arange(h, device=like.device) % 2).view(1, 1, h, 1)
    column = (torch.arange(w, device=like.device) % 2).view(1, 1, 1, w)
    red, blue = (1 - row) * (1 - column), row * column
    return torch.cat([red, 1 - red - blue, blue], 1).to(like.dtype)


def _bilinear(planes: Tensor) -> Tensor:
    """Demosaic by the means of the neighbours."""
    other = (0.25, 0.5, 0.25, 0.5, 1.0, 0.5, 0.25, 0.5, 0.25)
    green = (0.0, 0.25, 0.0, 0.25, 1.0, 0.25, 0.0, 0.25, 0.0)
    kernels = constant(other + green + other, planes.device, planes.dtype).view(3, 1, 3, 3)
    return F.conv2d(F.pad(planes, (1, 1, 1, 1), mode="reflect"), kernels, groups=3)


def by_green(planes: Tensor) -> Tensor:
    """Demosaic green along the smaller gradient, and red and blue by their difference to it.

    J. F. Hamilton and J. E. Adams, "Adaptive color plan interpolation in single sensor color electronic
    camera", US patent 5,629,734 (1997).
    """
    filters = _filters(planes)
    one = planes.sum(1, keepdim=True)
    padded = F.pad(one, (2, 2, 2, 2), mode="reflect")
    h, w = one.shape[-2:]

    def at(y: int, x: int) -> Tensor:
        return padded[..., 2 + y : 2 + y + h, 2 + x : 2 + x + w]

    across = (at(0, -1) + at(0, 1)) / 2 + (2 * one - at(0, -2) - at(0, 2)) / 4
    down = (at(-1, 0) + at(1, 0)) / 2 + (2 * one - at(-2, 0) - at(2, 0)) / 4
    rough_across = (at(0, -1) - at(0, 1)).abs() + (2 * one - at(0, -2) - at(0, 2)).abs()
    rough_down = (at(-1, 0) - at(1, 0)).abs() + (2 * one - at(-2, 0) - at(2, 0)).abs()
    guess = torch.where(rough_across < rough_down, across, down)
    guess = torch.where(rough_across == rough_down, (across + down) / 2, guess)
    green = torch.where(filters[:, 1:2] > 0, one, guess)
    differences = _bilinear((planes - green) * filters)
    return torch.cat([green + differences[:, :1], green, green + differences[:, 2:]], 1)


_DEMOSAICS = (_bilinear, by_green, by_green)


def _normal(like: Tensor, generator: Generator | None) -> Tensor:
    return torch.randn(like.shape, dtype=like.dtype, device=like.device, generator=generator)


def _standard(like: Tensor, generator: Generator | None) -> Tensor:
    return torch.randn(len(like), dtype=like.dtype, device=like.device, generator=generator)
