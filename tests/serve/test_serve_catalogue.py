"""The tasks of the page: every option is offered, or left out for a reason that is written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from own_package import install

from restore.cli.config_file import key_of
from restore.cli.help_pages import arranged
from restore.cli.registry import COMMANDS, find_command
from restore.cli.serve import left_out
from restore.cli.serve.catalogue import TASKS, command_of, names_file, offered, tasks

EVERY = {name: command for name in TASKS if (command := find_command(name)) is not None}


def options() -> Iterator[tuple[str, dict[str, Any]]]:
    for task in tasks():
        for group in task["groups"]:
            yield from ((task["name"], option) for option in group["options"])


def test_every_restoring_command_is_a_task() -> None:
    assert set(TASKS) == {*COMMANDS["Restore"], "vary"}
    assert [task["name"] for task in tasks()] == list(TASKS)
    assert command_of("sample") is None
    assert command_of(["inpaint"]) is None


@pytest.mark.parametrize("task", TASKS)
def test_every_option_is_offered_or_left_out(task: str) -> None:
    keys = {key_of(each) for each in EVERY[task].params if isinstance(each, click.Option)}
    missing = {key for key in keys - offered(task).keys() if left_out.why_not(task, key) is None}
    assert not missing, f"say in left_out.py why {missing} of {task} are left out, or how they are offered"


def test_nothing_is_left_out_that_is_not_there() -> None:
    keys = {key_of(each) for one in EVERY.values() for each in one.params if isinstance(each, click.Option)}
    named = {*left_out.LEFT_OUT, *left_out.UPLOADS, *left_out.MADE} - {"help"}
    assert named <= keys
    for task, reasons in left_out.LEFT_OUT_OF.items():
        assert reasons.keys() <= {
            key_of(each) for each in EVERY[task].params if isinstance(each, click.Option)
        }
        assert not reasons.keys() & left_out.LEFT_OUT.keys()


def test_files_are_uploads() -> None:
    for task, option in options():
        found = offered(task)[option["name"]]
        if option["name"] in left_out.MADE:
            assert (option["type"], option["default"]) == ("boolean", False)
        elif names_file(found):
            assert option["accepts"] in ("mask", "picture", "any"), option["name"]
            assert option["type"] == "file" or option["name"] in ("kernel", "operator")
        else:
            assert option["accepts"] is None
            assert option["type"] != "file"


def test_a_new_option_for_a_file_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    command = find_command("denoise")
    assert command is not None
    new = click.Option(["--dark-frame"], type=click.Path())
    monkeypatch.setattr(command, "params", [*command.params, new])
    assert "dark_frame" not in offered("denoise")


def test_groups_are_those_of_the_help() -> None:
    for task in tasks():
        helped = {
            heading: [*map(key_of, own)] for heading, own in arranged(EVERY[task["name"]].params).items()
        }
        headings = [group["heading"] for group in task["groups"]]
        assert headings == [heading for heading in helped if heading in headings]
        assert headings[0] == "Often used"
        for group in task["groups"]:
            names = [option["name"] for option in group["options"]]
            assert names == [key for key in helped[group["heading"]] if key in names]
            assert names


def test_options_are_as_the_commands_have_them() -> None:
    found = {(task, option["name"]): option for task, option in options()}
    grow = found["inpaint", "grow"]
    assert (grow["type"], grow["default"], grow["minimum"], grow["maximum"]) == ("integer", 0, 0, 64)
    assert grow["help"].startswith("Widen the hole by N pixels")
    strength = found["vary", "strength"]
    assert (strength["default"], strength["minimum"], strength["exclusive_minimum"]) == (0.3, 0, True)
    assert found["upscale", "scale"]["maximum"] == 8
    assert found["upscale", "consistent"]["default"] is None
    assert found["upscale", "consistent"]["no_flag"] == "--no-consistent"
    assert found["denoise", "provenance"]["default"] is True
    assert found["denoise", "specks"]["default"] is False
    assert found["denoise", "depth"]["choices"] == ["8", "16"]
    assert found["denoise", "sigma"]["default"] is None
    assert found["erase", "at"]["multiple"]
    assert found["erase", "at"]["metavar"] == "X,Y"
    assert found["repair", "sensitivity"]["choices"] == ["low", "normal", "high"]
    assert found["repair", "infrared"]["accepts"] == "picture"
    assert "splitting" in found["deblur", "method"]["choices"]
    assert "exemplar" in found["erase", "method"]["choices"]
    assert "Default: " in found["denoise", "steps"]["help"]  # a text that is made late
    assert found["dejpeg", "output_quality"]["flag"] == "--output-quality"


def test_tasks_say_what_they_do() -> None:
    inpaint = tasks()[0]
    assert inpaint["needs"] == "mask"
    assert inpaint["summary"] == "Fill the masked part of a picture."
    assert inpaint["help"].startswith("Fill the masked part of pictures")
    assert inpaint["examples"][0] == "restore inpaint photo.png --mask mask.png"
    for task in tasks():
        assert all(example.startswith(f"restore {task['name']} ") for example in task["examples"])
        for group in task["groups"]:
            assert all(option["help"] and option["flag"].startswith("--") for option in group["options"])


def test_it_is_json() -> None:
    assert json.loads(json.dumps(tasks(), allow_nan=False)) == tasks()


def test_methods_of_other_packages_are_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(install(tmp_path / "site")))
    found = {(task, option["name"]): option for task, option in options()}
    for task in ("denoise", "inpaint", "erase", "deblur"):
        assert "mine" in found[task, "method"]["choices"]
    assert "mine" in found["denoise", "sampler"]["choices"]
    assert "mine (of ten-lines)" in found["solve", "operator"]["help"]


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    site = install(tmp_path / "site")
    program = """
import sys
from restore.cli.serve.arguments import Refused, arguments, shown
from restore.cli.serve.catalogue import TASKS, tasks
tasks()
for task, options in (
    ("denoise", {"sigma": 5}), ("denoise", {"method": "mine"}), ("solve", {"operator": "mine=2"}),
    ("denoise", {"estimate": "sample", "sampler": "mine"}), ("deblur", {"kernel": "k.npy"}),
    ("colorize", {}), ("erase", {"at": "1,2"}), ("vary", {"reference": "r"}), ("dejpeg", {"depth": 16}),
    ("repair", {"infrared": "r", "method": "repaint"}), ("upscale", {"scale": 2}), ("inpaint", {}),
):
    try:
        shown(arguments(task, options, picture="a.png", mask=None, files={"r": "r.png"}))
    except Refused:
        pass
heavy = ("torch", "numpy", "cv2", "PIL", "scipy", "kornia", "ten_lines_1_2")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r}){program}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
