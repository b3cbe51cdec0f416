"""What every test may rely on: no network, two threads, seeded numbers, the evaluation data if present."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import HealthCheck, settings
from isolation import forget_configuration

if TYPE_CHECKING:
    import numpy as np

# Read by torch and OpenMP when they are first imported, here and in the processes that tests start.
# Where tests run in several processes, each has one thread: threads of many processes wait for each other.
_THREADS = 1 if "PYTEST_XDIST_WORKER" in os.environ else min(2, os.cpu_count() or 1)
os.environ["OMP_NUM_THREADS"] = str(_THREADS)

# Child processes are out of the reach of the fixture below: point their downloads at a closed port, and
# every cache at an empty folder, so that a file somebody once downloaded cannot help a test to pass.
_EMPTY = tempfile.TemporaryDirectory(prefix="restore-tests-")
for _name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
    os.environ[_name] = "http://127.0.0.1:9"
for _name in ("TORCH_HOME", "HF_HOME"):
    os.environ[_name] = _EMPTY.name
os.environ["HF_HUB_OFFLINE"] = "1"

forget_configuration()

# No deadline and no complaint about slowness: the time a test takes says more about the machine's other
# work than about the code.
settings.register_profile(
    "restore",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("restore")


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """Make every attempt to leave the machine an error. Unix sockets, as worker processes use, work."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def refuse(target: object) -> NoReturn:
        raise RuntimeError(f"a test tried to reach the network: {target!r}; tests must run without it")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family != getattr(socket, "AF_UNIX", None):
            refuse(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        if self.family != getattr(socket, "AF_UNIX", None):
            refuse(address)
        return connect_ex(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "create_connection", lambda address, *_, **__: refuse(address))
        patch.setattr(socket, "getaddrinfo", lambda host, *_, **__: refuse(host))
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every run."""
    import numpy as np

    return np.random.default_rng(20240229)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the evaluation data; without it the test is skipped."""
    named = os.environ.get("RESTORE_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if folder.is_dir():
        return folder
    if named:
        pytest.fail(f"RESTORE_DATA is {named}, which is not a folder")
    pytest.skip("needs the evaluation data: set RESTORE_DATA")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """For modules of small tensors, which gain nothing from being shared out."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a tiny network."""
    from restore.priors.checkpoint import save
    from restore.testing import tiny_prior

    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save(tiny_prior(), path)
    return path
