"""Train for some minutes on a machine that is lent by the minute; the weights come back in small pieces.

    python benchmarks/slot.py configs/gpu.toml OUT --minutes 8 --expect 6000 -- --set data.train='["0.tar"]'
    python benchmarks/slot.py configs/gpu.toml OUT --minutes 8 --expect 6000      # goes on from there
    python benchmarks/slot.py configs/gpu.toml OUT --minutes 8 --begin PIECES     # the same on a new machine
    python benchmarks/slot.py weights.safetensors --join PIECES

What follows ``--`` are options of `restore train`, whose folder is runs/slot. A state there is what the next
slot starts from, with a schedule of its own. The first quarter of a minute of training tells how many crops
a second there are; with fewer than half of what is expected the run is stopped, and nothing is lost. OUT gets
the weights in pieces, and the log. Exit code 0: done; 3: too slow; else that of `restore train`.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from restore.errors import RestoreError

RUN = Path("runs", "slot")
PIECE = 15 * 2**20  # bytes
WINDOW = 0.25  # minutes in which the speed is measured
TOO_SLOW = 3


def rate(log: Path) -> float | None:
    """Crops a second in the first `WINDOW` of a run's log.csv; None as long as it is not over."""
    if not log.is_file():
        return None
    with log.open(newline="") as file:
        whole = [row for row in csv.DictReader(file) if row["crops"] and row["lr"]]  # the last may be a part
    rows = [(60 * float(row["minutes"]), int(row["crops"])) for row in whole]
    for seconds, crops in rows:
        if seconds - rows[0][0] >= 60 * WINDOW:
            return (crops - rows[0][1]) / (seconds - rows[0][0])
    return None


def split(source: Path, out: Path, *, piece: int = PIECE) -> list[Path]:
    """Write a file in numbered pieces of ``piece`` bytes at most into a folder; give their paths."""
    data, parts = source.read_bytes(), []
    for number, start in enumerate(range(0, len(data), piece)):
        parts.append(out / f"{source.name}.{number:02d}")
        parts[-1].write_bytes(data[start : start + piece])
    return parts


def join(folder: Path, target: Path) -> None:
    """Put the pieces of weights together again. Raises RestoreError where the folder has none."""
    parts = sorted(folder.glob("weights.safetensors.[0-9][0-9]"))
    if not parts:
        raise RestoreError(f"{folder}: expected weights.safetensors.00 and so on, found none")
    target.write_bytes(b"".join(part.read_bytes() for part in parts))


def train(config: Path, minutes: float, extra: Sequence[str], *, expect: float, begin: Path | None) -> int:
    """Run `restore train` in `RUN`, and stop it where it is too slow; give the exit code."""
    begin_with: list[str] = []
    if (RUN / "state.safetensors").is_file():
        earlier = RUN.with_name("earlier")
        shutil.rmtree(earlier, ignore_errors=True)
        RUN.rename(earlier)
        begin_with = ["--start-from", str(earlier / "state.safetensors")]
    elif begin is not None:
        start = RUN.with_name("begin.safetensors")
        start.parent.mkdir(parents=True, exist_ok=True)
        join(begin, start)
        begin_with = ["--set", f"run.weights={start}"]
    command = [sys.executable, "-m", "restore", "train", str(config), "--minutes", str(minutes)]
    options = ["--out", str(RUN), "--set", "run.log_every=20", *begin_with, *extra]
    run = subprocess.Popen([*command, *options])
    seen = None
    while run.poll() is None:
        time.sleep(0.2)
        if seen is None and (seen := rate(RUN / "log.csv")) is not None:
            print(f"{seen:.0f} crops a second; {expect:.0f} expected", flush=True)
            if seen < expect / 2:
                run.send_signal(signal.SIGINT)
                run.wait()
                return TOO_SLOW
    return run.returncode


def main() -> int:
    """Train, and leave the weights in pieces; or join pieces."""
    place = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    own, extra = sys.argv[1:place], sys.argv[place + 1 :]
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("config", type=Path, nargs="?", help="of restore train")
    parser.add_argument("out", type=Path, help="folder for the pieces and the log")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--expect", type=float, default=0.0, metavar="N", help="crops a second")
    parser.add_argument("--begin", type=Path, metavar="DIR", help="pieces of the weights to begin with")
    parser.add_argument("--join", type=Path, metavar="DIR", help="join these pieces into OUT")
    options = parser.parse_args(own)
    if options.join is not None:
        join(options.join, options.out)
        return 0
    if options.config is None:
        parser.error("a configuration and a folder are needed")
    options.out.mkdir(parents=True, exist_ok=True)
    code = train(options.config, options.minutes, extra, expect=options.expect, begin=options.begin)
    if (RUN / "log.csv").is_file():
        shutil.copy(RUN / "log.csv", options.out)
    if (RUN / "weights.safetensors").is_file():
        split(RUN / "weights.safetensors", options.out)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RestoreError as error:
        sys.exit(f"benchmarks/slot.py: {error}")
