"""Network calls of several threads, computed together where they are alike.

Pictures that are restored at the same time wait for one network. Calls that came while it was busy are
computed as one batch, which for small pictures takes little longer than one of them. No call waits for others
to come.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from threading import Condition
from typing import Protocol

import torch
from torch import Tensor, nn

MOST_PIXELS = {"cpu": 2**17}
"""Pixels of a batch, by the kind of device: of larger ones a processor does not compute more in a second."""

MOST_PIXELS_ELSE = 2**22


class Computes(Protocol):
    """Computes a call of a network, at once or together with others."""

    def __call__(
        self, network: nn.Module, inputs: Tensor, *told: Tensor, done: Callable[[], None] | None = None
    ) -> Tensor:
        """Give the output for inputs ``(b, c, h, w)`` and what the network is told of them."""


def apart(
    network: nn.Module, inputs: Tensor, *told: Tensor, done: Callable[[], None] | None = None
) -> Tensor:
    """Compute a call by itself.

    Parameters
    ----------
    network : called with the inputs and what it is told.
    inputs : ``(b, c, h, w)``.
    told : noise levels, and vectors where there are any, each ``(b or 1, ...)``.
    done : called after every block of layers.
    """
    output: Tensor = network(inputs, *told) if done is None else network(inputs, *told, done=done)
    return output


class Merged:
    """Computes the calls of several threads, one batch after the other, those that came first at first.

    Calls are put together that ask the same network about pictures of the same size at the same noise level;
    a network of this package computes the same numbers for a picture whatever stands beside it in the batch.
    Calls for gradients are computed by themselves.

    Examples
    --------
    >>> network = nn.Conv2d(3, 3, 1).requires_grad_(False)
    >>> merged = Merged()
    >>> merged(lambda x, level: network(x), torch.zeros(1, 3, 8, 8), torch.ones(1)).shape
    torch.Size([1, 3, 8, 8])
    """

    def __init__(self) -> None:
        self._turn = Condition()
        self._busy = False
        self._waiting: list[_Call] = []

    def __call__(
        self, network: nn.Module, inputs: Tensor, *told: Tensor, done: Callable[[], None] | None = None
    ) -> Tensor:
        """Give the output for inputs ``(b, c, h, w)``, as `apart` does."""
        if inputs.requires_grad:
            return apart(network, inputs, *told, done=done)
        call = _Call(network, inputs, told, done)
        with self._turn:
            self._waiting.append(call)
        while True:
            with self._turn:
                while self._busy and not call.ended:
                    self._turn.wait()
                if call.ended:
                    return call.result()
                batch = self._next()
                self._busy = True
            try:
                _compute(batch)
            finally:
                with self._turn:
                    self._busy = False
                    self._turn.notify_all()

    def _next(self) -> list[_Call]:
        """Take the call that has waited longest, and those like it that fit into one batch."""
        first, *others = self._waiting
        most = MOST_PIXELS.get(first.inputs.device.type, MOST_PIXELS_ELSE)
        batch, pixels = [first], first.pixels
        for call in others:
            if pixels + call.pixels <= most and call.is_like(first):
                batch.append(call)
                pixels += call.pixels
        self._waiting = [call for call in self._waiting if call not in batch]
        return batch


class _Call:
    """A call that waits for its answer."""

    def __init__(
        self, network: nn.Module, inputs: Tensor, told: tuple[Tensor, ...], done: Callable[[], None] | None
    ):
        self.network, self.inputs, self.told, self.done = network, inputs, told, done
        self.output: Tensor | None = None
        self.error: BaseException | None = None

    @property
    def pixels(self) -> int:
        b, _, h, w = self.inputs.shape
        return b * h * w

    @property
    def ended(self) -> bool:
        return self.output is not None or self.error is not None

    def is_like(self, other: _Call) -> bool:
        """Whether both can be computed in one batch, with the same numbers."""
        a, b = self.inputs, other.inputs
        alike = self.network is other.network and a.shape[1:] == b.shape[1:] and a.dtype == b.dtype
        # What is told once holds for all of a batch.
        told = list(zip_longest(self.told, other.told))
        return alike and all(
            x is not None and y is not None and len(x) == len(y) == 1 and torch.equal(x, y) for x, y in told
        )

    def result(self) -> Tensor:
        if self.error is not None:
            raise self.error
        assert self.output is not None
        return self.output


def _compute(batch: list[_Call]) -> None:
    """Compute calls that are alike. What goes wrong is raised by each of them."""
    first, *others = batch
    try:
        with torch.no_grad():
            if not others:
                first.output = apart(first.network, first.inputs, *first.told, done=first.done)
                return
            inputs = torch.cat([call.inputs for call in batch])
            tell = [call.done for call in batch if call.done is not None]
            inputs = inputs.contiguous(memory_format=torch.channels_last)
            output = apart(first.network, inputs, *first.told, done=_all(tell) if tell else None)
            parts = torch.split(output, [len(call.inputs) for call in batch])
            for call, part in zip(batch, parts, strict=True):
                call.output = part
    except BaseException as error:
        if not others:
            first.error = error
            return
        for call in batch:  # memory may suffice for each by itself, and one that is given up is not all
            _compute([call])


def _all(tell: list[Callable[[], None]]) -> Callable[[], None]:
    def done() -> None:
        for each in tell:
            each()

    return done
