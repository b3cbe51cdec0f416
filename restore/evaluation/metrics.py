"""How good a picture is: PSNR, SSIM, MS-SSIM, LPIPS, and the luma that super-resolution is measured on."""

from __future__ import annotations

import os
import pickle
import warnings
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from restore.errors import WeightsError

Trunk = Literal["squeeze", "alex", "vgg"]
# What torchvision's own download of each trunk is called.
_TRUNK_FILES = {"squeeze": "squeezenet1_1-*.pth", "alex": "alexnet-owt-*.pth", "vgg": "vgg16-*.pth"}
_TRUNK_VARIABLE = "RESTORE_LPIPS_TRUNK"
SSIM_SMALLEST = 11  # the window
MS_SSIM_SMALLEST = 176  # the window, sixteen times
LPIPS_SMALLEST = 32  # below it the deepest layer of one trunk or another has no pixel left
_MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


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


def colour_shift(a: Tensor, b: Tensor) -> Tensor:
    """How far the mean colours of two pictures are apart, in [0, 1] units.

    ``mean over c of |mean(a_c) - mean(b_c)|``: a drift that PSNR hardly sees and eyes do. a, b
    ``(b, c, h, w)``; returns float64 ``(b,)``. Raises ValueError for shapes that do not fit.
    """
    _check_pair(a, b)
    return (a.double() - b.double()).mean((2, 3)).abs().mean(1)


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


def ssim(a: Tensor, b: Tensor, *, where: Tensor | None = None) -> Tensor:
    """Structural similarity of each picture of a batch, 1 for equal pictures.

    Wang et al. (2004), eq. 13, with their Gaussian window of 11x11 pixels and sigma 1.5, computed by
    scikit-image channel by channel and averaged; windows that reach over the edge are left out.

    a, b ``(b, c, h, w)`` in [0, 1], at least 11x11 pixels. where ``(b, 1, h, w)``: only the windows around
    these pixels count; NaN for a picture where none lies inside. Returns float64 ``(b,)``. Raises
    ValueError for shapes that do not fit and for smaller pictures.
    """
    return mean_of_windows(ssim_map(a, b), where)


def ssim_map(a: Tensor, b: Tensor) -> Tensor:
    """The structural similarity of each window that lies in the pictures: float64 ``(b, c, h-10, w-10)``.

    a, b as for `ssim`, which is the mean of this.
    """
    from skimage.metrics import structural_similarity

    _check_pair(a, b)
    if min(a.shape[-2:]) < SSIM_SMALLEST:
        raise ValueError(
            f"SSIM needs pictures of at least {SSIM_SMALLEST}x{SSIM_SMALLEST} pixels, "
            f"got {a.shape[-2]}x{a.shape[-1]}"
        )
    maps = [
        structural_similarity(  # type: ignore[no-untyped-call]
            one.detach().double().cpu().numpy(),
            other.detach().double().cpu().numpy(),
            data_range=1,
            channel_axis=0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )[1][:, 5:-5, 5:-5]
        for one, other in zip(a, b, strict=True)
    ]
    return torch.stack([torch.from_numpy(each) for each in maps])


def mean_of_windows(windows: Tensor, where: Tensor | None = None) -> Tensor:
    """The mean of a `ssim_map`, of the windows around the pixels of ``where`` only: float64 ``(b,)``."""
    if where is None:
        return windows.mean((1, 2, 3))
    b, _, h, w = windows.shape
    if where.shape != (b, 1, h + 10, w + 10):
        raise ValueError(f"where is {tuple(where.shape)}, expected {(b, 1, h + 10, w + 10)}")
    inside = where[..., 5:-5, 5:-5].cpu() > 0
    return (windows * inside).mean(1).sum((1, 2)) / inside.sum((1, 2, 3))  # 0 / 0 is NaN


def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """Multi-scale structural similarity of each picture of a batch, 1 for equal pictures.

    Wang, Simoncelli and Bovik (2003), eq. 7, over five scales with their weights, each scale the mean of
    2x2 pixels of the finer one; windows as in `ssim`. A negative contrast term counts as 0.

    a, b ``(b, c, h, w)`` in [0, 1], at least 176x176 pixels, so that a window fits at the coarsest scale.
    Returns float64 ``(b,)``. Raises ValueError for shapes that do not fit and for smaller pictures.
    """
    _check_pair(a, b)
    if min(a.shape[-2:]) < MS_SSIM_SMALLEST:
        raise ValueError(
            f"MS-SSIM needs pictures of at least {MS_SSIM_SMALLEST}x{MS_SSIM_SMALLEST} pixels, "
            f"got {a.shape[-2]}x{a.shape[-1]}"
        )
    a, b = a.detach().float(), b.detach().float()
    product = torch.ones(a.shape[:2], dtype=torch.float64, device=a.device)
    for scale, weight in enumerate(_MS_SSIM_WEIGHTS):
        if scale:
            a, b = avg_pool2d(a, 2), avg_pool2d(b, 2)
        luminance, contrast = _ssim_terms(a, b)
        last = scale == len(_MS_SSIM_WEIGHTS) - 1
        term = (luminance * contrast if last else contrast).double().mean((2, 3))
        product = product * term.clamp_min(0) ** weight
    return product.mean(1).cpu()


def _ssim_terms(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The luminance and the contrast-structure term of SSIM (2004, eqs. 6 and 13) around each inner pixel."""
    from kornia.filters import filter2d_separable, get_gaussian_kernel1d

    window = get_gaussian_kernel1d(11, 1.5, device=a.device, dtype=a.dtype)
    planes = torch.cat([a, b, a * a, b * b, a * b], 1)
    means = filter2d_separable(planes, window, window, padding="valid")
    mean_a, mean_b, square_a, square_b, mixed = means.chunk(5, 1)
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    both = (square_a - mean_a**2) + (square_b - mean_b**2)
    return luminance, (2 * (mixed - mean_a * mean_b) + c2) / (both + c2)


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
        self._network.to(memory_format=torch.channels_last)  # a third of the time on a CPU

    def to(self, device: str | torch.device) -> Lpips:
        """Compute on another device."""
        self._network.to(device)
        return self

    def __call__(self, a: Tensor, b: Tensor, *, where: Tensor | None = None) -> Tensor:
        """a, b ``(b, 3, h, w)`` in [0, 1], at least 32x32 pixels; returns float32 ``(b,)``.

        where ``(b, 1, h, w)``: only the distance at these pixels counts, each layer's map enlarged to the
        picture as lpips does with ``spatial=True``. Raises ValueError for shapes that do not fit.
        """
        _check_pair(a, b)
        return self.distance(self.features(a), self.features(b), where=where)

    def features(self, image: Tensor) -> list[Tensor]:
        """What two pictures are compared by; for a reference that many are compared with.

        image ``(b, 3, h, w)`` in [0, 1]; returns the trunk's layers ``(b, c, h', w')``, each pixel of unit
        length over the channels. Raises ValueError for another shape.
        """
        from lpips import normalize_tensor

        if image.ndim != 4 or image.shape[1] != 3 or min(image.shape[-2:]) < LPIPS_SMALLEST:
            raise ValueError(
                f"LPIPS needs RGB pictures of at least {LPIPS_SMALLEST}x{LPIPS_SMALLEST} pixels "
                f"(b, 3, h, w), got {tuple(image.shape)}"
            )
        device = next(self._network.parameters()).device
        with torch.inference_mode():
            scaled = self._network.scaling_layer(2 * image.to(device).float() - 1)
            layers = self._network.net(scaled.contiguous(memory_format=torch.channels_last))
            return [normalize_tensor(layer) for layer in layers]

    def distance(self, a: list[Tensor], b: list[Tensor], *, where: Tensor | None = None) -> Tensor:
        """The distance of two pictures by their `features`, float32 ``(b,)``."""
        with torch.inference_mode():
            total = torch.zeros(len(a[0]), device=a[0].device)
            for head, one, other in zip(self._network.lins, a, b, strict=True):
                each = head((one - other).square())
                if where is None:
                    total += each.mean((1, 2, 3))
                    continue
                weight = where.to(each)
                each = interpolate(each, weight.shape[-2:], mode="bilinear", align_corners=False)
                total += (each * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3))
        return total.cpu()


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
