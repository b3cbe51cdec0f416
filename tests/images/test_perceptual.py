"""LPIPS: against published numbers, its own package, and files that are not its trunk."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from perceptual_trunks import random_trunk
from perceptual_trunks import random_trunk_file as random_trunk_file
from torch import Tensor
from torch.nn import functional as F

from restore.errors import RestoreError, WeightsError
from restore.images.perceptual import Lpips, _unit


def pictures(seed: int, shape: tuple[int, ...] = (2, 3, 19, 14)) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def trunk(random_trunk_file: Path) -> Path:
    return random_trunk_file


def test_lpips_gives_the_published_numbers(shared_data: Path) -> None:
    """The pair in torchmetrics' documentation: two pictures drawn with seed 42 give 0.1024 and 0.0938."""
    generator = torch.Generator().manual_seed(42)
    a, b = (torch.rand(2, 3, 100, 100, generator=generator) for _ in range(2))
    scores = Lpips(shared_data / "metrics" / "squeezenet1_1_features.pth")(a, b)
    assert scores.tolist() == pytest.approx([0.1024, 0.0938], abs=5e-5)


@pytest.mark.slow
@pytest.mark.parametrize("spatial", [False, True])
def test_lpips_is_that_of_its_package(trunk: Path, spatial: bool) -> None:
    distance = Lpips(trunk)
    a, b = pictures(11, (2, 3, 64, 48)), pictures(12, (2, 3, 64, 48))
    network = distance._network
    network.spatial = spatial
    with torch.inference_mode():
        expected = network(a, b, normalize=True)
    where = (pictures(13, (2, 1, 64, 48)) < 0.3).float()
    if spatial:
        wanted = (expected * where).sum((1, 2, 3)) / where.sum((1, 2, 3))
        torch.testing.assert_close(distance(a, b, where=where), wanted)
    else:
        torch.testing.assert_close(distance(a, b), expected.flatten())


def test_lpips_is_a_distance_of_each_picture(trunk: Path) -> None:
    distance = Lpips(trunk)
    a, b = pictures(7, (2, 3, 37, 32)), pictures(8, (2, 3, 37, 32))
    assert distance(a, a).tolist() == [0, 0]
    torch.testing.assert_close(distance(a, b), distance(b, a))
    torch.testing.assert_close(distance(a, b)[1:], distance(a[1:], b[1:]))
    assert (distance(a, b) > 1e-3).all()
    half = torch.cat([a[:1], (a[1:] + b[1:]) / 2])
    assert distance(a, half)[0] == 0 < distance(a, half)[1] < distance(a, b)[1]


@pytest.mark.slow
@pytest.mark.parametrize("net", ["squeeze", "alex"])
def test_lpips_loads_every_layer_of_the_trunk(net: str, tmp_path: Path) -> None:
    """The distance by hand: torchvision's own network, unit features, the heads in the wheel."""
    import lpips
    import torchvision

    weights = random_trunk(net)
    torch.save(weights, tmp_path / "trunk.pth")
    a, b = pictures(9, (1, 3, 40, 40)), pictures(10, (1, 3, 40, 40))
    build = {"squeeze": torchvision.models.squeezenet1_1, "alex": torchvision.models.alexnet}[net]
    network = build(weights=None).eval()
    network.load_state_dict(weights)
    wheel = Path(lpips.__file__).parent
    heads = torch.load(wheel / "weights" / "v0.1" / f"{net}.pth", map_location="cpu", weights_only=True)
    taps = {"squeeze": (1, 4, 7, 9, 10, 11, 12), "alex": (1, 4, 7, 9, 11)}[net]

    def features(x: Tensor) -> list[Tensor]:
        x = (2 * x - 1 - torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)) / torch.tensor(
            [0.458, 0.448, 0.450]
        ).view(3, 1, 1)
        found = []
        for number, layer in enumerate(network.features[: taps[-1] + 1]):
            x = layer(x)
            if number in taps:
                found.append(F.normalize(x, dim=1).clone())
        return found

    with torch.inference_mode():
        expected = sum(
            F.conv2d((x - y) ** 2, heads[f"lin{k}.model.1.weight"]).mean()
            for k, (x, y) in enumerate(zip(features(a), features(b), strict=True))
        )
    torch.testing.assert_close(
        Lpips(tmp_path / "trunk.pth", net=net)(a, b)[0], expected, rtol=1e-4, atol=1e-7
    )


def test_the_loss_is_the_distance_and_leads_to_the_picture(trunk: Path) -> None:
    """A few steps along its gradient bring a noisy picture nearer; black ones have one, too."""
    distance = Lpips(trunk)
    a, b = pictures(14, (2, 3, 40, 40)), pictures(15, (2, 3, 40, 40))
    where = (pictures(16, (2, 1, 40, 40)) < 0.3).float()
    torch.testing.assert_close(distance.loss(a, b), distance(a, b))
    torch.testing.assert_close(distance.loss(a, b, where=where), distance(a, b, where=where))
    found = a.clone().requires_grad_()
    optimizer = torch.optim.Adam([found], lr=0.02)
    for _ in range(15):
        optimizer.zero_grad()
        distance.loss(found, b).sum().backward()
        optimizer.step()
    assert (distance(found.detach(), b) < 0.7 * distance(a, b)).all()
    black = torch.zeros(1, 3, 32, 32, requires_grad=True)
    distance.loss(black, b[:1, :, :32, :32]).sum().backward()
    assert black.grad is not None
    assert torch.isfinite(black.grad).all()


def test_features_that_are_all_zero_have_a_gradient() -> None:
    layer = torch.zeros(1, 4, 2, 2)
    layer[..., 0] = torch.tensor([3.0, 0.0, 4.0, 0.0]).view(1, 4, 1)
    layer.requires_grad_()
    unit = _unit(layer)
    torch.testing.assert_close(unit[0, :, 0, 0], torch.tensor([0.6, 0.0, 0.8, 0.0]))
    assert unit[..., 1].abs().max() == 0
    unit.sum().backward()
    assert layer.grad is not None
    assert torch.isfinite(layer.grad).all()


def test_lpips_leaves_the_random_numbers_alone(trunk: Path) -> None:
    before = torch.random.get_rng_state()
    Lpips(trunk)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_lpips_looks_in_three_places(trunk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RESTORE_LPIPS_TRUNK", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(
        RestoreError, match=r"no squeezenet1_1-\*\.pth in .*checkpoints; set RESTORE_LPIPS_TRUNK"
    ):
        Lpips()
    cached = tmp_path / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(trunk.read_bytes())
    assert Lpips().trunk == cached
    named = tmp_path / "named.pth"
    named.write_bytes(trunk.read_bytes())
    monkeypatch.setenv("RESTORE_LPIPS_TRUNK", str(named))
    assert Lpips().trunk == named
    assert Lpips(trunk).trunk == trunk
    named.unlink()
    # A name that leads nowhere is said so; the cache does not step in.
    with pytest.raises(WeightsError, match=r"named\.pth: no such file, named by RESTORE_LPIPS_TRUNK"):
        Lpips()
    with pytest.raises(WeightsError, match=r"gone\.pth: no such file; expected torchvision's squeeze"):
        Lpips(tmp_path / "gone.pth")


def test_lpips_refuses_another_trunk(tmp_path: Path) -> None:
    path = tmp_path / "trunk.pth"
    weights = random_trunk("squeeze")

    def refusal(content: object) -> str:
        torch.save(content, path)
        with pytest.raises(WeightsError) as caught:
            Lpips(path)
        return str(caught.value)

    lacking = {name: weight for name, weight in weights.items() if name != "features.7.squeeze.bias"}
    assert "lacks tensor features.7.squeeze.bias" in refusal(lacking)
    assert "has an unknown tensor features.99.weight" in refusal(
        weights | {"features.99.weight": torch.ones(1)}
    )
    wide = weights | {"features.0.weight": torch.zeros(64, 3, 5, 5)}
    assert "features.0.weight is (64, 3, 5, 5), expected (64, 3, 3, 3)" in refusal(wide)
    assert "expected named weights, got list" in refusal([1, 2])
    assert "damaged, or not a file of weights" in refusal(Path())  # needs code of pathlib to be rebuilt
    path.write_bytes(b"")
    with pytest.raises(WeightsError, match="damaged"):
        Lpips(path)
    path.write_bytes(b"not weights at all, only some bytes")
    with pytest.raises(WeightsError, match="damaged"):
        Lpips(path)
    torch.save(weights, path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(WeightsError, match="damaged"):
        Lpips(path)


def test_lpips_refuses_wrong_arguments(trunk: Path) -> None:
    with pytest.raises(ValueError, match="one of squeeze, alex, vgg; got 'resnet'"):
        Lpips(trunk, net="resnet")  # type: ignore[arg-type] # what is refused
    with pytest.raises(ValueError, match=r"at least 32x32 pixels .* got \(1, 3, 31, 40\)"):
        Lpips(trunk)(torch.zeros(1, 3, 31, 40), torch.zeros(1, 3, 31, 40))
    with pytest.raises(ValueError, match=r"got \(1, 1, 40, 40\)"):
        Lpips(trunk)(torch.zeros(1, 1, 40, 40), torch.zeros(1, 1, 40, 40))
