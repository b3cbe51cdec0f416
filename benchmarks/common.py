"""What the scripts of this folder share: where the data lie, and the network that LPIPS is measured with."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from restore.images.perceptual import Lpips

TRUNK = Path("metrics", "squeezenet1_1_features.pth")
"""Where the network of LPIPS lies among the data."""


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """``--data``: what RESTORE_DATA names, else ``shared/data`` beside the project."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    data = Path(os.environ.get("RESTORE_DATA", beside))
    parser.add_argument("--data", type=Path, default=data, help="evaluation data; default: RESTORE_DATA")


def lpips_of(data: Path) -> Lpips:
    """LPIPS on SqueezeNet: the trunk among the data, else wherever `restore eval` finds one."""
    trunk = data / TRUNK
    return Lpips(trunk if trunk.is_file() else None)
