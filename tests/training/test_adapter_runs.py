"""Training runs that begin from a checkpoint and train adapters of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from training_runs import photographs as photographs
from training_runs import tiny_run, train, with_run

from restore.errors import ConfigError
from restore.priors import adapters
from restore.priors.backbone import BackboneConfig
from restore.priors.checkpoint import load, read_file, save
from restore.priors.condition import Condition
from restore.priors.unet import UNetConfig
from restore.testing import tiny_prior
from restore.training.batches import Mix
from restore.training.config import TrainConfig, read_config
from restore.training.first_network import first_network
from restore.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    save(tiny_prior(), tmp_path / "base.safetensors", dtype=torch.float32)
    return tmp_path / "base.safetensors"


def adapter_run(photographs: Path, out: Path, base: Path, **run: object) -> TrainConfig:
    """A run of noise adapters."""
    config = with_run(tiny_run(photographs, out), weights=str(base), rank=2, steps=6, **run)
    mix = Mix(0, 0, 0, 1, real=0.8, pages=0.2)
    return dataclasses.replace(config, mix=mix, backbone=tiny_prior().config)


def test_adapters_are_trained_and_saved_in_place_of_the_weights(
    photographs: Path, tmp_path: Path, base: Path
) -> None:
    path = train(adapter_run(photographs, tmp_path, base))
    metadata, tensors = read_file(path)
    assert metadata["format"] == adapters.FORMAT
    assert metadata["base"] == load(base).facts["sha256"]
    assert len(tensors) == 20
    before, after = load(base, device="cpu"), load(path, device="cpu")
    assert any(
        (a != b).any() for a, b in zip(after.network.parameters(), before.network.parameters(), strict=True)
    )
    assert torch.equal(after.network.state_dict()["frequencies"], before.network.state_dict()["frequencies"])


def test_a_run_of_adapters_is_resumed(photographs: Path, tmp_path: Path, base: Path) -> None:
    whole = train(adapter_run(photographs, tmp_path / "whole", base))
    half = adapter_run(photographs, tmp_path / "half", base)
    train(with_run(half, steps=3))
    trainer = Trainer(half, say=lambda line: None)
    trainer.resume()
    assert trainer.step == 3
    rest = trainer.run()
    assert set(read_file(whole)[1]) == set(read_file(rest)[1])


def test_weights_are_the_beginning(photographs: Path, tmp_path: Path, base: Path) -> None:
    network, digest = first_network(with_run(adapter_run(photographs, tmp_path, base), rank=0))
    wanted = load(base, device="cpu", dtype=torch.float32)
    assert digest == wanted.facts["sha256"]
    for one, other in zip(network.parameters(), wanted.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_weights_of_another_network_are_refused(photographs: Path, tmp_path: Path, base: Path) -> None:
    larger = BackboneConfig(network=UNetConfig(channels=(8, 16), blocks=1, embedding=8))
    other = dataclasses.replace(adapter_run(photographs, tmp_path, base), backbone=larger)
    with pytest.raises(ConfigError, match="was trained as"):
        first_network(other)


def test_adapters_need_weights_and_adamw(tmp_path: Path) -> None:
    text = '[data]\ntrain = ["photos"]\n[run]\nsteps = 5\nrank = 4\n'
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"run\.rank is 4; expected 0, or at least 1 with run\.weights"):
        read_config(path)
    path.write_text(text + 'weights = "shipped"\n[optim]\nkind = "muon"\n')
    with pytest.raises(ConfigError, match=r"run\.rank is 4"):
        read_config(path)


def test_the_recipe_can_be_read() -> None:
    config = read_config(Path(__file__).parents[2] / "configs/real_noise.toml")
    assert config.run.rank
    assert config.mix.real > 0.5
    assert config.mix.counts(16) == [0, 0, 0, 16]


def test_noise_adapters_are_called_for_noisy_hints_alone() -> None:
    prior = tiny_prior()
    network = tiny_prior().network
    adapters.add_adapters(network, 2)
    found = {name: tensor.detach().clone() for name, tensor in adapters.adapter_tensors(network).items()}
    for tensor in found.values():
        tensor.normal_(0, 0.3, generator=torch.Generator().manual_seed(0))
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))

    def answers() -> list[torch.Tensor]:
        shown = (None, Condition(x), Condition(x, noisy=True), Condition(x, noisy=True, is_state=True))
        return [prior.denoiser(each)(x, 0.1) for each in shown]

    before = answers()
    assert torch.equal(before[0], before[3])
    prior.noise_adapters = found
    after = answers()
    changed = [bool((one != other).any()) for one, other in zip(before, after, strict=True)]
    assert changed == [False, False, True, True]
    whole, half, none = (prior.for_noise(share).state_dict() for share in (1.0, 0.5, 0.0))
    for name, tensor in none.items():
        torch.testing.assert_close(half[name], (whole[name] + tensor) / 2, rtol=0, atol=1e-6)
    half_way = prior.denoiser(Condition(x, noisy=True, adapted=0.5))(x, 0.1)
    assert not torch.equal(half_way, after[2])
    assert not torch.equal(half_way, before[2])
    copied = prior.copy(torch.float32)
    assert torch.equal(copied.denoiser(Condition(x, noisy=True))(x, 0.1), after[2])


def test_a_folder_without_pictures_is_named(tmp_path: Path, base: Path) -> None:
    (tmp_path / "empty").mkdir()
    config = adapter_run(tmp_path / "empty", tmp_path / "run", base)
    with pytest.raises(ConfigError, match=r"no picture in .*empty; name folders"):
        train(config)
