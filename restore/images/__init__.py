"""Picture files in and out, in kind: depth, alpha, EXIF, ICC, XMP, dpi and orientation are kept.

`read` gives a `Picture`: pixels as RGB at their own depth, and everything needed to write them back. `write`
encodes to a temporary file in the same folder, decodes that file again, compares, and only then renames it,
so that no half-written or wrong file ever has the name that was asked for.

=======  ======================  =====================================================================
format   depths                  written as
=======  ======================  =====================================================================
PNG      8, 16 bit               lossless
TIFF     8, 16 bit, float32      lossless (Deflate); floats may lie outside [0, 1]
WebP     8 bit                   lossless unless a quality below 100 is given, at most 16383 pixels a side
BMP      8 bit                   lossless; no EXIF, ICC or XMP
GIF      8 bit                   at most 256 colours a picture; no EXIF, ICC or XMP
JPEG     8 bit                   quality 95 by default, colour at full resolution (4:4:4); no alpha
HEIC     8, 10, 12 bit           quality 70 by default; with the extra ``heif``
AVIF     8, 10, 12 bit           quality 92 by default; 10 and 12 bits with the extra ``heif``
JPEG XL  8, 16 bit, float32      lossless unless a quality below 100 is given; with the extra ``jxl``
=======  ======================  =====================================================================

Nothing heavy is imported before a picture is read. What needs torch has modules of its own: `canvas` (arrays,
tensors and PIL images as batches), `resize`, `device_constants`; `fingerprints` needs NumPy.
"""

from restore.images.documents import Document, DocumentWriter, Part
from restore.images.files import (
    MAX_BYTES,
    hash_of,
    picture_start,
    read_bytes,
    read_picture_bytes,
    read_stream,
)
from restore.images.folders import (
    ASIDE,
    Listing,
    is_ignored,
    list_inputs,
    no_pictures,
    survey,
    unread_note,
)
from restore.images.formats import MAX_PIXELS, MOST_EXIF, SUFFIXES, check_side, kind_of, lossy_notes
from restore.images.jpeg_coding import JpegCoding
from restore.images.masks import (
    Mask,
    decode_mask,
    decode_mask_picture,
    mask_start,
    read_mask,
    recognised,
)
from restore.images.opening import open_document
from restore.images.page_count import page_count
from restore.images.paths import is_empty, is_folder, name_problem, what_is
from restore.images.picture import TOP, Picture, at_depth_of, to_tensor
from restore.images.png import png_chunk
from restore.images.proof import writable
from restore.images.publishing import check_place, sweep
from restore.images.reader import (
    check_finite,
    decode,
    read,
    read_pages,
)
from restore.images.writer import encode, write, write_bytes, written

__all__ = [
    "ASIDE", "MAX_BYTES", "MAX_PIXELS", "MOST_EXIF", "SUFFIXES", "TOP", "Document", "DocumentWriter",
    "JpegCoding", "Listing", "Mask", "Part", "Picture", "at_depth_of", "check_finite", "check_place",
    "check_side", "decode", "decode_mask", "decode_mask_picture", "encode", "hash_of", "is_empty",
    "is_folder", "is_ignored", "kind_of", "list_inputs", "lossy_notes", "mask_start", "name_problem",
    "no_pictures", "open_document", "page_count", "picture_start", "png_chunk", "read", "read_bytes",
    "read_mask", "read_pages", "read_picture_bytes", "read_stream", "recognised", "survey", "sweep",
    "to_tensor", "unread_note", "what_is", "writable", "write", "write_bytes", "written",
]  # fmt: skip
