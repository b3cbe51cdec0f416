"""`restore eval`: what it prints and writes, and that bad input is one clear line."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from scenes import scene

from restore.cli.main import main
from restore.evaluation.columns import TRUNKS
from restore.evaluation.gmic import gmic_rows
from restore.images.fingerprints import Fingerprints, fingerprint
from restore.images.perceptual import Trunk
from restore.priors.checkpoint import save
from restore.testing import tiny_prior


def tiny_weights(path: Path, **facts: object) -> Path:
    save(tiny_prior(**facts), path)
    return path


def run(*arguments: object) -> Result:
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(main, ["eval", *words], catch_exceptions=False, prog_name="restore")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of three pictures and weights that were trained on the second."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RESTORE_LPIPS_TRUNK", raising=False)
    Path("set").mkdir()
    pictures = {"a.png": scene(1, 48, 64), "b.png": scene(2, 64, 40), "c.png": scene(3, 50, 50)}
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(Path("set", name))
    tiny_weights(Path("clean.safetensors"), fingerprints=Fingerprints([fingerprint(scene(99))]).text())
    tiny_weights(Path("seen.safetensors"), fingerprints=Fingerprints([fingerprint(pictures["b.png"])]).text())
    tiny_weights(Path("silent.safetensors"))
    return tmp_path


TINY = ("--data", "set", "--weights", "clean.safetensors", "--precision", "fp32")


def rows(markdown: str) -> list[list[str]]:
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "---" not in line]


# --------------------------------------------------------------------------------------------- names


def test_trunks_are_those_that_lpips_knows() -> None:
    assert set(TRUNKS) == set(get_args(Trunk))


@pytest.mark.parametrize("command", ["denoise", "upscale", "inpaint", "compare"])
def test_help_says_what_it_does(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    for option in ("--metrics", "--lpips-trunk", "--json", "--csv", "--limit", "--report", "--plot"):
        assert option in result.stdout
    assert f"restore eval {command}" in result.stdout


# --------------------------------------------------------------------------------------------- tables


@pytest.mark.slow
def test_denoise_prints_a_table_under_its_protocol() -> None:
    result = run("denoise", *TINY, "--sigma", "15,25", "--no-baselines")
    assert result.exit_code == 0, result.stderr
    head, told, estimated = rows(result.stdout)[:3]
    assert head[:3] == ["method", "PSNR ↑", "SSIM ↑"]
    assert told[0] == "**restore mean, gaussian**"
    assert estimated[0] == "**restore mean, gaussian, sigma estimated**"
    assert 5 < float(told[1]) < 50
    assert told[head.index("calls")] == "1"
    assert told[head.index("computed on")] == "cpu float32"
    for words in ("gaussian sigma 15, unclipped: 3 pictures", "RandomState(0)", "no border left out", "Set "):
        assert words in result.stdout
    for words in ("- weights: ", "- machine: ", "- versions: torch", "s restoring"):
        assert words in result.stdout
    assert "LPIPS is not measured, everything else is: LPIPS needs torchvision's squeeze" in result.stderr


def test_baselines_come_by_themselves() -> None:
    result = run("upscale", *TINY, "--scale", "2", "--estimate", "mean", "--method", "conditional")
    names = [row[0] for row in rows(result.stdout)[1:]]
    assert names == ["Pillow bicubic", "Pillow Lanczos", "**restore mean, conditional**"]
    result = run("inpaint", *TINY, "--holes", "box", "--no-own")
    names = [row[0] for row in rows(result.stdout)[1:]]
    assert names == ["OpenCV Telea", "OpenCV Navier-Stokes", "scikit-image biharmonic", *gmic_rows()]
    assert "- weights" not in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("protocol", "name"),
    [
        (("--protocol", "poisson-gaussian", "--gain", "0.02", "--read", "1"), "gain 0.02 read 1"),
        (("--input", "8bit", "--sigma", "25"), "gaussian sigma 25, 8 bit"),
        (("--protocol", "camera", "--shot", "0.001"), "camera shot 0.001 jpeg 95"),
        (("--protocol", "jpeg", "--sigma", "20", "--quality", "85"), "gaussian sigma 20 in jpeg 85"),
    ],
)
def test_denoise_has_other_protocols(protocol: tuple[str, ...], name: str) -> None:
    result = run("denoise", *TINY, *protocol, "--no-baselines", "--metrics", "psnr")
    assert result.exit_code == 0, result.stderr
    assert name in result.stdout


def test_simulated_photographs_at_their_default_levels() -> None:
    rest = ("--limit", "1", "--no-own", "--metrics", "psnr")
    result = run("denoise", *TINY, "--protocol", "camera", *rest)
    assert result.exit_code == 0, result.stderr
    for shot in ("0.0004", "0.0016", "0.0064"):
        assert f"camera shot {shot} jpeg 95: 1 pictures" in result.stdout
    for words in ("about ISO 400", "about ISO 1600", "about ISO 6400"):
        assert words in result.stdout
    names = [row[0] for row in rows(result.stdout)[1:8]]
    assert names[0] == "the damaged picture"
    assert names[1:] == [f"OpenCV non-local means, h={h}" for h in (3, 5, 7, 10, 15, 25)]
    result = run("denoise", *TINY, "--protocol", "jpeg", "--no-baselines", "--peer", "p.py:same", *rest)
    assert result.exit_code == 1  # no such peer
    Path("p.py").write_text("def same(device):\n    return lambda given: given.image\n")
    result = run("denoise", *TINY, "--protocol", "jpeg", "--no-baselines", "--peer", "p.py:same", *rest)
    assert result.exit_code == 0, result.stderr
    protocols = [f"sigma {sigma} in jpeg {quality}" for quality in (85, 95) for sigma in (10, 20, 30)]
    assert [name for name in protocols if name in result.stdout] == protocols


def put_pairs(folder: str) -> None:
    """Two pairs of a noisy JPEG and a mean."""
    Path(folder).mkdir(parents=True)
    for number in (1, 2):
        pixels = scene(number, 48, 64)
        noise = np.random.RandomState(number).randint(-20, 21, pixels.shape)
        Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(f"{folder}/{number}_noisy.jpg")
        Image.fromarray(pixels).save(f"{folder}/{number}_mean.png")


def test_pairs_are_measured_without_data() -> None:
    put_pairs("night")
    result = run("denoise", "--pairs", "night", *TINY[2:], "--metrics", "psnr", "--no-baselines")
    assert result.exit_code == 0, result.stderr
    assert "### night, pairs: 2 pictures" in result.stdout
    assert "Noisy pictures as found, each beside a reference of the same scene" in result.stdout
    names = [f"**restore mean, {method}**" for method in ("auto", "gaussian", "blind")]
    assert [row[0] for row in rows(result.stdout)[1:]] == names
    assert "none of them looks alike" in result.stdout


def test_pairs_and_data_are_tables_of_one_run() -> None:
    put_pairs("more/set")
    both = ("--pairs", "more/set", "--sigma", "25", "--no-baselines", "--metrics", "psnr", "--limit", "1")
    result = run("denoise", *TINY, *both)
    assert result.exit_code == 0, result.stderr
    titles = [line for line in result.stdout.splitlines() if line.startswith("### ")]
    assert titles[0].endswith("/set, gaussian sigma 25, unclipped: 1 pictures")
    assert titles[1:] == ["### more/set, pairs: 1 pictures"]


@pytest.mark.slow
def test_dejpeg_and_solve() -> None:
    result = run("dejpeg", *TINY, "--quality", "20", "--method", "splitting,blind", "--metrics", "psnr")
    assert result.exit_code == 0, result.stderr
    assert "jpeg quality 20: 3 pictures" in result.stdout
    names = [row[0] for row in rows(result.stdout)[1:]]
    assert names[:3] == ["the damaged picture", "OpenCV non-local means (8 bit)", "scikit-image TV"]
    assert names[-2:] == ["**restore mean, splitting**", "**restore mean, blind**"]
    operator = ("--operator", "blur=gaussian:0.8", "--operator", "down=2", "--sigma", "3")
    more = ("--method", "splitting,pigdm", "--sweep", "steps=1,2", "--metrics", "psnr")
    result = run("solve", *TINY, *operator, *more)
    assert result.exit_code == 0, result.stderr
    assert "blur=gaussian:0.8, down=2, noise 3: 3 pictures" in result.stdout
    found = rows(result.stdout)
    assert [row[0] for row in found[1:]] == [
        "regularised inverse (Wiener)",
        "**restore mean, splitting, steps=1**", "**restore sample, pigdm, steps=1**",
        "**restore mean, splitting, steps=2**", "**restore sample, pigdm, steps=2**",
    ]  # fmt: skip
    assert [row[found[0].index("calls")] for row in found[1:]] == ["", "1", "1", "2", "2"]


@pytest.mark.slow
def test_repaint_without_its_climbs() -> None:
    more = ("--method", "repaint", "--estimate", "sample", "--steps", "12", "--metrics", "psnr")
    for jumps, calls in (((), "102"), (("--jump-repeats", "1"), "12")):
        result = run("inpaint", *TINY, "--holes", "box", "--no-baselines", *more, *jumps)
        assert result.exit_code == 0, result.stderr
        head, row = rows(result.stdout)
        assert row[head.index("calls")] == calls


def test_a_sweep_is_a_row_for_each_value() -> None:
    sweep = ("--sweep", "steps=1,2", "--sweep", "seed=0,1", "--estimate", "sample", "--method", "ddnm")
    result = run("inpaint", *TINY, "--holes", "box", "--no-baselines", "--metrics", "psnr", *sweep)
    assert result.exit_code == 0, result.stderr
    found = rows(result.stdout)[1:]
    assert [row[0] for row in found] == [
        f"**restore sample, ddnm, steps={steps}, seed={seed}**" for steps in (1, 2) for seed in (0, 1)
    ]
    assert len({row[1] for row in found}) >= 3  # the seed does something


@pytest.mark.slow
def test_json_csv_report_and_plot() -> None:
    out = ("--json", "e.json", "--csv", "e.csv", "--report", "e.html", "--plot", "e.png")
    only = ("--sigma", "10,20", "--metrics", "psnr")
    result = run("denoise", *TINY, *only, *out, "--no-baselines", "--report-pictures", "2")
    assert result.exit_code == 0, result.stderr
    found = json.loads(Path("e.json").read_text())
    assert [table["level"] for table in found["tables"]] == [10, 20]
    table = found["tables"][0]
    assert len(table["rows"][0]["pictures"]) == table["count"] == 3
    mean = sum(p["scores"]["psnr"] for p in table["rows"][0]["pictures"]) / 3
    assert table["rows"][0]["means"]["psnr"] == pytest.approx(mean)
    lines = list(csv.DictReader(Path("e.csv").read_text().splitlines()))
    assert len(lines) == 2 * 2 * 3
    assert "<html" in Path("e.html").read_text(encoding="utf-8")
    assert Path("e.png").read_bytes().startswith(b"\x89PNG")
    assert "wrote e.html" in result.stderr
    again = run("denoise", *TINY, *only, "--json", "e.json")
    assert again.exit_code == 1
    assert again.stderr.strip() == (
        "error: e.json: the file is already there; choose another name or pass --overwrite"
    )
    assert run("denoise", *TINY, *only, "--json", "e.json", "--overwrite", "--no-baselines").exit_code == 0


@pytest.mark.slow
def test_json_on_standard_output_is_nothing_else() -> None:
    result = run("denoise", *TINY, "--sigma", "25", "--json", "-", "--no-baselines", "--metrics", "psnr")
    assert json.loads(result.stdout)["format"] == "restore-eval-1"
    result = run("denoise", *TINY, "--sigma", "25", "--csv", "-", "--no-baselines", "--metrics", "psnr")
    assert result.stdout.startswith("set,set_hash,protocol,method")


def test_no_folder_of_this_machine_is_named(monkeypatch: pytest.MonkeyPatch, here: Path) -> None:
    words = [
        "eval",
        "denoise",
        "--data",
        f"{here}/set",
        "--peer",
        f"P={here}/p.py:f:{here}/w.npz",
        "--input=8bit",
    ]
    monkeypatch.setattr("sys.argv", ["restore", *words])
    result = run("denoise", *TINY, "--sigma", "25", "--no-baselines", "--metrics", "psnr")
    assert "command: restore eval denoise --data set --peer P=p.py:f:w.npz --input=8bit" in result.stdout
    assert str(here) not in result.stdout


@pytest.mark.slow
def test_options_from_a_file() -> None:
    Path("e.toml").write_text(
        'data = ["set"]\nweights = "clean.safetensors"\nsigma = "25"\nlimit = 1\nbaselines = false\n'
    )
    result = run("denoise", "--config", "e.toml", "--metrics", "psnr")
    assert result.exit_code == 0, result.stderr
    assert "gaussian sigma 25, unclipped: 1 pictures" in result.stdout
    Path("e.toml").write_text('data = "set"\nsigma = "much"\n')
    result = run("denoise", "--config", "e.toml")
    assert result.exit_code == 1
    assert "e.toml: sigma: 'much' in 'much': expected numbers" in result.stderr
    lines = ['data = "set"', "sigma = [10, 20.5]", 'metrics = ["psnr"]', "own = false"]
    Path("e.toml").write_text("\n".join(lines))
    result = run("denoise", "--config", "e.toml")
    assert "gaussian sigma 10, unclipped" in result.stdout
    assert "gaussian sigma 20.5, unclipped" in result.stdout


# --------------------------------------------------------------------------------------------- guards


@pytest.mark.slow
def test_pictures_that_were_trained_on_are_marked() -> None:
    result = run(
        "denoise", "--data", "set", "--weights", "seen.safetensors", "--sigma", "25", "--no-baselines"
    )
    assert result.exit_code == 0
    assert "warning: 1 of 3 pictures of set, gaussian sigma 25, unclipped were seen before" in result.stderr
    assert "b.png (in the training data of the weights)" in result.stderr
    assert "OVERLAP: 1 of 3 pictures" in result.stdout
    checked = "Checked against 1 pictures in the training data of the weights"
    assert f"{checked}: 1 of them looks alike." in result.stdout
    result = run("denoise", *TINY, "--sigma", "25", "--no-baselines")
    assert f"{checked}: none of them looks alike." in result.stdout


def test_weights_without_fingerprints_say_so() -> None:
    result = run(
        "denoise", "--data", "set", "--weights", "silent.safetensors", "--sigma", "25", "--no-baselines"
    )
    assert "carry no fingerprints of their training pictures" in result.stderr
    assert "carry no fingerprints of their training pictures" in result.stdout  # with the numbers
    assert "Not checked against any training pictures." in result.stdout


def test_another_checkpoint_beside() -> None:
    weights = ("--against", "seen.safetensors", "--against", "silent.safetensors")
    result = run("denoise", *TINY, *weights, "--sigma", "25", "--no-baselines", "--metrics", "psnr")
    found = rows(result.stdout)[1:]
    names = [f"{name} mean, gaussian" for name in ("**restore", "seen", "silent")]
    assert [row[0].removesuffix("**") for row in found[::2]] == names
    assert found[0][1:2] == found[2][1:2] == found[4][1:2]  # the same network in three files
    assert "b.png (in the training data of seen)" in result.stderr
    assert "silent carry no fingerprints" in result.stderr
    result = run("denoise", *TINY, "--against", "seen.safetensors", "--against", "seen.safetensors")
    assert result.exit_code == 1
    assert "there are rows called seen already; rename it" in result.stderr


def test_a_folder_that_somebody_trained_on() -> None:
    Path("theirs").mkdir()
    Image.fromarray(scene(3, 50, 50)[:, ::-1]).resize((100, 100)).save("theirs/large.jpg", quality=70)
    result = run(
        "denoise", *TINY, "--sigma", "25", "--no-baselines", "--trained-on", "theirs", "--metrics", "psnr"
    )
    assert "c.png (in theirs)" in result.stderr


def test_folders_of_one_name_are_told_apart() -> None:
    Path("more/set").mkdir(parents=True)
    Image.fromarray(scene(8, 40, 40)).save("more/set/a.png")
    result = run(
        "denoise", *TINY, "--data", "more/set", "--sigma", "25", "--no-baselines", "--metrics", "psnr"
    )
    assert "### more/set, gaussian sigma 25" in result.stdout
    assert result.stdout.count("/set, gaussian sigma 25") == 2


def test_names_that_are_no_text() -> None:
    Path("set/a|b\nc.png").write_bytes(Path("set/a.png").read_bytes())
    Path("set/bad|x\ny.png").write_bytes(b"junk")
    strange = os.fsdecode(b"set/\xff.png")
    Path(strange).write_bytes(Path("set/b.png").read_bytes())
    out = ("--json", "e.json", "--csv", "e.csv", "--report", "e.html")
    result = run("denoise", *TINY, "--sigma", "25", "--no-baselines", "--metrics", "psnr", *out)
    assert result.exit_code == 1
    names = [p["picture"] for p in json.loads(Path("e.json").read_text())["tables"][0]["rows"][0]["pictures"]]
    assert set(names) == {"a.png", "a|b\\nc.png", "b.png", "c.png", "\\xff.png"}
    assert "bad|x\\ny.png" in result.stdout
    assert {len(row) for row in rows(result.stdout)} == {8}


def test_a_peer_that_fails_costs_its_row_only() -> None:
    Path("p.py").write_text("def f(device):\n    return lambda given: 1 / 0\n")
    result = run(
        "denoise", *TINY, "--sigma", "25", "--no-baselines", "--peer", "A|B=p.py:f", "--metrics", "psnr"
    )
    assert result.exit_code == 1
    assert "A|B has no row in set, gaussian sigma 25, unclipped: 3 of 3 pictures failed" in result.stderr
    assert len(rows(result.stdout)) == 3


def test_an_unreadable_picture_is_left_out_and_the_exit_code_says_so() -> None:
    Path("set/bad.png").write_bytes(b"junk")
    result = run("denoise", *TINY, "--sigma", "25", "--no-baselines", "--quiet")
    assert result.exit_code == 1
    assert "warning: bad.png is left out of set, gaussian sigma 25, unclipped" in result.stderr
    assert "LEFT OUT, in no mean: 1 of 4 pictures" in result.stdout
    assert "gaussian sigma 25, unclipped: 3 pictures" in result.stdout


@pytest.mark.slow
def test_lpips_of_a_given_trunk(shared_data: Path) -> None:
    trunk = shared_data / "metrics" / "squeezenet1_1_features.pth"
    result = run("inpaint", *TINY, "--holes", "box", "--no-own", "--lpips-trunk", trunk, "--metrics", "lpips")
    assert result.exit_code == 0, result.stderr
    assert rows(result.stdout)[0][1:3] == ["LPIPS squeeze ↓", "LPIPS squeeze hole ↓"]
    assert (
        "LPIPS squeeze: lpips 0.1.4, v0.1 heads, trunk squeezenet1_1_features.pth (b2a8177ebd9f)"
        in result.stdout
    )


@pytest.mark.slow
def test_ffdnet_and_vdsr_prove_the_protocols(shared_data: Path) -> None:
    """What their authors' weights reach is known: 31.21 dB on CBSD68 at sigma 25, 31.45 dB on Set5 x4."""
    peers = Path(__file__).parents[2] / "benchmarks" / "peers.py"
    test, weights = shared_data / "test", shared_data / "peers"
    only = ("--no-own", "--no-baselines", "--metrics")
    cbsd68 = ("--data", test / "bsd300_test", "--list", test / "cbsd68.txt")
    result = run(
        "denoise", *cbsd68, "--sigma", "25", *only, "psnr",
        "--peer", f"FFDNet={peers}:ffdnet:{weights / 'ffdnet_color.npz'}",
    )  # fmt: skip
    name, score = rows(result.stdout)[1][:2]
    assert (name, float(score)) == ("FFDNet", pytest.approx(31.21, abs=0.015))
    assert "cbsd68, gaussian sigma 25, unclipped: 68 pictures" in result.stdout
    result = run(
        "upscale", "--data", test / "set5", *only, "psnr-y",
        "--peer", f"VDSR={peers}:vdsr:{weights / 'vdsr_luma.npz'}",
    )  # fmt: skip
    name, score = rows(result.stdout)[1][:2]
    assert (name, float(score)) == ("VDSR", pytest.approx(31.45, abs=0.015))


def test_an_interrupt_keeps_the_tables_that_are_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    from restore.evaluation import protocols

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    fine = protocols.Gaussian.apply
    monkeypatch.setattr(
        protocols.Gaussian, "apply", lambda self, clean: fine(self, clean) if self.sigma < 20 else stop()
    )
    result = run(
        "denoise", *TINY, "--sigma", "15,25,50", "--no-baselines", "--metrics", "psnr", "--json", "e.json"
    )
    assert result.exit_code == 130
    assert "stopped after 1 of 3 tables; these are kept" in result.stderr
    assert [table["level"] for table in json.loads(Path("e.json").read_text())["tables"]] == [15]


# ------------------------------------------------------------------------------------------ bad input


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ("denoise", *TINY, "--sigma", "15,much"),
            2,
            "'much' in '15,much': expected numbers, such as 15,25,50",
        ),
        (("denoise", *TINY, "--sigma", "nan"), 2, "nan is not in the range 0 to 255"),
        (("denoise", *TINY, "--sigma", "300"), 2, "300 is not in the range 0 to 255"),
        (("denoise", *TINY, "--gain", "0.1"), 2, "--gain has no effect with --protocol gaussian"),
        (
            ("denoise", *TINY, "--protocol", "poisson-gaussian", "--input", "8bit"),
            2,
            "--input has no effect with",
        ),
        (("solve", *TINY, "--operator", "soften"), 2, "'soften' is no degradation; expected one such as"),
        (
            ("solve", *TINY, "--operator", "jpeg=30", "--method", "ddrm"),
            2,
            "--method ddrm cannot undo this; splitting, ddnm, dps can",
        ),
        (("inpaint", *TINY, "--jump-length", "3"), 1, "--jump-length and --jump-repeats need --method"),
        (("denoise", *TINY, "--metrics", "psnr,mse"), 2, "'mse' is not one of psnr, psnr-y"),
        (("denoise", *TINY, "--sweep", "steps=1,x"), 2, "expected whole numbers"),
        (
            ("denoise", *TINY, "--sweep", "sigma=1"),
            2,
            "expected one of steps, method, estimate, sampler, seed",
        ),
        (("denoise", *TINY, "--sweep", "steps=1", "--sweep", "steps=2"), 2, "the same option twice"),
        (("denoise", *TINY, "--sweep", "steps=1,2", "--steps", "3"), 2, "--steps is given and swept"),
        (("denoise", *TINY, "--no-own", "--no-baselines"), 2, "leave nothing to measure"),
        (("denoise", *TINY, "--data", "other", "--list", "x"), 2, "pass one --data with it"),
        (("denoise",), 2, "Missing option '--data' or '--pairs'"),
        (("upscale",), 2, "Missing option '--data'"),
        (("denoise", "--pairs", "none"), 1, "none: expected a folder of pairs of pictures, found none there"),
        (("denoise", "--pairs", "set"), 1, "set: expected pairs of pictures, such as 01_noisy.jpg"),
        (("denoise", "--pairs", "empty"), 1, "empty: expected a folder with pictures"),
        (("denoise", "--pairs", "lacking"), 1, "lacking: expected a reference of each noisy picture"),
        (("denoise", "--pairs", "lacking", "--pairs", "lacking"), 2, "--pairs names the same folder twice"),
        (("denoise", "--pairs", "lacking", "--list", "x"), 2, "pass one --data with it"),
        (("denoise", "--pairs", "lacking", "--sigma", "5"), 2, "--sigma has no effect on --pairs"),
        (
            ("denoise", "--pairs", "lacking", "--protocol", "camera"),
            2,
            "--protocol has no effect on --pairs; leave it out, or pass --data",
        ),
        (
            ("denoise", *TINY, "--protocol", "camera", "--sigma", "9"),
            2,
            "--sigma has no effect with --protocol camera",
        ),
        (("denoise", *TINY, "--quality", "90"), 2, "--quality has no effect with --protocol gaussian"),
        (("denoise", "--data", "none"), 1, "none: expected a folder of clean pictures, found none there"),
        (("denoise", "--data", "empty"), 1, "empty: expected a folder with pictures"),
        (("denoise", *TINY, "--crop", "500", "--no-baselines"), 1, "not one picture could be measured"),
        (("denoise", *TINY, "--method", "blind", "--estimate", "mean", "--peer", "x.pth"), 1, "x.pth"),
        (("denoise", *TINY, "--metrics", "lpips"), 1, "without it all other metrics can be measured"),
        (("denoise", *TINY, "--lpips-trunk", "none.pth"), 1, "none.pth: no such file"),
        (("denoise", *TINY, "--lpips-trunk", "resnet=a.pth"), 2, "expected one of squeeze, alex, vgg"),
        (("denoise", *TINY, "--json", "no/e.json"), 1, "the folder no does not exist"),
        (("denoise", *TINY, "--json", "set"), 1, "set: expected a file name, got a folder"),
        (("denoise", *TINY, "--json", "x", "--csv", "x"), 2, "the same file twice"),
        (("denoise", *TINY, "--weights", "none.safetensors"), 1, "no such weights file"),
        (("denoise", *TINY, "--device", "cuda:99"), 1, "usable CUDA cards"),
        (("upscale", *TINY, "--scale", "5"), 2, "5 is not in the range 2 to 4"),
        (("upscale", *TINY, "--scale", "2.5"), 2, "expected whole numbers"),
        (("inpaint", *TINY, "--holes", "ring"), 2, "'ring' is not one of strokes-narrow"),
        (
            ("inpaint", *TINY, "--method", "splitting", "--estimate", "sample"),
            1,
            "cannot give --estimate sample",
        ),
        (("denoise", *TINY, "--steps", "50"), 1, "--steps has no effect with --estimate mean; leave it out"),
        (
            ("denoise", *TINY, "--metrics", "psnr", "--lpips", "alex"),
            2,
            "no effect without lpips in --metrics",
        ),
        (("denoise", *TINY, "--json", "-", "--csv", "-"), 2, "cannot both go to standard output"),
        (("denoise", *TINY, "--report", "-"), 2, "only --json and --csv go to standard output"),
        (
            ("denoise", *TINY, "--json", ""),
            2,
            "expected a file name, got an empty one; is a variable not set?",
        ),
        (("denoise", *TINY, "--data", "set/."), 2, "the same folder twice"),
        (("inpaint", *TINY, "--trained-on", "none"), 1, "none: expected a folder of pictures"),
        (("compare", "set"), 2, "Missing argument 'OUTPUT...'"),
        (("compare", "set", "other"), 1, "other lacks b, c; pass --partly"),
        (("compare", "set", "empty"), 1, "empty: expected a folder with pictures"),
        (("compare", "set", "sizes"), 1, "sizes/a.png is 64x47 but set/a.png is 64x48, sizes/b.png"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_clear_line(arguments: tuple[str, ...], code: int, words: str) -> None:
    for name in ("empty", "other", "sizes", "lacking"):
        Path(name).mkdir()
    Image.fromarray(scene(1, 48, 64)).save("lacking/a_noisy.png")
    Image.fromarray(scene(1, 48, 64)).save("other/a.png")
    for name in ("a", "b", "c"):
        Image.fromarray(scene(1, 47, 64)).save(f"sizes/{name}.png")
    before = sorted(Path().rglob("*"))
    result = run(*arguments)
    assert result.exit_code == code, result.stderr
    assert words in " ".join(result.stderr.split())
    lines = result.stderr.strip().splitlines()
    assert len(lines) <= 4 if code == 2 else [line[:7] for line in lines].count("error: ") == 1
    assert "|" not in result.stdout
    assert sorted(Path().rglob("*")) == before


# -------------------------------------------------------------------------------------------- compare


def test_compare_two_results() -> None:
    for name, step in (("ours", 4), ("theirs", 16)):
        Path(name).mkdir()
        for path in Path("set").iterdir():
            with Image.open(path) as picture:
                Image.fromarray((np.asarray(picture) // step * step).astype(np.uint8)).save(
                    Path(name, path.name)
                )
    result = run(
        "compare", "set", "ours", "theirs", "--metrics", "psnr,ssim", "--border", "2", "--report", "c.html"
    )
    assert result.exit_code == 0, result.stderr
    head, ours, theirs = rows(result.stdout)
    assert head[:3] == ["method", "PSNR ↑", "SSIM ↑"]
    assert [ours[0], theirs[0]] == ["ours", "theirs"]
    assert float(ours[1]) > 35 > float(theirs[1]) > 20
    assert "2 pixels of border left out" in result.stdout
    assert Path("c.html").is_file()
