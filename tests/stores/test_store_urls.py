"""Addresses of objects: what they mean, and that nothing secret of them is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.cli.addresses import plain
from restore.cli.told_apart import labels
from restore.errors import StoreError
from restore.stores import Url, from_path, is_url, parse_url, safe_name, shown

SECRET = "s3cr3tV4lue"


@pytest.mark.parametrize(
    "text, kind, container, key",
    [
        ("s3://bucket/scans/a b.png", "s3", "bucket", "scans/a b.png"),
        ("s3://bucket", "s3", "bucket", ""),
        ("S3://bucket//a.png", "s3", "bucket", "a.png"),
        ("s3a://my.bucket-1/ü%41?#.png", "s3", "my.bucket-1", "ü%41?#.png"),
        ("gs://bucket/scans/", "gs", "bucket", "scans/"),
        ("az://container/a.png", "az", "container", "a.png"),
        ("abfss://c@me.dfs.core.windows.net/a.png", "az", "c@me.dfs.core.windows.net", "a.png"),
        ("https://example.org:8080/a%20b.png#top", "http", "example.org:8080", "a b.png"),
    ],
)
def test_addresses(text: str, kind: str, container: str, key: str) -> None:
    url = parse_url(text)
    assert (url.kind, url.container, url.key) == (kind, container, key)
    assert is_url(text)


@pytest.mark.parametrize(
    "text, told",
    [
        (f"s3://key:{SECRET}@bucket/a.png", "s3://bucket/a.png: expected the name of a bucket"),
        (f"https://me:{SECRET}@example.org/a.png?x={SECRET}", "https://example.org/a.png: expected the name"),
        (f"az://c/a.png?sv=2024&sig={SECRET}", "az://c/a.png: expected a key, got a signed address"),
        (f"s3://b/a.png?X-Amz-Signature={SECRET}", "s3://b/a.png: expected a key, got a signed address"),
        (f"ftp://me:{SECRET}@example.org/a.png", "ftp://example.org/a.png: expected s3://, gs://"),
        (f"abfss://c:{SECRET}@me.dfs.core.windows.net/", "abfss://me.dfs.core.windows.net/: expected"),
        ("s3:///a.png", "s3:///a.png: expected the name of a bucket"),
        ("gs://", "gs://: expected the name of a bucket"),
    ],
)
def test_addresses_that_are_refused_without_showing_a_secret(text: str, told: str) -> None:
    with pytest.raises(StoreError) as raised:
        parse_url(text)
    assert str(raised.value).startswith(told)
    assert SECRET not in str(raised.value) + shown(text)
    assert "\n" not in str(raised.value)


def test_a_query_is_kept_and_never_shown() -> None:
    url = parse_url(f"https://example.org/a.png?width=3&sig={SECRET}")
    assert url.typed == f"a.png?width=3&sig={SECRET}"
    assert SECRET not in f"{url} {url!r} {url.path} {url.beside('b.png')!r}"


def test_schemes_in_labels_have_no_colon() -> None:
    paths = {Path("az:/x"): ["y.png"], Path("s3:/x"): ["y.png"]}
    assert [plain(label).as_posix() for label in labels(paths).values()] == ["az/x", "s3/x"]


def test_paths_are_no_addresses() -> None:
    assert not any(map(is_url, ("a.png", "s3:/b", "C:/a.png", "C://a.png", "-", "//server/share/a.png", "")))
    assert from_path(Path("scans/s3:/a.png")) is None


@given(
    st.lists(st.text(st.characters(exclude_categories=["C"], exclude_characters="/"), min_size=1), max_size=4)
)
def test_a_key_survives_as_a_path(parts: list[str]) -> None:
    parts = [part for part in parts if part not in (".", "..")]
    url = Url("s3", "bucket", "/".join(parts))
    assert from_path(url.path) == url


@given(st.text(max_size=400))
def test_any_name_is_safe_for_a_file(name: str) -> None:
    safe = safe_name(name)
    assert safe not in ("", ".", "..") and Path(safe).name == safe
    assert len(safe.encode()) <= 130


@pytest.mark.parametrize(
    "name, expected",
    [
        ("..", "_"),
        ("a\\b.png", "a_b.png"),
        ("CON.png", "_CON.png"),
        ("a.png ", "a.png"),
        ("ü x.png", "ü x.png"),
    ],
)
def test_names_of_files(name: str, expected: str) -> None:
    assert safe_name(name) == expected
    assert safe_name("x" * 900 + ".png").endswith(".png")
