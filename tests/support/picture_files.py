"""Picture files of every kind, written and read with Pillow, OpenCV and tifffile."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from restore.errors import ImageError, OutputError
from restore.images.picture import Picture
from restore.images.reader import read
from restore.images.writer import write

H, W = 31, 37
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GRAY_ICC = SRGB[:16] + b"GRAY" + SRGB[20:]
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6" b="J\xc3\xbcrgen"/></x:xmpmeta>'


def random_samples(shape: tuple[int, ...], dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    """Samples of every value that the dtype has; floats also outside [0, 1]."""
    rng = np.random.default_rng(seed)
    if dtype == "float32":
        return (rng.random(shape, np.float32) * 3 - 1).astype(np.float32)
    return rng.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def smooth(shape: tuple[int, ...]) -> np.ndarray:
    """A gentle ramp that JPEG can keep."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    planes = [120 + x, 90 + 2 * y, 60 + x + y][: shape[2] if len(shape) == 3 else 1]
    return np.stack(planes, 2).astype(np.uint8).reshape(shape)


def picture_of(channels: np.ndarray, **rest: Any) -> Picture:
    """A picture from channels (h, w, 1..4)."""
    count = channels.shape[2]
    pixels = channels[..., [0, 0, 0]] if count < 3 else channels[..., :3]
    return Picture(pixels, alpha=channels[..., -1] if count in (2, 4) else None, gray=count < 3, **rest)


def opened(path: Path) -> Image.Image:
    """The file through Pillow."""
    return Image.open(io.BytesIO(path.read_bytes()))


def png_by_hand(channels: np.ndarray, *extra: tuple[bytes, bytes]) -> bytes:
    """The plainest PNG there is; the one way to gray with alpha at 16 bits."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    h, w, count = channels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[count]
    rows = channels.astype(channels.dtype.newbyteorder(">")).view(np.uint8).reshape(h, -1)
    packed = zlib.compress(np.concatenate([np.zeros((h, 1), np.uint8), rows], 1).tobytes())
    header = struct.pack(">IIBBBBB", w, h, 8 * channels.itemsize, kind, 0, 0, 0)
    parts = [(b"IHDR", header), *extra, (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def store(path: Path, channels: np.ndarray) -> None:
    """Channels (h, w, 1..4) to PNG or TIFF by other people's code."""
    count = channels.shape[2]
    if path.suffix == ".tif":
        extra = ["unassalpha"] if count in (2, 4) else None
        flat = channels[..., 0] if count == 1 else channels
        kind = "minisblack" if count < 3 else "rgb"
        tifffile.imwrite(
            path, flat, photometric=kind, planarconfig="contig" if count > 1 else None, extrasamples=extra
        )
    elif channels.dtype == np.uint8:
        Image.fromarray(channels[..., 0] if count == 1 else channels).save(path)
    elif count == 2:
        path.write_bytes(png_by_hand(channels))
    else:
        cv2.imwrite(str(path), channels[..., {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[count]])


def load(path: Path) -> np.ndarray:
    """Channels (h, w, 1..4) of a PNG or TIFF by other people's code."""
    if path.suffix == ".tif":
        channels = tifffile.imread(path)
    elif path.read_bytes()[24] == 8:
        channels = np.asarray(opened(path))
    else:
        channels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if channels.ndim == 3:
            channels = channels[..., [2, 1, 0, 3][: channels.shape[2]]]
            if path.read_bytes()[25] == 4:
                channels = channels[..., [0, 3]]
    return channels if channels.ndim == 3 else channels[..., None]


def exif_block(orientation: int) -> Image.Exif:
    """EXIF with a tag of every directory and a maker note."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x0132] = "2024:05:06 07:08:09"
    exif[0x013B] = "An Artist"
    exif[0x8769] = {
        0x9003: "2023:01:02 03:04:05",
        0x927C: b"maker note \x00\x01\x02",
        0xA002: W,
        0xA003: H,
    }
    exif[0x8825] = {1: "N"}
    return exif


def seen(array: np.ndarray, orientation: int) -> np.ndarray:
    """Stored pixels upright, as EXIF defines the orientations: where row 0 and column 0 lie."""
    return {
        1: lambda a: a,  # top, left
        2: lambda a: a[:, ::-1],  # top, right
        3: lambda a: a[::-1, ::-1],  # bottom, right
        4: lambda a: a[::-1],  # bottom, left
        5: lambda a: np.swapaxes(a, 0, 1),  # left, top
        6: lambda a: np.rot90(a, -1),  # right, top
        7: lambda a: np.swapaxes(a[::-1, ::-1], 0, 1),  # right, bottom
        8: lambda a: np.rot90(a),  # left, bottom
    }[orientation](array)


PIXELS = np.random.default_rng(0).integers(0, 256, (11, 13, 3), dtype=np.uint8)
DEEP = PIXELS.astype(np.uint16) * 257


def intact_file(name: str) -> bytes:
    """A small file without damage of each kind, by other people's code."""
    out = io.BytesIO()
    if name == "png16":
        return cv2.imencode(".png", DEEP)[1].tobytes()
    if name == "tiff-lzw16":
        return cv2.imencode(".tif", DEEP, [cv2.IMWRITE_TIFF_COMPRESSION, 5])[1].tobytes()
    if name == "tiff-plain":
        tifffile.imwrite(out, DEEP, photometric="rgb")
    elif name == "tiff-deflate":
        tifffile.imwrite(out, DEEP, photometric="rgb", compression="zlib", rowsperstrip=4)
    elif name == "tiff-lzw8":
        Image.fromarray(PIXELS).save(out, "TIFF", compression="tiff_lzw")
    else:
        kind, _, extra = name.partition("-")
        options = {"progressive": {"progressive": True}, "lossless": {"lossless": True}}.get(extra, {})
        Image.fromarray(PIXELS).save(out, kind, **options)
    return out.getvalue()


INTACT_FILES = ["png", "png16", "jpeg", "jpeg-progressive", "webp", "webp-lossless", "bmp"]
INTACT_FILES += ["tiff-plain", "tiff-deflate", "tiff-lzw8", "tiff-lzw16"]


def message_for(path: Path) -> str:
    """What `read` says of a file that it refuses, without the file's name: one line."""
    with pytest.raises(ImageError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message.removeprefix(f"{path}: ")


def refusal(path: Path, *, overwrite: bool = False) -> str:
    """What `write` says where it cannot write, without the file's name: one line."""
    with pytest.raises(OutputError) as caught:
        write(path, Picture(PIXELS), overwrite=overwrite)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message.removeprefix(f"{path}: ")
