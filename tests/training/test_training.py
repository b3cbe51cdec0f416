"""Training: configuration, data, the task mix, the losses, and a loop that can stop and go on."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import os
import random
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from networks import SMALL, random_network, random_planes
from PIL import Image
from safetensors import safe_open
from torch import Tensor, nn
from training_runs import encoded, photograph, tiny_run
from training_runs import photographs as photographs

from restore.errors import ConfigError, ImageError, RestoreError
from restore.images.fingerprints import Fingerprints
from restore.inverse.fill import push_pull
from restore.priors import backbone as backbones
from restore.priors.backbone import BackboneConfig
from restore.priors.checkpoint import load
from restore.priors.condition import UNKNOWN_NOISE
from restore.priors.unet import UNet
from restore.training import batches, data, optimizer, validation
from restore.training import trainer as loop
from restore.training.batches import TASKS, Batch, Mix, make_batch
from restore.training.config import DataConfig, LossConfig, OptimConfig, RunConfig, TrainConfig, read_config
from restore.training.data import some_gray
from restore.training.trainer import Trainer

CONFIGS = Path(__file__).parents[2] / "configs"
ONLY_PRIOR = Mix(unconditional=1, upscale=0, inpaint=0, denoise=0)


def train(config: TrainConfig, **options: Any) -> Path:
    return loop.train(config, say=lambda line: None, **options)


def tensors_of(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in list(file.keys())}


# --- configuration --------------------------------------------------------------------------------


def of_training() -> list[Path]:
    """The others are options of restore fit."""
    return [path for path in sorted(CONFIGS.glob("*.toml")) if "[run]" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", of_training(), ids=lambda p: p.name)
def test_configurations_in_the_project_are_sound(path: Path) -> None:
    config = read_config(path, noisy=path.name == "from_noisy.toml")
    assert config.run.out.startswith("runs/")
    assert config.run.steps or config.run.minutes


GOOD = """
[data]
train = ["pictures"]
[run]
steps = 10
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[data", "not valid TOML"),
        ("[dta]\nx = 1", "unknown key dta; expected one of data, backbone, mix, loss, optim, run"),
        ("data = 5", "data must be a table, got 5"),
        ('[data]\ntrain = ["a"]\ncorp = 96', "unknown key data.corp; expected one of train, val, crop"),
        (GOOD + "[backbone.network]\nwidth = 3", "unknown key backbone.network.width"),
        (GOOD + "[optim]\nlr = 'high'", "optim.lr must be of type float, got 'high'"),
        (GOOD + "[optim]\nlr = true", "optim.lr must be of type float, got True"),
        (GOOD + "batch = 4.5", "run.batch must be of type int, got 4.5"),
        (GOOD + "batch = true", "run.batch must be of type int, got True"),
        (GOOD + "compile = 1", "run.compile must be of type bool, got 1"),
        ("[data]\ntrain = 'a'", "data.train must be a list, got 'a'"),
        ("[data]\ntrain = [1]", "data.train must be of type str, got 1"),
        (GOOD + "[loss]\nkind = 'l1'", "loss.kind must be one of 'v', 'eps', 'x0', 'hybrid', got 'l1'"),
        (GOOD + "[backbone]\nschedule = 'quartic'", "backbone: schedule is one of linear, cosine"),
        (GOOD + "[backbone.network]\nchannels = []", "backbone.network: channels must be a list of widths"),
        (GOOD + "[backbone.network]\ninputs = 12", "backbone: the network needs 9 inputs and 3 outputs"),
        (GOOD + "[mix]\ndenoise = -1.0", "mix: unconditional, upscale, inpaint, denoise are shares"),
        (GOOD + "[mix]\ntop_share = 1.5", "mix: prior_share and top_share lie in 0..1; got 0.8 and 1.5"),
        (GOOD + "[mix]\nsigma_low = 0.9", "mix: sigma_low and sigma_mid must rise from above 0"),
        (GOOD + "[mix]\nsigma_low = 1e-4", "mix.sigma_low is 0.0001; expected at least 0.00196"),
        (GOOD + "[mix]\nsigma_mid = 90", "mix.sigma_mid is 90.0; expected below 80"),
        (GOOD + "[optim]\nlr = 0", "optim.lr is 0.0; expected above 0"),
        (GOOD + "[optim]\nlr = nan", "optim.lr is nan; expected above 0"),
        (GOOD + "[optim]\nbetas = [0.9]", r"optim.betas is \(0.9,\); expected two in \[0, 1\)"),
        (GOOD + "[optim]\nclip = -1", "optim.clip is -1.0; expected at least 0"),
        (GOOD + "[optim]\ndecay = 2", "optim.decay is 2.0; expected a share from 0 to 1"),
        (GOOD + "[loss]\nkind = 'hybrid'", "loss.kind is 'hybrid'; expected 'hybrid' exactly when"),
        (GOOD + "[backbone]\nlearned_variance = true", "loss.kind is 'v'; expected 'hybrid' exactly when"),
        (GOOD + "[loss]\nmin_snr_gamma = -1", "loss.min_snr_gamma is -1.0; expected at least 0"),
        (GOOD + "batch = 0", "run.batch is 0; expected enough for one crop of unconditional and"),
        (GOOD + "batch = 4", "run.batch is 4; expected enough for one crop of denoise in every step"),
        (GOOD + "ema = [1]", r"run.ema is \(1.0,\); expected one or more decays from 0 up to 1"),
        (GOOD + "ema = []", r"run.ema is \(\); expected one or more decays from 0 up to 1"),
        (GOOD + "ema = 0.9", "run.ema must be a list, got 0.9"),
        (GOOD + "log_every = 0", "run.log_every is 0; expected at least 1"),
        (GOOD + "save_every = -1", "run.save_every is -1; expected at least 0"),
        (GOOD + "precision = 'fp8'", "run.precision must be one of 'auto', 'bf16', 'fp32', got 'fp8'"),
        ("[data]\ntrain = ['a']", "run.steps is 0; expected steps or minutes above 0"),
        ("[data]\ntrain = []\n[run]\nsteps = 1", r"data.train is \(\); expected at least one folder"),
        ("[data]\ntrain = ['a']\ncrop = 40\n[run]\nsteps = 1", "data.crop is 40; expected a multiple of 16"),
        ("[data]\ntrain = ['a']\ncrop = 1024\n[run]\nsteps = 1", "data.crop is 1024; expected .* up to 768"),
        ("[data]\ntrain = ['a']\ntext = 1\n[run]\nsteps = 1", "data.text is 1.0; expected a share"),
    ],
)
def test_configuration_errors_name_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def with_run(config: TrainConfig, **changes: object) -> TrainConfig:
    return dataclasses.replace(config, run=dataclasses.replace(config.run, **changes))


def test_a_sound_configuration_is_read(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(
        GOOD + "minutes = 3\n[optim]\nbetas = [0.9, 0.99]\n[backbone.network]\nchannels = [8, 16]"
    )
    config = read_config(path)
    assert config.data.train == ("pictures",)
    assert config.run.minutes == 3.0
    assert isinstance(config.run.minutes, float)
    assert config.optim.betas == (0.9, 0.99)
    assert config.backbone.network.channels == (8, 16)
    assert read_config(path, minutes=1.0) == with_run(config, minutes=1.0)
    with pytest.raises(ConfigError, match=r"recipe\.toml: run\.minutes is -1\.0; expected at least 0"):
        read_config(path, minutes=-1.0)


def test_changes_go_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(GOOD + "[optim]\nlr = 0.5\n")
    sets = ["optim.lr=1e-3", "optim.kind = muon", "backbone.network.channels=[8, 16]", "data.val=here"]
    config = read_config(path, changes=[*sets, "run.compile=false", "run.minutes=2"], steps=7)
    assert (config.optim.lr, config.optim.kind, config.run.compile) == (1e-3, "muon", False)
    assert config.backbone.network.channels == (8, 16)
    assert (config.data.val, config.run.steps, config.run.minutes) == ("here", 7, 2.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("optim.lr", r"a change of .* is TABLE.KEY=VALUE, such as optim.lr=1e-3; got 'optim.lr'"),
        ("lr=1", "a change of .* is TABLE.KEY=VALUE"),
        ("optim.=1", "a change of .* is TABLE.KEY=VALUE"),
        ("optim.lr.x=1", "lr is no table, so there is no optim.lr.x to change"),
        ("optim.speed=1", "unknown key optim.speed; expected one of kind, lr"),
        ("optim.lr=fast", "optim.lr must be of type float, got 'fast'"),
        ("optim.kind=sgd", "optim.kind must be one of 'adamw', 'muon', got 'sgd'"),
    ],
)
def test_changes_that_cannot_be(tmp_path: Path, change: str, message: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(GOOD + "[optim]\nlr = 0.5\n")
    with pytest.raises(ConfigError, match=message):
        read_config(path, changes=[change])


def test_missing_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot read the configuration \(No such file"):
        read_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        read_config(tmp_path)


# --- data -----------------------------------------------------------------------------------------


def numbered(h: int, w: int, number: int) -> np.ndarray[Any, Any]:
    """A picture whose pixels are (row, column, number)."""
    y, x = np.mgrid[:h, :w]
    return np.stack([y, x, np.full((h, w), number)], axis=2).astype(np.uint8)


def test_crops_are_pieces_of_the_pictures() -> None:
    store = data.PictureStore([numbered(20, 9, 0), numbered(8, 30, 1), numbered(7, 99, 2)], 8)
    assert store.count == 2  # the last one is too small
    crops = (store.crops(600, torch.Generator().manual_seed(0)) * 255).round().long()
    assert crops.shape == (600, 3, 8, 8)
    sizes, steps, corners = {0: (20, 9), 1: (8, 30)}, set(), set()
    for crop in crops:
        number = int(crop[2, 0, 0])
        assert (crop[2] == number).all()
        down, right = crop[:2, 1, 0] - crop[:2, 0, 0], crop[:2, 0, 1] - crop[:2, 0, 0]
        steps.add((*down.tolist(), *right.tolist()))
        y, x = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
        expected = crop[:2, :1, :1] + down.view(2, 1, 1) * y + right.view(2, 1, 1) * x
        assert torch.equal(crop[:2], expected)
        low, high = crop[:2].amin((1, 2)), crop[:2].amax((1, 2))
        assert (low >= 0).all()
        assert (high < torch.tensor(sizes[number])).all()
        corners.add((number, *low.tolist()))
    assert len(steps) == 8  # mirrored and turned in all ways
    assert len(corners) == 13 * 2 + 1 * 23  # every place comes up


def test_large_pictures_count_more_but_not_fully() -> None:
    store = data.PictureStore([numbered(64, 64, 0), numbered(16, 16, 1)], 16)
    crops = store.crops(4000, torch.Generator().manual_seed(0))
    share = (crops[:, 2, 0, 0] == 0).float().mean().item()
    assert share == pytest.approx(16**0.25 / (1 + 16**0.25), abs=4.5 * (1 / 3 * 2 / 3 / 4000) ** 0.5)


def test_the_generator_decides() -> None:
    store = data.PictureStore([numbered(40, 40, 0)], 8)
    first, again = (store.crops(5, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, store.crops(5, torch.Generator().manual_seed(4)))


def test_pictures_too_small_are_an_error() -> None:
    with pytest.raises(ConfigError, match=r"as large as the crop of 64x64 pixels \(2 pictures read\)"):
        data.PictureStore([numbered(20, 90, 0), numbered(8, 30, 1)], 64)
    with pytest.raises(ConfigError, match=r"\(0 pictures read\)"):
        data.PictureStore([], 64)


def shard(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_pictures_come_from_folders_shards_and_files(tmp_path: Path) -> None:
    pictures = [numbered(4, 5, number) for number in range(4)]
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "b.PNG").write_bytes(encoded(pictures[1]))
    (tmp_path / "folder" / "deep" / "c.bmp").write_bytes(encoded(pictures[2], "BMP"))
    (tmp_path / "folder" / "notes.txt").write_text("not a picture")
    members = {"x/d.png": encoded(pictures[3]), "readme.md": b"not a picture"}
    sources = [shard(tmp_path / "one.tar", members), tmp_path / "folder", tmp_path / "folder" / "b.PNG"]
    read = list(data.read_pictures(sources))
    for picture, expected in zip(read, [pictures[3], pictures[1], pictures[2], pictures[1]], strict=True):
        np.testing.assert_array_equal(picture, expected)


def test_deep_pictures_are_rounded_to_eight_bits(tmp_path: Path) -> None:
    import cv2
    import tifffile

    values = np.array([0, 100, 128, 129, 32896, 65407, 65535], dtype=np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), np.repeat(values[None, :, None], 3, axis=2))
    (read,) = data.read_pictures([tmp_path / "deep.png"])
    assert read.dtype == np.uint8
    assert read[0, :, 0].tolist() == [0, 0, 0, 1, 128, 255, 255]
    floats = np.array([-0.5, 0.0, 0.5, 1.0, 1.5], dtype=np.float32)
    tifffile.imwrite(tmp_path / "float.tif", np.repeat(floats[None, :, None], 3, axis=2), photometric="rgb")
    (read,) = data.read_pictures([tmp_path / "float.tif"])
    assert read[0, :, 0].tolist() == [0, 0, 128, 255, 255]


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    whole = encoded(photograph(64, 64), "JPEG")
    path = shard(tmp_path / "some.tar", {"good.jpg": whole, "sub/bad.jpg": whole[: len(whole) // 2]})
    pictures = data.read_pictures([path])
    next(pictures)
    with pytest.raises(ImageError, match=r"some\.tar:sub/bad\.jpg: .*damaged or truncated"):
        next(pictures)
    (tmp_path / "empty.png").touch()
    with pytest.raises(ImageError, match=r"empty\.png: .*empty file"):
        list(data.read_pictures([tmp_path / "empty.png"]))
    with pytest.raises(ImageError, match=r"text\.png: expected a PNG, JPEG"):
        (tmp_path / "text.png").write_text("not a picture")
        list(data.read_pictures([tmp_path / "text.png"]))


@pytest.mark.parametrize("keep", [0, 600, 8000])
def test_a_damaged_shard_is_named(tmp_path: Path, keep: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = shard(tmp_path / "some.tar", {"a.png": encoded(noise)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ImageError, match=r"some\.tar: expected a whole \.tar shard"):
        list(data.read_pictures([path]))


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere: expected a folder, a \.tar shard or a picture"):
        list(data.read_pictures([tmp_path / "nowhere"]))


def test_half_size_is_the_mean_of_four() -> None:
    picture = np.zeros((5, 6, 3), np.uint8)
    picture[:2, :2] = [[[10, 20, 30], [20, 20, 30]], [[30, 20, 30], [40, 20, 34]]]
    half = data.halved(picture)
    assert half.shape == (2, 3, 3)
    assert half[0, 0].tolist() == [25, 20, 31]


def test_pages_are_pictures_of_text() -> None:
    pages = data.page_pictures()
    assert len(pages) == 18
    black_on_white, tinted, light_on_dark = pages[:3]
    assert black_on_white.dtype == np.uint8
    assert np.median(black_on_white) == 255
    assert black_on_white.min() < 5
    assert (np.median(tinted, axis=(0, 1)) >= 200).all()
    assert np.median(light_on_dark) == 20
    assert light_on_dark.max() > 230


def test_validation_crops_are_centred(tmp_path: Path) -> None:
    for number, (h, w) in enumerate([(20, 30), (9, 50), (16, 16), (40, 40)]):
        (tmp_path / f"{number}.png").write_bytes(encoded(numbered(h, w, number)))
    crops = (data.validation_crops(tmp_path, count=2, size=16) * 255).round()
    assert crops[:, :, 0, 0].tolist() == [[2, 7, 0], [0, 0, 2]]
    assert crops.shape == (2, 3, 16, 16)
    with pytest.raises(ConfigError, match="no validation picture of at least 64x64 pixels"):
        data.validation_crops(tmp_path, size=64)


def test_psnr() -> None:
    a, b = torch.full((2, 3, 4, 4), 0.5), torch.full((2, 3, 4, 4), 0.5)
    b[0] = 0.6
    b[1, :, :2] = 0.51
    assert data.psnr(a, b)[0] == pytest.approx(20, abs=1e-4)
    weight = torch.zeros(2, 1, 4, 4)
    weight[:, :, :2] = 1
    assert data.psnr(a, b, weight) == pytest.approx([20, 40], abs=1e-3)
    assert data.psnr(a, a) == [120, 120]


# --- the task mix ---------------------------------------------------------------------------------


@given(
    batch=st.integers(0, 300),
    shares=st.tuples(*[st.one_of(st.just(0.0), st.floats(1e-3, 10))] * 4).filter(lambda s: sum(s) > 0),
)
def test_counts_follow_the_shares(batch: int, shares: tuple[float, ...]) -> None:
    settings = Mix(**dict(zip(TASKS, shares, strict=True)))
    counts = settings.counts(batch)
    assert sum(counts) == batch
    for count, share in zip(counts, shares, strict=True):
        assert abs(count - batch * share / sum(shares)) < 1
        assert share or not count


def test_counts_by_hand() -> None:
    assert Mix(0.5, 0.25, 0.125, 0.125).counts(16) == [8, 4, 2, 2]
    assert Mix().counts(16) == [8, 4, 2, 2]  # 8, 4, 2.4, 1.6
    assert ONLY_PRIOR.counts(7) == [7, 0, 0, 0]


def batch_of(settings: Mix, n: int = 8, *, seed: int = 0, size: int = 16) -> Batch:
    clean = torch.stack([torch.from_numpy(photograph(size, size, k)) for k in range(n)])
    clean = clean.permute(0, 3, 1, 2).float() / 255
    generator = torch.Generator().manual_seed(seed)
    return make_batch(clean, settings, 80.0, generator=generator, dice=random.Random(seed))


def test_a_batch_is_split_over_the_tasks() -> None:
    batch = batch_of(Mix(0.25, 0.25, 0.25, 0.25))
    assert batch.task.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert batch.planes.shape == (8, 6, 16, 16)
    assert batch.weight.shape == (8, 1, 16, 16)
    assert batch.sigma.shape == (8,)
    present = batch.planes[:, 4].mean((1, 2))
    assert present.tolist() == [0, 0, 1, 1, 1, 1, 1, 1]
    assert not batch.planes[:2].any()
    assert not batch.planes[[2, 3, 6, 7], 3].any()  # exact pixels are known in inpainting only
    assert (batch.weight[batch.task != 2] == 1).all()


def test_batches_repeat_with_their_seed() -> None:
    one, same, other = (batch_of(Mix(), seed=seed) for seed in (5, 5, 6))
    for field in dataclasses.fields(Batch):
        assert torch.equal(getattr(one, field.name), getattr(same, field.name))
    assert not torch.equal(one.planes, other.planes)
    assert not torch.equal(one.sigma, other.sigma)


@pytest.mark.parametrize("seed", range(12))
def test_inpainting_sees_a_fill_and_counts_the_hole(seed: int) -> None:
    batch = batch_of(Mix(0, 0, 1, 0), 4, seed=seed)
    hole, known = batch.weight, batch.planes[:, 3:4]
    assert torch.equal(known, 1 - hole)
    assert (hole.flatten(1).amax(1) == 1).all()
    assert (known.flatten(1).amax(1) == 1).all()
    hint = (batch.planes[:, :3] + 1) / 2
    torch.testing.assert_close(hint * known, batch.clean * known)
    torch.testing.assert_close(hint, push_pull(batch.clean, hole))
    assert (hint - batch.clean).abs().max() > 1e-3
    assert not batch.planes[:, 5].any()


@pytest.mark.parametrize("seed", range(6))
def test_upscaling_sees_a_softer_picture(seed: int) -> None:
    batch = batch_of(Mix(0, 1, 0, 0), 4, seed=seed, size=32)
    hint = (batch.planes[:, :3] + 1) / 2
    assert all(12 < value < 70 for value in data.psnr(hint, batch.clean))
    assert not batch.planes[:, 5].any()


def test_denoising_sees_a_noisy_picture_and_sometimes_its_level() -> None:
    told = blind = 0
    for seed in range(40):
        batch = batch_of(Mix(0, 0, 0, 1), 2, seed=seed, size=32)
        hint, claimed = (batch.planes[:, :3] + 1) / 2, batch.planes[:, 5, 0, 0] / 2
        assert (batch.planes[:, 5] == batch.planes[:, 5, :1, :1]).all()
        assert (hint != batch.clean).any()
        if (claimed == UNKNOWN_NOISE / 2).all():
            blind += 1
            continue
        told += 1
        measured = (hint - batch.clean).flatten(1).std(1)
        assert ((measured / claimed - 1).abs() < 0.2).all()  # clipping takes a little
    assert told > 2
    assert blind > told


def test_noise_levels_of_the_prior_and_of_conditions() -> None:
    settings = Mix(unconditional=0.5, upscale=0.5, inpaint=0, denoise=0)
    generator = torch.Generator().manual_seed(0)

    def draw(prior: bool) -> Tensor:
        return batches._sigmas(4000, prior, settings, 80.0, torch.device("cpu"), generator)

    sigma = draw(True)
    assert 0.5 / 255 * 0.999 <= sigma.min() < 0.0022
    assert 40 < sigma.max() <= 80.01
    assert (sigma <= 0.5).float().mean().item() == pytest.approx(0.8, abs=0.03)
    useful = sigma[sigma <= 0.5].log()
    assert useful.mean().item() == pytest.approx(math.log(0.5 / 255 * 0.5) / 2, abs=0.08)
    sigma = draw(False)
    assert (sigma == sigma.max()).float().mean().item() == pytest.approx(0.6, abs=0.03)
    assert sigma.max().item() == pytest.approx(80, rel=1e-5)
    # Below the top they are even in log sigma, with no gap under it.
    below = sigma[sigma < sigma.max()].log()
    assert below.mean().item() == pytest.approx(math.log(0.5 / 255 * 80) / 2, abs=0.2)
    assert 60 < below.max().exp() < 80


# --- the loss -------------------------------------------------------------------------------------


def trainer_with(loss: LossConfig, backbone: BackboneConfig | None = None, tmp: str = "unused") -> Trainer:
    backbone = backbone or BackboneConfig(network=SMALL)
    run = RunConfig(out=tmp, steps=1, device="cpu", precision="fp32", compile=False)
    config = TrainConfig(DataConfig(("unused",)), backbone, Mix(), loss, OptimConfig(), run)
    trainer = Trainer(config)
    trainer.network.load_state_dict(random_network(backbone.network).state_dict())
    trainer.generator.manual_seed(0)
    return trainer


def errors(trainer: Trainer, batch: Batch) -> tuple[Tensor, Tensor]:
    """(the squared error of X0 where it counts, the noise-to-signal ratio), from their definitions."""
    sigma = batch.sigma.double()
    abar = (1 / (1 + 4 * sigma**2)).view(-1, 1, 1, 1)
    clean = 2 * batch.clean.double() - 1
    eps = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)).double()
    x_t = abar.sqrt() * clean + (1 - abar).sqrt() * eps
    config = trainer.config.backbone
    network = trainer.network.double()
    predicted, _ = backbones.predict(network, config, x_t, batch.planes.double(), sigma)
    trainer.network.float()
    where = batch.weight.bool().expand_as(clean)
    squared = (predicted - clean).square()
    means = torch.stack([e[w].mean() for e, w in zip(squared, where, strict=True)])
    return means.detach(), (abar / (1 - abar)).flatten()


MODERATE = torch.tensor([0.02, 0.05, 0.1, 0.3, 0.5, 1.0, 2.0, 5.0])


@pytest.mark.parametrize("kind", ["v", "eps", "x0"])
@pytest.mark.parametrize("gamma", [0.0, 5.0])
def test_loss_of_each_kind(kind: Any, gamma: float) -> None:
    """|X0 error|^2 in the units of v, 1 + SNR; of eps, SNR; of X0, 1; or min(SNR, gamma) for any kind."""
    batch = dataclasses.replace(batch_of(Mix(0.25, 0.25, 0.25, 0.25)), sigma=MODERATE)
    trainer = trainer_with(LossConfig(kind=kind, min_snr_gamma=gamma, balance=False))
    total, each = trainer.loss(trainer.network, batch)
    x0_errors, snr = errors(trainer, batch)
    units = {"v": 1 + snr, "eps": snr, "x0": torch.ones_like(snr)}[kind]
    torch.testing.assert_close(each.double(), x0_errors * units, rtol=2e-3, atol=1e-6)
    weighted = x0_errors * (snr.clamp(max=gamma) if gamma else units)
    torch.testing.assert_close(total.double(), weighted.mean(), rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("prediction", ["v", "eps", "x0"])
def test_loss_does_not_depend_on_what_the_network_answers_with(prediction: Any) -> None:
    """The same picture X0 said in another way costs the same."""
    batch = dataclasses.replace(batch_of(ONLY_PRIOR), sigma=MODERATE)
    backbone = BackboneConfig(network=SMALL, prediction=prediction)
    trainer = trainer_with(LossConfig(balance=False), backbone)
    _, each = trainer.loss(trainer.network, batch)
    x0_errors, snr = errors(trainer, batch)
    torch.testing.assert_close(each.double(), x0_errors * (1 + snr), rtol=2e-3, atol=1e-6)


def test_only_the_hole_counts() -> None:
    batch = dataclasses.replace(batch_of(Mix(0, 0, 1, 0)), sigma=MODERATE)
    trainer = trainer_with(LossConfig(balance=False))
    known = (batch.weight == 0).float()

    def network(shift: Tensor) -> Any:
        return lambda planes, log_snr: 0.1 * planes[:, :3] + shift

    losses_ = []
    for shift in (torch.zeros_like(batch.clean), 7 * known.expand_as(batch.clean), 0.3 * batch.weight):
        trainer.generator.manual_seed(0)
        losses_.append(trainer.loss(network(shift), batch)[1])
    assert torch.equal(losses_[0], losses_[1])
    assert (losses_[0] != losses_[2]).all()


def test_balance_divides_by_the_running_mean() -> None:
    batch = dataclasses.replace(batch_of(ONLY_PRIOR, 4), sigma=torch.tensor([0.02, 0.02, 3.0, 3.0]))
    trainer = trainer_with(LossConfig(balance=True))
    each = torch.tensor([1.0, 3.0, 10.0, 30.0])
    assert trainer._balance(batch, each).tolist() == [2, 2, 20, 20]
    # Two more in each bin: what was seen before counts 0.99^2.
    keep = 0.99**2
    first = (4 * keep + 8) / (2 * keep + 2)
    expected = torch.tensor([first, first, 20.0, 20.0])
    torch.testing.assert_close(trainer._balance(batch, torch.tensor([4.0, 4, 20, 20])), expected)
    upscale = dataclasses.replace(batch, task=torch.ones(4, dtype=torch.long))
    assert trainer._balance(upscale, each).tolist() == [2, 2, 20, 20]  # each task by itself


def test_balanced_losses_are_near_one() -> None:
    trainer = trainer_with(LossConfig(balance=True, kind="eps"))
    total, each = trainer.loss(trainer.network, batch_of(Mix(0.25, 0.25, 0.25, 0.25), 16))
    assert total.item() == pytest.approx(1, rel=1e-4)
    assert each.max() > 10 * each.min()


LEARNED = BackboneConfig(network=dataclasses.replace(SMALL, outputs=6), learned_variance=True)


def test_hybrid_is_the_simple_loss_and_trains_the_variance_beside_it() -> None:
    batch = dataclasses.replace(batch_of(ONLY_PRIOR), sigma=MODERATE)
    hybrid = trainer_with(LossConfig(kind="hybrid", balance=False), LEARNED)
    total, each = hybrid.loss(hybrid.network, batch)
    x0_errors, snr = errors(hybrid, batch)
    torch.testing.assert_close(each.double(), x0_errors * snr, rtol=2e-3, atol=1e-6)
    extra = total - each.mean()
    assert 0 < extra < total
    # What the bound teaches: the planes of the variance, not those of the mean.
    output = torch.zeros(8, 6, 16, 16, requires_grad=True)
    hybrid.generator.manual_seed(0)
    total, each = hybrid.loss(lambda planes, log_snr: output, batch)  # type: ignore[arg-type]
    total.backward()
    assert output.grad is not None
    variance = output.grad[:, 3:].clone()
    mean = output.grad[:, :3].clone()
    assert (variance.flatten(1).abs().amax(1) > 0).all()
    alone = trainer_with(LossConfig(kind="eps", balance=False))
    plain = torch.zeros(8, 3, 16, 16, requires_grad=True)
    alone.generator.manual_seed(0)
    alone.loss(lambda planes, log_snr: plain, batch)[0].backward()  # type: ignore[arg-type]
    torch.testing.assert_close(mean, plain.grad)


def test_the_learned_variance_finds_the_true_one() -> None:
    """With the mean exact the reverse variance is the small one, and where it is far off the large one."""
    batch = dataclasses.replace(batch_of(ONLY_PRIOR, 2), sigma=torch.tensor([0.05, 0.05]))
    found = []
    for error in (0.0, 0.2):
        trainer = trainer_with(LossConfig(kind="hybrid", balance=False), LEARNED)
        output = nn.Parameter(torch.zeros(1, 3, 1, 1))
        optimizer = torch.optim.Adam([output], lr=0.1)
        clean = 2 * batch.clean - 1
        for _ in range(40):
            trainer.generator.manual_seed(0)
            eps = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
            a, s = 1 / 1.01**0.5, 0.1 / 1.01**0.5
            v = a * eps - s * clean + error / s
            network = lambda planes, log_snr: torch.cat([v, output.expand_as(v)], 1)  # noqa: B023, E731
            optimizer.zero_grad()
            trainer.loss(network, batch)[0].backward()  # type: ignore[arg-type]
            optimizer.step()
        found.append(backbones.interpolation(torch.cat([v, output.expand_as(v)], 1)).mean().item())
    assert found[0] < 0.2
    assert found[1] > 0.8


# --- learning rate and average --------------------------------------------------------------------


def rates(optim: OptimConfig, steps: int = 10, **run: Any) -> list[float]:
    settings = RunConfig(steps=steps, device="cpu", compile=False, **run)
    trainer = Trainer(TrainConfig(DataConfig(("x",)), BackboneConfig(SMALL), optim=optim, run=settings))
    found = []
    for trainer.step in range(steps):
        found.append(trainer.rate())
    return found


def test_constant_rate_with_warm_up_and_decay() -> None:
    found = rates(OptimConfig(lr=2.0, warmup_steps=4, decay=0.4))
    assert found == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0, 1.5, 1.0, 0.5])
    assert rates(OptimConfig(lr=2.0, warmup_steps=0, decay=0)) == [2.0] * 10


def test_cosine_rate() -> None:
    found = rates(OptimConfig(lr=2.0, warmup_steps=2, schedule="cosine"))
    expected = [(1 + math.cos(math.pi * k / 10)) * min(1, (k + 1) / 2) for k in range(10)]
    assert found == pytest.approx(expected)


def test_the_rate_follows_the_clock_when_that_is_farther() -> None:
    run = RunConfig(steps=100, minutes=2, device="cpu", compile=False)
    optim = OptimConfig(lr=1.0, warmup_steps=0, decay=0.5)
    trainer = Trainer(TrainConfig(DataConfig(("x",)), BackboneConfig(SMALL), optim=optim, run=run))
    trainer.step, trainer.seconds = 10, 90.0
    assert trainer.progress() == 0.75
    assert trainer.rate() == 0.5
    trainer.seconds = 300.0
    assert trainer.progress() == 1


def test_the_average_follows_the_weights(photographs: Path, tmp_path: Path) -> None:
    trainer = Trainer(tiny_run(photographs, tmp_path, ema=(0.6, 0.0)))
    store, _ = trainer.read_data()
    expected = {n: t.detach().clone() for n, t in trainer.network.named_parameters()}
    for step in range(1, 9):
        trainer.train_step(trainer.network, store, None)
        decay = min(0.6, (1 + step) / (10 + step))  # 0.18, 0.25, ... 0.53, then 0.6 at most
        for name, parameter in trainer.network.named_parameters():
            expected[name] = decay * expected[name] + (1 - decay) * parameter.detach()
    for name, tensor in expected.items():
        torch.testing.assert_close(trainer.averages[0][name], tensor, rtol=1e-5, atol=1e-7)
    for name, tensor in trainer.averaged(torch.float32).network.named_parameters():
        assert torch.equal(tensor, trainer.averages[0][name])
    assert not torch.equal(trainer.averages[0]["stem.weight"], trainer.network.stem.weight)
    assert torch.equal(trainer.averages[1]["stem.weight"], trainer.network.stem.weight)


def test_large_gradients_are_clipped(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_run(photographs, tmp_path)
    norms = []
    for clip in (0.0, 0.01):
        trainer = Trainer(dataclasses.replace(config, optim=OptimConfig(clip=clip)))
        store, _ = trainer.read_data()
        monkeypatch.setattr(trainer.descent, "step", lambda rate: None)  # which would forget the gradients
        trainer.train_step(trainer.network, store, None)
        gradients = [p.grad for p in trainer.network.parameters() if p.grad is not None]
        norms.append(torch.stack([g.norm() for g in gradients]).norm().item())
    assert norms[0] > 0.02
    assert norms[1] == pytest.approx(0.01, rel=1e-3)


# --- the loop -------------------------------------------------------------------------------------


def test_training_learns(photographs: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(tiny_run(photographs, tmp_path, steps=60, batch=8), mix=ONLY_PRIOR)
    weights = train(dataclasses.replace(config, loss=LossConfig(balance=False)))
    assert weights == tmp_path / "weights.safetensors"
    trained = load(weights, device="cpu", dtype=torch.float32)
    fresh = backbones.Backbone(UNet(SMALL), BackboneConfig(SMALL))
    clean = batch_of(ONLY_PRIOR, 8).clean
    noisy = clean + 0.3 * random_planes(*clean.shape)
    before, after = (b.denoiser()(noisy, 0.3).sub(clean).square().mean() for b in (fresh, trained))
    assert after < 0.7 * before
    assert trained.facts["steps"] == 60
    assert trained.facts["crops"] == 480
    assert trained.facts["pictures"] == 3
    assert trained.facts["mix"]["denoise"] == 0
    assert trained.config == config.backbone


def test_log_of_a_run_with_tasks_left_out(photographs: Path, tmp_path: Path) -> None:
    """A task without a share has no loss, which is no error; its cells stay empty."""
    mixed = Mix(unconditional=0.5, upscale=0, inpaint=0.5, denoise=0)
    train(dataclasses.replace(tiny_run(photographs, tmp_path, steps=11), mix=mixed))
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["5", "10"]
    assert [row["crops"] for row in rows] == ["30", "60"]
    assert all(float(row["unconditional"]) > 0 and float(row["inpaint"]) > 0 for row in rows)
    assert all(row["upscale"] == row["denoise"] == "" for row in rows)
    assert float(rows[0]["lr"]) == 0.01
    assert list(tmp_path.glob("events.out.tfevents*"))  # TensorBoard


def test_pages_of_text_are_mixed_in(photographs: Path, tmp_path: Path) -> None:
    config = tiny_run(photographs, tmp_path)
    trainer = Trainer(dataclasses.replace(config, data=dataclasses.replace(config.data, text=0.5)))
    photos, pages = trainer.read_data()
    assert pages is not None
    white = torch.zeros(())
    for seed in range(30):
        trainer.dice.seed(seed)
        trainer.generator.manual_seed(seed)
        crops = trainer._crops(photos, pages)
        assert crops.shape == (6, 3, 16, 16)
        tones = [len(crop.flatten(1).T.unique(dim=0)) for crop in crops]
        white += sum(count <= 130 for count in tones)
    assert 60 < white < 120  # about half of 180


def test_what_looks_like_a_validation_picture_is_not_trained_on(photographs: Path, tmp_path: Path) -> None:
    checks = tmp_path / "val"
    checks.mkdir()
    with Image.open(photographs / "1.png") as picture:
        picture.transpose(Image.Transpose.ROTATE_90).resize((80, 112)).save(checks / "copy.jpg", quality=80)
    said: list[str] = []
    config = tiny_run(photographs, tmp_path / "run", steps=1)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, val=str(checks)))
    trainer = Trainer(config, say=said.append)
    trainer.read_data()
    assert said[0] == "1 pictures look like one of data.val and are left out"
    assert trainer.facts["pictures"] == len(trainer.fingerprints) == 2
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, val=str(photographs)))
    with pytest.raises(RestoreError, match="every training picture looks like one of"):
        Trainer(config).read_data()


def test_a_checkpoint_knows_the_pictures_of_all_its_runs(photographs: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (more / "new.png").write_bytes(encoded(photograph(40, 60, 7)))
    train(tiny_run(photographs, tmp_path / "first", steps=1))
    train(tiny_run(more, tmp_path / "second", steps=1), start_from=tmp_path / "first" / "state.safetensors")
    facts = load(tmp_path / "second" / "weights.safetensors", device="cpu").facts
    known = Fingerprints.parse(facts["fingerprints"])
    assert len(known) == 4
    for path in (*photographs.iterdir(), *more.iterdir()):
        with Image.open(path) as picture:
            assert known.distance(np.asarray(picture.convert("RGB"))) == 0
    with Image.open(more / "new.png") as picture:
        other = np.asarray(picture.convert("RGB"))
    first = load(tmp_path / "first" / "weights.safetensors", device="cpu").facts
    assert not Fingerprints.parse(first["fingerprints"]).holds(other)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_some_crops_are_gray_with_gray_noise(share: float) -> None:
    crops = torch.rand(400, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = some_gray(crops, share, torch.Generator().manual_seed(1))
    gray = (found == found[:, :1]).flatten(1).all(1)
    assert gray.float().mean().item() == pytest.approx(share, abs=0.06 * (0 < share < 1))
    assert torch.equal(found[~gray], crops[~gray])
    luma = crops.permute(0, 2, 3, 1) @ torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close(found[gray, 0], luma[gray])
    for seed in range(10):
        batch = make_batch(
            found[:8], Mix(0, 0, 0, 1), 80.0, generator=torch.Generator().manual_seed(seed),
            dice=random.Random(seed),
        )  # fmt: skip
        hint = batch.planes[:, :3]
        assert torch.equal((hint == hint[:, :1]).flatten(1).all(1), gray[:8])


def test_validation_scores_and_pictures(photographs: Path, tmp_path: Path) -> None:
    checks = tmp_path / "val"
    checks.mkdir()
    (checks / "a.png").write_bytes(encoded(photograph(192, 200)))
    config = tiny_run(photographs, tmp_path / "run", steps=4, validate_every=2)
    said: list[str] = []
    loop.train(
        dataclasses.replace(config, data=dataclasses.replace(config.data, val=str(checks))), say=said.append
    )
    with (tmp_path / "run" / "validation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4"]
    assert float(rows[0]["bicubic x4"]) > 30
    assert rows[0]["bicubic x4"] == rows[1]["bicubic x4"]
    assert rows[0]["denoise 25"] != rows[1]["denoise 25"]
    with Image.open(tmp_path / "run" / "validation.png") as grid:
        assert grid.size == (192, 7 * 192)
    assert any(line.startswith("step 2: denoise 15 ") for line in said)
    assert said[-1] == f"trained 4 steps, 24 crops: {tmp_path / 'run' / 'weights.safetensors'}"


def test_bf16_trains_in_full_precision_weights(photographs: Path, tmp_path: Path) -> None:
    train(tiny_run(photographs, tmp_path, steps=3, precision="bf16"))
    state = tensors_of(tmp_path / "state.safetensors")
    assert {t.dtype for t in state.values()} == {torch.float32}


def test_global_random_state_is_left_alone(photographs: Path, tmp_path: Path) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(31)
        before = torch.get_rng_state()
        train(tiny_run(photographs, tmp_path, steps=2))
        assert torch.equal(torch.get_rng_state(), before)


def test_seeds_make_runs(photographs: Path, tmp_path: Path) -> None:
    states = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(tiny_run(photographs, tmp_path / name, steps=3, seed=seed))
        states.append(tensors_of(tmp_path / name / "state.safetensors")["network.stem.weight"])
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


# --- stopping and going on ------------------------------------------------------------------------


def interrupted_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    whole = Trainer.train_step

    def step(self: Trainer, *arguments: Any) -> Any:
        if self.step == steps:
            raise KeyboardInterrupt
        return whole(self, *arguments)

    monkeypatch.setattr(Trainer, "train_step", step)


@pytest.mark.parametrize(("steps", "kind"), [(0, "adamw"), (10, "adamw"), (10, "muon")])
def test_resuming_equals_never_stopping(
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: int,
    kind: Literal["adamw", "muon"],
) -> None:
    """Bit for bit: weights, averages, optimiser and running means."""
    optim = OptimConfig(kind=kind, lr=0.01, warmup_steps=3)
    whole_run, config = (
        dataclasses.replace(tiny_run(photographs, tmp_path / name, ema=(0.5, 0.9)), optim=optim)
        for name in ("whole", "parts")
    )
    train(whole_run)
    with monkeypatch.context() as patch:
        interrupted_after(patch, steps)
        with pytest.raises(RestoreError, match=f"stopped at step {steps}; .*same command with --resume"):
            train(config)
    train(config, resume=True)
    whole, parts = (tensors_of(tmp_path / name / "state.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert {name.split(".")[0] for name in whole} == {"network", "average", "running", "optimizer"}
    different = [name for name in whole if not torch.equal(whole[name], parts[name])]
    assert different == []
    assert whole["optimizer.0.step"] == 20
    files = [tmp_path / name / "weights.safetensors" for name in ("whole", "parts")]
    one, two = (tensors_of(file) for file in files)
    assert all(torch.equal(one[name], two[name]) for name in one)
    with (tmp_path / "parts" / "log.csv").open(newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["5", "10", "15", "20"]


def test_moments_come_back_in_the_layout_of_their_weights(photographs: Path, tmp_path: Path) -> None:
    train(tiny_run(photographs, tmp_path, steps=6))
    trainer = Trainer(tiny_run(photographs, tmp_path, steps=6))
    trainer.resume()
    for parameter in trainer.network.parameters():
        moments = trainer.descent.optimizers[0][0].state[parameter]
        assert moments["exp_avg"].stride() == parameter.stride() == moments["exp_avg_sq"].stride()
        assert moments["exp_avg"].any()


def test_a_new_run_from_an_old_state(photographs: Path, tmp_path: Path) -> None:
    """Weights, averages and moments go on; steps, clock and schedule begin again."""
    train(tiny_run(photographs, tmp_path / "first", steps=4))
    trainer = Trainer(tiny_run(photographs, tmp_path / "second", steps=6))
    trainer.resume(tmp_path / "first" / "state.safetensors", restart_schedule=True)
    old = tensors_of(tmp_path / "first" / "state.safetensors")
    assert (trainer.step, trainer.seconds) == (0, 0)
    assert torch.equal(trainer.network.stem.weight, old["network.stem.weight"])
    assert torch.equal(trainer.averages[0]["stem.weight"], old["average.0.stem.weight"])
    assert torch.equal(trainer.running, old["running"])
    train(
        tiny_run(photographs, tmp_path / "third", steps=6),
        start_from=tmp_path / "first" / "state.safetensors",
    )
    new = tensors_of(tmp_path / "third" / "state.safetensors")
    assert new["optimizer.0.step"] == 10
    facts = load(tmp_path / "third" / "weights.safetensors", device="cpu").facts
    assert (facts["steps"], facts["crops"]) == (10, 60)
    assert [run["steps"] for run in facts["runs"]] == [4, 6]
    # What it took is told of all runs together, also after a resume.
    train(tiny_run(photographs, tmp_path / "third", steps=7), resume=True)
    facts = load(tmp_path / "third" / "weights.safetensors", device="cpu").facts
    assert [run["steps"] for run in facts["runs"]] == [4, 7]
    assert facts["steps"] == 11
    assert facts["crops"] == sum(run["crops"] for run in facts["runs"])


def test_a_finished_run_is_not_overwritten(photographs: Path, tmp_path: Path) -> None:
    config = tiny_run(photographs, tmp_path, steps=1)
    train(config)
    with pytest.raises(ConfigError, match="holds a run already: go on with --resume, or name another"):
        train(config)


def test_states_that_cannot_be_gone_on_from(photographs: Path, tmp_path: Path) -> None:
    config = tiny_run(photographs, tmp_path, steps=1)
    with pytest.raises(ConfigError, match=r"state\.safetensors: no saved state to go on from"):
        train(config, resume=True)
    train(config)
    for path in (tmp_path / "weights.safetensors", tmp_path / "log.csv"):
        with pytest.raises(ConfigError, match=f"{path.name}: damaged, or no state that this version"):
            train(with_run(config, out=str(tmp_path / "new")), start_from=path)
    other = dataclasses.replace(config, backbone=dataclasses.replace(config.backbone, prediction="eps"))
    with pytest.raises(ConfigError, match=r"was trained as .*prediction='v'.*configuration says .*'eps'"):
        train(other, resume=True)
    state = tmp_path / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-5])
    with pytest.raises(ConfigError, match=r"state\.safetensors: damaged"):
        train(config, resume=True)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_a_number_stops_the_run(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    train(tiny_run(photographs, tmp_path, steps=4))
    good = (tmp_path / "state.safetensors").read_bytes()
    whole = Trainer.loss

    def loss(self: Trainer, *arguments: Any) -> tuple[Tensor, Tensor]:
        total, each = whole(self, *arguments)
        return total * value, each * value

    monkeypatch.setattr(Trainer, "loss", loss)
    with pytest.raises(RestoreError, match=r"loss is not a number at step 5; lower optim\.lr"):
        train(tiny_run(photographs, tmp_path, steps=9), resume=True)
    assert (tmp_path / "state.safetensors").read_bytes() == good
    # Neither is it saved when the run stops before the next look at the losses.
    with pytest.raises(RestoreError, match=r"weights are not finite at step 6; lower optim\.lr"):
        train(tiny_run(photographs, tmp_path, steps=9, save_every=2, log_every=100), resume=True)
    assert (tmp_path / "state.safetensors").read_bytes() == good


def test_what_cannot_be_used_is_named(photographs: Path, tmp_path: Path) -> None:
    config = tiny_run(photographs, tmp_path / "run")
    for device in ("gpu", "cuda:77", "cpu:banana"):
        with pytest.raises(ConfigError, match=f"run.device '{device}' cannot be used"):
            train(with_run(config, device=device))
    for source, message in ((tmp_path / "none", "expected a folder"), (tmp_path, r"\(0 pictures read\)")):
        missing = dataclasses.replace(config, data=dataclasses.replace(config.data, train=(str(source),)))
        with pytest.raises(ConfigError, match=message):
            train(missing)
    (tmp_path / "file").touch()
    with pytest.raises(RestoreError, match="cannot make the run's folder"):
        train(with_run(config, out=str(tmp_path / "file" / "run")))


# --- as a process ---------------------------------------------------------------------------------


def write_config(path: Path, photographs: Path, out: Path, **run: Any) -> Path:
    settings = {"steps": 1_000_000, "log_every": 1, "batch": 6, **run}
    lines = "\n".join(f"{key} = {value!r}" for key, value in settings.items())
    path.write_text(
        f"[data]\ntrain = ['{photographs}']\ncrop = 16\ntext = 0.0\n"
        f"[backbone.network]\nchannels = [8, 8]\nblocks = 1\nembedding = 8\n"
        f"[run]\nout = '{out}'\ncompile = false\ndevice = 'cpu'\n{lines}\n",
        encoding="utf-8",
    )
    return path


ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}

PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background the shell turns it off
from restore.cli.main import main
main()
"""


def wait_for(path: Path, process: subprocess.Popen[str], lines: int) -> None:
    for _ in range(3000):
        if process.poll() is not None:
            pytest.fail(f"ended with {process.returncode}: {process.communicate()[1]}")
        if path.exists() and len(path.read_text(encoding="utf-8").splitlines()) > lines:
            return
        time.sleep(0.05)
    process.kill()
    pytest.fail("nothing was logged")


def test_an_interrupt_saves_and_says_how_to_go_on(photographs: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path / "recipe.toml", photographs, tmp_path / "run")
    command = [sys.executable, "-c", PROGRAM, "train", str(config)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ONE_THREAD
    )
    wait_for(tmp_path / "run" / "log.csv", process, 3)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert "Traceback" not in said
    last = said.strip().splitlines()[-1]
    assert "nothing is lost: run the same command with --resume to go on" in last
    step = int(last.split("stopped at step ")[1].split(";")[0])
    assert step >= 3
    with safe_open(tmp_path / "run" / "state.safetensors", framework="pt") as file:
        assert file.metadata()["step"] == str(step)
    assert load(tmp_path / "run" / "weights.safetensors", device="cpu").facts["steps"] == step


WORKER = """
import os, sys, time
from pathlib import Path
import torch
from restore.training import trainer as loop
from restore.training.config import read_config

rank = int(os.environ["RANK"])
if rank == 1:  # a clock that runs ahead: without agreement this process would end at once
    real = time.monotonic
    loop.time.monotonic = lambda: 1e6 * real()
trainer = loop.Trainer(read_config(sys.argv[1]), say=lambda line: print(f"{rank}: {line}"))
trainer.run()
torch.save({"weights": trainer.network.state_dict(), "seed": trainer._seed(), "step": trainer.step},
           Path(sys.argv[1]).with_name(f"{rank}.pt"))
"""


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    yield number


def test_two_processes_train_one_network(photographs: Path, tmp_path: Path, port: int) -> None:
    """With the variables that torchrun and Accelerate set."""
    config = write_config(tmp_path / "recipe.toml", photographs, tmp_path / "run", steps=5, minutes=500.0)
    with config.open("a") as file:
        file.write('[optim]\nkind = "muon"\n')
    common = {**ONE_THREAD, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-c", WORKER, str(config)]
    processes = [
        subprocess.Popen(
            command,
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        results = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], results
    assert results[0][0].splitlines()[-1].startswith("0: trained 5 steps, 60 crops")
    assert results[1][0] == ""  # the first one speaks for all
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert first["step"] == second["step"] == 5
    assert first["seed"] != second["seed"]  # each sees its own crops
    for name, tensor in first["weights"].items():
        assert torch.equal(tensor, second["weights"][name]), name
    saved = tensors_of(tmp_path / "run" / "state.safetensors")
    assert torch.equal(saved["network.stem.weight"], first["weights"]["stem.weight"])
    with (tmp_path / "run" / "log.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 5


def test_the_first_interrupt_waits_for_the_end_of_a_step(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that comes while Muon has changed a part of the weights: going on equals never stopping."""
    optim = OptimConfig(kind="muon", lr=0.01)
    runs = [
        dataclasses.replace(tiny_run(photographs, tmp_path / name, steps=6), optim=optim)
        for name in ("whole", "parts")
    ]
    train(runs[0])
    calls: list[int] = []
    whole = optimizer.orthogonal

    def interrupted(matrices: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return whole(matrices)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    try:
        with monkeypatch.context() as patch:
            patch.setattr(optimizer, "orthogonal", interrupted)
            with pytest.raises(RestoreError, match=r"stopped at step [12]; nothing is lost"):
                train(runs[1])
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    train(runs[1], resume=True)
    one, two = (tensors_of(tmp_path / name / "state.safetensors") for name in ("whole", "parts"))
    assert [name for name in one if not torch.equal(one[name], two[name])] == []


def with_validation(config: TrainConfig, folder: Path, pictures: int = 1) -> TrainConfig:
    folder.mkdir()
    for number in range(pictures):
        (folder / f"{number}.png").write_bytes(encoded(photograph(192, 192, 90 + number)))
    return dataclasses.replace(config, data=dataclasses.replace(config.data, val=str(folder)))


def test_an_interrupt_of_the_choice_loses_nothing(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_validation(tiny_run(photographs, tmp_path / "run", steps=4), tmp_path / "val")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop.validation, "measure", interrupted)
    with pytest.raises(RestoreError, match="stopped at step 4; nothing is lost"):
        train(config)
    assert tensors_of(tmp_path / "run" / "state.safetensors")["optimizer.0.step"] == 4


def test_the_choice_is_made_on_all_pictures_by_what_was_trained(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_validation(tiny_run(photographs, tmp_path / "run", steps=4), tmp_path / "val", 17)
    config = dataclasses.replace(config, mix=ONLY_PRIOR)
    counts = []
    scores = iter([1.0, 2.0])

    def measure(backbone: object, checks: Tensor) -> tuple[dict[str, float], Tensor]:
        counts.append(len(checks))
        prior = next(scores)
        return {"denoise 25": prior, "upscale x4": 10 - 5 * prior, "bicubic x4": 20.0}, torch.zeros(3, 8, 8)

    monkeypatch.setattr(loop.validation, "measure", measure)
    train(config)
    assert counts == [17, 17]
    assert load(tmp_path / "run" / "weights.safetensors", device="cpu").facts["ema"] == 0.0


def test_many_validation_pictures_are_measured_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = backbones.Backbone(random_network(SMALL), BackboneConfig(SMALL))
    crops = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    whole, grid = validation.measure(backbone, crops[:2])
    rest, _ = validation.measure(backbone, crops[2:])
    monkeypatch.setattr(validation, "AT_ONCE", 2)
    parts, grid_of_parts = validation.measure(backbone, crops)
    assert torch.equal(grid, grid_of_parts)
    assert parts["bicubic x4"] == pytest.approx((2 * whole["bicubic x4"] + rest["bicubic x4"]) / 3)
    assert parts["denoise 25"] != pytest.approx(whole["denoise 25"])


def test_validation_decides_between_averages(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written is what scored best, and says so; the state keeps all of them."""
    said: list[str] = []
    config = with_validation(
        tiny_run(photographs, tmp_path / "run", steps=4, ema=(0.2, 0.9)), tmp_path / "val"
    )
    for best in range(3):
        scores = iter(float(number == best) for number in range(3))
        monkeypatch.setattr(
            loop.validation,
            "measure",
            lambda *_, scores=scores: ({"denoise 25": next(scores)}, torch.zeros(3, 8, 8)),
        )
        out = tmp_path / f"run{best}"
        run = dataclasses.replace(config.run, out=str(out))
        loop.train(dataclasses.replace(config, run=run), say=said.append)
        state = tensors_of(out / "state.safetensors")
        chosen = load(out / "weights.safetensors", device="cpu", dtype=torch.float32)
        prefix = ("average.0.", "average.1.", "network.")[best]
        assert chosen.facts["ema"] == (0.2, 0.9, 0.0)[best]
        for name, tensor in chosen.network.state_dict().items():
            torch.testing.assert_close(tensor.float(), state[prefix + name], rtol=1e-3, atol=1e-6)
    assert not torch.equal(state["average.0.stem.weight"], state["average.1.stem.weight"])
    assert "last weights: denoise 25 1.000; mean 1.000" in said


def test_a_state_with_other_averages_gives_the_nearest(photographs: Path, tmp_path: Path) -> None:
    train(tiny_run(photographs, tmp_path / "first", steps=4, ema=(0.2, 0.9)))
    old = tensors_of(tmp_path / "first" / "state.safetensors")
    trainer = Trainer(tiny_run(photographs, tmp_path / "second", ema=(0.8, 0.3, 0.95)))
    trainer.resume(tmp_path / "first" / "state.safetensors", restart_schedule=True)
    for average, number in zip(trainer.averages, (1, 0, 1), strict=True):
        assert torch.equal(average["stem.weight"], old[f"average.{number}.stem.weight"])
