"""The colour spaces of images in a PDF (ISO 32000-2, 8.6), and their samples as gray or RGB."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from restore.images.pdfium import cmyk_as_shown
from restore.images.pillow import cmyk_to_rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHANNELS = {"gray": 1, "rgb": 3, "cmyk": 4, "lab": 3}
_DEVICE = {
    "/DeviceGray": "gray", "/G": "gray", "/CalGray": "gray", "/DeviceRGB": "rgb", "/RGB": "rgb",
    "/CalRGB": "rgb", "/DeviceCMYK": "cmyk", "/CMYK": "cmyk", "/Lab": "lab",
}  # fmt: skip
_OF_COUNT = {1: ("gray", b"GRAY"), 3: ("rgb", b"RGB "), 4: ("cmyk", b"CMYK")}


class OddSpaceError(ValueError):
    """A colour space whose images are left as they are; the message names it."""


@dataclass(frozen=True)
class Space:
    """A colour space.

    Parameters
    ----------
    kind : gray, rgb, cmyk or lab; of a palette, that of its colours.
    icc : the profile; empty where there is none.
    palette : the colours of a palette, one after the other; None where there is no palette.
    ab : the ranges of a* and b*, of Lab alone.
    """

    kind: str
    icc: bytes = b""
    palette: bytes | None = None
    ab: tuple[float, float, float, float] = (-100.0, 100.0, -100.0, 100.0)

    @property
    def channels(self) -> int:
        """Samples of a pixel, as they are stored."""
        return CHANNELS[self.kind] if self.palette is None else 1

    @property
    def converted(self) -> bool:
        """Whether a picture of it becomes sRGB, and is written as that."""
        return self.kind in ("cmyk", "lab")


def space_of(value: Any, *, profiles: bool = True) -> Space:
    """Read a colour space.

    Parameters
    ----------
    value : the entry ``ColorSpace`` of an image, as pikepdf gives it.
    profiles : whether ICC profiles are read.

    Raises
    ------
    OddSpaceError
        For one of other colours, such as a spot colour.
    """
    import pikepdf

    family = str(value[0] if isinstance(value, pikepdf.Array) else value)
    if family == "/ICCBased":
        return _profiled(value[1], profiles=profiles)
    if family in ("/Indexed", "/I"):
        base = space_of(value[1], profiles=profiles)
        if base.palette is not None:
            raise OddSpaceError("a palette of a palette")
        table = value[3]
        colours = table.read_bytes() if isinstance(table, pikepdf.Stream) else bytes(table)
        count = (min(255, max(0, int(value[2]))) + 1) * base.channels
        return Space(base.kind, base.icc, colours[:count].ljust(count, b"\0"), base.ab)
    if family == "/Lab":
        ab = [float(each) for each in value[1].get("/Range", (-100, 100, -100, 100))]
        return Space("lab", ab=(ab[0], ab[1], ab[2], ab[3]))
    if family not in _DEVICE:
        raise OddSpaceError(family.removeprefix("/"))
    return Space(_DEVICE[family])


def _profiled(stream: Any, *, profiles: bool) -> Space:
    kind, signature = _OF_COUNT.get(int(stream.N), ("", b""))
    if not kind:
        raise OddSpaceError(f"ICC of {int(stream.N)} channels")
    if not profiles:
        return Space(kind)
    icc = stream.read_bytes()
    if icc[16:20] == b"Lab ":
        raise OddSpaceError("ICC of Lab")
    return Space(kind, icc if icc[16:20] == signature else b"")


def colours_of(
    codes: NDArray[Any], bits: int, space: Space, decode: list[float]
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The colours of stored samples.

    Parameters
    ----------
    codes : ``(h, w, c)``, as they are stored.
    bits : of each; 2, 4, 8 or 16.
    space : what they mean.
    decode : the lowest and highest value of each channel (ISO 32000-2, 8.9.5.2); empty for the usual ones.

    Returns
    -------
    array ``(h, w, 1 or 3)``
        uint8, or uint16 for 16 bits.
    tuple of str
        What the user should know about the conversion.
    """
    import numpy as np

    top = 2**bits - 1
    if space.palette is not None:
        table = np.frombuffer(space.palette, np.uint8).reshape(1, -1, CHANNELS[space.kind])
        colours, notes = colours_of(table, 8, Space(space.kind, space.icc, ab=space.ab), [])
        low, high = decode[:2] if decode else (0, top)
        which = codes[..., 0] if (low, high) == (0, top) else low + codes[..., 0] * ((high - low) / top)
        return colours[0][np.clip(np.rint(which), 0, table.shape[1] - 1).astype(np.intp)], notes
    if space.kind == "lab":
        usual = [0.0, 100.0, *space.ab]
        return _lab_to_rgb(_linear(codes, top, decode or usual)), ("Lab became sRGB",)
    unit = [0.0, 1.0] * codes.shape[2]
    if decode and decode != unit:
        scaled = np.clip(_linear(codes, top, decode), 0, 1)
        top = 255 if bits < 16 else 65535
        codes = np.rint(scaled * top)
    elif bits < 8:
        codes = codes * (255 // top)
    channels = codes.astype(np.uint8 if bits < 16 else np.uint16)
    return _cmyk_to_rgb(channels, space.icc) if space.kind == "cmyk" else (channels, ())


def _linear(codes: NDArray[Any], top: int, ends: list[float]) -> NDArray[Any]:
    """Samples from 0 to top on the scale of their channel."""
    import numpy as np

    low, high = np.asarray(ends[0::2], np.float32), np.asarray(ends[1::2], np.float32)
    scaled: NDArray[Any] = low + codes.astype(np.float32) * ((high - low) / np.float32(top))
    return scaled


def _cmyk_to_rgb(channels: NDArray[Any], icc: bytes) -> tuple[NDArray[Any], tuple[str, ...]]:
    import numpy as np
    from PIL import Image

    if not icc:
        return cmyk_as_shown(channels), ("CMYK became sRGB as PDFium shows it, as it has no colour profile",)
    image = Image.fromarray(np.ascontiguousarray(channels), "CMYK")
    image.info["icc_profile"] = icc
    converted, note = cmyk_to_rgb(image)
    return np.asarray(converted), (note,)


def _lab_to_rgb(lab: NDArray[Any]) -> NDArray[Any]:
    """Lab of any white as sRGB, in which that is white."""
    import numpy as np
    from skimage.color import lab2rgb

    rgb: NDArray[Any] = np.rint(np.clip(lab2rgb(lab), 0, 1) * 255).astype(np.uint8)
    return rgb


@cache
def srgb_profile() -> bytes:
    """An ICC profile of sRGB, the same bytes whenever it is made."""
    from PIL import ImageCms

    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[24:36] = bytes.fromhex("07d000010001000000000000")  # its date: the first of January 2000
    made[84:100] = bytes(16)  # no checksum (ICC.1, 7.2.18)
    return bytes(made)
