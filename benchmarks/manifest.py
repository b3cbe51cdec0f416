"""Measure a manifest of many pictures: to write, open, summarise and go on with it.

    python benchmarks/manifest.py [--items N] [--folder FILES]

A synthetic manifest of N items, each with a result, is opened, summarised, and gone on with in a process of
its own, whose largest memory is told; all its results are one file, so that the time of the disk is not
measured. FILES empty pictures are listed by ``restore plan``. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
REST = {
    "width_pixels": 2480,
    "height_pixels": 3508,
    "method": "real",
    "noise": "sigma 12 in luma and 9 in chroma, shared by neighbouring pixels",
    "sigma_255": 12.3,
    "measured": {
        "sigma_255": 12.3,
        "luma_255": 11.2,
        "chroma_255": 9.1,
        "correlation": 0.12,
        "chroma_correlation": 0.4,
        "sigma_255_by_brightness": [[0.1, 8.0], [0.5, 12.1], [0.9, 10.0]],
        "sure": True,
    },
}
"""What a result says besides."""

MEASURED = """
import json, resource, sys, time
from pathlib import Path
from restore.cli.manifest import Manifest
from restore.cli.manifest_run import ManifestRun
from restore.cli.manifest_status import facts_of
begin, spent = time.perf_counter(), {}
def took(name):
    global begin
    spent[name] = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begin = time.perf_counter()
with Manifest(Path(sys.argv[1])) as manifest:
    took("open")
    told = facts_of(manifest)
    took("summarise")
    run = ManifestRun(manifest)
    assert not run.weights and not list(run.jobs())
    took("go on: look at every result on the disk")
    passed = run.passed
    assert passed.done + passed.failed == len(manifest), passed
    run.close()
print(json.dumps(spent))
"""


def write(path: Path, items: int) -> None:
    """Write a manifest whose results are there, one of a hundred failed."""
    from restore.cli.manifest_lines import Item, begun_line, mtime_of, result_line
    from restore.cli.manifest_plan import Asked
    from restore.cli.naming import Naming

    output = path.with_name("result.jpg")
    output.write_bytes(b"a result")
    status = output.stat()
    about = {"output_size_bytes": status.st_size, "output_mtime_seconds": mtime_of(status)}
    about |= {"output_sha256": "0" * 64, **REST}
    with path.open("w", encoding="ascii") as file:
        file.write(Asked(("scans",), str(path.parent), Naming("")).line(path.parent) + "\n")
        for number in range(items):
            inside = f"{number // 1000:04}/page-{number:07}.jpg"
            found = Item(
                number, f"scans/{inside}", str(output), inside, 100_000 + number % 5000, 1.5, pages=1
            )
            file.write(found.line() + "\n")
        for number in range(items):
            file.write(begun_line(number, 1) + "\n")
            names = {"input": f"scans/{number // 1000:04}/page-{number:07}.jpg", "output": str(output)}
            if number % 100:
                file.write(result_line(number, "done", number % 97 / 10, names | about) + "\n")
            else:
                error = f"{names['input']}: expected a whole picture, got one cut at byte {number}"
                file.write(result_line(number, "failed", None, names | {"error": error}) + "\n")


def plan(folder: Path, files: int) -> tuple[float, float]:
    """List a folder of empty pictures; give the seconds and the mebibytes."""
    for number in range(files):
        place = folder / "scans" / f"{number // 1000:04}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"page-{number:07}.jpg").touch()
    code = (
        "import resource, sys; from restore.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    words = [
        "plan",
        str(folder / "scans"),
        "-o",
        str(folder / "out"),
        "--manifest",
        str(folder / "plan.jsonl"),
    ]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], check=True, capture_output=True, text=True
    )
    return time.perf_counter() - start, float(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--items", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--folder", type=int, default=20_000, metavar="FILES")
    options = parser.parse_args()
    sys.path.insert(0, str(HERE))
    os.environ["PYTHONPATH"] = str(HERE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.jsonl")
        write(path, options.items)
        size, lines = path.stat().st_size / 1e6, 3 * options.items + 1
        print(f"{options.items:,} items, {lines:,} lines, {size:.0f} MB\n")
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, str(path)], check=True, capture_output=True, text=True
        )
        print("| | seconds | largest memory until then, MiB |\n|---|---|---|")
        for name, (seconds, memory) in json.loads(done.stdout).items():
            print(f"| {name} | {seconds:.1f} | {memory:.0f} |", flush=True)
        seconds, memory = plan(Path(folder), options.folder)
        print(f"| restore plan of {options.folder:,} files | {seconds:.1f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
