"""What the commands say of how sure a result is: between samples, or by the noise that was in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from restore import images
from restore.running import Session, channels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DRAW = 1 << 31  # seeds of the samples that only the map sees begin so far from the picture's own


def between_samples(
    draw: Callable[[int, NDArray[Any]], Any],
    picture: images.Picture,
    name: str,
    session: Session,
    task: str,
    seed: int,
    hole: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """The deviation ``(h, w)`` between samples of a picture, `draw(seed, pixels)` each."""
    import numpy as np
    import torch

    from restore.tasks.uncertainty import of_samples

    _tell_temperature(session, name, task)
    pixels, backbone = channels(picture, name), session.backbone
    # At the depth of the file a deviation of less than a level would be lost.
    deep = (pixels / np.iinfo(pixels.dtype).max).astype(np.float32) if pixels.dtype.kind == "u" else pixels
    where = None if hole is None else torch.from_numpy(hole)[None, None].float()
    found = of_samples(
        lambda k: draw((seed + DRAW + k) % 2**32, deep), session.settings.uncertainty_samples, task, backbone,
        where=where,
    )  # fmt: skip
    return np.asarray(found[0, 0].cpu().numpy())


def of_noise(
    picture: images.Picture, name: str, sigma: float, session: Session, seed: int
) -> NDArray[np.float32]:
    """The deviation ``(h, w)`` of a picture that was denoised to the mean of white noise, 0..255 scale."""
    import numpy as np

    from restore.tasks.uncertainty import of_denoising

    _tell_temperature(session, name, "denoise")
    found = of_denoising(channels(picture, name), sigma, seed=seed, backbone=session.backbone)
    return np.asarray(found[0, 0].cpu().numpy())


def _tell_temperature(session: Session, name: str, task: str) -> None:
    from restore.tasks.uncertainty import known_temperature

    if known_temperature(task, session.backbone) is None:
        session.note(
            f"{name}: how far deviations are off was not measured for these weights and this task: where the "
            "map is bright is right, by how much is not"
        )
