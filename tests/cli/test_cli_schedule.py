"""``restore schedule``: the table and the plot."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import cli
from PIL import Image

from restore import images
from restore.diffusion import schedule as schedules


def test_the_table_has_the_numbers() -> None:
    done = cli("schedule", "--name", "linear,cosine", "--steps", 100)
    assert done.exit_code == 0
    first, second = done.stdout.split("\n\n")[:2]
    assert first.startswith("linear, 100 steps\n")
    assert first.endswith("It ends before pure noise: pictures cannot be drawn from noise by it.")
    assert second.startswith("cosine, 100 steps\n")
    assert "ends before" not in second
    t, beta, abar, log_snr, sigma = second.splitlines()[-1].split()
    cosine = schedules.cosine(100)
    assert (t, float(beta)) == ("99", 0.999)
    assert float(abar) == pytest.approx(float(cosine.alphas_cumprod[-1]), rel=1e-3)
    assert float(log_snr) == pytest.approx(float(cosine.log_snr[-1]), abs=0.01)
    assert float(sigma) == pytest.approx(255 * float(cosine.sigmas[-1]), rel=1e-3)
    assert cli("schedule", "--name", "all").stdout.count(" 1000 steps") == len(schedules.SCHEDULES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--name", "linear", "--beta-end", 1], "betas must lie strictly between 0 and 1; got 1"),
        (["--name", "cosine", "--beta-end", 0.1], "a cosine schedule has no use for beta_start and beta_end"),
        (["--name", "quartic"], "'quartic' is not one of linear, scaled-linear"),
        (["--name", "linear", "--photo", "a.png"], "--photo is for --plot; leave it out"),
        (["--name", "linear", "--plot", "a.gif"], "expected a .png or .svg file"),
    ],
)
def test_wrong_options_say_why(arguments: list[object], message: str) -> None:
    done = cli("schedule", *arguments)
    assert done.exit_code in (1, 2)
    assert message in done.stderr
    assert done.stderr.count("\n") <= 4


@pytest.mark.slow
def test_the_plot_shows_a_photograph_going_to_noise(tmp_path: Path, weights: Path) -> None:
    Image.new("RGB", (40, 30), (200, 80, 40)).save(tmp_path / "a.png")
    plot = tmp_path / "plot.png"
    options = ("--name", "linear", "--weights", weights, "--plot", plot, "--photo", tmp_path / "a.png")
    done = cli("schedule", *options)
    assert done.exit_code == 0, done.stderr
    assert images.read(plot).size[1] == 1600
    assert "is there already; pass --overwrite" in cli("schedule", *options).stderr
    assert cli("schedule", "--name", "all", "--plot", tmp_path / "b.svg").exit_code == 0
    assert (tmp_path / "b.svg").read_text(encoding="utf-8").count("<svg") == 1
