"""What the header of a safetensors file says, without PyTorch, which takes seconds to import."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from restore.errors import WeightsError
from restore.images.outside import brief, open_regular, parse_json

Weights = TypeVar("Weights")

MOST_HEADER = 100_000_000  # bytes; safetensors itself reads no more
MOST_TENSORS = 20_000


class Header(NamedTuple):
    """What a header says. tensors: by their names, not checked yet. size: bytes behind the header."""

    metadata: dict[str, str]
    tensors: dict[str, Any]
    size: int


def shipped_weights() -> Path:
    """Give the path of the checkpoint in the package."""
    return Path(__file__).parents[1] / "weights" / "restore.safetensors"


def parse_header(path: str | Path) -> Header:
    """Read the header of a safetensors file.

    Raises
    ------
    OSError
        For a file that cannot be read, and for one that is no regular file.
    ValueError
        For a header that is none, or that is larger than any network's.

    Examples
    --------
    >>> sorted(parse_header(shipped_weights()).metadata)
    ['config', 'facts', 'format', 'sha256']
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise ValueError(f"its header of {length} bytes is longer than the file")
        check_header_size(length)
        header = file.read(length)
    # Before it is parsed: what stands in the metadata is of few such signs, too.
    if header.count(b"{") > 4 * MOST_TENSORS or header.count(b",") > 100 * MOST_TENSORS:
        raise ValueError(f"its header tells of too many things, expected at most {MOST_TENSORS} tensors")
    told = parse_json(header.decode("utf-8"))
    if not isinstance(told, dict):
        raise ValueError("its header is no table")
    metadata = told.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its metadata are not texts by name")
    if len(told) > MOST_TENSORS:
        raise ValueError(f"it tells of {len(told)} tensors, expected at most {MOST_TENSORS}")
    return Header(metadata, told, size - 8 - length)


def read_weights(path: Path, read: Callable[[Path], Weights]) -> Weights:
    """Read a weights file, and say in one line why that cannot be done.

    Parameters
    ----------
    path : the file.
    read : reads it, such as `parse_header`.

    Raises
    ------
    WeightsError
        Where there is no such file, or it is no safetensors file that `read` can read.

    Examples
    --------
    >>> read_weights(shipped_weights(), parse_header).metadata["format"]
    'restore-backbone-1'
    """
    from safetensors import SafetensorError

    try:
        if path.is_dir():
            raise WeightsError(f"{path}: expected a weights file, got a folder; name the file in it")
        if not path.exists():
            raise WeightsError(f"{path}: no such weights file")
        return read(path)
    except (SafetensorError, OSError, ValueError) as error:
        reason = brief(getattr(error, "strerror", None) or error)
        raise WeightsError(f"{path}: damaged, or not a safetensors file ({reason})") from None


def check_header_size(length: int) -> None:
    """Raise ValueError for a header of more bytes than are read."""
    if length > MOST_HEADER:
        raise ValueError(f"its header has {length} bytes, expected at most {MOST_HEADER}")
