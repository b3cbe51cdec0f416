"""The network compiled, where a compiler is there and works; as it is where not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

from restore.errors import RestoreError
from restore.images.outside import brief
from restore.priors.backbone import Network
from restore.training.clock import RunClock

Result = TypeVar("Result")
AT_LEAST = 180.0
"""Seconds below which compiling is not worth it: it takes a minute, and calls are then twice as fast."""

KNOWN = {
    "InvalidCxxCompiler": "there is no C++ compiler; install g++ or clang",
    "CppCompileError": "the C++ compiler fails; see whether it is whole",
}


class CompiledNetwork:
    """A network that is compiled when it is first called, and called as it is once that has failed.

    Gradients are compiled later than the calls themselves, in the first backward pass: `once_more` is for
    these.

    Parameters
    ----------
    network : what is called with tensors and gives one.
    say : called with one line when the network cannot be compiled.

    Examples
    --------
    >>> network = CompiledNetwork(torch.nn.Identity(), print)
    >>> network.give_up(OSError("no space left"))
    the network cannot be compiled (no space left): it is called as it is, which takes twice as long on a CPU
    >>> network(torch.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, network: Callable[..., Tensor], say: Callable[[str], None]):
        self._network, self._say = network, say
        self._compiled: Any = torch.compile(network, dynamic=False)
        self.failed = False

    def __call__(self, *arguments: Tensor) -> Tensor:
        """The network's answer."""
        if not self.failed:
            try:
                answer: Tensor = self._compiled(*arguments)
                return answer
            except Exception as error:
                # Inductor has many errors, and passes on those of the system. One of the network itself is
                # raised again by the call below.
                if not may_be_of_compiling(error):
                    raise
                self.give_up(error)
        return self._network(*arguments)

    def give_up(self, error: Exception) -> None:
        """Call the network as it is from now on."""
        self.failed = True
        self._say(
            f"the network cannot be compiled ({reason(error)}): it is called as it is, which takes twice as "
            "long on a CPU"
        )


def as_called(network: Callable[..., Tensor], clock: RunClock, say: Callable[[str], None]) -> Network:
    """A network as training calls it: compiled, unless there is no time left for that.

    clock: of the run. say: called with one line where the network is called as it is.
    """
    if clock.left() < AT_LEAST:
        say("too little time is left for compiling the network: it is called as it is")
        return network
    return CompiledNetwork(network, say)


def once_more(network: object, step: Callable[[], Result]) -> Result:
    """Call a function that takes gradients through a network, again where compiling these has failed.

    Parameters
    ----------
    network : what the gradients go through; where it is no `CompiledNetwork`, errors are raised as they are.
    step : leaves everything as it was where it raises an error.

    Returns
    -------
    What ``step`` returns.
    """
    try:
        return step()
    except Exception as error:
        if not isinstance(network, CompiledNetwork) or network.failed or not may_be_of_compiling(error):
            raise
        network.give_up(error)
    return step()


def may_be_of_compiling(error: Exception) -> bool:
    """Whether a call without compiling may go better: not where memory is short, nor for our own errors."""
    return not isinstance(error, MemoryError | torch.OutOfMemoryError | RestoreError)


def reason(error: Exception) -> str:
    """Why a network could not be compiled, in a few words.

    Examples
    --------
    >>> reason(OSError(28, "No space left on device"))
    '[Errno 28] No space left on device'
    """
    cause = getattr(error, "inner_exception", error)  # what inductor had in its way
    return KNOWN.get(type(cause).__name__) or brief(cause)
