"""The process that restores for a server: it runs the commands of the command line, one after the other.

Requests come as JSON, one a line, on standard input; what becomes of them goes the same way to standard
output. Commands run in the main thread, so that a request to cancel one is what Ctrl-C is to a command line.
"""

from __future__ import annotations

import io
import json
import os
import queue
import signal
import sys
import tempfile
import threading
import time
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from restore.cli import course
from restore.cli.course import LOADING
from restore.cli.hosted import Host, hosting
from restore.cli.saved_masks import write_hole
from restore.errors import RestoreError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CANCELLED = 128 + 2  # the exit code of what Ctrl-C has ended
EVERY = 0.25  # seconds between two reports of progress
HOLE = ".hole.png"
"""The file of what was found to be damaged, in the folder of a look. No upload can have this name."""

BEGINNING = {"share": 0.0, "step": 0, "steps": 0, "doing": LOADING, "seconds_left": None, "line": LOADING}
"""The progress of a job that waits for the network."""


class Worker:
    """Runs commands. answers: where what becomes of them is written."""

    def __init__(self, answers: TextIO):
        self._answers, self._writing = answers, threading.Lock()
        self._requests: queue.Queue[dict[str, Any]] = queue.Queue()
        self._current: str | None = None
        self._cancelled: set[str] = set()  # jobs that are to end
        self._said = float("-inf")
        self._shown: dict[str, Any] | None = None
        self._warming = False  # the network is being loaded, and jobs wait for it
        self.host = Host(self._seen)

    def listen(self, requests: TextIO) -> None:
        """Take requests until there are no more, which means that the server has ended."""
        for line in requests:
            request = json.loads(line)
            if request["do"] == "cancel":
                self._cancel(request["job"])
                continue
            if request["do"] == "warm":
                self._warming = True
            elif self._warming:
                self._answer(job=request["job"], progress=BEGINNING)
            self._requests.put(request)

    def _cancel(self, job: str) -> None:
        self._cancelled.add(job)
        if self._current == job:
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            else:
                import _thread

                _thread.interrupt_main()

    def interrupt(self, *_: object) -> None:
        """End the current command, if it is one that was meant: that may have ended by itself."""
        if self._current in self._cancelled:
            self._cancelled.discard(self._current or "")
            raise KeyboardInterrupt

    def warm(self, network: list[str]) -> None:
        """Load the network before the first picture comes. network: words that say which one."""
        import numpy as np

        from restore import images

        place = Path.cwd()
        with tempfile.TemporaryDirectory(dir=place) as folder:
            images.write(Path(folder, "warm.png"), images.Picture(np.full((64, 64, 3), 128, np.uint8)))
            argv = ["denoise", "warm.png", "--sigma", "10", "--no-config", *network]
            self._run({"folder": folder, "argv": argv, "look": False})
            os.chdir(place)

    def work(self) -> None:
        """Do what is asked for."""
        self._answer(ready=True)
        while True:
            request = self._requests.get()
            if request["do"] == "warm":
                with suppress(OSError, RestoreError):  # such as a full disk, of which the first job tells
                    self.warm(request["network"])
                self._warming = False
                continue
            self._answer(job=request["job"], ended=self._ended(request))

    def _ended(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            self._current = request["job"]
            self.interrupt()  # it may be cancelled already
            ended = self._run(request)
            self._current = None  # from here on nothing interrupts
        except KeyboardInterrupt:
            self._current = None
            ended = {"code": CANCELLED, "events": [], "said": [], "fault": ""}
        self._cancelled.clear()
        return ended

    def _run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run a command in the folder of a job."""
        from restore.cli.main import main as program

        os.chdir(request["folder"])
        self._said, self._shown = float("-inf"), None
        self.host.looked = self._looked if request["look"] else None
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace") for _ in range(2))
        fault = ""
        with redirect_stdout(out), redirect_stderr(err), hosting(self.host):
            try:
                code = program.run(request["argv"], prog_name="restore")
            except Exception as error:
                import traceback

                traceback.print_exc(file=sys.__stderr__)
                code, fault = 1, f"a fault in this program, {type(error).__name__}: {error}"
        events = [json.loads(line) for line in _text(out).splitlines() if line.startswith("{")]
        return {"code": code, "events": events, "said": _text(err).splitlines(), "fault": fault}

    def _looked(self, hole: NDArray[np.bool_] | None) -> None:
        """Keep what was found to be damaged."""
        if hole is not None:
            write_hole(Path(HOLE), hole, overwrite=True)

    def _seen(self, now: course.Course) -> None:
        """Tell how far the command is."""
        if self._current is None:
            return
        # What is done next may take long before it is heard of again.
        same = self._shown is not None and self._shown["doing"] == now.doing
        if same and time.monotonic() - self._said < EVERY:
            return
        done, total = now.steps
        left = now.left
        shown = {
            "share": round(now.share, 4),
            "step": done,
            "steps": total,
            "doing": now.doing,
            "seconds_left": None if left is None else round(left, 1),
            "line": course.line(now),
        }
        if shown != self._shown:
            self._said, self._shown = time.monotonic(), shown
            self._answer(job=self._current, progress=shown)

    def _answer(self, **facts: Any) -> None:
        try:
            with self._writing:
                self._answers.write(json.dumps(facts) + "\n")
                self._answers.flush()
        except (OSError, ValueError):  # the server has ended, which `listen` notices, too
            os._exit(1)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    data = stream.buffer.getvalue()  # type: ignore[attr-defined]  # it is a BytesIO
    return str(data, "utf-8", "backslashreplace")


def main() -> None:
    """Serve the process that has started this one."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing else that is printed gets among the answers
    worker = Worker(answers)
    signal.signal(signal.SIGINT, worker.interrupt)
    threading.Thread(target=_until_the_end, args=(worker,), daemon=True).start()
    worker.work()


def _until_the_end(worker: Worker) -> None:
    """End with the server, in the middle of anything: all that is written here goes with its folder."""
    worker.listen(sys.stdin)
    os._exit(0)


if __name__ == "__main__":
    main()
