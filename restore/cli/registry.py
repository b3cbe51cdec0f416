"""The commands by name. A command registers itself where it is written: a file in `restore.cli.commands`.

The file is called as the command. Only the module of the command that is asked for is imported.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TypeVar

import click

PACKAGE = "restore.cli.commands"
_REGISTERED: dict[str, click.Command] = {}
AnyCommand = TypeVar("AnyCommand", bound=click.Command)


def register(command: AnyCommand) -> AnyCommand:
    """Make a command known by its name. Raises ValueError where there is one of that name already."""
    name = str(command.name)
    if name in _REGISTERED:
        raise ValueError(f"there is a command {name!r} already; choose another name")
    _REGISTERED[name] = command
    return command


def unregister(name: str) -> None:
    """Forget a command that `register` has added; KeyError for an unknown one."""
    del _REGISTERED[name]


def command_names() -> list[str]:
    """The names of all commands: those in `restore.cli.commands`, and those registered elsewhere."""
    return sorted({*_REGISTERED, *(module.name for module in iter_modules(import_module(PACKAGE).__path__))})


def find_command(name: str) -> click.Command | None:
    """The command of that name; None for an unknown one."""
    if name not in _REGISTERED and name in command_names():
        import_module(f"{PACKAGE}.{name}")
    return _REGISTERED.get(name)
