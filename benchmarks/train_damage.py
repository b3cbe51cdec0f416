"""Train the small network of `restore repair`, restore/weights/damage.safetensors.

``python benchmarks/train_damage.py PICTURES OUT.safetensors --steps 2400`` takes crops of the pictures of a
folder, which may lie in tar files, damages them, and trains on the CPU. It saves its state beside the result
and goes on from there when it is started again. Then it fits the network that judges by the surroundings to
what the first one answers for other damaged pieces of the pictures.

The weights in the package have seen 21,600 crops: 18,000 of an earlier damage_simulator.py, then 3,600 of
this one at a rate that fell from 2e-3 to nothing. ``--steps 5400`` takes as many from the start, but is not
yet tried. The network that judges was fitted to 700 pieces.
"""

from __future__ import annotations

import argparse
import tarfile
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from damage_simulator import Plane, Rng, damaged
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, distributed, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from restore import images
from restore.errors import RestoreError
from restore.priors.checkpoint import tensors_hash
from restore.tasks.damage_context import FACTS, SPREAD, facts
from restore.tasks.damage_head import DamageHead, features, folded, probabilities

Pixels = NDArray[np.uint8]
SIDE, BATCH = 192, 4  # pixels a side of crops; crops a step and process
SCALES = (1.0, 1.0, 0.75, 0.5, 0.4)  # at which pictures are looked at
DECAY = 0.73  # of the steps are taken at the full rate, which then falls to nothing
RATE = 3e-3
LIVELY = 0.4  # of crops are the livelier of two
PIECE, JUDGED = 384, 1200  # pixels a side of the pieces that are judged, and how many there are
SAMPLED = 600  # pixels at most of a piece
HIDDEN, TURNS, DROPPED = (24, 16), 3000, 0.1
SAVED = 100  # steps between states on the disk


def pictures_of(folder: Path) -> list[Pixels]:
    """Every picture of 8 bits in a folder and in its tar files."""
    found = []
    for name, data in _files(folder):
        try:
            picture = images.decode(data, name=name)
        except RestoreError:
            continue
        if picture.bits == 8 and min(picture.size) >= SIDE:
            found.append(np.ascontiguousarray(picture.pixels[..., :3]))
    return found


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        if path.suffix != ".tar":
            yield path.name, path.read_bytes()
            continue
        with tarfile.open(path) as packed:
            for member in packed:
                content = packed.extractfile(member)
                if content is not None:
                    yield member.name, content.read()


def livelier(rng: Rng, pictures: list[Pixels]) -> Plane:
    """A crop, at times the one of two with more lines in it, which are what damage is mistaken for."""
    first = crop(rng, pictures)
    if rng.random() >= LIVELY:
        return first
    both = first, crop(rng, pictures)
    return max(both, key=lambda each: float(np.abs(cv2.Laplacian(each[..., 1], cv2.CV_32F)).mean()))


def crop(rng: Rng, pictures: list[Pixels], wanted: int = SIDE) -> Plane:
    """A piece of a picture at one of several sizes, turned and mirrored, (h, w, 3) in [0, 1]."""
    picture = pictures[rng.integers(len(pictures))]
    h, w = picture.shape[:2]
    side = min(round(wanted / rng.choice(SCALES)), h, w)
    y, x = rng.integers(0, h - side + 1), rng.integers(0, w - side + 1)
    found: Any = picture[y : y + side, x : x + side]
    if side != wanted:
        found = cv2.resize(found, (wanted, wanted), interpolation=cv2.INTER_AREA)
    found = np.rot90(found, rng.integers(4))
    return (found[:, ::-1] if rng.random() < 0.5 else found).astype(np.float32) / 255


def batch(pictures: list[Pixels], rng: Rng) -> list[Tensor]:
    """Features (b, 7, h, w), labels and what counts (b, h, w)."""
    rows = []
    for _ in range(BATCH):
        picture, label, counts = damaged(rng, livelier(rng, pictures))
        rows.append((features(picture), label, counts))
    return [torch.from_numpy(np.stack(each)) for each in zip(*rows, strict=True)]


class Training:
    """The network and how far it is; its state is saved in a file and read from there."""

    def __init__(self, path: Path, seed: int, earlier: Path | None = None):
        torch.manual_seed(seed)
        self.path, self.seed, self.done = path, seed, 0
        self.network = DamageHead(trained=True).to(memory_format=torch.channels_last)
        torch.nn.init.constant_(self.network.out.bias, -3.0)  # damage is rare
        self.optimizer = torch.optim.AdamW(self.network.parameters(), weight_decay=1e-4)
        if earlier is not None:
            state = self.network.state_dict()
            for name, value in torch.load(earlier, weights_only=True).items():
                if name in state and state[name].shape == value.shape:
                    state[name] = value
            self.network.load_state_dict(state)
        if path.exists():
            state = torch.load(path, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.done = state["done"]

    def save(self) -> None:
        beside = self.path.with_suffix(".new")
        state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        torch.save({**state, "done": self.done}, beside)
        beside.replace(self.path)

    def run(self, pictures: list[Pixels], steps: int, rank: int, processes: int) -> None:
        """Go on until so many steps are taken in all. Every step has its own random numbers."""
        loss = torch.compile(self._loss, dynamic=False)
        losses = []
        while self.done < steps:
            near = self.done / steps
            for group in self.optimizer.param_groups:
                group["lr"] = RATE * min(1, (self.done + 1) / 100, (1.001 - near) / (1 - DECAY))
            shown, label, counts = batch(pictures, np.random.default_rng([self.seed, self.done, rank]))
            self.optimizer.zero_grad()
            entropy, whole = loss(shown.to(memory_format=torch.channels_last), label, counts)
            whole.backward()
            self._share([each.grad for each in self.network.parameters()], processes)
            self.optimizer.step()
            self.done += 1
            losses.append(entropy.item())
            if self.done % SAVED == 0 or self.done == steps:
                self._share([each for each in self.network.buffers() if each.is_floating_point()], processes)
                if rank == 0:
                    self.save()
                    recent = np.mean(losses[-SAVED:])
                    print(f"{self.done} steps: {recent:.4f}, {time.process_time():.0f} s", flush=True)

    @staticmethod
    def _share(values: list[Any], processes: int) -> None:
        """Replace values by their mean over the processes."""
        if processes == 1:
            return
        flat = torch.cat([each.reshape(-1) for each in values])
        distributed.all_reduce(flat)
        for each, mean in zip(values, flat.split([each.numel() for each in values]), strict=True):
            each.copy_((mean / processes).view_as(each))

    def _loss(self, shown: Tensor, label: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.network(shown)[:, 0]
        entropy = (binary_cross_entropy_with_logits(logits, label, reduction="none") * counts).mean()
        likely = logits.sigmoid() * counts
        overlap = (2 * (likely * label).sum() + 1) / (likely.sum() + (label * counts).sum() + 1)
        return entropy, 10 * entropy + 0.3 * (1 - overlap)


def judgements(pictures: list[Pixels], network: DamageHead, seed: int) -> list[Plane]:
    """Facts about suspected pixels (n, 16), which are damage (n,), and of how many each is one (n,)."""
    rows: list[list[Any]] = [[], [], []]
    for number in range(JUDGED):
        rng = np.random.default_rng([seed, number, 1])
        picture, label, counts = damaged(rng, crop(rng, pictures, PIECE))
        about, at = facts(picture, probabilities(picture, network))
        some = np.flatnonzero((counts[at] > 0) & (rng.random(len(about)) < SAMPLED / max(1, len(about))))
        rows[0].append(about[some])
        rows[1].append(label[at][some])
        rows[2].append(np.full(len(some), max(1.0, len(about) / SAMPLED)))
    return [np.concatenate(each).astype(np.float32) for each in rows]


def judge(about: Plane, label: Plane, weight: Plane, seed: int) -> dict[str, Tensor]:
    """Fit the network that judges, as `restore.tasks.damage_context.judged` takes it."""
    torch.manual_seed(seed)
    mean, spread = about.mean(0), about.std(0) + 1e-3
    values = torch.from_numpy(((about - mean) / spread).clip(-SPREAD, SPREAD))
    labels, weights = torch.from_numpy(label), torch.from_numpy(weight / weight.mean())
    layers = [nn.Linear(FACTS, HIDDEN[0]), nn.Linear(*HIDDEN), nn.Linear(HIDDEN[1], 1)]
    network = nn.Sequential(layers[0], nn.ReLU(), nn.Dropout(DROPPED), layers[1], nn.ReLU(), layers[2])
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.05)
    for turn in range(TURNS):
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * (1 - turn / TURNS)
        few = torch.randint(0, len(values), (2048,))
        logits = network(values[few])[:, 0]
        optimizer.zero_grad()
        binary_cross_entropy_with_logits(logits, labels[few], weights[few]).backward()
        optimizer.step()
    found = {"mean": torch.from_numpy(mean), "spread": torch.from_numpy(spread)}
    for number, layer in enumerate(layers):
        found |= {f"{number}.weight": layer.weight.detach(), f"{number}.bias": layer.bias.detach()}
    return {f"judge.{name}": value.contiguous() for name, value in found.items()}


def _work(options: argparse.Namespace, pictures: list[Pixels], rank: int) -> Training:
    torch.set_flush_denormal(True)  # they cost a factor of five
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if options.processes > 1:
        meet = f"file://{options.out.resolve()}.meet"
        distributed.init_process_group("gloo", init_method=meet, rank=rank, world_size=options.processes)
    training = Training(options.out.with_suffix(".pt"), options.seed, options.earlier)
    training.run(pictures, options.steps, rank, options.processes)
    return training


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--from", type=Path, dest="earlier", help="start from the layers of this that fit")
    parser.add_argument("--processes", type=int, default=1, help="each takes a part of every step")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    pictures = pictures_of(options.pictures)
    fork, ranks = get_context("fork"), range(1, options.processes)
    others = [fork.Process(target=_work, args=(options, pictures, rank)) for rank in ranks]
    for each in others:
        each.start()
    training = _work(options, pictures, 0)
    for each in others:
        each.join()
    state = folded(training.network.state_dict())
    network = DamageHead()
    network.load_state_dict({name: value.float() for name, value in state.items()})
    network.eval().to(memory_format=torch.channels_last)
    state |= judge(*judgements(pictures, network, options.seed), options.seed)
    told = {"trained by": "benchmarks/train_damage.py", "sha256": tensors_hash(state)}
    save_file(state, options.out, metadata=told)


if __name__ == "__main__":
    main()
