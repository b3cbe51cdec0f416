"""Option types: numbers, sizes, devices, lists, and names that are looked up when they are needed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore.diffusion.samplers import sampler_names
from restore.images import name_problem
from restore.images.mask_colours import rgb_of
from restore.stores.urls import is_url, local_name, not_local
from restore.tasks import catalogue

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Names = Callable[[], Sequence[str]]
Text = Callable[[], str]
Decorator = Callable[[Any], Any]
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?|nan", re.IGNORECASE)


class Number(click.FloatRange):
    """A finite number in a range, in the digits 0 to 9."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and not NUMBER.fullmatch(value.strip()):
            self.fail(f"{value!r} is not a number in the range {bounds(self)}.", param, ctx)
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):  # NaN is in every range
            self.fail(f"{value} is not a number", param, ctx)
        return number


def bounds(kind: click.IntRange | click.FloatRange) -> str:
    """The range of a number, as click's own messages show it."""
    low = "" if kind.min is None else f"{kind.min}{'<' if kind.min_open else '<='}"
    high = "" if kind.max is None else f"{'<' if kind.max_open else '<='}{kind.max}"
    if low and not high:
        return f"x{'>' if kind.min_open else '>='}{kind.min}"
    return f"{low}x{high}"


class Device(click.types.StringParamType):
    """auto, cpu, cuda, cuda:N or mps."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?|mps", value):
            self.fail(f"{value!r} is not one of auto, cpu, cuda, cuda:N, mps", param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return _beginning(["auto", "cpu", "cuda", "mps"], incomplete)


class Size(click.types.StringParamType):
    """W or WxH in pixels, taken as (h, w)."""

    name = "w[xh]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d{1,6})(?:x(\d{1,6}))?", value)
        w, h = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not (8 <= w <= 4096 and 8 <= h <= 4096):
            self.fail(f"{value!r} is no size from 8 to 4096 pixels, such as 128x192 (w x h)", param, ctx)
        return h, w


class OneOf(click.types.StringParamType):
    """One of some names, which are looked up when they are needed, so that names registered later count.

    shown: how many names `--help` lists beside the option; more are left to its text.
    """

    name = "name"

    def __init__(self, names: Names, *, shown: int | None = None):
        self.names, self.shown = names, shown

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        names = self.names()
        return "NAME" if self.shown is not None and len(names) > self.shown else f"[{'|'.join(names)}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        names = self.names()
        if value not in names:
            self.fail(f"{value!r} is not one of {', '.join(map(repr, names))}.", param, ctx)
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return _beginning(self.names(), incomplete)


def _beginning(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Those of some names that begin with what was typed."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def method_names(task: str) -> OneOf:
    """The methods of a task."""
    return OneOf(lambda: catalogue.names(task), shown=5)


SAMPLER = OneOf(sampler_names, shown=5)


class NameList(click.types.StringParamType):
    """A list of names, separated by commas. every: a word for all of them."""

    name = "list"
    listed = True  # a list in a configuration file

    def __init__(self, names: Names, *, every: str = ""):
        self.names, self.every = names, every

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        names = self.names()
        chosen = tuple(dict.fromkeys(word.strip() for word in value.split(",")))
        if self.every and chosen == (self.every,):
            return tuple(names)
        for name in chosen:
            if name not in names:
                self.fail(f"{name!r} is not one of {', '.join(names)}", param, ctx)
        return chosen

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete the last name of the list."""
        before, comma, _ = incomplete.rpartition(",")
        return _beginning((before + comma + name for name in self.names()), incomplete)


class FileName(click.Path):
    """The name of a file or folder, or ``-``. It need not be there: that is told as it is opened.

    Without this check an empty name, of a variable that is not set, would be the current folder. stores:
    whether it may be the address of an object.
    """

    def __init__(self, *, stores: bool = False, **rest: Any):
        super().__init__(readable=False, **rest)
        self.stores = stores

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            value = local_name(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if self.stores and is_url(value):
            return value
        if problem := not_local(value) or name_problem(value):
            self.fail(problem, param, ctx)
        return super().convert(value, param, ctx)


class CheckpointName(FileName):
    """The name of a checkpoint, which shells complete among folders and ``.safetensors`` files."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        folder, slash, _ = incomplete.rpartition("/")
        try:
            inside = sorted(Path(folder + slash or ".").expanduser().glob("*.safetensors"))
        except (OSError, RuntimeError):  # no such folder, or no such user
            inside = []
        # The folders first: bash forgets what stands before them.
        folders = CompletionItem(incomplete, type="dir")
        return [folders, *_beginning((folder + slash + path.name for path in inside), incomplete)]


class Pattern(click.types.StringParamType):
    """A pattern of file names, as shells have them."""

    name = "pattern"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value).strip():
            self.fail("expected a pattern, such as '*.nef', got an empty one", param, ctx)
        return str(value)


class ColourName(click.types.StringParamType):
    """The name of a colour, as of CSS, or ``#rrggbb``."""

    name = "colour"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            rgb_of(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value).strip()


class FileList(click.types.StringParamType):
    """A list of files, separated by commas."""

    name = "list"
    listed = True

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        names = tuple(word.strip() for word in str(value).split(","))
        if problem := next(filter(None, map(not_local, names)), None) or next(
            filter(None, map(name_problem, names)), None
        ):
            self.fail(problem, param, ctx)
        return names


class NumberList(click.types.StringParamType):
    """A list of numbers in a range, separated by commas."""

    name = "list"
    listed = True

    def __init__(self, low: float, high: float, *, whole: bool = False):
        self.low, self.high, self.whole = low, high, whole

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        numbers = []
        for word in str(value).split(","):
            try:
                number = int(word) if self.whole else float(word)
            except ValueError:
                kind = "whole numbers" if self.whole else "numbers"
                self.fail(f"{word.strip()!r} in {value!r}: expected {kind}, such as 15,25,50", param, ctx)
            if not self.low <= number <= self.high:
                self.fail(f"{word.strip()} is not in the range {self.low:g} to {self.high:g}", param, ctx)
            numbers.append(number)
        return tuple(dict.fromkeys(numbers))


class Switch(click.Option):
    """An option that is on or off. Its ``--no-`` form overrides a configuration file and is not listed."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        return None if record is None else (record[0].partition(" / ")[0], record[1])


def switch(*names: str, **rest: Any) -> Decorator:
    """An option that is off unless given."""
    long = names[-1].removeprefix("--")
    return click.option(*names[:-1], f"--{long}/--no-{long}", cls=Switch, default=False, **rest)


class LateHelp(click.Option):
    """An option whose help text is made when it is shown."""

    def __init__(self, *names: Any, late: Text, **rest: Any):
        self._late = late
        super().__init__(*names, **rest)

    @property
    def help(self) -> str:
        return self._late()

    @help.setter
    def help(self, text: str | None) -> None:
        """Ignore the empty text that click sets."""


def late_option(*names: str, late: Text, **rest: Any) -> Decorator:
    """An option whose help text is made by ``late`` when it is shown."""
    return click.option(*names, cls=LateHelp, late=late, **rest)


def all_of(*options: Decorator) -> Decorator:
    """Give a command these options, in this order."""

    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate
