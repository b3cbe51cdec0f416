"""The scripts of examples/ and the notebook run, and the page on diffusion names what there is."""

from __future__ import annotations

import re
import runpy
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
DIFFUSION = (ROOT / "docs" / "diffusion.md").read_text(encoding="utf-8")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the main function of an example with arguments."""
    pytest.importorskip("sklearn")
    monkeypatch.syspath_prepend(str(ROOT / "examples"))

    def run(name: str, *arguments: object) -> None:
        main = runpy.run_path(str(ROOT / "examples" / f"{name}.py"))["main"]
        main([str(argument) for argument in arguments])

    return run


@pytest.mark.slow
def test_digits_and_their_variations(run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("digits", tmp_path / "d", "--steps", 2, "--few", 60, "--draw-steps", 2)
    sheet = np.asarray(Image.open(tmp_path / "d" / "digits-guidance-2.png"))
    assert sheet.shape == (10 * 34 + 2, 10 * 34 + 2, 3)
    weights = tmp_path / "d" / "run" / "weights.safetensors"
    run("likelihood", weights, tmp_path / "d" / "pictures", "--count", 2, "--steps", 4)
    run("variations", weights, tmp_path / "v", "--few", 60, "--copies", 1, "--strengths", 0.2)
    said = capsys.readouterr().out
    assert [float(score) > 0.5 for score in re.findall(r": (0\.\d+)", said)][:3] == [True] * 3
    assert len(re.findall(r"(?:digits|side|disorder) +-?\d+\.\d+ +-?\d+\.\d+", said)) == 3
    assert (tmp_path / "v" / "variations.png").exists()


@pytest.mark.slow
def test_a_cascade(run: Any, tmp_path: Path) -> None:
    run("cascade", tmp_path, "--steps", 2, "--draw-steps", 2)
    assert np.asarray(Image.open(tmp_path / "cascade.png")).shape[2] == 3


@pytest.mark.slow
def test_a_folder_of_noisy_pictures(run: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "scans").mkdir()
    for k in range(3):
        smooth = np.add.outer(np.linspace(60, 160, 48), np.linspace(0, 60 + 10 * k, 48))[..., None]
        noisy = smooth + rng.normal(0, 20, (48, 48, 3))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(tmp_path / "scans" / f"{k}.png")
    run("noisy_folder", tmp_path / "scans", tmp_path / "o", "--steps", 2, "--fit-steps", 1, "--crop", 32)
    made = {path.name for path in (tmp_path / "o").iterdir()}
    assert {"cleaned", "weights.safetensors", "samples.png", "restored.png"} <= made


@pytest.mark.slow
def test_the_tour_runs_cell_by_cell() -> None:
    jupytext = pytest.importorskip("jupytext")
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    cells = jupytext.read(ROOT / "docs" / "diffusion" / "tour.py").cells
    assert {cell.cell_type for cell in cells} == {"markdown", "code"}
    namespace: dict[str, Any] = {}
    for cell in cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, "tour.py", "exec"), namespace)
    assert len(plt.get_fignums()) == 6
    plt.close("all")


def code_names() -> list[str]:
    """What the tables of the page name in their second column, and in the text."""
    found = re.findall(
        r"`((?:diffusion|priors|training|tasks|inverse|evaluation|fitting|types)\.[\w.]+)`", DIFFUSION
    )
    return sorted(set(found))


@pytest.mark.parametrize("name", code_names())
def test_the_page_names_what_there_is(name: str) -> None:
    module, _, attribute = f"restore.{name}".rpartition(".")
    try:
        import_module(f"{module}.{attribute}")
    except ModuleNotFoundError:
        assert hasattr(import_module(module), attribute), name


def test_the_page_shows_pictures_that_are_there() -> None:
    shown = re.findall(r"!\[.*?\]\((.+?)\)", DIFFUSION)
    assert shown
    for name in shown:
        assert (ROOT / "docs" / name).is_file(), name
