"""Where a server listens, and what that demands: checked before anything is started."""

from __future__ import annotations

import errno
import os
import socket
import sys
from dataclasses import dataclass

import click

from restore.cli.serve.names import is_loopback, parse_host
from restore.errors import RestoreError

SHORTEST = 8  # characters of a password
DIFFERENT = 5  # of them
VARIABLE = "RESTORE_SERVE_PASSWORD"
ANY = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Address:
    """An address that was checked. host: as the system takes it. notes: for the user, one line each."""

    host: str
    password: str | None
    loopback: bool
    notes: tuple[str, ...]


def checked_address(host: str, password: str | None, public: bool) -> Address:
    """Check that an address is guarded as its reach demands. Raises UsageError.

    password: as `read_password` gives it. public: whether strangers are wanted.
    """
    host = host.strip().strip("[]")
    if not host or (parse_host(host) is None and parse_host(f"[{host}]") is None):
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
    notes = []
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


def read_password(given: str | None) -> tuple[str | None, tuple[str, ...]]:
    """Give the password, and notes: from the option, the standard input (``-``) or the environment.

    Raises UsageError.
    """
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


def listening(host: str, port: int) -> socket.socket:
    """Give a socket that listens; port 0 takes a free one. Raises RestoreError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise RestoreError(f"--host {host}: no address of this machine ({error.strerror})") from error
    listener = socket.socket(family, kind, protocol)
    try:
        if sys.platform == "win32":  # where the other option lets two programs have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise RestoreError(_why_not(host, port, error)) from error
    return listener


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use, perhaps by another `restore serve`; choose another --port"
    if error.errno == errno.EACCES:
        return f"port {port} of {host} is not for ordinary users; choose a --port above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host}: not an address of this machine; choose 127.0.0.1 or one that it has"
    return f"--host {host} --port {port}: cannot listen there ({error.strerror or error})"
