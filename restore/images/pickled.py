"""torch files (.pt, .pth, .ckpt, .bin): only tensors are unpickled, and none that is larger than its file."""

from __future__ import annotations

import os
import pickletools
import re
import struct
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from restore.images.outside import brief, open_regular, plain

if TYPE_CHECKING:
    from torch import Tensor

MOST_ENTRIES = 16_000_000  # bytes of the list of what an archive holds
MOST_PICKLE = 64_000_000  # bytes of a pickle in an archive
MOST_WORDS = 1_000_000  # instructions of a pickle that are looked at to find code
PICKLES = 4  # in a file of before torch 1.6
ENDING = 22  # bytes
# What torch writes for tensors, and what it reads itself.
HARMLESS = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_\w+|torch \w*(Storage|Size|device)|torch [a-z]+[0-9]\w*"
    r"|torch\.storage \w+|torch\.nn\.parameter Parameter|_codecs encode"
)


def read_pickled(path: Path) -> object:
    """Give what a torch file holds, with tensors on the CPU.

    An archive must hold its entries as they are, as torch writes them: what is compressed could unpack to any
    size.

    Raises
    ------
    OSError
        For a file that cannot be read, and for one that is no regular file.
    ValueError
        For one that holds code, which is never run, and for one that is none, cut off or a bomb.
    """
    import torch

    with open_regular(path) as file:
        is_archive = file.read(4) == b"PK\x03\x04"
        if is_archive:
            _check_archive(file)
        file.seek(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # on protocols; what cannot be read is an error
                return torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # UnpicklingError, RuntimeError, EOFError and more
            if code := next(_code_in(file, is_archive=is_archive), ""):
                raise ValueError(f"it holds code ({plain(code)}); refused: only tensors are read") from None
            # torch's own words are on how to run pickled code after all.
            cut = "Weights only load failed" in str(error)
            raise ValueError("it is damaged, or holds code; refused" if cut else brief(error)[:120]) from None


def check_tensors(found: object, size: int) -> dict[str, Tensor]:
    """Give tensors by name, as a network's ``state_dict()`` gives them.

    Parameters
    ----------
    found : what `read_pickled` gave.
    size : bytes of its file.

    Raises
    ------
    ValueError
        For anything else, and for tensors that are larger than their file: repeated ones would unpack to any
        size.
    """
    from torch import Tensor, strided

    if not isinstance(found, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in found.items()
    ):
        raise ValueError("expected a dictionary of tensors by name, as state_dict() gives it")
    total = 0
    for name, tensor in found.items():
        if tensor.layout != strided or tensor.is_meta or tensor.is_quantized or tensor.is_nested:
            kind = "quantised" if tensor.is_quantized else f"{tensor.layout}, on {tensor.device}"
            raise ValueError(
                f"tensor {plain(name)} is {tensor.dtype}, {kind}; expected plain floating-point numbers"
            )
        total += tensor.numel() * tensor.element_size()
        if total > size:
            raise ValueError(f"its tensors, take {total} bytes, the file has {size}: numbers are repeated")
    return dict(found)


def _check_archive(file: BinaryIO) -> None:
    """Raise ValueError for an archive that is none of torch's."""
    size = os.fstat(file.fileno()).st_size
    if _length_of_list(file, size) > MOST_ENTRIES:
        raise ValueError("it holds too many entries")
    try:
        entries = zipfile.ZipFile(file).infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise ValueError(brief(error)) from None
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 for entry in entries):
        raise ValueError("its entries are compressed or encrypted, which torch never does; refused")
    if sum(entry.file_size for entry in entries) > size:
        raise ValueError("its entries are larger than the file; refused")
    if len({entry.filename for entry in entries}) < len(entries):
        raise ValueError("some of its entries have the same name; refused")
    pickles = [entry.file_size for entry in entries if entry.filename.endswith(".pkl")]
    if max(pickles, default=0) > MOST_PICKLE:
        raise ValueError(f"its pickle has {max(pickles)} bytes, expected at most {MOST_PICKLE}")


def _length_of_list(file: BinaryIO, size: int) -> int:
    """How many bytes the list of entries has, at the end of an archive; 0 where there is none."""
    file.seek(max(0, size - 2**16 - ENDING))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + ENDING > len(tail):
        return 0
    (length,) = struct.unpack_from("<I", tail, at + 12)
    larger = tail.rfind(b"PK\x06\x06", 0, at)  # with 64 bits
    if larger >= 0 and larger + 56 <= len(tail):
        length = max(length if length != 2**32 - 1 else 0, *struct.unpack_from("<Q", tail, larger + 40))
    return int(length)


def _code_in(file: BinaryIO, *, is_archive: bool) -> Iterator[str]:
    """Name what a file asks to call that is no part of tensors; nothing is run."""
    file.seek(0)
    try:
        if not is_archive:
            for _ in range(PICKLES):
                yield from _calls(file)
            return
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            if any("/code/" in name for name in names):
                yield "TorchScript"
            for name in names:
                if name.endswith(".pkl"):
                    with archive.open(name) as stream:
                        yield from _calls(stream)
    except Exception:  # pickletools raises much for what is no pickle
        return


def _calls(stream: Any) -> Iterator[str]:
    """The modules and names that a pickle asks for."""
    words: list[str] = []
    for number, (code, argument, _) in enumerate(pickletools.genops(stream)):
        if number > MOST_WORDS:
            return
        if code.name in ("GLOBAL", "INST"):
            name = str(argument)
        elif code.name == "STACK_GLOBAL":
            name = " ".join(words[-2:])
        else:
            if isinstance(argument, str):
                words = [*words[-1:], argument]
            continue
        if not HARMLESS.fullmatch(name):
            yield name.replace(" ", ".")
