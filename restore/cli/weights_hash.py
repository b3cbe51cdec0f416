"""Which weights a command uses, by their hash, without loading them."""

from __future__ import annotations

from pathlib import Path

from restore.priors.tensor_header import parse_header, shipped_weights


def weights_hash(path: Path | None) -> str:
    """Give the hash that a checkpoint says of itself; None is the one in the package. Raises WeightsError.

    That of the package is read without PyTorch, whose import takes longer than to look at ten thousand files.
    """
    if path is None:
        return parse_header(shipped_weights()).metadata.get("sha256", "")
    from restore.priors.checkpoint import read_described

    return read_described(path)[0].get("sha256", "")
