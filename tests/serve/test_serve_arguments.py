"""What a page asks for becomes the words of a command, checked by it, and harmless whatever it is."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click
import pytest
from commands import cli
from soon import ends_soon

from restore.cli.main import main
from restore.cli.serve.arguments import Refused, arguments, is_configured, option_of, shown
from restore.cli.serve.catalogue import TASKS, command_of, offered
from restore.cli.serve.left_out import LEFT_OUT
from restore.cli.serve.names import clean_name

LEAST: dict[str, dict[str, Any]] = {
    "upscale": {"scale": 2},
    "erase": {"box": ["2,2,4,4"]},
    "deblur": {"kernel": "gaussian:1.6"},
    "solve": {"operator": ["gray"]},
}
FILES = {"mask-id": "a mask.png", "kernel-id": "kernel.npy", "other-id": "other.png"}
DEEP: Any = []
for _ in range(10_000):
    DEEP = [DEEP]
HOSTILE: tuple[Any, ...] = (
    *(
        "--output=/etc/x",
        "-o/etc/x",
        "-",
        "--",
        "-x",
        "",
        " ",
        "\0",
        "a\0b",
        "\ud800",
        "\n--output x",
        "\x1b[2J",
    ),
    *(
        "/etc/passwd",
        "../../x.png",
        "~/x.png",
        "file:///etc/passwd",
        "s3://bucket/x.png",
        "photo.png",
        "@args",
    ),
    *(
        "$(touch x)",
        "`x`",
        "'; touch x; '",
        '"',
        "\\",
        "%s",
        "{0}",
        "NaN",
        "nan",
        "inf",
        "-Infinity",
        "1e400",
    ),
    *("٣", "²", "1_000", "0x10", "\u202e", "é", "x" * 100_000, "1" * 5000, "true", "null"),
    *(float("nan"), float("inf"), float("-inf"), 1e308, -0.0, 10**30, -(10**5000), 2**64, -1, 0, 0.5),
    *(True, False, [], [[]], [None], [True], ["x"] * 1000, {}, {"a": 1}, [{"$ne": 1}], DEEP),
)


def made(task: str, options: object, *, picture: str = "photo.png", mask: str | None = None) -> list[str]:
    mask = "photo-mask.png" if task == "inpaint" and mask is None else mask
    return arguments(task, options, picture=picture, mask=mask, files=FILES)


def refused(task: Any, options: object, **rest: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        made(task, options, **rest)
    assert caught.value.status == 422
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 1200
    return caught.value


def test_a_command_as_it_is_copied() -> None:
    argv = made("inpaint", {"grow": 2, "seed": 0, "method": None})
    assert argv == ["inpaint", "photo.png", "--mask", "photo-mask.png", "--grow", "2", "--no-config"]
    assert shown(argv) == "restore inpaint photo.png --mask photo-mask.png --grow 2"


@pytest.mark.parametrize("task", TASKS)
def test_defaults_are_not_words(task: str) -> None:
    known = offered(task)
    least = LEAST.get(task, {})
    plain = made(task, least)
    defaults = {key: each.to_info_dict()["default"] for key, each in known.items() if key not in least}
    assert made(task, {**defaults, **least}) == plain


@pytest.mark.parametrize(
    ("task", "options", "words"),
    [
        ("denoise", {"provenance": False, "page": False, "specks": True}, ["--no-provenance", "--specks"]),
        ("upscale", {"scale": 2.5, "consistent": False}, ["--scale", "2.5", "--no-consistent"]),
        ("upscale", {"scale": 2.0, "consistent": True}, ["--scale", "2", "--consistent"]),
        ("erase", {"at": ["1,2", "3,4"], "radius": 9}, ["--at", "1,2", "--at", "3,4", "--radius", "9"]),
        ("denoise", {"data_range": "-1,1"}, ["--data-range=-1,1"]),
        ("denoise", {"label": "--output=/etc/x"}, ["--label=--output=/etc/x"]),
        ("denoise", {"sigma": "25"}, ["--sigma", "25"]),
        ("denoise", {"depth": 16}, ["--depth", "16"]),
        ("denoise", {"uncertainty": True}, ["--uncertainty", "photo-uncertainty.png"]),
        ("deblur", {"kernel": "kernel-id"}, ["--kernel", "kernel.npy"]),
        ("solve", {"operator": ["blur=kernel-id", "down=2"]},
         ["--operator", "blur=kernel.npy", "--operator", "down=2"]),
        ("vary", {"reference": "other-id"}, ["--reference", "other.png"]),
        ("vary", {"mask": "mask-id"}, ["--mask", "a mask.png"]),
        ("repair", {"infrared": "other-id", "sensitivity": 0.25},
         ["--sensitivity", "0.25", "--infrared", "other.png"]),
        ("repair", {"only": "specks", "method": "exemplar"}, ["--only", "specks", "--method", "exemplar"]),
    ],
)  # fmt: skip
def test_words(task: str, options: dict[str, Any], words: list[str]) -> None:
    assert made(task, options) == [task, "photo.png", *words, "--no-config"]


@pytest.mark.parametrize(
    ("task", "options", "words", "about"),
    [
        ("inpaint", {"grow": 99}, ["--mask", "mask.png", "--grow", "99"], "grow"),
        ("inpaint", {"grow": "NaN"}, ["--mask", "mask.png", "--grow", "NaN"], "grow"),
        ("inpaint", {"estimate": "most"}, ["--mask", "mask.png", "--estimate", "most"], "estimate"),
        ("inpaint", {"method": "exemplar", "steps": 5},
         ["--mask", "mask.png", "--method", "exemplar", "--steps", "5"], "steps"),
        ("inpaint", {"jump_length": 3}, ["--mask", "mask.png", "--jump-length", "3"], "jump_length"),
        ("denoise", {"sigma": 999}, ["--sigma", "999"], "sigma"),
        ("denoise", {"page": True, "sigma": 5}, ["--page", "--sigma", "5"], "sigma"),
        ("denoise", {"samples": 4}, ["--samples", "4"], "samples"),
        ("denoise", {"uncertainty_samples": 4}, ["--uncertainty-samples", "4"], "uncertainty_samples"),
        ("denoise", {"pages": "x"}, ["--pages", "x"], "pages"),
        ("denoise", {"format": "bmp", "depth": 16}, ["--format", "bmp", "--depth", "16"], "depth"),
        ("denoise", {"format": "jpg2"}, ["--format", "jpg2"], "format"),
        ("denoise", {"output_quality": 50}, ["--quality", "50"], "output_quality"),
        ("deblur", {}, [], "kernel"),
        ("deblur", {"kernel": "gaussian:0"}, ["--kernel", "gaussian:0"], "kernel"),
        ("deblur", {"kernel": "missing.npy"}, ["--kernel", "missing.npy"], "kernel"),
        ("solve", {"operator": ["gray", "down=2"]},
         ["--operator", "gray", "--operator", "down=2"], "operator"),
        ("solve", {"operator": "down=2", "method": "x"}, ["--operator", "down=2", "--method", "x"], "method"),
        ("upscale", {}, [], "scale"),
        ("upscale", {"scale": 2, "width": 99}, ["--scale", "2", "--width", "99"], "scale"),
        ("erase", {}, [], "box"),
        ("erase", {"at": "1"}, ["--at", "1"], "at"),
        ("erase", {"radius": 3, "box": "1,2,3,4"}, ["--radius", "3", "--box", "1,2,3,4"], "radius"),
        ("vary", {"strength": 0}, ["--strength", "0"], "strength"),
        ("vary", {"reference_scale": 8}, ["--reference-scale", "8"], "reference_scale"),
        ("dejpeg", {"method": "blind", "start": 1}, ["--method", "blind", "--start", "1"], "start"),
        ("repair", {"sensitivity": "most"}, ["--sensitivity", "most"], "sensitivity"),
        ("repair", {"nfe": 5, "seconds": 2}, ["--nfe", "5", "--seconds", "2"], "nfe"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("here")
def test_the_same_words_as_on_the_command_line(
    task: str, options: dict[str, Any], words: list[str], about: str
) -> None:
    found = refused(task, options)
    typed = cli(task, "photo.png", *words, "--no-config")
    assert typed.exit_code != 0
    said = typed.stderr.splitlines()[-1].partition(": ")[2]
    assert found.message == said
    assert found.option == about


def test_a_mask_is_needed_and_needs_a_task_that_takes_it() -> None:
    with pytest.raises(Refused, match="expected --mask FILE") as caught:
        arguments("inpaint", {}, picture="photo.png", mask=None, files={})
    assert caught.value.option == "mask"
    assert refused("denoise", {}, mask="m.png").option == "mask"
    assert refused("vary", {"mask": "mask-id"}, mask="m.png").option == "mask"
    assert made("vary", {}, mask="m.png") == ["vary", "photo.png", "--mask", "m.png", "--no-config"]


@pytest.mark.parametrize("task", TASKS)
def test_what_is_left_out_is_refused(task: str) -> None:
    for key in LEFT_OUT:
        found = refused(task, {**LEAST.get(task, {}), key: "x"})
        assert found.option == key
        assert "is not for a page" in found.message


@pytest.mark.parametrize(
    "key", ["--output", "output=x", "", "grow --output", "\0", "x" * 10_000, "-o", "inputs"]
)
def test_unknown_options_are_refused(key: str) -> None:
    assert "has no option" in refused("denoise", {key: "x"}).message


def test_what_is_no_task_and_no_options() -> None:
    for task in ("sample", "", "--help", None, 1, ["inpaint"], {}, "denoise\0"):
        assert refused(task, {}).option == "task"
    for options in (None, [], "x", 1, [["sigma", 1]]):
        refused("denoise", options)
    refused("denoise", {1: 2})


def test_no_value_becomes_another_option_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the values: refused, or the words parse to that option and nothing else."""
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "x.npy"):
        Path(name).touch()
    seen, kinds = set(), set()
    for task in TASKS:
        for key, option in offered(task).items():
            about, kind = (key, str(option.to_info_dict())), (type(option.type), option.multiple)
            if about not in seen:
                # All values for one option of each kind, for the others those that look like words and files.
                _hold_out(task, key, option, HOSTILE if kind not in kinds else HOSTILE[:20])
                seen.add(about)
                kinds.add(kind)
    assert sorted(each.name for each in Path().iterdir()) == ["photo.png", "x.npy"]


def _hold_out(task: str, key: str, option: click.Option, values: tuple[Any, ...]) -> None:
    command, least = command_of(task), LEAST.get(task, {})
    assert command is not None
    allowed = {option.name, "no_config", "inputs", "photo", "mask"}
    allowed |= {each.name for each in command.params if each.opts[-1].strip("-") in least}
    for value in values:
        with ends_soon():
            try:
                argv = made(task, {**least, key: value})
            except Refused as error:
                assert error.option is None or not error.option.startswith("-")
                assert error.message.isprintable()
                continue
        context = click.Context(command, info_name=task, parent=click.Context(main))
        typed, _, order = command.make_parser(context).parse_args(argv[1:])
        assert {each.name for each in order if each.name in typed} <= allowed
        words = [word for word in argv if word != "--no-config"]
        assert shlex.split(shown(argv)) == ["restore", *words]


def test_the_file_system_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    there, missing = tmp_path / "there.npy", tmp_path / "missing.npy"
    there.touch()
    found = [refused("deblur", {"kernel": str(each)}).message for each in (there, missing)]
    assert found[0].replace("there", "missing") == found[1]
    assert refused("solve", {"operator": f"blur={there}"}).option == "operator"


def test_configuration_does_not_reach_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.toml"
    monkeypatch.setenv("RESTORE_CONFIG", str(file))
    file.touch()
    argv = made("denoise", {"sigma": 5})
    assert shown(argv) == "restore denoise photo.png --sigma 5"
    file.write_text("[denoise]\nstrength = 0.5\n")
    assert made("denoise", {"sigma": 5}) == argv
    assert shown(argv) == "restore denoise photo.png --sigma 5 --no-config"
    assert shown(made("upscale", {"scale": 2})) == "restore upscale photo.png --scale 2"
    file.write_text("weights = 3")
    assert made("denoise", {"sigma": 5}) == argv
    assert is_configured("denoise")  # what cannot be read, too
    monkeypatch.setenv("RESTORE_CONFIG", "")
    monkeypatch.setenv("RESTORE_DENOISE_SIGMA", "nonsense")
    assert made("denoise", {}) == ["denoise", "photo.png", "--no-config"]
    assert shown(argv).endswith(" --no-config")


def test_names_are_quoted() -> None:
    argv = made("denoise", {}, picture="it's (1)+x.png")
    assert shlex.split(shown(argv)) == ["restore", "denoise", "it's (1)+x.png"]


def test_messages_of_jobs_are_about_options() -> None:
    assert option_of("inpaint", "photo.png: --mask: nothing is white in it") == "mask"
    assert option_of("denoise", "--depth 16: JPEG holds 8 bits; pass --format png") == "depth"
    assert option_of("denoise", "--depth 16: JPEG holds 8 bits; pass --format png", ["format"]) == "format"
    assert option_of("denoise", "not enough memory; lower --tile, or crop the picture") == "tile"
    assert option_of("erase", "photo.png: --at 1,2: is outside the picture") == "at"
    assert option_of("denoise", "photo.png: cannot read it") is None
    assert option_of("denoise", "pass --output") is None
    assert option_of("nothing", "--sigma") is None


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("photo.png", "photo.png"), ("../../etc/passwd", "passwd"), ("C:\\x\\y.JPG", "y.JPG"),
        ("..", "picture"), ("", "picture"), ("-rf.png", "rf.png"), (".png", "picture.png"),
        ("--output=x.png", "output_x.png"), ("a\0b\n.png", "a_b_.png"), ("\ud800.png", "picture.png"),
        ("фото 1.jpg", "фото 1.jpg"), ("写真.png", "写真.png"), ("हिन्दी.png", "हिन्दी.png"),
        ("e\u0301.png", "é.png"), ("\u202egnp.exe", "_gnp.exe"), ("con.png", "picture-con.png"),
        ("my (1)+2.png", "my (1)+2.png"), ("a:b*?.tif", "a_b__.tif"), ("x. ", "x"), ("~", "picture"),
        ("$(x).png", "_(x).png"), ("a.b.c", "a.b.c"), (" a .png", "a.png"),
        ("Ann's & Bob's.jpg",) * 2, ("🌅.png",) * 2, ("a [1], {2} #3!.png",) * 2,
        ("👨‍👩‍👧 at home — «summer» ½ €.jpg",) * 2, ("Shot 9.41.07\u202fPM.png", "Shot 9.41.07 PM.png"),
        ("a\uff0fb\uff3cc\u2215d.png", "a_b_c_d.png"), ("a\uff1ab\uff1c.png", "a_b_.png"), ("…x.png",) * 2,
        ("a\u2066b\u200ec.png", "a_b_c.png"), ("a\u200db\u200b\ufeff.png", "a_b__.png"),
        ("🌅\u200d.png", "🌅_.png"),
        ("\u0645\u06cc\u200c\u062e\u0648.jpg",) * 2, ("\u3164.png", "picture.png"),
        ("com¹.png", "picture-com¹.png"), ("aux .tar.png", "picture-aux .tar.png"),
        ("x=1;y%z^.png", "x_1_y_z_.png"), ("x\x1b[31m.png", "x_[31m.png"),
        ("\U000e0061\ue000.png", "picture.png"), ("!!!.png", "picture.png"),
    ],
)  # fmt: skip
def test_clean_names(name: str, clean: str) -> None:
    assert clean_name(name) == clean
    assert clean_name(clean) == clean


@pytest.mark.parametrize(
    "name",
    [
        *("x" * 5000 + ".tiff", "写" * 5000 + ".png", "é" * 300, "." * 5000, "/" * 5000, "_" * 300 + "a.png"),
        *(
            "👨‍👩‍👧" * 300 + ".jpeg",
            "con." + "y" * 300 + ".png",
            "x" * 195 + "👍🏽.png",
            "e" + "\u0332" * 500 + ".webp",
        ),
    ],
    ids=lambda name: ascii(name[:12]),
)
def test_clean_names_are_short(name: str) -> None:
    clean = clean_name(name)
    assert 0 < len(clean.encode()) <= 200
    assert Path(clean).suffix == Path(name).suffix
    assert clean_name(clean) == clean
    assert "\ufffd" not in clean and not clean.startswith("\u0332")


def test_names_are_cut_between_characters() -> None:
    assert clean_name("x" * 150 + ".png") == "x" * 150 + ".png"
    assert clean_name("👨‍👩‍👧" * 300 + ".jpeg") == "👨‍👩‍👧" * 10 + ".jpeg"
    assert clean_name("x" * 188 + "👍🏽.png") == "x" * 188 + "👍🏽.png"
    assert clean_name("x" * 189 + "👍🏽.png") == "x" * 189 + ".png"
