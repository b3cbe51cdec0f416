"""Pictures of what a run on noisy pictures has come to: samples of its prior, and restorations by it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from restore import images
from restore.diffusion.sigmas import PURE_NOISE
from restore.images.canvas import canvas
from restore.priors.backbone import Backbone
from restore.tasks.denoise import denoise
from restore.tasks.inpaint import inpaint
from restore.tasks.sample import sample

SAMPLES, PICTURES, SIDE = 9, 3, 128
STEPS = 40


def show(prior: Backbone, pairs: Sequence[tuple[Path, Path]], out: Path, *, side: int) -> None:
    """Write ``samples.png`` and ``restored.png`` into a folder.

    ``restored.png`` has a row for each of a few pictures: as it came, cleaned by the fitted weights, denoised
    by the prior, with a hole, and with the hole filled by the prior.

    Parameters
    ----------
    prior : the trained weights.
    pairs : noisy pictures and the cleaned ones.
    out : the folder.
    side : of the samples in pixels, that of the training crops.
    """
    if prior.sigma_max >= PURE_NOISE:  # else it cannot begin at noise
        drawn = sample(SAMPLES, size=(side, side), steps=STEPS, prior=prior)
        each = drawn.chunk(SAMPLES)
        _write(out / "samples.png", _grid([each[k : k + 3] for k in range(0, SAMPLES, 3)]))
    rows = []
    for came, clean in pairs[:PICTURES]:
        dirty, plain = (_middle(images.read(path)) for path in (came, clean))
        hole = np.zeros(dirty.shape[-2:], np.float32)
        h, w = hole.shape
        hole[h // 3 : h // 3 + max(1, h // 5), w // 3 : w // 3 + max(1, w // 4)] = 1
        damaged = torch.where(torch.from_numpy(hole) > 0, 1.0, plain)
        filled = inpaint(plain, hole, method="splitting-ddnm", prior=prior)
        rows.append([dirty, plain, denoise(dirty, prior=prior), damaged, filled])
    _write(out / "restored.png", _grid(rows))


def _middle(picture: images.Picture) -> Tensor:
    """The middle ``(1, 3, h, w)`` of a picture, SIDE pixels a side at most."""
    batch = canvas(picture.pixels).batch.float()
    h, w = batch.shape[-2:]
    top, left = max(0, (h - SIDE) // 2), max(0, (w - SIDE) // 2)
    return batch[..., top : top + SIDE, left : left + SIDE].contiguous()


def _grid(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    """Pictures ``(1, 3, h, w)`` in rows, on white."""
    gap = 2
    h = max(picture.shape[-2] for row in rows for picture in row)
    w = max(picture.shape[-1] for row in rows for picture in row)
    sheet = torch.ones(3, len(rows) * (h + gap) - gap, max(map(len, rows)) * (w + gap) - gap)
    for i, row in enumerate(rows):
        for k, picture in enumerate(row):
            top, left = i * (h + gap), k * (w + gap)
            height, width = picture.shape[-2:]
            sheet[:, top : top + height, left : left + width] = picture[0].clamp(0, 1)
    return sheet


def _write(path: Path, sheet: Tensor) -> None:
    pixels = (sheet * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    images.write(path, images.Picture(pixels=pixels), overwrite=True)
