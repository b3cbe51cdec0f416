"""The options of what results are called, and of what their files hold."""

from __future__ import annotations

from typing import Any

import click

from restore.cli.data_range import DATA_RANGE
from restore.cli.naming import FIELDS, FORMATS


class Suffix(click.types.StringParamType):
    """A text that may be empty, as others may not."""


SUFFIX = click.option(
    "--suffix", type=Suffix(), metavar="TEXT",
    help="What is added to the names of results in place of -denoised and the like; a hyphen is put before a "
    "letter or digit: clean gives photo-clean.jpg, _clean photo_clean.jpg.",
)  # fmt: skip
FORMAT = click.option(
    "--format", type=click.Choice(FORMATS, case_sensitive=False),
    help="Format of results, in a folder and beside the pictures. Default: that of each picture.",
)  # fmt: skip
TEMPLATE = click.option(
    "--output-template", metavar="NAME",
    help="Names of results, such as '{stem}-clean{ext}', within the folder of -o or beside the pictures; "
    "slashes make folders. Fields: " + "; ".join(f"{{{name}}} {text}" for name, text in FIELDS.items()) + ".",
)  # fmt: skip
_QUALITY_HELP = (
    "Quality of JPEG, WebP, HEIC, AVIF and JPEG XL results, 1 to 100; a WebP or JPEG XL of 100 keeps every "
    "number.  [default: 95 for JPEG, 70 for HEIC, 92 for AVIF, 100 for WebP and JPEG XL]"
)
QUALITY = click.option(
    "--quality", "--output-quality", "output_quality", type=click.IntRange(1, 100), metavar="Q",
    help=_QUALITY_HELP,
)  # fmt: skip
OUTPUT_QUALITY = click.option(
    "--output-quality", type=click.IntRange(1, 100), metavar="Q", help=_QUALITY_HELP
)
"""The same for commands in which --quality is that of their input."""


class Depth(click.IntRange):
    """8 or 16."""

    def _describe_range(self) -> str:
        return ""  # the metavar says it

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        bits = super().convert(value, param, ctx)
        if bits not in (8, 16):
            self.fail(f"{value} is neither 8 nor 16", param, ctx)
        return bits


DEPTH = click.option(
    "--depth", type=Depth(), metavar="[8|16]",
    help="Bits a channel of the result, 8 or 16. PNG, TIFF and JPEG XL hold 16, HEIC 10 and "
    "AVIF 12.  [default: those of the picture]",
)  # fmt: skip

RESULT = (SUFFIX, FORMAT, TEMPLATE, QUALITY, DEPTH, DATA_RANGE)
