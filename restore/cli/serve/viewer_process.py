"""The process that shows pictures for a server: it decodes them, makes tiles, and draws masks.

Requests come as JSON, one a line, on standard input, answers go the same way to standard output. One thread
reads pictures, others make what is small: tiles in view first, thumbnails last.
"""

from __future__ import annotations

import base64
import heapq
import itertools
import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from restore import images
from restore.cli.hole_masks import Reading
from restore.cli.jobs import disk_is_full
from restore.cli.serve import regions, strokes
from restore.cli.serve.crops import write_crop
from restore.cli.serve.picture_cache import Asked, PictureCache
from restore.cli.serve.refusals import TOO_FULL
from restore.cli.serve.tiles import Scale
from restore.errors import ImageError, MaskError, RestoreError
from restore.images.formats import refuse_larger
from restore.images.writer import told_disk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Request = dict[str, Any]
Answer = dict[str, Any]

ORDER = {"tile": 0, "show": 1, "region_image": 1, "mask": 1, "select": 1, "region": 1, "crop": 1, "open": 2}
"""What comes first; all else comes after."""
NOWHERE: Answer = {"refused": "there is no such part of this picture", "status": 404}
SMALL_THREADS = 2
WARM, REST = 3.0, 120.0  # seconds without requests, after which there is time for other things


class RequestQueue:
    """Requests in the order in which they are answered. Those that are cancelled are left out."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Request]] = []
        self._numbers = itertools.count()
        self._there = threading.Condition()

    def put(self, request: Request) -> None:
        """Add a request."""
        with self._there:
            order = ORDER.get(request["do"], 9)
            heapq.heappush(self._heap, (order, next(self._numbers), request))
            self._there.notify()

    @property
    def busy(self) -> bool:
        """Whether requests wait."""
        return bool(self._heap)

    def get(self, seconds: float | None = None) -> Request | None:
        """Wait for a request; None where none comes in time."""
        with self._there:
            if not self._there.wait_for(lambda: self._heap, seconds):
                return None
            return heapq.heappop(self._heap)[2]


class Responder:
    """Answers requests. answers: where they are written. folder: for tiles."""

    def __init__(self, answers: TextIO, folder: Path):
        self._answers, self._writing = answers, threading.Lock()
        self.cache, self.regions, self.finder = PictureCache(folder), regions.Regions(), regions.Finder()
        self._large, self._small = RequestQueue(), RequestQueue()
        self._cancelled: set[int] = set()
        self._waiting: dict[Path, list[Request]] = {}  # for tiles that are being made
        self._lock = threading.Lock()  # of the two above

    def start(self) -> None:
        """Begin to answer."""
        for work in (self._read, *[self._make] * SMALL_THREADS):
            threading.Thread(target=work, daemon=True).start()

    def take(self, request: Request) -> None:
        """Take a request, which is answered later."""
        if request["do"] == "cancel":
            with self._lock:
                self._cancelled.add(request["id"])
        elif request["do"] == "forget":
            self.cache.forget(Path(request["path"]))
        elif request["do"] in ("tile", "thumbnail"):
            self._take_tile(request)
        else:
            queue = self._small if request["do"] in ("mask", "region_image") else self._large
            queue.put(request)

    def _take_tile(self, request: Request) -> None:
        """Take a request for a part of a picture, which is read first where need be."""
        path = Path(request["path"])
        with self._lock:
            if self._is_there(request):
                self._small.put(request)
            elif path in self._waiting:
                self._waiting[path].append(request)
            else:
                self._waiting[path] = [request]
                self._large.put({**request, "do": "show"})

    def _is_there(self, request: Request) -> bool:
        """Whether what a tile or a small view is made from is there."""
        path = Path(request["path"])
        if request["do"] == "thumbnail":
            return self.cache.has_thumbnail(path)
        pyramid = self.cache.pyramid(path)
        return pyramid is not None and pyramid.has(request["level"])

    def _make(self) -> None:
        """Make what is small."""
        while True:
            if (request := self._small.get()) is not None:
                self._answer_to(request)

    def _read(self) -> None:
        """Read pictures, and do what is left to be done where there are none for a while."""
        while True:
            for seconds, rest in ((WARM, self._warm), (REST, self._rest), (None, None)):
                if (request := self._large.get(seconds)) is not None:
                    self._answer_to(request)
                    break
                if rest is not None:
                    rest()

    def _rest(self) -> None:
        """Give back memory: nobody has asked for anything for a while."""
        self.cache.rest()
        self.finder.rest()

    def _warm(self) -> None:
        """Load what finds objects, which takes a second or two, before it is asked for."""
        if self.cache.used:
            import_module("restore.tasks.erase")

    def _answer_to(self, request: Request) -> None:
        with self._lock:
            left = request["id"] in self._cancelled and request["do"] != "show"
            self._cancelled.discard(request["id"])
        if left:
            return
        if request["do"] == "show":
            self._show(request, None)
        elif request["do"] == "open":
            self._open(request)
        else:
            answer = _tried(request, partial(DOES[request["do"]], self, request))
            if answer:
                self._say(id=request["id"], **answer)

    def _open(self, request: Request) -> None:
        """Read a picture, say what it is, and make its tiles, which the page asks for next."""
        read: list[images.Picture] = []

        def facts() -> Answer:
            picture, found = self.cache.read(_asked(request))
            read.append(picture)
            return {"facts": found}

        self._say(id=request["id"], **_tried(request, facts))
        if read:
            self._show(request, read[0])

    def _show(self, request: Request, picture: images.Picture | None) -> None:
        """Make the tiles of a picture, and answer all that waits for them."""
        path = Path(request["path"])
        with self._lock:
            self._waiting.setdefault(path, [])

        def build() -> Answer:
            builder = self.cache.build(_asked(request), picture)
            self.cache.thumbnail(path)
            asked_for = self._release(path)
            # Of many that are opened at once only those that are looked at get their largest tiles.
            if builder is not None and (asked_for or builder.pyramid.levels == 1 or not self._large.busy):
                self.cache.finish(path, builder)
            return NOWHERE

        self._release(path, _tried(request, build))

    def _release(self, path: Path, otherwise: Answer | None = None) -> bool:
        """Go on with requests that waited for tiles, and say whether some wait still.

        otherwise: the last word, for those for which there are none; None: more will come.
        """
        with self._lock:
            waiting = self._waiting.pop(path, [])
            there = [each for each in waiting if self._is_there(each)]
            left = [each for each in waiting if each not in there]
            if otherwise is None:
                self._waiting[path] = left
            for each in there:
                self._small.put(each)
        if otherwise is not None:
            for each in left:
                self._say(**otherwise | {"id": each["id"]})
        return bool(left)

    def tile(self, request: Request) -> Answer:
        """Give a tile; nothing where it has given way to others, and is made again first."""
        place = request["level"], request["column"], request["row"]
        pyramid = self.cache.pyramid(Path(request["path"]))
        with suppress(FileNotFoundError):
            if pyramid is not None:
                return _file(*pyramid.tile(*place)) if pyramid.holds(*place) else NOWHERE
        self._take_tile(request)
        return {}

    def thumbnail(self, request: Request) -> Answer:
        """Give a small view; nothing where its tiles are to be made first."""
        found = None
        with suppress(FileNotFoundError):
            found = self.cache.thumbnail(Path(request["path"]))
        if found is None:
            self._take_tile(request)
        return {} if found is None else _file(*found)

    def mask(self, request: Request) -> Answer:
        """Draw strokes."""
        size, files = (request["height"], request["width"]), request["regions"]
        try:
            made = strokes.checked(request["strokes"])
        except ValueError as error:
            return {"refused": str(error), "status": 400, "option": "mask"}

        def part(id: str) -> regions.Part | None:
            return self.regions.part(Path(files[id])) if id in files else None

        level = regions.drawn(made, size, part, request["mask"])
        regions.write_mask(regions.within(level, request["box"], request["mask"]), Path(request["out"]))
        return {"region": regions.part_of(level).facts()}

    def select(self, request: Request) -> Answer:
        """Find what a point lies in."""
        asked = _asked(request)
        at = request["x"], request["y"]
        hole = self.finder.select(self.cache.picture(asked), asked.name, at, request["radius"])
        return self._found(hole, Path(request["out"]))

    def region(self, request: Request) -> Answer:
        """Read a mask file."""
        asked = _asked(request)
        reading = Reading(inverted=request["invert"], fit=request["fit"])
        data = images.read_bytes(Path(request["file"]), start=images.mask_start(request["mask"]))
        picture = self.cache.picture(asked)
        hole, notes = regions.uploaded(data, request["mask"], picture, asked.name, reading)
        return {**self._found(hole, Path(request["out"])), "notes": notes}

    def _found(self, hole: NDArray[np.bool_], out: Path) -> Answer:
        return {"region": self.regions.keep(hole, out)}

    def region_image(self, request: Request) -> Answer:
        """Show a region."""
        return _file(regions.shown(self.regions.part(Path(request["path"])), request["level"]), "image/png")

    def crop(self, request: Request) -> Answer:
        """Write a part of a picture as a file of its own."""
        picture = self.cache.picture(_asked(request))
        x, y, w, h = write_crop(picture, request["box"], Path(request["out"]))
        return {"box": {"x": x, "y": y, "width": w, "height": h}}

    def _say(self, **answer: Any) -> None:
        """Write an answer."""
        line = json.dumps(answer) + "\n"
        try:
            with self._writing:
                self._answers.write(line)
                self._answers.flush()
        except (OSError, ValueError):  # the server has ended
            os._exit(1)


DOES: dict[str, Callable[[Responder, Request], Answer]] = {
    "tile": Responder.tile,
    "thumbnail": Responder.thumbnail,
    "mask": Responder.mask,
    "select": Responder.select,
    "region": Responder.region,
    "region_image": Responder.region_image,
    "crop": Responder.crop,
}


def _tried(request: Request, do: Callable[[], Answer]) -> Answer:
    """Answer a request, or say why that cannot be done."""
    try:
        return do()
    except RestoreError as error:
        told = _told(error)
        # Files of the server have names that nobody knows.
        return {"refused": TOO_FULL if told["status"] == 507 else str(error), **told}
    except MemoryError:
        said = "not enough memory for this picture; downscale or crop it first"
        return {"refused": said, "status": 503}
    except OSError as error:
        told = _told(error)
        said = told_disk(Path(request.get("name") or "file"), error)
        return {"refused": TOO_FULL if told["status"] == 507 else said, **told}
    except Exception as error:
        import traceback

        traceback.print_exc()
        return {"refused": f"a fault in this program, {type(error).__name__}: {error}", "status": 500}


def _asked(request: Request) -> Asked:
    like = request.get("like")
    return Asked(Path(request["path"]), request["name"], None if like is None else Scale(**like))


def _file(data: bytes, kind: str) -> Answer:
    return {"type": kind, "data": base64.b64encode(data).decode("ascii")}


def _told(error: Exception) -> Answer:
    """Say which answer an error is, and what is wrong."""
    if isinstance(error, MaskError):
        return {"status": 422, "option": "mask"}
    if isinstance(error, ImageError):
        return {"status": 415, "option": "picture"}
    return {"status": 507 if disk_is_full(error) else 500, "option": None}


def main() -> None:
    """Serve the process that has started this one, in its folder."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # nothing else that is printed gets among the answers
    folder = Path.cwd()
    for left in folder.iterdir():
        left.unlink(missing_ok=True)
    responder = Responder(answers, folder)
    responder.start()
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "start":
            refuse_larger(request["pixels"])
        else:
            responder.take(request)
    os._exit(0)  # threads may be in the middle of something that nobody waits for any more


if __name__ == "__main__":
    main()
