"""What the files of results hold: their format, depth and quality."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from restore import images
from restore.cli.jobs import Job
from restore.cli.options import Settings
from restore.errors import OutputError
from restore.images.extras import lacking
from restore.images.formats import FORMAT_OF_SUFFIX, FORMATS, PDF_SUFFIX
from restore.images.picture import at_depth
from restore.images.stored_depth import stored_bits

DTYPES = {8: "uint8", 16: "uint16"}


def check_files(settings: Settings, jobs: Iterable[Job]) -> None:
    """Refuse results whose formats have no such depth or quality, before anything is computed.

    A quality is for those of the results that have one. What is configured is passed over where a format
    does not have it.
    """
    named = [job for job in jobs if job.target is not None]
    kinds = [FORMAT_OF_SUFFIX.get(job.target.suffix.lower()) for job in named if job.target is not None]
    lossy = (kind is not None and FORMATS[kind].lossy for kind in kinds)
    quality = not any(lossy) and not any(Path(job.output).suffix.lower() == PDF_SUFFIX for job in named)
    for job, kind in zip(named, kinds, strict=True):
        if kind is not None and (problem := _problem(kind, settings, quality=quality)):
            raise click.UsageError(f"{job.target}: {problem}")


def kind_of(job: Job, picture: images.Picture, settings: Settings) -> str:
    """Give the format of a result. Raises OutputError for one without such a depth or quality."""
    if job.target is not None:
        try:
            kind = images.kind_of(job.target)  # checked by its name
        except OutputError as error:
            more = "" if job.target.suffix else ", or end -o in / for a folder"
            raise OutputError(f"{error}{more}") from error
        if problem := lacking(kind):
            raise OutputError(f"{job.output}: {problem}")
        return kind
    kind = picture.format if settings.format is None else FORMAT_OF_SUFFIX[f".{settings.format}"]
    if problem := lacking(kind) or _problem(kind, settings):
        raise OutputError(f"{job.output}: {problem}")
    return kind


def fitted(settings: Settings, kind: str) -> Settings:
    """The settings without a depth and a quality that results of a format do not have."""
    unset: dict[str, Any] = dict.fromkeys(without_effect(kind, settings))
    return replace(settings, **unset)


def without_effect(kind: str, settings: Settings) -> tuple[str, ...]:
    """The names of options that do nothing for results of a format."""
    form = FORMATS[kind]
    depth = settings.depth is not None and DTYPES[settings.depth] not in form.depths
    quality = settings.output_quality is not None and not form.lossy
    return ("depth",) * depth + ("output_quality",) * quality


def idle_in(job: Job, settings: Settings) -> tuple[str, ...]:
    """The same for the file of a result, by its name."""
    kind = None if job.target is None else FORMAT_OF_SUFFIX.get(job.target.suffix.lower())
    return () if kind is None else without_effect(kind, settings)


def _problem(kind: str, settings: Settings, *, quality: bool = True) -> str:
    """Why a format cannot be written as it is typed; empty where it can. quality: whether that counts."""
    form, context = FORMATS[kind], click.get_current_context()
    refused = [
        name
        for name in without_effect(kind, settings)
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if "depth" in refused and settings.depth is not None:
        able = _listed(each.name for each in FORMATS.values() if each.holds(settings.depth))
        return (
            f"--depth {settings.depth}: {form.name} holds 8 bits a channel, {able} hold {settings.depth}; "
            "pass --format png"
        )
    if "output_quality" in refused and quality:
        able = _listed(each.name for each in FORMATS.values() if each.lossy)
        return (
            f"{_quality_option()} {settings.output_quality} is for {able}, {form.name} keeps every number; "
            "leave it out, or pass --format jpg"
        )
    return ""


def _listed(names: Iterable[str]) -> str:
    """Names as a text has them."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _quality_option() -> str:
    """What the option is called here."""
    options = click.get_current_context().command.params
    return next(option.opts[0] for option in options if option.name == "output_quality")


def raised(picture: images.Picture, settings: Settings) -> images.Picture:
    """The picture at the depth asked for, where that is more than its own, so that nothing is rounded."""
    more = settings.depth is not None and settings.depth > picture.bits
    return _at(picture, settings.depth) if more and settings.depth else picture


def lowered(picture: images.Picture, settings: Settings) -> images.Picture:
    """The result at the depth asked for, where that is less than its own."""
    less = settings.depth is not None and settings.depth < picture.bits
    return _at(picture, settings.depth) if less and settings.depth else picture


def losses(picture: images.Picture, job: Job, settings: Settings) -> list[str]:
    """Say what the file of a result cannot hold of its picture, a line each."""
    less = lowered(picture, settings)
    notes = [] if job.target is None else images.lossy_notes(job.target, less)
    if less is not picture:
        clipped = ", clipped to [0, 1]" if picture.bits == 32 else ""
        notes.insert(0, f"--depth {less.bits}: {picture.bits} bits a channel are rounded{clipped}")
    return notes


def has_depth(data: bytes, settings: Settings) -> bool:
    """Whether a picture's file holds the depth that is asked for."""
    stored = stored_bits(data)
    return settings.depth in (None, stored) or (settings.depth == 16 and stored in (10, 12))


def _at(picture: images.Picture, bits: int) -> images.Picture:
    name = DTYPES[bits]
    planes: dict[str, Any] = {
        field: at_depth(values, name)
        for field in ("pixels", "alpha", "extra")
        if (values := getattr(picture, field)) is not None
    }
    return replace(picture, **planes)
