"""The option ``--data-range``: the values of black and white of pictures of another scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import click


@dataclass(frozen=True)
class DataRange:
    """The values of black and white; as a string they are what is typed."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{_shown(self.low)},{_shown(self.high)}"


def _shown(number: float) -> str:
    return short if float(short := f"{number:g}") == number else repr(number)


class DataRangeType(click.types.StringParamType):
    """LOW,HIGH: two finite numbers, low below high."""

    name = "low,high"
    listed = True  # a list in a configuration file

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, DataRange):
            return value
        try:
            low, high = map(float, str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not LOW,HIGH, the values of black and white, such as 0,4095", param, ctx)
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            self.fail(f"{value!r}: expected the value of black below that of white, both finite", param, ctx)
        return DataRange(low, high)


DATA_RANGE = click.option(
    "--data-range", type=DataRangeType(), metavar="LOW,HIGH",
    help="Values of black and white of pictures of another scale, such as 0,4095 for 12 bits of 16. The "
    "result has them, too, where it has the depth of the picture. Default: of whole numbers all that "
    "they can be; of floats 0 and the first of 1, 255, 1023, 4095, 16383 and 65535 that holds them.",
)  # fmt: skip
