"""Optimisers in and out of safetensors files, for runs that can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from torch import Tensor, empty_like
from torch.optim import Optimizer

from restore.errors import ConfigError, WeightsError
from restore.images.outside import brief, shown
from restore.priors.checkpoint import check_finite, check_kinds
from restore.priors.tensor_file import read_tensors

Facts = TypeVar("Facts")


def read_state(path: Path, facts: Callable[[dict[str, str]], Facts]) -> tuple[Facts, dict[str, Tensor]]:
    """What ``facts`` makes of the metadata of a saved state, and its tensors.

    Raises ConfigError where there is no such file, or one of something else.
    """
    from safetensors import SafetensorError

    if not path.is_file():
        raise ConfigError(f"{path}: no saved state to go on from; start without --resume")
    try:
        metadata, tensors = read_tensors(path)
        check_kinds(path, tensors)
        check_finite(path, tensors)
        return facts(metadata), tensors
    except WeightsError as error:
        raise ConfigError(f"{error}, so that no run can go on from them") from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{path}: damaged, or no state that this version can go on from ({brief(repr(error))})"
        ) from None


@contextmanager
def restoring(path: Path) -> Iterator[None]:
    """Say in one line, as a ConfigError, what of a saved state does not fit the run that goes on from it."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: no state that this run can go on from ({brief(repr(error))})") from None


def fitting(tensors: Mapping[str, Tensor], name: str, like: Tensor) -> Tensor:
    """Give a tensor of a saved state; KeyError where there is none, ValueError for one of another shape."""
    if tensors[name].shape != like.shape:
        raise ValueError(f"tensor {name} is {tuple(tensors[name].shape)}, expected {tuple(like.shape)}")
    return tensors[name]


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors under a prefix, without it."""
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Plain copies in the CPU's memory, as a file wants them."""
    return {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}


def optimizer_tensors(optimizer: Optimizer, numbers: Sequence[int] | None = None) -> dict[str, Tensor]:
    """The moments of an optimiser as ``optimizer.NUMBER.NAME``; numbers of its weights, None: 0, 1, 2, ..."""
    moments = optimizer.state_dict()["state"]
    return {
        f"optimizer.{numbers[index] if numbers else index}.{key}": moment
        for index, values in moments.items()
        for key, moment in values.items()
    }


def load_optimizer(
    optimizer: Optimizer,
    tensors: Mapping[str, Tensor],
    numbers: Sequence[int] | None = None,
    names: Sequence[str] = (),
) -> None:
    """Put moments saved by `optimizer_tensors` back in the memory layout of their weights.

    The fused optimiser reads weights, gradients and moments as flat memory: moments in another layout
    than channels_last would silently belong to other weights. names: which moments a weight must have, and
    gets, none of them where one is missing; empty: whatever is there.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for index, like in enumerate(parameters):
        moments = part(tensors, f"optimizer.{numbers[index] if numbers else index}.")
        if moments and all(name in moments for name in names):
            if odd := [key for key, moment in moments.items() if moment.shape not in (like.shape, ())]:
                raise ValueError(f"moment {odd[0]} of weight {index} is {tuple(moments[odd[0]].shape)}")
            state[index] = {
                key: empty_like(like).copy_(moments[key])
                if moments[key].shape == like.shape
                else moments[key]
                for key in names or moments
            }
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def whole(text: str) -> int:
    """Give a count that a state tells; ValueError for what is none."""
    number = int(text) if len(text) <= 20 else -1
    if not 0 <= number <= 10**12:
        raise ValueError(f"expected a whole number from 0 to 10^12, got {shown(text)}")
    return number


def positive(text: str, *, most: float = 1e12) -> float:
    """Give a number of at least 0 that a state tells; ValueError for what is none."""
    number = float(text) if len(text) <= 40 else -1.0
    if not 0 <= number <= most:
        raise ValueError(f"expected a number from 0 to {most:g}, got {shown(text)}")
    return number
