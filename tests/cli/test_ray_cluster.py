"""Where workers of a cluster fit, what they are given, and what is said of a cluster that is none."""

from __future__ import annotations

import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.core import ParameterSource
from command_photos import HOLE, PHOTO
from commands import cli
from PIL import Image

from restore.cli import ray_engine
from restore.cli.job_plan import Job
from restore.cli.outcome import Outcome
from restore.cli.picture_voice import Said
from restore.cli.ray_cluster import places
from restore.cli.ray_engine import RayEngine
from restore.cli.ray_worker import Errand, RayWorker, Transcript, errand_of
from restore.cli.runner import Runner
from restore.errors import ConfigError

COMMANDS = {
    "colorize": [],
    "deblur": ["--kernel", "motion:5:30"],
    "denoise": ["--sigma", "25"],
    "dejpeg": ["--quality", "50"],
    "inpaint": ["--mask", "mask.png"],
    "repair": [],
    "solve": ["--operator", "gray"],
    "upscale": ["--scale", "2"],
}


def cluster(*machines: dict[str, float]) -> Any:
    """What Ray says of a cluster of these machines. The last one is gone."""
    nodes = [
        {"NodeID": f"n{k}", "NodeManagerHostname": f"host{k}", "Alive": True, "Resources": machine}
        for k, machine in enumerate(machines)
    ]
    gone = {"NodeID": "gone", "NodeManagerHostname": "gone", "Alive": False, "Resources": {"CPU": 64.0}}
    return SimpleNamespace(nodes=lambda: [*nodes, gone])


@pytest.mark.parametrize(
    ("device", "machines", "expected"),
    [
        ("auto", [{"CPU": 2.0}], [("n0", 2, 0, 1)]),
        ("auto", [{"CPU": 20.0}], [("n0", 6, 0, 3)] * 3),
        ("auto", [{}, {"CPU": 8.0}], [("n1", 8, 0, 1)]),
        ("auto", [{"CPU": 16.0, "GPU": 2.0}, {"CPU": 32.0}], [("n0", 8, 1, 2)] * 2),
        ("cuda", [{"CPU": 3.0, "GPU": 4.0}], [("n0", 0, 1, 4)] * 4),
        ("cpu", [{"CPU": 4.0, "GPU": 2.0}], [("n0", 4, 0, 1)]),
    ],
)
def test_a_worker_has_a_card_or_up_to_eight_processors(
    device: str, machines: list[dict[str, float]], expected: list[tuple[str, int, int, int]]
) -> None:
    found = places(cluster(*machines), device)
    assert [(each.node, each.cpus, each.cards, each.beside) for each in found] == expected
    assert len(set(found)) == len(found)


def test_cards_are_those_of_the_cluster() -> None:
    with pytest.raises(ConfigError, match="Ray chooses the cards"):
        places(cluster({"GPU": 1.0}), "cuda:1")
    with pytest.raises(ConfigError, match="no machine of the cluster has a CUDA card"):
        places(cluster({"CPU": 8.0}), "cuda")


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(PHOTO).save("photo.png")
    Image.fromarray(HOLE).save("mask.png")
    yield


@pytest.fixture
def errands(monkeypatch: pytest.MonkeyPatch) -> list[Errand]:
    """What workers would be given, once they have got it."""
    given: list[Errand] = []

    def outcomes(engine: RayEngine, jobs: Iterable[Job]) -> Iterator[Outcome]:
        todo = list(jobs)
        given.append(pickle.loads(pickle.dumps(errand_of(engine.runner, todo[0]))))
        yield from (Outcome(job, "done") for job in todo)

    monkeypatch.setattr(ray_engine.RayEngine, "outcomes", outcomes)
    return given


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_reaches_a_worker(command: str, errands: list[Errand], pictures: None) -> None:
    done = cli(command, "photo.png", "-o", "out.png", *COMMANDS[command], "--seed", 3, "--engine", "ray")
    assert done.exit_code == 0, done.output
    (errand,) = errands
    with errand.context() as context:
        assert context.info_name == command
        assert context.params["seed"] == 3
        assert context.get_parameter_source("seed") is ParameterSource.COMMANDLINE
        assert context.get_parameter_source("tile") is ParameterSource.DEFAULT
    runner = Runner(errand.command, errand.settings, [1.0], errand.folder)
    assert runner.alone == errand.alone


def test_a_worker_looks_for_a_picture_where_the_command_was_given(
    errands: list[Errand], pictures: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cli("denoise", "photo.png", "-o", "out.png", "--engine", "ray")
    (errand,) = errands
    worker = RayWorker.__new__(RayWorker)  # a whole one would change the threads of this process
    worker._errand, worker._cards = errand, 0
    assert errand.probe is not None
    monkeypatch.chdir("/")
    assert worker.ready()["threads"] >= 1
    assert Path.cwd() == tmp_path
    Path("photo.png").write_bytes(b"another")
    with pytest.raises(ConfigError, match=r"cannot see photo\.png .* by the same path"):
        worker.ready()
    Path("photo.png").unlink()
    with pytest.raises(ConfigError, match="cannot see"):
        worker.ready()


def test_a_mask_is_named(pictures: None) -> None:
    done = cli("inpaint", "photo.png", "-o", "out.png", "--mask", "-", "--engine", "ray")
    assert done.exit_code == 2
    assert "standard input and output" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["photo.png", "--address", "10.0.0.1:6379"], "pass --engine ray"),
        (["-", "-o", "out.png", "--engine", "ray"], "standard input and output"),
        (["photo.png", "-o", "-", "--engine", "ray"], "standard input and output"),
        (["photo.png", "-o", "out", "--watch", "--engine", "ray"], "--watch and --engine ray"),
        (["photo.png", "--uncertainty", "map.png", "--engine", "ray"], "--uncertainty is of one picture"),
    ],
)
def test_what_a_cluster_cannot_do_is_refused(words: list[str], said: str, pictures: None) -> None:
    done = cli("denoise", *words, "--sigma", 9)
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_dry_run_needs_no_cluster(pictures: None) -> None:
    done = cli("denoise", "photo.png", "-o", "out.png", "--dry-run", "--engine", "ray", "--address", "x:1")
    assert done.exit_code == 0
    assert "photo.png" in done.stdout


def test_what_is_said_of_a_picture_is_kept(errands: list[Errand], pictures: None) -> None:
    cli("denoise", "photo.png", "-o", "out.png", "--engine", "ray")
    transcript = Transcript(errands[0].settings, [1.0])
    transcript.begin("photo.png")
    transcript.note("a note")
    transcript.result("out.png", input="photo.png")
    transcript.end()
    assert transcript.said == [
        Said("note", ("a note",)),
        Said("result", ("out.png",), {"input": "photo.png"}),
        Said("end"),
    ]
    transcript.begin("other.png")
    assert transcript.said == []


def no_cluster(address: str, folder: Path) -> str:
    """What the command says of an address, in a process of its own, which may use the network."""
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "photo.png")
    command = [sys.executable, "-m", "restore", "denoise", str(folder / "photo.png"), "--engine", "ray"]
    done = subprocess.run([*command, "--address", address], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def test_a_cluster_that_cannot_be_reached_is_told_at_once(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert "what answers there is no Ray cluster" in no_cluster(f"127.0.0.1:{port}", tmp_path)
        thread.join()
    assert "cannot reach a Ray cluster there" in no_cluster(f"127.0.0.1:{port}", tmp_path)
