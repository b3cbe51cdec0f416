"""A Ray cluster, or one on this machine alone: how it is reached, and which workers fit into it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from restore.errors import ConfigError

PATIENCE = 5.0
"""Seconds in which a cluster answers."""

MOST_CPUS = 8
"""Processors of a worker without a graphics card: more make the network hardly faster."""

STORE = 80 * 2**20
"""Bytes that a Ray of our own keeps for objects, the least that it takes; outcomes are small."""

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
SETTINGS = 4  # the kind of the frame that a server of HTTP/2 begins with (RFC 9113)


@dataclass(frozen=True)
class Place:
    """Where a worker fits. node: by Ray's name. number: of the place on it. beside: how many are on it."""

    node: str
    host: str
    number: int
    cpus: int
    cards: int
    beside: int


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """Ray, connected to a cluster, or started on this machine and ended again. Raises ConfigError."""
    address = address or os.environ.get("RAY_ADDRESS")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # of a Ray of our own, where nothing else runs
    if find_spec("ray") is None:
        raise ConfigError(
            "--engine ray needs Ray, which is not installed: pip install 'restore-diffusion[ray]'"
        )
    if address not in (None, "auto", "local"):
        _check_answers(str(address))
    import ray

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    folder = None
    try:
        options: dict[str, Any] = {"address": address}
        if address in (None, "local"):
            folder = _own_folder()
            options = {"include_dashboard": False, "object_store_memory": STORE, "_temp_dir": folder}
        _initialised(ray, options)
        _quieten()
        for number, handler in handlers.items():  # Ray has put its own there
            signal.signal(number, handler)
        yield ray
    finally:
        with suppress(Exception):
            ray.shutdown()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _initialised(ray: Any, options: dict[str, Any]) -> None:
    try:
        ray.init(
            **options,
            namespace=f"restore-{os.getpid()}-{os.urandom(4).hex()}",
            log_to_driver=False,
            logging_level="CRITICAL",
            configure_logging=True,
        )
    except (Exception, SystemExit) as error:
        told = " ".join(str(error).split())[:200] or type(error).__name__
        where = f" at {options['address']}" if options.get("address") else ""
        raise ConfigError(f"Ray{where} cannot be used: {told}") from error


def _own_folder() -> str:
    """A folder of its own for a Ray that is ended again. Its sockets need a short path."""
    short = Path("/tmp")
    return tempfile.mkdtemp(prefix="ray-", dir=short if short.is_dir() else None)


def _quieten() -> None:
    """Keep what Ray says of its processes off standard output; this program says what is lost itself."""
    with suppress(ImportError, AttributeError):
        from ray._private import worker

        worker.print_to_stdstream = lambda *data, **options: None


def _check_answers(address: str) -> None:
    """Check that a cluster is there, which Ray itself waits for minutes to find out. Raises ConfigError."""
    wrong = f"--address {address}: "
    if "://" in address:
        raise ConfigError(f"{wrong}expected HOST:PORT of the cluster's head, as `ray status` takes it")
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"{wrong}expected HOST:PORT of the cluster's head, such as 10.0.0.1:6379")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE) as connection:
            if os.environ.get("RAY_USE_TLS", "0") in ("0", "false", ""):
                connection.sendall(PREFACE)
                connection.settimeout(PATIENCE)
                answer = connection.recv(9)
                if len(answer) < 4 or answer[3] != SETTINGS:
                    raise ConfigError(
                        f"{wrong}what answers there is no Ray cluster; give HOST:PORT of its head"
                    )
    except OSError as error:
        why = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise ConfigError(f"{wrong}cannot reach a Ray cluster there ({why}); check that it runs") from error


def places(ray: Any, device: str) -> list[Place]:
    """Where workers fit: one for each graphics card, else for each eight processors of a machine.

    With cards in the cluster, only these are used, unless the device is the processor. Raises ConfigError.
    """
    nodes = [node for node in ray.nodes() if node["Alive"]]
    found: list[Place] = []
    cards = device != "cpu" and any(node["Resources"].get("GPU", 0) >= 1 for node in nodes)
    if device.startswith("cuda"):
        if ":" in device:
            raise ConfigError(f"--device {device}: Ray chooses the cards; pass --device cuda")
        if not cards:
            raise ConfigError("--device cuda: no machine of the cluster has a CUDA card; pass --device cpu")
    for node in nodes:
        cpus, gpus = (int(node["Resources"].get(name, 0)) for name in ("CPU", "GPU"))
        count = gpus if cards else -(-cpus // MOST_CPUS)
        for number in range(count):
            share = min(MOST_CPUS, cpus // count)
            found.append(Place(node["NodeID"], node["NodeManagerHostname"], number, share, int(cards), count))
    return found
