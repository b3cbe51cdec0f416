"""The channels of a TIFF that are neither colour nor alpha: a second fluorescence channel, infrared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from restore import images

if TYPE_CHECKING:
    from numpy.typing import NDArray


def restored_apart(picture: images.Picture, name: str, kind: str) -> list[tuple[images.Picture, str]]:
    """Give the pictures that are restored one by one, and what messages call them; the picture itself first.

    The further channels of a gray picture are gray pictures as well. Those of a coloured one are carried as
    they are, since nothing says what they show. kind: the format of the result, which may have no room.
    """
    import numpy as np

    found = [(picture, name)]
    if not picture.gray or picture.extra is None or kind != "tiff":
        return found
    for n in range(picture.extra.shape[2]):
        pixels = np.repeat(picture.extra[..., n : n + 1], 3, axis=2)
        found.append(
            (replace(picture, pixels=pixels, extra=None, notes=()), f"{name}, extra channel {n + 1}")
        )
    return found


def with_extra(
    picture: images.Picture, channels: Sequence[NDArray[Any]], meanings: tuple[int, ...]
) -> images.Picture:
    """Give a picture these further channels, each ``(h, w)``."""
    import numpy as np

    return replace(picture, extra=np.stack(channels, axis=2), meanings=meanings)
