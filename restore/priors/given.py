"""What a network is told of a whole picture beside its noise level: a class label, or any vector."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from restore.errors import WeightsError

SHOWN = 12  # names in a message


def label_number(label: str | int, names: Sequence[str]) -> int:
    """Give the number of a class by its name or its number.

    Parameters
    ----------
    label : a name, or a number from 0.
    names : of all classes, in the order of their numbers.

    Raises
    ------
    WeightsError
        For a label that there is not; the message lists those there are.

    Examples
    --------
    >>> label_number("cat", ["bird", "cat"]), label_number("0", ["bird", "cat"])
    (1, 0)
    """
    if not names:
        told = " ".join(str(label).split())[:80] or "''"
        raise WeightsError(f"these weights know no classes, got label {told}; leave the label out")
    if str(label) in names:
        return list(names).index(str(label))
    try:
        number = int(label)
    except ValueError:
        number = -1
    if not 0 <= number < len(names):
        listed = ", ".join(names[:SHOWN]) + (" and more" if len(names) > SHOWN else "")
        raise WeightsError(
            f"these weights know {len(names)} classes: {listed}; pass one of them, or a number from 0 to "
            f"{len(names) - 1}, got {label}"
        )
    return number


def one_hot(labels: Sequence[int | None], classes: int) -> Tensor:
    """Give vectors ``(n, classes)`` with 1 at the label; without one all is 0.

    Examples
    --------
    >>> one_hot([1, None], 3)
    tensor([[0., 1., 0.],
            [0., 0., 0.]])
    """
    vectors = torch.zeros(len(labels), classes)
    for row, label in zip(vectors, labels, strict=True):
        if label is not None:
            row[label] = 1
    return vectors
