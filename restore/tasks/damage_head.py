"""A small network that says how likely each pixel is damage: a scratch, a hair, dust, a fold.

It is shown the picture and top-hats of it, which stand out where something is narrower than they are.
``benchmarks/train_damage.py`` trains it on simulated damage. It computes at half the size and gives four
answers for every cell of 2x2 pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle

from restore.priors.once import once
from restore.priors.tensor_file import read_tensors

Floats = NDArray[np.float32]
WHITE = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue in brightness
TOP_HATS = (5, 13)  # pixels; what is narrower stands out
CHANNELS = 3 + 2 * len(TOP_HATS)
GRID = 8  # the network halves three times
DILATIONS = (1, 2, 4, 8)  # at an eighth of the size
MARGIN = 176  # pixels beside a band that its answers depend on
BAND = 2**22  # pixels that are computed at once


def features(picture: Floats) -> Floats:
    """Give what the network is shown ``(7, h, w)`` of a picture ``(h, w, 3)`` in [0, 1].

    Examples
    --------
    >>> dark = np.zeros((8, 8, 3), np.float32)
    >>> dark[4, 4] = 0.5
    >>> features(dark)[:, 4, 4].tolist()
    [0.0, 0.0, 0.0, 2.0, 0.0, 2.0, 0.0]
    """
    import cv2

    brightness = np.ascontiguousarray(picture @ WHITE)
    shown = [*(picture - np.float32(0.5)).transpose(2, 0, 1)]
    for size in TOP_HATS:
        square = np.ones((size, size), np.uint8)
        for kind in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
            shown.append(4 * cv2.morphologyEx(brightness, kind, square))
    return np.stack(shown)


def _layer(into: int, out: int, *, stride: int = 1, dilation: int = 1, trained: bool) -> nn.Module:
    conv = nn.Conv2d(into, out, 3, stride, dilation, dilation, bias=not trained)
    return nn.Sequential(conv, nn.BatchNorm2d(out), nn.ReLU()) if trained else nn.Sequential(conv, nn.ReLU())


class _Wider(nn.Module):
    """Adds to what it is given what lies at a distance of so many cells."""

    def __init__(self, width: int, dilation: int, *, trained: bool):
        super().__init__()
        self.layer = _layer(width, width, dilation=dilation, trained=trained)

    def forward(self, given: Tensor) -> Tensor:
        found: Tensor = given + self.layer(given)
        return found


class DamageHead(nn.Module):
    """The network: three sizes down and up again. trained: with the normalisation that training needs.

    A line is known by its length: at an eighth of the size dilated convolutions look far along it.
    """

    def __init__(self, *, trained: bool = False):
        super().__init__()
        half, quarter, eighth = 24, 40, 56
        self.a1 = _layer(4 * CHANNELS, half, trained=trained)
        self.a2 = _layer(half, half, trained=trained)
        self.b1 = _layer(half, quarter, stride=2, trained=trained)
        self.b2 = _layer(quarter, quarter, trained=trained)
        self.c1 = _layer(quarter, eighth, stride=2, trained=trained)
        self.c2 = nn.Sequential(*(_Wider(eighth, far, trained=trained) for far in DILATIONS))
        self.u1 = nn.Conv2d(eighth, quarter, 1)
        self.b3 = _layer(quarter, quarter, trained=trained)
        self.u2 = nn.Conv2d(quarter, half, 1)
        self.a3 = _layer(half, half, trained=trained)
        self.out = nn.Conv2d(half, 4, 3, padding=1)

    def forward(self, shown: Tensor) -> Tensor:
        """Give logits ``(b, 1, h, w)`` of features ``(b, 7, h, w)`` whose sides are multiples of 8."""
        a = self.a2(self.a1(pixel_unshuffle(shown, 2)))
        b = self.b2(self.b1(a))
        c = self.c2(self.c1(b))
        b = self.b3(b + interpolate(self.u1(c), scale_factor=2, mode="nearest"))
        a = self.a3(a + interpolate(self.u2(b), scale_factor=2, mode="nearest"))
        return pixel_shuffle(self.out(a), 2)


def folded(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Fold the normalisation of a trained network into its convolutions, in half precision."""
    found = {}
    for name, value in state.items():
        layer = name.rpartition(".")[0]
        if layer.endswith(".1"):
            continue
        norm = f"{layer[:-2]}.1."
        if layer.endswith(".0") and norm + "weight" in state:
            scale = state[norm + "weight"] / (state[norm + "running_var"] + 1e-5).sqrt()
            found[f"{layer}.bias"] = state[norm + "bias"] - state[norm + "running_mean"] * scale
            value = value * scale[:, None, None, None]
        found[name] = value
    return {name: value.half().contiguous() for name, value in found.items()}


@once
def _stored() -> dict[str, Tensor]:
    _, tensors = read_tensors(Path(__file__).parents[1] / "weights" / "damage.safetensors")
    return {name: value.float() for name, value in tensors.items()}


def parameters(prefix: str) -> dict[str, Floats]:
    """Give the weights in the package whose names start so, under the rest of their names."""
    named = _stored().items()
    return {name.removeprefix(prefix): value.numpy() for name, value in named if name.startswith(prefix)}


@once
def head() -> DamageHead:
    """The network with the weights in the package."""
    network = DamageHead()
    own = network.state_dict()
    network.load_state_dict({name: value for name, value in _stored().items() if name in own})
    return network.eval().to(memory_format=torch.channels_last)


def probabilities(picture: Floats, network: nn.Module) -> Floats:
    """Give how likely every pixel is damage.

    Parameters
    ----------
    picture : ``(h, w, 3)`` in [0, 1].
    network : gives logits, as `DamageHead` does.

    Returns
    -------
    array
        ``(h, w)``, 0 to 1. It is computed in bands of rows, with the same result.
    """
    h, w = picture.shape[:2]
    rows = max(GRID, BAND // w // GRID * GRID)
    found = np.empty((h, w), np.float32)
    for top in range(0, h, rows):
        start, end = max(0, top - MARGIN), min(h, top + rows + MARGIN)
        band = _computed(picture[start:end], network)
        found[top : top + rows] = band[top - start :][:rows]
    return found


def _computed(band: Floats, network: nn.Module) -> Floats:
    import cv2

    h, w = band.shape[:2]
    padded: Any = cv2.copyMakeBorder(band, 0, -h % GRID, 0, -w % GRID, cv2.BORDER_REFLECT)
    shown = torch.from_numpy(features(padded))[None].to(memory_format=torch.channels_last)
    with torch.inference_mode():
        logits: Tensor = network(shown)
    return logits[0, 0, :h, :w].sigmoid().numpy()
