"""The files of the page, which are built from ``web/``: read once, and given compressed where that helps."""

from __future__ import annotations

import gzip
import mimetypes
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from restore.cli.serve.answers import FOREVER

PAGE = Path(__file__).with_name("page")
START = "index.html"
SMALL = 1000  # bytes that are not compressed
MISSING = (
    "The page is not built: run npm install and npm run build in web/, or install restore-diffusion again."
)


class PageFiles:
    """Gives the files in a folder, and nothing else."""

    def __init__(self, folder: Path = PAGE):
        self._files: dict[str, tuple[str, bytes, bytes | None]] = {}
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_file():
                kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
                data = path.read_bytes()
                small = (
                    gzip.compress(data, mtime=0)
                    if len(data) > SMALL and not kind.startswith("image/")
                    else None
                )
                self._files[path.relative_to(folder).as_posix()] = kind, data, small

    def routes(self) -> list[Route]:
        """Give a route for every file, and for the page itself."""
        names = ["/", *(f"/{name}" for name in self._files if name != START)]
        return [Route(name, self._give, methods=["GET"]) for name in names]

    async def _give(self, request: Request) -> Response:
        name = request.url.path.lstrip("/") or START
        if name not in self._files:
            return Response(MISSING, 500, media_type="text/plain")
        kind, data, small = self._files[name]
        headers = {"Cache-Control": "no-cache" if name == START else FOREVER, "Vary": "Accept-Encoding"}
        if small is not None and "gzip" in request.headers.get("accept-encoding", ""):
            data, headers["Content-Encoding"] = small, "gzip"
        return Response(data, headers=headers, media_type=kind)
