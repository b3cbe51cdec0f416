"""Samplers, operators, methods and solvers that other installed packages offer by entry points.

An entry point is a line ``name = module:object`` in the metadata of a package. They are looked up where a
name is none of this package's own, and where names are listed. Listing reads metadata alone; the module of
an entry point is imported when its name is asked for. Importing this module does not import torch.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from traceback import walk_tb
from typing import Any, Literal

from restore.errors import PluginError, RestoreError

Group = Literal["samplers", "operators", "methods", "solvers"]
GROUPS: tuple[Group, ...] = ("samplers", "operators", "methods", "solvers")
PREFIX = "restore."
"""Before the name of each group of entry points: ``restore.samplers``."""
_OWN = str(Path(__file__).parent)


@dataclass(frozen=True)
class Plugin:
    """An entry point of an installed package.

    Parameters
    ----------
    group : samplers, operators, methods or solvers.
    name : what users call it; of a method ``TASK.NAME``.
    value : where it is, ``module:object``.
    package, version : of what is installed.
    rivals : other packages that offer the same name.

    Examples
    --------
    >>> Plugin("samplers", "mine", "my_package:sampler", "my-package", "1.2").told
    "sampler 'mine' of my-package 1.2"
    """

    group: Group
    name: str
    value: str
    package: str
    version: str
    rivals: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The package and its version."""
        return f"{self.package} {self.version}".strip()

    @property
    def told(self) -> str:
        """What it is and where it comes from, in words."""
        return f"{self.group.removesuffix('s')} {self.name!r} of {self.source}"

    def load(self) -> Any:
        """Import the module and give the object.

        Raises
        ------
        PluginError
            For whatever goes wrong in that, and for a name that several packages offer.
        """
        found, error = _loaded(self)
        if error:
            raise PluginError(error)
        return found

    def wrong(self, expected: str, found: object) -> PluginError:
        """Give the error for an object that is not what its group holds."""
        return PluginError(
            f"{self.told}: expected {expected}, got {type(found).__name__} ({self.value}); mend or uninstall "
            f"{self.package}"
        )


@cache
def _loaded(plugin: Plugin) -> tuple[Any, str]:
    """The object of a plugin, or what is wrong with it; tried once."""
    if plugin.rivals:
        offered = f"{plugin.told.replace(' of ', ' is offered by ', 1)} and {', '.join(plugin.rivals)}"
        return None, f"{offered}; uninstall all but one of them"
    module, _, attributes = plugin.value.partition(":")
    try:
        found: Any = import_module(module.strip())
        for attribute in filter(None, attributes.partition("[")[0].strip().split(".")):
            found = getattr(found, attribute)
    except (Exception, SystemExit) as error:  # whatever a broken package raises
        told = in_one_line(error)
        return None, f"{plugin.told} cannot be loaded ({told}); mend or uninstall {plugin.package}"
    return found, ""


def in_one_line(error: BaseException) -> str:
    """Say what was raised, in one line that is not long.

    Examples
    --------
    >>> in_one_line(KeyError("a"))
    "KeyError: 'a'"
    """
    text = " ".join(str(error).split())
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return "".join(each if each.isprintable() else "?" for each in text[:200])


def found(group: Group) -> dict[str, Plugin]:
    """Give what installed packages offer in a group, by name, without importing any of it.

    Examples
    --------
    >>> isinstance(found("samplers"), dict)
    True
    """
    return _found(tuple(sys.path)).get(group, {})


def names(group: Group, taken: Collection[str] = ()) -> list[str]:
    """List the names that installed packages offer in a group, but for those that are taken."""
    return [name for name in found(group) if name not in taken]


def find(group: Group, name: str, taken: Collection[str] = ()) -> Plugin | None:
    """Find what an installed package offers under a name; None where there is no such name, or it is taken.

    Of names that are taken, which an installed package cannot override, the log tells once.
    """
    offered = found(group)
    for plugin in offered.values():
        if plugin.name in taken:
            _tell_taken(plugin)
    return None if name in taken else offered.get(name)


@cache
def _tell_taken(plugin: Plugin) -> None:
    logging.getLogger("restore").warning(taken_text(plugin))


def taken_text(plugin: Plugin) -> str:
    """Say that a package offers a name of this package's own."""
    return f"{plugin.told} is not used: there is one of that name already; {plugin.package} has to rename it"


@cache
def _found(path: tuple[str, ...]) -> dict[Group, dict[str, Plugin]]:
    """Read the metadata of all that is installed on a path; once for each."""
    from importlib import metadata  # takes time that most commands do not need

    every: dict[Group, dict[str, Plugin]] = {}
    points = metadata.entry_points()
    for group in GROUPS:
        offered: dict[str, Plugin] = {}
        for point in points.select(group=PREFIX + group):
            dist = point.dist
            package = "an unknown package" if dist is None else str(dist.name)
            version = "" if dist is None else str(dist.version)
            other = offered.get(point.name)
            plugin = Plugin(group, point.name, point.value, package, version)
            if other is not None:
                plugin = Plugin(group, other.name, other.value, other.package, other.version,
                                (*other.rivals, plugin.source))  # fmt: skip
            offered[point.name] = plugin
        every[group] = dict(sorted(offered.items()))
    return every


def call(function: Callable[..., Any], plugin: Plugin | None, *arguments: Any, **options: Any) -> Any:
    """Call a function; an error in a plugin's own code is told in one line that names its package.

    What this package raises, or a caller's progress does, when the plugin calls it, passes unchanged. So does
    everything where there is no plugin: a function of the caller's own is the caller's to mend.

    Examples
    --------
    >>> mine = Plugin("samplers", "mine", "my_package:sampler", "my-package", "1.2")
    >>> try:
    ...     call({}.pop, mine, "key")
    ... except PluginError as error:
    ...     print(str(error).partition(";")[0])
    sampler 'mine' of my-package 1.2 failed (KeyError: 'key')
    """
    try:
        return function(*arguments, **options)
    except (RestoreError, MemoryError):
        raise
    except Exception as error:
        _, *frames = walk_tb(error.__traceback__)
        called_back = any(frame.f_code.co_filename.startswith(_OWN) for frame, _ in frames)
        if plugin is None or called_back:
            raise
        raise PluginError(
            f"{plugin.told} failed ({in_one_line(error)}); report that to its authors, or choose another"
        ) from error


def name_of(function: object) -> str:
    """Name a function that is no plugin; with a colon, which no plugin or method of this package has.

    Examples
    --------
    >>> name_of(len)
    'builtins:len'
    """
    own = getattr(function, "func", function)  # of a partial
    own = own if hasattr(own, "__qualname__") else type(own)
    return f"{own.__module__}:{own.__qualname__}"


def told_of(kind: str, function: object, plugin: Plugin | None) -> str:
    """What a function is and where it comes from, in words."""
    return f"{kind} {name_of(function)!r}" if plugin is None else plugin.told
