"""What every command demands of its options: numbers as people write them, words, and no file lost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import click

from restore.cli.parameters import FileName, Number, bounds

MOST = 10**9
"""The largest whole number of an option that has no other bound."""
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")


class Whole(click.IntRange):
    """A whole number in a range, in the digits 0 to 9."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and not _WHOLE.fullmatch(value.strip()):
            self.fail(f"{value!r} is not a whole number in the range {bounds(self)}.", param, ctx)
        number = super().convert(value, param, ctx)
        if self.max is None and number > MOST:
            self.fail(f"{number} is more than {MOST}", param, ctx)
        return number


class Words(click.types.StringParamType):
    """A text that is not empty, as that of a variable that is not set."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = super().convert(value, param, ctx)
        what = getattr(param, "metavar", None) or "a text"
        if not text.strip():
            self.fail(f"expected {what}, got an empty text; is a variable not set?", param, ctx)
        if "\0" in text:
            self.fail(f"expected {what}, got one with a NUL character; check it", param, ctx)
        return text


class Strict(click.Command):
    """A command that is strict about the values of its options."""

    def __init__(self, *args: Any, **rest: Any):
        super().__init__(*args, **rest)
        for each in self.params:
            each.type = strictly(each.type)

    def make_parser(self, ctx: click.Context) -> Any:
        parser = super().make_parser(ctx)
        parse = parser.parse_args

        def once(args: list[str]) -> Any:
            found = parse(args)
            if not ctx.resilient_parsing:  # of completion
                refuse_twice(found[2], ctx)
            return found

        parser.parse_args = once  # type: ignore[method-assign]  # click has no other place for it
        return parser


def strictly(kind: click.ParamType[Any]) -> click.ParamType[Any]:
    """Give the strict form of click's own types; others stay as they are."""
    if type(kind) is click.IntRange:
        return Whole(kind.min, kind.max, kind.min_open, kind.max_open, kind.clamp)
    if type(kind) is click.FloatRange:
        return Number(kind.min, kind.max, kind.min_open, kind.max_open, kind.clamp)
    return Words() if type(kind) is click.types.StringParamType else kind


def refuse_twice(given: Sequence[click.Parameter], ctx: click.Context) -> None:
    """Raise UsageError where an option that takes one file is given twice: one of the two would be lost.

    Of the output, of weights and of other options the last value holds, so that a script, or somebody who
    repeats what restore info prints, can overrule what goes before. given: options in their order on the
    command line.
    """
    seen = set()
    for option in given:
        one_file = type(option.type) is FileName and option.name != "output"
        if not isinstance(option, click.Option) or option.multiple or not one_file:
            continue
        if option.name in seen:
            name = max(option.opts, key=len)
            raise click.UsageError(f"{name} is given twice, but takes one file; leave one of them out", ctx)
        seen.add(option.name)
