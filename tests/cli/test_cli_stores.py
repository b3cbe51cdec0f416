"""Pictures and results in object stores and on web servers, on the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from answers import Answers, answering
from command_photos import PHOTO
from commands import cli
from PIL import Image
from s3_server import SECRET, s3_server

pytest.importorskip("obstore")
from restore import images, stores
from restore.cli import at_hand, remote_jobs
from restore.cli.provenance import history_in
from restore.stores import Store, opened, parse_url

pytestmark = pytest.mark.usefixtures("one_thread", "here", "reached")
BUSY = "signature-abc123"


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    pytest.importorskip("moto")
    with s3_server("scans", "results") as found:
        yield found


@pytest.fixture(scope="module")
def answers() -> Iterator[Answers]:
    with answering() as found:
        yield found


@pytest.fixture
def reached(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for cache in (opened._opened, remote_jobs._store):
        cache.cache_clear()
    few = stores.Patience(silence=1, tries=2, first=0.01, longest=0.02)
    monkeypatch.setattr(remote_jobs, "PATIENCE", few)
    yield
    for bucket in ("scans", "results"):
        url = parse_url(f"s3://{bucket}/")
        for each in list(Store(url).objects(url)):
            Store(url)._remove(url.within(each.key))
    for cache in (opened._opened, remote_jobs._store):
        cache.cache_clear()
    at_hand.SPOOL.close()


def put(*addresses: str, data: bytes | None = None) -> None:
    """Write a small picture, or these bytes, to each address."""
    path = Path("sent.png")
    if data is None:
        Image.fromarray(PHOTO[:8, :9]).save(path)
    else:
        path.write_bytes(data)
    for text in addresses:
        url = parse_url(text)
        Store(url).put(path, url, overwrite=True)
    path.unlink()


def keys(text: str) -> list[str]:
    url = parse_url(text)
    return sorted(each.key for each in Store(url).objects(url))


def fetched(text: str) -> Path:
    url = parse_url(text)
    path = Path("fetched") / url.name
    path.parent.mkdir(exist_ok=True)
    Store(url).fetch(url, path)
    return path


def test_from_store_to_store(weights: Path) -> None:
    names = ("a.png", "deep er/b 10.png", "deep er/b 9.png", "ü?#%41.png")
    put(*(f"s3://scans/in/{name}" for name in names), "s3://scans/in/old/c.png", "s3://scans/in2/d.png")
    put("s3://scans/in/e.psd", data=b"psd")
    arguments = [
        "denoise",
        "s3://scans/in",
        "-o",
        "s3://results/clean",
        "--sigma",
        "10",
        "--weights",
        weights,
    ]
    done = cli(*arguments, "--ignore", "old")
    order = ("a.png", "deep er/b 9.png", "deep er/b 10.png", "ü?#%41.png")
    assert done.stdout.splitlines() == [f"s3://results/clean/{name}" for name in order]
    assert done.exit_code == 1 and "not read: 1 .psd" in done.stderr
    assert keys("s3://results/") == sorted(f"clean/{name}" for name in names)
    record = history_in(fetched("s3://results/clean/a.png")).records[-1]
    assert record.inputs[0][0] == "a.png"
    assert not any("s3" in word for words in record.arguments for word in words)
    # As a folder gives it.
    Path("scans").mkdir()
    (Path("scans") / "a.png").write_bytes(fetched("s3://scans/in/a.png").read_bytes())
    assert cli("denoise", "scans", "-o", "local", "--sigma", "10", "--weights", weights).exit_code == 0
    assert Path("local/a.png").read_bytes() == fetched("s3://results/clean/a.png").read_bytes()
    # And once more.
    done = cli(*arguments, "--ignore", "old", "--ignore", "*.psd")
    assert (done.exit_code, done.stdout) == (0, "")
    kept = "0 restored, 4 there already and kept, 4 of them in a store and not compared (of 4 pictures)"
    assert done.stderr.startswith(f"note: {kept}; pass --overwrite")
    done = cli(*arguments, "--ignore", "*.psd")
    assert done.stdout == "s3://results/clean/old/c.png\n"
    done = cli(*arguments, "--ignore", "*.psd", "--overwrite")
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 5)


def test_many_results_are_looked_up_in_one_list(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_jobs, "FEW", 1)
    put(
        "s3://scans/a.png",
        "s3://scans/b/c.png",
        "s3://scans/b/d.png",
        "s3://results/x/b/c.png",
        "s3://results/y.png",
    )
    put("s3://results/x/b/d.png", data=b"")
    done = cli("denoise", "s3://scans/", "-o", "s3://results/x/", "--sigma", "10", "--weights", weights)
    assert done.stdout.splitlines() == ["s3://results/x/a.png", "s3://results/x/b/d.png"]
    assert "1 there already and kept, 1 of them in a store" in done.stderr


def test_mixed_places_and_names(weights: Path) -> None:
    put("s3://scans/one/a.png", "s3://scans/two/a.png")
    Image.fromarray(PHOTO[:8, :9]).save("own.png")
    options = ("--sigma", "10", "--weights", weights)
    done = cli("denoise", "s3://scans/one/", "s3://scans/two/a.png", "own.png", "-o", "mixed", *options)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == ["mixed/one/a.png", "mixed/two/a.png", "mixed/own.png"]
    assert "told apart by their folders: mixed/one/a.png, mixed/two/a.png" in done.stderr
    assert (
        cli("denoise", "own.png", "-o", "s3://results/own/", *options).stdout == "s3://results/own/own.png\n"
    )
    assert cli("denoise", "s3://scans/one/a.png", *options).stdout == "s3://scans/one/a-denoised.png\n"
    done = cli(
        "denoise",
        "s3://scans/one/a.png",
        "-o",
        "s3://results/b.jpg",
        "--samples",
        "2",
        "--estimate",
        "sample",
        *options,
    )
    assert done.stdout.splitlines() == ["s3://results/b-1.jpg", "s3://results/b-2.jpg"]
    assert cli("denoise", "file://" + str(Path("own.png").absolute()), "-o", "x.png", *options).exit_code == 0
    put("s3://results/one/a.png")
    done = cli("denoise", "s3://scans/one/a.png", "s3://results/one/a.png", "-o", "s3://results/n/", *options)
    names = ["scans/one/a.png", "results/one/a.png"]
    assert done.stdout.splitlines() == [f"s3://results/n/{name}" for name in names]
    # Records are compared without the picture.
    assert cli("denoise", "s3://scans/one/a.png", "-o", "l.png", *options).exit_code == 0
    assert "l.png is there already" in cli("denoise", "s3://scans/one/a.png", "-o", "l.png", *options).stderr
    done = cli("denoise", "s3://scans/one/a.png", "-o", "l.png", "--sigma", "20", "--weights", weights)
    assert "made with --sigma 10, now --sigma 20" in done.stderr


def test_an_input_is_not_replaced_unawares(weights: Path) -> None:
    put("s3://scans/a.png", "s3://scans/b.png")
    options = ("--sigma", "10", "--weights", weights)
    done = cli("denoise", "s3://scans/a.png", "-o", "s3://scans/a.png", *options)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: s3://scans/a.png: the output is the input itself")
    assert (
        cli("denoise", "s3://scans/a.png", "-o", "s3://scans/a.png", "--overwrite", *options).exit_code == 0
    )
    done = cli("denoise", "s3://scans/a.png", "s3://scans/", "-o", "s3://scans/", "--suffix", "x", *options)
    assert done.exit_code == 0 and "s3://scans/a-x.png" in done.stdout


def test_masks_and_dry_runs(weights: Path) -> None:
    put("s3://scans/a.png", "s3://scans/sub/b.png")
    for name in ("masks/a.png", "masks/sub/b.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        mask = Image.new("L", (9, 8))
        mask.paste(255, (2, 2, 4, 4))
        mask.save(name)
    options = ("--masks", "masks", "--weights", weights, "--nfe", "2")
    done = cli("inpaint", "s3://scans/", "-o", "s3://results/", *options, "--dry-run")
    assert done.stdout.splitlines() == [
        "s3://scans/a.png (9x8) -> s3://results/a.png (9x8)",
        "s3://scans/sub/b.png (9x8) -> s3://results/sub/b.png (9x8)",
    ]
    assert keys("s3://results/") == []
    done = cli("inpaint", "s3://scans/", "-o", "s3://results/", *options, "--json")
    assert [json.loads(line)["output"] for line in done.stdout.splitlines()] == [
        "s3://results/a.png",
        "s3://results/sub/b.png",
    ]
    done = cli("inpaint", "s3://scans/a.png", "--mask", f"https://x.org/mask.png?sig={BUSY}")
    assert done.exit_code == 2
    wanted = "expected a file on this machine, got the address https://x.org/mask.png; fetch it first"
    assert wanted in done.stderr and BUSY not in done.stderr
    assert "fetch it first" in cli("denoise", "a.png", "--weights", "s3://scans/w.safetensors").stderr


def test_failures_name_the_address_and_the_next_is_done(weights: Path, answers: Answers) -> None:
    put("s3://scans/bad.png", data=b"\x89PNG\r\n\x1a\n no picture")
    put("s3://scans/good.png")
    put("s3://scans/empty.png", data=b"")
    options = ("--sigma", "10", "--weights", weights, "--json", "--report", "report.html")
    signed = f"{answers.url}/403/a.png?sig={BUSY}"
    broken = f"{answers.url}/cut/b.png"
    answers.files["/fine.png"] = fetched("s3://scans/good.png").read_bytes()
    fine = f"{answers.url}/fine.png?sig={BUSY}"
    done = cli(
        "denoise",
        "s3://scans/",
        signed,
        broken,
        fine,
        "s3://scans/none.png",
        "s3://nowhere/",
        "-o",
        "o",
        *options,
    )
    assert done.exit_code == 1
    told = map(json.loads, done.stdout.splitlines())
    facts = {each["input"]: each for each in told if each["event"] == "picture"}
    assert {name: each["status"] for name, each in facts.items()} == {
        "s3://scans/bad.png": "failed",
        "s3://scans/empty.png": "failed",
        "s3://scans/good.png": "done",
        "s3://scans/none.png": "failed",
        "s3://nowhere/": "failed",
        f"{answers.url}/403/a.png": "failed",
        broken: "failed",
        f"{answers.url}/fine.png": "done",
    }
    assert facts["s3://scans/bad.png"]["error"].startswith("s3://scans/bad.png: expected")
    assert "there is no such object (404)" in facts["s3://scans/none.png"]["error"]
    everything = (
        done.stdout
        + done.stderr
        + str(history_in(Path("o/fine.png")).records)
        + Path("report.html").read_text()
    )
    for secret in (BUSY, SECRET, tempfile.gettempdir() + "/.restore"):
        assert secret not in everything


def test_a_web_server_is_only_read(weights: Path, answers: Answers) -> None:
    done = cli("denoise", f"{answers.url}/a.png?sig={BUSY}", "--sigma", "10", "--weights", weights)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {answers.url}/a-denoised.png: a web server is only read")
    for output in (f"{answers.url}/a.png?sig={BUSY}", f"{answers.url}/?sig={BUSY}"):
        done = cli("denoise", "photo.png", "-o", output, "--sigma", "10", "--weights", weights)
        assert "a web server is only read" in done.stderr
        assert BUSY not in done.stderr
    signed = [f"{answers.url}/a.png?sig={BUSY}{k}" for k in range(2)]
    for inputs, told in ((signed, "it is given twice, with different"), (signed[:1], "--ignore leaves out")):
        done = cli("denoise", *inputs, "-o", "out/", "--ignore", "a.png", "--json", "--weights", weights)
        assert done.exit_code == 1 and told in done.stderr
        assert BUSY not in done.stdout + done.stderr
    for bad in (f"s3://key:{BUSY}@scans/a.png", f"az://c/a.png?sv=1&sig={BUSY}", f"ftp://me:{BUSY}@x/a.png"):
        done = cli("denoise", bad, "-o", "out/", "--json", "--weights", weights)
        assert done.exit_code == 1 and BUSY not in done.stdout + done.stderr


def test_a_result_that_comes_meanwhile_is_kept(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("s3://scans/a.png")
    write = images.write

    def overtaken(path: Path, *rest: object, **more: object) -> None:
        write(path, *rest, **more)
        put("s3://results/a.png", data=b"theirs")

    monkeypatch.setattr(images, "write", overtaken)
    done = cli("denoise", "s3://scans/", "-o", "s3://results/", "--sigma", "10", "--weights", weights)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "s3://results/a.png: another process has written it meanwhile, which is kept" in done.stderr
    assert fetched("s3://results/a.png").read_bytes() == b"theirs"


def test_nothing_is_left_in_temporary_folders(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spool").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "spool"))
    put("s3://scans/a.png", "s3://scans/b.png")
    assert (
        cli("denoise", "s3://scans/", "-o", "s3://results/", "--sigma", "10", "--weights", weights).exit_code
        == 0
    )
    (folder,) = (tmp_path / "spool").iterdir()  # until the process ends
    assert len(list(folder.iterdir())) <= 2
    at_hand.SPOOL.close()
    assert list((tmp_path / "spool").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_ends_the_wait(weights: Path, answers: Answers, tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    command = [sys.executable, "-m", "restore", "denoise", f"{answers.url}/slow/{BUSY}.png", "-o", "x.png"]
    before = len(answers.asked)
    process = subprocess.Popen(
        [*command, "--weights", str(weights)],
        env=os.environ | {"TMPDIR": str(tmp_path / "spool")}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while len(answers.asked) == before:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)  # a shell may have turned SIGINT off
    _, said = process.communicate(timeout=20)
    assert process.returncode == 143
    assert said.splitlines()[-1] == "error: interrupted with 0 of 1 done; nothing was written"
    assert list((tmp_path / "spool").iterdir()) == []


def test_pages_of_a_document(weights: Path) -> None:
    pages = [Image.fromarray(PHOTO[:8, :9] // (k + 1)) for k in range(3)]
    pages[0].save("pages.tif", save_all=True, append_images=pages[1:])
    put("s3://scans/pages.tif", data=Path("pages.tif").read_bytes())
    options = ("--sigma", "10", "--weights", weights)
    done = cli("denoise", "s3://scans/", "-o", "s3://results/", *options)
    assert (done.exit_code, done.stdout) == (0, "s3://results/pages.tif\n")
    with Image.open(fetched("s3://results/pages.tif")) as image:
        assert image.n_frames == 3
    done = cli("denoise", "s3://scans/pages.tif", "-o", "s3://results/two.png", "--pages", "2", *options)
    assert (done.exit_code, done.stdout) == (0, "s3://results/two.png\n")
    done = cli("denoise", "s3://scans/pages.tif", "-o", "s3://results/x.png", *options)
    assert done.exit_code == 1
    assert done.stderr.startswith(
        "error: s3://results/x.png: PNG cannot hold the 3 pages of s3://scans/pages"
    )


def test_nothing_to_do(weights: Path) -> None:
    put("s3://scans/a.png")
    options = ("denoise", "s3://scans/a.png", "--sigma", "0", "--weights", weights)
    assert cli(*options, "-o", "s3://results/", "--skip-unchanged").exit_code == 0
    assert keys("s3://results/") == []
    assert cli(*options, "-o", "s3://results/").exit_code == 0
    assert fetched("s3://results/a.png").read_bytes() == fetched("s3://scans/a.png").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not asked for there")
def test_the_next_run_removes_what_a_killed_one_has_left(
    weights: Path, answers: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spool").mkdir()
    command = [sys.executable, "-m", "restore", "denoise", f"{answers.url}/slow/k.png", "-o", "x.png"]
    before = len(answers.asked)
    process = subprocess.Popen(
        [*command, "--weights", str(weights)], env=os.environ | {"TMPDIR": str(tmp_path / "spool")}
    )
    while len(answers.asked) == before:
        time.sleep(0.05)
    process.kill()
    process.wait()
    (left,) = (tmp_path / "spool").iterdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "spool"))
    put("s3://scans/a.png")
    assert (
        cli("denoise", "s3://scans/a.png", "-o", "a.png", "--sigma", "0", "--weights", weights).exit_code == 0
    )
    assert not left.exists()


def test_a_manifest_of_objects(weights: Path) -> None:
    """Objects are listed with their marks, restored, and known by their sizes in the store."""
    put("s3://scans/in/a.png", "s3://scans/in/deep/b.png", "s3://scans/in/c.png")
    words = ["s3://scans/in/", "-o", "s3://results/out/", "--manifest", "run.jsonl"]
    more = ["--sigma", 10, "--weights", weights]
    done = cli("denoise", *words, *more)
    assert done.exit_code == 0
    assert set(done.stdout.split()) == {f"s3://results/out/{name}.png" for name in ("a", "c", "deep/b")}
    items = [json.loads(line) for line in Path("run.jsonl").read_text().splitlines()]
    assert all(each["etag"] and each["size_bytes"] for each in items if each["event"] == "item")
    assert SECRET not in Path("run.jsonl").read_text()
    done = cli("denoise", "--manifest", "run.jsonl", *more)
    assert (done.stdout, done.stderr) == ("", "note: 0 restored, 3 done before (of 3 pictures)\n")
    url = parse_url("s3://results/")
    Store(url)._remove(url.within("out/c.png"))
    put("s3://scans/in/new.png")
    assert "1 pictures added" in cli("plan", *words).stderr
    done = cli("denoise", "--manifest", "run.jsonl", *more)
    assert done.stdout.split() == ["s3://results/out/c.png", "s3://results/out/new.png"]
    assert done.stderr.splitlines()[-1] == "note: 2 restored, 2 done before (of 4 pictures)"
    done = cli("denoise", "s3://scans/in/", "--in-place", "--backup", "originals", *more)
    assert done.exit_code == 2 and "--in-place is for files" in " ".join(done.stderr.split())


def test_a_result_in_a_store_is_told_from_another_by_its_size(weights: Path) -> None:
    put("s3://scans/in/a.png", "s3://scans/in/b.png")
    planned = cli("plan", "s3://scans/in", "-o", "s3://results/out", "--manifest", "run.jsonl")
    assert planned.exit_code == 0 and planned.stderr.startswith("note: 2 pictures listed (")
    words = ("denoise", "--sigma", 10, "--weights", weights, "--manifest", "run.jsonl")
    assert cli(*words).stdout == "s3://results/out/a.png\ns3://results/out/b.png\n"
    put("s3://results/out/a.png", data=b"something else")
    done = cli(*words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "s3://results/out/a.png is there, with other contents than were written; pass" in done.stderr
