"""The tasks as modules: they do what the functions do, move, are copied, and say what they cannot."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader

import restore
from restore.inverse.build import chain_of
from restore.inverse.spec import parse_spec
from restore.nn import Deblur, Dejpeg, Denoise, Inpaint, PosteriorMean, PriorModule, Solve, Upscale
from restore.priors.checkpoint import shipped
from restore.priors.posterior_mean import posterior_mean
from restore.testing import tiny_prior

TINY = tiny_prior()
MASK = torch.zeros(1, 1, 16, 16)
MASK[..., 4:8, 4:9] = 1
HALVED = chain_of([parse_spec("down=2")])

CASES: dict[str, tuple[PriorModule, Callable[[Any], Any]]] = {
    "Denoise": (
        Denoise(25, strength=0.5, prior=TINY),
        lambda x: restore.denoise(x, sigma=25, strength=0.5, prior=TINY),
    ),
    "Inpaint": (Inpaint(MASK, steps=1, prior=TINY), lambda x: restore.inpaint(x, MASK, steps=1, prior=TINY)),
    "Upscale": (Upscale(2, steps=1, prior=TINY), lambda x: restore.upscale(x, 2, steps=1, prior=TINY)),
    "Deblur": (
        Deblur("gaussian:1", sigma=5, steps=1, prior=TINY),
        lambda x: restore.deblur(x, "gaussian:1", sigma=5, steps=1, prior=TINY),
    ),
    "Dejpeg": (Dejpeg(20, steps=1, prior=TINY), lambda x: restore.dejpeg(x, quality=20, steps=1, prior=TINY)),
    "Solve": (
        Solve(HALVED, sigma=5, steps=1, prior=TINY),
        lambda x: restore.solve(x, HALVED, sigma=5, steps=1, prior=TINY),
    ),
}


def pictures(channels: int = 3, *, count: int = 2, side: int = 16) -> Tensor:
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", CASES)
def test_a_module_and_its_copies_do_what_its_function_does(name: str) -> None:
    module, function = CASES[name]
    x = pictures(count=1)
    assert torch.equal(pickle.loads(pickle.dumps(copy.deepcopy(module)))(x), function(x))
    said = repr(module)
    assert said.startswith(f"{name}(")
    assert "prior=Backbone" in said
    assert "\n" not in said
    assert len(said) < 300


def test_gray_stays_gray() -> None:
    x = pictures(1)
    assert torch.equal(CASES["Denoise"][0](x), CASES["Denoise"][1](x))
    assert CASES["Upscale"][0](x).shape == (2, 1, 32, 32)


def test_options_stand_in_what_it_says() -> None:
    assert (
        repr(Inpaint(MASK, steps=3, device="cpu"))
        == "Inpaint(mask=Tensor(1, 1, 16, 16), steps=3, device=cpu)"
    )
    assert repr(PosteriorMean(sigma=10)) == "PosteriorMean(sigma=10)"


def test_kinds_of_pictures_come_back() -> None:
    denoise = Denoise(25, prior=TINY)
    assert isinstance(denoise(Image.new("RGB", (8, 8))), Image.Image)
    assert denoise(np.zeros((8, 8), np.uint8)).dtype == np.uint8
    assert denoise(pictures()[0].half()).dtype == torch.float16
    assert denoise((pictures() * 255).to(torch.uint8)).dtype == torch.uint8


def test_the_scale_of_floats_is_not_guessed() -> None:
    x = pictures() - 5  # far beyond noise: the functions would refuse it
    with pytest.raises(ValueError, match="data_range"):
        restore.denoise(x, sigma=25, prior=TINY)
    assert Denoise(25, prior=TINY)(x).shape == x.shape


def test_in_a_sequence_and_in_torchvisions_transforms() -> None:
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    x = pictures()
    both = nn.Sequential(Denoise(25, prior=TINY), Upscale(2, steps=1, prior=TINY), nn.AvgPool2d(2))
    assert both(x).shape == x.shape
    photo = tv_tensors.Image((x[0] * 255).to(torch.uint8))
    steps = [v2.ToDtype(torch.float32, scale=True), v2.Lambda(Denoise(25, prior=TINY), tv_tensors.Image)]
    found, label = v2.Compose(steps)(photo, torch.tensor(3))
    assert type(found) is tv_tensors.Image
    assert label == 3
    torch.testing.assert_close(torch.as_tensor(found), restore.denoise(photo / 255, sigma=25, prior=TINY))


def test_what_it_does_not_take_is_said_when_it_is_made() -> None:
    with pytest.raises(TypeError, match=r"options of restore.deblur, which has no 'strenght'"):
        Deblur("gaussian:1", strenght=1)
    with pytest.raises(TypeError, match=r"prior=restore.load\('mine.safetensors'\)"):
        Denoise(prior="mine.safetensors")
    with pytest.raises(ValueError, match="device and dtype are for the weights in the package"):
        Denoise(prior=TINY, device="cpu")
    with pytest.raises(ValueError, match="expected a mask, got none"):
        Inpaint(prior=TINY)(pictures())
    with pytest.raises(ValueError, match="expected a noise level, got none"):
        PosteriorMean(prior=TINY)(pictures())


def test_no_gradient_is_lost_in_silence() -> None:
    x = pictures().requires_grad_()
    with pytest.raises(ValueError, match=r"Denoise gives no gradient.*restore\.nn\.PosteriorMean"):
        Denoise(25, prior=TINY)(x)
    with torch.no_grad():
        assert not Denoise(25, prior=TINY)(x).requires_grad


@pytest.mark.parametrize("channels", [1, 3])
def test_the_gradient_of_the_posterior_mean_is_that_of_finite_differences(channels: int) -> None:
    module = PosteriorMean(prior=TINY)
    x, way = pictures(channels, side=8), pictures(channels, side=8).flip(-1) - 0.5
    weigh = torch.linspace(-1, 1, x.numel()).view_as(x)
    sigma = torch.tensor([10.0, 60.0])
    given = x.clone().requires_grad_()
    (module(given, sigma) * weigh).sum().backward()
    assert given.grad is not None
    step = 0.02
    with torch.no_grad():
        ends = [(module(x + sign * step * way, sigma) * weigh).sum() for sign in (1, -1)]
    found, expected = float((given.grad * way).sum()), float(ends[0] - ends[1]) / (2 * step)
    assert abs(expected) > 0.01
    assert found == pytest.approx(expected, rel=0.01)


def test_each_picture_has_its_own_level() -> None:
    x = pictures(count=3)
    denoise = TINY.denoiser()
    found = posterior_mean(TINY, x, torch.tensor([0.2, 0.0, 0.2]))
    assert torch.equal(found[[0, 2]], denoise(x[[0, 2]], 0.2))
    assert torch.equal(found[1], x[1])
    assert torch.equal(PosteriorMean(51, prior=TINY)(x), denoise(x, 0.2))


@pytest.mark.parametrize(
    ("x", "sigma", "error", "says"),
    [
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), 0.1, TypeError, "tensor of floats.*uint8"),
        (np.zeros((8, 8)), 0.1, TypeError, "got ndarray"),
        (torch.zeros(1, 2, 8, 8), 0.1, ValueError, r"got \(1, 2, 8, 8\)"),
        (torch.zeros(3, 8, 8), 0.1, ValueError, r"got \(3, 8, 8\)"),
        (torch.zeros(1, 3, 8, 8), torch.zeros(2), ValueError, "2 levels for 1 pictures"),
        (torch.zeros(1, 3, 8, 8), -0.1, ValueError, "0 or more, got -0.1"),
        (torch.zeros(1, 3, 8, 8), float("nan"), ValueError, "0 or more, got nan"),
    ],
)
def test_what_the_posterior_mean_refuses(x: Any, sigma: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        posterior_mean(TINY, x, sigma)


def test_a_prior_that_was_given_is_moved_as_a_copy() -> None:
    pipeline = nn.Sequential(PosteriorMean(25, prior=TINY), nn.Conv2d(3, 3, 1)).double()
    held = pipeline[0]
    assert isinstance(held, PosteriorMean)
    assert (held.prior.dtype, TINY.dtype) == (torch.float64, torch.float32)
    x = pictures()
    torch.testing.assert_close(held(x), PosteriorMean(25, prior=TINY)(x), atol=1e-4, rtol=0)
    torch.testing.assert_close(held.half()(x), PosteriorMean(25, prior=TINY)(x), atol=0.01, rtol=0)
    before = held.prior
    assert held.float().float().prior is not before
    assert held.prior is held.to("cpu").prior


def test_the_weights_of_the_package_are_shared_and_chosen_by_device_and_precision() -> None:
    first, second = Denoise(), Upscale(2)
    assert first.prior is shipped()
    kept = shipped().dtype
    half = nn.Sequential(first, second).half()
    assert first.prior is second.prior
    assert first.prior.dtype == torch.float16
    assert shipped().dtype == kept
    assert len(pickle.dumps(half)) < 3000
    assert half.state_dict() == {}
    assert list(half.parameters()) == []
    assert first.train().training


def test_a_prior_that_cannot_move_says_so() -> None:
    class Fixed:
        device, dtype = torch.device("cpu"), torch.float32

        def denoiser(self) -> None: ...

        def copy(self, dtype: torch.dtype) -> Fixed:
            return self

    with pytest.raises(TypeError, match="Fixed has no method `to`; load it on meta"):
        PriorModule(Fixed()).to("meta")  # type: ignore[arg-type]


class Clean:
    """Restores a batch in a worker."""

    def __init__(self, *, by_module: bool):
        self.module = Denoise(25, prior=TINY) if by_module else None

    def __call__(self, batch: list[Tensor]) -> Tensor:
        x = torch.stack(batch)
        if self.module is not None:
            found: Tensor = self.module(x)
            return found
        return restore.denoise(x, sigma=25, prior=TINY)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("by_module", [True, False])
def test_in_the_forked_workers_of_a_data_loader(by_module: bool) -> None:
    x = pictures(count=2)
    clean = Clean(by_module=by_module)
    loader = DataLoader(list(x), num_workers=2, collate_fn=clean, multiprocessing_context="fork")
    torch.testing.assert_close(torch.cat(list(loader)), restore.denoise(x, sigma=25, prior=TINY))


def test_a_size_stands_for_the_scale() -> None:
    assert Upscale(size=(16, 18), steps=1, prior=TINY)(torch.rand(1, 3, 8, 9)).shape == (1, 3, 16, 18)
