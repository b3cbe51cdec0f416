"""Measurements of the shipped weights on validation pictures: quality by calls, and how sure they are.

`benchmarks/curves.py` writes it. Nothing here holds for other weights.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "weights" / "calibration.json"


@dataclass(frozen=True)
class Curve:
    """Quality against network calls.

    Parameters
    ----------
    what : the damage and the pictures, in words.
    points : (calls, PSNR in dB, LPIPS), of rising calls.
    default : the calls that are made unless a number is given.
    """

    what: str
    points: tuple[tuple[float, float, float], ...]
    default: int

    def at(self, calls: float) -> tuple[float, float]:
        """Give (PSNR, LPIPS), interpolated in the logarithm of the calls; beyond the ends, constant."""
        for (below, *low), (above, *high) in zip(self.points, self.points[1:], strict=False):
            if below <= calls <= above:
                share = math.log(calls / below) / math.log(above / below)
                psnr, lpips = (a + share * (b - a) for a, b in zip(low, high, strict=True))
                return psnr, lpips
        _, psnr, lpips = self.points[0] if calls < self.points[0][0] else self.points[-1]
        return psnr, lpips

    def expected(self, calls: int) -> str:
        """Say what so many calls can be expected to give, beside the default."""
        (psnr, lpips), (usual_psnr, usual_lpips) = self.at(calls), self.at(self.default)
        return (
            f"{self.what}: {psnr:.2f} dB, LPIPS {lpips:.4f}; with {self.default}, the default: "
            f"{usual_psnr:.2f} dB, {usual_lpips:.4f}"
        )


@cache
def _file() -> dict[str, Any]:
    measured: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return measured


def curve(weights: str, task: str, method: str, estimate: str) -> Curve | None:
    """Give the curve of a method with the weights of a hash; None where it was not measured."""
    measured = _file()
    found = measured["curves"].get(f"{task} {method} {estimate}") if weights == measured["weights"] else None
    if found is None:
        return None
    points = tuple((float(calls), float(psnr), float(lpips)) for calls, psnr, lpips in found["points"])
    return Curve(found["what"], points, int(found["default"]))


def temperature(weights: str, key: str) -> float | None:
    """Give the factor by which predicted deviations are too small; None where it was not measured."""
    measured = _file()
    found = measured["temperatures"].get(key) if weights == measured["weights"] else None
    return None if found is None else float(found)
