"""What a server is told when it is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from restore import images

ENLARGED = 4  # pixels of a result at most, for each that a picture may have


@dataclass(frozen=True)
class Limits:
    """What one visitor may ask for.

    file_bytes: of an uploaded file. json_bytes: of what is sent beside files, such as strokes. pixels: of a
    picture. pictures: kept at once. regions: of one picture. queue: jobs that wait or run. jobs: kept, those
    that have ended among them. stored_bytes: of all files. requests: answered at once, of all visitors.
    streams: of events, of all visitors. body_bytes_a_second: that an upload brings at least. idle_seconds:
    after which the session of a visitor of a public server is forgotten. visitors: with a session at once.
    """

    file_bytes: int = 2**30
    json_bytes: int = 2**22
    pixels: int = images.MAX_PIXELS
    pictures: int = 1000
    regions: int = 500
    queue: int = 1000
    jobs: int = 10_000
    stored_bytes: int = 2**36
    requests: int = 64
    streams: int = 16
    body_bytes_a_second: int = 1024
    idle_seconds: float = 3600.0
    visitors: int = 1

    @property
    def result_pixels(self) -> int:
        """Of a result, which may be larger than what was uploaded."""
        return min(images.MAX_PIXELS, ENLARGED * self.pixels)


PUBLIC = Limits(
    json_bytes=2**18,
    pixels=100_000_000,
    pictures=50,
    regions=100,
    queue=8,
    jobs=500,
    stored_bytes=2**31,
    streams=200,
    idle_seconds=1800.0,
    visitors=500,
)
"""What a visitor of a public server may ask for, by default."""


@dataclass(frozen=True)
class Serving:
    """A server.

    host, port: where it listens. token: that opens the page. opening: a second token, for the browser that is
    started: it is seen in the list of processes, and works once. password: asked for in place of the token;
    None: none is asked for. public: whether every visitor has a session of their own, and needs neither.
    allowed_hosts: names by which it may be called, beside those of its own. frame_ancestors: pages that may
    show it in a frame. folder: a private one, for all files. device: for the network. weights: of the
    network, where they are not those in the package.
    """

    host: str
    port: int
    token: str
    folder: Path
    opening: str = ""
    password: str | None = None
    public: bool = False
    allowed_hosts: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ()
    device: str = "auto"
    weights: Path | None = None
    limits: Limits = field(default_factory=Limits)

    def network(self, told: bool = False) -> list[str]:
        """Give the options of every command that say which network it uses. told: as a user is told."""
        words = []
        if self.weights is not None:
            words += ["--weights", str(self.weights if told else self.weights.absolute())]
        if self.device != "auto":
            words += ["--device", self.device]
        return words
