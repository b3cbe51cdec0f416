"""`restore eval likelihood` and `restore eval samples`: what they print and write, and bad input."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import cli
from foreign_networks import foreign_weights
from PIL import Image
from scenes import scene

from restore.images.fingerprints import Fingerprints, fingerprint
from restore.priors.checkpoint import save, save_adapters
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three pictures and weights that were trained on the second."""
    monkeypatch.chdir(tmp_path)
    Path("set").mkdir()
    for seed, name in enumerate("abc", 1):
        Image.fromarray(scene(seed, 40, 32)).save(f"set/{name}.png")
    prints = Fingerprints([fingerprint(scene(2, 40, 32))]).text()
    save(tiny_prior(fingerprints=prints), Path("tiny.safetensors"))
    return tmp_path


def likelihood(*arguments: object, weights: str = "tiny.safetensors") -> tuple[int, str, str]:
    done = cli(
        "eval", "likelihood", "--data", "set", "--weights", weights, "--device", "cpu", "--crop", "16",
        *arguments,
    )  # fmt: skip
    return done.exit_code, done.stdout, done.stderr


def rows(markdown: str) -> list[list[str]]:
    lines = [line for line in markdown.splitlines() if line.startswith("|") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


# --- likelihood -----------------------------------------------------------------------------------


def test_the_bound_and_its_parts() -> None:
    code, out, err = likelihood("--steps", "5")
    assert code == 0, err
    head, row = rows(out)
    assert head[:5] == ["method", "bits / dim ↓", "prior ↓", "decoder ↓", "KL terms ↓"]
    assert row[0] == "**tiny**"
    total, *parts = (float(cell.partition(" ± ")[0]) for cell in row[1:5])
    assert total == pytest.approx(sum(parts), abs=2e-3)
    assert all(float(cell.partition(" ± ")[2]) >= 0 for cell in row[1:5])
    assert row[head.index("computed on")] == "cpu float32"
    assert "### set, bound, 5 steps: 3 pictures" in out
    assert "tiny: steps 5, variance small, seed 0" in out
    assert "OVERLAP: 1 of 3 pictures" in out
    assert "b.png (in the training data of the weights)" in err


def test_the_flow_and_the_seed() -> None:
    results = [
        likelihood("--method", "ode", "--steps", "2", "--limit", "1", "--seed", seed) for seed in (0, 0, 1)
    ]
    assert [code for code, _, _ in results] == [0, 0, 0]
    found = [rows(out)[1][1:5] for _, out, _ in results]
    assert found[0] == found[1] != found[2]
    out = results[0][1]
    assert rows(out)[0][1:5] == ["bits / dim ↓", "prior ↓", "volume ↓", "bins ↓"]
    assert rows(out)[1][rows(out)[0].index("calls")] == "8"
    assert "p is the density at sigma 0.5 of 255" in " ".join(out.split())


def test_files_of_a_likelihood() -> None:
    pytest.importorskip("matplotlib")
    code, out, err = likelihood("--steps", "4", "--json", "e.json", "--csv", "e.csv", "--plot", "e.svg")
    assert code == 0, err
    assert "wrote e.svg" in err
    found = json.loads(Path("e.json").read_text())
    (row,) = found["tables"][0]["rows"]
    sigmas, bits = row["curve"].values()
    assert len(sigmas) == len(bits) == 4
    assert set(row["errors"]) == set(row["means"]) == {"bits", "prior", "decoder", "steps"}
    assert f"{row['means']['bits']:.3f} ± {row['errors']['bits']:.3f}" in out
    lines = list(csv.DictReader(Path("e.csv").read_text().splitlines()))
    assert [float(line["bits"]) for line in lines] == pytest.approx(
        [picture["scores"]["bits"] for picture in row["pictures"]], abs=1e-6
    )
    assert "<svg" in Path("e.svg").read_text(encoding="utf-8")
    code, _, _ = likelihood("--method", "ode", "--steps", "2", "--plot", "e.png")
    assert code == 0
    assert Path("e.png").read_bytes().startswith(b"\x89PNG")


def test_converted_weights_say_where_their_noise_begins() -> None:
    foreign_weights(Path("theirs.safetensors"))
    code, out, err = likelihood("--method", "ode", "--steps", "2", weights="theirs.safetensors")
    assert code == 0, err
    words = " ".join(out.split())
    assert "p is the density at sigma 1.28 of 255" in words
    assert "which alone costs 1.71 bits" in words
    code, out, err = likelihood("--steps", "3", weights="theirs.safetensors")
    assert code == 0, err
    assert "sigma 1.28 to" in out
    code, _, err = likelihood("--steps", "3", "--label", "1", weights="theirs.safetensors")
    assert (code, "know no classes" in err) == (1, True)


def test_a_network_of_classes_needs_one() -> None:
    foreign_weights(Path("classes.safetensors"), classes=4)
    for method in ("bound", "ode"):
        code, _, err = likelihood("--method", method, "--steps", "2", weights="classes.safetensors")
        assert code == 1
        assert "draws one of 4 classes; pass a label from 0 to 3" in err
    code, _, err = likelihood("--steps", "2", "--label", "3", weights="classes.safetensors")
    assert code == 0, err


def test_adapters_are_refused(here: Path) -> None:
    digest = save(tiny_prior(), here / "base.safetensors")
    state = tiny_prior().network.state_dict()
    name = next(name for name, tensor in state.items() if tensor.ndim == 4).removesuffix(".weight")
    outputs, inputs, *kernel = state[f"{name}.weight"].shape
    tensors = {
        f"{name}.A": torch.zeros(1, inputs * int(np.prod(kernel))),
        f"{name}.B": torch.zeros(outputs, 1),
    }
    save_adapters(tensors, here / "own.safetensors", base=digest, facts={})
    code, _, err = likelihood("--steps", "2", weights="own.safetensors")
    assert code == 1
    assert "own.safetensors: these are adapters that were fitted to noisy pictures" in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--steps", "1"), 2, "1 is not in the range"),
        (
            ("--steps", "1001"),
            1,
            "--steps 1001: this schedule has 1000 timesteps; expected steps from 2 to 1000",
        ),
        (("--variance", "learned"), 1, "--variance learned: these weights have no learned variance"),
        (("--method", "ode", "--variance", "small"), 2, "--variance has no effect with --method ode"),
        (("--probes", "2"), 2, "--probes has no effect with --method bound"),
        (("--data", "set"), 2, "--data names the same folder twice"),
        (("--crop", "64", "--steps", "2"), 1, "not one picture could be measured"),
        (("--data", "none", "--steps", "2"), 1, "none: expected a folder of clean pictures"),
        (("--json", "-", "--csv", "-"), 2, "cannot both go to standard output"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], code: int, message: str) -> None:
    found, out, err = likelihood(*arguments)
    assert found == code, err
    assert message in err.splitlines()[-1]
    assert out == ""


def test_an_empty_folder_and_a_broken_picture() -> None:
    Path("set/broken.png").write_bytes(b"no picture")
    code, out, err = likelihood("--steps", "2")
    assert code == 1
    assert "warning: broken.png is left out" in err
    assert "LEFT OUT, in no mean: 1 of 4 pictures" in out
    Path("empty").mkdir()
    done = cli("eval", "likelihood", "--data", "empty", "--weights", "tiny.safetensors")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")


# --- samples --------------------------------------------------------------------------------------


@pytest.fixture
def two_sets() -> None:
    for folder, seeds in (("real", range(18)), ("drawn", range(100, 109))):
        Path(folder).mkdir()
        for seed in seeds:
            Image.fromarray(scene(seed, 32, 32)).save(f"{folder}/{seed}.png")


@pytest.mark.usefixtures("two_sets")
def test_samples_beside_references() -> None:
    Image.open("real/3.png").save("drawn/again.bmp")
    done = cli("eval", "samples", "--data", "real", "--samples", "drawn", "--json", "s.json")
    assert done.exit_code == 0, done.stderr
    head, first, second, floor = rows(done.stdout)
    assert head[1:9] == [
        "Fréchet ↓", "diversity ↑", "nearest ↑", "copies ↓", "precision ↑", "recall ↑", "density ↑",
        "coverage ↑",
    ]  # fmt: skip
    assert [row[0] for row in (first, second, floor)] == [
        "all samples against all references",
        "9 samples against 9 references",
        "9 other references against these",
    ]
    assert float(first[4]) == 0.1
    assert "### real, centre squares of 32x32: 10 pictures" in done.stdout
    assert "is no FID" in done.stdout
    assert "sample again.bmp is nearly a copy of 3.png: 0.000 of the usual distance" in done.stderr
    found = json.loads(Path("s.json").read_text())
    assert found["tables"][0]["rows"][0]["means"]["frechet"] == pytest.approx(float(first[1]), abs=1e-3)
    again = cli("eval", "samples", "--data", "real", "--samples", "drawn", "--json", "-")
    assert json.loads(again.stdout)["tables"][0]["rows"] == found["tables"][0]["rows"]


@pytest.mark.usefixtures("two_sets")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--data", "real", "--samples", "real"), 2, "name the same folder"),
        (("--data", "drawn", "--samples", "real"), 1, "expected at least 16 references"),
        (
            ("--data", "real", "--samples", "set"),
            1,
            "expected at least 8 samples to fit a distribution to, got 3",
        ),
        (("--data", "real", "--samples", "drawn", "--size", "64"), 1, "pass --size 32 or less"),
        (("--data", "real", "--samples", "none"), 1, "none: expected a folder of pictures"),
    ],
)
def test_bad_samples_are_one_line(arguments: tuple[str, ...], code: int, message: str) -> None:
    done = cli("eval", "samples", *arguments)
    assert done.exit_code == code
    assert message in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("command", ["likelihood", "samples"])
def test_help_has_an_example_and_says_every_option(command: str) -> None:
    done = cli("eval", command, "--help")
    assert done.exit_code == 0
    assert f"\n  restore eval {command} " in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
