"""What the files of results hold: their format, depth and quality."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import click

from restore import images
from restore.cli.jobs import Job
from restore.cli.options import Settings
from restore.errors import OutputError
from restore.images.formats import FORMAT_OF_SUFFIX, FORMATS
from restore.images.picture import at_depth
from restore.images.stored_depth import stored_bits

DTYPES = {8: "uint8", 16: "uint16"}


def check_files(settings: Settings, jobs: Iterable[Job]) -> None:
    """Refuse results whose formats have no such depth or quality, before anything is computed."""
    for job in jobs:
        kind = None if job.target is None else FORMAT_OF_SUFFIX.get(job.target.suffix.lower())
        if kind is not None and (problem := _problem(kind, settings)):
            raise click.UsageError(f"{job.target}: {problem}")


def kind_of(job: Job, picture: images.Picture, settings: Settings) -> str:
    """Give the format of a result. Raises OutputError for one without such a depth or quality."""
    if job.target is not None:
        return images.kind_of(job.target)  # checked by its name
    kind = picture.format if settings.format is None else FORMAT_OF_SUFFIX[f".{settings.format}"]
    if problem := _problem(kind, settings):
        raise OutputError(f"{job.output}: {problem}")
    return kind


def _problem(kind: str, settings: Settings) -> str:
    """Why a format cannot be written as it is asked for; empty where it can."""
    form = FORMATS[kind]
    if settings.depth is not None and DTYPES[settings.depth] not in form.depths:
        able = " and ".join(each.name for each in FORMATS.values() if DTYPES[settings.depth] in each.depths)
        return (
            f"--depth {settings.depth}: {form.name} holds 8 bits a channel, {able} hold {settings.depth}; "
            "pass --format png"
        )
    if settings.output_quality is not None and not form.lossy:
        able = " and ".join(each.name for each in FORMATS.values() if each.lossy)
        return (
            f"{_quality_option()} {settings.output_quality} is for {able}, {form.name} keeps every number; "
            "leave it out, or pass --format jpg"
        )
    return ""


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
    return settings.depth is None or stored_bits(data) == settings.depth


def _at(picture: images.Picture, bits: int) -> images.Picture:
    name = DTYPES[bits]
    planes: dict[str, Any] = {
        field: at_depth(values, name)
        for field in ("pixels", "alpha", "extra")
        if (values := getattr(picture, field)) is not None
    }
    return replace(picture, **planes)
