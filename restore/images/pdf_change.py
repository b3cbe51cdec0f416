"""What becomes of an image in a PDF: how its new samples are stored, and what its dictionary says of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from restore.images.formats import FORMATS
from restore.images.pdf_colours import space_of
from restore.images.picture import Picture, at_depth, channels_of
from restore.images.png import encode_png, png_chunks
from restore.images.writer import encode

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_QUALITY = 85
"""The quality of JPEGs whose own is lower: coded once more at that, they would lose as much again."""
USUAL_QUALITY = 95

_REPLACED = (
    "/Filter", "/DecodeParms", "/DP", "/Decode", "/SMaskInData", "/FFilter", "/FDecodeParms",
)  # fmt: skip


@dataclass(frozen=True)
class Change:
    """How an image is stored anew.

    Parameters
    ----------
    size : (h, w).
    channels : 1 or 3.
    bits : of each sample, 8 or 16.
    digest : of its samples; empty where it is a JPEG.
    space : of its colours: "" for its own, "base" for that of the colours of its palette, "gray", or "srgb".
    """

    size: tuple[int, int]
    channels: int
    bits: int
    digest: bytes = b""
    space: str = ""

    def fits(self, picture: Picture) -> bool:
        """Whether a picture that was read again is this one."""
        same = picture.size == self.size and picture.gray == (self.channels == 1)
        return same and self.digest in (b"", digest_of(channels_of(picture)))

    def filter(self) -> tuple[Any, Any]:
        """The filter, and its parameters, as pikepdf takes them."""
        import pikepdf

        if not self.digest:
            return pikepdf.Name.DCTDecode, None
        about = pikepdf.Dictionary(
            Predictor=15, Colors=self.channels, BitsPerComponent=self.bits, Columns=self.size[1]
        )
        return pikepdf.Name.FlateDecode, about

    def describe(self, own: Any, srgb: Any) -> None:
        """Change the dictionary of an image.

        Parameters
        ----------
        own : the dictionary, without what says how its data are stored.
        srgb : the colour space of sRGB.
        """
        import pikepdf

        own.Height, own.Width = self.size
        own.BitsPerComponent = self.bits
        if self.space == "base":
            own.ColorSpace = own.ColorSpace[1]
        elif self.space == "gray":
            own.ColorSpace = pikepdf.Name.DeviceGray
        elif self.space == "srgb":
            own.ColorSpace = srgb

    def described(self, image: Any) -> Any:
        """A new dictionary out of that of the image as it was; for "srgb" without a colour space."""
        import pikepdf

        own = image.stream_dict.copy()
        undescribed(own)
        own.Filter, about = self.filter()
        if about is not None:
            own.DecodeParms = about
        self.describe(own, pikepdf.Name.DeviceRGB)
        if self.space == "srgb":
            del own.ColorSpace
        return own


def undescribed(own: Any) -> None:
    """Take from a dictionary what says how the data are stored."""
    for key in _REPLACED:
        if key in own:
            del own[key]


def digest_of(channels: NDArray[Any]) -> bytes:
    """A digest of samples and their depth."""
    import numpy as np

    made = hashlib.blake2b(np.ascontiguousarray(channels).tobytes(), digest_size=16)
    made.update(channels.dtype.name.encode())
    return made.digest()


def changed(image: Any, picture: Picture, *, jpeg: bool, quality: int | None) -> tuple[Change, bytes]:
    """Store a picture in place of an image.

    Parameters
    ----------
    image : an image XObject, as pikepdf gives it.
    picture : what it becomes.
    jpeg : whether it was a JPEG, and stays one where JPEG holds it.
    quality : of a JPEG; None for near its own.

    Returns
    -------
    Change
    bytes
        The data, as they are stored.
    """
    if picture.bits == 32:
        picture = replace(picture, pixels=at_depth(picture.pixels, "uint16"))
    bare = replace(
        picture, alpha=None, extra=None, meanings=(), icc=b"", xmp=b"", dpi=None, chunks=b"", exif=b""
    )
    space = _space(image, bare)
    channels = channels_of(bare)
    shape = bare.size, channels.shape[2], bare.bits
    if jpeg and bare.bits == 8 and max(bare.size) <= FORMATS["jpeg"].side:
        data = encode(bare, "jpeg", quality=quality or _quality(picture))
        return Change(*shape, space=space), data
    png = encode_png(bare)
    data = b"".join(body for kind, body in png_chunks(png) if kind == b"IDAT")
    return Change(*shape, digest=digest_of(channels), space=space), data


def _quality(picture: Picture) -> int:
    return USUAL_QUALITY if picture.coding is None else max(LEAST_QUALITY, picture.coding.quality)


def _space(image: Any, picture: Picture) -> str:
    """The colour space of what an image becomes, as `Change` has it."""
    other = "gray" if picture.gray else "srgb"
    if "/ColorSpace" not in image:  # a JPEG 2000 has its own
        return other
    space = space_of(image.ColorSpace, profiles=False)
    if space.converted or (space.kind == "gray") != picture.gray:
        return other
    return "" if space.palette is None else "base"
