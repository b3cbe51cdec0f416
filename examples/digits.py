"""Train a generator that can be told which digit to draw, and draw ten of each.

    python examples/digits.py runs/digits

Needs scikit-learn, for its 1,797 digits of 8x8 pixels. A quarter of an hour on one CPU core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torchvision.utils import save_image

import restore
from restore.priors.backbone import BackboneConfig
from restore.priors.unet import UNetConfig
from restore.training.batches import Mix
from restore.training.config import (
    DataConfig,
    LossConfig,
    OptimConfig,
    RunConfig,
    TrainConfig,
    with_conditions,
)
from restore.training.trainer import train


def write_digits(folder: Path, side: int = 16, few: int | None = None) -> None:
    """Write every digit as a picture, or a few of them at random, in a folder of its label."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    for k in order[:few]:
        pixels, label = digits.images[k], digits.target[k]
        path = folder / str(label) / f"{k:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray((pixels * 255 / 16).round().astype(np.uint8)).convert("RGB")
        small.resize((side, side), Image.Resampling.BICUBIC).save(path)


def recipe(folder: Path, out: Path, steps: int, side: int = 16, **mix: float) -> TrainConfig:
    """A small network that is told the label of every crop, but for a tenth of them."""
    data = DataConfig(
        (str(folder),), crop=side, half_size=False, text=0, faded=0, gray=0, turns="none", condition="folders"
    )
    backbone = BackboneConfig(UNetConfig((32, 64), 2, 64), schedule="cosine")
    shares = Mix(**{"unconditional": 1, "upscale": 0, "inpaint": 0, "denoise": 0, **mix})
    run = RunConfig(str(out), steps, batch=32, compile=False, save_every=0, log_every=max(1, steps // 20))
    return with_conditions(TrainConfig(data, backbone, shares, LossConfig(), OptimConfig(), run))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--few", type=int, help="train on so many digits alone")
    parser.add_argument("--draw-steps", type=int, default=50)
    options = parser.parse_args(arguments)
    write_digits(options.out / "pictures", few=options.few)
    weights = train(recipe(options.out / "pictures", options.out / "run", options.steps))
    prior = restore.load(weights)
    labels = [label for label in range(10) for _ in range(10)]
    for guidance in (1, 2):
        drawn = restore.sample(
            100, size=(16, 16), label=labels, guidance=guidance, prior=prior, steps=options.draw_steps
        )
        enlarged = torch.nn.functional.interpolate(drawn, scale_factor=2, mode="nearest")
        save_image(enlarged, options.out / f"digits-guidance-{guidance}.png", nrow=10)


if __name__ == "__main__":
    main()
