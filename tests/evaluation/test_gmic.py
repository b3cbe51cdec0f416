"""G'MIC is run as a program: a stand-in for it that fills with white, fails, or writes nothing."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restore.evaluation import gmic
from restore.evaluation.baselines import baselines
from restore.evaluation.cases import Given, from_bytes
from restore.evaluation.protocols import Holes

HEAD = "#!/bin/sh\n"
WHITE = f"""{HEAD}echo "$@" > {{folder}}/words
echo $OMP_NUM_THREADS > {{folder}}/threads
pwd > {{folder}}/where
cp mask.png {{folder}}
cp photo.png {{folder}}
cp {{folder}}/white.png filled.png
"""
needs_gmic = pytest.mark.skipif(shutil.which("gmic") is None, reason="the program gmic is not installed")


def program(folder: Path, script: str, patch: pytest.MonkeyPatch) -> None:
    """Put a program called gmic first on the PATH."""
    (folder / "bin").mkdir()
    path = folder / "bin" / "gmic"
    path.write_text(script.format(folder=folder))
    path.chmod(0o755)
    patch.setenv("PATH", f"{folder / 'bin'}:/usr/bin:/bin")


def case() -> Given:
    image, hole = np.full((40, 50, 3), 90, np.uint8), torch.zeros(1, 1, 40, 50)
    image[..., 0] = np.arange(50)
    hole[..., 10:20, 30:45] = 1
    return Given(from_bytes(image), hole=hole)


def test_without_the_program_there_are_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert gmic.gmic_rows() == {}
    assert not any("MIC" in name for name in baselines(Holes("box")))


def test_the_program_is_given_the_picture_and_its_mask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(np.full((40, 50, 3), 255, np.uint8)).save(tmp_path / "white.png")
    program(tmp_path, WHITE, monkeypatch)
    rows = baselines(Holes("box"))
    assert list(rows)[-2:] == ["G'MIC inpaint_matchpatch", "G'MIC inpaint (patches)"]
    given = case()
    result = rows["G'MIC inpaint_matchpatch"](given)
    assert torch.equal(result, torch.ones(1, 3, 40, 50))
    words = (tmp_path / "words").read_text().split()
    assert words[:3] == ["photo.png", "mask.png", "inpaint_matchpatch[0]"]
    assert words[-3:] == ["keep[0]", "output", "filled.png"]
    assert int((tmp_path / "threads").read_text()) == torch.get_num_threads()
    assert not Path((tmp_path / "where").read_text().strip()).exists()
    mask = np.asarray(Image.open(tmp_path / "mask.png"))
    assert given.hole is not None
    assert np.array_equal(mask, 255 * given.hole[0, 0].numpy())
    assert torch.equal(from_bytes(np.asarray(Image.open(tmp_path / "photo.png"))), given.image)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            HEAD + "echo start >&2; printf '*** \\033[1mError *** no such command\\n\\n' >&2; exit 3",
            r"^gmic ended with exit code 3: \*\*\* \[1mError \*\*\* no such command$",
        ),
        (HEAD + "exit 1", "^gmic ended with exit code 1: it said nothing$"),
        (HEAD + "kill -9 $$", "^gmic ended with exit code -9: it said nothing$"),
        (HEAD, "^gmic inpaint_matchpatch wrote no picture$"),
        (HEAD + "echo no > filled.png", "^gmic inpaint_matchpatch wrote no picture$"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    program(tmp_path, script, monkeypatch)
    with pytest.raises(OSError, match=message):
        gmic.gmic_rows()["G'MIC inpaint_matchpatch"](case())


def test_a_fill_needs_a_hole() -> None:
    with pytest.raises(ValueError, match="needs a hole"):
        gmic.filled_by_gmic(Given(torch.zeros(1, 3, 8, 8)), command="none")


@needs_gmic
@pytest.mark.parametrize("name", list(gmic.COMMANDS))
def test_the_real_program_continues_stripes(name: str) -> None:
    """Patches of the known part hold the whole answer."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, np.arange(64) % 8 < 4] = 200
    hole = torch.zeros(1, 1, 64, 64)
    hole[..., 24:40, 24:40] = 1
    clean = from_bytes(image)
    given = Given(clean * (1 - hole) + 128 / 255 * hole, hole=hole)
    result = gmic.gmic_rows()[name](given)
    error = ((result - clean) * hole).abs().sum() / hole.sum() / 3
    assert error < 0.1  # mid-grey: 0.39


def test_the_benchmark_runs_the_same_commands() -> None:
    path = Path(__file__).parents[2] / "benchmarks" / "large_holes.py"
    assert runpy.run_path(str(path))["COMMANDS"] == gmic.COMMANDS
