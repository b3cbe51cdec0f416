"""Training as a process: interrupts, and several processes together."""

from __future__ import annotations

import csv
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor
from training_runs import photographs as photographs
from training_runs import tensors_of, tiny_run, train

from restore.errors import RestoreError
from restore.priors.checkpoint import load
from restore.training import optimizer
from restore.training.config import OptimConfig

pytestmark = pytest.mark.usefixtures("one_thread")


def write_config(path: Path, photographs: Path, out: Path, **run: Any) -> Path:
    settings = {"steps": 1_000_000, "log_every": 1, "batch": 6, **run}
    lines = "\n".join(f"{key} = {value!r}" for key, value in settings.items())
    path.write_text(
        f"[data]\ntrain = ['{photographs}']\ncrop = 16\ntext = 0.0\n"
        f"[backbone.network]\nchannels = [8, 8]\nblocks = 1\nembedding = 8\n"
        f"[run]\nout = '{out}'\ncompile = false\ndevice = 'cpu'\n{lines}\n",
        encoding="utf-8",
    )
    return path


ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background the shell turns it off
from restore.cli.main import main
main()
"""


def wait_for(path: Path, process: subprocess.Popen[str], lines: int) -> None:
    for _ in range(3000):
        if process.poll() is not None:
            pytest.fail(f"ended with {process.returncode}: {process.communicate()[1]}")
        if path.exists() and len(path.read_text(encoding="utf-8").splitlines()) > lines:
            return
        time.sleep(0.05)
    process.kill()
    pytest.fail("nothing was logged")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_saves_and_says_how_to_go_on(
    photographs: Path, tmp_path: Path, number: signal.Signals
) -> None:
    config = write_config(tmp_path / "recipe.toml", photographs, tmp_path / "run")
    command = [sys.executable, "-c", PROGRAM, "train", str(config)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ONE_THREAD
    )
    wait_for(tmp_path / "run" / "log.csv", process, 3)
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + number, said
    assert "Traceback" not in said
    last = said.strip().splitlines()[-1]
    assert "nothing is lost: run the same command with --resume to go on" in last
    step = int(last.split("stopped at step ")[1].split(";")[0])
    assert step >= 3
    with safe_open(tmp_path / "run" / "state.safetensors", framework="pt") as file:
        assert file.metadata()["step"] == str(step)
    assert load(tmp_path / "run" / "weights.safetensors", device="cpu").facts["steps"] == step


WORKER = """
import os, sys, time
from pathlib import Path
import torch
from restore.training.config import read_config
from restore.training.trainer import Trainer

rank = int(os.environ["RANK"])
if rank == 1:  # a clock that runs ahead: without agreement this process would end at once
    real = time.monotonic
    time.monotonic = lambda: 1e6 * real()
trainer = Trainer(read_config(sys.argv[1]), say=lambda line: print(f"{rank}: {line}"))
trainer.run()
torch.save({"weights": trainer.network.state_dict(), "seed": trainer.seed(), "step": trainer.step},
           Path(sys.argv[1]).with_name(f"{rank}.pt"))
"""


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    yield number


@pytest.mark.slow
def test_two_processes_train_one_network(photographs: Path, tmp_path: Path, port: int) -> None:
    """With the variables that torchrun and Accelerate set."""
    config = write_config(tmp_path / "recipe.toml", photographs, tmp_path / "run", steps=5, minutes=500.0)
    with config.open("a") as file:
        file.write('[optim]\nkind = "muon"\n')
    common = {**ONE_THREAD, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-c", WORKER, str(config)]
    processes = [
        subprocess.Popen(
            command,
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        results = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], results
    assert results[0][0].splitlines()[-1].startswith("0: trained 5 steps, 60 crops")
    assert results[1][0] == ""  # the first one speaks for all
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert first["step"] == second["step"] == 5
    assert first["seed"] != second["seed"]  # each sees its own crops
    for name, tensor in first["weights"].items():
        assert torch.equal(tensor, second["weights"][name]), name
    saved = tensors_of(tmp_path / "run" / "state.safetensors")
    assert torch.equal(saved["network.stem.weight"], first["weights"]["stem.weight"])
    with (tmp_path / "run" / "log.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 5


@pytest.mark.slow
def test_the_first_interrupt_waits_for_the_end_of_a_step(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that comes while Muon has changed a part of the weights: going on equals never stopping."""
    optim = OptimConfig(kind="muon", lr=0.01)
    runs = [
        dataclasses.replace(tiny_run(photographs, tmp_path / name, steps=6), optim=optim)
        for name in ("whole", "parts")
    ]
    train(runs[0])
    calls: list[int] = []
    whole = optimizer.orthogonal

    def interrupted(matrices: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return whole(matrices)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    try:
        with monkeypatch.context() as patch:
            patch.setattr(optimizer, "orthogonal", interrupted)
            with pytest.raises(RestoreError, match=r"stopped at step [12]; nothing is lost"):
                train(runs[1])
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    train(runs[1], resume=True)
    one, two = (tensors_of(tmp_path / name / "state.safetensors") for name in ("whole", "parts"))
    assert [name for name in one if not torch.equal(one[name], two[name])] == []
