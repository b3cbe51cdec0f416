"""What a picture says it was made by: written, read, and the command that repeats it."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import threading
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from commands import cli
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scenes import scene

from restore import __version__, images
from restore.cli import provenance
from restore.cli.main import main
from restore.cli.provenance import History, Record, history_of, read_history, stamped
from restore.errors import ImageError
from restore.images import exif
from restore.priors.device import best_dtype

RECORD = Record("1.2", "denoise", (("--sigma", "25"), ("--ensemble", "2")), (("a b.png", "00" * 32),), seed=7)
pytestmark = pytest.mark.usefixtures("one_thread")
KINDS = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "tiff": ".tif"}


# -------------------------------------------------------------------------------------- in the file


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_keeps_the_record(tmp_path: Path, kind: str) -> None:
    picture = images.Picture(pixels=scene(0, 20, 30))
    path = tmp_path / f"a{KINDS[kind]}"
    images.write(path, stamped(picture, RECORD, kind))
    assert read_history(path) == History((RECORD,))
    # A second command on the result: both are told, whatever the format.
    for other, suffix in KINDS.items():
        second = tmp_path / f"b{suffix}"
        images.write(second, stamped(images.read(path), RECORD, other), overwrite=True)
        assert read_history(second) == History((RECORD, RECORD))


def test_what_the_file_told_before_is_told_still() -> None:
    told = Image.Exif()
    told[0x10F], told[0x13B] = "Leica", "A. Nybody"
    inner = told.get_ifd(0x8769)
    inner[0x927C], inner[0x9286], inner[0x829D] = b"points into the file", b"ASCII\0\0\0my cat", 2.8
    told.get_ifd(0x8825)[0x1D] = "2020:01:01"
    before = told.tobytes()[6:]
    picture = images.Picture(pixels=scene(0, 8, 8), exif=before)
    after = stamped(stamped(picture, RECORD, "jpeg"), RECORD, "jpeg").exif
    assert exif.comment(after).startswith("my cat\nrestore: [")
    assert exif.comment(after).count("restore:") == 1
    # Maker notes hold addresses in the file: nothing may have moved.
    changed = [k for k in range(len(before)) if after[k] != before[k]]
    assert changed, "the pointer to the Exif directory"
    assert changed[-1] - changed[0] < 4
    again = Image.Exif()
    again.load(b"Exif\0\0" + after)
    assert (again[0x10F], again[0x13B]) == ("Leica", "A. Nybody")
    kept = again.get_ifd(0x8769)
    assert (kept[0x927C], float(kept[0x829D])) == (b"points into the file", pytest.approx(2.8))
    assert again.get_ifd(0x8825)[0x1D] == "2020:01:01"


@given(
    text=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30), big=st.booleans()
)
def test_comments_in_any_script(text: str, big: bool) -> None:
    empty = b"MM\0*\0\0\0\x08" + bytes(6) if big else b""
    assert exif.comment(exif.with_comment(empty, text)) == text.strip(" ")


@pytest.mark.parametrize("said", ["To restore: torn corner at left", "restore: granny 1950", "restore: [5]"])
def test_a_comment_that_looks_like_a_record_is_kept(said: str) -> None:
    picture = images.Picture(pixels=scene(0, 8, 8), exif=exif.with_comment(b"", said))
    assert history_of(picture) == History()
    twice = stamped(stamped(picture, RECORD, "jpeg"), RECORD, "jpeg")
    assert (exif.comment(twice.exif) or "").startswith(said + "\nrestore: [{")
    assert history_of(twice) == History((RECORD, RECORD))


def test_where_there_is_no_place_the_picture_stays_as_it_is() -> None:
    pixels = scene(0, 8, 8)
    unreadable = exif.with_comment(b"", "x").replace(b"ASCII\0\0\0", b"JIS\0\0\0\0\0")
    assert exif.comment(unreadable) is None
    long = exif.with_comment(b"", "x" * 64_800)
    for content, kind in ((unreadable, "tiff"), (long, "jpeg"), (b"II", "webp"), (b"", "bmp")):
        picture = images.Picture(pixels=pixels, exif=content)
        assert stamped(picture, RECORD, kind) is picture
    assert stamped(images.Picture(pixels=pixels, exif=long), RECORD, "webp").exif != long


@pytest.mark.parametrize("own", ["", "my cat", "meine Kätzchen \u732b", "two\nlines\n"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_record_is_taken_out_and_nothing_else(tmp_path: Path, kind: str, own: str) -> None:
    others = images.png_chunk(b"tEXt", b"Comment\0restore: me") + images.png_chunk(
        b"iTXt", b"restore\0\0\0\0\0granny 1950"
    )
    told = exif.with_comment(b"", own) if own else b""
    plain = images.Picture(pixels=scene(0, 8, 8), exif=told, chunks=others)
    assert provenance.unstamped(plain) is plain
    path = tmp_path / f"a{KINDS[kind]}"
    images.write(path, stamped(stamped(plain, RECORD, kind), RECORD, kind))
    bare = provenance.unstamped(images.read(path))
    for other, suffix in KINDS.items():
        target = tmp_path / f"b{suffix}"
        images.write(target, bare, overwrite=True)
        again = images.read(target)
        assert exif.comment(again.exif) == own
        assert again.chunks == (others if kind == other == "png" else b"")
        for trace in (b'"version"', '"version"'.encode("utf-16-le")):
            assert trace not in target.read_bytes()


def test_what_has_no_place_for_its_record_keeps_no_older_one() -> None:
    """Else the picture would be said to be what the command before the last has made."""
    long = images.Picture(pixels=scene(0, 8, 8), exif=exif.with_comment(b"", "x" * 64_500))
    once = stamped(long, RECORD, "jpeg")
    assert len(history_of(once).records) == 1
    twice = stamped(once, RECORD, "jpeg")
    assert history_of(twice) == History()
    assert exif.comment(twice.exif) == "x" * 64_500
    assert history_of(stamped(stamped(long, RECORD, "png"), RECORD, "bmp")) == History()


def test_history_does_not_leave_its_past_behind() -> None:
    told = Image.Exif()
    told.get_ifd(0x8769)[0x927C] = b"points into the file"
    for start in (b"", told.tobytes()[6:]):
        picture = images.Picture(pixels=scene(0, 8, 8), exif=start)
        sizes = []
        for _ in range(30):
            picture = stamped(picture, RECORD, "jpeg")
            sizes.append(len(picture.exif))
        step = sizes[1] - sizes[0]
        assert sizes[provenance.MOST - 1] - sizes[0] == pytest.approx(step * (provenance.MOST - 1), abs=40)
        assert sizes[-1] == sizes[provenance.MOST]
        assert len(history_of(picture).records) == provenance.MOST


def test_the_latest_steps_are_kept_in_their_order() -> None:
    picture = images.Picture(pixels=scene(0, 8, 8))
    for seed in range(30):
        picture = stamped(picture, replace(RECORD, seed=seed), "png")
    assert [record.seed for record in history_of(picture).records] == list(range(30 - provenance.MOST, 30))


def test_damaged_records_are_none() -> None:
    for text in (
        "{",
        "5",
        "[5]",
        '[{"version": 1}]',
        "[" * 5000,
        '[{"version":"1","command":"a","inputs":[["a"]]}]',
        '[{"version":"1","command":"a","arguments":[[]]}]',
        '[{"version":"1","command":"a","seed":""}]',
    ):
        marked = images.Picture(pixels=scene(0, 8, 8), exif=exif.with_comment(b"", provenance.MARK + text))
        assert history_of(marked) == History()


# --------------------------------------------------------------------------------------- the line


def test_what_the_line_says() -> None:
    def line(name: str = "b.png", **changes: Any) -> str:
        return replace(Record("1", "denoise", inputs=(("a.png", ""),)), **changes).line(name)

    assert line("") == "restore denoise a.png"
    assert line() == "restore denoise a.png -o b.png"
    # What was used, in place of what was asked for.
    asked = (("--precision", "auto"), ("--steps", "3"), ("--device", "cuda:1"))
    assert line("", arguments=asked) == ("restore denoise a.png --precision auto --steps 3 --device cuda:1")
    assert line("", arguments=asked, device="cuda", precision="fp32") == (
        "restore denoise a.png --steps 3 --device cuda --precision fp32"
    )
    # Names that look like options, and those of more than one file.
    assert line("-b.png", inputs=(("-a.png", ""),)) == "restore denoise ./-a.png -o -b.png"
    assert line("-", inputs=(("-", ""),)) == "restore denoise - -o -"
    assert line("a.png") == "restore denoise a.png -o a-again.png"
    twice = (("a.png", ""), ("a-again.png", ""))
    assert line("a.png", inputs=twice) == "restore denoise a.png -o a-again-again.png"
    # A file without an ending was written by way of standard output; what no file went into, to a folder.
    assert line("b") == "restore denoise a.png -o -"
    assert line("b.png", inputs=()) == "restore denoise -o drawn"


def test_each_command_makes_what_the_next_one_reads() -> None:
    first = Record("1", "denoise", inputs=(("a.png", ""),))
    piped, last = (Record("1", "upscale", inputs=((name, ""),)) for name in ("b.jpg", "-"))
    assert History((first, piped, last)).lines("c.png") == [
        "restore denoise a.png -o b.jpg",
        "restore upscale b.jpg -o -",
        "restore upscale - -o c.png",
    ]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@given(word=st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20))
def test_a_shell_reads_the_words_as_they_were(word: str) -> None:
    shown = provenance.quoted(word)
    assert shown.isprintable()
    said = subprocess.run(["bash", "-c", f"printf %s {shown}"], capture_output=True, check=True).stdout
    assert said == word.encode()


def test_what_could_steer_a_terminal_is_shown_as_bytes() -> None:
    assert provenance.quoted("a\x1b[2J'\\\n.png") == r"$'a\x1b[2J\'\\\x0a.png'"
    assert provenance.quoted(os.fsdecode(b"caf\xe9.png")) == r"$'caf\xe9.png'"
    assert provenance.visible("\ud800 \u202e \x9b é 猫") == r"\xed\xa0\x80 \xe2\x80\xae \xc2\x9b é 猫"


def test_a_strangers_file_steers_no_terminal(tmp_path: Path) -> None:
    bad = "\x1b]0;owned\x07\u202e\udc80\ud800\n"
    record = Record(
        *(bad, bad), ((bad, bad),), ((bad, bad),), weights=bad, method=bad, device=bad, precision=bad
    )
    path = tmp_path / "a.png"
    images.write(path, stamped(images.Picture(pixels=scene(0, 8, 8)), record, "png"))
    said = cli("info", path)
    assert said.exit_code == 0, said.stderr
    assert all(line.isprintable() for line in said.stdout.split("\n"))
    assert said.stdout.count("\n") == 2
    told = cli("info", path, "--json").stdout
    assert told.isascii()
    assert json.loads(told)["command"] == bad


# ------------------------------------------------------------------------------------- by commands


def repeated(path: Path) -> bytes:
    """What the last line of ``restore info`` makes, run as it stands, after the file itself is put away."""
    said = cli("info", "--", path).stdout.splitlines()
    line = [each for each in said if each.startswith("restore ")][-1]
    path.unlink()
    words = shlex.split(line)[1:]
    done = cli(*words)
    assert done.exit_code == 0, done.stderr
    assert words[-2] == "-o"
    return done.stdout_bytes if words[-1] == "-" else Path(words[-1]).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_the_command_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: Path, suffix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.safetensors").write_bytes(weights.read_bytes())
    Image.fromarray(scene(0, 24, 30)).save("my photo.png")
    mask = np.zeros((24, 30), np.uint8)
    mask[5:12, 6:15] = 255
    Image.fromarray(mask).save("m.png")
    for command in (
        ("inpaint", "my photo.png", "--mask", "m.png", "--steps", 4, "--seed", 7, "--tile", 64),
        ("denoise", "my photo.png", "--sigma", 12.5, "--estimate", "sample", "--steps", 3),
        ("upscale", "my photo.png", "--scale", 1.7, "--ensemble", 2, "--precision", "fp32"),
        ("solve", "my photo.png", "--operator", "blur=gaussian:1", "--operator", "down=2", "--steps", 2),
    ):
        first = tmp_path / f"first{suffix}"
        done = cli(*command, "--weights", "tiny.safetensors", "-o", first, "--overwrite")
        assert done.exit_code == 0, done.stderr
        line = cli("info", first).stdout.splitlines()[0]
        assert line.startswith(f"restore {command[0]} 'my photo.png'")
        assert (" --tile 64 " in line) == ("--tile" in command)  # pieces differ in the last bits
        second = tmp_path / f"second{suffix}"
        again = cli(*shlex.split(line)[1:], "-o", second, "--overwrite")
        assert again.exit_code == 0, again.stderr
        assert first.read_bytes() == second.read_bytes()
        assert first.read_bytes() == repeated(first)


def test_drawn_pictures_are_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: Path
) -> None:
    monkeypatch.chdir(weights.parent)
    options = ("--size", "24x16", "--steps", 2, "--seed", 3, "--weights", weights)
    assert cli("sample", "-n", 2, "-o", tmp_path / "here", *options).exit_code == 0
    line = cli("info", tmp_path / "here" / "sample-001.png").stdout.splitlines()[0]
    monkeypatch.chdir(tmp_path)
    (tmp_path / weights.name).write_bytes(weights.read_bytes())
    done = cli(*shlex.split(line)[1:])
    assert done.exit_code == 0, done.stderr
    for name in ("sample-000.png", "sample-001.png", "grid.png"):
        assert Path("here", name).read_bytes() == Path("drawn", name).read_bytes()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: Path) -> Path:
    """The current folder, with weights and a picture in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.safetensors").write_bytes(weights.read_bytes())
    (tmp_path / "a.png").write_bytes(_png(scene(0, 24, 30)))
    return tmp_path


OPTIONS = ("--sigma", 10, "--estimate", "sample", "--steps", 2, "--weights", "tiny.safetensors")


@pytest.mark.slow
def test_the_format_is_repeated_too(here: Path) -> None:
    for target in ("b.jpg", "b.JPEG", "b.tiff", "b.webp"):
        assert cli("denoise", "a.png", *OPTIONS, "-o", target).exit_code == 0
        before = Path(target).read_bytes()
        assert repeated(Path(target)) == before
    # By way of standard output, into a file whose name says nothing or something else.
    for name, said in (("b", "b.png"), ("b.tif", "b.tif.png")):
        before = cli("denoise", "a.png", *OPTIONS, "-o", "-").stdout_bytes
        Path(name).write_bytes(before)
        assert cli("info", name).stdout.splitlines()[0].endswith(f" -o {said}")
        assert repeated(Path(name)) == before


def test_names_that_look_like_something_else(here: Path) -> None:
    for name in ("-n.png", "-"):
        Path(name).write_bytes(Path("a.png").read_bytes())
        assert cli("denoise", f"./{name}", *OPTIONS, "-o", "b.png").exit_code == 0
        before = Path("b.png").read_bytes()
        assert repeated(Path("b.png")) == before
        Path("b.png").unlink()
    Path("-m.png").write_bytes(_png(_mask()))
    options = ("--steps", 2, "--weights", "tiny.safetensors")
    assert cli("inpaint", "a.png", "--mask", "./-m.png", *options, "-o", "-b.png").exit_code == 0
    before = Path("-b.png").read_bytes()
    assert repeated(Path("-b.png")) == before


def test_an_output_of_its_inputs_name(here: Path) -> None:
    """As every folder's pictures have; the line must not ask to replace the input."""
    assert cli("denoise", here, *OPTIONS, "-o", "clean").exit_code == 0
    before = Path("clean/a.png").read_bytes()
    assert repeated(Path("clean/a.png")) == before
    assert Path("a-again.png").is_file()


def test_options_of_a_file_are_in_the_line(here: Path) -> None:
    options = 'estimate = "sample"\nsteps = 2\nseed = 4294967295\nsamples = 2\nprecision = "fp32"\n'
    Path("o.toml").write_text(options + 'consistent = true\nweights = "tiny.safetensors"\n')
    done = cli("upscale", "a.png", "--scale", 2, "--config", "o.toml", "--no-consistent")
    assert done.exit_code == 0, done.stderr
    Path("o.toml").unlink()
    for name, seed in (("a-x2-1.png", 4294967295), ("a-x2-2.png", 0)):  # after the last seed comes the first
        before = Path(name).read_bytes()
        assert read_history(Path(name)).records[0].seed == seed
        assert " --no-consistent " in cli("info", name).stdout
        assert repeated(Path(name)) == before


def test_info_reads_standard_input(tmp_path: Path) -> None:
    picture = images.Picture(pixels=scene(0, 20, 30))
    data = images.encode(stamped(picture, RECORD, "png"), "png")
    (tmp_path / "restored.png").write_bytes(data)
    for more in ([], ["--json"]):
        piped = cli("info", "-", *more, stdin=data)
        assert (piped.exit_code, piped.stderr) == (0, "")
        assert piped.stdout == cli("info", tmp_path / "restored.png", *more).stdout
    bare = cli("info", "-", stdin=images.encode(picture, "png"))
    assert (bare.exit_code, bare.stdout) == (1, "")
    assert bare.stderr.startswith("error: standard input: holds no record of restore; ")
    assert cli("info", "-", stdin=b"").exit_code == 1


def test_info_tells_what_was_done(tmp_path: Path, weights: Path) -> None:
    source, target = tmp_path / "a.png", tmp_path / "b.png"
    Image.fromarray(scene(0, 24, 30)).save(source)
    cli(
        "denoise",
        source,
        "--sigma",
        25,
        "--estimate",
        "sample",
        "--steps",
        3,
        "--weights",
        weights,
        "-o",
        target,
    )
    record = json.loads(cli("info", target, "--json").stdout)
    (history,) = read_history(target).records
    assert record["version"] == __version__
    assert (history.command, history.seed) == ("denoise", 0)
    assert history.calls == 4  # one for noise that was cut off
    assert history.precision == ("bf16" if best_dtype("cpu") == torch.bfloat16 else "fp32")
    assert history.arguments == (
        ("--sigma", "25.0"), ("--estimate", "sample"), ("--steps", "3"), ("--weights", "tiny.safetensors")
    )  # fmt: skip
    assert history.inputs[0][0] == "a.png"
    assert len(history.weights) == 64
    said = cli("info", target).stdout
    assert "4 network calls; a.png sha256" in said
    # A second command adds its own line.
    cli("upscale", target, "--scale", 2, "--weights", weights, "-o", tmp_path / "c.png")
    assert [each.command for each in read_history(tmp_path / "c.png").records] == ["denoise", "upscale"]
    sampled = cli("sample", "-o", tmp_path / "drawn", "--size", 8, "--steps", 2, "--weights", weights)
    assert sampled.exit_code == 0, sampled.stderr
    assert read_history(tmp_path / "drawn" / "sample-000.png").records[0].command == "sample"


@pytest.mark.slow
def test_a_record_can_be_left_out(tmp_path: Path, weights: Path) -> None:
    source, target = tmp_path / "a.png", tmp_path / "b.png"
    Image.fromarray(scene(0, 24, 30)).save(source)
    cli("denoise", source, "--sigma", 5, "--weights", weights, "-o", target, "--no-provenance")
    refused = cli("info", target)
    assert refused.exit_code == 1
    assert "b.png: holds no record of restore" in refused.stderr
    with pytest.raises(ImageError):
        read_history(target)
    # That of an earlier command would say something else than what made the picture.
    for kind in KINDS.values():
        for at, words in ((f"c{kind}", ()), (f"d{kind}", ("--no-provenance",))):
            before = source if at[0] == "c" else tmp_path / f"c{kind}"
            done = cli("denoise", before, "--sigma", 5, "--weights", weights, "-o", tmp_path / at, *words)
            assert done.exit_code == 0, done.stderr
        assert len(read_history(tmp_path / f"c{kind}").records) == 1
        with pytest.raises(ImageError):
            read_history(tmp_path / f"d{kind}")


def _png(pixels: Any) -> bytes:
    data = BytesIO()
    Image.fromarray(pixels).save(data, "png")
    return data.getvalue()


def _mask() -> Any:
    mask = np.zeros((24, 30), np.uint8)
    mask[5:12, 6:15] = 255
    return mask


def test_what_can_be_read_but_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: Path) -> None:
    """Pipes with names, as a shell makes them of <(...), are read once for all samples and the record."""
    monkeypatch.chdir(tmp_path)
    sent = {"photo": _png(scene(0, 24, 30)), "mask": _png(_mask())}
    over = threading.Event()

    def serve(name: str) -> None:
        Path(name).write_bytes(sent[name])
        while not over.is_set():  # who comes a second time finds nothing, rather than waiting for ever
            Path(name).write_bytes(b"")

    threads = [threading.Thread(target=serve, args=(name,), daemon=True) for name in sent]
    for name, thread in zip(sent, threads, strict=True):
        os.mkfifo(name)
        thread.start()
    options = ("--steps", 2, "--weights", weights, "--samples", 2)
    done = cli("inpaint", "photo", "--mask", "mask", *options, "-o", "a.png")
    over.set()
    for name, thread in zip(sent, threads, strict=True):
        end = os.open(name, os.O_RDONLY | os.O_NONBLOCK)  # lets a writer that waits for a reader go on
        thread.join()
        os.close(end)
    assert done.exit_code == 0, done.stderr
    for path in (tmp_path / "a-1.png", tmp_path / "a-2.png"):
        (record,) = read_history(path).records
        assert record.inputs == tuple((name, hashlib.sha256(data).hexdigest()) for name, data in sent.items())


def test_files_of_one_name_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder, pixels in (("photos", scene(0, 24, 30)), ("masks", _mask())):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(_png(pixels))
    options = ("--mask", tmp_path / "masks" / "a.png", "--steps", 2, "--weights", weights)
    assert cli("inpaint", "photos/a.png", *options, "-o", "b.png").exit_code == 0
    (record,) = read_history(Path("b.png")).records
    assert [name for name, _ in record.inputs] == ["photos/a.png", "masks/a.png"]
    assert ("--mask", "masks/a.png") in record.arguments


def test_standard_input_and_output(weights: Path) -> None:
    data = _png(scene(0, 24, 30))
    arguments: list[Any] = ["denoise", "-", "--sigma", "5", "--weights", str(weights)]
    done = CliRunner().invoke(main, arguments, input=data, catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    (record,) = history_of(images.decode(done.stdout_bytes, name="out")).records
    assert record.inputs == (("-", hashlib.sha256(data).hexdigest()),)
    assert record.line().startswith("restore denoise -")
    refused = CliRunner().invoke(main, arguments, input=b"", catch_exceptions=False)
    assert "standard input: expected a picture, got an empty file" in refused.stderr
