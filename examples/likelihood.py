"""How many bits do pictures take under a model? By the bound, and by the probability flow.

    python examples/digits.py runs/digits
    python examples/likelihood.py runs/digits/run/weights.safetensors runs/digits/pictures

A model of digits finds digits likely, and turned ones less so. `restore eval likelihood`
does this for folders, with a table and a plot.
"""

from __future__ import annotations

from pathlib import Path

import torch
from example_tools import options_of

import restore
from restore.diffusion.seeds import seeded_rng
from restore.evaluation.likelihood import FlowPath, flow_bits, known_process, respaced
from restore.training.bound import variational_bound
from restore.training.data import read_pictures


def main(arguments: list[str] | None = None) -> None:
    parser = options_of(__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--steps", type=int, default=100, help="of the bound; the flow takes a quarter")
    options = parser.parse_args(arguments)
    prior = restore.load(options.weights, dtype=torch.float32)
    found = list(read_pictures([options.pictures]))
    chosen = found[:: max(1, len(found) // options.count)][: options.count]
    pixels = torch.stack([torch.from_numpy(picture.copy()) for picture in chosen])
    digits = pixels.permute(0, 3, 1, 2).float() / 255
    known = known_process(prior.schedule, lowest=prior.sigma_min, highest=prior.sigma_max)
    schedule = respaced(known, options.steps)
    path = FlowPath(prior.sigma_min, prior.sigma_max, max(1, options.steps // 4), 1)
    print(f"{'bits per dimension':>22}  {'bound':>7}  {'flow':>7}")
    for name, pictures in {
        "digits": digits,
        "digits on their side": digits.rot90(1, (2, 3)),
        "pixels in disorder": digits.flatten(2)[..., torch.randperm(digits[0, 0].numel())].view_as(digits),
    }.items():
        bound = variational_bound(prior.denoiser(), pictures, schedule, rng=seeded_rng(0)).total
        flow = flow_bits(prior.denoiser(differentiable=True), pictures, path, rng=seeded_rng(0)).total
        print(f"{name:>22}  {bound.mean():7.3f}  {flow.mean():7.3f}")


if __name__ == "__main__":
    main()
