"""A process that works for a server: started anew when it ends, spoken with in lines of JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

LINE = 2**26  # bytes of an answer at most
ROOT = Path(__file__).resolve().parents[3]
_START = "; ".join(
    [
        "import sys",
        "sys.path.append({root!r})",
        "from importlib import import_module",
        "import_module({module!r}).main()",
    ]
)


class Ended(Exception):  # noqa: N818  # no fault of the program
    """The process has ended. code: its exit code; minus the number of a signal."""

    def __init__(self, code: int | None):
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        if self.code is not None and self.code < 0:
            cause = ", probably for lack of memory" if self.code == -9 else ""
            return f"the process that computes was ended by signal {-self.code}{cause}"
        return f"the process that computes ended with code {self.code}"


class Process:
    """A process that runs ``main`` of a module. folder: where it starts."""

    def __init__(self, module: str, folder: Path):
        self._module, self._folder = module, folder
        self._process: asyncio.subprocess.Process | None = None

    @property
    def runs(self) -> bool:
        """Whether there is one."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the process where it does not run."""
        if self.runs:
            return
        # A session of its own: Ctrl-C is for the server, which ends it.
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", _START.format(root=str(ROOT), module=self._module)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=self._folder,
            limit=LINE,
            start_new_session=True,
        )

    async def send(self, **message: Any) -> None:
        """Send a message. Raises Ended."""
        process = self._process
        if process is None or process.stdin is None:
            raise Ended(None)
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            await process.stdin.drain()
        except (ConnectionError, RuntimeError) as error:
            raise Ended(await process.wait()) from error

    async def receive(self) -> dict[str, Any]:
        """Wait for a message. Raises Ended."""
        process = self._process
        if process is None or process.stdout is None:
            raise Ended(None)
        try:
            line = await process.stdout.readline()
            if line.endswith(b"\n"):
                message: dict[str, Any] = json.loads(line)
                return message
        except ValueError:  # it is no message, or longer than any: what comes after it means nothing
            with suppress(ProcessLookupError):
                process.kill()
        raise Ended(await process.wait())

    async def stop(self, seconds: float = 2.0) -> None:
        """End the process; by force where it does not end in time."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
