"""What a restorer is given, what it is compared with, and what every protocol has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from restore.images.jpeg_coding import JpegCoding
from restore.inverse.spec import Spec

QUANTISED = "then clamped and rounded to 8 bits, as every file on disk is"
RESULT = "Results are clamped and rounded to 8 bits"


@dataclass(frozen=True)
class Given:
    """What a restorer is told.

    Parameters
    ----------
    image : Tensor
        The damaged picture, RGB ``(1, 3, h, w)``, nominal range [0, 1].
    sigma : float, optional
        The standard deviation of its noise, 0..255 scale, where the protocol tells it.
    scale : int, optional
        How many times larger the result must be.
    hole : Tensor, optional
        ``(1, 1, h, w)``, 1 where content is missing; the picture is mid-grey there.
    coding : JpegCoding, optional
        The tables of the JPEG file.
    specs : tuple of Spec
        The degradations of the picture, in their order; sigma is then the noise added after them.
    """

    image: Tensor
    sigma: float | None = None
    scale: int | None = None
    hole: Tensor | None = None
    coding: JpegCoding | None = None
    specs: tuple[Spec, ...] = ()


@dataclass(frozen=True)
class Case:
    """A clean picture and what a protocol made of it.

    Parameters
    ----------
    clean : Tensor
        The picture as the scores see it, RGB ``(1, 3, h, w)`` in [0, 1].
    given : Given
        What the restorer is told.
    """

    clean: Tensor
    given: Given


Restorer = Callable[[Given], Tensor]
"""Anything that can be measured: takes what it is told, returns a picture ``(1, 3, h, w)``."""


@dataclass(frozen=True)
class Protocol(ABC):
    """A way to damage a picture, the same every time and on every machine.

    Attributes
    ----------
    task : str
        The task whose input it makes.
    level_name : str
        What its level is called, such as sigma; empty without a level.
    border : int
        Pixels at each side that PSNR and SSIM leave out.
    as_file : bool
        Whether the damaged picture is clamped and rounded to 8 bits, as every file on disk is.
    any_noise : bool
        Whether its noise is of a kind that nobody is told, as that of photographs is.
    """

    task: ClassVar[str]
    level_name: ClassVar[str] = ""
    any_noise: ClassVar[bool] = False

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name: the kind of damage and its numbers."""

    @property
    @abstractmethod
    def description(self) -> str:
        """Everything that is needed to make the same input again."""

    @property
    def level(self) -> float | None:
        """The number that makes it one of a series."""
        return None

    @property
    def series(self) -> str:
        """What the protocols of a series of levels have in common."""
        return self.name

    @property
    def border(self) -> int:
        return 0

    @property
    def as_file(self) -> bool:
        return True

    @abstractmethod
    def apply(self, clean: Tensor) -> Case:
        """Damage a picture.

        Parameters
        ----------
        clean : Tensor
            ``(1, 3, h, w)`` in [0, 1].

        Returns
        -------
        Case
            The picture, cropped where the protocol needs it, and its damaged version.

        Raises
        ------
        ValueError
            The picture is too small.
        """


def rounded(image: Tensor) -> Tensor:
    """Clamp to [0, 1] and round to 8 bits."""
    return (image.clamp(0, 1) * 255).round() / 255


def to_bytes(image: Tensor) -> np.ndarray:
    """Convert ``(1, 3, h, w)`` in [0, 1] to uint8 ``(h, w, 3)``, clamped and rounded."""
    return (image[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def from_bytes(pixels: np.ndarray) -> Tensor:
    """Convert uint8 ``(h, w, 3)`` to ``(1, 3, h, w)`` in [0, 1]."""
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 255
