"""What ``--help`` and completion say, and that defaults are those of the functions."""

from __future__ import annotations

import inspect
from typing import get_args

import click
import pytest
from click.shell_completion import ShellComplete
from commands import cli

import restore
from restore import types
from restore.cli import options
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
    others |= {"classifier", "mask_means"}  # a module of the user's; a switch, --invert-mask
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
    assert "1.5 to 8, fractions too; above 4 in two steps" in text["upscale"]
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
    assert "_RESTORE_COMPLETE=bash_source restore" in cli("--help").stdout


def test_completion() -> None:
    complete = ShellComplete(main, {}, "restore", "_RESTORE_COMPLETE")
    assert [item.value for item in complete.get_completions([], "inp")] == ["inpaint"]
    assert [item.value for item in complete.get_completions(["denoise", "--method"], "b")] == ["blind"]
    assert "--sampler" in [item.value for item in complete.get_completions(["denoise"], "--s")]
