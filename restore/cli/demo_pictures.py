"""The pictures of ``restore demo``: photographs under free licences, damaged by code in always the same way.

The photographs are those that scikit-image brings along. None of them was in the training data.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from restore.errors import ImageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

Files = dict[str, bytes]
SHOT = 0.0064
"""Shot noise of the simulated camera, about ISO 6400."""
CREDITS = (
    "Photographs: cup of coffee by Rachel Michetti (CC0), the cat Chelsea by Stefan van der Walt (CC0), "
    "astronaut Eileen Collins by NASA (public domain), Falcon 9 by SpaceX (public domain)."
)


@dataclass(frozen=True)
class Sample:
    """A picture of the demo, and the command that restores it.

    text: what the damage is, and what is to be seen. words: of the command, whose files lie in the folder of
    the demo and begin with ``{}``. before, after: names of files. make: gives the files to begin with.
    """

    title: str
    text: str
    words: tuple[str, ...]
    before: str
    after: str
    make: Callable[[], Files]


def scratch_mask(height: int, width: int) -> Bytes:
    """Pen strokes, scratches and a line of writing, the same every time; 255 where to fill.

    It is for pictures from 250 pixels on.
    """
    import cv2
    import numpy as np

    rng = np.random.default_rng(3)
    mask = np.zeros((height, width), np.uint8)
    for _ in range(6):
        start = rng.integers((0, 0), (width, height))
        path = np.cumsum(np.vstack([start, rng.normal(0, 28, (6, 2)).astype(int)]), axis=0)
        cv2.polylines(mask, [path.astype(np.int32)], False, 255, int(rng.integers(2, 6)))
    for _ in range(7):
        x, drift = int(rng.integers(width)), int(rng.normal(0, 25))
        cv2.line(mask, (x, 0), (x + drift, height), 255, 1)
    cv2.putText(mask, "proof - do not copy", (12, height - 24), cv2.FONT_HERSHEY_SIMPLEX, 1.1, 255, 2)
    return np.where(mask > 0, np.uint8(255), np.uint8(0))  # some versions of OpenCV draw soft edges


def camera_noise(picture: Bytes) -> Bytes:
    """A photograph ``(h, w, 3)`` as a camera at about ISO 6400 stores it."""
    import torch

    from restore.evaluation.camera import Camera

    batch = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] / 255
    seen = Camera(SHOT).apply(batch).given.image[0]
    noisy: Bytes = (seen.permute(1, 2, 0) * 255).round().byte().numpy()
    return noisy


def wear(height: int, width: int) -> NDArray[Any]:
    """Scratches and dust ``(h, w)``, 1 where they hide the picture, 0 where none are; the same each time."""
    import cv2
    import numpy as np

    rng, fine = np.random.default_rng(4), 4  # drawn larger, for soft edges
    veil = np.zeros((height * fine, width * fine), np.uint8)
    for _ in range(5):
        along = np.linspace(0, 1, 30)
        top, bottom = sorted(rng.uniform(0, height, 2)) if rng.random() < 0.5 else (0, height)
        x = rng.uniform(0.05, 0.95) * width + rng.normal(0, 0.04) * width * along
        path = np.stack([x + np.cumsum(rng.normal(0, 0.25, 30)), top + (bottom - top) * along], 1) * fine
        shade, wide = int(rng.integers(170, 255)), int(rng.integers(4, 8))
        cv2.polylines(veil, [path.astype(np.int32)], False, shade, wide)
    for _ in range(40):
        x, y = (rng.random(2) * (width, height) * fine).astype(int).tolist()
        axes = rng.integers(3, 9, 2).tolist()
        angle, shade = float(rng.uniform(0, 180)), int(rng.integers(180, 255))
        cv2.ellipse(veil, (x, y), axes, angle, 0, 360, shade, -1)
    return cv2.resize(veil, (width, height), interpolation=cv2.INTER_AREA) / 255


def _night() -> Files:
    return {"night.png": _png(camera_noise(_photograph("coffee.png")[60:380, 120:440]))}


def _blocks() -> Files:
    return {"blocks.jpg": _encoded(_photograph("astronaut.png")[0:280, 80:360], "JPEG", quality=12)}


def _small() -> Files:
    from PIL import Image

    cat = Image.fromarray(_photograph("chelsea.png")[40:260, 100:400])
    return {"small.png": _encoded(cat.resize((150, 110), Image.Resampling.BICUBIC), "PNG")}


def _scratched() -> Files:
    import numpy as np

    cat = _photograph("chelsea.png")[20:270, 60:360]
    mask = scratch_mask(*cat.shape[:2])
    scratched = np.where(mask[..., None] > 0, np.uint8(245), cat)
    return {"scratched.png": _png(scratched), "scratched-mask.png": _png(mask)}


def _suit() -> Files:
    return {"suit.png": _png(_photograph("astronaut.png")[300:480, 50:290])}


def _worn() -> Files:
    import numpy as np

    print_ = _photograph("rocket.jpg")[60:300, 190:430]
    veil = wear(*print_.shape[:2])[..., None]
    return {"worn.png": _png(np.rint(print_ * (1 - veil) + 245 * veil).astype(np.uint8))}


def _photograph(name: str) -> Bytes:
    """A photograph ``(h, w, 3)``. Raises ImageError where scikit-image does not bring it along."""
    import numpy as np
    from PIL import Image

    try:
        with files("skimage").joinpath("data", name).open("rb") as file, Image.open(file) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, ModuleNotFoundError) as error:
        raise ImageError(
            f"{name}: expected this photograph in the package scikit-image, where it is not; install that "
            "again with python -m pip install --force-reinstall scikit-image"
        ) from error


def _png(pixels: Bytes) -> bytes:
    return _encoded(pixels, "PNG")


def _encoded(picture: Any, kind: str, **options: Any) -> bytes:
    from PIL import Image

    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


SAMPLES = (
    Sample(
        "Noise of a camera",
        "A photograph at ISO 6400, simulated from the raw sensor to the file. The noise is measured, and "
        "the method that fits it chosen.",
        ("denoise", "{}night.png"),
        "night.png",
        "night-denoised.png",
        _night,
    ),
    Sample(
        "Blocks of JPEG",
        "Saved with JPEG quality 12. The file itself says how it was compressed, and the result agrees "
        "with every number in it.",
        ("dejpeg", "{}blocks.jpg", "-o", "{}blocks-restored.png"),
        "blocks.jpg",
        "blocks-restored.png",
        _blocks,
    ),
    Sample(
        "Small pictures",
        "Twice as wide and high. Fur and whiskers are drawn to fit; reduced again, the result is the small "
        "picture. Before: enlarged by your browser.",
        ("upscale", "{}small.png", "--scale", "2"),
        "small.png",
        "small-x2.png",
        _small,
    ),
    Sample(
        "Scratches and writing",
        "The mask is white where the picture is to be filled. All other pixels stay as they are, bit for "
        "bit.",
        ("inpaint", "{}scratched.png", "--mask", "{}scratched-mask.png"),
        "scratched.png",
        "scratched-inpainted.png",
        _scratched,
    ),
    Sample(
        "An object that is in the way",
        "One point on the badge is enough to find it. What it covers is filled with the cloth around it.",
        ("erase", "{}suit.png", "--at", "120,80", "--grow", "8"),
        "suit.png",
        "suit-erased.png",
        _suit,
    ),
    Sample(
        "A worn print, without a mask",
        "Scratches and dust are found by what they look like: most of them here, about two fifths of other "
        "damage. What is missed can be painted into a mask for restore inpaint. Thin lines of the picture "
        "itself, such as wires, can be taken for damage.",
        ("repair", "{}worn.png", "--sensitivity", "high"),
        "worn.png",
        "worn-repaired.png",
        _worn,
    ),
)
"""The pictures of the demo in their order; those that are quickly done come first."""
