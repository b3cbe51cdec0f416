"""``restore vary``: the function by another name, sets of copies, masks and references."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_photos import HOLE, KINDS, PHOTO, H, W, files, save_kind
from commands import cli
from PIL import Image

import restore
from restore import images
from restore.cli.provenance import read_history
from restore.priors.backbone import Backbone
from restore.tasks.vary import noise_level
from restore.types import to_255

pytestmark = pytest.mark.usefixtures("one_thread", "here")

STYLE = np.random.default_rng(7).integers(60, 200, (9, 12, 3), np.uint8)
NOTE = "note: strength 0.3 is noise of sigma 157.9 (of 255)\n"


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], {}),
        (["--strength", "0.15", "--seed", "3"], {"strength": 0.15, "seed": 3}),
        (["--sampler", "heun", "--steps", "3"], {"sampler": "heun", "steps": 3}),
        (["--mask", "mask.png"], {"mask": HOLE}),
        (["--reference", "style.png"], {"reference": STYLE}),
        (
            ["--reference", "style.png", "--reference-scale", "8"],
            {"reference": STYLE, "reference_scale": 8},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_command_gives_what_the_function_gives(
    words: list[str], options: dict[str, Any], weights: Path, backbone: Backbone
) -> None:
    Image.fromarray(STYLE).save("style.png")
    done = cli("vary", "photo.png", *words, "--weights", weights, "-o", "out.png")
    assert (done.exit_code, done.stdout) == (0, "out.png\n")
    assert np.array_equal(images.read("out.png").pixels, restore.vary(PHOTO, prior=backbone, **options))


@pytest.mark.parametrize("kind", KINDS)
def test_vary_keeps_the_kind_and_what_is_outside_the_mask(kind: str, weights: Path) -> None:
    path = save_kind(kind)
    words = ["--steps", 2, "--mask", "mask.png", "--no-provenance", "--json", "--report-consistency"]
    done = cli("vary", path, *words, "--weights", weights)
    assert (done.exit_code, done.stderr.splitlines()[0]) == (0, NOTE.strip())
    before, after = images.read(path), images.read(f"in-varied{path.suffix}")
    assert (after.bits, after.gray, after.format) == (before.bits, before.gray, before.format)
    assert (after.icc, after.dpi, bool(after.exif)) == (before.icc, before.dpi, bool(before.exif))
    assert np.array_equal(after.pixels[~HOLE], before.pixels[~HOLE])
    assert not np.array_equal(after.pixels[HOLE], before.pixels[HOLE])
    assert before.alpha is None or np.array_equal(after.alpha, before.alpha)  # type: ignore[arg-type] # same
    assert json.loads(done.stdout)["changed_outside_pixels"] == 0


def test_the_noise_level_is_said(weights: Path, backbone: Backbone) -> None:
    Path("in").mkdir()
    for name in ("a", "b"):
        Image.fromarray(PHOTO[:8, :9]).save(f"in/{name}.png")
    done = cli("vary", "in", "-o", "out", "--steps", 2, "--json", "--weights", weights)
    assert done.stderr == NOTE + "note: 2 restored (of 2 pictures)\n"  # once
    for line in done.stdout.splitlines():
        facts = json.loads(line)
        assert (facts["strength"], facts["status"]) == (0.3, "done")
        assert facts["sigma_255"] == round(to_255(noise_level(0.3, backbone)), 3)


def test_samples(weights: Path) -> None:
    done = cli("vary", "photo.png", "--samples", 2, "--seed", 5, "--steps", 2, "--weights", weights)
    assert (done.exit_code, done.stdout) == (0, "photo-varied-1.png\nphoto-varied-2.png\n")
    alone = cli("vary", "photo.png", "--seed", 6, "--steps", 2, "--weights", weights)
    assert alone.stdout == "photo-varied.png\n"
    assert Path("photo-varied.png").read_bytes() == Path("photo-varied-2.png").read_bytes()


def test_a_set_is_enlarged_and_goes_on_where_it_stopped(weights: Path) -> None:
    for k, name in enumerate(("in/cat/0001.png", "in/cat/0002.jpg", "in/dog/0001.png")):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PHOTO[k : k + 8, :9]).save(name)
    command = ["vary", "in", "-o", "more", "--steps", 2, "--strength", 0.1, "--weights", weights]
    command += ["--copies", 2, "--seed", 7]
    expected = [
        f"more/{name}-seed{seed}.{ending}"
        for name, ending in (("cat/0001", "png"), ("cat/0002", "jpg"), ("dog/0001", "png"))
        for seed in (7, 8)
    ]
    planned = cli(*command, "--dry-run")
    assert [line.split(" -> ")[1].split(" ")[0] for line in planned.stdout.splitlines()] == expected
    done = cli(*command)
    assert (done.exit_code, done.stdout.splitlines()) == (0, expected)
    assert files("more/cat") + files("more/dog") == expected
    assert len({Path(name).read_bytes() for name in expected}) == 6
    assert not np.array_equal(images.read(expected[0]).pixels, images.read(expected[1]).pixels)
    before = Path(expected[0]).stat()
    Path(expected[3]).unlink()
    again = cli(*command)
    assert again.stdout == f"{expected[3]}\n"
    assert "1 restored, 5 there already and kept (of 6 pictures)" in again.stderr
    assert Path(expected[0]).stat() == before
    # A picture alone, by the seed in its name.
    command[command.index("in")] = "in/dog/0001.png"
    alone = [*command[: command.index("--copies")], "--seed", 8, "--overwrite"]
    alone[alone.index("more")] = "alone.png"
    assert cli(*alone).exit_code == 0
    assert Path("alone.png").read_bytes() == Path("more/dog/0001-seed8.png").read_bytes()


def test_one_copy_has_its_seed_in_the_name_too(weights: Path) -> None:
    done = cli("vary", "photo.png", "--copies", 1, "--steps", 2, "--weights", weights)
    assert (done.exit_code, done.stdout) == (0, "photo-varied-seed0.png\n")
    done = cli("vary", "photo.png", "--copies", 2, "-o", "-", "--weights", weights)
    assert done.exit_code == 2
    assert "2 samples do not fit into standard output; give a file with -o" in done.stderr


def test_a_reference_is_agreed_with(weights: Path) -> None:
    Image.fromarray(STYLE).save("style.png")
    Image.fromarray(PHOTO[..., 0]).save("gray.png")
    for name in ("photo.png", "gray.png"):
        done = cli(
            "vary", name, "--reference", "style.png", "--weights", weights, "--json", "--report-consistency"
        )
        facts = json.loads(done.stdout)
        assert facts["apart_most_255"] < 0.5
        assert (
            f"its low frequencies are {facts['apart_most_255']:.2f} from the reference at most" in done.stderr
        )


def test_the_record_repeats_it(weights: Path) -> None:
    Image.fromarray(STYLE).save("style.png")
    words = ["--mask", "mask.png", "--reference", "style.png", "--copies", 2, "--steps", 2]
    assert cli("vary", "photo.png", *words, "--weights", weights).exit_code == 0
    (record,) = read_history(Path("photo-varied-seed1.png")).records
    assert (record.seed, record.calls, record.method) == (1, 2, "sdedit")
    assert [name for name, _ in record.inputs] == ["photo.png", "mask.png", "style.png"]
    line = shlex.split(record.line("again.png"))
    assert "--copies" not in line
    line[line.index("--weights") + 1] = str(weights)
    assert cli(*line[1:]).exit_code == 0
    assert Path("again.png").read_bytes() == Path("photo-varied-seed1.png").read_bytes()


def test_a_budget_chooses_the_steps(weights: Path) -> None:
    done = cli("vary", "photo.png", "--nfe", 7, "--sampler", "heun", "--weights", weights, "-o", "out.png")
    assert "note: photo.png: plan: 7 network calls\n" in done.stderr
    (record,) = read_history(Path("out.png")).records
    assert record.calls == 7
    done = cli("vary", "photo.png", "--seconds", 60, "--weights", weights, "--dry-run", "--mask", "mask.png")
    assert (done.exit_code, "network calls" in done.stderr) == (0, True)


def test_bad_files(weights: Path) -> None:
    Image.fromarray(HOLE[:9]).save("mask.png")
    Path("style.png").write_bytes(b"no picture")
    for words, message in (
        (["--mask", "mask.png"], f"mask.png is {W}x9 but photo.png is {W}x{H} (w x h); resize the mask"),
        (["--mask", "no.png"], "no.png: no such file; check the name"),
        (["--reference", "no.png"], "no.png: no such file; check the name"),
        (["--reference", "style.png"], "style.png: "),
    ):
        done = cli("vary", "photo.png", *words, "--weights", weights)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith(f"error: {message}")
        assert done.stderr.count("\n") == 1
    assert files() == ["mask.png", "photo.png", "style.png"]
    done = cli("vary", "photo.png", "--reference", "style.png", "-o", "style.png", "--overwrite")
    assert "would replace style.png, which is read too" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--strength", "0"], "'--strength': 0.0 is not in the range 0<x<=1."),
        (["--strength", "1.2"], "'--strength': 1.2 is not in the range 0<x<=1."),
        (["--strength", "nan"], "'--strength': nan is not a number"),
        (["--copies", "0"], "'--copies': 0 is not in the range 1<=x<=1000."),
        (["--copies", "2", "--samples", "2"], "--copies and --samples are the same number; pass one of them"),
        (["--reference-scale", "8"], "--reference-scale is of --reference; pass that, too, or leave it out"),
        (
            ["--reference", "a.png", "--reference-scale", "1"],
            "'--reference-scale': 1 is not in the range 2<=x<=256.",
        ),
        (["--steps", "0"], "'--steps': 0 is not in the range 1<=x<=1000."),
        (["--steps", "3", "--nfe", "3"], "--nfe chooses --steps itself; leave one of them out"),
        (["--estimate", "mean"], "No such option '--estimate'."),
        (["--uncertainty", "map.png"], "No such option '--uncertainty'."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage(words: list[str], message: str) -> None:
    done = cli("vary", "photo.png", *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr.splitlines()[-1]
    assert files() == ["mask.png", "photo.png"]
