"""Write the golden results anew: ``python tests/golden/record.py [--replace NAME...] [--into FOLDER]``.

New cases are added; those recorded already stay as they are, byte for byte, unless they are named.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))  # for the helpers that tests share

from cases import CASES
from golden_runs import FOLDER, Recorded, machine, prepare, read_recorded, run, write_recorded
from isolation import forget_configuration


def main() -> None:
    """Record what is not yet, and what is to be replaced."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replace", nargs="+", default=[], metavar="NAME", help="to record again; or all")
    parser.add_argument("--into", type=Path, default=FOLDER, metavar="FOLDER", help="another place for them")
    arguments = parser.parse_args()
    forget_configuration()
    folder: Path = arguments.into
    names = [case.name for case in CASES]
    replaced = names if arguments.replace == ["all"] else arguments.replace
    if unknown := sorted({*replaced} - {*names}):
        parser.error(f"there is no case {', '.join(unknown)}")

    old = read_recorded(folder)
    kept = {name: digest for name, digest in old.digests.items() if name in names and name not in replaced}
    if kept and old.machine != machine():
        parser.error(
            f"{folder} was recorded on another machine, {old.machine}; record all anew with --replace all, "
            "at a commit whose results are right"
        )
    arrays = {key: array for key, array in old.arrays.items() if key.partition("/")[0] in kept}
    digests = dict(kept)
    with tempfile.TemporaryDirectory() as inputs:
        places = prepare(Path(inputs))
        for case in CASES:
            if case.name in kept:
                continue
            outcome = run(case, places)
            digests[case.name] = outcome.digest
            arrays |= {f"{case.name}/{name}": array for name, array in outcome.arrays.items()}
            print(f"recorded {case.name}")
    for name in sorted(old.digests.keys() - digests.keys()):
        print(f"forgot {name}, which is no case any more")
    write_recorded(Recorded(machine(), digests, arrays), folder)
    print(f"{len(digests) - len(kept)} recorded, {len(kept)} kept as they were")


if __name__ == "__main__":
    main()
