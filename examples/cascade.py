"""Draw in stages: digits of 8x8 pixels by one network, enlarged to 16x16 by another.

    python examples/cascade.py runs/cascade

Needs scikit-learn. The second network could be the shipped one, `restore.load()`, for photographs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from digits import recipe
from example_tools import options_of, write_digits
from torchvision.utils import save_image

import restore
from restore.tasks.cascade import cascade
from restore.tasks.sample import sample
from restore.training.trainer import train


def main(arguments: list[str] | None = None) -> None:
    parser = options_of(__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--draw-steps", type=int, default=50)
    options = parser.parse_args(arguments)
    out = options.out
    for side in (8, 16):
        write_digits(out / f"pictures-{side}", side)
    small = restore.load(train(recipe(out / "pictures-8", out / "small", options.steps, 8)))
    # An upscaler is shown a picture; it need not be told its label. The mix adds noise to some.
    shown = recipe(out / "pictures-16", out / "upscaler", options.steps, 16, unconditional=0, upscale=1)
    network = replace(shown.backbone.network, given=0)
    plain = replace(shown.backbone, labels=(), network=network)
    upscaler = restore.load(train(replace(shown, backbone=plain, data=replace(shown.data, condition=""))))
    labels = [label for label in range(10) for _ in range(5)]
    first = sample(50, size=(8, 8), label=labels, guidance=2, prior=small, steps=options.draw_steps)
    both = cascade(
        50, [small, upscaler], size=(16, 16), scale=2, label=labels, guidance=2, steps=options.draw_steps
    )
    blocks = torch.nn.functional.interpolate(first, scale_factor=4, mode="nearest")
    smooth = torch.nn.functional.interpolate(both, scale_factor=2, mode="nearest")
    save_image(torch.cat([blocks, smooth]), out / "cascade.png", nrow=10)


if __name__ == "__main__":
    main()
