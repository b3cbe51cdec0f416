"""Try readers of files on changed files: ``python tests/fuzz/run.py [TARGET ...] [--seconds N] [--seed N]``.

Each target runs in a process of its own, two side by side. There is a line for each. Inputs with faults are
kept in runs/fuzz, with the command that tries them again; then the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).parent))

from fuzz_judge import judged
from fuzz_loop import Guard, Limits, explore, noted, saved
from fuzz_targets import TARGETS, warm
from isolation import forget_configuration

HEADROOM = 3 * 2**30  # bytes of address space beyond what the libraries take


def main() -> int:
    """Run what is asked for; give the exit status."""
    forget_configuration()
    arguments = _parsed()
    if arguments.worker:
        return _work(arguments)
    if arguments.input:
        return _again(arguments)
    names = arguments.targets or list(TARGETS)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        return int(any([*pool.map(lambda name: _watched(name, arguments), names)]))


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all of them")
    parser.add_argument("--seconds", type=float, default=60, help="for each target (60)")
    parser.add_argument("--calls", type=int, default=sys.maxsize, help="inputs for each target at most")
    parser.add_argument("--seed", type=int, default=0, help="the same inputs for the same seed (0)")
    parser.add_argument("--jobs", type=int, default=2, help="targets side by side (2)")
    parser.add_argument("--keep", type=Path, default=Path("runs/fuzz"), help="folder for inputs with faults")
    parser.add_argument(
        "--input", type=Path, help="try this file once on one target, and show what is raised"
    )
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--skip", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.targets if name not in TARGETS]:
        parser.error(f"there is no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    if arguments.input and len(arguments.targets) != 1:
        parser.error("--input needs one target")
    return arguments


def _work(arguments: argparse.Namespace) -> int:
    """Explore one target in this process; the report goes to standard output as JSON."""
    (name,) = arguments.targets
    target = TARGETS[name]
    guard = Guard(arguments.keep / name)
    warm(target)
    if (held := Path("/proc/self/statm")).exists():
        limit = int(held.read_text().split()[0]) * resource.getpagesize() + HEADROOM
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    limits = Limits(arguments.seconds, arguments.calls, arguments.skip)
    report = explore(
        target, seed=arguments.seed, limits=limits, about_to=guard.about_to, printed=guard.printed
    )
    faults = [(fault, str(saved(arguments.keep / name, data))) for fault, data in report.faults.values()]
    json.dump({"calls": report.calls, "kept": report.kept, "faults": faults}, guard.told)
    guard.told.flush()
    return 0


def _watched(name: str, arguments: argparse.Namespace) -> bool:
    """Run a target in a process, again after each input that ends it; whether there were faults."""
    faults: list[tuple[str, str]] = []
    skip, folder = 0, arguments.keep / name
    for _ in range(5):
        command = [sys.executable, __file__, name, "--worker", "--keep", str(arguments.keep)]
        command += ["--skip", str(skip), "--seconds", str(arguments.seconds), "--calls", str(arguments.calls)]
        done = subprocess.run(
            [*command, "--seed", str(arguments.seed)], stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode == 0:
            break
        if done.returncode > 0 and not (folder / "trace").stat().st_size:
            raise RuntimeError(f"{name} did not run: {(folder / 'printed').read_text(errors='replace')}")
        call, data = noted(folder)
        skip = call + 1
        why = f"ended by signal {-done.returncode}" if done.returncode < 0 else "hung, or ended the process"
        path = saved(folder, data)
        trace = (folder / "trace").rename(path.with_suffix(".trace"))
        faults.append((f"{why}; see {trace}", str(path)))
    found = json.loads(done.stdout) if done.returncode == 0 else {"calls": skip, "kept": 0, "faults": []}
    faults += [tuple(each) for each in found["faults"]]
    lines = [
        f"{name}: {found['calls']} inputs, {found['kept']} kept, {len(faults)} faults (seed {arguments.seed})"
    ]
    for fault, path in faults:
        lines.append(f"  {fault}\n    python tests/fuzz/run.py {name} --input {path}")
    print("\n".join(lines), flush=True)
    return bool(faults)


def _again(arguments: argparse.Namespace) -> int:
    """Try one file and show what is raised, where it is no refusal with its whole traceback."""
    target = TARGETS[arguments.targets[0]]
    data = arguments.input.read_bytes()
    warm(target)
    outcome = judged(target, data)
    print(outcome.fault or outcome.said or "accepted")
    if outcome.fault:
        target.call(data)
    return int(bool(outcome.fault))


if __name__ == "__main__":
    raise SystemExit(main())
