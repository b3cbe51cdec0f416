"""Samplers, solvers and commands that are registered at run time, used from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from command_photos import HOLE, PHOTO
from commands import cli

import restore
from restore import images
from restore.cli import registry
from restore.cli.provenance import read_history
from restore.diffusion import samplers
from restore.diffusion.samplers import NamedSampler, heun
from restore.inverse import catalogue
from restore.inverse.catalogue import Solver
from restore.inverse.solvers import ddnm, diffpir
from restore.priors.backbone import Backbone

pytestmark = pytest.mark.usefixtures("one_thread", "here")

DENOISE = ["denoise", "photo.png", "--sigma", 20, "--estimate", "sample"]
INPAINT = ["inpaint", "photo.png", "--mask", "mask.png"]
SOLVE = ["solve", "photo.png", "--operator", "down=2", "--estimate", "sample"]


@pytest.fixture
def sampler() -> Iterator[NamedSampler]:
    """A sampler of two network calls a step, under a name of its own."""
    mine = NamedSampler("mine", heun, calls=lambda steps: 2 * steps - 1, climbs=False)
    yield samplers.register(mine)
    samplers.unregister("mine")


@pytest.fixture
def solver() -> Iterator[Solver]:
    """A solver for linear operators with steps of its own."""
    yield catalogue.register(Solver("own-steps", "nobody 2026", ("linear",), diffpir))
    catalogue.unregister("own-steps")


@pytest.fixture
def free_solver() -> Iterator[Solver]:
    """A solver that leaves the steps to a sampler."""
    yield catalogue.register(Solver("any-sampler", "nobody 2026", ("linear", "projection"), wrap=ddnm))
    catalogue.unregister("any-sampler")


def help_of(command: str) -> str:
    """The help text of a command without its line breaks, which may come after a hyphen."""
    return " ".join(cli(command, "--help").stdout.split()).replace("- ", "-")


def refused(*arguments: object) -> str:
    """What is said of wrong usage."""
    done = cli(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    return done.stderr.splitlines()[-1]


def made(weights: Path, *arguments: object) -> tuple[Any, str, int]:
    """The pixels that a command writes; the method and the number of network calls of its record."""
    done = cli(*arguments, "--weights", weights, "-o", "out.png", "--overwrite")
    assert (done.exit_code, done.stdout) == (0, "out.png\n"), done.stderr
    (record,) = read_history(Path("out.png")).records
    return images.read("out.png").pixels, record.method, record.calls


# ------------------------------------------------------------------------------------------- samplers


@pytest.mark.parametrize(
    "command", ["denoise", "inpaint", "upscale", "solve", "deblur", "dejpeg", "sample", "vary"]
)
def test_help_lists_a_sampler_while_it_is_registered(command: str) -> None:
    listed = "ddim, ddpm, heun, dpmpp-2m, dpmpp-2m-sde, langevin"
    assert listed in help_of(command)
    samplers.register(NamedSampler("mine", heun))
    try:
        assert f"{listed}, mine" in help_of(command)
    finally:
        samplers.unregister("mine")
    assert f"{listed}, mine" not in help_of(command)
    assert "'mine' is not one of 'ddim', 'ddpm'," in refused(*INPAINT, "--sampler", "mine")


def test_help_says_what_a_step_of_it_takes(sampler: NamedSampler) -> None:
    assert "with heun two, with langevin three, with mine two." in help_of("denoise")


def test_a_sampler_draws_pictures(sampler: NamedSampler, weights: Path, backbone: Backbone) -> None:
    words = ["--sampler", "mine", "--steps", 3]
    pixels, _, calls = made(weights, *DENOISE, *words)
    expected = restore.denoise(PHOTO, sigma=20, estimate="sample", sampler="heun", steps=3, prior=backbone)
    assert np.array_equal(pixels, expected)
    assert calls == 5
    assert " --sampler mine " in cli("info", "out.png").stdout
    pixels, _, calls = made(weights, *INPAINT, "--method", "conditional", *words)
    expected = restore.inpaint(PHOTO, HOLE, method="conditional", sampler="heun", steps=3, prior=backbone)
    assert np.array_equal(pixels, expected)
    assert calls == 5
    pixels, _, calls = made(weights, *SOLVE, "--sigma", 2, "--method", "ddnm", *words)
    assert calls == 5
    assert np.array_equal(
        pixels,
        made(weights, *SOLVE, "--sigma", 2, "--method", "ddnm", "--sampler", "heun", "--steps", 3)[0],
    )
    assert cli("sample", "-o", "drawn", "--size", 8, *words, "--weights", weights).exit_code == 0
    assert read_history(Path("drawn/sample-000.png")).records[0].calls == 5


def test_a_budget_counts_the_calls_of_a_sampler(sampler: NamedSampler, weights: Path) -> None:
    for words in (
        [*INPAINT, "--method", "conditional"],
        [*SOLVE, "--method", "ddnm"],
        ["upscale", "photo.png", "--scale", 2, "--method", "conditional"],
    ):
        done = cli(*words, "--sampler", "mine", "--nfe", 8, "--weights", weights, "--dry-run")
        assert done.exit_code == 0
        assert "plan: 7 network calls" in done.stderr  # four steps
        assert made(weights, *words, "--sampler", "mine", "--nfe", 8)[2] == 7


def test_where_a_sampler_is_refused(sampler: NamedSampler) -> None:
    assert refused(*INPAINT, "--method", "repaint", "--sampler", "mine") == (
        "Error: --sampler mine cannot climb, as --method repaint does; pass another one"
    )
    assert refused(*INPAINT, "--method", "dps", "--sampler", "mine") == (
        "Error: --method dps has steps of its own; leave out --sampler"
    )
    assert refused("denoise", "photo.png", "--sampler", "mine").startswith("Error: --sampler draws a sample;")


# -------------------------------------------------------------------------------------------- solvers


@pytest.mark.slow
def test_help_lists_a_solver_while_it_is_registered(solver: Solver, free_solver: Solver) -> None:
    for command in ("solve", "deblur", "colorize", "inpaint"):
        assert "own-steps, any-sampler" in help_of(command)
    assert "for the methods that leave the choice: ddnm, pigdm, any-sampler: ddim, ddpm" in help_of("solve")
    assert "own-steps 20 (sample)" in help_of("inpaint")
    catalogue.unregister("own-steps")
    try:
        assert "own-steps" not in help_of("solve") + help_of("inpaint")
    finally:
        catalogue.register(solver)


@pytest.mark.slow
def test_a_solver_restores_pictures(solver: Solver, free_solver: Solver, weights: Path) -> None:
    told = ["--estimate", "sample", "--sigma", 2]  # noise that is measured may be raised: more calls
    deblur = ["deblur", "photo.png", "--kernel", "gaussian:1", *told]
    for words in ([*SOLVE, *told], INPAINT, deblur):
        pixels, method, calls = made(weights, *words, "--method", "own-steps", "--steps", 3)
        assert (method, calls) == ("own-steps", 3)
        assert "; method own-steps; " in cli("info", "out.png").stdout
        assert np.array_equal(pixels, made(weights, *words, "--method", "diffpir", "--steps", 3)[0])
    _, method, calls = made(
        weights, *SOLVE, *told, "--method", "any-sampler", "--sampler", "heun", "--steps", 3
    )
    assert (method, calls) == ("any-sampler", 5)


def test_a_budget_counts_the_calls_of_a_solver(solver: Solver, free_solver: Solver, weights: Path) -> None:
    for words, calls in (
        ([*SOLVE, "--method", "own-steps"], 4),
        ([*INPAINT, "--method", "own-steps"], 4),
        ([*SOLVE, "--method", "any-sampler"], 4),
        ([*SOLVE, "--method", "any-sampler", "--sampler", "heun"], 3),
    ):
        assert made(weights, *words, "--nfe", 4)[2] == calls


def test_where_a_solver_is_refused(solver: Solver, free_solver: Solver) -> None:
    jpeg = ["solve", "photo.png", "--operator", "jpeg=30", "--estimate", "sample"]
    assert refused(*jpeg, "--method", "own-steps").startswith("Error: --method own-steps cannot undo this; ")
    assert refused("solve", "photo.png", "--operator", "down=2", "--method", "own-steps").startswith(
        "Error: --method own-steps cannot give --estimate mean; "
    )
    for words in (SOLVE, INPAINT):
        assert refused(*words, "--method", "own-steps", "--sampler", "ddim") == (
            "Error: --method own-steps has steps of its own; leave out --sampler"
        )
    assert "'own-steps' is not one of 'conditional', 'projection'" in (
        refused("upscale", "photo.png", "--scale", 2, "--method", "own-steps")
    )


# ------------------------------------------------------------------------------------------- commands


def test_a_registered_command() -> None:
    @click.command()
    @click.argument("word")
    def echo(word: str) -> None:
        """Say a word."""
        click.echo(word)

    registry.register(echo)
    try:
        assert "\nOther:\n  echo        Say a word.\n" in cli("--help").stdout
        assert (cli("echo", "hello").exit_code, cli("echo", "hello").stdout) == (0, "hello\n")
        with pytest.raises(ValueError, match="there is a command 'echo' already"):
            registry.register(echo)
    finally:
        registry.unregister("echo")
    assert "echo" not in cli("--help").stdout
    assert cli("echo", "hello").exit_code == 2
