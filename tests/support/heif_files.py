"""HEIC and AVIF files as phones and other programs write them, and changes to their boxes."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from PIL import Image

from restore.images.isobmff import Box, box, boxes

H, W = 48, 80


def quarters(top: int, *, alpha: bool = False) -> np.ndarray:
    """A picture whose four quarters and a patch tell how it is turned; its alpha falls to the right."""
    pixels = np.zeros((H, W, 3 + alpha), np.uint8 if top == 255 else np.uint16)
    pixels[:, : W // 2, 0] = top
    pixels[: H // 2, :, 1] = top
    pixels[8:20, 50:76] = top // 2
    if alpha:
        pixels[..., 3] = np.linspace(top, top // 3, W)
    return pixels


def exif_of(orientation: int) -> bytes:
    """EXIF with an orientation and the name of a camera."""
    exif = Image.Exif()
    exif[0x112], exif[0x10F] = orientation, "Camera"
    return exif.tobytes()


def heic(pixels: np.ndarray, bits: int = 8, **options: Any) -> bytes:
    """A HEIC file. options: for pillow-heif."""
    import pillow_heif

    names = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
    mode = names[pixels.shape[2]] + (f";{bits}" if bits > 8 else "")
    size = pixels.shape[1], pixels.shape[0]
    file = pillow_heif.from_bytes(mode=mode, size=size, data=pixels.tobytes())
    out = io.BytesIO()
    file.save(out, **{"quality": 95, "chroma": "444", "enc_params": {"preset": "ultrafast"}} | options)
    return out.getvalue()


def avif(pixels: np.ndarray, **options: Any) -> bytes:
    """An AVIF file of 8 bits. options: for Pillow."""
    out = io.BytesIO()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.save(out, "AVIF", **{"quality": 92, "subsampling": "4:4:4", "speed": 9} | options)
    return out.getvalue()


def changed(data: bytes, kind: str, contents: bytes, *, starts: bytes = b"") -> bytes:
    """The same file with the contents of all boxes of a type written over, as far as they go.

    starts: what the contents begin with where they are changed.
    """
    out = bytearray(data)

    def walk(at: int, end: int) -> None:
        for each in boxes(data, at, end):
            inner = {"meta": 4, "iprp": 0, "ipco": 0, "iinf": 6}.get(each.kind)
            if inner is not None:
                walk(each.start + inner, each.end)
            elif each.kind == kind and data[each.start : each.end].startswith(starts):
                out[each.start : each.start + len(contents)] = contents

    walk(0, len(data))
    return bytes(out)


def named(data: bytes, primaries: int, transfer: int) -> bytes:
    """The same file with colours that are named by these numbers."""
    return changed(data, "colr", struct.pack(">4sHH", b"nclx", primaries, transfer), starts=b"nclx")


def top_level(data: bytes) -> list[Box]:
    """The boxes of a file."""
    return list(boxes(data, 0, len(data)))


def film(frames: int) -> bytes:
    """A file of a film alone, without a picture."""
    sizes = box("stsz", bytes(8), struct.pack(">I", frames))
    tracks = box("trak", box("mdia", box("minf", box("stbl", sizes))))
    return box("ftyp", b"msf1", bytes(4), b"msf1hevc") + box("moov", tracks)
