"""Servers of a test on 127.0.0.1: the only place that the fixture lets a test reach."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

# Before any test has them refuse.
_connect, _connect_ex = socket.socket.connect, socket.socket.connect_ex


def _checked(address: Any) -> None:
    if not isinstance(address, str | bytes) and address[0] not in ("127.0.0.1", "::1"):
        raise RuntimeError(f"a test tried to reach the network: {address!r}; tests must run without it")


@pytest.fixture
def loopback(no_network: None) -> Iterator[None]:
    """Let the test connect to this machine, by its numbers."""

    def connect(self: socket.socket, address: Any) -> None:
        _checked(address)
        _connect(self, address)

    def connect_ex(self: socket.socket, address: Any) -> int:
        _checked(address)
        return _connect_ex(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        patch.setattr(socket.socket, "connect_ex", connect_ex)
        yield
