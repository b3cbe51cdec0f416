"""What a server has of pictures: it asks a process that decodes them, so that it never waits itself."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from restore.cli.serve.process import Ended, Process
from restore.cli.serve.refusals import Refusal
from restore.images import MAX_PIXELS

SECONDS = {"tile": 120.0, "thumbnail": 300.0, "region_image": 60.0, "mask": 120.0}
"""How long answers may take; all others ``LONGEST``."""
LONGEST = 600.0
MODULE = "restore.cli.serve.viewer_process"


class ViewerError(Refusal):
    """What cannot be shown, in the words of the command line where it has them."""


class Viewer:
    """Pictures for a server. folder: a private one, for tiles. pixels: of a picture at most."""

    def __init__(self, folder: Path, *, pixels: int = MAX_PIXELS):
        self._folder, self._pixels = folder / "tiles", pixels
        self._process: Process | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listener: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._known: dict[Path, dict[str, Any]] = {}  # name, size and scale of what is open

    async def start(self) -> None:
        """Start the process where it does not run; requests do so, too."""
        async with self._starting:
            if self._process is not None and self._process.runs and self._listener is not None:
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            process = Process(MODULE, self._folder)
            await process.start()
            await process.send(do="start", id=0, pixels=self._pixels)
            self._process, self._waiting = process, {}
            self._listener = asyncio.create_task(_listen(process, self._waiting))

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            await process.stop()
        if self._listener is not None:
            await self._listener

    async def open(self, path: Path, *, name: str, like: Path | None = None) -> dict[str, Any]:
        """Read a picture, and give what the page knows of it.

        like: the picture that it is the result of, which it is shown as bright as.
        """
        scale = self._known.get(like, {}).get("scale") if like is not None else None
        self._known[path] = {"name": name, "like": scale}
        try:
            facts: dict[str, Any] = (await self._ask("open", **self._about(path)))["facts"]
        except Refusal:
            self._known.pop(path, None)
            raise
        shown = facts.pop("scale")
        self._known[path] |= {"scale": shown, "size": (facts["height"], facts["width"])}
        self._known[path]["like"] = shown  # it looks the same when it is read again
        return facts

    async def forget(self, path: Path) -> None:
        """Drop what is kept of a picture."""
        if self._known.pop(path, None) is not None and self._process is not None:
            with suppress(Ended):
                await self._process.send(do="forget", id=0, path=_at(path))

    async def tile(self, path: Path, level: int, column: int, row: int) -> tuple[bytes, str]:
        """Give a tile as a file, and its type."""
        return _file(await self._ask("tile", **self._about(path), level=level, column=column, row=row))

    async def thumbnail(self, path: Path) -> tuple[bytes, str]:
        """Give a small view as a file, and its type."""
        return _file(await self._ask("thumbnail", **self._about(path)))

    async def mask(
        self,
        path: Path,
        strokes: Sequence[Mapping[str, Any]],
        regions: Mapping[str, Path],
        out: Path,
        box: Mapping[str, int] | None = None,
    ) -> dict[str, Any]:
        """Write the mask that strokes make, a PNG of the picture's size; give the region that it is.

        box: the part of the mask that is written; None for all of it.
        """
        h, w = await self._size(path)
        about = {
            "regions": {id: _at(file) for id, file in regions.items()},
            "mask": f"{Path(self._about(path)['name']).stem}-mask.png",
            "box": None if box is None else await self._box(path, box),
            **{"width": w, "height": h, "out": _at(out)},
        }
        region: dict[str, Any] = (await self._ask("mask", strokes=strokes, **about))["region"]
        return region

    async def crop(self, path: Path, box: Mapping[str, int], out: Path) -> dict[str, int]:
        """Write a part of a picture in kind, and give its box.

        A JPEG is written with the tables and whole blocks of its own where ``out`` is named so.
        """
        asked = await self._box(path, box)
        found: dict[str, int] = (await self._ask("crop", **self._about(path), box=asked, out=_at(out)))["box"]
        return found

    async def select(self, path: Path, x: float, y: float, radius: float | None, out: Path) -> dict[str, Any]:
        """Write a mask of what a point lies in, as ``restore erase --at`` finds it; give the region."""
        asked = {"x": x, "y": y, "radius": radius, "out": _at(out)}
        region: dict[str, Any] = (await self._ask("select", **self._about(path), **asked))["region"]
        return region

    async def region(
        self,
        mask_file: Path,
        path: Path,
        out: Path,
        *,
        invert: bool = False,
        fit: bool = False,
        name: str = "",
    ) -> dict[str, Any]:
        """Read a mask as ``restore inpaint --mask`` does, and write it at the picture's size.

        Gives the region, with notes on the file. name: what messages call the mask; empty for that of its
        file.
        """
        asked = {"file": _at(mask_file), "mask": name or mask_file.name, "out": _at(out)}
        answer = await self._ask("region", **self._about(path), **asked, invert=invert, fit=fit)
        return {**answer["region"], "notes": answer["notes"]}

    async def region_image(self, region_file: Path, level: int) -> bytes:
        """Give a PNG of the box of a region."""
        return _file(await self._ask("region_image", path=_at(region_file), level=level))[0]

    def _about(self, path: Path) -> dict[str, Any]:
        known = self._known.get(path, {})
        return {"path": _at(path), "name": known.get("name", path.name), "like": known.get("like")}

    async def _box(self, path: Path, box: Mapping[str, int]) -> list[int]:
        """Give the numbers of a box. Raises ViewerError for one that is not in the picture."""
        h, w = await self._size(path)
        x, y, width, height = (int(box[name]) for name in ("x", "y", "width", "height"))
        if not (0 <= x < x + width <= w and 0 <= y < y + height <= h):
            told = f"box {x},{y},{width},{height}: it is not within the picture, which is {w}x{h} (w x h)"
            raise ViewerError(told, 422, "box")
        return [x, y, width, height]

    async def _size(self, path: Path) -> tuple[int, int]:
        if "size" not in self._known.get(path, {}):
            await self.open(path, name=self._about(path)["name"])
        size: tuple[int, int] = self._known[path]["size"]
        return size

    async def _ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Ask the process and wait for its answer. Raises ViewerError."""
        number, waiting = next(self._numbers), self._waiting
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        process: Process | None = None
        try:
            await self.start()
            process = self._process
            if process is None:
                raise Ended(None)
            waiting = self._waiting
            waiting[number] = answer
            await process.send(do=do, id=number, **request)
            found = await asyncio.wait_for(answer, SECONDS.get(do, LONGEST))
        except Ended as error:
            raise ViewerError(_ended(error), 503) from error
        except TimeoutError:
            await self._cancel(number)
            if do not in SECONDS and process is not None:  # nothing else would be read meanwhile
                await process.stop()
            raise ViewerError("this takes too long; try a smaller picture", 503) from None
        except asyncio.CancelledError:
            await self._cancel(number)
            raise
        finally:
            waiting.pop(number, None)
        if "refused" in found:
            raise ViewerError(found["refused"], found["status"], found.get("option"))
        return found

    async def _cancel(self, number: int) -> None:
        if self._process is not None:
            with suppress(Ended):
                await self._process.send(do="cancel", id=number)


async def _listen(process: Process, waiting: Mapping[int, asyncio.Future[dict[str, Any]]]) -> None:
    """Hand answers to those who wait for them, until the process ends."""
    try:
        while True:
            answer = await process.receive()
            asked = waiting.get(answer["id"])
            if asked is not None and not asked.done():
                asked.set_result(answer)
    except Ended as error:
        for asked in waiting.values():
            if not asked.done():
                asked.set_exception(error)


def _at(path: Path) -> str:
    """A path as the process has it, which works in another folder."""
    return str(path.absolute())


def _ended(error: Ended) -> str:
    cause = ", probably for lack of memory" if error.code == -9 else ""
    return f"the process that shows pictures has ended{cause}; it is started again, try once more"


def _file(answer: Mapping[str, Any]) -> tuple[bytes, str]:
    return base64.b64decode(answer["data"]), answer["type"]
