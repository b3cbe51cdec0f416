"""How large results of ``restore upscale`` are to be."""

from __future__ import annotations

from dataclasses import dataclass

import click
from click.core import ParameterSource

from restore.tasks.sizes import check_larger, check_shape, longest_of, size_of

SIZES = ("scale", "width", "height", "max_side")  # options of which one kind is given


@dataclass(frozen=True)
class Aim:
    """How large results are to be: by a factor, or by one or two of their sides."""

    scale: float | None = None
    width: int | None = None
    height: int | None = None
    max_side: int | None = None

    @classmethod
    def given(cls, context: click.Context) -> Aim:
        """What the options say; those on the command line stand for others in a configuration file."""
        named = [name for name in SIZES if context.params[name] is not None]
        typed = [n for n in named if context.get_parameter_source(n) is ParameterSource.COMMANDLINE]
        for name in set(named) - set(typed) if typed else ():
            context.params[name] = None
            context.set_parameter_source(name, ParameterSource.DEFAULT)
        chosen = typed or named
        if len(chosen) != 1 and set(chosen) != {"width", "height"}:
            got = " and ".join(f"--{name.replace('_', '-')}" for name in chosen) or "none of them"
            raise click.UsageError(
                f"pass one of --scale, --width, --height (or these two) and --max-side, got {got}"
            )
        return cls(**{name: context.params[name] for name in chosen})

    @property
    def ending(self) -> str:
        """What it adds to the names of results."""
        if self.scale is not None:
            return f"x{self.scale:g}"
        if self.max_side is not None:
            return f"max{self.max_side}"
        if self.width is None:
            return f"{self.height}h"
        return f"{self.width}w" if self.height is None else f"{self.width}x{self.height}"

    def size(self, size: tuple[int, int]) -> tuple[int, int] | None:
        """The size (h, w) of the result of a picture; None where there is a factor. Raises ValueError."""
        if self.scale is not None:
            return None
        if self.max_side is not None:
            wanted = longest_of(size, self.max_side)
        elif self.width is not None and self.height is not None:
            wanted = self.height, self.width
        else:
            wanted = size_of(size, width=self.width, height=self.height)
        check_larger(size, wanted)
        check_shape(size, wanted)
        return wanted
