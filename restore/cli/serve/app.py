"""The application: the page, its API, and what stands before them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from restore.cli.jobs import disk_is_full
from restore.cli.serve import routes_jobs, routes_pictures
from restore.cli.serve.answers import refused
from restore.cli.serve.config import Serving
from restore.cli.serve.page_files import PageFiles
from restore.cli.serve.refusals import TOO_FULL, Refusal
from restore.cli.serve.safety import Safety
from restore.cli.serve.service import Service

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def create_app(serving: Serving, service: Service | None = None) -> ASGIApp:
    """Make the application of a server. service: a test may give its own."""
    serves = service or Service(serving)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await serves.start()
        # The page asks for them first, and importing all commands takes a second.
        ready = asyncio.create_task(run_in_threadpool(routes_jobs.tasks))
        try:
            yield
        finally:
            ready.cancel()
            await serves.stop()

    app = Starlette(
        routes=[*routes_pictures.ROUTES, *routes_jobs.ROUTES, *PageFiles().routes()],
        exception_handlers={Refusal: refused, HTTPException: _http, OSError: _disk, Exception: _fault},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.service = serves
    return Safety(app, serving)


async def _http(_: Request, error: Exception) -> Response:
    """Answer what has no route."""
    assert isinstance(error, HTTPException)
    message = {404: "there is nothing here", 405: "this method is not allowed here"}
    refusal = Refusal(message.get(error.status_code, str(error.detail)), error.status_code)
    return JSONResponse(refusal.json(), error.status_code, headers=error.headers)


async def _disk(_: Request, error: Exception) -> Response:
    """Answer where the disk is full; anything else is a fault."""
    if not isinstance(error, OSError) or not disk_is_full(error):
        raise error
    return JSONResponse(Refusal(TOO_FULL).json(), 507)


async def _fault(_: Request, error: Exception) -> Response:
    refusal = Refusal(f"a fault in this program, {type(error).__name__}; its terminal says more", 500)
    return JSONResponse(refusal.json(), 500)
