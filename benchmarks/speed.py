"""Measure how fast one megapixel is denoised, against what the machine's own convolution reaches.

    python benchmarks/speed.py [--weights FILE] [--device cpu] [--threads N]

Prints a Markdown table with one line for each precision.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import restore
from restore.errors import RestoreError
from restore.evaluation.environment import machine
from restore.evaluation.metrics import psnr
from restore.priors.backbone import Backbone
from restore.training.profile import now, waiting

SIDE = 1024
SIGMA = 25.0
RUNS = 5
DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
TARGET_RATIO = 0.45
TOLERANCE = 0.02  # dB


@dataclass(frozen=True)
class Speed:
    """What one precision reached. operations: two for each multiply-add, of one megapixel."""

    dtype: str
    loading: float
    seconds: float
    operations: float
    plain: float
    psnr: float

    @property
    def throughput(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds

    @property
    def ratio(self) -> float:
        """Of the plain convolution's operations a second."""
        return self.throughput / self.plain


def picture() -> Tensor:
    """scikit-image's astronaut, mirrored to one megapixel, ``(1, 3, 1024, 1024)`` in [0, 1]."""
    from skimage.data import astronaut

    quarter = torch.from_numpy(astronaut()).permute(2, 0, 1)[None].float() / 255
    half = torch.cat([quarter, quarter.flip(3)], 3)
    return torch.cat([half, half.flip(2)], 2)


def median_seconds(*calls: Callable[[], object], device: torch.device) -> list[float]:
    """Median of ``RUNS`` runs of each call after one that is not counted.

    The calls take turns, so that whatever else the machine does meets all of them.
    """
    wait = waiting(device)
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(1 + RUNS):
        for call, times in zip(calls, seconds, strict=True):
            start = now(wait)
            call()
            times.append(now(wait) - start)
    return [statistics.median(times[1:]) for times in seconds]


def operations_per_megapixel(backbone: Backbone) -> float:
    """Two for each multiply-add of one network call.

    Counted on a small picture: the network is local, so its work grows with the number of pixels, and
    what tiles compute twice or padding adds does not count as work done.
    """
    side = 8 * backbone.config.network.multiple
    with FlopCounterMode(display=False) as counter:
        backbone.denoiser()(torch.zeros(1, 3, side, side), SIGMA / 255)
    return float(counter.get_total_flops()) * (SIDE / side) ** 2


def plain_convolution(backbone: Backbone) -> tuple[Callable[[], None], float]:
    """One 3x3 convolution of the network's own width at its own resolution, and its operations."""
    width, side = backbone.config.network.channels[0], SIDE // 2
    layer = nn.Conv2d(width, width, 3, padding=1, device=backbone.device, dtype=backbone.dtype)
    layer = layer.to(memory_format=torch.channels_last)
    x = torch.rand(1, width, side, side, device=backbone.device).to(backbone.dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    repeats = 10  # one alone is over too soon to be timed well

    def call() -> None:
        with torch.inference_mode():
            for _ in range(repeats):
                layer(x)

    return call, repeats * 2 * 9 * width**2 * side**2


def measure(name: str, weights: Path | None, device: str | None) -> tuple[Speed, Backbone]:
    """Load in one precision and time the function that users call."""
    start = time.perf_counter()
    backbone = restore.load(weights, device=device, dtype=DTYPES[name])
    loading = time.perf_counter() - start
    clean = picture()
    noisy = clean + SIGMA / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))

    def denoise() -> Tensor:
        return restore.denoise(noisy, sigma=SIGMA, prior=backbone)

    plain, plain_operations = plain_convolution(backbone)
    seconds, plain_seconds = median_seconds(denoise, plain, device=backbone.device)
    reached = psnr(denoise().clamp(0, 1), clean).item()
    operations = operations_per_megapixel(backbone)
    return Speed(name, loading, seconds, operations, plain_operations / plain_seconds, reached), backbone


def report(speeds: list[Speed], backbone: Backbone) -> str:
    """Protocol, table and verdict in Markdown."""
    width = backbone.config.network.channels[0]
    lines = [
        f"Machine: {machine()}, on {backbone.device.type}. Weights {backbone.facts['sha256'][:12]}, "
        f"{speeds[0].operations / 2 / SIDE**2 / 1e3:.1f} kMAC per pixel.",
        "",
        f"Protocol: restore.denoise(tensor, sigma={SIGMA:g}, prior=loaded) on {SIDE}x{SIDE} pixels, "
        f"median of {RUNS} calls after one that is not counted. TFLOP/s: two for each multiply-add of the "
        f"network. Plain: 3x3 convolutions, {width} to {width} channels at {SIDE // 2}x{SIDE // 2}, "
        "channels_last, same precision, timed by turns with the calls. PSNR of the result, to compare "
        "precisions.",
        "",
        "| precision | loading s | denoise s | TFLOP/s | plain TFLOP/s | ratio | PSNR |",
        "|---|---|---|---|---|---|---|",
    ]
    for speed in speeds:
        lines.append(
            f"| {speed.dtype} | {speed.loading:.2f} | {speed.seconds:.3f} | {speed.throughput / 1e12:.3f} | "
            f"{speed.plain / 1e12:.3f} | {speed.ratio:.0%} | {speed.psnr:.3f} |"
        )
    good = [speed for speed in speeds if speed.psnr > max(s.psnr for s in speeds) - TOLERANCE]
    best = min(good, key=lambda speed: speed.seconds)
    verdict = "reached" if best.ratio >= TARGET_RATIO else "missed"
    lines += [
        "",
        f"Fastest within {TOLERANCE} dB: {best.dtype}, {best.seconds:.3f} s, {best.ratio:.0%} of the plain "
        f"convolution; target {TARGET_RATIO:.0%}: {verdict}.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure every precision and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--weights", type=Path, metavar="FILE", help="default: those in the package")
    parser.add_argument("--device", help="default: the best there is")
    parser.add_argument("--threads", type=int, metavar="N", help="default: torch's choice")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    measured = [measure(name, options.weights, options.device) for name in DTYPES]
    print(report([speed for speed, _ in measured], measured[0][1]))


if __name__ == "__main__":
    try:
        main()
    except RestoreError as error:
        sys.exit(f"speed.py: {error}")
