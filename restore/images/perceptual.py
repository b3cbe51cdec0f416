"""LPIPS, a perceptual distance by the features of a network, on trunks that are read from files."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from restore.errors import WeightsError
from restore.images.pickled import read_pickled
from restore.images.similarity import check_pair

Trunk = Literal["squeeze", "alex", "vgg"]
# What torchvision's own download of each trunk is called.
_TRUNK_FILES = {"squeeze": "squeezenet1_1-*.pth", "alex": "alexnet-owt-*.pth", "vgg": "vgg16-*.pth"}
_TRUNK_VARIABLE = "RESTORE_LPIPS_TRUNK"
LPIPS_SMALLEST = 32  # below it the deepest layer of one trunk or another has no pixel left


class Lpips:
    """Learned perceptual distance of each picture of a batch, 0 for equal pictures.

    LPIPS 0.1 by the lpips package: its wheel holds the calibrated heads, the trunk's convolutions are read
    from a file, and nothing is downloaded. Numbers of different trunks cannot be compared.

    Parameters
    ----------
    trunk_path : str or Path, optional
        torchvision's weights of the trunk under torchvision's names (``features.0.weight``, ...; others are
        ignored). Default: the file that the environment variable RESTORE_LPIPS_TRUNK names, else
        torchvision's own in the torch hub cache.
    net : {'squeeze', 'alex', 'vgg'}
        The trunk.

    Raises
    ------
    ValueError
        There is no such trunk.
    WeightsError
        The file is missing, damaged or of another network.

    References
    ----------
    Zhang et al. 2018, "The unreasonable effectiveness of deep features as a perceptual metric",
    arXiv:1801.03924, eq. 1.

    Examples
    --------
    >>> distance = Lpips("squeezenet1_1.pth")  # doctest: +SKIP
    >>> distance(restored, clean)  # doctest: +SKIP
    tensor([0.0712])
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
        """Measure the distance.

        Parameters
        ----------
        a, b : Tensor
            RGB ``(b, 3, h, w)`` in [0, 1], at least 32x32 pixels.
        where : Tensor, optional
            ``(b, 1, h, w)``: only the distance at these pixels counts; the map of each layer is enlarged to
            the picture, as lpips does with ``spatial=True``.

        Returns
        -------
        Tensor
            float32 ``(b,)``.

        Raises
        ------
        ValueError
            The shapes do not fit.
        """
        check_pair(a, b)
        return self.distance(self.features(a), self.features(b), where=where)

    def features(self, image: Tensor) -> list[Tensor]:
        """The features that two pictures are compared by, for a reference that many are compared with.

        Parameters
        ----------
        image : Tensor
            ``(b, 3, h, w)`` in [0, 1].

        Returns
        -------
        list of Tensor
            The trunk's layers ``(b, c, h', w')``, each pixel of unit length over the channels.

        Raises
        ------
        ValueError
            It has another shape.
        """
        with torch.inference_mode():
            return self._features(image)

    def distance(self, a: list[Tensor], b: list[Tensor], *, where: Tensor | None = None) -> Tensor:
        """The distance of two pictures by their `features`, float32 ``(b,)`` on the CPU."""
        with torch.inference_mode():
            return self._distance(a, b, where).cpu()

    def loss(self, a: Tensor, b: Tensor, *, where: Tensor | None = None) -> Tensor:
        """Measure the distance with a gradient for a, which the features of b do without.

        Parameters
        ----------
        a, b : Tensor
            As for a call. Values of a outside [0, 1] are taken as they are.
        where : Tensor, optional
            As for a call.

        Returns
        -------
        Tensor
            float32 ``(b,)``, on the device of this network.

        Raises
        ------
        ValueError
            The shapes do not fit.
        """
        check_pair(a, b)
        with torch.no_grad():
            reference = self._features(b)
        return self._distance(self._features(a), reference, where)

    def _features(self, image: Tensor) -> list[Tensor]:
        if image.ndim != 4 or image.shape[1] != 3 or min(image.shape[-2:]) < LPIPS_SMALLEST:
            raise ValueError(
                f"LPIPS needs RGB pictures of at least {LPIPS_SMALLEST}x{LPIPS_SMALLEST} pixels "
                f"(b, 3, h, w), got {tuple(image.shape)}"
            )
        device = next(self._network.parameters()).device
        scaled = self._network.scaling_layer(2 * image.to(device).float() - 1)
        layers = self._network.net(scaled.contiguous(memory_format=torch.channels_last))
        return [_unit(layer) for layer in layers]

    def _distance(self, a: list[Tensor], b: list[Tensor], where: Tensor | None) -> Tensor:
        total = torch.zeros(len(a[0]), device=a[0].device)
        for head, one, other in zip(self._network.lins, a, b, strict=True):
            each = head((one - other).square())
            if where is None:
                total = total + each.mean((1, 2, 3))
                continue
            weight = where.to(each)
            each = interpolate(each, weight.shape[-2:], mode="bilinear", align_corners=False)
            total = total + (each * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3))
        return total


def _unit(layer: Tensor) -> Tensor:
    """The features of each pixel at unit length, as lpips has it but with a gradient where all are 0."""
    length = layer.square().sum(1, keepdim=True).clamp_min(1e-20).sqrt()
    return layer / (length + 1e-10)


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
        weights = read_pickled(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
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
