"""A process as `restore.cli.serve.worker`, whose commands are words that say what is to happen."""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from typing import Any


def main() -> None:
    requests: queue.Queue[dict[str, Any]] = queue.Queue()
    cancelled: set[str] = set()
    news = threading.Condition()

    def listen() -> None:
        for line in sys.stdin:
            request = json.loads(line)
            if request["do"] == "run":
                requests.put(request)
                continue
            if request["do"] == "cancel":
                with news:
                    cancelled.add(request["job"])
                    news.notify_all()
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    say(ready=True)
    while True:
        request = requests.get()
        job, word = request["job"], request["argv"][0]
        say(job=job, progress={"share": 0.5, "line": word})
        if word == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if word in ("wait", "stuck"):
            with news:
                while job not in cancelled or word == "stuck":
                    news.wait()
        say(job=job, ended={"code": 130 if word == "wait" else 0, "events": [], "said": [word], "fault": ""})


def say(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)
