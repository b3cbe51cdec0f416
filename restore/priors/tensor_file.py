"""safetensors files: what their header tells, checked before a tensor of theirs is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from restore.images.outside import plain, shown
from restore.priors.tensor_header import parse_header

MOST_SIDES = 8
KINDS = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8,
    "BOOL": torch.bool, "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "C64": torch.complex64,
}  # fmt: skip


def read_header(path: str | Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Give the metadata of a safetensors file, and its tensors on the meta device, which has no memory.

    Raises
    ------
    OSError
        For a file that cannot be read, and for one that is no regular file.
    ValueError
        For a header that is none, that is larger than any network's, or that does not tell of the very bytes
        behind it.
    """
    header = parse_header(path)
    return header.metadata, _tensors(header.tensors, header.size)


def _tensors(told: Mapping[str, Any], size: int) -> dict[str, Tensor]:
    """The tensors that a header tells of; their data must be all of the rest of the file, each byte once."""
    found, places = {}, []
    for name, entry in told.items():
        shape, kind, begin, end = _entry(name, entry)
        tensor = torch.empty(shape, dtype=kind, device="meta")
        if end - begin != tensor.numel() * tensor.element_size():
            raise ValueError(f"tensor {plain(name)} of {tuple(shape)} does not take {end - begin} bytes")
        found[name] = tensor
        places.append((begin, end, name))
    reached = 0
    for begin, end, name in sorted(places):
        if begin != reached:
            raise ValueError(f"the bytes of tensor {plain(name)} begin at {begin}, expected {reached}")
        reached = end
    if reached != size:
        raise ValueError(f"its tensors take {reached} bytes, the file has {size} for them")
    return found


def _entry(name: str, entry: Any) -> tuple[list[int], torch.dtype, int, int]:
    """Shape, kind, and first and last byte of a tensor, none of which can be of another type."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"what it tells of {plain(name)} is no tensor")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"tensor {plain(name)} is of the kind {shown(kind)}, which cannot be read")
    if not _are_whole(shape) or len(shape) > MOST_SIDES:
        raise ValueError(f"the shape of tensor {plain(name)} is {shown(shape)}")
    if not _are_whole(offsets) or len(offsets) != 2 or offsets[1] < offsets[0]:
        raise ValueError(f"the place of tensor {plain(name)} is {shown(offsets)}")
    sides = [side for side in shape if side]
    numbers = 1
    for side in sides:
        numbers *= side
    if numbers >= 2**48:
        raise ValueError(f"tensor {plain(name)} is {shown(tuple(shape))}, which is too large")
    return shape, KINDS[kind], offsets[0], offsets[1]


def _are_whole(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def read_tensors(path: str | Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Give the metadata and the tensors of a safetensors file.

    Raises OSError, ValueError and SafetensorError.
    """
    from safetensors import safe_open

    read_header(path)
    with safe_open(path, framework="pt") as file:
        # Copies: where tensors lie in the file depends on its header, and the last bits of what is computed
        # from them depend on how they are aligned.
        tensors = {name: file.get_tensor(name).clone() for name in list(file.keys())}
        return file.metadata() or {}, tensors
