"""The pictures of a training run, without those of its validation set."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from restore.errors import ConfigError
from restore.images.fingerprints import Fingerprints, fingerprint
from restore.training.config import DataConfig
from restore.training.data import PictureStore, halved, page_pictures, read_pictures, to_bytes


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Photographs, and rendered pages of text where the configuration wants them.

    fingerprints: of all photographs. pictures, megapixels: how many there are, before halving.
    """

    photos: PictureStore
    pages: PictureStore | None
    fingerprints: Fingerprints
    pictures: int
    megapixels: int

    def crops(self, count: int, text: float, *, generator: Generator, rng: random.Random) -> Tensor:
        """``count`` random crops, each of a page of text with probability ``text``."""
        texts = sum(rng.random() < text for _ in range(count)) if self.pages else 0
        crops = self.photos.crops(count - texts, generator) if texts < count else None
        if not texts or self.pages is None:
            assert crops is not None
            return crops
        letters = self.pages.crops(texts, generator)
        both = letters if crops is None else torch.cat([crops, letters])
        return both[torch.randperm(count, device=both.device, generator=generator)]


def read_training_set(
    data: DataConfig, device: torch.device, *, say: Callable[[str], None] = print
) -> TrainingSet:
    """Read the training pictures; leave out those that look like one of ``data.val``. Raises ConfigError."""
    pictures = list(read_pictures(data.train, deep=data.noise_std > 0))
    if not pictures:
        raise ConfigError(
            f"data.train: no picture in {', '.join(data.train)}; "
            "name folders of pictures, .tar shards or single files"
        )
    if data.val:
        held_out = Fingerprints(fingerprint(picture) for picture in read_pictures([data.val]))
        read, pictures = pictures, [picture for picture in pictures if not held_out.holds(to_bytes(picture))]
        if len(pictures) < len(read):
            say(f"{len(read) - len(pictures)} pictures look like one of data.val and are left out")
        if not pictures:
            raise ConfigError(f"every training picture looks like one of {data.val}; keep them apart")
    seen = Fingerprints(fingerprint(to_bytes(p)) for p in pictures)
    count, pixels = len(pictures), sum(p.shape[0] * p.shape[1] for p in pictures)
    if data.half_size:
        pictures += [halved(p) for p in pictures if min(p.shape[:2]) >= 2 * data.crop]
    photos = PictureStore(pictures, data.crop, device)
    say(f"{count} pictures, {pixels / 1e6:.0f} megapixels, on {device}")
    pages = PictureStore(page_pictures(), data.crop, device) if data.text else None
    return TrainingSet(photos, pages, seen, count, round(pixels / 1e6))
