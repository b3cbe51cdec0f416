"""Conditions of pictures drawn from noise: a class, a vector, what a classifier takes for a class."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from restore.inverse.guidance import classifier_free, classifier_guided
from restore.priors.given import label_number, one_hot
from restore.priors.protocol import Prior
from restore.types import Denoiser

Label = str | int
Classifier = Callable[[Tensor, float], Tensor]
"""``(x, sigma)`` to logits ``(b, classes)`` of noisy pictures."""


@dataclass(frozen=True)
class Told:
    """What each of n pictures is conditioned on, checked.

    Parameters
    ----------
    prior, n, label, vectors, guidance, classifier, seed : as in `restore.tasks.sample.sample`.

    Raises
    ------
    ValueError
        For options that contradict each other or are out of range.
    WeightsError
        For what the weights cannot be told.
    """

    prior: Prior
    n: int
    label: Label | Sequence[Label] | None
    vectors: Any
    guidance: float
    classifier: Classifier | None
    seed: int

    def __post_init__(self) -> None:
        if not 0 <= self.guidance < math.inf:
            raise ValueError(f"guidance is a strength of 0 or more, got {self.guidance:g}")
        if self.label is not None and self.vectors is not None:
            raise ValueError("a picture is told a label or a vector, not both; leave one out")
        if self.classifier is not None and self.label is None:
            raise ValueError("a classifier guides towards one of its classes; pass its number as label")
        if self.guidance != 1 and self.given is None and self.classifier is None:
            raise ValueError(
                f"guidance goes towards what is told, got guidance={self.guidance:g} and nothing told; pass "
                "a label or vectors, or leave it out"
            )
        if self.calls == 2 and self.prior.needs_label:
            raise ValueError(
                "these weights know no class that stands for none, which guidance goes away from; leave "
                "guidance out, convert them with --null-label where they have one, or pass a classifier"
            )
        self.denoiser(0, min(1, self.n))  # what cannot be told is refused before anything is drawn

    @property
    def calls(self) -> int:
        """Network calls for each estimate."""
        return 2 if self.classifier is None and self.guidance != 1 else 1

    @cached_property
    def labels(self) -> list[Label] | None:
        """The label of each picture."""
        if self.label is None:
            return None
        alone = isinstance(self.label, str) or not isinstance(self.label, Sequence)
        given: list[Any] = [self.label] * self.n if alone else list(self.label)  # type: ignore[arg-type]
        if len(given) != self.n:
            raise ValueError(f"expected one label, or one for each of {self.n} pictures, got {len(given)}")
        return given

    @cached_property
    def given(self) -> Tensor | None:
        """What the network is told of each picture, ``(n, d)``; None where nothing is said."""
        names = self.prior.classes
        if self.vectors is not None:
            if self.prior.label is not None:
                raise ValueError("a picture is told a label or a vector, not both; leave one out")
            vectors = torch.as_tensor(np.asarray(self.vectors), dtype=torch.float32)
            if vectors.ndim == 1:
                vectors = vectors[None].expand(self.n, -1)
            if vectors.ndim != 2 or len(vectors) != self.n or not vectors.isfinite().all():
                raise ValueError(
                    f"expected one vector of finite numbers, or one for each of {self.n} pictures, got shape "
                    f"{tuple(vectors.shape)}"
                )
            return vectors
        if self.labels is not None and (self.classifier is None or self.prior.needs_label):
            return one_hot([label_number(label, names) for label in self.labels], len(names))
        if self.prior.label is not None:
            return one_hot([self.prior.label] * self.n, len(names))
        if self.prior.needs_label:
            draws = (np.random.SeedSequence((self.seed, k, 1)).generate_state(1)[0] for k in range(self.n))
            return one_hot([int(draw) % len(names) for draw in draws], len(names))
        return None

    def denoiser(self, first: int, last: int) -> Denoiser:
        """The denoiser of pictures first to last - 1."""
        given = None if self.given is None else self.given[first:last]
        told = self.prior.denoiser() if given is None else self.prior.denoiser(given=given)
        if self.classifier is not None:
            labels = torch.tensor([int(label) for label in self.labels or ()][first:last])
            return classifier_guided(told, self.classifier, labels.to(self.prior.device), self.guidance)
        if self.guidance == 1 or given is None:
            return told
        return classifier_free(told, self.prior.denoiser(given=torch.zeros_like(given)), self.guidance)
