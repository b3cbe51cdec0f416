"""Where a training step's time goes, and how much of what the machine can do it uses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from restore.training.loop import Trainer

WARM_UP, MEASURED = 4, 12
PEAK_CHANNELS = (128, 256, 512)


@dataclass(frozen=True)
class Profile:
    """One training step.

    parts: seconds of its parts, medians. operations: floating-point operations of all matrix products and
    convolutions of a step, forward and backward. peak: operations a second of one large 3x3 convolution,
    forward and backward, in the training's precision: the best that convolutions reach here.
    """

    crops: int
    side: int
    precision: str
    parts: dict[str, float]
    operations: float
    peak: float

    @property
    def crops_per_second(self) -> float:
        return self.crops / sum(self.parts.values())

    @property
    def share_of_peak(self) -> float:
        """Of the convolution peak, over the whole step."""
        return self.operations / sum(self.parts.values()) / self.peak

    def __str__(self) -> str:
        total = sum(self.parts.values())
        lines = [f"{name:<22}{1e3 * s:9.1f} ms {s / total:6.1%}" for name, s in self.parts.items()]
        return "\n".join(
            [
                *lines,
                f"{'a step':<22}{1e3 * total:9.1f} ms, {self.crops} crops of {self.side}x{self.side}: "
                f"{self.crops_per_second:.0f} crops a second",
                f"{self.operations / self.crops / 1e9:.2f} GFLOP a crop, forward and backward: "
                f"{self.operations / total / 1e12:.3f} TFLOP/s",
                f"{self.share_of_peak:.0%} of {self.peak / 1e12:.3f} TFLOP/s, what 3x3 convolutions reach "
                f"here in {self.precision}",
            ]
        )


def profile(trainer: Trainer) -> Profile:
    """Take a few training steps and measure each of their parts. The trainer is of no use afterwards."""
    photos, pages = trainer.read_data()
    forward = trainer.compiled()
    batch = trainer.batch(photos, pages)
    with FlopCounterMode(display=False) as counter:
        trainer.loss(trainer.network, batch)[0].backward()  # type: ignore[no-untyped-call]
    trainer.network.zero_grad(set_to_none=True)
    wait = _waiting(trainer.device)
    times: dict[str, list[float]] = {"crops and damage": [], "forward": [], "backward": [], "optimiser": []}
    for _ in range(WARM_UP + MEASURED):
        marks = [_now(wait)]
        batch = trainer.batch(photos, pages)
        marks.append(_now(wait))
        loss, _ = trainer.loss(forward, batch)
        marks.append(_now(wait))
        loss.backward()  # type: ignore[no-untyped-call]
        marks.append(_now(wait))
        trainer.descend()
        marks.append(_now(wait))
        for part, start, end in zip(times.values(), marks, marks[1:], strict=False):
            part.append(end - start)
    return Profile(
        crops=len(batch.clean),
        side=batch.clean.shape[-1],
        precision=str(trainer.dtype).removeprefix("torch."),
        parts={name: median(part[WARM_UP:]) for name, part in times.items()},
        operations=float(counter.get_total_flops()),
        peak=convolution_peak(trainer.device, trainer.dtype),
    )


def convolution_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of the fastest of a few large 3x3 convolutions, forward and backward."""
    wait = _waiting(device)
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
            start = _now(wait)
            conv(x).backward(gradient)
            seconds.append(_now(wait) - start)
        best = max(best, 3 * 2 * 9 * channels**2 * x[:, 0].numel() / min(seconds))
    return best


def _waiting(device: torch.device) -> Callable[[], None]:
    """What waits until the device has done all it was told."""
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    if device.type == "mps":
        return torch.mps.synchronize
    return lambda: None


def _now(wait: Callable[[], None]) -> float:
    wait()
    return time.perf_counter()
