"""Objects in the stores that obstore keeps in memory and in folders, and on a server of S3."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from s3_server import s3_server

from restore.errors import AlreadyThereError, StoreError
from restore.stores import Patience, Spool, Store, open_store, parse_url, survey
from restore.stores import objects as store_objects
from restore.stores.opened import _opened

pytest.importorskip("obstore")
import obstore
from obstore.store import LocalStore, MemoryStore

FEW = Patience(silence=5, tries=2, first=0.01, longest=0.02)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    pytest.importorskip("moto")
    with s3_server("pictures") as found:
        yield found


@pytest.fixture(params=["memory", "folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    url = parse_url("s3://pictures")
    if request.param == "s3":
        _opened.cache_clear()
        for name, value in request.getfixturevalue("environment").items():
            monkeypatch.setenv(name, value)
        found = Store(url, patience=FEW)
        yield found
        for each in list(found.objects(url)):
            found._remove(url.within(each.key))
        _opened.cache_clear()
        return
    (tmp_path / "store").mkdir()
    yield Store(
        url,
        patience=FEW,
        given=MemoryStore() if request.param == "memory" else LocalStore(tmp_path / "store"),
    )


def put(store: Store, key: str, data: bytes, folder: Path, **rest: Any) -> store_objects.Object:
    path = folder / "sent"
    path.write_bytes(data)
    return store.put(path, parse_url(f"s3://pictures/{key}"), **rest)


def test_an_object_is_written_once_and_read(store: Store, tmp_path: Path) -> None:
    url = parse_url("s3://pictures/scans/ü x?%41+&.png")
    assert store.head(url) is None
    put(store, url.key, b"one", tmp_path)
    there = store.head(url)
    assert there is not None and (there.key, there.size) == (url.key, 3) and there.etag
    with pytest.raises(AlreadyThereError, match=r"the object is already there; .*--overwrite"):
        put(store, url.key, b"two", tmp_path)
    put(store, url.key, b"three", tmp_path, overwrite=True)
    assert store.fetch(url, tmp_path / "got").size == 5
    assert (tmp_path / "got").read_bytes() == b"three"
    assert (tmp_path / "got").stat().st_mode & 0o077 == 0


def test_an_empty_object_is_replaced(store: Store, tmp_path: Path) -> None:
    put(store, "a.png", b"", tmp_path)
    put(store, "a.png", b"whole", tmp_path)
    there = store.head(parse_url("s3://pictures/a.png"))
    assert there is not None and there.size == 5


def test_a_long_object_goes_in_parts(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_objects, "AT_ONCE", 5 * 2**20)
    monkeypatch.setattr(store_objects, "_PART", 5 * 2**20)
    data = hashlib.shake_128(b"").digest(2**20) * 11
    put(store, "large.tif", data, tmp_path)
    url = parse_url("s3://pictures/large.tif")
    assert store.fetch(url, tmp_path / "got").size == len(data)
    assert (tmp_path / "got").read_bytes() == data
    with pytest.raises(AlreadyThereError):
        put(store, "large.tif", data[:-1], tmp_path)


def test_listing_finds_pictures_in_natural_order(store: Store, tmp_path: Path) -> None:
    keys = ("in/b/10.png", "in/b/9.JPG", "in/a.psd", "in/a.txt", "in/.x/c.png", "in/old/d.png", "in2/e.png")
    for key in keys:
        put(store, key, key.encode(), tmp_path)
    put(store, "in/empty.png", b"", tmp_path)
    found = survey(store, parse_url("s3://pictures/in"), ignore=["old"], most=lambda suffix: 10)
    assert [str(url) for url, _ in found.pictures] == ["s3://pictures/in/b/9.JPG"]
    assert [url.key for url in found.unread] == ["in/a.psd"]
    told = [message for _, message in found.problems]
    assert len(told) == 2
    assert any("in/b/10.png: expected a picture of at most 0.0 GB" in line for line in told)
    assert any("in/empty.png: expected a picture, got an empty object" in line for line in told)
    everything = survey(store, parse_url("s3://pictures/"))
    assert [url.key for url, _ in everything.pictures] == [
        "in/b/9.JPG",
        "in/b/10.png",
        "in/old/d.png",
        "in2/e.png",
    ]


def test_a_missing_and_a_long_object(store: Store, tmp_path: Path) -> None:
    url = parse_url("s3://pictures/none.png")
    with pytest.raises(StoreError, match=r"^s3://pictures/none.png: cannot read it: there is no such object"):
        store.fetch(url, tmp_path / "got")
    put(store, "none.png", b"long", tmp_path)
    with pytest.raises(StoreError, match=r"expected at most 0\.0 GB"):
        store.fetch(url, tmp_path / "got", most=3)
    assert not (tmp_path / "got").exists()


def test_what_arrives_wrong_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = MemoryStore()
    store = Store(parse_url("s3://pictures"), given=memory)
    send = obstore.put

    def put_wrong(store: MemoryStore, key: str, *_: object, **__: object) -> dict[str, str]:
        send(store, key, b"wrong")
        return {"e_tag": "0" * 32}

    monkeypatch.setattr(obstore, "put", put_wrong)
    with pytest.raises(StoreError, match="reads back wrong, nothing is kept"):
        put(store, "a.png", b"right", tmp_path)
    assert store.head(parse_url("s3://pictures/a.png")) is None


def test_a_lost_answer_is_no_other_object(
    tmp_path: Path, environment: dict[str, str], monkeypatch: Any
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    _opened.cache_clear()
    store = Store(parse_url("s3://pictures"), patience=FEW)
    put(store, "same.png", b"same", tmp_path)
    assert put(store, "same.png", b"same", tmp_path).size == 4
    store._remove(parse_url("s3://pictures/same.png"))


def test_names_that_obstore_cannot_write(
    tmp_path: Path, environment: dict[str, str], monkeypatch: Any
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    _opened.cache_clear()
    odd, slash = parse_url("s3://odd/"), parse_url("s3://slash/")
    with pytest.raises(StoreError, match=r"^s3://odd/: cannot list it: it holds a name with .*a/../x.png"):
        survey(Store(odd), odd)
    found = survey(Store(slash), slash)
    assert [url.key for url, _ in found.pictures] == ["a.png", "b.png"]
    with pytest.raises(StoreError, match="no such object"):
        Store(slash).fetch(slash.within("a.png"), tmp_path / "got")
    missing = parse_url("s3://no-such-bucket/")
    with pytest.raises(StoreError, match=r"no such bucket \(404\)"):
        survey(Store(missing), missing)


def test_profiles_are_read(tmp_path: Path, environment: dict[str, str], monkeypatch: Any) -> None:
    for name in ("AWS_ALLOW_HTTP", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, environment[name])
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "credentials").write_text("[scans]\naws_access_key_id = key\naws_secret_access_key = hush\n")
    (tmp_path / "config").write_text(
        f"[profile scans]\nregion = us-east-1\nendpoint_url = {environment['AWS_ENDPOINT_URL']}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "scans")
    _opened.cache_clear()
    url = parse_url("s3://pictures/p.png")
    put(Store(url, patience=FEW), "p.png", b"abc", tmp_path)
    Store(url, patience=FEW)._remove(url)
    _opened.cache_clear()
    monkeypatch.setenv("AWS_PROFILE", "none")
    with pytest.raises(StoreError, match="cannot open it") as raised:
        open_store(url)
    assert "hush" not in str(raised.value)
    _opened.cache_clear()


def test_other_stores_are_opened_without_being_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "me")
    monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
    for text in ("gs://bucket/a", "az://container/a", "abfss://container@me.dfs.core.windows.net/a"):
        assert open_store(parse_url(text)) is open_store(parse_url(text + "/b"))
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME")
    _opened.cache_clear()
    with pytest.raises(StoreError, match="set AZURE_STORAGE_ACCOUNT_NAME"):
        open_store(parse_url("az://container/a"))
    _opened.cache_clear()


def test_a_spool_is_private_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / ".restore-000000000000-1-0000000000000000.part"
    left.mkdir()
    spool = Spool()
    one, two = spool.place("a.png"), spool.place("a.png")
    assert one != two and one.name == two.name
    assert one.parent.parent.stat().st_mode & 0o077 == 0
    one.write_bytes(b"x")
    spool.remove(one)
    assert not one.parent.exists() and two.parent.exists()
    assert left.exists()  # of another machine
    spool.close()
    assert list(tmp_path.iterdir()) == [left]
