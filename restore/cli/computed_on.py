"""On what a picture is computed, as far as its bytes depend on it."""

from __future__ import annotations

import platform
import sys
from typing import Any


def computed_on(device: str = "") -> dict[str, Any]:
    """The fields ``threads``, ``torch`` and ``machine`` of a record; none where torch is not in use.

    Nothing that names a computer or a person is among them.

    Parameters
    ----------
    device : the type of the network's device: ``cpu``, ``cuda`` or ``mps``; empty where there was no network.

    Examples
    --------
    >>> import torch
    >>> computed_on("cpu")["threads"] == torch.get_num_threads()
    True
    """
    torch = sys.modules.get("torch")  # a picture that was copied did without
    if torch is None:
        return {}
    machine = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    if device == "cuda":
        machine = torch.cuda.get_device_name()
    elif device == "mps":
        machine = f"{platform.machine()} {device}"
    return {"threads": torch.get_num_threads(), "torch": torch.__version__, "machine": machine}
