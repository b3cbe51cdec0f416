"""The tasks of a page and their options, as JSON that is made of the commands themselves."""

from __future__ import annotations

from typing import Any

import click

from restore.cli.config_file import key_of
from restore.cli.help_pages import arranged, parts
from restore.cli.kernel_files import KernelWord, OperatorWord
from restore.cli.parameters import FileList, OneOf
from restore.cli.registry import find_command, summary
from restore.cli.result_options import Depth
from restore.cli.serve.left_out import MADE, UPLOADS, why_not
from restore.cli.strict import MOST
from restore.tasks import catalogue

TASKS = (
    *("inpaint", "denoise", "upscale", "dejpeg", "repair", "erase", "colorize", "deblur", "solve", "vary"),
)
"""The commands that restore one picture, in the order in which they are shown."""

NEEDS = {"inpaint": "mask", "erase": "place"}
"""What tasks need of the picture beside its options."""

METHODS_OF = {"erase": "inpaint", "repair": "inpaint", "deblur": "solve", "colorize": "solve"}
"""The tasks of `restore.tasks.catalogue` whose methods other commands have."""


def tasks() -> list[dict[str, Any]]:
    """List the tasks, as the page shows them."""
    return [_task(name) for name in TASKS]


def command_of(task: object) -> click.Command | None:
    """Give the command of a task; None for another name."""
    return find_command(task) if isinstance(task, str) and task in TASKS else None


def offered(task: str) -> dict[str, click.Option]:
    """Give the options that a page offers for a task, by their keys."""
    return {key_of(each): each for own in _groups(task).values() for each in own}


def names_file(option: click.Option) -> bool:
    """Whether the value of an option can be the name of a file."""
    return isinstance(option.type, click.Path | click.File | FileList | KernelWord | OperatorWord)


def takes_words(option: click.Option) -> bool:
    """Whether an option for a file also takes words."""
    return isinstance(option.type, KernelWord | OperatorWord)


def _groups(task: str) -> dict[str, list[click.Option]]:
    command = find_command(task)
    if command is None:
        raise KeyError(task)
    found = arranged(command.params)
    groups = {heading: [each for each in own if _is_offered(task, each)] for heading, own in found.items()}
    return {heading: own for heading, own in groups.items() if own}


def _is_offered(task: str, option: click.Option) -> bool:
    key = key_of(option)
    placed = not names_file(option) or key in UPLOADS or key in MADE
    return placed and not option.hidden and why_not(task, key) is None


def _task(name: str) -> dict[str, Any]:
    command = find_command(name)
    text, examples = parts("" if command is None else command.help or "")
    groups = [
        {"heading": heading, "options": [_option(name, each) for each in own]}
        for heading, own in _groups(name).items()
    ]
    return {
        "name": name,
        "title": name.capitalize(),
        "summary": summary(name),
        "help": "\n\n".join(" ".join(each.split()) for each in text.split("\n\n")),
        "examples": examples,
        "needs": NEEDS.get(name),
        "groups": groups,
    }


def _option(task: str, option: click.Option) -> dict[str, Any]:
    key, kind = key_of(option), option.type
    low, most, above = _bounds(kind)
    return {
        "name": key,
        "flag": max(option.opts, key=len),
        "no_flag": option.secondary_opts[0] if option.secondary_opts else None,
        "type": _type(option),
        "default": False if key in MADE else default_of(option),
        "minimum": low,
        "maximum": most,
        "exclusive_minimum": above,
        "choices": _choices(task, option),
        "multiple": option.multiple,
        "help": " ".join((option.help or "").split()),
        "metavar": None if key in MADE else option.metavar,
        "accepts": UPLOADS.get(key) if names_file(option) else None,
    }


def _bounds(kind: click.ParamType[Any]) -> tuple[float | None, float | None, bool]:
    """Give the range of a number, and whether it must be above the least."""
    if isinstance(kind, Depth) or not isinstance(kind, click.IntRange | click.FloatRange):
        return None, None, False
    most = MOST if kind.max is None and isinstance(kind, click.IntRange) else kind.max
    return kind.min, most, kind.min_open


def default_of(option: click.Option) -> Any:
    """Give the value that an option has when it is not given, as JSON; None where that depends."""
    value = option.to_info_dict().get("default")
    return value if isinstance(value, bool | int | float | str) else None


def _type(option: click.Option) -> str:
    if option.is_flag or key_of(option) in MADE:
        return "boolean"
    if isinstance(option.type, click.Choice | OneOf | Depth) or _is_method(option):
        return "choice"
    if isinstance(option.type, click.IntRange):
        return "integer"
    if isinstance(option.type, click.FloatRange):
        return "number"
    return "file" if names_file(option) and not takes_words(option) else "text"


def _is_method(option: click.Option) -> bool:
    return key_of(option) == "method"


def _choices(task: str, option: click.Option) -> list[str] | None:
    """What can be chosen; of a text, such as the sensitivity, the words that it can be."""
    kind = option.type
    if isinstance(kind, click.Choice):
        return [str(each) for each in kind.choices]
    if isinstance(kind, OneOf):
        return list(kind.names())
    if isinstance(kind, Depth):
        return ["8", "16"]
    if _is_method(option):
        return catalogue.names(METHODS_OF.get(task, task))
    named: tuple[str, ...] = getattr(kind, "named", ())
    return list(named) or None
