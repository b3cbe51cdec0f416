"""Train variants of one recipe for a few steps each, and compare them on validation pictures.

    python benchmarks/ablate.py configs/cpu.toml benchmarks/ablations.toml --data DIR --steps 1300

One after the other, all from one seed, with the same crops where their size and number are the same, each
with its whole schedule. What is trained already stays: a run can be stopped and gone on with. Prints a
Markdown table, as in docs/training.md; its mean is of the tasks that were trained.

    python benchmarks/ablate.py configs/cpu.toml benchmarks/losses.toml --data DIR --steps 1000 --pictures

A variant named "*" is what all others change first. --pictures prints PSNR / SSIM / LPIPS of each task that
was trained. LPIPS, also as a loss, is on the SqueezeNet of the data.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import speed
from common import TRUNK, add_data_option, lpips_of
from torch import Tensor

import restore
from restore.errors import RestoreError
from restore.images.perceptual import Lpips
from restore.priors.backbone import Backbone
from restore.training import validation
from restore.training.batches import Mix
from restore.training.validation import mean_of


def slug(name: str) -> str:
    """A variant's name as that of a folder."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def trained(config: Path, steps: int, sets: Sequence[str], out: Path) -> Backbone:
    """The weights of a run in that folder, which is begun or gone on with where it is not done."""
    state, weights = out / "state.safetensors", out / "weights.safetensors"
    if not weights.exists() or restore.load(weights).facts["steps"] < steps:
        command = [sys.executable, "-m", "restore", "train", str(config), "--steps", str(steps)]
        command += [part for change in sets for part in ("--set", change)]
        command += ["--set", "run.validate_every=1000000", "--out", str(out)]
        done = subprocess.run([*command, *(["--resume"] if state.exists() else [])])
        if done.returncode:
            raise RestoreError(f"{out}: training stopped; the same command goes on with it")
    return restore.load(weights)


def cells_of(backbone: Backbone, checks: Tensor, lpips: Lpips | None) -> list[str]:
    """The cells of one row: PSNR of each score, or with SSIM and LPIPS beside, and the mean of PSNR."""
    scores, _ = validation.measure(backbone, checks)
    mix = Mix(**backbone.facts["mix"])
    cells = {key: f"{scores[key]:.2f}" for key in validation.TASK}
    if lpips is not None:
        more = validation.measure_pictures(backbone, checks, lpips)
        for key, task in validation.TASK.items():
            ssim, distance = (f"{more[metric][key]:.4f}".lstrip("0") for metric in ("ssim", "lpips"))
            cells[key] = f"{cells[key]} / {ssim} / {distance}" if getattr(mix, task) else ""
    return [*cells.values(), f"{mean_of(scores, mix):.2f}"]


def main() -> None:
    """Train what is not there, measure all, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("variants", type=Path, metavar="VARIANTS", help="TOML: NAME = [TABLE.KEY=VALUE, ...]")
    add_data_option(parser)
    parser.add_argument("--steps", type=int, default=1300)
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--pictures", action="store_true", help="SSIM and LPIPS beside PSNR")
    options = parser.parse_args()
    variants = tomllib.loads(options.variants.read_text(encoding="utf-8"))
    common = variants.pop("*", [])
    if unknown := set(options.only or ()) - variants.keys():
        parser.error(f"no variant {', '.join(unknown)} in {options.variants}; it has {', '.join(variants)}")
    shards = [str(path) for path in sorted((options.data / "train").glob("*.tar"))]
    held_out = options.data / "val" / "cid22_val"
    trunk = options.data / TRUNK
    if trunk.is_file():
        os.environ["RESTORE_LPIPS_TRUNK"] = str(trunk)  # of the runs
    lpips = lpips_of(options.data) if options.pictures else None
    checks = validation.prepare(held_out, all_of_them=True)
    print(f"| {options.steps} steps | " + " | ".join(validation.TASK) + " | mean | MAC / pixel | minutes |")
    print("|---" * (len(validation.TASK) + 4) + "|")
    for name in options.only or variants:
        sets = [f"data.train={shards}", f"data.val={held_out}", "run.minutes=0"]
        sets += [*common, *variants[name]]
        # Where it lies says what it is: another number of steps or another variant is another run.
        digest = hashlib.sha256(repr((options.config.read_bytes(), options.steps, sets)).encode()).hexdigest()
        backbone = trained(options.config, options.steps, sets, options.out / f"{slug(name)}-{digest[:8]}")
        cells = [name, *cells_of(backbone, checks, lpips)]
        work = speed.operations_per_megapixel(backbone) / speed.SIDE**2 / 2
        cells += [f"{work / 1e3:.0f} k", f"{backbone.facts['minutes']:.1f}"]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    try:
        main()
    except RestoreError as error:
        sys.exit(f"benchmarks/ablate.py: {error}")
