"""What a network is told of training pictures: labels, texts, vectors; and that it learns them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from training_runs import encoded, tiny_run, train

import restore
from restore.errors import ConfigError, WeightsError
from restore.priors.unet import UNetConfig
from restore.training.batches import Mix
from restore.training.conditions import read_conditions
from restore.training.config import DataConfig, TrainConfig, read_config, with_conditions

SHADES = {"black": 20, "white": 235}


@pytest.fixture(scope="module")
def shades(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dark pictures in one folder, light ones in another."""
    root = tmp_path_factory.mktemp("shades")
    for name, value in SHADES.items():
        (root / name).mkdir()
        for k in range(3):
            picture = np.full((16, 16, 3), value + k, np.uint8)
            (root / name / f"{k}.png").write_bytes(encoded(picture))
    return root


def labelled(shades: Path, out: Path, condition: str, **run: int) -> TrainConfig:
    config = tiny_run(shades, out, **run)
    data = dataclasses.replace(
        config.data, condition=condition, drop=0.2, half_size=False, faded=0.0, gray=0.0
    )
    return with_conditions(dataclasses.replace(config, data=data, mix=Mix(1, 0, 0, 0)))


def test_folders_are_labels(shades: Path) -> None:
    found = read_conditions(DataConfig((str(shades),), condition="folders"))
    assert found.labels == ("black", "white")
    assert found.vectors.tolist() == [[1, 0]] * 3 + [[0, 1]] * 3


def test_a_table_is_matched_by_name(shades: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    names = [f"{shade}/{k}.png" for shade in SHADES for k in range(3)]
    rows = [f"{name},{'even' if int(name[-5]) % 2 == 0 else 'odd'}" for name in names]
    table.write_text("\n".join(reversed(rows)), encoding="utf-8")
    found = read_conditions(DataConfig((str(shades),), condition=str(table)))
    assert found.labels == ("even", "odd")
    assert found.vectors[:, 0].tolist() == [1, 0, 1, 1, 0, 1]
    table.write_text("\n".join(rows[1:]), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"1 of 6 pictures have no row, black/0.png for one"):
        read_conditions(DataConfig((str(shades),), condition=str(table)))
    table.write_text("black/0.png", encoding="utf-8")
    with pytest.raises(ConfigError, match="row 1 has 1 columns, expected a name and a label"):
        read_conditions(DataConfig((str(shades),), condition=str(table)))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 3)), r"for each of 6 pictures, got float64 of shape \(5, 3\)"),
        (np.full((6, 3), np.nan), "some numbers are not finite"),
        (np.array(["a"] * 6), r"got <U1 of shape \(6,\)"),
    ],
)
def test_vectors_that_do_not_match_are_refused(
    shades: Path, tmp_path: Path, array: np.ndarray, message: str
) -> None:
    np.save(tmp_path / "v.npy", array)
    with pytest.raises(ConfigError, match=message):
        read_conditions(DataConfig((str(shades),), condition=str(tmp_path / "v.npy")))


def test_pictures_without_a_label_are_refused(shades: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(np.zeros((16, 16, 3), np.uint8)))
    with pytest.raises(ConfigError, match=r"a.png lies in no folder of a label"):
        read_conditions(DataConfig((str(tmp_path),), condition="folders"))
    with pytest.raises(ConfigError, match="expected two labels or more, got 'black' alone"):
        _one_label(shades, tmp_path)
    with pytest.raises(ConfigError, match=r"'folders', a .csv or a .npy file, got 'names'"):
        read_conditions(DataConfig((str(shades),), condition="names"))


def _one_label(shades: Path, tmp_path: Path) -> None:
    (tmp_path / "root" / "black").mkdir(parents=True)
    (tmp_path / "root" / "black" / "a.png").write_bytes((shades / "black" / "0.png").read_bytes())
    read_conditions(DataConfig((str(tmp_path / "root"),), condition="folders"))


@pytest.mark.slow
@pytest.mark.parametrize("condition", ["folders", "vectors"])
def test_a_network_learns_what_it_is_told(shades: Path, tmp_path: Path, condition: str) -> None:
    """Told black it draws dark pictures, told white light ones, and guidance goes farther."""
    if condition == "vectors":
        np.save(tmp_path / "v.npy", np.repeat([[-1.0, 0.5], [1.0, 0.5]], 3, axis=0))
    name = "folders" if condition == "folders" else str(tmp_path / "v.npy")
    config = labelled(shades, tmp_path / "run", name, steps=300, batch=16)
    prior = restore.load(train(config), device="cpu")
    told = (
        [{"label": "black"}, {"label": 1}]
        if condition == "folders"
        else [{"vectors": [-1.0, 0.5]}, {"vectors": torch.tensor([1.0, 0.5])}]
    )
    options = {"size": (16, 16), "steps": 12, "prior": prior}
    dark, light = (float(restore.sample(4, **options, **each).mean()) for each in told)
    assert dark < 0.35
    assert light > 0.65
    assert float(restore.sample(2, **options, **told[1], guidance=2).mean()) > 0.65
    mixed = restore.sample(2, **options, label=["white", "black"]) if condition == "folders" else None
    if mixed is not None:
        assert float(mixed[0].mean()) > 0.6 > 0.4 > float(mixed[1].mean())
        assert restore.load(tmp_path / "run" / "weights.safetensors").config.labels == ("black", "white")


def test_labels_come_from_the_configuration(shades: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        f"[data]\ntrain = ['{shades}']\ncrop = 16\ncondition = 'folders'\n[run]\nsteps = 1\n"
        "[backbone.network]\nchannels = [8, 8]\nblocks = 1\nembedding = 8\nattention = [1]\n",
        encoding="utf-8",
    )
    config = read_config(recipe)
    assert config.backbone.labels == ("black", "white")
    assert config.backbone.network == UNetConfig((8, 8), 1, 8, attention=(1,), given=2)
    with pytest.raises(ConfigError, match=r"data.encoder is 'e'; expected a folder beside a .csv"):
        read_config(recipe, changes=["data.encoder=e"])
    with pytest.raises(ConfigError, match=r"data.drop is 1.5; expected a share"):
        read_config(recipe, changes=["data.drop=1.5"])


def test_what_cannot_be_told_is_refused() -> None:
    from restore.testing import tiny_prior

    prior = tiny_prior()
    for options, error, message in (
        ({"label": "cat"}, WeightsError, "know no classes, got label cat; leave the label out"),
        (
            {"vectors": [1.0, 2.0]},
            WeightsError,
            r"told 0 numbers of a picture, got \(1, 2\); leave it out",
        ),
        (
            {"guidance": 2.0},
            ValueError,
            "towards what is told, got guidance=2 and nothing told",
        ),
        ({"label": 1, "vectors": [1.0]}, ValueError, "told a label or a vector, not both"),
        ({"classifier": lambda x, sigma: x}, ValueError, "pass its number as label"),
        ({"guidance": -1.0}, ValueError, "guidance is a strength of 0 or more, got -1"),
    ):
        with pytest.raises(error, match=message):
            restore.sample(size=(8, 8), steps=2, prior=prior, **options)
