"""The facts that the numbers of an evaluation depend on beside their protocol: weights, machine, versions."""

from __future__ import annotations

import datetime
import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import version

import torch

from restore.images.perceptual import Lpips
from restore.priors.protocol import Prior

_PACKAGES = ("torch", "torchvision", "numpy", "scikit-image", "opencv-python", "pillow", "lpips")


def facts(networks: Mapping[str, Prior], nets: Mapping[str, Lpips]) -> dict[str, str]:
    """Collect the facts, ready to print.

    Parameters
    ----------
    networks : mapping
        The priors by the names of their rows.
    nets : mapping
        LPIPS by the trunk.
    """
    found = {"date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"), "machine": machine()}
    for name, prior in networks.items():
        count = prior.parameters
        precision = str(prior.dtype).removeprefix("torch.")
        turned = f", each call the mean of {n} orientations" if (n := prior.ensemble) > 1 else ""
        found["weights" if name == "restore" else f"weights {name}"] = (
            f"{str(prior.facts.get('sha256', 'without a hash'))[:12]}, {count / 1e6:.1f} M parameters, "
            f"computed in {precision} on {prior.device}{turned}"
        )
    for net, lpips in nets.items():
        digest = hashlib.sha256(lpips.trunk.read_bytes()).hexdigest()[:12]
        found[f"LPIPS {net}"] = f"lpips {version('lpips')}, v0.1 heads, trunk {lpips.trunk.name} ({digest})"
    found["versions"] = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return found


def machine() -> str:
    """Describe the machine: processors, threads, system, Python."""
    cpu = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{cpu}{gpu}, {platform.system()}, Python {platform.python_version()}"
