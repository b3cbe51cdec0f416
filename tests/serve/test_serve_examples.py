"""The examples of docs/serve-api.md, run against a server that decodes and computes nothing."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the web extra is not installed")
pytest.importorskip("uvicorn", reason="the web extra is not installed")

from served_pictures import FACTS, PNG, TOKEN, NoViewer, NoWork

from restore.cli.serve.app import create_app
from restore.cli.serve.config import Serving
from restore.cli.serve.server import Server
from restore.cli.serve.service import Service
from restore.cli.serve.state import Job, Picture, Session, new_id

PAGE = Path(__file__).parents[2] / "docs/serve-api.md"


class Copies(NoWork):
    """Has done every job at once: the result is the picture."""

    def add(self, session: Session, job: Job) -> None:
        name = f"{job.picture.path.stem}-{job.task}.png"
        path = job.folder / name
        shutil.copyfile(job.picture.path, path)
        made = Picture(new_id(), name, path, "result", dict(FACTS), job=job.id)
        session.pictures[made.id] = made
        job.results = [{"picture": made.id, "name": name, "seed": 0}]
        job.status = "done"


async def _take_result(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("served")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        serving = Serving("127.0.0.1", port, TOKEN, folder)
        service = Service(serving, NoViewer(folder / "tiles"), Copies(folder, _take_result))
        ready = threading.Event()
        server = Server(create_app(serving, service), ready.set, service.end_streams)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        assert ready.wait(30)
        yield {**os.environ, "SERVER": f"http://127.0.0.1:{port}", "TOKEN": TOKEN, "no_proxy": "*"}
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for name in ("photo.png", "mask.png"):
        (tmp_path / name).write_bytes(PNG + b"a picture")
    return tmp_path


def blocks(language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def test_with_python(environment: dict[str, str], here: Path) -> None:
    (program,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    size, told, wrong = done.stdout.splitlines()
    assert size == "640 480 8"
    assert told == "done restore upscale photo.png --scale 2 None"
    assert wrong == program.rpartition("# ")[2].strip()
    assert (here / "photo-upscale.png").read_bytes() == PNG + b"a picture"


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="curl or jq is not installed")
def test_with_curl(environment: dict[str, str], here: Path) -> None:
    first, second = blocks("bash")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{first}\n{second}"],
        cwd=here, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('{"command":"restore denoise photo.png --sigma 15"}')
    assert done.stdout.endswith("restore inpaint photo.png --mask photo-mask.png --grow 2 --samples 3\n")
    assert (here / "photo-denoised.png").read_bytes() == PNG + b"a picture"
