"""One training run in several processes, as torchrun and Accelerate start them."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from restore.errors import ConfigError
from restore.priors.device import best_device, limit_threads


@dataclass(frozen=True)
class Processes:
    """The processes of a run: the rank of this one, and how many there are (``world``)."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this process speaks, writes and validates for all."""
        return self.rank == 0

    def agree(self, *numbers: float) -> list[float]:
        """The first process's numbers: all must have the same learning rate and end at the same step."""
        if self.world == 1:
            return list(numbers)
        shared = torch.tensor(numbers, dtype=torch.float64)
        torch.distributed.broadcast(shared, 0)
        return shared.tolist()

    def leave(self) -> None:
        """End the process group, after the first process has come to the same point."""
        if self.world > 1:
            self.agree(0.0)
            torch.distributed.destroy_process_group()


def join_processes(device: torch.device) -> Processes:
    """Join the process group that the environment names, if there is one."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Processes()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # Gradients are averaged over the devices' own links, clocks over the CPU, which waits for no device.
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    return Processes(torch.distributed.get_rank(), world)


def device_of(name: str) -> torch.device:
    """The device of that name; for ``cuda``, this process's own card. Raises ConfigError."""
    limit_threads()
    if name == "auto":
        name = best_device()
    if name == "cuda":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"run.device {name!r} cannot be used ({reason}); expected auto, cpu or cuda"
        ) from None
