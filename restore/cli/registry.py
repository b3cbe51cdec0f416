"""The commands by name. A command registers itself where it is written: a file in `restore.cli.commands`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TypeVar

import click

COMMANDS: dict[str, click.Command] = {}
AnyCommand = TypeVar("AnyCommand", bound=click.Command)


def register(command: AnyCommand) -> AnyCommand:
    """Make a command known by its name. Raises ValueError where there is one of that name already."""
    name = str(command.name)
    if name in COMMANDS:
        raise ValueError(f"there is a command {name!r} already; choose another name")
    COMMANDS[name] = command
    return command


def commands() -> dict[str, click.Command]:
    """All commands by name: those in `restore.cli.commands`, and those registered elsewhere."""
    package = import_module("restore.cli.commands")
    for module in iter_modules(package.__path__, f"{package.__name__}."):
        import_module(module.name)
    return COMMANDS
