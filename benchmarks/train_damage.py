"""Train the small network of `restore repair`, restore/weights/damage.safetensors.

``python benchmarks/train_damage.py PICTURES OUT.safetensors --minutes 20`` takes crops of the pictures of a
folder, damages them, and trains on the CPU. ``--from STATE.pt`` goes on from an earlier run, whose state lies
beside its result. Strokes and blobs are drawn at four times the size; benchmarks/repair.py, which measures,
draws its damage by other code.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch.nn.functional import binary_cross_entropy_with_logits

from restore import images
from restore.errors import RestoreError
from restore.tasks.damage_head import WHITE, DamageHead, features, folded

Plane = NDArray[np.float32]
Rng = np.random.Generator
FINE = 4  # times the size at which strokes are drawn
STORED, SIDE, BATCH = 224, 160, 8  # pixels a side of stored crops and of those trained on; crops a step
CROPS = 4  # of each picture
VISIBLE, INVISIBLE = 0.045, 0.012  # a change by more is damage, by less none; between counts for neither


def _path(rng: Rng, h: int, w: int, bend: float, length: float) -> Plane:
    """Points (n, 2) as x, y along a walk whose direction wanders."""
    n = max(2, int(length / 4))
    angle = rng.uniform(0, 2 * math.pi)
    turn = np.cumsum(rng.normal(0, bend, n)) + rng.normal(0, bend * 3) * np.arange(n) / 8
    steps = 4 * np.stack([np.cos(angle + turn), np.sin(angle + turn)], 1)
    points = np.cumsum(steps, 0)
    return points - points.mean(0) + rng.uniform(0, 1, 2) * (w, h)


def _shrunk(fine: Any, h: int, w: int) -> Plane:
    return cv2.resize(fine, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _stroke(h: int, w: int, points: Any, width: float) -> Plane:
    fine = np.zeros((h * FINE, w * FINE), np.uint8)
    corners = (points * FINE * 16).astype(np.int32)[:, None]
    cv2.polylines(fine, [corners], False, 255, max(1, round(width * FINE)), cv2.LINE_AA, 4)
    return _shrunk(fine, h, w)


def _uneven(rng: Rng, h: int, w: int, scale: float) -> Plane:
    """Smooth random values in [0, 1]."""
    small = rng.random((int(h / scale) + 2, int(w / scale) + 2)).astype(np.float32)
    return cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def _log_uniform(rng: Rng, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(math.log(low), math.log(high))))


def _colour(rng: Rng) -> Plane:
    kind = rng.random()
    if kind < 0.85:  # white or black, a little off
        gray = rng.uniform(0.75, 1.0) if kind < 0.5 else rng.uniform(0.0, 0.25)
        return (gray + rng.normal(0, 0.03, 3)).clip(0, 1).astype(np.float32)
    colour = rng.uniform(0, 1, 3)
    colour[rng.integers(3)] = rng.choice([0.05, 0.95])
    return colour.astype(np.float32)


def _scratch(rng: Rng, h: int, w: int) -> Plane:
    points: Any = _path(rng, h, w, rng.choice([0.0, 0.01, 0.04]), rng.uniform(15, 1.6 * max(h, w)))
    if rng.random() < 0.25:  # along the film
        x, tilt = rng.uniform(0, w), rng.normal(0, 0.01)
        points = np.array([[x, -2.0], [x + tilt * h, h + 2.0]])
        if rng.random() < 0.3:
            points = points[:, ::-1] * np.array([w / h, h / w])
    width, cover = _log_uniform(rng, 0.5, 5), np.zeros((h, w), np.float32)
    for beside in range(rng.integers(1, 4) if rng.random() < 0.15 else 1):
        cover = np.maximum(cover, _stroke(h, w, points + beside * rng.uniform(3, 12, 2), width))
    if rng.random() < 0.6:
        cover = cover * (_uneven(rng, h, w, rng.uniform(6, 60)) * rng.uniform(1.2, 2.5)).clip(0, 1)
    if rng.random() < 0.3:
        cover = cover * (_uneven(rng, h, w, 2) > rng.uniform(0.1, 0.5))
    return cover


def _hair(rng: Rng, h: int, w: int) -> Plane:
    points = _path(rng, h, w, rng.uniform(0.06, 0.3), rng.uniform(15, 150))
    return _stroke(h, w, points, rng.uniform(0.5, 2.5))


def _dust(rng: Rng, h: int, w: int) -> Plane:
    fine = np.zeros((h * FINE, w * FINE), np.uint8)
    cluster = rng.random() < 0.3
    middle, spread = rng.uniform(0, 1, 2) * (w, h), rng.uniform(5, 60)
    for _ in range(rng.integers(1, 25)):
        size, corners = _log_uniform(rng, 0.5, 5), rng.integers(6, 12)
        at = middle + rng.normal(0, spread, 2) if cluster else rng.uniform(0, 1, 2) * (w, h)
        t = np.linspace(0, 2 * math.pi, corners, endpoint=False)
        radii = size * rng.uniform(0.6, 1.2, corners)[:, None] * np.array([1.0, rng.uniform(0.4, 1)])
        outline = at + radii * np.stack([np.cos(t), np.sin(t)], 1)
        cv2.fillPoly(fine, [(outline * FINE * 16).astype(np.int32)[:, None]], 255, cv2.LINE_AA, 4)
    return _shrunk(fine, h, w)


def _fold(rng: Rng, h: int, w: int) -> tuple[Plane, Plane]:
    """The crack, and the shade around it."""
    points = _path(rng, h, w, rng.choice([0.0, 0.006, 0.02]), 3 * max(h, w))
    core = _stroke(h, w, points, rng.uniform(1.5, 5))
    shade = cv2.GaussianBlur(_stroke(h, w, points + rng.normal(0, 2, 2), 6), (0, 0), rng.uniform(2, 6))
    cover = core * (_uneven(rng, h, w, rng.uniform(1.5, 6)) > rng.uniform(0.0, 0.45))
    return cover, shade[..., None] * np.float32(rng.uniform(-0.3, 0.3))


def _written(rng: Rng, picture: Plane) -> Plane:
    """Print, which is no damage."""
    pixels = np.ascontiguousarray((picture * 255).round().astype(np.uint8))
    letters = np.array(list("abcdefghiklmnoprstuvwyABCDEFGHIKLMNORSTUVW0123456789.,:-'  "))
    colour = tuple(255 * float(value) for value in _colour(rng))
    font, scale = int(rng.choice([0, 2, 3, 4, 5, 6, 7])), rng.uniform(0.3, 1.5)
    x, y = int(rng.uniform(-40, 60)), rng.uniform(10, len(picture))
    for line in range(rng.integers(1, 6)):
        text = "".join(rng.choice(letters, rng.integers(3, 30)))
        place, thick = (x, int(y + line * 32 * scale)), int(rng.integers(1, 3))
        cv2.putText(pixels, text, place, font, scale, colour, thick, cv2.LINE_AA)
    return pixels.astype(np.float32) / 255


def _before(rng: Rng, clean: Plane) -> Plane:
    """A picture as prints and scans have it: gray, soft, faded, with print on it."""
    picture = clean
    if rng.random() < 0.25:
        picture = np.repeat(picture @ WHITE[:, None], 3, 2)
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.5))
    if rng.random() < 0.3:
        picture = picture ** np.float32(rng.uniform(0.6, 1.6))
    if rng.random() < 0.2:
        picture = picture * np.float32(rng.uniform(0.5, 1)) + np.float32(rng.uniform(0, 0.2))
    picture = picture.clip(0, 1)
    return _written(rng, picture) if rng.random() < 0.12 else picture


def _with_damage(rng: Rng, picture: Plane) -> tuple[Plane, Plane]:
    """The damaged picture, and the same without what is damage: shade remains."""
    h, w = picture.shape[:2]
    base = picture
    for _ in range(rng.integers(2, 6)):
        kind = rng.choice(["scratch", "hair", "dust", "fold"], p=[0.4, 0.2, 0.3, 0.1])
        colour, opacity = _colour(rng), np.float32(rng.uniform(0.4, 1.0))
        if kind == "fold":
            cover, shade = _fold(rng, h, w)
            picture, base = picture + shade, base + shade
        else:
            cover = {"scratch": _scratch, "hair": _hair, "dust": _dust}[kind](rng, h, w)
        if rng.random() < 0.7:
            cover = cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.3, 1.1))
        layer = (cover * opacity)[..., None]
        picture = picture * (1 - layer) + layer * colour
        if kind == "dust" and rng.random() < 0.3:  # its shadow
            shadow = np.roll(layer, rng.integers(-2, 3, 2), (0, 1))
            picture = picture - 0.3 * shadow * (1 - layer)
    return picture, base


def damaged(rng: Rng, clean: Plane) -> tuple[Plane, Plane, Plane]:
    """A crop (h, w, 3) in [0, 1] with damage, 1 where that is, and 1 where it counts, (h, w)."""
    base = picture = _before(rng, clean)
    if rng.random() < 0.8:
        picture, base = _with_damage(rng, picture)
    change, (h, w) = np.abs(picture - base).max(2), clean.shape[:2]
    sigma = rng.choice([0, 0, rng.uniform(0, 0.05)])
    if sigma:
        noise = rng.normal(0, 1, (h, w, 3 if rng.random() < 0.5 else 1)).astype(np.float32)
        if rng.random() < 0.6:
            noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.4, 0.9)).reshape(h, w, -1)
        picture = picture + noise * np.float32(sigma / noise.std())
    pixels = (picture.clip(0, 1) * 255).round().astype(np.uint8)
    if rng.random() < 0.6:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 100))]
        pixels = cv2.imdecode(cv2.imencode(".jpg", pixels[..., ::-1].copy(), quality)[1], 1)[..., ::-1]
    seen = max(VISIBLE, 1.5 * sigma)
    label = (change > seen).astype(np.float32)
    counts = 1 - ((change > INVISIBLE) & (change <= seen)).astype(np.float32)
    return pixels.astype(np.float32) / 255, label, counts


def crops_of(folder: Path, rng: Rng) -> list[NDArray[np.uint8]]:
    """Crops of several sizes of every picture in a folder, brought to one size."""
    found = []
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        try:
            picture = images.read(path)
        except RestoreError:
            continue
        h, w = picture.size
        for _ in range(CROPS):
            side = min(round(STORED / rng.choice([1.0, 1.0, 0.75, 0.5, 0.4])), h, w)
            if side < STORED or picture.bits != 8:
                continue
            y, x = rng.integers(0, h - side + 1), rng.integers(0, w - side + 1)
            crop = picture.pixels[y : y + side, x : x + side]
            found.append(cv2.resize(crop, (STORED, STORED), interpolation=cv2.INTER_AREA))
    return found


def batches(crops: Any, rng: Rng) -> Iterator[list[torch.Tensor]]:
    """Features (8, 7, h, w), labels and what counts (8, h, w), without end."""
    while True:
        rows = []
        for _ in range(BATCH):
            y, x = rng.integers(0, STORED - SIDE + 1, 2)
            crop = np.rot90(crops[rng.integers(len(crops))][y : y + SIDE, x : x + SIDE], rng.integers(4))
            crop = crop[:, ::-1] if rng.random() < 0.5 else crop
            picture, label, counts = damaged(rng, crop.astype(np.float32) / 255)
            rows.append((features(picture), label, counts))
        yield [torch.from_numpy(np.stack(each)) for each in zip(*rows, strict=True)]


def train(crops: Any, minutes: float, state: Any = None, *, seed: int = 0) -> dict[str, torch.Tensor]:
    """Train for so long, and give the state of the network."""
    torch.manual_seed(seed)
    network = DamageHead(trained=True).to(memory_format=torch.channels_last)
    torch.nn.init.constant_(network.out.bias, -3.0)  # damage is rare
    if state is not None:
        network.load_state_dict(state)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-4)
    start, losses = time.monotonic(), []
    for step, (shown, label, counts) in enumerate(batches(crops, np.random.default_rng(seed)), 1):
        done = (time.monotonic() - start) / 60 / minutes
        if done >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * min(1, done / 0.05) * (0.5 + 0.5 * math.cos(math.pi * done)) + 1e-5
        logits = network(shown.to(memory_format=torch.channels_last))[:, 0]
        entropy = (binary_cross_entropy_with_logits(logits, label, reduction="none") * counts).mean()
        likely = logits.sigmoid() * counts
        overlap = (2 * (likely * label).sum() + 1) / (likely.sum() + (label * counts).sum() + 1)
        optimizer.zero_grad()
        (10 * entropy + 0.3 * (1 - overlap)).backward()
        optimizer.step()
        losses.append(entropy.item())
        if step % 100 == 0:
            print(f"{step} steps: {np.mean(losses[-100:]):.4f}", flush=True)
    return network.state_dict()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--from", type=Path, dest="earlier", help="state of an earlier run to go on from")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    crops = crops_of(options.pictures, np.random.default_rng(1))
    earlier = None if options.earlier is None else torch.load(options.earlier, weights_only=True)
    state = train(crops, options.minutes, earlier, seed=options.seed)
    torch.save(state, options.out.with_suffix(".pt"))
    save_file(folded(state), options.out, metadata={"trained by": "benchmarks/train_damage.py"})


if __name__ == "__main__":
    main()
