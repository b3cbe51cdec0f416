"""Every command, method and sampler gives what it gave when the results were recorded (`record.py`).

Where the machine is the recorded one, down to the byte. Elsewhere the numbers are compared: another
processor, or another version of a library, adds up in another order. That was tried with no more than
SSE4 instructions and two threads: 105 of 130 cases kept every byte; floats moved by some 1e-6, in one long
run by 1.3e-4; a few pixels by one level, of 8 bits as of 16; and scores by 0.003. TOLERANCES leave room
above that; a case that may need more has it in `cases.py`.

To compare bytes on another machine: record into a folder at a commit whose results are right, by
``python tests/golden/record.py --into FOLDER``, and set RESTORE_GOLDEN=FOLDER.
"""

from __future__ import annotations

import pytest
from cases import CASES, Case
from golden_runs import FOLDER, differences, largest, machine, prepare, read_recorded, run

pytestmark = pytest.mark.slow

TOLERANCES = {
    "uint8": 1.0,  # levels: what is rounded may lie near the middle between two
    "uint16": 16.0,  # levels of 65535
    "float32": 1e-3,  # of white
    "float64": 0.02,  # of scores: dB, and SSIM in parts of 1
}

RECORDED = read_recorded()
SAME_MACHINE = RECORDED.machine == machine()


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The inputs of all cases."""
    return prepare(tmp_path_factory.mktemp("golden"))


def test_every_case_has_a_name_of_its_own_and_is_recorded() -> None:
    names = [case.name for case in CASES]
    assert len({*names}) == len(names)
    assert sorted(names) == sorted(RECORDED.digests), "run python tests/golden/record.py"
    assert (FOLDER / "results.npz").stat().st_size < 400_000


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_result_is_the_recorded_one(case: Case, places: dict[str, str]) -> None:
    outcome, stored = run(case, places), RECORDED.of(case)
    lines = differences(outcome.arrays, stored, TOLERANCES | case.tolerances)
    assert not lines, f"{case.name}: " + "; ".join(lines)
    if SAME_MACHINE:
        most = largest(outcome.arrays, stored)
        assert outcome.digest == RECORDED.digests[case.name], (
            f"{case.name}: the bytes are not the recorded ones; numbers differ by {most:g} at most"
        )
