"""Where a training step's time goes, and how much of what the machine can do it uses."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from restore.training.trainer import Trainer

WARM_UP, MEASURED = 4, 16

PEAK_CHANNELS = (128, 256, 512)
CONVOLUTION = torch.ops.aten.mkldnn_convolution
"""What `restore.priors.convolution` calls on processors."""


@dataclass(frozen=True)
class Profile:
    """How long training steps take.

    Parameters
    ----------
    crops : in a step.
    side : of a crop in pixels.
    precision : of network calls.
    seconds : of one step, the mean of several that follow one another as in training.
    parts : seconds of its parts, each waited for. Where a device works beside the CPU they overlap in
        training, and their sum is more than ``seconds``.
    operations : floating-point operations of all matrix products and convolutions of a step, forward and
        backward, without those of the optimiser.
    peak : operations per second of one large 3x3 convolution, forward and backward, in the same precision:
        the best that convolutions reach on this machine.
    """

    crops: int
    side: int
    precision: str
    seconds: float
    parts: dict[str, float]
    operations: float
    peak: float

    @property
    def crops_per_second(self) -> float:
        """Of the whole step."""
        return self.crops / self.seconds

    @property
    def share_of_peak(self) -> float:
        """Of the convolution peak, over the whole step."""
        return self.operations / self.seconds / self.peak

    def __str__(self) -> str:
        total = sum(self.parts.values())
        return "\n".join(
            [
                *(f"{name:<18}{1e3 * s:9.1f} ms {s / total:6.1%}" for name, s in self.parts.items()),
                f"{'a step':<18}{1e3 * self.seconds:9.1f} ms: {self.crops_per_second:.0f} crops of "
                f"{self.side}x{self.side} a second",
                f"{self.operations / self.crops / 1e9:.2f} GFLOP a crop, forward and backward: "
                f"{self.operations / self.seconds / 1e12:.3f} TFLOP/s",
                f"{self.share_of_peak:.0%} of {self.peak / 1e12:.3f} TFLOP/s, what 3x3 convolutions reach "
                f"here in {self.precision}",
            ]
        )


def _operations(x: Sequence[int], weight: Sequence[int], *_: object, out_shape: Sequence[int]) -> int:
    """The multiplications and additions of a convolution, which torch does not count in this form."""
    return int(conv_flop_count(list(x), list(weight), list(out_shape)))


def profile(trainer: Trainer) -> Profile:
    """Take a few training steps and measure them and their parts. The trainer is of no use afterwards."""
    data = trainer.read_data()
    batch = trainer.batch(data)
    with FlopCounterMode(display=False, custom_mapping={CONVOLUTION: _operations}) as counter:
        torch.autograd.backward(trainer.loss(trainer.network, batch)[0])
    trainer.network.zero_grad(set_to_none=True)
    forward, wait = trainer.compiled(), waiting(trainer.device)
    trainer.train_step(forward, data)  # compiles
    parts: dict[str, list[float]] = {"crops and damage": [], "forward": [], "backward": [], "optimiser": []}
    for _ in range(WARM_UP + MEASURED):
        marks = [now(wait)]
        batch = trainer.batch(data)
        marks.append(now(wait))
        loss, _ = trainer.loss(forward, batch)
        marks.append(now(wait))
        torch.autograd.backward(loss)
        marks.append(now(wait))
        trainer.update_weights()
        marks.append(now(wait))
        for times, (start, end) in zip(parts.values(), pairwise(marks), strict=True):
            times.append(end - start)
    start = now(wait)
    for _ in range(MEASURED):
        trainer.train_step(forward, data)
    seconds = (now(wait) - start) / MEASURED
    return Profile(
        crops=len(batch.clean),
        side=batch.clean.shape[-1],
        precision=str(trainer.dtype).removeprefix("torch."),
        seconds=seconds,
        parts={name: fmean(times[WARM_UP:]) for name, times in parts.items()},
        operations=float(counter.get_total_flops()),
        peak=convolution_peak(trainer.device, trainer.dtype),
    )


def convolution_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of the fastest of a few large 3x3 convolutions, forward and backward."""
    wait = waiting(device)
    side, batch = (64, 64) if device.type == "cuda" else (48, 8)
    best = 0.0
    for channels in PEAK_CHANNELS:
        conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False, device=device, dtype=dtype)
        conv = conv.to(memory_format=torch.channels_last)
        x = torch.randn(batch, channels, side, side, device=device, dtype=dtype)
        x = x.to(memory_format=torch.channels_last).requires_grad_()
        gradient = torch.ones_like(x)
        seconds = []
        for _ in range(6):
            start = now(wait)
            torch.autograd.grad(conv(x), (x, conv.weight), gradient)
            seconds.append(now(wait) - start)
        operations = 3 * 2 * 9 * channels**2 * x[:, 0].numel()
        best = max(best, operations / min(seconds))
    return best


def waiting(device: torch.device) -> Callable[[], None]:
    """A function that waits until the device has done all its work."""
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    if device.type == "mps":
        return torch.mps.synchronize
    return lambda: None


def now(wait: Callable[[], None]) -> float:
    """Seconds on a clock, after all work given so far."""
    wait()
    return time.perf_counter()
