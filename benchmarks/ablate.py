"""Train variants of one recipe for a few steps each, and compare them on validation pictures.

    python benchmarks/ablate.py configs/cpu.toml benchmarks/ablations.toml --data DIR --steps 1300

One after the other, all from one seed with the same crops, each with its whole schedule. What is trained
already stays, so that a run can be stopped and gone on with. Prints a Markdown table, as in docs/training.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import speed

import restore
from restore.errors import RestoreError
from restore.training import validation

SHOWN = ("denoise 15", "denoise 25", "denoise 50", "upscale x4", "inpaint strokes", "blind 25")


def main() -> None:
    """Train what is not there, measure all, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("variants", type=Path, metavar="VARIANTS", help="TOML: NAME = [TABLE.KEY=VALUE, ...]")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("RESTORE_DATA", beside)))
    parser.add_argument("--steps", type=int, default=1300)
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--only", nargs="+", metavar="NAME")
    options = parser.parse_args()
    shards = [str(path) for path in sorted((options.data / "train").glob("*.tar"))]
    held_out = options.data / "val" / "cid22_val"
    checks = validation.prepare(held_out, all_of_them=True)
    variants = tomllib.loads(options.variants.read_text(encoding="utf-8"))
    print(f"| {options.steps} steps | " + " | ".join(SHOWN) + " | mean | MAC / pixel | minutes |")
    print("|---" * (len(SHOWN) + 4) + "|")
    for name in options.only or variants:
        out = options.out / name.replace(" ", "-")
        weights = out / "weights.safetensors"
        if not weights.exists():
            sets = [f"data.train={shards}", f"data.val={held_out}", "run.minutes=0", *variants[name]]
            subprocess.run(
                [sys.executable, "-m", "restore", "train", str(options.config), "--steps", str(options.steps),
                 "--out", str(out), *(part for change in sets for part in ("--set", change)),
                 "--set", "run.validate_every=1000000", "--set", "run.save_every=0"],
                check=True,
            )  # fmt: skip
        backbone = restore.load(weights)
        scores, _ = validation.measure(backbone, checks)
        shown = [scores[key] for key in SHOWN]
        cells = [name, *(f"{score:.2f}" for score in [*shown, statistics.fmean(shown)])]
        work = speed.operations_per_megapixel(backbone) / 2**20 / 2
        cells += [f"{work / 1e3:.0f} k", f"{backbone.facts['minutes']:.1f}"]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    try:
        main()
    except RestoreError as error:
        sys.exit(f"benchmarks/ablate.py: {error}")
