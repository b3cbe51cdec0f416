"""How large the result of a job would be, so that one that is too large is refused before it is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from restore.cli.aims import SIZES, Aim
from restore.cli.command import check_result_size
from restore.cli.serve.refusals import Refusal
from restore.errors import ImageError
from restore.tasks import catalogue

SIZED = ("down", "area")
"""Degradations that a picture has more pixels before than after."""


def check_enlarged(
    name: str, size: tuple[int, int], task: str, options: Mapping[str, Any], most: int
) -> None:
    """Refuse a job whose result would have more than so many pixels.

    name, size: of the picture, ``(h, w)``. options: checked already, each by itself. Raises Refusal with the
    words of the command line.
    """
    option, factor = _names(task, options)
    if option is None:
        return
    try:
        check_result_size(name, _size_of(task, size, options), factor, most)
    except ImageError as error:
        raise Refusal(str(error), 422, option) from error
    except ValueError as error:
        raise Refusal(f"{name}: {error}", 422, option) from error


def _names(task: str, options: Mapping[str, Any]) -> tuple[str | None, str]:
    """The option that says how large a result is, and what messages call it; None where none does."""
    if task == "solve":
        return "operator", "the factor"
    if task != "upscale":
        return None, ""
    option = next((each for each in SIZES if options.get(each) is not None), None)
    return option, "--scale" if option == "scale" else "the size"


def _size_of(task: str, size: tuple[int, int], options: Mapping[str, Any]) -> tuple[int, int]:
    """The size of the result. Raises ValueError for one that cannot be."""
    if task == "solve":
        from restore.inverse.spec import parse_spec, size_before

        words = options.get("operator")
        words = words if isinstance(words, list) else [words]
        # Kernels and the degradations of other packages are left to the command.
        sized = [str(each) for each in words if str(each).partition("=")[0] in SIZED]
        return size_before([parse_spec(each) for each in sized], size)
    if options.get("scale") is not None:
        return catalogue.enlargements(size, float(options["scale"]))[-1]
    given = {each: int(options[each]) for each in SIZES if options.get(each) is not None}
    return Aim(**given).size(size) or size
