"""What is configured: files with shared keys and tables, the user's own file, the environment, what wins."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from commands import cli

from restore.cli import configured
from restore.cli.config_file import options_of
from restore.cli.config_report import EXAMPLE
from restore.cli.config_tables import UNCONFIGURED, Commands, is_configured
from restore.cli.configuration import user_file, variable
from restore.cli.main import main
from restore.cli.provenance import history_in

pytestmark = pytest.mark.usefixtures("one_thread", "here")

EVERY = dict(Commands(main).each())


@pytest.fixture
def own(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of the user's own file, which is not there yet."""
    monkeypatch.delenv("RESTORE_CONFIG")
    monkeypatch.setattr(click, "get_app_dir", lambda name: str(here / "home" / name))
    (here / "home" / "restore").mkdir(parents=True)
    return here / "home" / "restore" / "config.toml"


def parsed(*words: str) -> click.Context:
    """The context of a command line, understood and not run."""
    command: click.Command = main
    context = click.Context(main, info_name="restore", **main.context_settings)
    rest = list(words)
    while isinstance(command, click.Group):
        name = rest.pop(0)
        inner = command.get_command(context, name)
        assert inner is not None
        if isinstance(inner, click.Group):
            context = click.Context(inner, info_name=name, parent=context)
        else:
            context = inner.make_context(name, rest, parent=context)
        command = inner
    return context


def values(*words: str) -> dict[str, object]:
    """What is configured for a command and holds."""
    return {name: each.value for name, each in configured.settings_in(parsed(*words)).items()}


def record(path: str) -> tuple[tuple[str, ...], ...]:
    """The options in the record of a picture, without the weights of the tests."""
    return tuple(each for each in history_in(Path(path)).records[-1].arguments if each[0] != "--weights")


# ----------------------------------------------------------------------------------- one file for all


def test_one_file_serves_all_commands() -> None:
    Path("studio.toml").write_text(
        "steps = 30\ndevice = 'cpu'\nmask = 'm.png'\n"
        "[denoise]\nsteps = 9\nstrength = 0.8\n[upscale]\nscale = 2\n"
        "[eval]\ncrop = 64\n[eval.denoise]\ncrop = 32\n"
    )
    file = ("--config", "studio.toml")
    assert values("denoise", "a.png", *file) == {"steps": 9, "device": "cpu", "strength": 0.8}
    assert values("upscale", "a.png", *file) == {"steps": 30, "device": "cpu", "scale": 2}
    assert values("inpaint", "a.png", *file) == {"steps": 30, "device": "cpu", "mask": Path("m.png")}
    assert values("eval", "denoise", "--data", "d", *file) == {"device": "cpu", "crop": 32}
    assert values("eval", "dejpeg", "--data", "d", *file) == {"device": "cpu", "crop": 64}
    assert values("fit", "in", "-o", "w.safetensors", *file) == {"device": "cpu"}
    assert values("convert", "in", "-o", "w.safetensors", *file) == {}


def test_a_shared_key_is_not_taken_where_the_option_means_something_else() -> None:
    Path("a.toml").write_text("strength = 0.8\nscale = 2\n[sample]\nsteps = 7\n[schedule]\nsteps = 100\n")
    assert values("denoise", "a.png", "--config", "a.toml") == {"strength": 0.8}
    assert values("vary", "a.png", "--config", "a.toml") == {}
    assert values("sample", "-o", "out", "--config", "a.toml") == {"steps": 7}
    assert values("schedule", "--config", "a.toml") == {"steps": 100}
    # Without tables a file is for the command that it is given to, as ever.
    Path("flat.toml").write_text("strength = 0.8\nscale = 2\nsteps = 7\n")
    assert values("vary", "a.png", "--config", "flat.toml") == {"strength": 0.8, "steps": 7}
    assert values("schedule", "--config", "flat.toml") == {"steps": 7}


def test_only_the_users_own_key_of_no_command_is_an_error(own: Path) -> None:
    own.write_text("step = 3\n")
    done = cli("denoise", "photo.png")
    assert (done.exit_code, done.stdout) == (1, "")
    hint = "--no-config leaves your file out"
    assert done.stderr == f"error: {own}: unknown key step; perhaps steps is meant; {hint}\n"


# ------------------------------------------------------------------------------------- what comes first


def test_precedence(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Command line, environment, --config, own file; in each a command's own before what is shared."""
    Path("a.toml").write_text("strength = 0.3\n[denoise]\nstrength = 0.4\n")
    own.write_text("strength = 0.1\n[denoise]\nstrength = 0.2\n")
    words = ["denoise", "a.png", "--config", "a.toml"]
    monkeypatch.setenv("RESTORE_STRENGTH", "0.5")
    monkeypatch.setenv("RESTORE_DENOISE_STRENGTH", ".6")

    def strength() -> object:
        return parsed(*words).params["strength"]

    found = [parsed(*words, "--strength", "0.7").params["strength"], strength()]
    monkeypatch.delenv("RESTORE_DENOISE_STRENGTH")
    found.append(strength())
    monkeypatch.setenv("RESTORE_STRENGTH", "")  # an empty one is none
    found.append(strength())
    Path("a.toml").write_text("strength = 0.3\n[upscale]\n")
    found.append(strength())
    del words[-2:]
    found.append(strength())
    own.write_text("strength = 0.1\n")
    found.append(strength())
    words.append("--no-config")
    found.append(strength())
    assert found == [0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 1.0]


def test_no_config_leaves_the_own_file_and_the_environment_out(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.write_text("steps = 3\n")
    Path("a.toml").write_text("seed = 4\n")
    monkeypatch.setenv("RESTORE_TILE", "128")
    assert values("inpaint", "a.png", "--config", "a.toml") == {"steps": 3, "seed": 4, "tile": 128}
    assert values("inpaint", "a.png", "--config", "a.toml", "--no-config") == {"seed": 4}
    assert values("inpaint", "a.png", "--no-config") == {}
    monkeypatch.setenv("RESTORE_CONFIG", "")
    assert values("inpaint", "a.png") == {"tile": 128}
    monkeypatch.setenv("RESTORE_CONFIG", "a.toml")
    assert values("inpaint", "a.png") == {"seed": 4, "tile": 128}
    monkeypatch.setenv("RESTORE_CONFIG", "none.toml")
    assert cli("inpaint", "photo.png").stderr.startswith(
        "error: none.toml: cannot read the configuration file"
    )


def test_the_own_file_is_in_the_folder_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    for named in ("XDG_CONFIG_HOME", "APPDATA", "HOME"):
        monkeypatch.setenv(named, str(Path.cwd()))
    path = user_file({})
    assert path is not None and path.parts[-2:] == ("restore", "config.toml")
    assert path.is_relative_to(Path.cwd())
    assert user_file({"RESTORE_CONFIG": ""}) is None


# ---------------------------------------------------------------------------------------- environment


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("RESTORE_OVERWRITE", "1", True),
        ("RESTORE_OVERWRITE", "False", False),
        ("RESTORE_INPAINT_PROVENANCE", "0", False),
        ("RESTORE_STEPS", "12", 12),
        ("RESTORE_SAVE_MASK", "m.png", "m.png"),
        ("RESTORE_IGNORE", "*.heic", ["*.heic"]),
        ("RESTORE_MASK", "~/m.png", Path("~/m.png").expanduser()),
    ],
)
def test_a_variable(name: str, text: str, expected: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, text)
    assert list(values("inpaint", "a.png").values()) == [expected]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("RESTORE_STEPS", "many", "'many' is not a whole number in the range"),
        ("RESTORE_DENOISE_STEPS", "0", "0 is not in the range 1<=x<=1000"),
        ("RESTORE_SIGMA", "nan", "nan is not a number"),
        ("RESTORE_DEVICE", "gpu", "'gpu' is not one of auto, cpu, cuda, cuda:N, mps"),
        ("RESTORE_QUIET", "yes", "must be 1, 0, true or false, got 'yes'"),
        ("RESTORE_CONFIG", "a" * 300, "expected names of at most 255 bytes, got 300"),
    ],
)
def test_a_wrong_variable(name: str, text: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, text)
    done = cli("denoise", "photo.png")
    assert (done.exit_code, done.stdout) == (1, "")
    assert re.fullmatch(f"error: {name}:? {re.escape(message)}[^\n]*\n", done.stderr)
    assert cli("denoise", "--help").exit_code == 0
    assert cli("--version").exit_code == 0
    complete = ShellComplete(main, {}, "restore", "_RESTORE_COMPLETE")
    assert "--sampler" in [item.value for item in complete.get_completions(["denoise"], "--s")]


def test_no_two_options_have_the_same_variable() -> None:
    found: dict[str, tuple[str, ...]] = {}
    for names, command in EVERY.items():
        for key in options_of(command):
            for depth in range(len(names) + 1):
                group = names[:depth]
                assert found.setdefault(variable(group, key), group) == group
    # Variables that are there for something else.
    assert not {"RESTORE_CONFIG", "RESTORE_GOLDEN"} & found.keys()
    for key in ("data", "lpips_trunk"):
        assert not list(Commands(main).taking(key))


def test_data_of_the_tests_is_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORE_DATA", "elsewhere")
    monkeypatch.setenv("RESTORE_JSON", "1")
    assert values("eval", "denoise", "--data", "d") == {}
    monkeypatch.setenv("RESTORE_EVAL_DATA", "here")
    assert values("eval", "denoise") == {"folders": [Path("here")]}


# --------------------------------------------------------------------- options that cannot be together


def test_a_shared_value_without_effect_is_passed_over(weights: Path, own: Path) -> None:
    """The mean of Gaussian noise takes no steps; typed, or in the own table, they are an error."""
    own.write_text("steps = 3\nguidance = 2\nsampler = 'ddim'\nsamples = 1\n")
    words = ["denoise", "photo.png", "--sigma", 20, "--weights", weights]
    done = cli(*words)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "photo-denoised.png\n", "")
    assert record("photo-denoised.png") == (("--sigma", "20.0"),)
    own.write_text("[denoise]\nsteps = 3\n")
    done = cli(*words, "--overwrite")
    assert done.exit_code == 2
    assert "--steps has no effect with --method auto" in done.stderr
    assert done.stderr.endswith(f"leave it out (--steps is from {own}: [denoise] steps)\n")


@pytest.mark.parametrize(
    ("config", "words", "left"),
    [
        ("steps = 5", ["inpaint", "photo.png", "--mask", "mask.png", "--nfe", "9"], {}),
        ("[inpaint]\nnfe = 9", ["inpaint", "photo.png", "--mask", "mask.png", "--steps", "5"], {}),
        ("seconds = 5\nensemble = 2", ["inpaint", "photo.png", "--mask", "mask.png", "--nfe", "9"], {}),
        ("[denoise]\nsigma = 5", ["denoise", "photo.png", "--page"], {}),
        ("method = 'gaussian'\nseed = 3", ["denoise", "photo.png", "--page"], {"seed": 3}),
        ("estimate = 'mean'", ["upscale", "photo.png", "--scale", "2", "--samples", "2"], {}),
        ("samples = 2", ["upscale", "photo.png", "--scale", "2", "--estimate", "mean"], {}),
        ("weights = 'w.safetensors'", ["schedule", "--name", "cosine"], {}),
    ],
)
def test_what_is_typed_wins_over_a_rival_that_is_configured(
    config: str,
    words: list[str],
    left: dict[str, object],
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("a.toml").write_text(f"{config}\n[vary]\n")
    seen: list[dict[str, object]] = []
    plain = EVERY[(words[0],)].callback
    assert plain is not None

    def callback(**options: object) -> None:
        settings = configured.settings_in(click.get_current_context())
        seen.append({name: each.value for name, each in settings.items()})
        plain(**options)

    monkeypatch.setattr(EVERY[(words[0],)], "callback", callback)
    dry = [] if words[0] == "schedule" else ["--dry-run", "--weights", weights]
    done = cli(*words, "--config", "a.toml", *dry)
    assert done.exit_code == 0, done.stderr
    assert len(seen) > 1 and seen[-1] == left


def test_rivals_of_the_same_rank_are_refused_as_if_typed(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["inpaint", "photo.png", "--mask", "mask.png", "--dry-run", "--weights", weights]
    monkeypatch.setenv("RESTORE_NFE", "9")
    monkeypatch.setenv("RESTORE_SECONDS", "9")
    done = cli(*words)
    assert done.exit_code == 2
    told = "(--nfe is from RESTORE_NFE, --seconds is from RESTORE_SECONDS)"
    assert done.stderr.endswith(f"--nfe and --seconds are two budgets; pass one of them {told}\n")
    monkeypatch.setenv("RESTORE_INPAINT_SECONDS", "9")  # more particular
    assert cli(*words).exit_code == 0
    assert "--nfe and --seconds" in cli(*words, "--nfe", 9, "--seconds", 9).stderr


# ------------------------------------------------------------------------------------ what is recorded


def test_the_record_names_what_is_configured(
    weights: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.write_text(f"weights = '{weights}'\nsigma = 20\n")
    Path("a.toml").write_text("[denoise]\nstrength = 0.5\n")
    monkeypatch.setenv("RESTORE_LUMA", "0.75")
    words = ["denoise", "photo.png", "--config", "a.toml"]
    assert cli(*words).exit_code == 0
    expected = {("--sigma", "20.0"), ("--strength", "0.5"), ("--luma", "0.75")}
    assert set(record("photo-denoised.png")) == expected
    assert "is there already and was kept" in cli(*words).stderr
    monkeypatch.setenv("RESTORE_LUMA", "1")
    done = cli(*words)
    assert done.exit_code == 1
    assert "made with --luma 0.75, now --luma 1; pass --overwrite" in done.stderr


def test_a_required_option_may_be_configured(monkeypatch: pytest.MonkeyPatch, own: Path) -> None:
    monkeypatch.setenv("RESTORE_UPSCALE_SCALE", "2")
    assert cli("upscale", "photo.png", "--dry-run").exit_code == 0
    monkeypatch.delenv("RESTORE_UPSCALE_SCALE")
    assert "pass one of --scale," in cli("upscale", "photo.png", "--dry-run").stderr


def test_the_command_of_a_measurement_names_what_is_configured(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.write_text("tile = 128\noverwrite = false\n[eval]\nsigma = [15, 25]\ndata = ['x', 'y z']\n")
    assert configured.configured_words(parsed("eval", "denoise")) == [
        *("--data=x", "--data=y z", "--sigma=15,25", "--no-overwrite", "--tile=128")
    ]


# ---------------------------------------------------------------------------- a file that cannot be read


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"steps = ", "not valid TOML: "),
        (b"\xff", "not valid TOML: "),
        (b"#" * 1_000_001, "not valid TOML: it is larger than 1000000 bytes"),
        (b"[denoise]\nsigma = 'high'", "[denoise] sigma must be a number, got 'high'"),
        (None, "cannot read the configuration file (Is a directory)"),
    ],
)
def test_a_broken_file_of_the_user(own: Path, content: bytes | None, message: str) -> None:
    if content is None:
        own.mkdir()
    else:
        own.write_bytes(content)
    done = cli("denoise", "photo.png")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {own}: {message}")
    assert done.stderr.endswith("; --no-config leaves your file out\n") and done.stderr.count("\n") == 1
    assert cli("denoise", "photo.png", "--no-config", "--dry-run").exit_code == 0
    assert all(cli(*words).exit_code == 0 for words in (["--help"], ["denoise", "--help"], ["--version"]))
    shown = cli("config", "denoise")
    assert (shown.exit_code, shown.stderr) == (1, done.stderr)
    assert cli("config", "--path").stdout == f"{own}\n"


# ------------------------------------------------------------------------------------- restore config


def test_config_says_what_holds_and_where_it_comes_from(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own.write_text("tile = 128\n[upscale]\nscale = 2\n")
    Path("a.toml").write_text("seed = 4\n[denoise]\nstrength = 0.5\n")
    monkeypatch.setenv("RESTORE_SIGMA", "20")
    monkeypatch.setenv("RESTORE_STRENGHT", "1")
    done = cli("config", "denoise", "--config", "a.toml", "--json")
    assert done.exit_code == 0
    assert (
        done.stderr
        == "note: RESTORE_STRENGHT has no effect; perhaps RESTORE_STRENGTH or RESTORE_START is meant\n"
    )
    assert json.loads(done.stdout) == {
        "event": "config",
        "schema": 1,
        "own_file": str(own),
        "own_file_there": True,
        "problems": [],
        "commands": {
            "denoise": {
                "sigma": {"value": 20.0, "source": "environment", "place": "RESTORE_SIGMA"},
                "strength": {"value": 0.5, "source": "--config", "place": "a.toml: [denoise] strength"},
                "tile": {"value": 128, "source": "own file", "place": f"{own}: tile"},
                "seed": {"value": 4, "source": "--config", "place": "a.toml: seed"},
            }
        },
    }
    lines = cli("config", "denoise").stdout.splitlines()
    assert lines == [f"Your own file: {own}", "sigma = 20.0  (RESTORE_SIGMA)", f"tile = 128  ({own}: tile)"]
    everything = cli("config", "denoise", "--all").stdout.splitlines()
    assert "steps not set  (default)" in everything and 'device = "auto"  (default)' in everything
    lines = cli("config").stdout.splitlines()
    assert lines[lines.index(f"scale = 2.0  ({own}: [upscale] scale)") + 1] == "    upscale"
    nothing = "Nothing is configured; all options have their defaults.\n"
    assert cli("config", "--no-config").stdout == nothing
    Path("broken.toml").write_text("[denoise")
    broken = cli("config", "--no-config", "--config", "broken.toml")
    assert (broken.exit_code, broken.stdout) == (1, "")  # what cannot be read may hold something
    assert set(json.loads(cli("config", "eval", "--json").stdout)["commands"]) == {
        " ".join(names) for names in EVERY if names[0] == "eval"
    }


def test_config_refuses_commands_that_are_not_there() -> None:
    assert "there is no restore denose; perhaps denoise is meant" in cli("config", "denose").stderr
    assert "there is no restore eval x; expected one of compare" in cli("config", "eval", "x").stderr
    assert "there is no restore denoise x" in cli("config", "denoise", "x").stderr
    assert "restore train takes no configuration" in cli("config", "train").stderr


def test_the_example_is_sound(own: Path) -> None:
    """As it is, and with all of its values."""
    assert cli("config", "--example").stdout == EXAMPLE
    tomllib.loads(EXAMPLE)
    whole = re.sub(r"^# (?=[\w-]+ = )", "", EXAMPLE, flags=re.MULTILINE)
    assert whole.count("# ") < EXAMPLE.count("# ")
    for text, keys in ((EXAMPLE, 0), (whole, 5)):
        own.write_text(text)
        done = cli("config", "--json")
        assert (done.exit_code, done.stderr) == (0, "")
        assert len(json.loads(done.stdout)["commands"]["denoise"]) == keys


def test_every_command_can_be_configured_or_is_known_not_to_be() -> None:
    assert {names[0] for names in EVERY} | UNCONFIGURED == set(main.list_commands(click.Context(main)))

    def leaves(command: click.Command) -> Iterator[click.Command]:
        for name in command.list_commands(click.Context(command)) if isinstance(command, click.Group) else []:
            inner = command.get_command(click.Context(command), name)
            assert inner is not None
            yield from leaves(inner)
        if not isinstance(command, click.Group):
            yield command

    assert all(is_configured(each) or each.name in UNCONFIGURED for each in leaves(main))


def test_the_tests_do_not_see_what_is_configured_here() -> None:
    names = {name for name in os.environ if name.startswith("RESTORE_")}
    assert names - {"RESTORE_DATA", "RESTORE_GOLDEN", "RESTORE_LPIPS_TRUNK"} == {"RESTORE_CONFIG"}
    assert user_file(os.environ) is None
