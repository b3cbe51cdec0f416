"""GIF, which is read for masks alone: its 256 colours are too few for photographs."""

from __future__ import annotations

from io import BytesIO

from restore.images.formats import check_size
from restore.images.page_count import pages_in
from restore.images.picture import Picture, assembled
from restore.images.pillow import channels_of_image, lacking_colours

LOOKED_AT = 2**20  # bytes in which further pictures are counted


def is_gif(data: bytes) -> bool:
    """Whether a file begins like a GIF (GIF89a, section 17)."""
    return data[:6] in (b"GIF87a", b"GIF89a")


def decode_gif(data: bytes, name: str) -> Picture:
    """Decode the first picture of a GIF; a transparent colour becomes alpha.

    Parameters
    ----------
    data : the bytes of the file.
    name : what messages call the file.

    Raises
    ------
    ImageError
        For too large a picture. Damaged files raise whatever Pillow raises.
    """
    from PIL import GifImagePlugin

    image = GifImagePlugin.GifImageFile(BytesIO(data))
    check_size(image.width, image.height, name)
    image.load()
    channels, notes = channels_of_image(image, name)
    pages = pages_in(BytesIO(data[:LOOKED_AT]))
    return assembled(channels, format="gif", pages=pages, notes=(*notes, *lacking_colours(image)))
