"""Measure a picture's noise and choose the method for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from restore.images.colours import YCC
from restore.noise.borders import counted
from restore.noise.estimate import NoiseReport, measure, measure_inside, tells_texture
from restore.noise.measure import SIDE, NothingSeenError, measure_noise
from restore.noise.model import NoiseModel
from restore.noise.picture_noise import SIDE as PATCH
from restore.noise.picture_noise import PictureNoise, noise_between
from restore.noise.planes import planes_of
from restore.priors.condition import Condition
from restore.priors.protocol import Prior
from restore.tasks.pages import looks_like_page
from restore.tasks.removed import LEAST, measured_again, real_level, stored_level
from restore.tasks.watching import unwatched
from restore.types import from_255, to_255

SIGNAL_DEPENDENT = 0.5  # share of the variance that grows with it, above which noise is not of one level
CORRELATED = 0.25  # correlation of neighbouring pixels, below which white noise nearly always measures
WHITE, AGREE = 0.1, 0.2  # the same in differences of colours, and by how much levels that agree differ
CODED = 0.3  # the same in the luma of a JPEG, which has taken the finest part of it
COLOURED = 0.1  # share of the noise in luma that is left in chroma at least
VISIBLE = 5 / 255  # noise of a kind that fine texture can be mistaken for must be plain to see
FAINT = 1 / 255  # white noise that nobody sees; JPEG and resizing leave no more of what was visible
SOFT = 0.4  # correlation above which noise is not the texture that clean photographs have
LEAST_FINE = 3.6 / 255  # what is measured of noise that is not soft is more than this; of soft noise LEAST
GENTLE, SURELY_SOFT = 0.5, 0.5  # the share of the level that is told up to SOFT, and where all of it is
CERTAIN = 12 / 255  # more than this need not be soft
PLAIN = 3.3 / 255  # fine noise in luma alone that no film has left on a scan
CUT_OFF = 0.01  # share of a picture at black or white above which the noise cut off there is made up for
LOOKED_AT = 128  # side in pixels of the pieces that the network measures the noise in
HALVED = 2.0  # times the noise of the channels is that in luma at least, where chroma was halved
IN_CHROMA, STRONG = 4.5 / 255, 25 / 255  # what is measured in chroma, or at all, is more of in no texture
OF_STRONG = 0.65  # times what is measured of strong noise is the noise: the branch removes more of that
LEFT_IN = 2.2  # times the noise that the conditional branch removes is the noise that there is
PIECES = 4  # how many of these pieces at most
HALF = 0.5  # the share of a piece that counts at least, where there are such pieces


@dataclass(frozen=True)
class Choice:
    """How a picture is best denoised, and why.

    Parameters
    ----------
    method : {'none', 'gaussian', 'real', 'blind'}
        ``none`` where there is hardly any noise.
    noise_std : float or None
        What is taken for its level, [0, 1] units; None where the method needs none.
    why : str
        The reason, for people.
    correlation : float
        Of the noise of neighbouring pixels, 0 to 1.
    noise : PictureNoise, optional
        What was measured with the help of the prior.
    page : bool
        Whether it is a page of print.
    """

    method: Literal["none", "gaussian", "real", "blind"]
    noise_std: float | None
    why: str
    correlation: float = 0.0
    noise: PictureNoise | None = None
    page: bool = False


def choose(picture: Tensor, prior: Prior, visible: Tensor | None = None) -> Choice:
    """Measure a picture's noise and choose the method for it.

    White noise is recognised by the picture alone, in JPEGs by luma alone, and the prior is exact for it.
    Anything else is measured by what the conditional branch removes from the most even pieces of the picture,
    where soft noise can be told from texture, if it has learned real noise: hardly any noise leaves the
    picture as it is, all other noise is that of a camera or a scanner. On pages of print the branch is used,
    which has learned letters. Weights that were fitted to one kind of noise are used for that.

    Parameters
    ----------
    picture : tensor
        ``(3, h, w)`` in [0, 1].
    prior : Prior
        Its facts say whether it was fitted.
    visible : bool tensor, optional
        ``(h, w)``, False for pixels that alpha hides, which do not count.

    Returns
    -------
    Choice
        The method, the noise level and the reason.
    """
    fitted = prior.facts.get("fit")
    if fitted and fitted["branch"] == "blind":
        return Choice("blind", None, "the weights were fitted to noise of one kind")
    pixels, seen = pixels_of(picture), None if visible is None else visible.numpy()
    planes = planes_of(pixels)
    inside = counted(planes, seen)
    found = measure_inside(planes, inside)
    fine = _in_luma(pixels, seen)
    level = f"noise sigma estimated at {to_255(found.sigma):.1f} (of 255)"
    if fitted and max(found.sigma, fine.sigma) >= FAINT:
        sigma = from_255(fitted["noise"]["sigma"])
        return Choice(
            "gaussian", sigma, f"the weights were fitted to noise of sigma {to_255(sigma):.1f} (of 255)"
        )
    if not fitted and found.sigma >= FAINT and not tells_texture(*pixels.shape[:2]):
        return Choice("none", found.sigma, f"{level}, or texture, which so few pixels cannot tell apart")
    small = min(pixels.shape[:2]) < SIDE
    in_colours = cache(lambda: _colour_noise(pixels, seen))
    other = cache(lambda: None if fitted or small else _other_noise(pixels, found, seen, in_colours))
    if small or not knows_real_noise(prior):
        if prior.conditional and (noise := other()) is not None:
            return Choice("blind", found.sigma, noise.describe(), noise.correlation)
        return Choice("none" if found.sigma < FAINT else "gaussian", found.sigma, level, found.correlation)
    white = found.sigma >= FAINT and abs(found.correlation) < CORRELATED and other() is None
    if (white and fine.sigma <= HALVED * found.sigma) or _is_white_in_colours(found, in_colours):
        return Choice("gaussian", found.sigma, level, found.correlation)
    pieces = even_pieces(picture, inside).to(prior.device)
    if _is_stored(fine, in_colours):
        stored = stored_level(pieces.pixels, fine.sigma, prior, pieces.inside)
        if stored is not None:
            why = f"noise sigma estimated at {to_255(stored):.1f} (of 255) in luma, coarser in chroma"
            return Choice("gaussian", stored, why, fine.correlation)
    if white:
        return Choice("gaussian", found.sigma, level, found.correlation)
    return _of_real(picture, pieces, prior)


def _is_white_in_colours(found: NoiseReport, in_colours: Callable[[], list[NoiseModel]]) -> bool:
    """Whether the differences of colours, which have hardly any texture, have white noise of the level found.

    Fine texture shares its correlation with the noise on it, in luma. Cameras and JPEG smooth chroma.
    """
    return found.sigma >= FAINT and any(
        abs(noise.correlation) < WHITE and abs(noise.sigma - found.sigma) < AGREE * found.sigma
        for noise in in_colours()
    )


def _is_stored(fine: NoiseReport, in_colours: Callable[[], list[NoiseModel]]) -> bool:
    """Whether a picture may have white noise that was stored with chroma at half size.

    It is white in luma, and a part of it is left in chroma, which fine texture seldom has.
    """
    if fine.sigma < PLAIN or abs(fine.correlation) > CODED:
        return False
    levels = [noise.sigma for noise in in_colours()]
    return bool(levels) and min(levels) > COLOURED * fine.sigma


def _of_real(picture: Tensor, pieces: Pieces, prior: Prior) -> Choice:
    """Choose for a picture whose noise, if there is any, is that of a camera or a scanner."""
    noise = _measured_in(pieces, prior)
    if not _is_noise(noise):
        return Choice("none", noise.state_level, noise.describe(), noise.correlation, noise)
    if looks_like_page(pixels_of(picture)):  # states of the level of strong paper grain lose letters
        return Choice("blind", None, f"{noise.describe()}, on a page of print", noise.correlation, page=True)
    level = real_level(pieces.pixels, prior, pieces.inside)
    if level is not None:
        # What JPEG leaves of texture is soft as well, but less so: then the level is taken for lower.
        share = float(np.interp(noise.correlation, [SOFT, SURELY_SOFT], [GENTLE, 1.0]))
        level = share * min(level, noise.state_level)
        level = None if level < LEAST else level
    if noise.chroma_sigma > IN_CHROMA or noise.state_level > STRONG:
        level = max(level or 0.0, OF_STRONG * noise.luma_sigma)
    if level is not None:
        level = measured_again(pieces.pixels, level, prior, pieces.inside)
    if level is None:
        return Choice("none", noise.state_level, f"{noise.describe()}, or texture", noise.correlation, noise)
    noise = noise.scaled(level / noise.luma_sigma)
    return Choice("real", noise.state_level, noise.describe(), noise.correlation, noise)


def _is_noise(noise: PictureNoise) -> bool:
    """Whether what was measured with the help of the prior is noise, and enough of it to be seen.

    Fine noise shows in the finest frequencies of luma; where it does not, what was removed is texture.
    """
    level = noise.state_level
    if level > CERTAIN or not noise.sure:
        return noise.sure
    if noise.correlation < CORRELATED:
        return False
    return level > (LEAST if noise.correlation > SOFT else LEAST_FINE)


def _in_luma(pixels: NDArray[Any], visible: NDArray[np.bool_] | None) -> NoiseReport:
    """The white noise of the channels of a picture ``(h, w, 3)``, measured in luma alone.

    JPEG with chroma at half size leaves no fine noise in chroma, and so none that all channels share; luma it
    leaves as it is.
    """
    weights = np.array([YCC[:3]]).T
    found = measure(pixels @ weights, visible)
    if not np.any(pixels[..., 1:] - pixels[..., :1]):
        return found
    return replace(found, sigma=found.sigma / float(np.sqrt((weights**2).sum())))


def knows_real_noise(prior: Prior) -> bool:
    """Whether the conditional branch of a prior has learned the noise of cameras and scanners."""
    return "noise_adapters" in prior.facts or prior.facts.get("mix", {}).get("real", 0) > 0


def _other_noise(
    pixels: NDArray[Any],
    found: NoiseReport,
    visible: NDArray[np.bool_] | None,
    in_colours: Callable[[], list[NoiseModel]],
) -> NoiseModel | None:
    """The noise of a picture ``(h, w, 3)`` where it is plainly not white; None where it may be, or is unseen.

    Two estimates complement each other: the finest frequencies tell noise from texture but miss smooth noise,
    and the flattest patches the other way round. Noise that differs between channels is measured on
    differences of colours, which have hardly any texture.
    """
    try:
        model = measure_noise([pixels], most=3000, visible=[visible])
    except NothingSeenError:  # alpha may hide a part of every patch
        return None
    gray = len(model.channels) == 1
    # Texture and letters are the same in all channels, noise is not, unless the picture is gray.
    colours = model if gray else min(in_colours(), key=lambda noise: noise.sigma, default=model)
    smooth = not gray and colours.correlation > CORRELATED and colours.sigma > VISIBLE
    coarse = gray and min(found.sigma, model.sigma) > VISIBLE / 2 and found.correlation > CORRELATED
    grows = model.signal_dependence > SIGNAL_DEPENDENT and 2 * VISIBLE < model.sigma < 3 * found.sigma
    if not (smooth or coarse or grows):
        return None
    return colours if smooth else model


def _colour_noise(pixels: NDArray[Any], visible: NDArray[np.bool_] | None) -> list[NoiseModel]:
    """The noise of the differences of colours of a picture ``(h, w, 3)``, of the level of its channels.

    Nothing where no patch can be seen.
    """
    red, green, blue = np.moveaxis(pixels, 2, 0)
    differences = ((one - green) / 2**0.5 + 0.5 for one in (red, blue))
    try:
        return [measure_noise([each[..., None]], most=3000, visible=[visible]) for each in differences]
    except NothingSeenError:
        return []


def measured(picture: Tensor, prior: Prior, visible: Tensor | None = None) -> PictureNoise:
    """Measure the noise of a picture by what the prior removes from its most even pieces.

    The conditional branch, told nothing, removes a share of the noise that was measured (`LEFT_IN`).

    Parameters
    ----------
    picture : tensor
        ``(3, h, w)`` in [0, 1], at least 16x16 pixels.
    prior : Prior
        One that can be shown a picture.
    visible : bool tensor, optional
        ``(h, w)``, False for pixels that alpha hides: pieces without them are preferred.

    Returns
    -------
    PictureNoise
        Measured in the whole of a small picture, in the most even pieces of a large one.
    """
    inside = counted(pixels_of(picture), None if visible is None else visible.numpy())
    return _measured_in(even_pieces(picture, inside).to(prior.device), prior)


def _measured_in(pieces: Pieces, prior: Prior) -> PictureNoise:
    """The noise of even pieces of a picture."""
    pixels, inside = pieces.pixels, pieces.inside
    condition = Condition(pixels, noise_std=None, noisy=True)
    restored = unwatched(prior).denoiser(condition)(pixels, prior.sigma_max)
    counts = None if inside is None else torch.cat(list(inside), 1).cpu().numpy()
    found = noise_between(_side_by_side(pixels), _side_by_side(restored), counts)
    return found.scaled(LEFT_IN)


@dataclass(frozen=True)
class Pieces:
    """Pieces of a picture that its noise is measured in.

    Parameters
    ----------
    pixels : ``(n, 3, s, s)``, or all of a small picture ``(1, 3, h, w)``.
    inside : bool ``(n, s, s)``, False for pixels that do not count; None where all do.
    """

    pixels: Tensor
    inside: Tensor | None

    def to(self, device: torch.device) -> Pieces:
        """The same on a device."""
        return Pieces(self.pixels.to(device), None if self.inside is None else self.inside.to(device))


def even_pieces(picture: Tensor, inside: NDArray[np.bool_] | None = None) -> Pieces:
    """The pieces of a picture ``(3, h, w)`` with the least texture; all of a small one.

    Texture is judged at a quarter of the size, where there is little noise. Pieces that are black, white or
    outside say nothing and come last.

    inside: bool ``(h, w)``, False where pixels do not count (`restore.noise.borders.counted`).
    """
    seen = None if inside is None else torch.from_numpy(inside)
    if seen is not None and seen.any():
        picture, seen = _cropped(picture, seen)
    side = LOOKED_AT
    _, h, w = picture.shape
    if h * w <= PIECES * side * side or min(h, w) < side:
        return Pieces(picture[None], None if seen is None else seen[None])
    rows, columns = h // side, w // side
    small = F.avg_pool2d(picture[None], 4)
    down, across = (small.diff(dim=dim).abs().mean(1) for dim in (2, 3))
    ends = ((picture <= 0) | (picture >= 1)).float().mean(0)
    if seen is not None:
        ends = torch.where(seen, ends, 1.0)
    scores = []
    for row in range(rows):
        for column in range(columns):
            top, left = row * (h - side) // max(1, rows - 1), column * (w - side) // max(1, columns - 1)
            part = slice(top // 4, (top + side) // 4), slice(left // 4, (left + side) // 4)
            texture = float(down[0][part].mean() + across[0][part].mean())
            cut = float(ends[top : top + side, left : left + side].mean())
            scores.append((cut > 0.3, texture, top, left))
    chosen = [
        (slice(top, top + side), slice(left, left + side)) for _, _, top, left in sorted(scores)[:PIECES]
    ]
    pixels = torch.stack([picture[:, rows, columns] for rows, columns in chosen])
    if seen is None:
        return Pieces(pixels, None)
    counts = torch.stack([seen[rows, columns] for rows, columns in chosen])
    most = counts.flatten(1).double().mean(1) > HALF
    return Pieces(pixels[most], counts[most]) if most.any() else Pieces(pixels, counts)


def _cropped(picture: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """A picture ``(3, h, w)`` without the margins that do not count, of a patch at least."""
    places = []
    for dim in (1, 0):
        there = inside.any(dim).nonzero().flatten()
        size = inside.shape[1 - dim]
        first, last = int(there[0]), int(there[-1]) + 1
        first = max(0, min(first, size - PATCH))
        places.append(slice(first, min(size, max(last, first + PATCH))))
    rows, columns = places
    return picture[:, rows, columns], inside[rows, columns]


def _side_by_side(batch: Tensor) -> NDArray[Any]:
    """Pieces ``(n, 3, h, w)`` as one picture ``(h, n w, 3)``."""
    return torch.cat(list(batch.cpu()), 2).permute(1, 2, 0).numpy()


def pixels_of(picture: Tensor) -> NDArray[Any]:
    """A picture ``(3, h, w)`` as an array ``(h, w, 3)``."""
    pixels: NDArray[Any] = picture.permute(1, 2, 0).cpu().numpy()
    return pixels
