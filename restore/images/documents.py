"""Files of several pictures: pages of a TIFF or a PDF, frames of an animation; one at a time is in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from restore.images.picture import Picture

UNWANTED = "not among --pages"
"""Why a picture stays as it is that was not asked for."""


@dataclass(frozen=True)
class Part:
    """One picture within a document.

    Parameters
    ----------
    page : the page that it is on, from 1.
    label : what messages call it, behind the name of the file: "page 3", "frame 12", "page 3, image 2".
    keep : why it stays as it is: "a drawing", "a mask"; empty for a picture that is to be restored.
    number : which of the pictures of its page it is, from 1.

    Examples
    --------
    >>> Part(3, "page 3", keep=UNWANTED)
    Part(page=3, label='page 3', keep='not among --pages', number=1)
    """

    page: int
    label: str
    keep: str = ""
    number: int = 1


class _Closed(ABC):
    """A context manager that closes a file."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Document(_Closed):
    """A file of several pictures, of which one at a time is in memory.

    It is a context manager, which closes it.

    Parameters
    ----------
    name : what messages call the file.
    format : tiff, pdf, webp, gif or png.
    pages : how many pages or frames there are.
    unit : what one of them is called: "page" or "frame".
    kinds : the formats that `writer` can write; its own comes first where it is among them.
    notes : what the user should know about how the file was read.
    damage : what is wrong with the file as a whole, such as a list of pages that breaks off; empty for none.
    """

    format: str
    pages: int
    unit: str = "page"
    kinds: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    damage: str = ""

    def __init__(self, name: str):
        self.name = name

    def called(self, part: Part) -> str:
        """What messages call a picture: the file's name, and which of its pictures it is."""
        return f"{self.name}, {part.label}"

    @abstractmethod
    def parts(self, pages: Collection[int] | None = None) -> Iterator[Part]:
        """Give all pictures of the document in order, each found when it is asked for.

        Parameters
        ----------
        pages : the pages that are to be restored, from 1; None for all. Pictures of the others are given,
            too, and say why they stay in ``keep``.
        """

    @abstractmethod
    def picture(self, part: Part, *, damaged: bool = False) -> Picture:
        """Read a picture, upright, with its own metadata.

        Parameters
        ----------
        part : as `parts` gave it.
        damaged : whether what is damaged is read as far as it goes.

        Raises
        ------
        DamagedError
            Where it is damaged, as `restore.images.decode`.
        ImageError
            Where it cannot be read.
        """

    def stored(self, part: Part) -> bytes:
        """Give a picture as a file of its own, as it is stored; nothing where it is not stored as one."""
        del part
        return b""

    @abstractmethod
    def writer(self, path: Path, kind: str, *, name: str = "", quality: int | None = None) -> DocumentWriter:
        """Begin a document like this one.

        Parameters
        ----------
        path : a temporary file, which may not be there yet.
        kind : the format, one of ``kinds``.
        name : what messages call the file; empty for its path.
        quality : of what is lossy, as `restore.images.write` takes it.

        Raises
        ------
        OutputError
            For another format, and where the file cannot be written.
        """


class DocumentWriter(_Closed):
    """Writes a document picture by picture, in the order of `Document.parts`.

    It is a context manager, which closes the file; what is not finished is left incomplete then.

    Parameters
    ----------
    notes : what the format could not keep, a line for each, each once.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []

    @abstractmethod
    def add(self, part: Part, picture: Picture | None) -> None:
        """Write the next picture.

        Parameters
        ----------
        part : as `Document.parts` gave it.
        picture : what it becomes; None for as it is in the source, its stored bytes where they can be copied.

        Raises
        ------
        OutputError
            Where it cannot be written.
        """

    @abstractmethod
    def finish(self) -> None:
        """Complete the file and read it back.

        Raises
        ------
        OutputError
            Where it does not hold what was written, or the disk is full.
        """
