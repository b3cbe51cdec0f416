"""What --verbose says of a run beside its notes: the network, the tiles, the options that were decided on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from restore.priors.protocol import Prior

LONGEST = 60  # characters of a value


class Teller(Protocol):
    """Who tells of a picture that is restored. name: what it is called."""

    name: str

    def detail(self, text: str) -> None:
        """Say what was decided."""

    def restoring(self) -> AbstractContextManager[object]:
        """Show how far the steps are that are taken meanwhile."""


def of_prior(prior: Prior, weights: Path | None) -> str:
    """Which network is used, where and in which precision."""
    name = weights or "those in the package"
    digest = str(prior.facts.get("sha256", ""))[:12] or "unknown"
    parameters = getattr(prior, "parameters", 0)
    size = f", {parameters / 1e6:.1f} million parameters" if parameters else ""
    return f"weights: {name}, sha256 {digest}{size}; on {prior.device} in {precision_of(prior)}"


def precision_of(prior: Prior) -> str:
    """The precision of a network, as --precision names it."""
    return "bf16" if "bfloat16" in str(prior.dtype) else "fp32"


def of_tiles(prior: Prior, size: tuple[int, int]) -> str:
    """In which pieces a network computes a picture of ``size`` (h, w)."""
    h, w = size
    tile, network = getattr(prior, "tile", None), getattr(prior, "network", None)
    turned = f", each in {prior.ensemble} orientations" if prior.ensemble > 1 else ""
    halo = getattr(network, "halo", None)
    if tile is None or halo is None or not getattr(network, "local", False):
        return f"{w}x{h} at once, as this network sees the whole picture{turned}"
    across, down = -(-w // tile), -(-h // tile)
    if across * down == 1:
        return f"{w}x{h} in one piece{turned}"
    return (
        f"{w}x{h} in {across * down} pieces ({across} x {down}) of up to {tile} pixels a side, with {halo} "
        f"around each{turned}"
    )


@contextmanager
def restoring(
    reporter: Teller, options: Mapping[str, Any], prior: Prior, size: tuple[int, int]
) -> Iterator[None]:
    """Show progress while a picture of ``size`` (h, w) is restored; tell what was decided and computed."""
    reporter.detail(f"{reporter.name}: options: {of_options(options)}")
    reporter.detail(f"{reporter.name}: {of_tiles(prior, size)}")
    before = prior.calls
    with reporter.restoring():
        yield
    calls = prior.calls - before
    reporter.detail(f"{reporter.name}: {calls} call{'s' * (calls != 1)} of the network")


def of_options(options: Mapping[str, Any]) -> str:
    """The options of a task that were given or decided on."""
    return ", ".join(f"{name} {value}" for name, value in _plain(options)) or "none"


def _plain(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Those that are said in a word or two; on and off as yes and no."""
    for name, value in options.items():
        if value is None or not isinstance(value, bool | int | float | str):
            continue
        if isinstance(value, bool):
            yield name, "yes" if value else "no"
        elif len(text := f"{value:g}" if isinstance(value, float) else str(value)) <= LONGEST:
            yield name, text
