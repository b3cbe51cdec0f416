"""What the commands say of how sure a result is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from restore import images
from restore.cli.runner import Session, channels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


def deviation_of(
    picture: images.Picture, name: str, task: str, session: Session, find: Callable[..., Tensor], seed: int
) -> NDArray[np.float32]:
    """The deviation ``(h, w)`` that a function of `restore.tasks.uncertainty` finds for a picture.

    find: is given the picture, the seed and the backbone.
    """
    import numpy as np

    from restore.tasks.uncertainty import known_temperature

    if known_temperature(task, session.backbone) is None:
        session.note(
            f"{name}: how far deviations are off was not measured for these weights and this task: where the "
            "map is bright is right, by how much is not"
        )
    pixels: NDArray[Any] = channels(picture, name)
    if pixels.dtype.kind == "u":  # else samples that differ by less than a level would be the same
        pixels = (pixels / np.iinfo(pixels.dtype).max).astype(np.float32)
    found = find(pixels, seed=seed, prior=session.backbone)
    return np.asarray(found[0, 0].cpu().numpy())
