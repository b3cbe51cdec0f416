"""From a folder of noisy pictures to a prior that has seen nothing else.

    python examples/noisy_folder.py scans runs/scans

The shipped weights are fitted to the noise of the pictures (Noise2Noise where a scene has several views), the
pictures are cleaned, a prior is trained on the result, and what it draws and restores is shown. It is what
`restore train configs/from_noisy.toml --from-noisy scans` does.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from example_tools import options_of

from restore.fitting.from_noisy import train_from_noisy
from restore.priors.backbone import BackboneConfig
from restore.priors.unet import UNetConfig
from restore.training.batches import Mix
from restore.training.config import DataConfig, FitConfig, RunConfig, TrainConfig


def main(arguments: list[str] | None = None) -> None:
    parser = options_of(__doc__)
    parser.add_argument("noisy", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--fit-steps", type=int, default=200)
    parser.add_argument("--crop", type=int, default=64)
    options = parser.parse_args(arguments)
    config = TrainConfig(
        DataConfig(crop=options.crop, half_size=False, text=0, gray=0, faded=0),
        BackboneConfig(UNetConfig((32, 64, 96), 2, 64)),
        Mix(unconditional=1, upscale=0, inpaint=0, denoise=0, levels="log-sigma"),
    )
    run = RunConfig(str(options.out), options.steps, compile=False, save_every=0)
    fit = FitConfig(minutes=0, steps=options.fit_steps, crop=options.crop, rank=8, compile=False)
    train_from_noisy(replace(config, run=run, fit=fit), [options.noisy])
    print(f"look at {options.out / 'samples.png'} and {options.out / 'restored.png'}")


if __name__ == "__main__":
    main()
