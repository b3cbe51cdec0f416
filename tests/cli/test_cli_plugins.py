"""A package of ten lines that is installed beside this one: its names on the command line and in records."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.shell_completion import ShellComplete
from command_photos import HOLE, PHOTO
from commands import cli
from own_package import install

import restore
from restore import images, plugins
from restore.cli.main import main
from restore.cli.provenance import read_history
from restore.diffusion.samplers import named_sampler, sampler_names
from restore.errors import PluginError
from restore.inverse.build import chain_of
from restore.inverse.spec import capabilities, parse_spec, size_before
from restore.tasks import catalogue
from restore.testing import check_operator, tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread", "here")

BROKEN = {
    "restore.samplers": {"broken": "sampler", "ddim": "sampler", "fails": "fails"},
    "restore.methods": {"denoise.broken": "method", "lost": "method", "denoise.auto": "method"},
    "restore.operators": {"broken": "operator", "down": "operator"},
}


@pytest.fixture
def ten_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package of ten lines, where this Python finds it."""
    folder = install(tmp_path / "site")
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def broken(ten_lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second package, which cannot be imported, and whose names are partly taken."""
    folder = install(tmp_path / "broken", "import nothing_of_that_name\n", BROKEN, name="broken")
    monkeypatch.syspath_prepend(str(folder))


def made(weights: Path, *words: object) -> Any:
    done = cli(*words, "--weights", weights, "-o", "out.png", "--overwrite")
    assert (done.exit_code, done.stdout) == (0, "out.png\n"), done.stderr
    return images.read("out.png").pixels


# ------------------------------------------------------------------------------------------ in Python


def test_names_are_listed_without_an_import(ten_lines: Path) -> None:
    sys.modules.pop("ten_lines_1_2", None)
    assert sampler_names()[-1] == "mine"
    assert catalogue.names("denoise")[-1] == "mine"
    assert "mine" not in catalogue.names("upscale")
    assert parse_spec("mine=3").plugin is not None
    for command in ("denoise", "inpaint", "solve", "sample"):
        assert "mine" in cli(command, "--help").stdout
    for words in (["denoise", "--method"], ["solve", "--sampler"]):
        found = ShellComplete(main, {}, "restore", "").get_completions(words, "mi")
        assert [each.value for each in found] == ["mine"]
    assert "ten_lines_1_2" not in sys.modules


def test_names_are_taken_in_python(ten_lines: Path) -> None:
    prior = tiny_prior()
    found = restore.denoise(PHOTO, sigma=9, estimate="sample", method="mine", sampler="mine", prior=prior)
    named = sys.modules["ten_lines_1_2"]
    expected = restore.denoise(
        PHOTO, sigma=9, estimate="sample", method=named.method, sampler=named.sampler, prior=prior
    )
    assert np.array_equal(found, expected)
    assert named_sampler("mine") == named_sampler("mine")


def test_an_operator_by_its_word(ten_lines: Path) -> None:
    word = parse_spec("mine=3")
    assert size_before([word], (8, 10)) == (24, 30)
    assert word.size_after((25, 31)) == (8, 10)
    assert capabilities([word]) == {"linear", "gradient", "spectrum"}
    assert capabilities([word, parse_spec("gray")]) == {"linear", "gradient"}
    assert capabilities([word, parse_spec("jpeg=9")]) == {"gradient"}
    operator = chain_of([word, parse_spec("gray")])((8, 10), "cpu")
    assert (operator.x_shape, operator.y_shape) == ((3, 24, 30), (1, 8, 10))
    check_operator(chain_of([word])((8, 10), "cpu"))
    for wrong, said in (
        ("mine=a", "'mine=a': expected finite numbers after mine="),
        ("mine=inf", "expected finite numbers"),
        ("other", "expected one such as .*, or mine of ten-lines"),
    ):
        with pytest.raises(ValueError, match=said):
            parse_spec(wrong)
    with pytest.raises(PluginError, match=r"takes \(size, device, factor=2.0\), got mine=1:2; pass other"):
        capabilities([parse_spec("mine=1:2")])


def test_names_of_this_package_are_not_overridden(broken: None, caplog: pytest.LogCaptureFixture) -> None:
    plugins._tell_taken.cache_clear()
    assert named_sampler("ddim").run.__module__ == "restore.diffusion.samplers"
    assert catalogue.find("denoise", "auto", "mean").run is None
    assert parse_spec("down=2").plugin is None
    assert not caplog.messages  # nothing was looked up but this package's own
    assert named_sampler("mine").name == named_sampler("mine").name == "mine"
    assert caplog.record_tuples == [
        (
            "restore",
            logging.WARNING,
            "sampler 'ddim' of broken 1.2 is not used: there is one of that name already; broken has to "
            "rename it",
        )
    ]


def test_a_name_of_two_packages(ten_lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(install(tmp_path / "more", name="other", version="2")))
    with pytest.raises(PluginError, match=r"'mine' is offered by .* and .*; uninstall all but one of them"):
        named_sampler("mine")
    assert sampler_names().count("mine") == 1


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("x = 3", "expected a function .* got int"),
        ("def x(a): ...", r"expected a function of \(denoise, x, sigmas\)"),
        ("raise SystemExit(3)", r"cannot be loaded \(SystemExit: 3\)"),
        ("1 +", r"cannot be loaded \(SyntaxError: "),
    ],
)
def test_what_is_no_sampler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, said: str) -> None:
    name = f"wrong-{abs(hash(module))}"
    monkeypatch.syspath_prepend(str(install(tmp_path, module, {"restore.samplers": {"x": "x"}}, name=name)))
    with pytest.raises(PluginError, match=said) as found:
        named_sampler("x")
    assert "\n" not in str(found.value)


# ------------------------------------------------------------------------------- on the command line


def test_a_picture_is_made_and_its_record_says_by_what(ten_lines: Path, weights: Path) -> None:
    words = [
        "denoise",
        "photo.png",
        "--sigma",
        9,
        "--estimate",
        "sample",
        "--method",
        "mine",
        "--sampler",
        "mine",
    ]
    found = made(weights, *words)
    prior = restore.load(weights)
    options: dict[str, Any] = {"estimate": "sample", "method": "mine", "sampler": "mine"}
    assert np.array_equal(found, restore.denoise(PHOTO, sigma=9, prior=prior, **options))
    (record,) = read_history(Path("out.png")).records
    assert (record.method, record.calls) == ("mine", 1)
    assert record.plugins == (("sampler", "mine", "ten-lines", "1.2"), ("method", "mine", "ten-lines", "1.2"))
    said = cli("info", "out.png").stdout
    assert "; sampler mine of ten-lines 1.2, method mine of ten-lines 1.2; " in said
    assert "plugins" in cli("info", "out.png", "--json").stdout
    again = cli(*words, "--weights", weights, "-o", "out.png")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "was kept" in again.stderr


def test_a_result_of_another_package_is_not_kept(
    ten_lines: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["denoise", "photo.png", "--sigma", 9, "--method", "mine", "--weights", weights, "-o", "out.png"]
    assert cli(*words).exit_code == 0
    monkeypatch.syspath_prepend(str(install(tmp_path / "newer", version="1.3")))
    assert cli(*words).exit_code == 0  # a newer version of the same
    (ten_lines / "ten-lines-1.2.dist-info" / "entry_points.txt").unlink()
    monkeypatch.undo()
    monkeypatch.syspath_prepend(str(install(tmp_path / "another", name="another")))
    monkeypatch.chdir(tmp_path)
    found = cli(*words)
    assert found.exit_code == 1
    assert "out.png is there, made with method mine of ten-lines, now of another; " in found.stderr


def test_other_tasks_take_them(ten_lines: Path, weights: Path) -> None:
    found = made(weights, "inpaint", "photo.png", "--mask", "mask.png", "--method", "mine")
    assert (found[HOLE] == 128).all()
    assert np.array_equal(found[~HOLE], PHOTO[~HOLE])
    assert (made(weights, "deblur", "photo.png", "--kernel", "gaussian:1", "--method", "mine") == 128).all()
    found = made(weights, "solve", "photo.png", "--operator", "mine=3", "--sigma", 2, "--steps", 1)
    assert found.shape == (93, 111, 3)
    (record,) = read_history(Path("out.png")).records
    assert record.plugins == (("operator", "mine", "ten-lines", "1.2"),)


def test_a_budget_needs_to_know_the_calls(ten_lines: Path, weights: Path) -> None:
    words = ["denoise", "photo.png", "--sigma", 9, "--weights", weights, "--nfe", 4, "-o", "out.png"]
    for more in (["--method", "mine"], ["--estimate", "sample", "--sampler", "mine"]):
        found = cli(*words, *more)
        assert found.exit_code == 1
        assert "nothing says how many network calls " in found.stderr
        assert not Path("out.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "broken"], "error: method 'denoise.broken' of broken 1.2 cannot be loaded (ModuleNot"),
        (["--estimate", "sample", "--sampler", "broken"], "error: sampler 'broken' of broken 1.2 cannot be"),
    ],
)
def test_a_broken_package_is_told_of_in_one_line(
    broken: None, weights: Path, words: list[str], said: str
) -> None:
    found = cli("denoise", "photo.png", "--sigma", 9, "--weights", weights, "-o", "out.png", *words)
    assert found.exit_code == 1
    assert found.stderr.splitlines()[-1].startswith(said)
    assert "Traceback" not in found.stderr
    assert not Path("out.png").exists()


def test_a_broken_package_is_in_nobodys_way(broken: None, weights: Path) -> None:
    assert made(weights, "denoise", "photo.png", "--sigma", 9).shape == PHOTO.shape
    words = ["--estimate", "sample", "--sampler", "mine", "--steps", 1]
    assert made(weights, "denoise", "photo.png", "--sigma", 9, *words).shape == PHOTO.shape
    found = cli("solve", "photo.png", "--operator", "broken", "--weights", weights)
    assert found.exit_code == 1
    assert "operator 'broken' of broken 1.2 cannot be loaded" in found.stderr
    assert cli("denoise", "--help").exit_code == 0


def test_an_error_in_a_package_names_it(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "def fails(request):\n    raise KeyError('a')\n"
    points = {"restore.methods": {"denoise.fails": "fails"}}
    monkeypatch.syspath_prepend(str(install(tmp_path / "site", module, points, name="failing")))
    found = cli("denoise", "photo.png", "--sigma", 9, "--method", "fails", "--weights", weights)
    assert found.exit_code == 1
    assert "method 'denoise.fails' of failing 1.2 failed (KeyError: 'a'); report that to its" in found.stderr
    assert "Traceback" not in found.stderr


def test_doctor_lists_them(broken: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from restore.cli import health

    monkeypatch.setattr(health, "NEEDED", {})
    monkeypatch.setattr(health, "of_weights", lambda: iter(()))
    found = cli("doctor")
    assert found.exit_code == 0
    shown = " ".join(found.stdout.split())
    for words in (
        "Of other packages: ",
        " sampler mine of ten-lines 1.2 ",
        " method denoise.mine of ten-lines 1.2 ",
        "- sampler broken sampler 'broken' of broken 1.2 cannot be loaded (ModuleNotFoundError: ",
        "- method lost method 'lost' of broken 1.2: expected TASK.NAME, such as denoise.mine ",
    ):
        assert words in shown
    told = json.loads(cli("doctor", "--json").stdout)
    assert told["healthy"]
    assert {each["group"] for each in told["findings"]} >= {"plugins"}


def python(folder: Path, *words: object) -> str:
    """What another Python, which finds the package, says."""
    path = os.pathsep.join((str(folder), *filter(None, [os.environ.get("PYTHONPATH")])))
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_in_a_process_of_its_own_imports_neither_the_package_nor_torch(ten_lines: Path) -> None:
    code = (
        "import sys; from restore.cli.main import main; main.run(['denoise', '--help']); "
        "print(sorted({'torch', 'ten_lines_1_2'} & set(sys.modules)))"
    )
    said = python(ten_lines, "-c", code)
    assert "Of other packages: mine." in " ".join(said.split())
    assert said.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_a_picture_in_a_process_of_its_own(ten_lines: Path, weights: Path) -> None:
    words = ["-m", "restore", "denoise", "photo.png", "--sigma", "9", "--method", "mine", "-o", "out.png"]
    assert python(ten_lines, *words, "--weights", weights) == "out.png\n"
    (record,) = read_history(Path("out.png")).records
    assert record.plugins == (("method", "mine", "ten-lines", "1.2"),)
