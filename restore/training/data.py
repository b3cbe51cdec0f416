"""Training pictures: decoded once, kept as uint8 on the device, cropped there in batches."""

from __future__ import annotations

import math
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor

from restore import images
from restore.errors import ConfigError, ImageError
from restore.images.device_constants import constant
from restore.training.holes import text_pages

SUFFIXES = frozenset(images.SUFFIXES)


Turns = Literal["all", "mirrored", "none"]


class PictureStore:
    """All pictures of a training set in one flat tensor, for random crops on the device.

    A picture is drawn with probability proportional to ``area ** 0.25``: of photographs in full and half size
    four crops in ten are at half size, where there is more detail in a crop, and large landscapes do not
    drown small pictures.

    Parameters
    ----------
    pictures : each ``(h, w, 3)``, or a tuple of such views of one scene; uint8, or floats in [0, 1]. Those
        smaller than ``crop`` are left out.
    crop : side of the crops in pixels.
    device : where the pictures lie.
    given : what is told of each picture, ``(n, d)``; None is nothing.
    turns : which crops are mirrored or turned at random: ``all`` eight ways, ``mirrored`` left to right, or
        ``none``.

    Raises
    ------
    ConfigError
        Where no picture is as large as a crop.

    Examples
    --------
    >>> store = PictureStore([np.zeros((20, 30, 3), np.uint8)], crop=8)
    >>> store.crops(5).shape
    torch.Size([5, 3, 8, 8])
    """

    def __init__(
        self,
        pictures: Sequence[np.ndarray | tuple[np.ndarray, ...]],
        crop: int,
        device: str | torch.device = "cpu",
        given: Tensor | None = None,
        turns: Turns = "all",
    ):
        scenes = [p if isinstance(p, tuple) else (p,) for p in pictures]
        fitting = [views for views in scenes if min(views[0].shape[:2]) >= crop]
        if not fitting:
            raise ConfigError(
                f"no training picture is as large as the crop of {crop}x{crop} pixels "
                f"({len(pictures)} pictures read); use larger pictures or a smaller crop"
            )
        fits = torch.tensor([min(views[0].shape[:2]) >= crop for views in scenes])
        self.given = None if given is None else given[fits].to(device)
        self.crop = crop
        self._turns = torch.tensor([turns != "none", turns == "all", turns == "all"], device=device)
        self.count = len(fitting)
        flat = [view.reshape(-1, 3) for views in fitting for view in views]
        if len({part.dtype for part in flat}) > 1:
            flat = [_as_half(part) for part in flat]
        self.pixels = torch.from_numpy(np.concatenate(flat)).to(device)
        self._scale = 255 if self.pixels.dtype == torch.uint8 else 1
        shapes = torch.tensor([views[0].shape[:2] for views in fitting])
        areas, views = shapes.prod(1), torch.tensor([len(views) for views in fitting])
        self._starts = ((areas * views).cumsum(0) - areas * views).to(device)
        self._shapes, self._views = shapes.to(device), views.to(device)
        self._odds = areas.double().pow(0.25).float().to(device)

    def crops(self, n: int, generator: Generator | None = None) -> Tensor:
        """``n`` random crops, float32 ``(n, 3, crop, crop)`` in [0, 1], turned as configured."""
        return self.told_crops(n, generator)[0]

    def told_crops(self, n: int, generator: Generator | None = None) -> tuple[Tensor, Tensor | None]:
        """The same crops, and what is told of their pictures ``(n, d)``."""
        chosen = self._choose(n, generator)
        crops = self._cut(chosen, generator)[0]
        return crops, None if self.given is None else self.given[chosen]

    def pairs(self, n: int, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
        """The same crops of two different views of their scenes. All scenes must have two or more."""
        chosen = self._choose(n, generator)
        views = self._views[chosen]
        u = torch.rand(2, n, device=chosen.device, generator=generator)
        first = (u[0] * views).long()
        second = (first + 1 + (u[1] * (views - 1)).long()) % views
        both = self._cut(chosen, generator, first, second)
        return both[0], both[1]

    def _choose(self, n: int, generator: Generator | None) -> Tensor:
        return torch.multinomial(self._odds, n, replacement=True, generator=generator)

    def _cut(self, which: Tensor, generator: Generator | None, *views: Tensor) -> list[Tensor]:
        """Crops of these scenes at random places, the same place and turn in each of their views."""
        device, n = self.pixels.device, len(which)
        room = self._shapes[which] - self.crop + 1
        corner = (torch.rand(n, 2, device=device, generator=generator) * room).long()
        line = torch.arange(self.crop, device=device)
        rows, columns = corner[:, :1] + line, corner[:, 1:] + line
        width = self._shapes[which, 1]
        inside = rows[:, :, None] * width[:, None, None] + columns[:, None, :]
        turn = torch.rand(3, n, 1, 1, 1, device=device, generator=generator) < 0.5
        turn = turn & self._turns.view(3, 1, 1, 1, 1)
        found = []
        for view in views or (torch.zeros_like(which),):
            start = self._starts[which] + view * self._shapes[which].prod(1)
            crops = self.pixels[start[:, None, None] + inside].permute(0, 3, 1, 2).float() / self._scale
            crops = torch.where(turn[0], crops.flip(3), crops)
            crops = torch.where(turn[1], crops.flip(2), crops)
            found.append(torch.where(turn[2], crops.transpose(2, 3), crops))
        return found


def _as_half(pixels: np.ndarray) -> np.ndarray:
    return (pixels / np.float32(255)).astype(np.float16) if pixels.dtype == np.uint8 else pixels


def picture_names(source: str | Path) -> list[str]:
    """List the pictures of a folder, a tar shard or a single file, in the order of `read_pictures`.

    Returns
    -------
    Their names within the source, with ``/`` between folders.

    Raises
    ------
    ConfigError
        For a missing source.
    """
    source = Path(source)
    if source.is_dir():
        return [path.relative_to(source).as_posix() for path in _files(source)]
    if source.suffix == ".tar" and source.is_file():
        return [name for name, _ in _members(source)]
    if source.is_file():
        return [source.name]
    raise _nothing(source)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def _nothing(source: Path) -> ConfigError:
    return ConfigError(f"{source}: expected a folder, a .tar shard or a picture, found nothing there")


def read_pictures(sources: Sequence[str | Path], *, deep: bool = False) -> Iterator[np.ndarray]:
    """Decode all pictures of folders, tar shards and single files as uint8 RGB ``(h, w, 3)``.

    Parameters
    ----------
    sources : folders, .tar shards and pictures.
    deep : give what has more than 8 bits as float16 in [0, 1] units, with what noise has beyond both ends.

    Raises
    ------
    ImageError
        For a damaged picture, with its name and that of the shard it is in.
    ConfigError
        For a missing source.
    """
    for source in map(Path, sources):
        if source.is_dir():
            for path in _files(source):
                yield _decode(images.read_picture_bytes(path), str(path), deep)
        elif source.suffix == ".tar" and source.is_file():
            for name, content in _members(source):
                yield _decode(content, f"{source}:{name}", deep)
        elif source.is_file():
            yield _decode(images.read_picture_bytes(source), str(source), deep)
        else:
            raise _nothing(source)


def _members(source: Path) -> Iterator[tuple[str, bytes]]:
    """The pictures of a tar shard, still encoded, with their names."""
    try:
        with tarfile.open(source) as shard:
            for member in shard:
                if Path(member.name).suffix.lower() in SUFFIXES and (file := shard.extractfile(member)):
                    yield member.name, file.read()
    except tarfile.TarError as error:
        raise ImageError(f"{source}: expected a whole .tar shard, got a damaged one ({error})") from None


def _decode(content: bytes, name: str, deep: bool) -> np.ndarray:
    picture = images.decode(content, name=name)
    return samples(picture) if deep else to_bytes(samples(picture))


def samples(picture: images.Picture) -> np.ndarray:
    """Pixels ``(h, w, 3)`` as they are kept for training: uint8, or float16 in [0, 1] units where deeper.

    float16 is finer than 12 bits, and keeps what noise has beyond 0 and 1.
    """
    if picture.bits == 8:
        return picture.pixels
    top = 65535 if picture.bits == 16 else 1
    return (picture.pixels / np.float32(top)).astype(np.float16)


def to_bytes(pixels: np.ndarray) -> np.ndarray:
    """uint8, rounded and clipped."""
    if pixels.dtype == np.uint8:
        return pixels
    return np.round(pixels.astype(np.float32).clip(0, 1) * 255).astype(np.uint8)


def halved(picture: np.ndarray) -> np.ndarray:
    """The picture at half size by area: sharper texture, and the compression's traces averaged out."""
    import cv2

    h, w = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
    return cv2.resize(picture[:h, :w], (w // 2, h // 2), interpolation=cv2.INTER_AREA)


def some_gray(crops: Tensor, share: float, generator: Generator | None = None) -> Tensor:
    """Take the colour (BT.601 luma, full range) from about ``share`` of the crops ``(b, 3, h, w)``."""
    chosen = torch.rand(len(crops), 1, 1, 1, device=crops.device, generator=generator) < share
    weights = constant((0.299, 0.587, 0.114), crops.device, crops.dtype).view(1, 3, 1, 1)
    return torch.where(chosen, (crops * weights).sum(1, keepdim=True).expand_as(crops), crops)


def some_faded(crops: Tensor, share: float, generator: Generator | None = None) -> Tensor:
    """Fade about ``share`` of the crops ``(b, 3, h, w)`` as old prints are faded.

    Black becomes gray and paper has a tint, in each channel its own. It is done to the clean picture, so that
    restoring learns to leave a faded contrast as it is.
    """
    b, device = len(crops), crops.device
    chosen = torch.rand(b, 1, 1, 1, device=device, generator=generator) < share
    ends = 0.35 * torch.rand(2, b, 1, 1, 1, device=device, generator=generator)
    tint = 0.1 * torch.rand(2, b, 3, 1, 1, device=device, generator=generator)
    black, white = ends[0] + tint[0], 1 - ends[1] - tint[1]
    return torch.where(chosen, black + (white - black) * crops, crops)


def page_pictures(seed: int = 0) -> list[np.ndarray]:
    """Rendered pages of text in several inks and papers, uint8: without them documents would be ruined."""
    rng = np.random.default_rng(seed)
    pictures = []
    for page in text_pages().numpy():
        ink_share = (page.astype(np.float32) / 255)[..., None]
        for paper, ink in ((255, 0), (rng.uniform(200, 255, 3), rng.uniform(0, 90, 3)), (20, 235)):
            shade = np.broadcast_to(paper * (1 - ink_share) + ink * ink_share, (*page.shape, 3))
            pictures.append(np.round(shade).astype(np.uint8))
    return pictures


def validation_crops(source: str | Path, *, count: int | None = 16, size: int = 256) -> Tensor:
    """Centre crops of the first ``count`` pictures, None: of all; always the same.

    ``(n, 3, size, size)`` in [0, 1].
    """
    crops = []
    for picture in read_pictures([source]):
        top, left = (picture.shape[0] - size) // 2, (picture.shape[1] - size) // 2
        if min(top, left) >= 0:
            crops.append(picture[top : top + size, left : left + size])
        if len(crops) == count:
            break
    if not crops:
        raise ConfigError(f"{source}: no validation picture of at least {size}x{size} pixels")
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255


def psnr(a: Tensor, b: Tensor, weight: Tensor | None = None) -> list[float]:
    """PSNR in dB of each picture of a batch ``(b, c, h, w)`` in [0, 1], where weight is 1 (None: all)."""
    error = (a.clamp(0, 1) - b).square().mean(1, keepdim=True)
    if weight is None:
        weight = torch.ones_like(error)
    mse = (error * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3))
    return [-10 * math.log10(max(m, 1e-12)) for m in mse.tolist()]
