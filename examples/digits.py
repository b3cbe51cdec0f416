"""Train a generator that can be told which digit to draw, and draw ten of each.

    python examples/digits.py runs/digits

Needs scikit-learn, for its 1,797 digits of 8x8 pixels. Five minutes on one CPU core.
"""

from __future__ import annotations

from pathlib import Path

import torch
from example_tools import options_of, write_digits
from torchvision.utils import save_image

import restore
from restore.priors.backbone import BackboneConfig
from restore.priors.unet import UNetConfig
from restore.training.batches import Mix
from restore.training.config import DataConfig, RunConfig, TrainConfig, on_its_schedule, with_conditions
from restore.training.trainer import train


def recipe(folder: Path, out: Path, steps: int, side: int = 16, **mix: float) -> TrainConfig:
    """A small network that is told the label of every crop, but for a tenth of them."""
    data = DataConfig(
        (str(folder),), crop=side, half_size=False, text=0, faded=0, gray=0, turns="none", condition="folders"
    )
    backbone = BackboneConfig(UNetConfig((32, 64), 2, 64), schedule="cosine")
    shares = Mix(**{"unconditional": 1, "upscale": 0, "inpaint": 0, "denoise": 0, **mix})
    run = RunConfig(str(out), steps, batch=32, compile=False, save_every=0, log_every=max(1, steps // 20))
    return on_its_schedule(with_conditions(TrainConfig(data, backbone, shares, run=run)))


def main(arguments: list[str] | None = None) -> None:
    parser = options_of(__doc__)
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
        told = {"label": labels, "guidance": guidance}
        drawn = restore.sample(100, size=(16, 16), steps=options.draw_steps, prior=prior, **told)
        enlarged = torch.nn.functional.interpolate(drawn, scale_factor=2, mode="nearest")
        save_image(enlarged, options.out / f"digits-guidance-{guidance}.png", nrow=10)


if __name__ == "__main__":
    main()
