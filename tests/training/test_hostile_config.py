"""Configurations from strangers: every absurd value of every key is refused before anything is loaded."""

from __future__ import annotations

import dataclasses
import os
import typing
from pathlib import Path

import pytest
from soon import ends_soon

from restore.errors import ConfigError
from restore.training.config import FitConfig, TrainConfig, read_config
from restore.training.run_state import RunState
from restore.training.state import positive, whole

SOUND = {"data.train": '["a"]', "run.steps": "10"}
ABSURD = [
    '"8\\u0000"', "true", "-1", "1000000000000000000", "inf", "nan", "-inf", "2024-01-01", "[]", "[[[[1]]]]",
    "{}",
    "1e300", "0x" + "f" * 5000, "9" * 5000, f'"{"y" * 5000}"', "[1, 2, 3, 4, 5]", '["a\\u0000"]', "[" * 5000,
]  # fmt: skip
# What is no mistake for some keys.
RIGHT = {"true": bool, "1000000000000000000": "seed", "[]": "labels", "{}": "network"}
KEYS = [
    (f"{table.name}.{field.name}", field.name, typing.get_type_hints(cls)[field.name])
    for table in dataclasses.fields(TrainConfig)
    for cls in (typing.get_type_hints(TrainConfig)[table.name],)
    for field in dataclasses.fields(cls)
]


def refused(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with ends_soon(), pytest.raises(ConfigError) as caught:
        read_config(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    return str(caught.value)


@pytest.mark.parametrize(("key", "name", "hint"), KEYS, ids=[key for key, _, _ in KEYS])
def test_every_absurd_value_of_every_key(tmp_path: Path, key: str, name: str, hint: object) -> None:
    for value in ABSURD:
        if RIGHT.get(value) in (hint, name):
            continue
        lines = [f"{each} = {other}" for each, other in {**SOUND, key: value}.items()]
        refused(tmp_path / "c.toml", "\n".join(lines))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run.workers = 100000", "unknown key run.workers"),
        ('"run\\u001b[2J" = 1', "unknown key 'run"),
        ("optim.warmup_steps = 11", "optim.warmup_steps is 11; expected at most run.steps, which is 10"),
        ("run.batch = 60000\ndata.crop = 768", "run.batch is 60000; expected crops of"),
        ("fit.batch = 60000\nfit.crop = 768", "fit: batch is 60000; expected crops of"),
        ("run.ema = [1.0]", "run.ema is"),
        ("fit.ema = 1.0", "fit: ema is 1"),
        ("backbone.network.channels = [16384, 16384]", "a network of .* is too large"),
        ("backbone.network.channels = [8, 8, 8, 8, 8, 8, 8, 8, 8]", "channels is .* at most 8 values, got 9"),
    ],
)
def test_values_that_are_absurd_together(tmp_path: Path, text: str, message: str) -> None:
    import re

    lines = [f"{key} = {value}" for key, value in SOUND.items()]
    assert re.search(message, refused(tmp_path / "c.toml", "\n".join([*lines, text])))


def test_a_short_trial_of_a_long_run(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('data.train = ["a"]\nrun.steps = 500\noptim.warmup_steps = 300', encoding="utf-8")
    assert read_config(path, steps=5).optim.warmup_steps == 300


def test_files_that_are_none(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(ConfigError, match="expected a regular file, got a pipe or a device"):
            read_config(path)
    large = tmp_path / "large.toml"
    large.touch()
    os.truncate(large, 2**40)
    with pytest.raises(ConfigError, match="larger than 1000000 bytes"):
        read_config(large)
    for data in (b"\xff\xfe", b"\xef\xbb\xbfa = 1", b"a = 1\0"):
        large.write_bytes(data)
        with pytest.raises(ConfigError, match="not valid TOML"):
            read_config(large)


@pytest.mark.parametrize(
    "change", ["run.seed=" + "9" * 5000, "run.seed=" + "[" * 9999, "run.seed=1\nrun.steps=2"]
)
def test_changes_from_strangers(tmp_path: Path, change: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text('data.train = ["a"]\nrun.steps = 1', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"run\.seed must be of type int") as caught:
        read_config(path, changes=[change])
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "options", [{"batch": 10**9}, {"seed": -1}, {"lr": float("inf")}, {"crop": 10**6}, {"steps": "7"}]
)
def test_a_fit_in_python(options: dict[str, typing.Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        FitConfig(**options)


@pytest.mark.parametrize("text", ["", "-1", "9" * 5000, "1.5", "nan", "1e400", "x"])
def test_numbers_of_a_state(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        whole(text)
    if text != "1.5":
        with pytest.raises(ValueError, match=r".+"):
            positive(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"ema": "[1.0]"}, {"ema": "[]"}, {"ema": "{}"}, {"ema": "[NaN]"}, {"runs": "[]"}, {"runs": "[5]"},
        {"runs": '[{"steps": 1}]'}, {"runs": "[" * 10**5}, {"step": "many"}, {"seconds": "inf"},
        {"backbone": "[]"}, {"fingerprints": "*"},
    ],
)  # fmt: skip
def test_states_from_strangers(changes: dict[str, str]) -> None:
    sound = {
        "ema": "[0.5]", "runs": '[{"steps": 1, "crops": 2, "minutes": 0.5}]', "step": "1", "seconds": "2.5",
        "backbone": '{"network": {"channels": [8]}}', "fingerprints": "",
    }  # fmt: skip
    assert RunState.parse(sound).step == 1
    with pytest.raises((KeyError, TypeError, ValueError)):
        RunState.parse({**sound, **changes})
