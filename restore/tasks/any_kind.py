"""What all tasks take: paths, lists, other scales, a seed that is drawn, a device."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

import numpy as np
import torch
from torch import Tensor

from restore.diffusion.progress import part_progress
from restore.diffusion.seeds import drawn_seed
from restore.errors import RestoreError
from restore.images.canvas import canvas, hole_of
from restore.images.kinds import is_pil
from restore.images.picture import Picture as FilePicture
from restore.images.reader import read
from restore.images.scales import Scaled, checked_range, in_units
from restore.images.value_range import NOMINAL, scale_of
from restore.priors.backbone import Backbone
from restore.priors.checkpoint import load, shipped
from restore.priors.once import once
from restore.tasks.checked import check_arguments
from restore.tasks.given_numbers import numbers_in
from restore.tasks.watching import Outside, part_callback, shown, watched

if TYPE_CHECKING:
    from PIL import Image

    Array = np.ndarray[Any, Any]
    Each = TypeVar("Each", Array, Tensor, Image.Image, FilePicture)

P = ParamSpec("P")

ONE_EACH = ("mask", "sigma", "source", "reference", "infrared", "coding", "quality")
"""Arguments that may be lists, one for each picture of a list."""


class AnyKind(Protocol[P]):
    """A task: the result is of the kind of its picture, and a list of pictures gives a list."""

    @overload
    def __call__(self, image: Array, *args: P.args, **options: P.kwargs) -> Array: ...
    @overload
    def __call__(self, image: Tensor, *args: P.args, **options: P.kwargs) -> Tensor: ...
    @overload
    def __call__(self, image: Image.Image, *args: P.args, **options: P.kwargs) -> Image.Image: ...
    @overload
    def __call__(
        self, image: FilePicture | str | Path, *args: P.args, **options: P.kwargs
    ) -> FilePicture: ...
    @overload
    def __call__(self, image: list[Each], *args: P.args, **options: P.kwargs) -> list[Each]: ...
    @overload
    def __call__(
        self, image: list[str] | list[Path], *args: P.args, **options: P.kwargs
    ) -> list[FilePicture]: ...
    @overload
    def __call__(
        self, image: list[Any] | tuple[Any, ...], *args: P.args, **options: P.kwargs
    ) -> list[Any]: ...


def any_kind(task: Callable[Concatenate[Any, P], Any]) -> AnyKind[P]:
    """Let a task that takes one picture, as `restore.images.canvas.canvas` does, take all that users have.

    Paths are read, lists are done one picture after the other, pictures of another scale are brought to
    [0, 1] and back (``data_range``), ``seed=None`` draws a seed and logs it, ``device`` and ``dtype``
    choose where the weights in the package are computed, ``progress=True`` is a bar, and ``callback`` is
    called with every network call.

    Parameters
    ----------
    task : its first argument is ``image``; ``data_range``, ``device``, ``dtype`` and ``callback`` are not
        passed on to it, and ``progress`` is None or a function.

    Examples
    --------
    >>> @any_kind
    ... def inverted(image, *, data_range=None):
    ...     picture = canvas(image)
    ...     return picture.like_original(1 - picture.batch)
    >>> inverted([np.zeros((1, 2)), np.full((1, 1), 1023.0)])
    [array([[1., 1.]]), array([[0.]])]
    >>> inverted(np.array([[-1.0, 0.5]]), data_range=(-1, 1))
    array([[ 1. , -0.5]])
    """
    parameters = inspect.signature(task).parameters
    placed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [name for name, each in parameters.items() if each.kind in placed]

    @wraps(task)
    def taken(*args: Any, **options: Any) -> Any:
        given = dict(zip(names, args, strict=False))
        if len(args) > len(names) or given.keys() & options.keys() or "image" not in {**given, **options}:
            return task(*args, **options)  # it says what is wrong
        given |= options
        image = given.pop("image")
        with shown(given.get("progress"), task.__name__) as progress:
            if progress is not None or "progress" in given:
                given["progress"] = progress
            if isinstance(image, list | tuple):
                return _of_list(taken, image, given)
            return _of_one(task, image, given, ignores_hole="mask_means" in parameters)

    return cast("AnyKind[P]", taken)


def _of_one(task: Callable[..., Any], image: Any, given: dict[str, Any], *, ignores_hole: bool) -> Any:
    """Do a task to one picture, or to a batch of one size."""
    given = numbers_in(given)
    check_arguments(given, task)
    data_range = given.pop("data_range", None)
    device, dtype = given.pop("device", None), given.pop("dtype", None)
    if "seed" in given and given["seed"] is None:
        given["seed"] = drawn_seed(task.__name__)
    if "prior" in given or device is not None or dtype is not None:
        given["prior"] = prior_of(given.get("prior"), device, dtype)
    callback = given.pop("callback", None)
    if callback is not None:
        prior = given.get("prior") or shipped()
        given["prior"], given["progress"] = watched(prior, given.get("progress"), callback)
    if isinstance(image, str | Path):
        image = read(image)
    scaled = _scaled(image, data_range, given if ignores_hole else {})
    if scaled is None:
        return task(image, **given)
    if data_range is not None and "mask" not in given:  # what a mask hides may be anything
        _check_scaled(scaled)
    return scaled.back(task(scaled.unit, **given))


def _check_scaled(scaled: Scaled) -> None:
    """Raise ValueError for a picture that goes far beyond the range that it was said to have."""
    batch = canvas(scaled.unit, checked=False).batch
    seen = batch[batch.isfinite()]
    if seen.numel() and float(seen.abs().max()) > NOMINAL:
        low, high = (
            float(each) * (scaled.high - scaled.low) + scaled.low for each in (seen.min(), seen.max())
        )
        raise ValueError(
            f"data_range ({scaled.low:g}, {scaled.high:g}) is far from the values of the picture, {low:g} to "
            f"{high:g}; pass those of its black and white"
        )


def _of_list(task: Callable[..., Any], images: Sequence[Any], given: dict[str, Any]) -> list[Any]:
    """Do a task to each of several pictures, with the same options or each with its own."""
    if any(isinstance(image, list | tuple | int | float) for image in images):
        raise TypeError(
            "expected a list of pictures, got one of lists or numbers; for one picture pass "
            "numpy.asarray(...)"
        )
    count, results, outside = len(images), [], Outside()
    progress, callback = outside(given.pop("progress", None)), outside(given.pop("callback", None))
    for number, image in enumerate(images):
        own = {name: _own(name, value, number, count) for name, value in given.items()}
        if progress is not None:
            own["progress"] = part_progress(progress, number, count)
        if callback is not None:
            own["callback"] = part_callback(callback, number, count)
        try:
            results.append(task(image, **own))
        except (RestoreError, TypeError, ValueError) as error:
            if outside.has_raised(error):
                raise
            error.args = (f"picture {number + 1} of {count}: {error}", *error.args[1:])
            raise
    return results


def _own(name: str, value: Any, number: int, count: int) -> Any:
    """What one picture of a list is given of an argument."""
    if name not in ONE_EACH:
        return value
    several = isinstance(value, list | tuple)
    if name == "sigma" and isinstance(value, np.ndarray | Tensor):
        several = value.ndim == 1
    elif several and name not in ("sigma", "quality") and value:
        several = not isinstance(value[0], list | tuple | int | float)  # else it is one, of nested lists
    if not several:
        return value
    if len(value) != count:
        raise ValueError(
            f"{name} has {len(value)} entries for {count} pictures; pass one for all, or one for each"
        )
    return value[number]


def prior_of(prior: Any, device: Any, dtype: Any) -> Any:
    """Give the network that a task is given, or that in the package on a device and in a precision.

    Raises
    ------
    TypeError
        For what is no network.
    ValueError
        For a device or a precision beside a network, which has its own, and as `restore.load`.
    """
    if isinstance(prior, str | Path):
        raise TypeError(f"prior is a network, got a path; pass prior=restore.load({str(prior)!r})")
    if prior is not None and not hasattr(prior, "denoiser"):
        raise TypeError(f"prior is a network as restore.load gives it, got {type(prior).__name__}")
    if device is None and dtype is None:
        return prior
    if prior is not None:
        raise ValueError(
            "device and dtype are for the weights in the package, and this prior has its own; pass "
            "prior=restore.load(path, device=..., dtype=...)"
        )
    return _loaded(None if device is None else str(device), dtype)


@once
def _loaded(device: str | None, dtype: torch.dtype | None) -> Backbone:
    return load(device=device, dtype=dtype)


def _scaled(image: Any, data_range: Any, masked: dict[str, Any]) -> Scaled | None:
    """The picture in [0, 1], and the way back; None where it is in [0, 1] or of whole numbers as it is.

    masked : the mask whose hole is not read, and what it means.
    """
    if data_range is not None:
        return in_units(image, *checked_range(data_range))
    if not _of_floats(image):
        return None
    batch, visible = (picture := canvas(image, checked=False)).batch, picture.visible
    mask = masked.get("mask")
    if mask is not None:
        size = int(batch.shape[-2]), int(batch.shape[-1])
        known = hole_of(mask, size, masked.get("mask_means", "fill")) == 0
        if len(known) in (1, len(batch)):  # else the task says so
            visible = known if visible is None else known & visible
            visible = visible.expand(len(batch), -1, -1, -1)
    low, high = scale_of(batch, visible)
    if (low, high) == (0, 1):
        return None
    logging.getLogger("restore").info("values were taken to be from %g to %g (data_range)", low, high)
    return in_units(image, low, high)


def _of_floats(image: Any) -> bool:
    """Whether a picture is one of floats with values that may need a scale of their own."""
    if isinstance(image, Tensor):
        return image.is_floating_point() and image.numel() > 0
    if isinstance(image, FilePicture):
        image = image.pixels
    if is_pil(image) or not isinstance(image, np.ndarray):
        return False
    return image.dtype.kind == "f" and image.size > 0
