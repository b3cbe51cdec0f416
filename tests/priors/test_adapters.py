"""Low-rank adapters: nothing changes at first, files are small, and only their own weights take them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mutants import edited, mutant_tests, wrong
from refused import refused
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from restore.errors import OutputError, WeightsError
from restore.priors import adapters, checkpoint
from restore.priors.backbone import Backbone, BackboneConfig
from restore.priors.checkpoint import save, save_adapters, shipped_weights, tensors_hash
from restore.priors.unet import UNet, UNetConfig
from restore.testing import tiny_prior

FACTS = {"fit": {"branch": "blind"}}


def planes(seed: int = 0) -> Tensor:
    return torch.rand(2, 9, 16, 24, generator=torch.Generator().manual_seed(seed))


def adapted(network: nn.Module, rank: int = 2, *, seed: int = 1) -> dict[str, Tensor]:
    """Adapters of this network that do change something."""
    adapters.add_adapters(network, rank)
    found = adapters.adapter_tensors(network)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in found.values():
            tensor.normal_(0, 0.2, generator=generator)
    return found


# --- the network ----------------------------------------------------------------------------------


def check_adapters() -> None:
    """They start as nothing, their product is added, and merging is the same as wearing them."""
    network = tiny_prior().network
    base = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    level = torch.zeros(1)
    before = network(planes(), level)
    trained = adapters.add_adapters(network, 2)
    assert torch.equal(network(planes(), level), before)
    found = adapters.adapter_tensors(network)
    with torch.no_grad():
        for number, name in enumerate(sorted(found)):
            found[name].normal_(0, 0.2, generator=torch.Generator().manual_seed(number))
    worn = network(planes(), level)
    assert (worn - before).abs().max() > 0.01
    merged = adapters.merged(base, found)
    plain = UNet(tiny_prior().config.network)
    plain.load_state_dict(merged)
    assert torch.allclose(plain(planes(), level), worn, atol=1e-5)
    weights = {name for name in base if base[name].ndim == 4}
    assert {f"{name.rpartition('.')[0]}.weight" for name in found} == weights
    assert len(trained) == len(found) == 2 * len(weights)
    for name in base:
        assert torch.equal(merged[name], base[name]) == (name not in weights), name
    a, b, weight = found["stem.A"], found["stem.B"], base["stem.weight"]
    assert merged["stem.weight"][3, 5, 1, 2] == pytest.approx(
        (weight[3, 5, 1, 2] + b[3] @ a[:, 5 * 9 + 1 * 3 + 2]).item(), abs=1e-6
    )


def test_adapters() -> None:
    check_adapters()


def test_only_adapters_are_trained() -> None:
    network = tiny_prior().network
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    trained = adapters.add_adapters(network, 3)
    assert {id(p) for p in trained} == {id(p) for p in network.parameters() if p.requires_grad}
    optimizer = torch.optim.SGD(trained, lr=1.0)
    network(planes(), torch.zeros(1)).square().mean().backward()
    optimizer.step()
    for name, tensor in network.state_dict().items():
        original = name.replace(".parametrizations.weight.original", ".weight")
        assert original not in before or torch.equal(tensor, before[original]), name
    found = adapters.adapter_tensors(network)
    assert any(found[name].abs().max() > 0 for name in found if name.endswith(".B"))
    assert {t.shape[0] if n.endswith(".A") else t.shape[1] for n, t in found.items()} == {3}


@pytest.mark.parametrize("rank", [0, -1])
def test_a_rank_that_is_none(rank: int) -> None:
    with pytest.raises(ValueError, match=f"rank must be at least 1, got {rank}"):
        adapters.add_adapters(tiny_prior().network, rank)


def test_merging_keeps_the_precision_and_the_arguments() -> None:
    base = {"c.weight": torch.ones(2, 3, 1, 1, dtype=torch.float16), "c.bias": torch.ones(2)}
    half = {"c.A": torch.full((1, 3), 2.0).half(), "c.B": torch.tensor([[1.0], [0.0]])}
    merged = adapters.merged(base, half)
    assert merged["c.weight"].dtype == torch.float16
    assert merged["c.weight"].flatten().tolist() == [3, 3, 3, 1, 1, 1]
    assert (base["c.weight"] == 1).all()
    assert merged["c.bias"] is base["c.bias"]


GOOD = {"c.A": torch.zeros(2, 12), "c.B": torch.zeros(5, 2)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"d.A": torch.zeros(2, 12)}, "there is no convolution d, or a half of its adapter is missing"),
        ({"c.A": None}, "there is no convolution c, or a half"),
        ({"c.B": None}, "there is no convolution c, or a half"),
        ({"nonsense": torch.zeros(1)}, "there is no convolution"),
        ({"c.A": torch.zeros(2, 11)}, r"c\.weight is \(5, 3, 2, 2\), the adapter \(5, 2\) x \(2, 11\)"),
        ({"c.B": torch.zeros(4, 2)}, r"the adapter \(4, 2\) x \(2, 12\)"),
        ({"c.B": torch.zeros(5, 3)}, r"the adapter \(5, 3\) x \(2, 12\)"),
    ],
)
def test_adapters_of_another_network(changes: dict[str, Tensor | None], message: str) -> None:
    given = {name: tensor for name, tensor in {**GOOD, **changes}.items() if tensor is not None}
    base = {"c.weight": torch.zeros(5, 3, 2, 2)}
    adapters.merged(base, GOOD)
    with pytest.raises(ValueError, match=message):
        adapters.merged(base, given)


# --- files ----------------------------------------------------------------------------------------


def wider_backbone() -> Backbone:
    """As the tiny one, but with weights enough for a file's size to mean something."""
    network = UNet(UNetConfig(channels=(32, 48), blocks=1, embedding=8))
    with torch.no_grad():
        for number, parameter in enumerate(network.parameters()):
            parameter.normal_(0, 0.05, generator=torch.Generator().manual_seed(number))
    return Backbone(network, BackboneConfig(network=network_config(network)))


def network_config(network: UNet) -> UNetConfig:
    assert network.stem.weight.shape[0] == 32
    return UNetConfig(channels=(32, 48), blocks=1, embedding=8)


def load(path: Path) -> Backbone:
    return checkpoint.load(path, device="cpu", dtype=torch.float32)


def pair(folder: Path) -> tuple[Path, Path, Backbone]:
    """A checkpoint and adapters for it in a folder, and what both amount to."""
    base, own = folder / "base.safetensors", folder / "own.safetensors"
    digest = save(wider_backbone(), base)
    network = load(base).network
    found = adapted(network)
    half = {name: tensor.half().float() for name, tensor in found.items()}
    saved = save_adapters(found, own, base=digest, facts=FACTS)
    with safe_open(own, framework="pt") as file:
        assert file.metadata()["sha256"] == saved
        assert file.metadata()["format"] == adapters.FORMAT == "restore-adapter-1"
        assert file.metadata()["base"] == digest
    state = adapters.merged(load(base).network.state_dict(), half)
    expected = wider_backbone()
    expected.network.load_state_dict(state)
    return base, own, expected


def test_a_base_beside_the_file_is_found(tmp_path: Path) -> None:
    """Among other files, some of which are no checkpoints at all."""
    base, own, expected = pair(tmp_path)
    (tmp_path / "a.safetensors").write_bytes(b"nothing")
    save_file({"weight": torch.zeros(3)}, tmp_path / "b.safetensors")
    save(tiny_prior(), tmp_path / "c.safetensors")
    loaded = load(own)
    x = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(5))
    given = expected.denoiser()(x, 0.2)
    assert torch.allclose(loaded.denoiser()(x, 0.2), given, atol=2e-3)  # weights are of half precision
    assert (load(base).denoiser()(x, 0.2) - given).abs().max() > 0.02
    assert loaded.config == expected.config
    assert not any(p.requires_grad for p in loaded.network.parameters())
    assert loaded.facts["fit"] == FACTS["fit"]
    base.rename(tmp_path / "zzz.safetensors")
    assert torch.equal(load(own).denoiser()(x, 0.2), loaded.denoiser()(x, 0.2))


def test_the_file_is_much_smaller(tmp_path: Path) -> None:
    base, own, _ = pair(tmp_path)
    assert own.stat().st_size < 0.35 * base.stat().st_size
    with safe_open(own, framework="pt") as file:
        assert {file.get_tensor(name).dtype for name in list(file.keys())} == {torch.float16}


@pytest.mark.slow
def test_adapters_for_the_weights_in_the_package(tmp_path: Path) -> None:
    shipped = load(shipped_weights())
    found = adapted(load(shipped_weights()).network, 1)
    own = tmp_path / "own.safetensors"
    save_adapters(found, own, base=shipped.facts["sha256"], facts=FACTS)
    assert own.stat().st_size < 0.05 * shipped_weights().stat().st_size
    loaded = load(own)
    weight, was = loaded.network.stem.weight, shipped.network.stem.weight
    change = (found["stem.B"].half().float() @ found["stem.A"].half().float()).view_as(was)
    assert torch.allclose(weight, was + change, atol=2e-3)
    assert change.abs().max() > 0.01
    assert loaded.facts["fingerprints"] == shipped.facts["fingerprints"]


def test_other_weights_than_those_fitted_on(tmp_path: Path) -> None:
    base, own, _ = pair(tmp_path)
    digest = load(base).facts["sha256"]
    shipped = load(shipped_weights()).facts["sha256"]
    base.unlink()
    assert refused(own) == (
        f"{own}: these are adapters for the weights {digest[:12]}, but the package holds {shipped[:12]}; put "
        "that checkpoint beside them in the same folder, or fit again"
    )


def rewritten(path: Path, tensors: dict[str, Tensor] | None = None, **metadata: str | None) -> Path:
    """With a sound hash, whatever else is wrong."""
    with safe_open(path, framework="pt") as file:
        found, was = dict(file.metadata()), {name: file.get_tensor(name) for name in list(file.keys())}
    kept = was if tensors is None else tensors
    merged = {**found, "sha256": tensors_hash(kept), **metadata}
    save_file(kept, path, metadata={k: v for k, v in merged.items() if v is not None})
    return path


def tensors_of(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in list(file.keys())}


def test_damaged_adapters(tmp_path: Path) -> None:
    _, own, _ = pair(tmp_path)
    whole = own.read_bytes()
    own.write_bytes(whole[:-5])
    assert "damaged, or not a safetensors file" in refused(own)
    flipped = bytearray(whole)
    flipped[-1] ^= 1
    own.write_bytes(flipped)
    assert "damaged: its contents hash to" in refused(own)
    own.write_bytes(whole)
    assert "damaged: its contents hash to" in refused(rewritten(own, sha256="0" * 64))
    tensors = tensors_of(own)
    tensors["stem.A"][0, 0] = torch.nan
    assert "tensor stem.A holds numbers that are not finite" in refused(rewritten(own, tensors))


def test_adapters_that_fit_nothing(tmp_path: Path) -> None:
    _, own, _ = pair(tmp_path)
    tensors, whole = tensors_of(own), own.read_bytes()
    more = {**tensors, "zoo.A": torch.zeros(2, 4), "zoo.B": torch.zeros(4, 2)}
    assert "there is no convolution zoo" in refused(rewritten(own, more))
    own.write_bytes(whole)
    half = {name: tensor for name, tensor in tensors.items() if name != "stem.B"}
    assert "a half of its adapter is missing" in refused(rewritten(own, half))
    own.write_bytes(whole)
    assert "got restore-adapter-2" in refused(rewritten(own, format="restore-adapter-2"))
    own.write_bytes(whole)
    for entry in ("base", "facts"):
        assert f"KeyError('{entry}')" in refused(rewritten(own, **{entry: None}))
        own.write_bytes(whole)


def test_adapters_named_as_a_base_are_none(tmp_path: Path) -> None:
    """A file of adapters whose base would be adapters again, even itself, is refused, not followed."""
    base, own, _ = pair(tmp_path)
    base.unlink()
    digest = tensors_hash(tensors_of(own))
    other = tmp_path / "other.safetensors"
    other.write_bytes(own.read_bytes())
    for path in (own, other):
        assert "these are adapters for the weights" in refused(rewritten(path, base=digest))


def test_what_could_not_be_loaded_is_not_written(tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    with pytest.raises(WeightsError, match=r"tensor a\.A holds numbers that are not finite"):
        save_adapters({"a.A": torch.full((1, 2), 1e6)}, own, base="", facts={})
    with pytest.raises(OutputError, match="create the folder first"):
        save_adapters({"a.A": torch.ones(1, 2)}, tmp_path / "none" / "own", base="", facts={})
    assert list(tmp_path.iterdir()) == []


def starting_at_one(right: Callable[..., None]) -> Callable[..., None]:
    def init(self: adapters.LowRank, weight: Tensor, rank: int) -> None:
        right(self, weight, rank)
        nn.init.ones_(self.B)

    return init


def doubled(right: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda self, weight: 2 * right(self, weight) - weight


test_the_check_finds_the_mutant = mutant_tests(
    {
        check_adapters: [
            wrong(adapters.LowRank.__init__, starting_at_one, "B starts at 1"),
            wrong(adapters.LowRank.forward, doubled, "the product is added twice"),
            edited(adapters.merged, "(weight.float() + change)", "(weight.float() - change)"),
        ],
    }
)
