"""All commands times a table of bad values: each is refused in a line, and nothing is written or changed.

The commands and their options are found by looking, so that new ones are tested, too. What a command needs to
get as far as its files stands in `LEAST`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from command_photos import HOLE, PHOTO
from PIL import Image

from restore.cli.evaluation_options import Sweep
from restore.cli.kernel_files import KernelWord, OperatorWord
from restore.cli.main import main
from restore.cli.manifest_plan import Asked
from restore.cli.memory_need import MemorySize
from restore.cli.naming import Naming
from restore.cli.page_ranges import PageRanges
from restore.cli.parameters import (
    ColourName,
    Device,
    FileList,
    FileName,
    NameList,
    NumberList,
    OneOf,
    Pattern,
    Size,
)
from restore.cli.places import PlaceType
from restore.cli.shards import ShardType
from restore.cli.strict import Words

pytestmark = pytest.mark.usefixtures("one_thread")

FOLDER_OF = ["--data", "clean", "--weights", "tiny.safetensors"]
LEAST = {
    "colorize": ["photo.png"],
    "convert": ["weights.pt", "-o", "out.safetensors"],
    "deblur": ["photo.png", "--kernel", "motion:5:30"],
    "dejpeg": ["photo.png", "--quality", "50"],
    "denoise": ["photo.png"],
    "erase": ["photo.png", "--box", "2,2,4,4"],
    "eval compare": ["clean", "clean"],
    **{f"eval {task}": FOLDER_OF for task in ("dejpeg", "denoise", "inpaint", "upscale", "likelihood")},
    "eval samples": ["--data", "clean", "--samples", "folder"],
    "eval solve": [*FOLDER_OF, "--operator", "gray"],
    "fit": ["clean", "-o", "out.safetensors", "--weights", "tiny.safetensors"],
    "info": ["photo.png"],
    "plan": ["clean", "-o", "out", "--manifest", "run.jsonl"],
    "status": ["listed.jsonl"],
    "undo": ["listed.jsonl"],
    "inpaint": ["photo.png", "--mask", "mask.png"],
    "repair": ["scratched.png"],
    "sample": ["-o", "out"],
    "serve": ["photo.png"],
    "schedule": ["--name", "linear", "--plot", "plot.png"],
    "solve": ["photo.png", "--operator", "gray"],
    "train": ["run.toml"],
    "upscale": ["photo.png", "--scale", "2"],
    "vary": ["photo.png"],
}
"""Words with which a command gets as far as reading its files, by its name."""

LONG = "a" * 300 + ".png"
NUMBERS = ["x", "", "nan", "inf", "-inf", "1e400", "1,5", "٢٥", "1_0", "- 1"]
WHOLE = ["1.5", "0x10", "9" * 25, "9" * 5000]
NONE_OF_THEM = ["x", "", " ", ",,", "nan", "-1", "٢٥"]
BAD: dict[type, list[str]] = {
    click.Choice: ["x", "", ",", "auto "],
    OneOf: NONE_OF_THEM,
    NameList: ["x", "", ",", "a,,b"],
    NumberList: ["x", "", ",", "nan", "inf", "-1", "1;2", "1e400"],
    Device: ["gpu", "", "cuda:", "cuda:-1", "cuda:x", "CPU"],
    Size: ["x", "", "0", "8x", "x8", "8x8x8", "-8", "99999", "1.5"],
    PlaceType: ["x", "", "1", "1,,2", "1,2,3", "1,2,3,4,5", "-1,2", "nan,nan", "1%2"],
    PageRanges: ["x", "", "0", "3-1", "-1", "1,,2", "1.5", "٢", "9999999"],
    MemorySize: ["x", "", "0", "-1G", "G", "1Q", "nan"],
    KernelWord: [
        "x",
        "",
        "gaussian",
        "gaussian:x",
        "gaussian:-1",
        "gaussian:nan",
        "motion:x",
        "motion:1:2:3",
    ],
    OperatorWord: ["x", "", "blur=", "blur=gaussian:x", "down=0", "down=x", "jpeg=0", "blur=no.png"],
    Sweep: ["x", "", "steps", "steps=", "steps=x", "steps=0", "colour=1"],
    ColourName: ["no-such-colour", "", "#12", "#gggggg"],
    FileList: ["", "a,,b", "a\0b"],
    Pattern: ["", " "],
    ShardType: ["x", "", "3", "0/2", "3/2", "-1/2", "1/0", "1/x", "1.0/2", "1/999999"],
    Words: ["", " ", "a\0b"],
}
"""Bad values of types of options; what is not here is tested with an empty text."""

MAY_BE_EMPTY = {"suffix"}
# Options whose texts stand for more than one thing, and are looked at later.
READ = {
    "mask",
    "reference",
    "infrared",
    "source",
    "file",
    "photo",
    "weights",
    "against",
    "folders",
    "samples",
}
WRITTEN = {
    "json_file",
    "csv_file",
    "report",
    "plot",
    "trajectory",
    "save_mask",
    "output",
    "manifest",
    "backup",
}
MISSING = ["no/such.png", "loose", "notes.txt", "/dev/null"]
NO_PLACE = ["loose.png", "notes.txt/out.png", "pipe.png"]
EXPECTS = re.compile(
    "expected|not in the range|goes from|is not one of|is not a |is no |is neither|is more than"
    "|Missing (option|argument)|not valid TOML"
    "|requires an argument|does not take a value|takes one file|a kernel is|no such|not a safetensors file"
    "|cannot|leave |pass |name it|create it|choose another|No such (option|command)|such as"
)
"""How messages say what was expected, or what to do."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Iterator[Path]:
    """The current folder of all these tests, with files of many kinds."""
    folder, before = tmp_path_factory.mktemp("bad"), Path.cwd()
    os.chdir(folder)
    Image.fromarray(PHOTO).save("photo.png")
    Image.fromarray(HOLE).save("mask.png")
    scratched = np.full((64, 64, 3), 90, np.uint8)
    scratched[8:56, 30:32] = 250
    Image.fromarray(scratched).save("scratched.png")
    for name in ("folder", "clean"):
        Path(name).mkdir()
    for number in range(2):
        noise = np.random.default_rng(number).integers(0, 255, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).save(f"clean/{number}.png")
    Path("notes.txt").write_text("dear diary")
    Path("weights.pt").write_bytes(b"no weights")
    Path("tiny.safetensors").write_bytes(weights.read_bytes())
    Path("run.toml").write_text('[run]\nsteps = 1\nout = "runs"\n[data]\ntrain = ["clean"]\n')
    Path("listed.jsonl").write_text(Asked((), None, Naming("")).line(None) + "\n")
    Path("loose").symlink_to("nowhere")
    Path("loose.png").symlink_to("nowhere.png")
    os.mkfifo("pipe.png")
    yield folder
    os.chdir(before)


def leaves(words: tuple[str, ...], command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield " ".join(words), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves((*words, name), found)


COMMANDS = dict(leaves((), main))


def state(folder: str = ".") -> dict[str, tuple[int, int, int]]:
    """What lies in a folder and below, so that any change shows."""
    found = {}
    for entry in os.scandir(folder):
        status = entry.stat(follow_symlinks=False)
        found[entry.path] = status.st_mtime_ns, status.st_size, status.st_ino
        if entry.is_dir(follow_symlinks=False):
            found |= state(entry.path)
    return found


def is_flag(option: click.Parameter) -> bool:
    return isinstance(option, click.Option) and option.is_flag


def long_name(option: click.Parameter) -> str:
    return max(option.opts, key=len)


def bad_values(option: click.Parameter) -> list[str]:
    """Values that an option refuses by itself."""
    kind = option.type
    if isinstance(kind, click.IntRange | click.FloatRange):
        whole = WHOLE if isinstance(kind, click.IntRange) else []
        below = [] if kind.min is None else [str(kind.min - 1)]
        above = [] if kind.max is None else [str(kind.max + 1)]
        return [*NUMBERS, *whole, *below, *above]
    if isinstance(kind, click.Path):
        return ["", "a\0b", LONG, "a/" * 3000 + "a.png"]
    if option.name in MAY_BE_EMPTY:
        return []
    return BAD.get(type(kind), [""])


def words_of(name: str, option: click.Parameter, value: str) -> list[str]:
    """A command line on which only one value is bad, in place of that among the least words."""
    least = list(LEAST.get(name, []))
    if isinstance(option, click.Argument):
        place = [each for each in COMMANDS[name].params if isinstance(each, click.Argument)].index(option)
        return [*name.split(), *least[:place], value, *least[place + 1 :]]
    for word in option.opts:
        if word in least:
            del least[least.index(word) : least.index(word) + 2]
    return [*name.split(), *least, long_name(option), value]


def run(words: list[str]) -> Result:
    return CliRunner().invoke(main, words, prog_name="restore", catch_exceptions=False)


def fault_of(words: list[str], *, codes: tuple[int, ...], named: tuple[str, ...]) -> str:
    """What is wrong with the refusal of a command line; empty where nothing is."""
    told = " ".join(each if len(each) < 40 else f"{each[:12]}..." for each in words)
    before = state()
    try:
        done = run(words)
    except Exception as error:
        return f"{told!r}: {type(error).__name__}: {error}"
    lines = done.stderr.strip().splitlines()
    said = lines[-1] if lines else ""
    wrong = [f"exit code {done.exit_code}"] if done.exit_code not in codes else []
    wrong += ["a traceback"] if "Traceback" in done.output else []
    wrong += ["something on standard output"] if done.stdout else []
    wrong += ["too many lines"] if len(lines) > 4 or len(said) > 600 else []
    wrong += ["no word on what was expected"] if not EXPECTS.search(done.stderr) else []
    wrong += ["neither option nor value named"] if not any(each in done.stderr for each in named) else []
    wrong += ["files were changed"] if state() != before else []
    return f"{told!r}: {', '.join(wrong)}: {said}" if wrong else ""


_seen: set[str] = set()


def fresh(option: click.Parameter, values: list[Any], about: str) -> list[Any]:
    """All values of an option that no other command has, else the first."""
    mark = f"{about} {option.opts} {option.type!r} {vars(option.type)}"
    new = mark not in _seen
    _seen.add(mark)
    return values if new else values[:1]


@pytest.mark.parametrize("name", COMMANDS)
def test_values_that_an_option_refuses(name: str, folder: Path) -> None:
    faults = []
    for option in COMMANDS[name].params:
        shown = (option.make_metavar(click.Context(COMMANDS[name])), *option.opts)
        for value in [] if is_flag(option) else fresh(option, bad_values(option), "values"):
            named = (*shown, repr(value)) if value.strip() else shown
            faults.append(fault_of(words_of(name, option, value), codes=(2,), named=named))
    assert not any(faults), "\n".join(filter(None, faults))


@pytest.mark.parametrize("name", COMMANDS)
def test_options_without_value_files_twice_and_flags_with_one(name: str, folder: Path) -> None:
    faults = []
    for option in (each for each in COMMANDS[name].params if isinstance(each, click.Option)):
        word = long_name(option)
        if option.is_flag:
            tried = [[f"{word}=1"]]
        elif type(option.type) is FileName and not option.multiple and option.name != "output":
            tried = [[word, "1", word, "2"], [word]]
        else:  # the last of several values holds, so that a script can overrule what goes before
            tried = [[word]]
        for words in fresh(option, tried, "words"):
            faults.append(fault_of([*name.split(), *words], codes=(2,), named=tuple(option.opts)))
        if option.required:
            least = words_of(name, option, "")[:-2]
            faults.append(fault_of(least, codes=(2,), named=tuple(option.opts)))
    assert not any(faults), "\n".join(filter(None, faults))


@pytest.mark.parametrize("name", LEAST)
def test_files_that_are_not_there_or_not_what_they_should_be(name: str, folder: Path) -> None:
    command, faults = COMMANDS[name], []
    dry = ["--dry-run"] if any("--dry-run" in each.opts for each in command.params) else []
    for option in command.params:
        tried = []
        if isinstance(option.type, click.Path):
            tried = MISSING if option.name in READ or isinstance(option, click.Argument) else tried
            tried = NO_PLACE if option.name in WRITTEN else tried
        for value in fresh(option, tried, "files") if name.startswith("eval") else tried:
            words = [*words_of(name, option, value), *dry]
            faults.append(fault_of(words, codes=(1, 2), named=(*option.opts, value, value.split("/")[0])))
    assert not any(faults), "\n".join(filter(None, faults))


def test_unknown_options_and_commands(folder: Path) -> None:
    faults = [
        fault_of([*name.split(), "--no-such-thing"], codes=(2,), named=("--no-such-thing",))
        for name in COMMANDS
    ]
    faults += [fault_of([word], codes=(2,), named=(word,)) for word in ("denoize", "--sigma", "photo.png")]
    faults = [each for each in faults if "no word on what" not in each]  # the name is what is wrong
    assert not any(faults), "\n".join(filter(None, faults))
