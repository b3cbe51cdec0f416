"""By which names a server may be called, and which page may call it.

A page of another site can make its own name point to this machine (DNS rebinding): its requests come with
that name in Host. Requests from other pages come with theirs in Origin, or with Sec-Fetch-Site.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable

from restore.cli.serve.config import Serving

LOOPBACK = ("127.0.0.1", "localhost", "::1")

# A name or an address, and a port. No user, no path, and no dot at the end: `localhost.` may be looked up.
_HOST = re.compile(
    r"(?P<name>\[[0-9a-f:.]{2,45}\]|[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?)(?::(?P<port>[0-9]{1,5}))?",
    re.A,
)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there. No name but localhost counts."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def parse_host(text: str) -> tuple[str, int | None] | None:
    """Give the name, in lower case and without brackets, and the port; None where it is neither."""
    found = _HOST.fullmatch(text.lower())
    if found is None:
        return None
    port = int(found["port"]) if found["port"] else None
    return found["name"].strip("[]"), port


class Names:
    """The names of a server.

    On loopback the port counts too. Elsewhere it does not: a container or a proxy may stand before it.
    """

    def __init__(self, serving: Serving) -> None:
        self.port = serving.port
        self.loopback = is_loopback(serving.host)
        self.any_address = serving.host in ("0.0.0.0", "::", "*", "")
        self.own = {*LOOPBACK, serving.host.lower().strip("[]")} - {"0.0.0.0", "::", "*", ""}
        if self.any_address:
            machine = socket.gethostname().lower()
            self.own |= {machine, f"{machine.partition('.')[0]}.local"}
        self.allowed = {parsed for name in serving.allowed_hosts if (parsed := parse_host(name))}

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server."""
        parsed = parse_host(host)
        if parsed is None:
            return False
        name, port = parsed
        if (name, None) in self.allowed or parsed in self.allowed:
            return True
        if self.any_address and is_address(name):
            return True
        if name not in self.own:
            return False
        return not self.loopback or (80 if port is None else port) == self.port

    def is_own(self, origin: str, host: str, scheme: str) -> bool:
        """Whether an Origin is the page of a host by which this server is called.

        A server that speaks plain HTTP may have a proxy with TLS before it, whose page is one of HTTPS.
        """
        schemes = {"https"} if scheme == "https" else {"https", "http"}
        told, separator, rest = origin.partition("://")
        return bool(separator) and told.lower() in schemes and rest.lower() == host.lower()


def is_address(name: str) -> bool:
    """Whether a name is an IP address, which no name server resolves."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def bad_names(names: Iterable[str]) -> list[str]:
    """Give those of the names for `Serving.allowed_hosts` that are not host names."""
    return [name for name in names if parse_host(name) is None]
