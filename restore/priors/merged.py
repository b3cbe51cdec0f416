"""Network calls of several threads, computed together where they are alike.

Pictures that are restored at the same time wait for one network. Calls that came while it was busy are
computed as one batch, which for small pictures takes little longer than one of them. No call waits for others
to come.

On a processor several batches are computed side by side, each in a part of the threads: threads that share a
batch wait for each other after every layer, and for whatever else runs on one of their cores.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from restore.priors.levels import Known
from restore.priors.unet import UNet
from restore.turns import waiting

MOST_PIXELS = {"cpu": 2**17}
"""Pixels of a batch, by the kind of device: of larger ones a processor does not compute more in a second."""

MOST_PIXELS_ELSE = 2**22

LARGE = 2
"""Batches side by side, of larger pictures: each takes much memory."""


class Computes(Protocol):
    """Computes a call of a network, at once or together with others."""

    def __call__(
        self,
        network: nn.Module,
        inputs: Tensor,
        *told: Tensor,
        folded: bool = True,
        done: Callable[[], None] | None = None,
    ) -> Tensor:
        """Give the output for inputs ``(b, c, h, w)`` and what the network is told of them."""


def apart(
    network: nn.Module,
    inputs: Tensor,
    *told: Tensor,
    folded: bool = True,
    done: Callable[[], None] | None = None,
) -> Tensor:
    """Compute a call by itself.

    Parameters
    ----------
    network : called with the inputs and what it is told.
    inputs : ``(b, c, h, w)``.
    told : noise levels, and vectors where there are any, each ``(b or 1, ...)``.
    folded : as `restore.priors.unet.UNet` takes it.
    done : called after every block of layers.
    """
    more: dict[str, Any] = {} if folded else {"folded": False}
    if done is not None:
        more["done"] = done
    output: Tensor = network(inputs, *told, **more)
    return output


class Merged:
    """Computes the calls of several threads in batches, those that came first at first.

    Calls are put together that ask the same network about pictures of the same size; those at one noise level
    are cheapest, and those at others fill up what room there is. A network of this package computes the same
    numbers for a picture whatever stands beside it in the batch. Calls for gradients are computed by
    themselves.

    Parameters
    ----------
    in_flight : tells how many pictures there are whose calls may come: one has all threads for itself.
    most_pixels : that memory suffices for, over all batches.

    Examples
    --------
    >>> network = nn.Conv2d(3, 3, 1).requires_grad_(False)
    >>> merged = Merged()
    >>> merged(lambda x, level: network(x), torch.zeros(1, 3, 8, 8), torch.ones(1)).shape
    torch.Size([1, 3, 8, 8])
    """

    def __init__(self, in_flight: Callable[[], int] = lambda: 1, *, most_pixels: float = math.inf) -> None:
        self._turn = Condition()
        self._waiting: list[_Call] = []
        self._in_flight, self._most_pixels = in_flight, most_pixels
        self._threads = self._free = torch.get_num_threads()

    def __call__(
        self,
        network: nn.Module,
        inputs: Tensor,
        *told: Tensor,
        folded: bool = True,
        done: Callable[[], None] | None = None,
    ) -> Tensor:
        """Give the output for inputs ``(b, c, h, w)``, as `apart` does."""
        if inputs.requires_grad:
            return apart(network, inputs, *told, folded=folded, done=done)
        call = _Call(network, inputs, told, folded, done)
        with waiting():
            return self._computed(call)

    def _computed(self, call: _Call) -> Tensor:
        """Compute batches until the one with this call was computed."""
        with self._turn:
            self._waiting.append(call)
        while True:
            with self._turn:
                while not (call.ended or (call in self._waiting and self._granted() <= self._free)):
                    self._turn.wait()
                if call.ended:
                    return call.result()
                threads = self._granted()
                batch = self._next()
                self._free -= threads
            try:
                with _computing_in(threads, self._threads):
                    _compute(batch)
            finally:
                with self._turn:
                    self._free += threads
                    self._turn.notify_all()

    def _granted(self) -> int:
        """In how many threads the next batch is computed; more than there are for none now."""
        first, others = self._waiting[0], self._in_flight() - 1
        if first.takes_all_threads or others < 1 or LARGE * first.pixels > self._most_pixels:
            return self._threads
        if first.pixels > MOST_PIXELS["cpu"]:
            return max(1, self._threads // LARGE)
        # One is left to what is done between the calls, which takes as long.
        return 1 if self._free > 1 or self._threads == 1 else self._threads + 1

    def _next(self) -> list[_Call]:
        """Take the call that has waited longest, and those like it that fit into one batch."""
        first, *others = self._waiting
        most = MOST_PIXELS.get(first.inputs.device.type, MOST_PIXELS_ELSE)
        batch, pixels = [first], first.pixels
        like = [call for call in others if call.is_like(first)]
        for call in sorted(like, key=lambda call: not call.is_told_the_same(first)):
            if pixels + call.pixels <= most:
                batch.append(call)
                pixels += call.pixels
        self._waiting = [call for call in self._waiting if call not in batch]
        return batch


@contextmanager
def _computing_in(threads: int, usually: int) -> Iterator[None]:
    """Compute in so many threads, as far as this thread is concerned."""
    if threads == torch.get_num_threads():
        yield
        return
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(usually)


class _Call:
    """A call that waits for its answer."""

    def __init__(
        self,
        network: nn.Module,
        inputs: Tensor,
        told: tuple[Tensor, ...],
        folded: bool,
        done: Callable[[], None] | None,
    ):
        self.network, self.inputs, self.told, self.folded, self.done = network, inputs, told, folded, done
        self.output: Tensor | None = None
        self.error: BaseException | None = None

    @property
    def pixels(self) -> int:
        b, _, h, w = self.inputs.shape
        return b * h * w

    @property
    def takes_all_threads(self) -> bool:
        """Whether it has no use for fewer, or other last digits in them: attention adds over the picture."""
        local = not isinstance(self.network, UNet) or self.network.local
        return self.inputs.device.type != "cpu" or not local

    @property
    def ended(self) -> bool:
        return self.output is not None or self.error is not None

    def is_like(self, other: _Call) -> bool:
        """Whether both can be computed in one batch, with the same numbers."""
        a, b = self.inputs, other.inputs
        network = self.network is other.network and self.folded == other.folded
        alike = network and a.shape[1:] == b.shape[1:] and a.dtype == b.dtype
        # What is told once holds for all of a call.
        once = all(len(told) == 1 for call in (self, other) for told in call.told)
        if not (alike and once and len(self.told) == len(other.told)):
            return False
        return self.is_told_the_same(other) or isinstance(self.network, UNet)

    def is_told_the_same(self, other: _Call) -> bool:
        return all(torch.equal(x, y) for x, y in zip(self.told, other.told, strict=True))

    def rows(self) -> list[Tensor]:
        """What is told, for each of its pictures."""
        return [told.expand(len(self.inputs), *told.shape[1:]) for told in self.told]

    def result(self) -> Tensor:
        if self.error is not None:
            raise self.error
        assert self.output is not None
        return self.output


def _compute(batch: list[_Call]) -> None:
    """Compute calls that are alike. What goes wrong is raised by each of them."""
    first, *others = batch
    network = first.network
    if isinstance(network, UNet) and network.known is None:
        network.known = Known()
    try:
        with torch.no_grad():
            if not others:
                first.output = apart(network, first.inputs, *first.told, folded=first.folded, done=first.done)
                return
            if not all(call.is_told_the_same(first) for call in others):
                batch = sorted(batch, key=lambda call: [told.tolist() for told in call.told])
            output = _together(batch)
            parts = torch.split(output, [len(call.inputs) for call in batch])
            for call, part in zip(batch, parts, strict=True):
                call.output = part
    except BaseException as error:
        if not others:
            first.error = error
            return
        for call in batch:  # memory may suffice for each by itself, and one that is given up is not all
            _compute([call])


def _together(batch: list[_Call]) -> Tensor:
    """The output for calls that are alike, those at one level next to each other."""
    first, *others = batch
    inputs = torch.cat([call.inputs for call in batch]).contiguous(memory_format=torch.channels_last)
    tell = [call.done for call in batch if call.done is not None]
    done = _all(tell) if tell else None
    if all(call.is_told_the_same(first) for call in others):
        return apart(first.network, inputs, *first.told, folded=first.folded, done=done)
    told = [torch.cat(rows) for rows in zip(*(call.rows() for call in batch), strict=True)]
    output: Tensor = first.network(inputs, *told, alone=True, folded=first.folded, done=done)
    return output


def _all(tell: list[Callable[[], None]]) -> Callable[[], None]:
    def done() -> None:
        for each in tell:
            each()

    return done
