"""What the bytes of a result depend on beside its options: recorded, told, no reason to do it anew."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from commands import cli
from PIL import Image
from scenes import scene

from restore import images
from restore.cli.computed_on import computed_on
from restore.cli.provenance import History, Record, read_history, read_text, stamped

MADE = Record(
    "2.0", "denoise", (("--sigma", "25"),), (("a.png", "00" * 32),), "ab" * 32, "direct", 7, 3, "cpu", "fp32",
    threads=2, torch="2.9.0", machine="x86_64 AVX2",
)  # fmt: skip


def test_what_the_same_bytes_need() -> None:
    assert MADE.needs() == (
        "the same bytes need: restore 2.0, the weights abababababab, seed 7, --precision fp32, "
        "2 threads (OMP_NUM_THREADS=2), torch 2.9.0, a machine like this one (x86_64 AVX2)"
    )
    without = replace(MADE, weights="", seed=None, precision="", threads=1)
    assert without.needs() == (
        "the same bytes need: restore 2.0, 1 thread (OMP_NUM_THREADS=1), torch 2.9.0, "
        "a machine like this one (x86_64 AVX2)"
    )


def test_older_records_are_read_and_say_nothing_of_it() -> None:
    old = replace(MADE, threads=0, torch="", machine="")
    text = History((old,)).text()
    assert not any(name in text for name in ("threads", "torch", "machine"))
    assert read_text(text).records == (old,)
    assert old.needs() == ""
    assert read_text(History((MADE,)).text()).records == (MADE,)


@pytest.mark.parametrize(("name", "value"), [("threads", "two"), ("torch", 2), ("machine", ["x"])])
def test_fields_of_other_types_are_no_record(name: str, value: object) -> None:
    (told,) = json.loads(History((MADE,)).text())
    with pytest.raises(ValueError, match="no record of restore"):
        read_text(json.dumps([told | {name: value}]))


def test_what_is_recorded_names_no_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    found = computed_on("cpu")
    capability = torch.backends.cpu.get_cpu_capability()
    assert found == {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": f"{platform.machine()} {capability}",
    }
    assert platform.node() not in json.dumps(found).split('"')
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A card")
    assert computed_on("cuda")["machine"] == "A card"
    monkeypatch.delitem(sys.modules, "torch")
    assert computed_on() == {}  # a picture that is copied


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_another_number_of_threads_or_machine_is_no_other_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(scene(0, 24, 30)).save("a.png")
    command = ("denoise", "a.png", "--sigma", 25, "--weights", weights, "-o", "b.png", "--json")
    torch.set_num_threads(1)
    assert json.loads(cli(*command).stdout)["status"] == "done"
    (record,) = read_history(Path("b.png")).records
    assert (record.threads, record.torch) == (1, torch.__version__)
    told = cli("info", "b.png").stdout
    assert f"1 thread (OMP_NUM_THREADS=1), torch {torch.__version__}, a machine like this one" in told
    torch.set_num_threads(2)
    assert json.loads(cli(*command).stdout)["status"] == "skipped"
    elsewhere = replace(record, torch="1.0", machine="elsewhere", threads=99)
    bare = images.Picture(pixels=images.read(Path("b.png")).pixels)
    images.write(Path("b.png"), stamped(bare, elsewhere, "png"), overwrite=True)
    assert json.loads(cli(*command).stdout)["status"] == "skipped"
