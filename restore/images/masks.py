"""Read masks from files of all kinds, and recognise what in them is meant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.errors import MaskError
from restore.images.files import Start, read_bytes
from restore.images.formats import HEIF_KINDS, sniffed
from restore.images.gif import decode_gif, is_gif
from restore.images.mask_colours import KEYED, ROUGHLY, likeness, name_of, on_plain, rgb_of
from restore.images.mask_doubts import COLOURED, NEAR, coloured_of, doubt_of, is_mostly_gray, spread_of
from restore.images.mask_edges import covered, reaching
from restore.images.mask_strokes import is_same_picture, strokes_between
from restore.images.picture import TOP, Picture, at_depth
from restore.images.reader import decode, decode_with

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAME = 1.5 / 255  # colours apart by less, as far as they can be seen, are rounded differently
HALF = 128  # of 255: alpha below is clear, a level from there on is white


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask file.

    Parameters
    ----------
    level : how far a pixel is meant, from 0 for black to 255 for white, uint8 ``(h, w)``.
    brightest : the largest value in the file, 0 to 1.
    scale : the number that stands for white in the file, as 255 or 65535.
    kind : where the levels come from: ``drawn`` in white on black; ``layer``, the alpha of strokes on a clear
        layer; ``erased``, the clear parts of a picture; ``strokes``, painted over the photograph; ``colour``,
        drawn in a colour.
    colour : the name of the colour of strokes, if they have one.
    told : what was recognised, for the user; empty for one drawn in white on black.
    meant : what the levels stand for, for the user.
    lossy : whether its format blurs edges.
    """

    level: NDArray[np.uint8]
    brightest: float = 1.0
    scale: float = 255.0
    kind: str = "drawn"
    colour: str = ""
    told: str = ""
    meant: str = "what is white"
    lossy: bool = False

    @property
    def white(self) -> NDArray[np.bool_]:
        """Where the mask is white: half of the scale or more, bool ``(h, w)``."""
        found: NDArray[np.bool_] = self.level >= HALF
        return found

    @property
    def covers(self) -> NDArray[np.bool_]:
        """What the mask covers: white with its soft rim, bool ``(h, w)``; see `restore.images.mask_edges`."""
        return covered(self.level, lossy=self.lossy)

    @property
    def gray_fraction(self) -> float:
        """Share of pixels that are neither nearly black nor nearly white, 0 to 1."""
        near = round(255 * NEAR)
        return float(((self.level > near) & (self.level < 255 - near)).mean())

    def inverted(self) -> Mask:
        """The mask of all that this one leaves."""
        return replace(self, level=255 - self.level, meant=f"all but {self.meant}")


def read_mask(path: str | Path, *, photo: Picture | None = None, colour: str = "") -> Mask:
    """Read a picture as a mask.

    A mask is white at half of the full scale or more. A picture of integers up to 1 counts as one of zeros
    and ones: 1 is white, as in a mask given as an array. A mask drawn on a layer of one colour is taken from
    its alpha channel; otherwise the value is the mean of r, g and b times alpha, so that clear pixels are
    black. Of a photograph with clear parts, as an eraser leaves them, these are meant; of strokes of one
    colour on black or white, and over the photograph itself, the strokes are.

    Parameters
    ----------
    path : the file: of all formats that are read as pictures, and GIF.
    photo : the picture that the mask is for, which may lie under its strokes; of the mask's size.
    colour : the colour that is meant: a name, as of CSS, or ``#rrggbb``. Empty: found out.

    Returns
    -------
    Mask

    Raises
    ------
    ImageError
        As `restore.images.read`.
    MaskError
        For what cannot be meant as a mask: a photograph, or a drawing of several colours.
    ValueError
        For an unknown colour.
    """
    data = read_bytes(path, start=mask_start(str(path)))
    return decode_mask(data, name=str(path), photo=photo, colour=colour)


def decode_mask(data: bytes, *, name: str, photo: Picture | None = None, colour: str = "") -> Mask:
    """Decode a mask that is already in memory, as `read_mask` does.

    Parameters
    ----------
    data : the bytes of the file.
    name : what messages call the file.
    photo, colour : as in `read_mask`.

    Examples
    --------
    >>> import numpy as np
    >>> from restore.images import Picture, encode
    >>> drawing = np.array([[0, 127, 128, 255]], np.uint8)[..., None].repeat(3, axis=2)
    >>> mask = decode_mask(encode(Picture(drawing), "png"), name="memory")
    >>> mask.white.tolist(), mask.gray_fraction
    ([[False, False, True, True]], 0.5)
    """
    return recognised(decode_mask_picture(data, name=name), name, photo=photo, colour=colour)


def mask_start(name: str) -> Start:
    """Refuse what does not begin like a picture or a GIF. name: what messages call the file."""
    return lambda head: is_gif(head) or sniffed(head, name)


def decode_mask_picture(data: bytes, *, name: str) -> Picture:
    """Decode the picture in a mask file, GIF among them. Raises ImageError.

    data, name : as in `decode_mask`.
    """
    return decode_with(decode_gif, data, name) if is_gif(data) else decode(data, name=name)


def recognised(picture: Picture, name: str, *, photo: Picture | None = None, colour: str = "") -> Mask:
    """Recognise what is meant in the picture of a mask file.

    Parameters
    ----------
    picture : as `decode_mask_picture` gives it.
    name : what messages call it.
    photo, colour : as in `read_mask`.

    Raises
    ------
    MaskError
        For what cannot be meant as a mask.
    """
    found = _by_colour(picture, name, photo, colour) if colour else _of_itself(picture, name, photo)
    return replace(found, lossy=picture.format in ("jpeg", *HEIF_KINDS))


def _of_itself(picture: Picture, name: str, photo: Picture | None) -> Mask:
    """What is meant where no colour is named."""
    import numpy as np

    value, drawn = values_of(picture.pixels, picture.alpha)
    scale = float(TOP[picture.pixels.dtype.name])
    plain = Mask(_levels(value), float(value.max()), scale)
    varied = picture.alpha is not None and bool(np.ptp(picture.alpha) > 0)
    if varied and picture.alpha is not None:
        if drawn is None and np.array_equal(plain.level, _levels(picture.alpha / np.float32(scale))):
            told = "the mask is strokes on a clear layer"
            return _sure(replace(plain, kind="layer", told=told, meant="what is painted"), name)
        if erased := _erased(picture, photo):
            return erased
    doubt = doubt_of(value, drawn)
    if not doubt and (drawn is None or not coloured_of(drawn).any()):
        return plain
    if photo is not None and (strokes := _over(picture, name, photo, "")):
        return strokes
    if doubt and drawn is not None and (found := _on_plain(picture, None)):
        return found
    if doubt:
        raise MaskError(f"{name} {doubt}")
    return plain


def _sure(mask: Mask, name: str) -> Mask:
    """The mask, unless its levels are those of a photograph. Raises MaskError."""
    import numpy as np

    if doubt := doubt_of(mask.level / np.float32(255)):
        raise MaskError(f"{name} {doubt}")
    return mask


def _erased(picture: Picture, photo: Picture | None) -> Mask | None:
    """The clear parts of a photograph; None for a drawing on a clear layer, and for strokes over the photo.

    A picture that was clear in parts before, with strokes over the rest, is one of these.
    """
    import numpy as np

    assert picture.alpha is not None
    alpha = at_depth(picture.alpha, "uint8")
    seen = alpha >= HALF
    if seen.all() or not seen.any():
        return None
    told, meant = "the mask is a picture with clear parts", "what is clear"
    clear = 255 - alpha  # what is half clear belongs to it where it is the edge of what is clear
    clear[~reaching(clear > 0, clear >= HALF)] = 0
    if photo is not None and photo.size == picture.size:
        pixels, under = _bytes_of(picture), _bytes_of(photo)
        if is_same_picture(pixels, under, seen):
            before = alpha * 0 + 255 if photo.alpha is None else at_depth(photo.alpha, "uint8")
            if np.array_equal(before, alpha):
                if (pixels != under)[seen].any():
                    return None
                told, meant = "the mask is the picture itself", "what is clear in it"
            return Mask(clear, kind="erased", told=told, meant=meant)
    values = _bytes_of(picture)[seen].mean(axis=1, dtype=np.float32) / 255
    return Mask(clear, kind="erased", told=told, meant=meant) if is_mostly_gray(values) else None


def _over(picture: Picture, name: str, photo: Picture, colour: str) -> Mask | None:
    """Strokes over the photograph; None where the mask is another picture.

    Raises MaskError for a photograph with nothing on it, or changed otherwise than by strokes of one colour.
    """
    import numpy as np

    if photo.size != picture.size:
        return None
    pixels, under = _bytes_of(picture), _bytes_of(photo)
    seen = np.ones(picture.size, np.bool_)
    for alpha in (picture.alpha, photo.alpha):
        seen &= True if alpha is None else at_depth(alpha, "uint8") >= HALF
    if not is_same_picture(pixels, under, seen):
        return None
    strokes = strokes_between(pixels, under, seen, rgb_of(colour) if colour else None)
    if strokes.changed == 0:
        what = f"nothing {colour}" if colour else "nothing"
        raise MaskError(
            f"{name} is the photograph itself, with {what} painted on it and nothing erased; paint what is "
            "meant white on black"
        )
    if strokes.colour is None:
        raise MaskError(
            f"{name} is the photograph, changed at {strokes.changed:.1%} of it, but not by strokes of one "
            "colour; paint what is meant white on black"
        )
    shown = colour or name_of(strokes.colour)
    return Mask(
        strokes.covered.astype(np.uint8) * 255, kind="strokes", colour=shown,
        told=f"the mask is the photograph with {shown} strokes", meant="what they cover",
    )  # fmt: skip


def _on_plain(picture: Picture, colour: tuple[int, int, int] | None, name: str = "") -> Mask | None:
    """Strokes of a colour, found out where it is None, on black or white."""
    found = on_plain(_bytes_of(picture, on_black=True), colour)
    if found is None:
        return None
    shown = name or name_of(found.colour)
    return Mask(
        found.level, kind="colour", colour=shown,
        told=f"the mask is {shown} on {found.ground}", meant=f"what is {shown}",
    )  # fmt: skip


def _by_colour(picture: Picture, name: str, photo: Picture | None, colour: str) -> Mask:
    """What has the colour that is named: strokes over the photograph, on black or white, on any picture."""
    import numpy as np

    wanted = rgb_of(colour)
    if photo is not None and (strokes := _over(picture, name, photo, colour)):
        return strokes
    if found := _on_plain(picture, wanted, colour):
        return found
    pixels = _bytes_of(picture)
    alike = likeness(pixels, wanted) >= KEYED
    if picture.alpha is not None:
        alike &= at_depth(picture.alpha, "uint8") >= HALF
    if not alike.any():
        near = likeness(pixels, wanted) >= ROUGHLY
        most = f"; what comes nearest is {_most(pixels[near])}" if near.any() else ""
        raise MaskError(
            f"{name}: nothing in it is {colour}{most}; pass the colour that was painted with --mask-colour"
        )
    return Mask(
        alike.astype(np.uint8) * 255, kind="colour", colour=colour,
        told=f"the mask is a picture with {colour} in it", meant=f"what is {colour}",
    )  # fmt: skip


def _most(pixels: NDArray[np.uint8]) -> str:
    """The colour of pixels ``(n, 3)`` in the middle."""
    import numpy as np

    red, green, blue = np.median(pixels, axis=0).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _levels(value: NDArray[Any]) -> NDArray[np.uint8]:
    """Values of 0 to 1 as levels; half of the scale and more becomes 128 and more."""
    import numpy as np

    levels: NDArray[np.uint8] = np.floor(value * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return levels


def _bytes_of(picture: Picture, *, on_black: bool = False) -> NDArray[np.uint8]:
    """The pixels at 8 bits, ``(h, w, 3)``; on black where clear, if that is wanted."""
    import numpy as np

    pixels = picture.pixels
    if pixels.dtype.name == "float32":
        pixels = np.nan_to_num(pixels, posinf=1, neginf=0)
    shown: NDArray[np.uint8] = at_depth(pixels, "uint8")
    if on_black and picture.alpha is not None:
        opaque = at_depth(picture.alpha, "uint8")[..., None].astype(np.uint16)
        shown = ((shown * opaque + 127) // 255).astype(np.uint8)
    return shown


def values_of(
    pixels: NDArray[Any], alpha: NDArray[Any] | None
) -> tuple[NDArray[np.float32], NDArray[Any] | None]:
    """Give the values of a mask and what they were taken from.

    Parameters
    ----------
    pixels : RGB, as in `restore.images.Picture`, ``(h, w, 3)``.
    alpha : ``(h, w)`` of the same dtype, or None.

    Returns
    -------
    value : 0 for black to 1 for white, ``(h, w)``.
    drawn : RGB ``(h, w, 3)`` in [0, 1], on black where it is clear; None where there is no colour in it.
    """
    import numpy as np

    kind = pixels.dtype.name
    if kind == "float32":
        pixels = pixels.clip(0, 1)
    top, brightest = np.float32(TOP[kind]), pixels.max()
    full = np.float32(brightest if brightest == 1 and kind != "float32" else top)
    value = pixels[..., 0].astype(np.float32)
    for channel in (1, 2):  # faster than a mean over the last axis, with the same result
        value += pixels[..., channel]
    value = (value / np.float32(3) / full).clip(0, 1)
    opaque = np.ones((1, 1), np.float32) if alpha is None else alpha.astype(np.float32) / top
    if np.ptp(opaque) > 0 and _of_one_colour(pixels / top, opaque):
        return opaque, None
    coloured = (spread_of(pixels) > COLOURED * full).any()
    return value * opaque, pixels / full * opaque[..., None] if coloured else None


def _of_one_colour(pixels: NDArray[Any], opaque: NDArray[np.float32]) -> bool:
    """Whether all that can be seen of a layer has one colour; programs put black under what is clear.

    pixels: ``(h, w, 3)`` in [0, 1]. Where a layer is nearly clear, its colours are rounded coarsely.
    """
    import numpy as np

    colour = pixels.reshape(-1, 3)[opaque.argmax()]
    return bool((np.abs(pixels - colour).max(axis=2) * opaque <= SAME).all())


def values_of_image(image: Any) -> NDArray[Any]:
    """Give the values of a mask that is a PIL image: at its own depth, of colours 0 to 1.

    Raises ValueError for what cannot be meant as a mask.

    Examples
    --------
    >>> from PIL import Image
    >>> values_of_image(Image.new("RGB", (2, 1), "white")).tolist()
    [[1.0, 1.0]]
    """
    import numpy as np

    if len(image.getbands()) == 1 and image.mode != "P":
        values = np.asarray(image)
        least, most = values.min(initial=0), values.max(initial=0)
        if values.dtype.kind in "bu" or least < 0 or not 1 < most < 2**16:
            return values  # what an array cannot hold is refused with it
        return values.astype(np.uint8 if most < 2**8 else np.uint16)
    layers = np.asarray(image.convert("RGBA"))
    value, drawn = values_of(layers[..., :3], layers[..., 3])
    if doubt := doubt_of(value, drawn):
        raise ValueError(f"the mask {doubt}")
    return value
