"""How good a picture is: PSNR, SSIM, LPIPS, and the luma that super-resolution is measured on."""

from __future__ import annotations

import os
import pickle
import warnings
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from restore.errors import WeightsError

Trunk = Literal["squeeze", "alex", "vgg"]

# What torchvision's own download of each trunk is called.
_TRUNK_FILES = {"squeeze": "squeezenet1_1-*.pth", "alex": "alexnet-owt-*.pth", "vgg": "vgg16-*.pth"}
_TRUNK_VARIABLE = "RESTORE_LPIPS_TRUNK"
# Below this the deepest layer of one trunk or another has no pixel left.
_LPIPS_SMALLEST = 32


def psnr(a: Tensor, b: Tensor, *, where: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio of each picture of a batch, in dB.

    ``-10 log10(mean((a - b)^2))`` for a peak of 1; equal pictures give infinity.

    a, b ``(b, c, h, w)``, nominal range [0, 1], taken as they are: clamp and round first where the
    protocol says so. where ``(b, 1, h, w)``: the mean is taken over these pixels only, all channels;
    weights between 0 and 1 count in part. Returns float64 ``(b,)``. Raises ValueError for shapes that
    do not fit and for a picture of which ``where`` selects nothing.
    """
    _check_pair(a, b)
    error = (a.double() - b.double()).square().mean(1, keepdim=True)
    if where is None:
        return -10 * error.mean((1, 2, 3)).log10()
    if where.shape != error.shape:
        raise ValueError(
            f"where is {tuple(where.shape)}, expected {tuple(error.shape)}: one plane for each picture"
        )
    weight = where.double()
    total = weight.sum((1, 2, 3))
    if not (total > 0).all():
        empty = int((total > 0).logical_not().nonzero()[0])
        raise ValueError(f"where selects no pixel of picture {empty}; PSNR over nothing is not defined")
    return -10 * ((error * weight).sum((1, 2, 3)) / total).log10()


def luma(image: Tensor) -> Tensor:
    """The Y of MATLAB's rgb2ycbcr, on which super-resolution is measured.

    ``Y = (16 + 65.481 R + 128.553 G + 24.966 B) / 255`` (ITU-R BT.601), from 16/255 to 235/255, not
    rounded. image ``(b, 3, h, w)`` in [0, 1]; returns ``(b, 1, h, w)``. Raises ValueError for another
    number of channels.
    """
    if image.ndim != 4 or image.shape[1] != 3:
        raise ValueError(f"expected an RGB image (b, 3, h, w), got {tuple(image.shape)}")
    weights = image.new_tensor([65.481, 128.553, 24.966]).view(1, 3, 1, 1)
    return (16 + (image * weights).sum(1, keepdim=True)) / 255


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity of each picture of a batch, 1 for equal pictures.

    Wang et al. (2004), eq. 13, with their Gaussian window of 11x11 pixels and sigma 1.5, computed by
    scikit-image channel by channel and averaged; windows that reach over the edge are left out.

    a, b ``(b, c, h, w)`` in [0, 1], at least 11x11 pixels. Returns float64 ``(b,)``. Raises ValueError
    for shapes that do not fit and for smaller pictures.
    """
    from skimage.metrics import structural_similarity

    _check_pair(a, b)
    if min(a.shape[-2:]) < 11:
        raise ValueError(f"SSIM needs pictures of at least 11x11 pixels, got {a.shape[-2]}x{a.shape[-1]}")
    scores = [
        structural_similarity(  # type: ignore[no-untyped-call]
            one.detach().double().cpu().numpy(),
            other.detach().double().cpu().numpy(),
            data_range=1,
            channel_axis=0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for one, other in zip(a, b, strict=True)
    ]
    return torch.tensor(scores, dtype=torch.float64)


class Lpips:
    """Learned perceptual distance of each picture of a batch, 0 for equal pictures.

    LPIPS 0.1, Zhang et al. (2018), eq. 1, by the lpips package: its wheel holds the calibrated heads,
    the trunk's convolutions are read from a file, and nothing is downloaded. That file holds
    torchvision's weights by torchvision's names (``features.0.weight``, ...; others are not looked at)
    and is, in this order: ``trunk_path``, the one named by the environment variable
    RESTORE_LPIPS_TRUNK, torchvision's own in the torch hub cache. Numbers of different trunks cannot
    be compared. Raises WeightsError for a trunk that is missing, damaged or of another network.
    """

    def __init__(self, trunk_path: str | Path | None = None, net: Trunk = "squeeze"):
        if net not in _TRUNK_FILES:
            raise ValueError(f"net must be one of {', '.join(_TRUNK_FILES)}; got {net!r}")
        self.net = net
        self.trunk = _find_trunk(trunk_path, net)
        weights = _read_trunk(self.trunk)
        self._network = _network(net)
        _load_trunk(self._network.net, weights, self.trunk, net)

    def to(self, device: str | torch.device) -> Lpips:
        """Compute on another device."""
        self._network.to(device)
        return self

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """a, b ``(b, 3, h, w)`` in [0, 1], at least 32x32 pixels; returns float32 ``(b,)``.

        Raises ValueError for shapes that do not fit.
        """
        _check_pair(a, b)
        if a.shape[1] != 3 or min(a.shape[-2:]) < _LPIPS_SMALLEST:
            raise ValueError(
                f"LPIPS needs RGB pictures of at least {_LPIPS_SMALLEST}x{_LPIPS_SMALLEST} pixels "
                f"(b, 3, h, w), got {tuple(a.shape)}"
            )
        device = next(self._network.parameters()).device
        with torch.inference_mode():
            distance: Tensor = self._network(a.to(device).float(), b.to(device).float(), normalize=True)
        return distance.flatten().cpu()


def _check_pair(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape or a.ndim != 4:
        raise ValueError(
            f"expected two batches of pictures (b, c, h, w) of one shape, got {tuple(a.shape)} "
            f"and {tuple(b.shape)}"
        )
    if not (a.is_floating_point() and b.is_floating_point()):
        raise TypeError(f"expected floats in [0, 1], got {a.dtype} and {b.dtype}; divide by the peak first")


def _find_trunk(path: str | Path | None, net: str) -> Path:
    named = os.environ.get(_TRUNK_VARIABLE)
    if path is not None or named:
        found = Path(path if path is not None else str(named))
        if not found.is_file():
            by = "" if path is not None else f", named by {_TRUNK_VARIABLE}"
            raise WeightsError(f"{found}: no such file{by}; expected torchvision's {net} weights for LPIPS")
        return found
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    cached = sorted(cache.glob(_TRUNK_FILES[net]))
    if not cached:
        raise WeightsError(
            f"LPIPS needs torchvision's {net} weights and there is no {_TRUNK_FILES[net]} in {cache}; "
            f"set {_TRUNK_VARIABLE} to the file, or put it there"
        )
    return cached[0]


def _read_trunk(path: Path) -> dict[str, Tensor]:
    """The feature weights of a torchvision checkpoint; never runs pickled code."""
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        # Only the first line: torch adds a paragraph on how to run pickled code after all.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"{path}: damaged, or not a file of weights ({reason})") from None
    if not isinstance(weights, dict):
        raise WeightsError(f"{path}: expected named weights, got {type(weights).__name__}")
    return {
        str(name): weight
        for name, weight in weights.items()
        if str(name).startswith("features.") and isinstance(weight, Tensor)
    }


def _network(net: str) -> Any:
    """The lpips package's network: calibrated heads, trunk still to be loaded."""
    import lpips

    # The trunk is drawn at random before it is replaced, which must not move the caller's random numbers.
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # lpips 0.1.4 builds its torchvision network with arguments that torchvision has renamed.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torchvision\.models\._utils")
        network = lpips.LPIPS(net=net, pretrained=True, pnet_rand=True, verbose=False)
    return network.eval().requires_grad_(False)


def _load_trunk(trunk: torch.nn.Module, weights: dict[str, Tensor], path: Path, net: str) -> None:
    """Every weight of the trunk from its namesake, and every weight of the file used."""
    # lpips cuts torchvision's ``features`` into slices but keeps the numbers: slice2.3.* is features.3.*
    names = {name: "features." + name.split(".", 1)[1] for name in trunk.state_dict()}
    for name in sorted(set(names.values()) ^ weights.keys()):
        problem = "has an unknown" if name in weights else "lacks"
        raise WeightsError(f"{path}: {problem} tensor {name}; these are not torchvision's {net} weights")
    for name, expected in trunk.state_dict().items():
        found = weights[names[name]]
        if found.shape != expected.shape:
            raise WeightsError(
                f"{path}: tensor {names[name]} is {tuple(found.shape)}, expected {tuple(expected.shape)}; "
                f"these are not torchvision's {net} weights"
            )
    trunk.load_state_dict({name: weights[source] for name, source in names.items()}, strict=True)
