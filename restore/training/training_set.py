"""The pictures of a training run, without those of its validation set."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from restore.errors import ConfigError
from restore.images.fingerprints import Fingerprints, fingerprint
from restore.training.conditions import read_conditions
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

    def crops(
        self, count: int, text: float, *, generator: Generator, rng: random.Random
    ) -> tuple[Tensor, Tensor | None]:
        """``count`` random crops, each of a page of text with probability ``text``; what is told of them."""
        texts = sum(rng.random() < text for _ in range(count)) if self.pages else 0
        crops, given = self.photos.told_crops(count - texts, generator) if texts < count else (None, None)
        if not texts or self.pages is None:
            assert crops is not None
            return crops, given
        letters = self.pages.crops(texts, generator)
        both = letters if crops is None else torch.cat([crops, letters])
        order = torch.randperm(count, device=both.device, generator=generator)
        if self.photos.given is not None:  # of pages nothing is told
            nothing = self.photos.given.new_zeros(texts, self.photos.given.shape[1])
            given = (nothing if given is None else torch.cat([given, nothing]))[order]
        return both[order], given


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
    given = read_conditions(data).vectors if data.condition else None
    if data.val:
        held_out = Fingerprints(fingerprint(picture) for picture in read_pictures([data.val]))
        ours = [not held_out.holds(to_bytes(picture)) for picture in pictures]
        read, pictures = pictures, [picture for picture, own in zip(pictures, ours, strict=True) if own]
        given = None if given is None else given[torch.tensor(ours)]
        if len(pictures) < len(read):
            say(f"{len(read) - len(pictures)} pictures look like one of data.val and are left out")
        if not pictures:
            raise ConfigError(f"every training picture looks like one of {data.val}; keep them apart")
    seen = Fingerprints(fingerprint(to_bytes(p)) for p in pictures)
    count, pixels = len(pictures), sum(p.shape[0] * p.shape[1] for p in pictures)
    if data.half_size:
        large = [number for number, p in enumerate(pictures) if min(p.shape[:2]) >= 2 * data.crop]
        pictures += [halved(pictures[number]) for number in large]
        given = None if given is None else torch.cat([given, given[large]])
    photos = PictureStore(pictures, data.crop, device, given, data.turns)
    say(f"{count} pictures, {pixels / 1e6:.0f} megapixels, on {device}")
    pages = PictureStore(page_pictures(), data.crop, device, turns=data.turns) if data.text else None
    return TrainingSet(photos, pages, seen, count, round(pixels / 1e6))
