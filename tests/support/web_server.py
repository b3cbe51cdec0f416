"""`restore serve` in a process of its own, on a free port of loopback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/\S*")


@dataclass
class Served:
    """A server that runs. address: of the page, with its token. log: what it has said so far. network:
    the options that say which network it uses."""

    process: subprocess.Popen[str]
    address: str
    log: list[str] = field(default_factory=list)
    network: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """The address without its token."""
        found = re.match(r"http://[^/]+", self.address)
        assert found is not None
        return found[0]

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, and wait for that."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(30)


def environment(**more: str) -> dict[str, str]:
    """What a server is started in: no proxy lies between loopback and loopback."""
    return {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **more}


@contextmanager
def serving(folder: Path, *arguments: str, **more: str) -> Iterator[Served]:
    """Start a server. more: of its environment."""
    pytest.importorskip("starlette", reason="comes with the extra web")
    pytest.importorskip("uvicorn", reason="comes with the extra web")
    command = [sys.executable, "-m", "restore", "serve", "--no-open", *arguments]
    if "--port" not in arguments:
        command += ["--port", "0"]
    process = subprocess.Popen(
        command, cwd=folder, env=environment(**more), stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout is not None
    try:
        log: list[str] = []
        for line in process.stdout:
            log.append(line)
            if found := ADDRESS.search(line):
                served = Served(process, found[0], log, _network(arguments))
                break
        else:
            raise AssertionError(f"the server gave no address: {log}")
        yield served
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)
        process.stdout.close()


def _network(arguments: tuple[str, ...]) -> tuple[str, ...]:
    at = arguments.index("--weights") if "--weights" in arguments else len(arguments)
    return arguments[at : at + 2]
