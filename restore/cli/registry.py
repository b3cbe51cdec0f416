"""The commands by name.

Every command is a module of `restore.cli.commands` with the same name, and registers itself when it is
imported. Only the module of the command that is used is imported.
"""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TypeVar

import click

from restore.cli.help_pages import first_sentence

PACKAGE = "restore.cli.commands"
COMMANDS = {
    "Restore": (
        *("inpaint", "denoise", "upscale", "dejpeg", "deblur", "repair", "erase", "colorize", "solve"),
    ),
    "Make": ("sample", "vary"),
    "Learn": ("fit", "train", "convert"),
    "Many": ("plan", "status", "undo"),
    "Measure": ("eval",),
    "Look": ("serve", "info", "doctor", "demo", "config", "schedule", "schema", "completion"),
}
"""The names of the commands by the headings of their groups, in the order in which they are shown."""

_REGISTERED: dict[str, click.Command] = {}
AnyCommand = TypeVar("AnyCommand", bound=click.Command)


def register(command: AnyCommand) -> AnyCommand:
    """Add a command. Raises ValueError when there is one of that name already."""
    name = str(command.name)
    if name in _REGISTERED:
        raise ValueError(f"there is a command {name!r} already; choose another name")
    _REGISTERED[name] = command
    return command


def unregister(name: str) -> None:
    """Remove a command that `register` has added. Raises KeyError for an unknown one."""
    del _REGISTERED[name]


def command_names() -> list[str]:
    """List the names of all commands, those registered elsewhere included."""
    return sorted({*_REGISTERED, *(module.name for module in iter_modules(import_module(PACKAGE).__path__))})


def grouped_commands() -> dict[str, list[str]]:
    """List the names of all commands by the headings of their groups; others come last."""
    names = command_names()
    groups = {heading: [name for name in own if name in names] for heading, own in COMMANDS.items()}
    other = [name for name in names if not any(name in own for own in COMMANDS.values())]
    return groups | ({"Other": other} if other else {})


def find_command(name: str) -> click.Command | None:
    """Give the command of that name, or None for an unknown one."""
    if name not in _REGISTERED and name in command_names():
        import_module(f"{PACKAGE}.{name}")
    return _REGISTERED.get(name)


def summary(name: str) -> str:
    """Say in one line what a command does: its module's docstring, read without importing the module."""
    path = Path(import_module(PACKAGE).__path__[0], f"{name}.py")
    if not path.is_file():
        return first_sentence(_REGISTERED[name])
    # CPython 3.11 cannot parse in two threads at once ("recursion depth mismatch"), as a server would.
    docstring = getattr(sys.modules.get(f"{PACKAGE}.{name}"), "__doc__", None)
    if docstring is None:
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    line = docstring.splitlines()[0].partition("``: ")[2]
    return line[:1].upper() + line[1:]
