"""How much memory a command takes for a picture, so that too large a one is refused before it is computed."""

from __future__ import annotations

import re
from typing import Any

import click

from restore.images.memory import check_need

PER_PIXEL = {"upscale": 230, "inpaint": 80}
"""Bytes for each pixel of a result that is larger than a piece, reading and writing included; measured as the
growth of the resident set of `denoise`, `inpaint` and `upscale` on a CPU with pieces of 128 pixels."""

PER_PIXEL_ELSE = 125

NETWORK = 820
"""Bytes for each pixel of a piece that the shipped network takes in single precision, measured likewise."""


class MemorySize(click.types.StringParamType):
    """A number of bytes, such as 8G, 1.5GB or 500M."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?) ?([KMGT]?)(i?)B?", value.strip(), re.IGNORECASE)
        size = 0
        if found:
            base = 1024 if found[3] else 1000
            size = int(float(found[1]) * base ** " KMGT".index(found[2].upper() or " "))
        if size < 1:
            self.fail(f"{value!r} is no size of memory, such as 8G or 500M", param, ctx)
        return size


MEMORY = click.option(
    "--max-memory", type=MemorySize(), metavar="SIZE",
    help="Refuse pictures that take more memory than this, such as 8G, before they are decoded or computed.  "
    "[default: 80 % of what is available]",
)  # fmt: skip


def check_memory(task: str, size: tuple[int, int], name: str, *, piece: int = 0) -> None:
    """Refuse a result that takes more memory than may be used. Raises ImageError.

    task: as in `restore.tasks.catalogue`. size: (h, w) of the result. piece: side of the pieces that the
    network computes in the same memory; 0 where it has its own.
    """
    pixels = size[0] * size[1]
    need = pixels * PER_PIXEL.get(task, PER_PIXEL_ELSE)
    if task != "inpaint":  # there only holes are computed
        need += NETWORK * min(pixels, piece**2)
    check_need(need, name, "lower --tile, crop the picture, or raise --max-memory")
