"""Measure how long commands take before they do anything, beside another checkout.

    python benchmarks/start_up.py --against CHECKOUT

Each command runs several times by turns with both; the fastest run of each counts. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
RUNS = 9
COMMANDS = {
    "import restore": ("-c", "import restore"),
    "restore --help": ("-m", "restore", "--help"),
    "restore denoise --help": ("-m", "restore", "denoise", "--help"),
    "restore inpaint --help": ("-m", "restore", "inpaint", "--help"),
    "restore eval inpaint --help": ("-m", "restore", "eval", "inpaint", "--help"),
    "restore denoise PICTURE --dry-run": (
        *("-m", "restore", "denoise", str(HERE / "samples" / "scratched.png"), "--dry-run", "-o", "none.png"),
    ),
    "restore.load()": ("-c", "import restore; restore.load(device='cpu')"),
}


def seconds(checkout: Path, arguments: tuple[str, ...]) -> float:
    """How long one run takes, with the package of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure both by turns and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--against", type=Path, required=True, metavar="CHECKOUT", help="an older checkout")
    parser.add_argument("--runs", type=int, default=RUNS, metavar="N")
    options = parser.parse_args()
    print("| | here | there | ratio |\n|---|---|---|---|")
    for name, arguments in COMMANDS.items():
        pairs = [
            (seconds(HERE, arguments), seconds(options.against.resolve(), arguments))
            for _ in range(options.runs)
        ]
        here, there = (min(each) for each in zip(*pairs, strict=True))
        print(f"| `{name}` | {here:.3f} s | {there:.3f} s | {here / there:.2f} |", flush=True)


if __name__ == "__main__":
    main()
