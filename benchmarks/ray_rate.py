"""How many pictures a second `--engine ray` can give out and take back, with workers that do nothing.

python benchmarks/ray_rate.py --pictures 20000 --block 64
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from restore.cli import blocks, ray_cluster, ray_engine
from restore.cli.blocks import Numbered
from restore.cli.job_plan import Job
from restore.cli.options import Settings
from restore.cli.outcome import Outcome
from restore.cli.picture_voice import Said
from restore.cli.ray_worker import Sent
from restore.cli.reporter import Reporter


class Idle:
    """A worker whose pictures are done at once."""

    def __init__(self, errand: object, cpus: int, gpus: int, beside: int):
        pass

    def ready(self) -> dict[str, Any]:
        from restore import __version__

        return {"host": "here", "version": __version__, "torch": "", "machine": "", "threads": 1}

    def restore(self, todo: list[Numbered], again: bool) -> Iterator[Sent]:
        yield []
        yield [(number, outcome_of(job)) for number, job in todo]

    def stop(self) -> None:
        pass


def outcome_of(job: Job) -> Outcome:
    """An outcome as large as those of denoising."""
    facts = {
        **{"input": job.name, "output": job.output, "width_pixels": 2000, "height_pixels": 1500},
        **{"status": "done", "seconds": 1.234, "method": "blind", "sigma_255": 7.12, "network_calls": 1},
        "measured": {"sigma_255": 7.12, "correlation": 0.41, "channels_255": [7.1, 7.2, 7.0], "page": False},
    }
    said = Said("note", ("the noise of a camera",)), Said("result", (job.output,), facts), Said("end")
    return Outcome(job, "done", facts, said=said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--block", type=int, default=blocks.MOST, help="most pictures of a task")
    options = parser.parse_args()
    ray_cluster.MOST_CPUS = 1  # a worker for each
    blocks.MOST = options.block
    ray_engine.RayWorker = Idle  # type: ignore[assignment,misc]
    ray_engine.errand_of = lambda runner, first: None  # type: ignore[assignment,return-value]
    settings = Settings(None, False, None, "cpu", "auto", 256, quiet=True, json=False, dry_run=False)
    folder = Path("/archive/2024/scans of the third cabinet")
    jobs = (Job(folder / f"{n:08d}.tif", Path("clean") / f"{n:08d}.tif") for n in range(options.pictures))
    runner: Any = SimpleNamespace(reporter=Reporter(settings, [1.0] * options.pictures), settings=settings)
    engine = ray_engine.RayEngine(runner, None)
    engine._check_seen = lambda worker, outcomes: None  # type: ignore[method-assign]
    began, count, first, cpu = time.monotonic(), 0, 0.0, 0.0
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        for _ in engine.outcomes(jobs):
            if not count:
                first, cpu = time.monotonic(), time.process_time()
            count += 1
        seconds, spent = time.monotonic() - first, time.process_time() - cpu
    print(f"first outcome after {first - began:.1f} s")
    print(f"{count / seconds:.0f} pictures/s with {os.cpu_count()} workers, wall time")
    print(f"{1e6 * spent / count:.0f} us of the driver's processor each: at most {count / spent:.0f}/s")
    print(f"driver's memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
