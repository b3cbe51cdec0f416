"""One backbone in four threads: what each gives alone, and nothing loaded twice."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import torch

import restore
from restore import images
from restore.images.quiet import quietly
from restore.inverse.build import chain_of
from restore.inverse.spec import parse_spec
from restore.priors import adapters
from restore.priors.backbone import Backbone
from restore.priors.checkpoint import shipped
from restore.priors.once import count_call, once
from restore.tasks import any_kind, damage_head
from restore.testing import tiny_prior
from restore.types import Step

pytestmark = pytest.mark.usefixtures("one_thread")

THREADS = 4
SEEN = torch.rand(3, 20, 16, generator=torch.Generator().manual_seed(0))
LARGE = torch.rand(3, 44, 84, generator=torch.Generator().manual_seed(1)) / 4 + 0.3
MASK = torch.zeros(20, 16)
MASK[8:11, 5:9] = 1
HALF = chain_of([parse_spec("down=2")])

GROUPS: dict[str, list[Callable[..., Any]]] = {
    "tasks": [
        lambda **how: restore.denoise(SEEN, sigma=25, estimate="sample", steps=4, **how),
        lambda **how: restore.inpaint(SEEN, MASK, steps=4, seed=3, **how),
        lambda **how: restore.solve(
            SEEN, HALF, sigma=2, method="dps", estimate="sample", steps=4, **how
        ),  # differentiates the network
        lambda **how: restore.sample(2, size=(12, 8), steps=4, seed=5, **how),
    ],
    "adapters": [
        lambda shift=shift, **how: restore.denoise(LARGE[:, :, shift : shift + 44], method="real", **how)
        for shift in (0, 10, 20, 30)
    ],
    "seeds": [
        lambda seed=seed, **how: restore.vary(SEEN, 0.3, steps=3, seed=seed, sampler="ddpm", **how)
        for seed in range(THREADS)
    ],
    "kinds": [
        lambda **how: restore.upscale((255 * SEEN).byte(), 2, steps=2, **how),
        lambda **how: restore.dejpeg(SEEN.double(), quality=20, **how),
        lambda **how: restore.denoise(
            4095 * SEEN, sigma=9, method="blind", estimate="sample", specks=True, steps=2, **how
        ),
        lambda **how: restore.erase(SEEN[None], box=(5, 8, 4, 3), steps=2, **how),
    ],
}


def adapted() -> Backbone:
    prior, other = tiny_prior(), tiny_prior().network
    adapters.add_adapters(other, rank=1)
    for name, tensor in adapters.adapter_tensors(other).items():
        prior.noise_adapters[name] = torch.full_like(tensor, 0.05)
    return prior


def at_once(runs: list[Callable[[], Any]]) -> list[Any]:
    with ThreadPoolExecutor(THREADS) as pool:
        return [each.result(timeout=60) for each in [pool.submit(run) for run in runs]]


@pytest.mark.parametrize("group", GROUPS)
def test_four_threads_share_a_backbone(group: str) -> None:
    runs = GROUPS[group]
    alone = [run(prior=adapted()) for run in runs]
    shared, gate = adapted(), Barrier(THREADS, timeout=30)
    shared.ensemble = 1
    state = torch.get_rng_state(), np.random.get_state()[1].tolist()

    def met(run: Callable[..., Any]) -> Any:
        def meet(step: Step) -> None:
            if step.number <= 2:  # all four are between two calls
                gate.wait()

        gate.wait()
        return run(prior=shared, callback=meet)

    found = at_once([lambda run=run: met(run) for run in runs])  # type: ignore[misc]
    for one, expected in zip(found, alone, strict=True):
        assert torch.equal(one, expected)
    assert torch.equal(torch.get_rng_state(), state[0])
    assert np.random.get_state()[1].tolist() == state[1]


def test_calls_of_all_threads_are_counted() -> None:
    prior = tiny_prior()
    at_once([lambda: [count_call(prior) for _ in range(500)]] * THREADS)
    at_once([lambda: restore.denoise(SEEN, sigma=25, prior=prior)] * THREADS)
    assert prior.calls == 501 * THREADS


def test_the_adapted_network_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    merged, gate, made = adapters.merged, Barrier(THREADS, timeout=30), []

    def slowly(*args: Any) -> Any:
        made.append(1)
        time.sleep(0.05)
        return merged(*args)

    monkeypatch.setattr(adapters, "merged", slowly)
    prior = adapted()

    def ask() -> Any:
        gate.wait()
        return prior.for_noise()

    assert len(set(map(id, at_once([ask] * THREADS)))) == len(made) == 1


def test_weights_are_loaded_once() -> None:
    loaded, gate = [], Barrier(THREADS, timeout=30)

    @once
    def load(name: str) -> object:
        loaded.append(name)
        time.sleep(0.05)
        return object()

    def ask() -> object:
        gate.wait()
        return load("a")

    assert len(set(at_once([ask] * THREADS))) == 1
    assert loaded == ["a"]
    for each in (shipped, any_kind._loaded, damage_head.head, damage_head._stored):
        assert isinstance(each, once)


def test_filters_of_warnings_are_put_back() -> None:
    before, gate = list(warnings.filters), Barrier(2, timeout=30)

    def first() -> None:
        with quietly():
            gate.wait()
            gate.wait()
        gate.wait()

    def second() -> None:
        gate.wait()
        with quietly():
            gate.wait()
            gate.wait()
            assert warnings.filters[0][0] == "ignore"

    at_once([first, second])
    assert list(warnings.filters) == before


def test_files_are_read_at_once(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (8, 9, 3), np.uint16)
    for name in ("a.png", "b.tif"):
        images.write(tmp_path / name, images.Picture(pixels))
    prior = tiny_prior()
    expected = restore.denoise(pixels, sigma=9, prior=prior)
    names = ["a.png", "b.tif"] * 4
    found = at_once(
        [lambda name=name: restore.denoise(tmp_path / name, sigma=9, prior=prior) for name in names]  # type: ignore[misc]
    )
    assert all((one.pixels == expected).all() for one in found)
