"""Servers that deny, fail, are slow, or break off: one line each, without anything they say."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from answers import SECRET, Answers, answering

from restore.errors import StoreError
from restore.stores import Patience, Store, parse_url
from restore.stores.opened import _opened

pytest.importorskip("obstore")
KEY = "hidden-key-9876"
FEW = Patience(silence=0.25, tries=3, first=0.01, longest=0.02, most=0.25)


@pytest.fixture(scope="module")
def answers() -> Iterator[Answers]:
    with answering() as found:
        yield found


@pytest.fixture(autouse=True)
def reached(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    _opened.cache_clear()
    for name, value in {
        "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "AWS_ENDPOINT_URL": answers.url,
        "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_SESSION_TOKEN": KEY,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    yield
    _opened.cache_clear()


def refused(url: str, folder: Path) -> str:
    """The message for an address that cannot be read, after a look at all that a traceback shows."""
    with pytest.raises(StoreError) as raised:
        address = parse_url(url)
        Store(address, patience=FEW).fetch(address, folder / "got")
    whole = "".join(traceback.format_exception(raised.value))
    for secret in (SECRET, KEY, "hush", "AWS4-HMAC"):
        assert secret not in whole
    assert not (folder / "got").exists()
    told = str(raised.value)
    assert "\n" not in told and len(told) < 300
    return told


@pytest.mark.parametrize(
    "path, told",
    [
        ("401/a.png", "access is denied (401)"),
        ("403/a.png", "access is denied (403)"),
        ("404/a.png", "there is no such object (404); check the name"),
        ("500/a.png", "the store answers 500, asked 3 times"),
        ("503/a.png", "the store answers 503, asked 3 times, up to 0.25 s each; try again later"),
        ("418/a.png", "the store answers 418; check the address"),
        ("slow/a.png", "no answer, asked 3 times, up to 0.25 s each"),
        ("stalled/cut/a.png", "no answer, asked 3 times"),
        ("cut/a.png", "the connection broke off, asked 3 times"),
    ],
)
@pytest.mark.parametrize("kind", ["http", "s3"])
def test_answers(path: str, told: str, kind: str, answers: Answers, tmp_path: Path) -> None:
    url = f"{answers.url}/{path}?sig=hush" if kind == "http" else f"s3://bucket/{path}"
    line = refused(url, tmp_path)
    assert line.startswith(f"{url.partition('?')[0]}: cannot read it: {told}")


def test_connections(answers: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "the server cannot be reached" in refused("http://127.0.0.1:9/a.png", tmp_path)
    assert "does not speak it" in refused(answers.url.replace("http:", "https:") + "/a.png", tmp_path)
    assert "does not say how long" in refused(f"{answers.url}/endless/a.png", tmp_path)
    assert "do not fit on the disk" in refused(f"{answers.url}/huge/a.png", tmp_path)
    _opened.cache_clear()
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    assert "set AWS_ALLOW_HTTP=true" in refused("s3://bucket/a.png", tmp_path)


@pytest.mark.parametrize("path", ["busy/a.png", "late/a.png", "torn/a.png"])
def test_what_passes_is_asked_again(path: str, answers: Answers, tmp_path: Path) -> None:
    url = parse_url(f"{answers.url}/{path}")
    assert Store(url, patience=FEW).fetch(url, tmp_path / "got").size == 100
    assert (tmp_path / "got").read_bytes() == b"0123456789" * 10


def test_an_address_is_asked_for_as_it_is_written(answers: Answers, tmp_path: Path) -> None:
    asked = []
    for path in ("a%20b.png", "x%2Fy/a+b%20c.png?sig=hush%2F%3D&x=1", "%C3%BC.png", "~a'(b).png"):
        url = parse_url(f"{answers.url}/{path}")
        Store(url, patience=FEW).fetch(url, tmp_path / "got")
        asked.append(answers.asked[-1])
    assert asked[:3] == ["GET /a%20b.png", "GET /x%2Fy/a+b%20c.png?sig=hush%2F%3D&x=1", "GET /%C3%BC.png"]


def test_writing_and_listing(answers: Answers, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"abc")
    for path, told in {
        "403/a.png": "cannot write it: access is denied (403)",
        "404/a.png": "cannot write it: there is no such bucket (404)",
        "503/a.png": "cannot write it: the store answers 503, tried up to 3 times, or for 0.25 s",
        "slow/a.png": "cannot write it: no answer, tried up to 3 times, or for 0.25 s",
    }.items():
        url = parse_url(f"s3://bucket/{path}")
        with pytest.raises(StoreError) as raised:
            Store(url, patience=FEW).put(tmp_path / "a.png", url)
        assert told in str(raised.value)
        assert KEY not in "".join(traceback.format_exception(raised.value))
    web = parse_url(f"{answers.url}/a.png")
    with pytest.raises(StoreError, match="a web server is only read"):
        Store(web).put(tmp_path / "a.png", web)
    with pytest.raises(StoreError, match="a web server lists no files"):
        list(Store(web).objects(web))
    for bucket, told in {
        "403": "access is denied",
        "503": "the store answers 503",
        "404": "no such bucket",
    }.items():
        url = parse_url(f"s3://{bucket}/")
        with pytest.raises(StoreError, match=told):
            list(Store(url, patience=FEW).objects(url))


def test_a_store_that_does_not_know_conditions(answers: Answers, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"abc")
    url = parse_url("s3://bucket/unconditional/a.png")
    before = len(answers.asked)
    with pytest.raises(StoreError, match="reads back wrong"):  # this server keeps nothing
        Store(url, patience=FEW).put(tmp_path / "a.png", url)
    methods = [line.split()[0] for line in answers.asked[before:]]
    assert methods == ["PUT"] * 3 + ["HEAD", "PUT", "HEAD", "DELETE"] or methods[-3:] == [
        "PUT",
        "HEAD",
        "POST",
    ]


def test_without_obstore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("obstore", "obstore.store", "obstore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    url = parse_url("s3://bucket/a.png")
    (tmp_path / "a.png").write_bytes(b"abc")
    for call in (
        lambda: Store(url).head(url),
        lambda: Store(url).fetch(url, tmp_path / "got"),
        lambda: Store(url).put(tmp_path / "a.png", url),
        lambda: list(Store(url).objects(url)),
    ):
        with pytest.raises(StoreError, match=r"need obstore; pip install 'restore-diffusion\[cloud\]'"):
            call()
