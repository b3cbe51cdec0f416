"""PDF files of every kind, made with pikepdf and Pillow."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pikepdf = pytest.importorskip("pikepdf")
pytest.importorskip("pypdfium2")

Name, Array, Dictionary = pikepdf.Name, pikepdf.Array, pikepdf.Dictionary


def scene(h: int = 48, w: int = 64, channels: int = 3, *, top: int = 255, seed: int = 0) -> Any:
    """A smooth picture with a little noise, ``(h, w, c)``, uint8 or uint16."""
    y, x = np.mgrid[:h, :w] / max(h, w)
    planes = [0.2 + 0.6 * np.abs(np.sin(3 * x * (k + 1) + 2 * y + seed)) for k in range(channels)]
    noisy = np.stack(planes, 2) + np.random.default_rng(seed).normal(0, 0.03, (h, w, channels))
    return np.rint(np.clip(noisy, 0, 1) * top).astype(np.uint16 if top > 255 else np.uint8)


class PdfMaker:
    """Makes a PDF page by page."""

    def __init__(self) -> None:
        self.pdf = pikepdf.new()
        font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
        self.font = self.pdf.make_indirect(font)

    def image(self, data: bytes, size: tuple[int, int], space: Any, bits: int = 8, **more: Any) -> Any:
        """An image XObject. size: (h, w). more: entries such as Filter."""
        entries = {"ColorSpace": space} if space is not None else {}
        h, w = size
        about = {"Type": Name.XObject, "Subtype": Name.Image, "Width": w, "Height": h}
        return self.pdf.make_stream(data, **about, BitsPerComponent=bits, **entries, **more)

    def flate(self, samples: Any, space: Any = None, **more: Any) -> Any:
        """An image of samples ``(h, w, c)``, compressed without loss."""
        usual = {1: Name.DeviceGray, 3: Name.DeviceRGB, 4: Name.DeviceCMYK}[samples.shape[2]]
        data = samples.astype(samples.dtype.newbyteorder(">")).tobytes()
        more.setdefault("Filter", Name.FlateDecode)
        bits = 8 * samples.dtype.itemsize
        return self.image(zlib.compress(data), samples.shape[:2], space or usual, bits, **more)

    def packed(self, codes: Any, bits: int, space: Any, **more: Any) -> Any:
        """An image of codes ``(h, w)`` of fewer bits than 8."""
        rows = []
        for row in codes:
            text = "".join(f"{code:0{bits}b}" for code in row)
            text += "0" * (-len(text) % 8)
            rows.append(int(text, 2).to_bytes(len(text) // 8))
        data = zlib.compress(b"".join(rows))
        return self.image(data, codes.shape, space, bits, Filter=Name.FlateDecode, **more)

    def jpeg(self, samples: Any, quality: int = 80, space: Any = None, **more: Any) -> Any:
        """An image compressed as JPEG."""
        return self.encoded(samples, "JPEG", Name.DCTDecode, space, quality=quality, **more)

    def encoded(self, samples: Any, kind: str, filter: Any, space: Any = None, **more: Any) -> Any:
        """An image as Pillow writes it. more: options of Pillow in small letters, entries of the image."""
        from PIL import Image

        mode = {1: "L", 3: "RGB", 4: "CMYK"}[samples.shape[2]]
        usual = {1: Name.DeviceGray, 3: Name.DeviceRGB, 4: Name.DeviceCMYK}[samples.shape[2]]
        out, options = BytesIO(), {key: each for key, each in more.items() if key.islower()}
        entries = {key: each for key, each in more.items() if not key.islower()}
        image = Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples, mode)
        image.save(out, kind, **options)
        return self.image(out.getvalue(), samples.shape[:2], space or usual, Filter=filter, **entries)

    def profile(self, icc: bytes, count: int) -> Any:
        """A colour space by a profile."""
        return Array([Name.ICCBased, self.pdf.make_stream(icc, N=count)])

    def form(self, *images: Any) -> Any:
        """A form XObject that shows images."""
        return self.pdf.make_stream(
            _drawing(images), Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 1, 1]),
            Resources=Dictionary(XObject=_named(images)),
        )  # fmt: skip

    def page(self, *shown: Any, text: str = "", drawing: bytes = b"") -> Any:
        """A page of 200x150 points that shows images, all of them as large as itself, and text over them."""
        content = b"q 200 0 0 150 0 0 cm " + _drawing(shown) + b" Q " + drawing
        if text:
            content += b" BT /F1 20 Tf 1 0 0 rg 20 60 Td (" + text.encode() + b") Tj ET"
        page = Dictionary(
            Type=Name.Page, MediaBox=Array([0, 0, 200, 150]), Contents=self.pdf.make_stream(content),
            Resources=Dictionary(XObject=_named(shown), Font=Dictionary(F1=self.font)),
        )  # fmt: skip
        self.pdf.pages.append(pikepdf.Page(self.pdf.make_indirect(page)))
        return self.pdf.pages[-1].obj

    def save(self, path: Path, **options: Any) -> Path:
        """Write the file."""
        self.pdf.save(path, **{"deterministic_id": "encryption" not in options} | options)
        return path


def _named(shown: Sequence[Any]) -> Any:
    return Dictionary({f"/X{at}": each for at, each in enumerate(shown)})


def _drawing(shown: Sequence[Any]) -> bytes:
    return b" ".join(b"/X%d Do" % at for at in range(len(shown)))


def rendered(path: Path, page: int = 0) -> Any:
    """A page as PDFium shows it, ``(h, w, 3)``."""
    import pypdfium2

    with pypdfium2.PdfDocument(path) as pdf:
        return pdf[page].render(scale=1).to_numpy()[..., :3][..., ::-1].copy()
