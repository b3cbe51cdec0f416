"""Where a server may listen, and what it has to ask for there."""

from __future__ import annotations

import io

import click
import pytest

from restore.cli.serve.address import VARIABLE, checked_address

WORD = "correct horse"


def refusal(*arguments: object) -> str:
    with pytest.raises(click.UsageError) as caught:
        checked_address(*arguments)  # type: ignore[arg-type]
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST", "::1", "[::1]"])
def test_on_this_machine_nothing_is_asked_for(host: str) -> None:
    checked = checked_address(host, None, False)
    assert checked.loopback
    assert checked.password is None
    assert checked.notes == ()
    assert checked.host == host.strip("[]")


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "192.168.1.7", "fe80::1", "myname", "localhost.evil.example", "::ffff:192.168.1.7"],
)
def test_on_the_network_a_password_or_strangers_are(host: str) -> None:
    message = refusal(host, None, False)
    assert message.startswith(f"--host {host}: everybody who reaches this machine over the network could")
    assert "--password" in message and "--public" in message
    guarded = checked_address(host, WORD, False)
    assert (guarded.loopback, guarded.password) == (False, WORD)
    assert any("proxy with TLS" in note for note in guarded.notes)
    (note,) = checked_address(host, None, True).notes
    assert note.startswith("everybody who knows the address")


@pytest.mark.parametrize(
    "host", ["", " ", "a b", "http://x", "127.0.0.1:80", "evil.example/", "-", "x" * 300, "é"]
)
def test_no_address(host: str) -> None:
    assert refusal(host, None, False).startswith("--host: expected a name or an address of this machine, got")


@pytest.mark.parametrize("word", ["short", "1234567", "aaaaaaaaaaaa", "abababababab", ""])
def test_short_passwords_are_refused(word: str) -> None:
    message = refusal("127.0.0.1", word, False)
    assert message.startswith("--password: expected at least 8 characters, 5 of them different, got")
    assert word not in message or len(word) < 2


def test_a_password_and_strangers_exclude_each_other() -> None:
    assert refusal("0.0.0.0", WORD, True).startswith("--public: everybody gets in, without a password")


def test_a_password_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, WORD)
    checked = checked_address("0.0.0.0", None, False)
    assert checked.password == WORD
    assert not any("processes" in note for note in checked.notes)
    assert any("processes" in note for note in checked_address("0.0.0.0", "other word", False).notes)
    assert checked_address("0.0.0.0", "other word", False).password == "other word"
    monkeypatch.setenv(VARIABLE, "")
    assert refusal("0.0.0.0", None, False).startswith("--host 0.0.0.0")


def test_a_password_of_the_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{WORD}\r\nmore\n"))
    checked = checked_address("0.0.0.0", "-", False)
    assert checked.password == WORD
    assert not any("processes" in note for note in checked.notes)
    for text in ("", "\n"):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert "expected a password on the first line" in refusal("0.0.0.0", "-", False)
