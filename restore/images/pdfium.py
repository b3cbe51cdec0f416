"""PDFium, through pypdfium2: one thread at a time, as it is not made for more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

_IMAGE = 3  # FPDF_PAGEOBJ_IMAGE
_TAKEN = threading.RLock()


@contextmanager
def pdfium() -> Iterator[Any]:
    """Give pypdfium2, for this thread alone."""
    import pypdfium2

    with _TAKEN:
        yield pypdfium2


def cmyk_as_shown(channels: NDArray[Any]) -> NDArray[Any]:
    """CMYK without a profile as RGB, as PDFium shows it.

    Parameters
    ----------
    channels : uint8 ``(h, w, 4)``, 255 for full ink.
    """
    import numpy as np
    import pikepdf
    from pikepdf import Dictionary, Name

    h, w = channels.shape[:2]
    file = BytesIO()
    with pikepdf.new() as pdf:
        image = pdf.make_stream(
            channels.tobytes(), Type=Name.XObject, Subtype=Name.Image, Width=w, Height=h,
            ColorSpace=Name.DeviceCMYK, BitsPerComponent=8,
        )  # fmt: skip
        page = pdf.add_blank_page(page_size=(200, 200))
        page.obj.Contents = pdf.make_stream(b"/X Do")
        page.obj.Resources = Dictionary(XObject=Dictionary(X=image))
        pdf.save(file, compress_streams=False)
    with pdfium() as module, module.PdfDocument(file.getvalue()) as shown:
        drawn = next(shown[0].get_objects(filter=[_IMAGE])).get_bitmap(render=False)
        bgr = drawn.to_numpy()
        return np.ascontiguousarray(bgr[..., 2::-1])
