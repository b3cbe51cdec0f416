"""Load the network of a command when it is first needed."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click
from click.core import ParameterSource

from restore.cli.course import LOADING
from restore.cli.details import of_prior, precision_of
from restore.cli.memory_need import NETWORK
from restore.cli.options import Settings
from restore.errors import ConfigError
from restore.images.memory import limit
from restore.priors.device import TILE, limit_threads

REFUSABLE = {
    *("weights", "device", "precision", "tile", "label", "method", "steps", "sampler", "start", "guidance"),
    *("jump_length", "jump_repeats", "ladder", "variance", "vectors", "text", "stages", "uncertainty"),
}
"""Options that a network may refuse."""

if TYPE_CHECKING:
    from restore.priors.backbone import Backbone
    from restore.priors.device import Precision
    from restore.priors.protocol import Prior


def concerns_network(context: click.Context) -> bool:
    """Whether options are given that the weights, the device or the method could refuse.

    Without any, the shipped weights do what the command asks of them, and a dry run needs not load them.
    """
    given = {
        name for name in context.params
        if context.get_parameter_source(name) in (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP)
    }  # fmt: skip
    if context.params.get("device") in ("auto", "cpu"):
        given.discard("device")
    return bool(given & REFUSABLE)


class Told(Protocol):
    """Who is told that the network is loaded."""

    def during(self, doing: str) -> AbstractContextManager[object]:
        """Say what is being done for a while."""

    def detail(self, text: str) -> None:
        """Say what was decided."""


class Networks:
    """The network that several pictures are restored by, loaded once.

    merges: whether its calls are put together, as several threads make them. in_flight: tells how many
    pictures there are in these. seconds: that loading it took.
    """

    def __init__(self) -> None:
        self.merges = False
        self.in_flight: Callable[[], int] = lambda: 1
        self.seconds = 0.0
        self._prior: Prior | None = None
        self._threads = 0
        self._lock = threading.Lock()

    def give(self, load: Callable[[], Prior]) -> Prior:
        """Give the network, with calls and an ensemble of its own. load: where it is not there."""
        from restore.priors.backbone import Backbone
        from restore.priors.merged import Merged

        with self._lock:
            if self._prior is None:
                start = time.monotonic()
                self._prior = load()
                self.seconds = time.monotonic() - start
                if self.merges and isinstance(self._prior, Backbone):
                    most = limit()
                    pixels = math.inf if most is None else most / 2 / NETWORK  # half is left to pictures
                    self._prior.computes = Merged(lambda: self.in_flight(), most_pixels=pixels)
            return self._prior.beside() if isinstance(self._prior, Backbone) else self._prior

    def share_threads(self) -> None:
        """Let the current thread compute in as many threads as any other does.

        Some network calls are computed in fewer, and torch lets a new thread begin with the last number that
        was set in any. Sums over a picture have other last digits with other numbers of threads.
        """
        if not self.merges:
            return
        import torch

        with self._lock:
            if not self._threads:
                limit_threads()
                self._threads = torch.get_num_threads()
        # Torch takes the last number when it is first asked in a thread, whatever was set there before.
        torch.get_num_threads()
        torch.set_num_threads(self._threads)


def is_shared(settings: Settings) -> bool:
    """Whether several pictures can be restored by the network at once; converted ones hold one."""
    if settings.weights is None:
        return True
    from restore.priors.foreign import backbone as foreign

    return not foreign.is_foreign(settings.weights)


class PriorLoader:
    """Loads the prior of a command, or of one of its pictures.

    reporter: says that the network is being loaded, and which one it is. networks: where it may be loaded
    already.
    """

    def __init__(self, settings: Settings, reporter: Told | None = None, networks: Networks | None = None):
        self.settings = settings
        self._reporter, self._networks = reporter, networks
        self._prior: Prior | None = None

    @property
    def used(self) -> Prior | None:
        """The prior if it was loaded; a command may need none."""
        return self._prior

    @property
    def prior(self) -> Prior:
        """The prior. Raises ConfigError and WeightsError when it cannot be loaded."""
        if self._prior is None:
            load = partial(self._loaded, self.settings)
            self._prior = load() if self._networks is None else self._networks.give(load)
        return self._prior

    @property
    def on_cpu(self) -> bool:
        """Whether the network computes in the memory of the machine; asked without loading it."""
        return _place(self.settings.device) == "cpu"

    @property
    def narrow(self) -> bool:
        """Whether the network computes in less than single precision."""
        return precision_of(self.prior) == "bf16"

    @contextmanager
    def in_float32(self) -> Iterator[None]:
        """The prior in single precision, for one picture."""
        narrow = self._prior
        # Half precision has rounded the loaded weights; the result must equal that of --precision fp32.
        self._prior = self._loaded(replace(self.settings, precision="fp32"))
        try:
            yield
        finally:
            self._prior = narrow

    def prepare(self) -> None:
        """Import what every network and most measurements need, which takes seconds the first time."""
        if not (self._reporter is None or self.settings.dry_run or "torch" in sys.modules):
            with self._reporter.during(LOADING):
                import_module("torch")
        if self._networks is not None and not self.settings.dry_run:
            self._networks.share_threads()

    def _loaded(self, settings: Settings) -> Prior:
        if self._reporter is None:
            return load_prior(settings)
        with self._reporter.during(LOADING):
            prior = load_prior(settings)
        self._reporter.detail(of_prior(prior, settings.weights))
        return prior


def load_backbone(
    weights: Path | None, device: str, precision: Precision, tile: int, ensemble: int = 1
) -> Backbone:
    """Load a network with these options. Raises ConfigError and WeightsError."""
    from restore.priors.checkpoint import load
    from restore.priors.device import dtype_of

    place = _place(device)
    network = load(weights, device=place, dtype=dtype_of(precision, place))
    network.tile, network.ensemble = tile, ensemble
    return network


def load_prior(settings: Settings) -> Prior:
    """Load the backbone, or converted weights. Raises ConfigError and WeightsError."""
    weights = settings.weights
    if weights is not None:
        from restore.priors.foreign import backbone as foreign
    if weights is None or not foreign.is_foreign(weights):
        network = load_backbone(
            weights, settings.device, settings.precision, settings.tile, settings.ensemble
        )
        return told(network, settings.label)
    if settings.tile != TILE:
        raise ConfigError(
            f"--tile {settings.tile}: {weights} sees the whole picture at once, so it cannot be "
            "computed in pieces; leave it out"
        )
    if settings.precision == "bf16":
        raise ConfigError(f"--precision bf16: {weights} is computed in fp32; leave it out")
    converted = foreign.load(weights, device=_place(settings.device))
    converted.ensemble = settings.ensemble
    return told(converted, settings.label)


def told(prior: Prior, label: str | None) -> Prior:
    """Tell a prior of a class by its name or number. Raises WeightsError for one that it does not know."""
    if label is not None:
        from restore.priors.given import label_number

        prior.label = label_number(label, prior.classes)
    return prior


def _place(device: str) -> str:
    from restore.priors.device import best_device

    return best_device() if device == "auto" else usable(device)


def usable(device: str) -> str:
    """Give the device. Raises ConfigError when this machine does not have it."""
    import torch

    kind, _, number = device.partition(":")
    if kind == "cuda":
        cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number or 0) >= cards:
            raise ConfigError(
                f"--device {device}: torch {torch.__version__} finds {cards} usable CUDA cards here; pass "
                "--device cpu, or check the driver with nvidia-smi"
            )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("--device mps: this is no Mac with a usable graphics processor; pass --device cpu")
    return device
