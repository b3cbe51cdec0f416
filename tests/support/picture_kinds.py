"""Pictures of every kind, depth and number of channels that the package takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

H, W = 7, 5
DTYPES = ("uint8", "uint16", "float16", "float32", "float64", ">u2", ">f4", ">f8")
CHANNELS = ((), (1,), (2,), (3,), (4,))
PIL_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16", "I;16B")
# What comes back where it is not the mode itself: restored colours do not fit a palette.
PIL_RESULTS = {"1": "L", "P": "RGB", "PA": "RGBA"}


def random_array(dtype: str, shape: tuple[int, ...], *, seed: int = 0) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    if kind.kind == "u":
        return rng.integers(0, np.iinfo(kind).max, shape, endpoint=True).astype(kind)
    return rng.random(shape).astype(kind)


def random_pil(mode: str) -> Image.Image:
    if mode.startswith("I;16"):
        return Image.fromarray(random_array(">u2" if mode == "I;16B" else "<u2", (H, W)))
    image = Image.fromarray(random_array("uint8", (H, W, 4)))
    if mode == "PA":
        image = image.convert("LA")
    elif mode == "P":
        image = image.convert("RGB")
    image = image.convert(mode)
    assert image.mode == mode
    image.info["dpi"] = (300, 300)
    return image


def all_kinds() -> list[Any]:
    """Every kind, depth and number of channels that is taken."""
    kinds: list[Any] = [random_array(dtype, (H, W, *c)) for dtype in DTYPES for c in CHANNELS]
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        for shape in ((1, H, W), (3, H, W), (4, H, W), (2, 1, H, W), (2, 3, H, W), (2, 4, H, W)):
            kinds.append(torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(dtype))
    kinds += [random_array(dtype, (2, H, W, c)) for dtype in ("uint8", "float32") for c in (1, 3, 4)]
    kinds += [torch.from_numpy(random_array("uint8", s)) for s in ((1, H, W), (4, H, W), (2, 3, H, W))]
    return kinds + [random_pil(mode) for mode in PIL_MODES]


def name(image: Any) -> str:
    if isinstance(image, Image.Image):
        return f"PIL {image.mode}"
    return f"{type(image).__name__} {image.dtype} {tuple(image.shape)}"


def numbers(image: Any) -> Any:
    """All numbers of a picture in double precision, channels last for arrays and PIL images."""
    return image.detach().double().numpy() if isinstance(image, Tensor) else np.asarray(image).astype(float)


def expected_kind(image: Any) -> Any:
    """The picture itself, or what its palette stands for."""
    if isinstance(image, Image.Image) and image.mode in PIL_RESULTS:
        return image.convert(PIL_RESULTS[image.mode])
    return image


def assert_same_kind(found: Any, image: Any, size: tuple[int, int] = (H, W)) -> None:
    if isinstance(image, Image.Image):
        assert found.mode == PIL_RESULTS.get(image.mode, image.mode)
        assert found.size == size[::-1]
        return
    assert type(found) is type(image)
    assert found.dtype == image.dtype
    h, w = size
    if isinstance(image, Tensor):
        assert found.shape == (*image.shape[:-2], h, w)
        assert found.device == image.device
    elif image.ndim == 4:
        assert found.shape == (len(image), h, w, image.shape[3])
    else:
        assert found.shape == (h, w, *image.shape[2:])


EVERY_KIND = pytest.mark.parametrize("image", all_kinds(), ids=name)
