"""How deblurring does on noisy and compressed pictures whose noise is not told, and with wrong kernels.

    python benchmarks/deblur_photos.py --data DIR              # half an hour on two cores
    python benchmarks/deblur_photos.py --data DIR --crops 1    # a trial

Centre crops of validation pictures (DIR/val/cid22_val), blurred as photographs are, with noise of a fixed
seed and rounded to 8 bits, or compressed with 4:2:0. Prints a Markdown table of means: PSNR before and after,
the noise that was used, and of how many something was said. Exit code 1 where a result is more than 0.1 dB
below its input and nothing was said.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import add_data_option
from numpy.typing import NDArray
from PIL import Image

import restore
from restore.images.jpeg_coding import JpegCoding, coding_of
from restore.inverse.build import chain_of
from restore.inverse.spec import parse_spec
from restore.tasks.solve import solved

KERNELS = ("gaussian:1.2", "gaussian:2", "motion:9:30", "disc:2.5")
NOISES = ("0", "1", "3", "8", "jpeg90", "jpeg75")
WRONG = (("gaussian:1.2", "gaussian:2"), ("motion:9:30", "motion:9:60"))
AROUND = 24  # pixels that the scene goes on beyond the crop
ALLOWED = 0.1  # dB


def crop_of(path: Path, side: int) -> NDArray[np.uint8]:
    pixels = np.asarray(Image.open(path).convert("RGB"))
    top, left = ((length - side) // 2 - AROUND for length in pixels.shape[:2])
    return pixels[top : top + side + 2 * AROUND, left : left + side + 2 * AROUND]


def degraded(
    scene: NDArray[np.uint8], kernel: str, noise: str
) -> tuple[NDArray[np.uint8], JpegCoding | None]:
    """What a camera makes of the middle of a scene."""
    size = scene.shape[0] - 2 * AROUND
    operator = chain_of([parse_spec(f"blur={kernel}")])((size, size), "cpu")
    around = torch.from_numpy(scene / 255).permute(2, 0, 1)[None].float()
    inside = operator.parts[1]  # type: ignore[attr-defined] # of a blur: the crop
    row, column = inside.corner
    h, w = operator.x_shape[1:]
    x = around[..., AROUND - row : AROUND - row + h, AROUND - column : AROUND - column + w]
    y = operator.forward(x)[0].permute(1, 2, 0).double().numpy()
    if noise.startswith("jpeg"):
        quality, file = int(noise.removeprefix("jpeg")), io.BytesIO()
        Image.fromarray(np.rint(255 * y.clip(0, 1)).astype(np.uint8)).save(
            file, "JPEG", quality=quality, subsampling=2
        )
        return np.asarray(Image.open(file)), coding_of(quality)
    y = y + np.random.default_rng(0).normal(0, float(noise) / 255, y.shape)
    return np.rint(255 * y.clip(0, 1)).astype(np.uint8), None


def psnr(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(-10 * np.log10(np.mean((a.astype(float) - b.astype(float)) ** 2) / 255**2))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    add_data_option(parser)
    parser.add_argument("--crops", type=int, default=6, metavar="N", help="pictures; default: 6")
    parser.add_argument("--side", type=int, default=128, metavar="PX", help="of the crops; default: 128")
    options = parser.parse_args()
    files = sorted((options.data / "val" / "cid22_val").glob("*.png"))
    files = files[:: max(1, len(files) // options.crops)][: options.crops]
    prior, silent = restore.load(), 0
    cells = [(kernel, kernel, noise) for kernel in KERNELS for noise in NOISES]
    cells += [(true, told, noise) for true, told in WRONG for noise in ("0", "3")]
    print("| blur | noise | told | before | after | worst gain | sigma used | said |\n" + "|---" * 8 + "|")
    for true, told, noise in cells:
        before, after, used, said = [], [], [], 0
        for path in files:
            scene = crop_of(path, options.side)
            clean = scene[AROUND:-AROUND, AROUND:-AROUND]
            given, coding = degraded(scene, true, noise)
            found = solved(given, chain_of([parse_spec(f"blur={told}")]), coding=coding, prior=prior)
            before.append(psnr(given, clean))
            after.append(psnr(found.picture, clean))
            used.append(found.sigma or 0.0)
            said += bool(found.cautions)
            silent += after[-1] < before[-1] - ALLOWED and not found.cautions
        gains = np.subtract(after, before)
        row = [true, noise, told, f"{np.mean(before):.2f}", f"{np.mean(after):.2f}", f"{gains.min():+.2f}"]
        print("| " + " | ".join([*row, f"{np.mean(used):.2f}", f"{said} of {len(files)}"]) + " |", flush=True)
    print(f"\n{silent} results are more than {ALLOWED} dB below their input, and nothing was said")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
