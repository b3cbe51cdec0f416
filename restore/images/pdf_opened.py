"""PDFs as pikepdf opens them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import IO, Any

from restore.errors import ImageError
from restore.images.documents import Part
from restore.images.memory import limit
from restore.images.pdf_pages import Where
from restore.images.quiet import quietly

LEAST_UNPACKED = 2**28
"""Bytes that a stream may always become when it is unpacked."""


@dataclass(frozen=True)
class PdfPart(Part):
    """An image of a PDF, or what else a page shows.

    Parameters
    ----------
    where : number and generation of the image among the objects of the file.

    Examples
    --------
    >>> PdfPart(3, "page 3, image 2", number=2, where=(7, 0)).label
    'page 3, image 2'
    """

    where: Where = (0, 0)


def piked(file: Any, name: str) -> Any:
    """Open a PDF with pikepdf.

    Parameters
    ----------
    file : to be read.
    name : what messages call it.

    Raises
    ------
    ImageError
        Where it is encrypted, or nothing can be read of it.
    """
    import pikepdf

    _limit_unpacking()
    try:
        with quietly():
            return pikepdf.open(file)
    except pikepdf.PasswordError as error:
        raise ImageError(
            f"{name}: expected a PDF that opens without a password, got an encrypted one; take the password "
            "away first, as qpdf --decrypt does"
        ) from error
    except (pikepdf.PdfError, RuntimeError, ValueError) as error:
        raise ImageError(
            f"{name}: expected a PDF, got a damaged file of which nothing can be read ({reason_of(error)}); "
            "get a fresh copy"
        ) from error


@cache
def _limit_unpacking() -> None:
    """Let no stream take more than half of the memory; once, since it holds for the process."""
    import pikepdf

    most = limit() or 2**32
    pikepdf.settings.set_qpdf_limits(flate_max_memory=min(2**32 - 1, max(LEAST_UNPACKED, most // 2)))


def save(pdf: Any, file: IO[bytes], *, linear: bool = False) -> None:
    """Write all that is in use in a PDF, streams as they are stored, the same bytes each time.

    Parameters
    ----------
    pdf : as pikepdf has opened it. What is encrypted stays so; then the bytes differ.
    file : open for writing.
    linear : whether it is linearized.
    """
    import pikepdf

    how: dict[str, Any] = {"encryption": True}
    if not pdf.is_encrypted:
        how = {"deterministic_id": True, "stream_decode_level": pikepdf.StreamDecodeLevel.none}
    pdf.save(file, fix_metadata_version=False, compress_streams=False, linearize=linear, **how)


def damage_of(pdf: Any) -> str:
    """What is wrong with a PDF that was repaired as it was opened; empty where it was whole."""
    return "its list of objects is broken" if pdf.get_warnings() else ""


def reason_of(error: BaseException) -> str:
    """What an error of pikepdf says, without the name of the file before it, which is none here."""
    return (" ".join(str(error).split()) or type(error).__name__).rsplit(": ", 1)[-1]
