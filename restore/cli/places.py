"""Boxes and points in a picture, in pixels or in per cent, and the holes that they make."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore.cli.command import Source
from restore.errors import MaskError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from restore.tasks.objects import View

NUMBER = re.compile(r"(\d{1,6}(?:\.\d{1,4})?)(%?)")


@dataclass(frozen=True)
class Place:
    """Numbers along x and y by turns, as on the command line; those in per cent are of the picture's side."""

    text: str
    numbers: tuple[float, ...]
    shares: tuple[bool, ...]

    def __str__(self) -> str:
        return self.text

    def pixels(self, size: tuple[int, int]) -> tuple[int, ...]:
        """In whole pixels of a picture of this size (h, w): x, y, or x, y, w, h."""
        h, w = size
        exact = [
            number * side / 100 if share else number
            for number, share, side in zip(self.numbers, self.shares, (w, h, w, h), strict=False)
        ]
        if len(exact) == 2:
            # 100 % is the last pixel; more is outside.
            return tuple(
                side - 1 if share and e <= side < e + 0.5 else round(e)
                for e, side, share in zip(exact, (w, h), self.shares, strict=True)
            )
        left, top, right, bottom = (round(e) for e in (*exact[:2], exact[0] + exact[2], exact[1] + exact[3]))
        return left, top, right - left, bottom - top


class PlaceType(click.types.StringParamType):
    """Numbers with commas between, in whole pixels or per cent. form: as X,Y."""

    name = "place"

    def __init__(self, form: str, example: str):
        self.form, self.example = form, example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, Place):
            return value
        words = [word.strip() for word in str(value).split(",")]
        found = [
            match for word in words if (match := NUMBER.fullmatch(word)) and (match[2] or word.isdigit())
        ]
        if len(found) != len(words) or len(words) != len(self.form.split(",")):
            self.fail(
                f"{value!r} is not {self.form} in whole pixels or per cent, such as {self.example}",
                param,
                ctx,
            )
        return Place(
            ",".join(words), tuple(float(each[1]) for each in found), tuple(each[2] == "%" for each in found)
        )


BOX = PlaceType("X,Y,W,H", "120,80,60,40")
POINT = PlaceType("X,Y", "150,100")


class Places:
    """Boxes, and small objects at points; the hole is all of them.

    radius: pixels around a point that its object stays within. grow: by which the hole is widened; None
    leaves boxes as they are and widens objects by their rims. view: of the picture, where it was searched
    before.
    """

    reads: tuple[Path, ...] = ()

    def __init__(
        self,
        boxes: Sequence[Place],
        points: Sequence[Place],
        radius: float | None,
        grow: int | None,
        view: View | None = None,
    ):
        self.boxes, self.points, self.radius, self.grow, self.view = boxes, points, radius, grow, view

    def hole(self, source: Source) -> tuple[NDArray[np.bool_], list[str]]:
        """Give the checked hole (h, w), and what was found at points. Raises MaskError."""
        import numpy as np

        from restore.tasks.erase import box_hole, too_large, with_rim
        from restore.tasks.holes import widened

        (h, w), notes = source.picture.size, []
        hole = np.zeros((h, w), np.bool_)
        for box in self.boxes:
            try:
                hole |= box_hole(box.pixels((h, w)), (h, w))
            except ValueError as error:
                raise MaskError(f"{source.name}: --{error}") from error
        for point in self.points:
            found = self._object(point, source)
            hole |= found if self.grow is not None else with_rim(found)
            rows, columns = found.nonzero()
            size = f"{np.ptp(columns) + 1}x{np.ptp(rows) + 1}"
            notes.append(
                f"{source.name}: --at {point}: an object of {size} pixels (w x h) "
                f"at {columns.min()},{rows.min()}; if that is not what is meant, pass --box or --radius"
            )
        hole = widened(hole, self.grow or 0)
        if problem := too_large(hole):
            raise MaskError(f"{source.name}: {problem}")
        return hole, notes

    def _object(self, point: Place, source: Source) -> NDArray[np.bool_]:
        from restore.tasks.objects import object_at

        try:
            at = point.pixels(source.picture.size)
            return object_at(source.picture.pixels, *at, radius=self.radius, view=self.view)
        except ValueError as error:
            raise MaskError(f"{source.name}: --at {error}") from error
        except MaskError as error:
            raise MaskError(f"{source.name}: --at {error}; pass --box X,Y,W,H around it") from error
