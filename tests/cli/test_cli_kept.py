"""The same command again: what is there is kept, refused, copied or left out as its record says."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from command_photos import HOLE, PHOTO
from commands import cli
from PIL import Image

from restore import images
from restore.cli import provenance
from restore.cli.provenance import History, history_in, history_of, read_text
from restore.cli.results import ENDINGS, results_among
from restore.priors.checkpoint import save
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread", "here")
OTHERWISE = "pass --overwrite to replace it, or another -o\n"


def told(*arguments: object) -> list[tuple[str, str]]:
    """The inputs and statuses of a run with --json."""
    return [
        (each["input"], each["status"])
        for each in map(json.loads, cli(*arguments, "--json").stdout.splitlines())
    ]


def refused(difference: str, name: str = "photo-denoised.png") -> tuple[int, str, str]:
    return 1, "", f"error: {name} is there, {difference}; {OTHERWISE}"


def outcome(*arguments: object) -> tuple[int, str, str]:
    done = cli(*arguments)
    return done.exit_code, done.stdout, done.stderr


# ------------------------------------------------------------------------------------ outputs that are there


def test_only_the_result_of_the_same_command_is_kept(weights: Path) -> None:
    words = ["denoise", "photo.png", "--weights", weights]
    assert cli(*words, "--sigma", 10).exit_code == 0
    before = Path("photo-denoised.png").read_bytes()
    kept = "photo-denoised.png is there already and was kept; pass --overwrite to replace it"
    for more in ([], ["--strength", 1], ["--tile", 64], ["--device", "cpu"], ["--allow-damaged"]):
        assert outcome(*words, "--sigma", 10, *more) == (0, "", f"note: {kept}\n")
    assert outcome(*words, "--sigma", 25) == refused("made with --sigma 10, now --sigma 25")
    assert outcome(*words) == refused("made with --sigma 10, now no --sigma")
    assert outcome(*words, "--sigma", 10, "--seed", 3) == refused("made with --seed 0, now --seed 3")
    assert outcome(*words, "--sigma", 10, "--specks", "--strength", 0.5) == refused(
        "made with --strength 1, now --strength 0.5 and --specks"
    )
    two = outcome("upscale", "photo.png", "--scale", 2, "-o", "photo-denoised.png")
    assert two == refused("made by restore denoise, now by restore upscale")
    assert told(*words, "--sigma", 10) == [("photo.png", "skipped")]
    assert told(*words, "--sigma", 9) == [("photo.png", "failed")]
    assert Path("photo-denoised.png").read_bytes() == before
    assert cli(*words, "--sigma", 25, "--overwrite").exit_code == 0
    assert Path("photo-denoised.png").read_bytes() != before


def test_other_weights_and_another_input_are_told(weights: Path, tmp_path: Path) -> None:
    words = ["denoise", "photo.png", "--sigma", 10]
    assert cli(*words, "--weights", weights).exit_code == 0
    old = history_in(Path("photo-denoised.png")).records[-1].weights
    changed = tiny_prior()
    next(changed.network.parameters()).data += 1
    other = save(changed, "other.safetensors")
    assert other != old
    assert outcome(*words, "--weights", "other.safetensors") == refused(
        f"made with the weights {old[:12]}, now {other[:12]}"
    )
    Image.fromarray(PHOTO[:8]).save("second.png")
    second = ["denoise", "second.png", *words[2:], "--weights", weights]
    assert outcome(*second, "-o", "photo-denoised.png") == refused("made from photo.png")
    Image.fromarray(PHOTO[:8]).save("photo.png")
    assert outcome(*words, "--weights", weights) == refused("made from another photo.png")
    Path("photo.png").unlink()
    assert cli(*words, "--weights", weights).exit_code == 1


def test_a_mask_is_known_by_what_it_holds(weights: Path) -> None:
    words = ["inpaint", "photo.png", "--steps", 1, "--weights", weights]
    assert cli(*words, "--mask", "mask.png").exit_code == 0
    Path("same.png").write_bytes(Path("mask.png").read_bytes())
    assert cli(*words, "--mask", "same.png").exit_code == 0
    Image.fromarray(HOLE[::-1]).save("mask.png")
    assert outcome(*words, "--mask", "mask.png") == refused(
        "made with --mask mask.png, now --mask mask.png", "photo-inpainted.png"
    )


def test_masks_in_a_folder_are_looked_at(weights: Path) -> None:
    Path("masks").mkdir()
    Image.fromarray(HOLE).save("masks/photo.gif")
    words = ["inpaint", "photo.png", "--masks", "masks", "--steps", 1, "--weights", weights]
    assert cli(*words).exit_code == 0
    assert cli(*words).exit_code == 0
    Image.fromarray(HOLE[::-1]).save("masks/photo.gif")
    assert outcome(*words) == refused("made with another photo.gif", "photo-inpainted.png")


def test_every_sample_has_its_own_seed(weights: Path) -> None:
    words = ["upscale", "photo.png", "--scale", 2, "--steps", 1, "--weights", weights, "--samples", 2]
    assert cli(*words, "--seed", 5).exit_code == 0
    assert told(*words, "--seed", 5) == [("photo.png", "skipped")] * 2
    done = cli(*words, "--seed", 6)
    assert done.exit_code == 1
    assert "photo-x2-1.png is there, made with --seed 5, now --seed 6; " in done.stderr
    assert done.stderr.endswith("error: 0 restored, 2 there already but not as asked (of 2 pictures)\n")


def test_a_budget_in_seconds_is_the_same_again(weights: Path) -> None:
    words = ["upscale", "photo.png", "--scale", 2, "--weights", weights]
    assert cli(*words, "--seconds", 60).exit_code == 0
    assert cli(*words, "--seconds", 60).exit_code == 0
    name = "photo-x2.png"
    assert outcome(*words, "--seconds", 30) == refused("made with --seconds 60, now --seconds 30", name)
    assert outcome(*words, "--nfe", 3) == refused("made with --seconds 60, now --nfe 3", name)


def test_a_method_is_the_same_by_default_and_by_its_name(weights: Path) -> None:
    words = ["upscale", "photo.png", "--scale", 2, "--steps", 1, "--weights", weights]
    assert cli(*words).exit_code == 0
    assert cli(*words, "--method", "projection").exit_code == 0
    assert cli(*words, "--method", "conditional").exit_code == 1
    assert cli(*words, "--method", "projection", "--overwrite").exit_code == 0
    assert cli(*words).exit_code == 0


def test_where_no_record_is_held_the_result_is_kept(weights: Path) -> None:
    Image.fromarray(PHOTO).save("a.bmp")
    words = ["denoise", "a.bmp", "photo.png", "-o", "out", "--weights", weights]
    assert cli(*words, "--sigma", 10).exit_code == 0
    done = cli(*words, "--sigma", 10)
    assert done.exit_code == 0
    assert done.stderr == (
        "note: 0 restored, 2 there already and kept, 1 of them without a record of what made them (of 2 "
        "pictures); pass --overwrite to replace those there already\n"
    )


def test_many_that_differ_are_told_in_one_line_and_the_rest_goes_on(weights: Path) -> None:
    Path("in").mkdir()
    for k in range(5):
        Image.fromarray(PHOTO[:8, k : k + 9]).save(f"in/{k}.png")
    words = ["denoise", "in", "-o", "out", "--weights", weights, "--sigma"]
    assert cli(*words, 10).exit_code == 0
    Path("out/4.png").unlink()
    done = cli(*words, 20)
    assert (done.exit_code, done.stdout) == (1, "out/4.png\n")
    assert done.stderr.splitlines() == [
        "error: out/0.png and 3 more are there, made with --sigma 10, now --sigma 20; pass --overwrite to "
        "replace them, or another -o",
        "error: 1 restored, 4 there already but not as asked (of 5 pictures)",
    ]


def test_a_record_of_an_older_version_is_read(weights: Path) -> None:
    words = ["denoise", "photo.png", "--sigma", 10, "--weights", weights]
    assert cli(*words).exit_code == 0
    text = history_in(Path("photo-denoised.png")).text()
    assert '"asked"' not in text
    (record,) = read_text(text).records
    asked = replace(record, asked=(("--seconds", "3"),))
    assert read_text(History((asked,)).text()).records == (asked,)
    assert asdict(record)["asked"] == ()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_a_record_is_read_without_the_pixels(suffix: str) -> None:
    record = provenance.Record("1.2", "denoise", (("--sigma", "25"),), (("a b.png", "00" * 32),), seed=7)
    path = Path(f"a{suffix}")
    picture = provenance.stamped(images.Picture(PHOTO), record, images.kind_of(path))
    images.write(path, picture)
    assert history_in(path) == history_of(images.read(path)) == History((record,))
    for cut in (0, 3, 30, 200):
        path.write_bytes(path.read_bytes()[:cut])
        assert history_in(path) == History()
    assert history_in(Path("missing")) == History()


# ------------------------------------------------------------------------------------- results among inputs


def test_a_glob_that_catches_results_leaves_them_out(weights: Path) -> None:
    words = ["--weights", weights, "--sigma", 10]
    Image.fromarray(PHOTO).save("a.bmp")
    assert cli("denoise", "photo.png", "a.bmp", *words).exit_code == 0
    given = ["photo.png", "photo-denoised.png", "a-denoised.bmp", "a.bmp"]
    done = cli("denoise", *given, *words)
    assert done.exit_code == 0
    note = "note: photo-denoised.png, a-denoised.bmp are results of earlier runs and are left out; "
    assert done.stderr.startswith(note)
    assert told("denoise", *given, *words) == [
        ("photo-denoised.png", "left out"), ("a-denoised.bmp", "left out"),
        ("photo.png", "skipped"), ("a.bmp", "skipped"),
    ]  # fmt: skip
    upscale = ["upscale", "--scale", 2, "--steps", 1, "--weights", weights]
    done = cli(*upscale, *given)
    assert (done.exit_code, done.stdout) == (0, "photo-x2.png\na-x2.bmp\n")
    assert done.stderr.startswith(note)
    # Without their pictures they are pictures like any other.
    done = cli(*upscale, "photo-denoised.png", "a-denoised.bmp")
    assert (done.exit_code, done.stdout) == (0, "photo-denoised-x2.png\na-denoised-x2.bmp\n")
    done = cli("denoise", "photo-denoised.png", *words)
    assert (done.exit_code, done.stdout) == (0, "photo-denoised-denoised.png\n")


def test_results_under_any_name_and_in_any_folder_are_known(weights: Path) -> None:
    words = ["denoise", "photo.png", "--weights", weights, "--sigma", 10]
    assert cli(*words, "-o", "other.png").exit_code == 0
    assert cli(*words, "-o", "out/").exit_code == 0
    Path("unrelated").mkdir()
    Image.fromarray(PHOTO[:8]).save("unrelated/photo.png")
    result, source = Path("out/photo.png"), Path("photo.png")
    assert results_among([source, Path("other.png"), result]) == {Path("other.png"), result}
    assert results_among([Path("unrelated/photo.png"), result]) == set()
    assert results_among([result]) == results_among([Path("other.png"), result]) == set()
    # A name alone says nothing.
    Image.fromarray(PHOTO[:9]).save("photo-x2.png")
    assert results_among([source, Path("photo-x2.png")]) == set()


@pytest.mark.parametrize(
    "line",
    [
        "denoise", "dejpeg --quality 50", "repair", "vary", "colorize", "upscale --scale 2.5",
        "inpaint --mask mask.png", "erase --box 3,3,5,5", "deblur --kernel gaussian:1",
        "solve --operator blur=gaussian:1",
    ],
)  # fmt: skip
def test_results_are_known_by_the_names_that_commands_give(weights: Path, line: str) -> None:
    command, *words = line.split()
    done = cli(command, "photo.png", *words, "--weights", weights, "--dry-run", "--json")
    name = Path(json.loads(done.stdout)["output"])
    assert name.stem.startswith("photo-") and re.fullmatch(ENDINGS, name.stem.removeprefix("photo-"))


def test_results_that_are_all_that_was_given_are_restored(weights: Path) -> None:
    save_as = ["--weights", weights, "--sigma", 10, "--overwrite"]
    assert cli("denoise", "photo.png", "-o", "b.png", *save_as).exit_code == 0
    assert cli("denoise", "b.png", "-o", "photo.png", *save_as).exit_code == 0
    assert results_among([Path("b.png"), Path("photo.png")]) == {Path("b.png"), Path("photo.png")}
    assert [status for _, status in told("denoise", "b.png", "photo.png", *save_as)] == ["done", "done"]
