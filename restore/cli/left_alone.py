"""Pictures in which there is nothing to do: whether the result can be the very file."""

from __future__ import annotations

from restore import images
from restore.cli.command import Source
from restore.cli.options import Settings
from restore.cli.provenance import history_of


def is_the_file(source: Source, picture: images.Picture, settings: Settings) -> bool:
    """Whether the file of a picture that is left as it is can be copied, byte for byte.

    It cannot where the result has another format, where the picture is turned upright or is one of several
    in its file, where the file is damaged, and where it holds a record that is not wanted. picture: as it was
    read.
    """
    return source.format == picture.format and picture.pages == 1 and can_be_copied(picture, settings)


def can_be_copied(picture: images.Picture, settings: Settings) -> bool:
    """Whether what is stored of a picture can be kept: it is upright, whole, and says no more."""
    unwanted = not settings.provenance and bool(history_of(picture).records)
    return picture.turned == 1 and not picture.damage and not unwanted
