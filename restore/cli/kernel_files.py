"""Blur kernels on the command line: words, and files of pictures or numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli.checking import files_to_be
from restore.errors import ImageError
from restore.images.outside import parse_array
from restore.inverse.spec import KERNELS, Spec, parse_spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLUR = "blur="
NUMBERS = (".npy", ".txt", ".csv")  # endings of files of numbers
NPY = b"\x93NUMPY"
HEAD = 64  # bytes by which a text is told
CLOSE = 1e-3  # how far from 1 the sum of a kernel can be


@dataclass(frozen=True)
class KernelFile:
    """The file of a kernel, a picture or numbers. before: what stands before its name on the command line."""

    path: Path
    before: str = ""


class KernelWord(click.types.StringParamType):
    """A kernel in words, or the file of one."""

    name = "kernel"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            parse_spec(BLUR + value)
        except ValueError:
            if (found := _file(value)) is not None:
                return found
            raise click.UsageError(f"--kernel {value}: {KERNELS}", ctx) from None
        return value


class OperatorWord(click.types.StringParamType):
    """A degradation in words, or a blur by the kernel in a file."""

    name = "operator"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            parse_spec(value)
        except ValueError as error:
            found = _file(value.removeprefix(BLUR), BLUR) if value.startswith(BLUR) else None
            if found is not None:
                return found
            raise click.UsageError(f"--operator: {error}", ctx) from error
        return value


def _file(word: str, before: str = "") -> KernelFile | None:
    """The file that is meant; None where a word looks like none. Raises UsageError for a missing one."""
    problem = images.name_problem(word)
    files = files_to_be()
    if files is not None:
        kind = "a file" if word in files else ""
    else:
        kind = "" if problem else images.what_is(word)
    if kind == "a file":
        return KernelFile(Path(word), before)
    if Path(word).suffix.lower() in (*images.SUFFIXES, *NUMBERS):
        got = problem or f"expected a file of the kernel, got {kind or 'no such file'}; check the name"
        raise click.UsageError(f"--{'operator' if before else 'kernel'}: {word}: {got}")
    return None


def specs_of(words: Sequence[str | KernelFile]) -> list[Spec | KernelFile]:
    """What words say; files stay what they are."""
    return [word if isinstance(word, KernelFile) else parse_spec(word) for word in words]


def known(words: Sequence[Spec | KernelFile]) -> list[Spec]:
    """The same, with kernels in files that are not read yet."""
    return [Spec("kernel") if isinstance(word, KernelFile) else word for word in words]


def read_kernels(
    words: Sequence[Spec | KernelFile], read: Callable[..., bytes]
) -> tuple[list[Spec], tuple[str, ...]]:
    """The same, with the kernels in files, and notes. Raises ImageError for a file that holds none."""
    found = [_read(word.path, read) if isinstance(word, KernelFile) else (word, "") for word in words]
    return [spec for spec, _ in found], tuple(note for _, note in found if note)


def _read(path: Path, read: Callable[..., bytes]) -> tuple[Spec, str]:
    """The kernel in a file, and a note where its numbers are not what is used."""
    from restore.inverse.kernels import kernel_of_array

    try:
        values, exact = _values(read(path, start=_start(str(path))), str(path))
        kernel = kernel_of_array(values)
    except ValueError as error:
        raise ImageError(f"{path}: {error}") from error
    total, note = float(values.sum()), ""
    if exact and abs(total - 1) > CLOSE:
        note = f"{path}: its numbers sum to {total:.5g} and are divided by that, so that brightness stays"
    return Spec("kernel", weights=tuple(map(tuple, kernel.tolist()))), note


def _start(name: str) -> Callable[[bytes], object]:
    """Refuse what begins neither like an array or numbers nor like a picture."""
    return lambda head: None if head.startswith(NPY) or _is_text(head) else images.picture_start(name)(head)


def _is_text(head: bytes) -> bool:
    return bool(head.strip()) and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head)


def _values(data: bytes, name: str) -> tuple[NDArray[Any], bool]:
    """The numbers ``(h, w)`` of a file, and whether they are meant as they are, as gray levels are not.

    Of a picture its gray values; what is transparent counts less. Raises ValueError, ImageError.
    """
    import numpy as np

    if data.startswith(NPY):
        array = parse_array(data)
        if array.dtype.kind not in "buif":
            raise ValueError(f"a blur kernel is expected as numbers, got {array.dtype}")
        array = array.astype(np.float64)
        return (array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array), True
    if _is_text(data[:HEAD]):
        return _table(data), True
    picture = images.decode(data, name=name)
    values = picture.pixels.mean(2, dtype=np.float64)
    return (values if picture.alpha is None else values * picture.alpha), picture.bits == 32


def _table(data: bytes) -> NDArray[Any]:
    """Numbers in a text, a row each line, with blanks, commas or semicolons between. Raises ValueError."""
    import numpy as np

    text = data.decode("utf-8-sig", "replace")
    lines = [line.partition("#")[0].replace(",", " ").replace(";", " ").split() for line in text.splitlines()]
    rows = [line for line in lines if line]
    try:
        values = [[float(word) for word in row] for row in rows]
    except ValueError:
        raise ValueError("expected numbers, a row of the kernel in each line, got other words") from None
    if len(set(map(len, values))) > 1:
        lengths = ", ".join(map(str, sorted({len(row) for row in values})))
        raise ValueError(f"expected rows of one length, got rows of {lengths} numbers")
    return np.array(values, np.float64)
