"""Blur kernels on the command line: words, and picture files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from restore import images
from restore.errors import ImageError
from restore.inverse.spec import KERNELS, Spec, parse_spec

BLUR = "blur="


@dataclass(frozen=True)
class KernelFile:
    """A picture file of a kernel. before: what stands before its name on the command line."""

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
            raise click.UsageError(str(error), ctx) from error
        return value


def _file(word: str, before: str = "") -> KernelFile | None:
    """The file that is meant; None where a word looks like none. Raises UsageError for a missing one."""
    problem = images.name_problem(word)
    kind = "" if problem else images.what_is(word)
    if kind == "a file":
        return KernelFile(Path(word), before)
    if Path(word).suffix.lower() in images.SUFFIXES:
        got = problem or f"expected a picture of the kernel, got {kind or 'no such file'}; check the name"
        raise click.UsageError(f"{word}: {got}")
    return None


def specs_of(words: Sequence[str | KernelFile]) -> list[Spec | KernelFile]:
    """What words say; files stay what they are."""
    return [word if isinstance(word, KernelFile) else parse_spec(word) for word in words]


def known(words: Sequence[Spec | KernelFile]) -> list[Spec]:
    """The same, with kernels in files that are not read yet."""
    return [Spec("kernel") if isinstance(word, KernelFile) else word for word in words]


def read_kernels(words: Sequence[Spec | KernelFile], read: Callable[[Path], bytes]) -> list[Spec]:
    """The same, with the kernels in files. Raises ImageError for a file that holds none."""
    return [_read(word.path, read) if isinstance(word, KernelFile) else word for word in words]


def _read(path: Path, read: Callable[[Path], bytes]) -> Spec:
    """The gray values of a file; what is transparent counts less."""
    import numpy as np

    from restore.inverse.kernels import kernel_of_array

    picture = images.decode(read(path), name=str(path))
    values = picture.pixels.mean(2, dtype=np.float64)
    if picture.alpha is not None:
        values = values * picture.alpha
    try:
        kernel = kernel_of_array(values)
    except ValueError as error:
        raise ImageError(f"{path}: {error}") from error
    return Spec("kernel", weights=tuple(map(tuple, kernel.tolist())))
