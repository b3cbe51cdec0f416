"""Numbers of learning from noisy pictures alone. Every noisy file is made once and never again.

python benchmarks/noisy.py freeze DATA OUT            noisy pictures to fit to, as float TIFFs
python benchmarks/noisy.py gaussian DATA [WEIGHTS]    shipped weights, fitted ones and BM3D, same files
python benchmarks/noisy.py pairs DATA [STEPS]         Noise2Noise beside the same with clean targets
python benchmarks/noisy.py prior DATA OUT [STEPS]       priors of clean, cleaned and noisy pictures
python benchmarks/noisy.py scans OUT                  pages with two kinds of noise, to fit to and to test on
python benchmarks/noisy.py pages OUT KIND WEIGHTS     fitted weights on the pages kept for testing
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pages import page
from PIL import Image

from restore import images
from restore.evaluation.metrics import psnr
from restore.fitting import objectives
from restore.fitting.fitter import FitSetup, Fitter
from restore.fitting.from_noisy import train_from_noisy
from restore.fitting.objectives import Restoration
from restore.noise.model import white_noise
from restore.priors.backbone import Backbone, BackboneConfig
from restore.priors.checkpoint import load
from restore.priors.device import best_dtype
from restore.priors.unet import UNet, UNetConfig
from restore.tasks.denoise import denoise
from restore.training import degradations as damage
from restore.training.batches import Mix
from restore.training.config import DataConfig, FitConfig, RunConfig, TrainConfig
from restore.training.data import PictureStore, halved, read_pictures, validation_crops
from restore.training.trainer import train

SIGMA = 25
Pixels = NDArray[np.uint8]


# ----------------------------------------------------------------------------------- Gaussian noise


def freeze(data: Path, out: Path, shards: int = 2) -> None:
    """Half-size training pictures, at most 1200 pixels a side, with noise of their own, neither clipped
    nor quantised."""
    rng = np.random.default_rng(123)
    out.mkdir(parents=True, exist_ok=True)
    for number, clean in enumerate(_training(data, shards)):
        images.write(out / f"{number:04}.tif", images.Picture(pixels=_noisy(clean, rng)))


def _training(data: Path, shards: int) -> Iterator[Pixels]:
    for shard in sorted((data / "train").glob("*.tar"))[:shards]:
        for picture in read_pictures([shard]):
            small = halved(picture)[:1200, :1200]
            if min(small.shape[:2]) >= 96:
                yield small


def _noisy(clean: Pixels, rng: np.random.Generator) -> NDArray[np.float32]:
    return clean.astype(np.float32) / 255 + SIGMA / 255 * rng.standard_normal(clean.shape, dtype=np.float32)


def gaussian(data: Path, weights: Path | None = None) -> None:
    """PSNR (RGB) on whole pictures with unclipped noise of sigma 25, one file each for all rows."""
    sets = {name: sorted((data / "test" / name).iterdir()) for name in ("set14", "kodak24", "bsd300_test")}
    rows: dict[str, Callable[[NDArray[np.float32]], NDArray[Any]]] = {}
    for kind, file in {"shipped": None, **({"fitted": weights} if weights else {})}.items():
        rows[kind] = _with(load(file), 1)
        rows[f"{kind}, eight orientations"] = _with(load(file), 8)
    try:
        from bm3d import bm3d_rgb

        rows["BM3D"] = lambda noisy: bm3d_rgb(noisy, SIGMA / 255)
    except ImportError:
        print("BM3D is left out: pip install bm3d")
    print("| | " + " | ".join(sets) + " |\n|---" + "|---" * len(sets) + "|")
    scores: dict[str, list[float]] = {name: [] for name in rows}
    for set_name, paths in sets.items():
        each: dict[str, list[float]] = {name: [] for name in rows}
        for path in paths:
            clean = images.read(path).pixels
            noise = np.random.RandomState(0).normal(0, SIGMA / 255, clean.shape)
            noisy = (clean / 255 + noise).astype(np.float32)
            for name, run in rows.items():
                each[name].append(_psnr(run(noisy), clean))
        for name in rows:
            scores[name].append(float(np.mean(each[name])))
            print(f"{set_name}: {name} {scores[name][-1]:.2f} dB", file=sys.stderr, flush=True)
    for name, values in scores.items():
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in values) + " |", flush=True)


def _with(backbone: Backbone, ensemble: int) -> Callable[[NDArray[np.float32]], NDArray[Any]]:
    backbone.ensemble = ensemble
    return lambda noisy: denoise(noisy, sigma=SIGMA, prior=backbone)


def _psnr(result: NDArray[Any], clean: Pixels) -> float:
    rounded = np.round(np.clip(result, 0, 1) * 255) / 255
    first, second = (
        torch.from_numpy(np.asarray(a, np.float64)).permute(2, 0, 1)[None] for a in (rounded, clean / 255)
    )
    return float(psnr(first, second)[0])


# ------------------------------------------------------------------------------------------- pairs


class CleanTargets(Fitter):
    """The same crops of the same noisy views, compared with the clean picture, which is the third view."""

    def loss(self, f: Restoration) -> torch.Tensor:
        which = self.store._choose(self.config.batch, self.generator)
        seen = torch.randint(2, which.shape, generator=self.generator)
        noisy, clean = self.store._cut(which, self.generator, seen, torch.full_like(which, 2))
        return objectives.noise2noise(f, noisy, clean)


class NoisyTargets(Fitter):
    """The first two views, each compared with the other."""

    def loss(self, f: Restoration) -> torch.Tensor:
        which = self.store._choose(self.config.batch, self.generator)
        seen = torch.randint(2, which.shape, generator=self.generator)
        noisy, other = self.store._cut(which, self.generator, seen, 1 - seen)
        return objectives.noise2noise(f, noisy, other)


def pairs(data: Path, steps: int = 1500) -> None:
    """A small network from random weights: noisy targets and clean ones, all else the same."""
    rng = np.random.default_rng(5)
    scenes = []
    for clean in _training(data, 1):
        views = (_noisy(clean, rng), _noisy(clean, rng), clean / np.float32(255))
        scenes.append(tuple(view.astype(np.float16) for view in views))
    store = PictureStore(scenes, 96)
    torch.manual_seed(0)
    config = BackboneConfig(network=UNetConfig(channels=(32, 64, 96), blocks=1))
    base = Backbone(UNet(config.network), config).to(dtype=best_dtype("cpu"))
    settings = FitConfig(method="noise2noise", from_scratch=True, minutes=0, steps=steps)
    for kind in (NoisyTargets, CleanTargets):
        start = time.monotonic()
        setup = FitSetup("noise2noise", "blind", white_noise(SIGMA / 255), base)
        fitter = kind(settings, setup, store, Path())
        f = fitter.restoration()
        while fitter.progress < 1:
            fitter.train_step(f)
        fitted = fitter.with_weights(fitter.average)
        results = []
        for path in sorted((data / "test" / "kodak24").iterdir()):
            clean = images.read(path).pixels
            noise = np.random.RandomState(0).normal(0, SIGMA / 255, clean.shape)
            noisy = (clean / 255 + noise).astype(np.float32)
            results.append(_psnr(denoise(noisy, method="blind", prior=fitted), clean))
        print(
            f"{kind.__name__}: {np.mean(results):.3f} dB on Kodak, {time.monotonic() - start:.0f} s",
            flush=True,
        )


# ------------------------------------------------------------------------------------------- scans


def _correlated(page_: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return damage.correlated_noise(page_, torch.tensor([22 / 255]), 2.0, generator)


def _growing(page_: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return damage.poisson_gaussian_noise(page_, torch.tensor([0.02]), torch.tensor([4 / 255]), generator)


KINDS = {"correlated": _correlated, "growing": _growing}
"""Noise blurred over two pixels (the shipped weights saw up to 1.4), and noise of gain 0.02."""


def scans(out: Path) -> None:
    """Twenty pages of a megapixel to fit to and five more to test on, 8 bits: OUT/KIND/fit, OUT/KIND/test
    and, for measuring only, OUT/clean."""
    generator = torch.Generator().manual_seed(0)
    for part, numbers in (("fit", range(20)), ("test", range(100, 105))):
        for number in numbers:
            clean, _ = page(number)
            _write(out / "clean" / part / f"{number:03}.png", clean)
            planes = torch.from_numpy(clean.astype(np.float32) / 255).permute(2, 0, 1)[None]
            for kind, damaged in KINDS.items():
                noisy = (
                    (damaged(planes, generator)[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy()
                )
                _write(out / kind / part / f"{number:03}.png", noisy)


def _write(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def pages(out: Path, kind: str, weights: Path) -> None:
    """PSNR on the pages kept for testing: noisy, as the shipped weights leave them, as the fitted ones do."""
    fitted = load(weights)
    rows: dict[str, dict[str, Any]] = {
        "shipped, gaussian": {"method": "gaussian"}, "shipped, blind": {"method": "blind"}, "shipped": {},
        "fitted": {"prior": fitted},
    }  # fmt: skip
    files = sorted((out / kind / "test").iterdir())
    clean = [images.read(out / "clean" / "test" / path.name).pixels for path in files]
    noisy = [images.read(path).pixels for path in files]
    print(f"{kind}: noisy {np.mean([_psnr(y / 255, x) for y, x in zip(noisy, clean, strict=True)]):.2f}")
    for name, options in rows.items():
        results = [_psnr(denoise(y, **options) / 255, x) for y, x in zip(noisy, clean, strict=True)]
        print(f"{kind}: {name} {np.mean(results):.2f}", flush=True)


# ------------------------------------------------------------------------------------------- prior


def prior(data: Path, out: Path, steps: int = 2500) -> None:
    """Three priors on one small set, the same network and steps: trained on clean pictures, on what a fitted
    denoiser makes of noisy ones, and on the noisy ones as they are; how well each removes more noise."""
    rng = np.random.default_rng(7)
    for folder in ("clean", "noisy"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for number, clean in enumerate(_training(data, 1)):
        _write(out / "clean" / f"{number:04}.png", clean)
        images.write(
            out / "noisy" / f"{number:04}.tif", images.Picture(pixels=_noisy(clean, rng)), overwrite=True
        )
    network = UNetConfig(channels=(32, 64, 96, 128))
    config = TrainConfig(
        data=DataConfig(train=(str(out / "clean"),), half_size=False, text=0.0, faded=0.0, gray=0.0),
        backbone=BackboneConfig(network=network),
        mix=Mix(unconditional=1, upscale=0, inpaint=0, denoise=0, sigma_low=1.1 * SIGMA / 255),
        fit=FitConfig(minutes=8, sigma=SIGMA),
    )
    names: tuple[Any, ...] = ("clean", "cleaned", "as-they-are")
    for name in names:
        run = replace(config, run=RunConfig(out=str(out / f"run-{name}"), steps=steps, save_every=0))
        weights = train(run) if name == "clean" else train_from_noisy(run, [out / "noisy"], name)
        backbone = load(weights)
        crops = validation_crops(data / "val" / "cid22_val")
        for level in (30, 50, 100):
            noise = torch.randn(crops.shape, generator=torch.Generator().manual_seed(level))
            restored = backbone.denoiser()(crops + level / 255 * noise, level / 255)
            print(
                f"{name}: sigma {level}: {float(psnr(restored.clamp(0, 1), crops).mean()):.2f} dB", flush=True
            )


def main(command: str, *arguments: str) -> None:
    if command == "freeze":
        freeze(Path(arguments[0]), Path(arguments[1]))
    elif command == "gaussian":
        gaussian(Path(arguments[0]), *map(Path, arguments[1:]))
    elif command == "pairs":
        pairs(Path(arguments[0]), *map(int, arguments[1:]))
    elif command == "prior":
        prior(Path(arguments[0]), Path(arguments[1]), *map(int, arguments[2:]))
    elif command == "scans":
        scans(Path(arguments[0]))
    elif command == "pages":
        pages(Path(arguments[0]), arguments[1], Path(arguments[2]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["help"]))
