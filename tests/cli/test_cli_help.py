"""What ``--help`` and completion say, and that defaults are those of the functions."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest
from click.shell_completion import ShellComplete
from commands import cli

import restore
from restore import types
from restore.cli import help_pages, options, registry
from restore.cli.main import main
from restore.priors.backbone import Backbone
from restore.priors.device import PRECISIONS, TILE
from restore.tasks import catalogue, denoise
from restore.tasks.inpaint_methods import Jumps
from restore.training.config import RunConfig

pytestmark = pytest.mark.usefixtures("one_thread", "here")


LEAST = {
    "inpaint": ["photo.png", "--mask", "mask.png"],
    "denoise": ["photo.png"],
    "upscale": ["photo.png", "--scale", "2"],
    "sample": ["-o", "out"],
    "vary": ["photo.png", "--mask", "mask.png", "--reference", "style.png"],
}


def test_literals_are_the_types_own() -> None:
    assert set(catalogue.ESTIMATES) == set(get_args(types.Estimate))
    precisions = inspect.get_annotations(RunConfig, eval_str=True)["precision"]
    assert set(PRECISIONS) == set(get_args(precisions))
    assert Jumps() == Jumps(*catalogue.JUMPS)
    assert Backbone.tile == TILE
    assert set(catalogue.names("denoise")) == set(get_args(denoise.Method))


def command_of(name: str) -> click.Command:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return command


@pytest.mark.parametrize("command", LEAST)
def test_defaults_are_the_functions_own(command: str) -> None:
    parameters = inspect.signature(getattr(restore, command)).parameters.values()
    # Given another way on the command line: jumps as two options, size as w x h, a scale only with a file.
    others = {"n", "size", "jumps", "noise", "mask", "reference", "reference_scale", "prior", "progress"}
    others |= {"callback", "classifier", "mask_means"}  # functions of the user's; a switch, --invert-mask
    others |= {"scale"} if command == "upscale" else set()  # one of four options, or size
    others |= {"data_range", "device", "dtype"}  # files say it; --device auto and --precision auto are None
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty and p.name not in others}
    program = click.Context(main, **main.context_settings)
    given = command_of(command).make_context(command, list(LEAST[command]), parent=program).params
    assert defaults == {name: given[name] for name in defaults}
    assert set(defaults) >= {"seed", "steps"}
    assert (
        command != "sample" or given["size"] == inspect.signature(restore.sample).parameters["size"].default
    )


@pytest.mark.parametrize(
    "command", ["erase", "inpaint", "denoise", "upscale", "sample", "vary", "train", "fit"]
)
def test_help(command: str) -> None:
    done = cli(command, "--help")
    assert done.exit_code == 0
    for parameter in command_of(command).params:
        assert not isinstance(parameter, click.Option) or parameter.help, parameter.name
    if command != "train":
        assert f"\n  restore {command} " in done.stdout  # an example
        assert "--no-overwrite" not in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_help_says_units_and_defaults() -> None:
    text = {
        name: " ".join(cli(name, "--help").stdout.split()) for name in main.list_commands(click.Context(main))
    }
    assert "0 to 255 as 8-bit pixels count. Default: estimated for each picture." in text["denoise"]
    assert "1 to 8, fractions too; above 4 in two steps" in text["upscale"]
    assert options.default_method("a", "b") == "Default: a for a sample, b for the mean."
    assert options.default_method("a", "a") == "Default: a."
    for task in ("inpaint", "upscale"):
        defaults = (catalogue.default(task, estimate) for estimate in ("sample", "mean"))
        assert options.default_method(*defaults) in text[task]
        for method in catalogue.methods(task):
            told = f"{method.name} {method.steps} ({method.estimate})"  # a line may end after a hyphen
            assert (told in text[task].replace("- ", "-")) == (method.steps > 1)
    assert "[default: 50; 1<=x<=1000]" in text["sample"]
    scale = inspect.signature(restore.vary).parameters["reference_scale"].default
    assert f"8 for shapes, too. [default: {scale}]" in text["vary"]
    assert f"fewer are faster. [default: {catalogue.find('vary', None, 'sample').steps}]" in text["vary"]
    for name, sampler in (
        ("inpaint", "dpmpp-2m-sde, for repaint ddpm"),
        ("denoise", "dpmpp-2m-sde"),
        ("upscale", "dpmpp-2m, for conditional dpmpp-2m-sde"),
    ):
        assert f"with langevin three. Default: {sampler}. --" in text[name]
    for name in LEAST:
        assert "the result is the same. [default: 2048; x>=64]" in text[name]
    assert "_RESTORE" not in cli("--help").stdout


def commands(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """A command and all those below it, with the words that call them."""
    yield name, command
    if isinstance(command, click.Group):
        for each in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), each)
            assert inner is not None
            yield from commands(f"{name} {each}", inner)


EVERY = dict(commands("restore", main))


@pytest.mark.parametrize("name", EVERY)
def test_every_help_ends_with_three_examples_that_are_understood(name: str) -> None:
    text, examples = help_pages.parts(EVERY[name].help or "")
    assert len(examples) >= 3
    assert "\b" not in text and "restore denoise scan" not in text
    shown = cli(*name.split()[1:], "--help").stdout
    assert shown.count("\nExamples:\n") == 1 and "..." not in shown.replace("...\n", "", 1)
    for line in examples:
        assert line in [each[2:] for each in shown.partition("\nExamples:\n")[2].splitlines()]
        if line.startswith("restore ") and name != "restore":
            understood(re.split(r" [<|>] ?", line)[0])


def understood(line: str) -> None:
    """Parse a command line as the program does, without running it."""
    command, words = main, shlex.split(line)[1:]
    context = click.Context(main, **main.context_settings)
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, line
        if not isinstance(found, click.Group):
            found.make_context(words[0], words[1:], parent=context)
        context, command, words = click.Context(found, parent=context), found, words[1:]


@pytest.mark.parametrize("name", EVERY)
def test_every_option_stands_in_one_group(name: str) -> None:
    command = EVERY[name]
    context = click.Context(command, **main.context_settings)
    groups = help_pages.sections(command.get_params(context), context)
    shown = [first for _, rows in groups for first, _ in rows]
    options = [each for each in command.get_params(context) if isinstance(each, click.Option)]
    assert len(shown) == len(set(shown)) == len([each for each in options if not each.hidden])
    if len(options) > 12:
        assert groups[0][0] == "Often used" and 6 <= len(groups[0][1]) <= 12
        assert {each.opts[-1] for each in options if each.required} <= {
            word for first, _ in groups[0][1] for word in re.split(r"[ ,]+", first)
        }


def test_the_groups_name_only_options_that_there_are() -> None:
    known = {each.name for command in EVERY.values() for each in command.params} | {"help"}
    assert {*" ".join(help_pages.GROUPS.values()).split(), *help_pages.OFTEN.split()} <= known
    grouped = " ".join(help_pages.GROUPS.values()).split()
    assert len(grouped) == len(set(grouped))


def test_the_commands_stand_in_groups() -> None:
    assert "Other" not in registry.grouped_commands()
    assert sorted(name for own in registry.COMMANDS.values() for name in own) == registry.command_names()
    shown = cli("--help").stdout
    headings = [line for line in shown.splitlines() if line in [f"{each}:" for each in registry.COMMANDS]]
    assert headings == ["Restore:", "Make:", "Learn:", "Many:", "Measure:", "Look:"]


def test_the_name_alone_says_what_a_photographer_needs() -> None:
    done = cli()
    assert (done.exit_code, done.stdout) == (2, "")
    lines = [line.partition("   ")[0].strip() for line in done.stderr.splitlines() if line.startswith("  ")]
    assert len(lines) == 5
    for line in lines:
        understood(line)
    assert done.stderr.endswith(
        "restore --help lists all commands, and restore denoise --help explains one.\n"
    )
    assert "Usage: restore eval" in cli("eval").stderr  # others say what they take


def test_a_summary_is_one_whole_sentence() -> None:
    """However long; of a command that another package adds, the first of its help."""
    command = click.Command("long", help="Say " + "very " * 40 + "much. And\nthen more.\n\nAnd more.")
    assert help_pages.first_sentence(command) == "Say " + "very " * 40 + "much."
    for name in registry.command_names():
        assert registry.summary(name).endswith(".") and "..." not in registry.summary(name)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_script(shell: str) -> None:
    done = cli("completion", shell)
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"_RESTORE_COMPLETE={shell}_complete" in done.stdout
    assert cli("completion", "tcsh").exit_code == 2


def test_bash_completes_with_the_script(here: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    script = cli("completion", "bash").stdout
    words = "COMP_WORDS=(restore inpaint --method al); COMP_CWORD=3; _restore_completion restore\n"
    Path("restore").write_text(f"#!{sys.executable}\nfrom restore.__main__ import main\nmain()\n")
    Path("restore").chmod(0o755)
    done = subprocess.run(
        [bash, "--norc", "-c", script + words + 'echo "${COMPREPLY[@]}"'],
        env={**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("alternating\n", "")


def test_completion_of_names_devices_and_checkpoints(here: Path) -> None:
    for name in ("a.safetensors", "b.pt", "runs/weights.safetensors"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    complete = ShellComplete(main, {}, "restore", "_RESTORE_COMPLETE")

    def offered(*words: str) -> list[tuple[str, str]]:
        found = complete.get_completions(list(words[:-1]), words[-1])
        return [(item.type, item.value) for item in found]

    assert offered("denoise", "--device", "c") == [("plain", "cpu"), ("plain", "cuda")]
    assert offered("denoise", "--sampler", "la") == [("plain", "langevin")]
    assert offered("eval", "inpaint", "--method", "ddnm,rep") == [("plain", "ddnm,repaint")]
    assert offered("denoise", "--weights", "") == [("dir", ""), ("plain", "a.safetensors")]
    assert offered("fit", "--weights", "runs/w") == [("dir", "runs/w"), ("plain", "runs/weights.safetensors")]
    assert offered("denoise", "--weights", "none/") == [("dir", "none/")]
    assert offered("denoise", "--weights", "~nobody-of-that-name/") == [("dir", "~nobody-of-that-name/")]


def test_completion() -> None:
    complete = ShellComplete(main, {}, "restore", "_RESTORE_COMPLETE")
    assert [item.value for item in complete.get_completions([], "inp")] == ["inpaint"]
    assert [item.value for item in complete.get_completions(["denoise", "--method"], "b")] == ["blind"]
    assert "--sampler" in [item.value for item in complete.get_completions(["denoise"], "--s")]


def test_refusals_say_kinds_and_choices_in_one_line() -> None:
    assert cli("completion").stderr.endswith(" Choose from: bash, zsh, fish\n")
    for word, kind in (("--sigma", "number"), ("--seed", "whole number")):
        refused = cli("denoise", "a.png", word, "abc")
        assert f"Invalid value for '{word}': 'abc' is not a {kind} in the range " in refused.stderr
