"""What a server is told when it is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from restore import images


@dataclass(frozen=True)
class Limits:
    """What one visitor may ask for.

    file_bytes: of an uploaded file. pixels: of a picture. pictures: kept at once. queue: jobs that wait or
    run. stored_bytes: of all files. requests: answered at once, of all visitors. streams: of events, of all
    visitors. body_bytes_a_second: that an upload brings at least. idle_seconds: after which the session of a
    visitor of a public server is forgotten.
    """

    file_bytes: int = 2**30
    pixels: int = images.MAX_PIXELS
    pictures: int = 1000
    queue: int = 1000
    stored_bytes: int = 2**36
    requests: int = 64
    streams: int = 16
    body_bytes_a_second: int = 1024
    idle_seconds: float = 3600.0


@dataclass(frozen=True)
class Serving:
    """A server.

    host, port: where it listens. token: that opens the page. password: asked for in its place; None: none is.
    public: whether every visitor has a session of their own, and needs neither. allowed_hosts: names by which
    it may be called, beside those of its own. frame_ancestors: pages that may show it in a frame. folder: a
    private one, for all files. device: for the network.
    """

    host: str
    port: int
    token: str
    folder: Path
    password: str | None = None
    public: bool = False
    allowed_hosts: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ()
    device: str = "auto"
    limits: Limits = field(default_factory=Limits)
