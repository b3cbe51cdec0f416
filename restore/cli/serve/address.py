"""Where a server listens, and what that demands: checked before anything is started."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import click

from restore.cli.serve.host_names import is_address, is_loopback, parse_host

SHORTEST = 8  # characters of a password
DIFFERENT = 5  # of them
VARIABLE = "RESTORE_SERVE_PASSWORD"


@dataclass(frozen=True)
class Address:
    """An address that was checked. host: as the system takes it. notes: for the user, one line each."""

    host: str
    password: str | None
    loopback: bool
    notes: tuple[str, ...]


def checked_address(host: str, password: str | None, public: bool) -> Address:
    """Check that an address is guarded as its reach demands. Raises UsageError.

    password: as on the command line. public: whether strangers are wanted.
    """
    password, told = _read(password)
    host = host.strip().strip("[]")
    if (parse_host(host) or ("", 0))[1] is not None and not is_address(host):
        raise click.UsageError(f"--host: expected a name or an address of this machine, got {host[:80]!r}")
    if password is not None and public:
        raise click.UsageError("--public: everybody gets in, without a password; leave one of the two out")
    if password is not None:
        _check_password(password)
    loopback = is_loopback(host)
    if not loopback and password is None and not public:
        raise click.UsageError(
            f"--host {host}: everybody who reaches this machine over the network could use the page and see "
            "its pictures; add --password (`--password -` asks for it), or --public where strangers may have "
            "a session each; 127.0.0.1 is for this machine alone"
        )
    notes = [*told]
    if not loopback and password is not None:
        notes.append(
            "plain HTTP shows the password and the pictures to whoever can listen on the network; "
            "put a proxy with TLS before it, and name it with --allow-host"
        )
    if public:
        notes.append("everybody who knows the address can use this server; each visitor sees only their own")
    return Address(host, password, loopback, tuple(notes))


def _check_password(password: str) -> None:
    if len(password) < SHORTEST or len(set(password)) < DIFFERENT:
        raise click.UsageError(
            f"--password: expected at least {SHORTEST} characters, {DIFFERENT} of them different, "
            f"got {len(password)} and {len(set(password))}; choose a longer one"
        )


def _read(given: str | None) -> tuple[str | None, tuple[str, ...]]:
    """Give the password, and notes: from the option, the standard input (``-``) or the environment."""
    if given is None:
        return os.environ.get(VARIABLE) or None, ()
    if given != "-":
        note = (
            f"--password: other users of this machine see it among the processes; `-` or {VARIABLE} hide it"
        )
        return given, (note,)
    if sys.stdin is not None and sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, err=True)), ()
    line = (sys.stdin.readline() if sys.stdin is not None else "").rstrip("\r\n")
    if not line:
        raise click.UsageError("--password -: expected a password on the first line of the input, got none")
    return line, ()
