"""Pictures, what is painted on them, and other files, as the page sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from restore.cli.serve import uploads
from restore.cli.serve.answers import (
    attachment,
    body_of,
    download,
    image,
    number,
    service_of,
    session_of,
    whole,
)
from restore.cli.serve.job_request import checked_strokes
from restore.cli.serve.refusals import Refusal
from restore.cli.serve.state import Picture, Session, new_id

COARSEST = 16  # level of the image of a region
FARTHEST = 100_000  # pixels from a point to what it lies in
WIDEST = 64  # pixels that a hole can be widened by, as on the command line


def picture_of(request: Request) -> Picture:
    """Give the picture that the path names. Raises Refusal."""
    return session_of(request).picture(request.path_params["picture"])


async def listed(request: Request) -> Response:
    """Give all pictures."""
    return JSONResponse([each.json() for each in session_of(request).pictures.values()])


async def added(request: Request) -> Response:
    """Take a file as a picture."""
    service, session = service_of(request), session_of(request)
    path = await uploads.stored(request, session, service.limits)
    picture = await service.add_picture(session, path)
    return JSONResponse(picture.json(), 201)


async def asset_added(request: Request) -> Response:
    """Take a file that is no picture, for an option."""
    service, session = service_of(request), session_of(request)
    check_assets(session, service.limits.pictures)
    path = await uploads.stored(request, session, service.limits)
    try:
        check_assets(session, service.limits.pictures)  # others may have come meanwhile
    except Refusal:
        await uploads.remove([path.parent])
        raise
    asset = new_id()
    session.assets[asset] = path
    return JSONResponse({"id": asset, "name": path.name, "bytes": path.stat().st_size}, 201)


def check_assets(session: Session, most: int) -> None:
    """Refuse more files than a visitor may have. Raises Refusal."""
    if len(session.assets) >= most:
        raise Refusal("there are too many files here already", 429, "file")


async def shown(request: Request) -> Response:
    """Give what is known of a picture."""
    return JSONResponse(picture_of(request).json())


async def removed(request: Request) -> Response:
    """Forget a picture."""
    await service_of(request).remove_picture(session_of(request), picture_of(request))
    return Response(status_code=204)


async def file(request: Request) -> Response:
    """Give the file, byte for byte."""
    picture = picture_of(request)
    return download(picture.path, picture.name)


async def tile(request: Request) -> Response:
    """Give a tile of a picture."""
    picture, at = picture_of(request), request.path_params
    level, tile = at["level"], picture.facts["tile"]
    if level >= picture.facts["levels"]:
        raise Refusal(f"there are {picture.facts['levels']} levels", 404)
    for place, side in (("column", "width"), ("row", "height")):
        reduced = -(-picture.facts[side] // 2**level)
        if at[place] * tile >= reduced:
            raise Refusal("there is no such tile", 404)
    return image(*await service_of(request).viewer.tile(picture.path, level, at["column"], at["row"]))


async def thumbnail(request: Request) -> Response:
    """Give a small picture."""
    return image(*await service_of(request).viewer.thumbnail(picture_of(request).path))


async def strokes(request: Request) -> Response:
    """Give the strokes that are kept for a picture."""
    picture = picture_of(request)
    regions = [region.json() for region in picture.regions.values()]
    return JSONResponse(picture.strokes | {"version": picture.version, "regions": regions})


async def strokes_kept(request: Request) -> Response:
    """Keep the strokes of a picture, so that nothing is lost when the page is loaded again."""
    picture, body = picture_of(request), await body_of(request)
    kept = {
        "strokes": checked_strokes(body.get("strokes")),
        "grow": whole(body.get("grow", 0), "grow", WIDEST),
        "feather": whole(body.get("feather", 0), "feather", WIDEST),
    }
    version = service_of(request).set_strokes(session_of(request), picture, kept)
    return JSONResponse({"version": version})


def with_room(request: Request) -> Picture:
    """Give the picture that the path names, which can have another region. Raises Refusal."""
    picture = picture_of(request)
    service_of(request).check_regions(picture)
    return picture


async def mask(request: Request) -> Response:
    """Give a mask as a file."""
    service, session, picture = service_of(request), session_of(request), picture_of(request)
    found = checked_strokes((await body_of(request)).get("strokes"))
    out = session.region_file()
    try:
        await service.mask(picture, found, out)
        data = await run_in_threadpool(out.read_bytes)
    finally:
        out.unlink(missing_ok=True)
    name = f"{Path(picture.name).stem}-mask.png"
    return Response(data, media_type="image/png", headers=attachment(name))


async def region_added(request: Request) -> Response:
    """Take a mask file as a part of a picture."""
    service, session, picture = service_of(request), session_of(request), with_room(request)
    path = await uploads.stored(request, session, service.limits)
    out = session.region_file()
    asked = request.query_params
    invert, fit = (asked.get(name, "0") in ("1", "true") for name in ("invert", "fit"))
    try:
        facts = await service.viewer.region(path, picture.path, out, invert=invert, fit=fit)
    finally:
        await uploads.remove([path.parent])
    region = service.add_region(picture, out, facts)
    return JSONResponse(region.json(), 201)


async def selected(request: Request) -> Response:
    """Find what a point of a picture lies in."""
    picture, body = with_room(request), await body_of(request)
    place: dict[str, Any] = {name: number(body.get(name), name) for name in ("x", "y")}
    for name, side in (("x", "width"), ("y", "height")):
        if not 0 <= place[name] < picture.facts[side]:
            raise Refusal(f"{name}: expected a number from 0 to below {picture.facts[side]}", 422)
    if body.get("radius") is not None:
        place["radius"] = int(number(body["radius"], "radius", "radius"))
        if not 1 <= place["radius"] <= FARTHEST:
            wanted = f"expected a number from 1 to {FARTHEST}, got {body['radius']:g}"
            raise Refusal(f"radius: {wanted}", 422, "radius")
    region = await service_of(request).select(session_of(request), picture, place)
    return JSONResponse(region.json(), 201)


async def region_shown(request: Request) -> Response:
    """Give a part of a picture as an image of its box."""
    region = picture_of(request).region(request.path_params["region"])
    text = request.query_params.get("level", "0")
    level = int(text) if text.isdecimal() and len(text) < 3 else -1
    if not 0 <= level <= COARSEST:
        raise Refusal(f"level: expected a whole number from 0 to {COARSEST}", 422)
    return image(await service_of(request).viewer.region_image(region.path, level), "image/png")


ROUTES = [
    Route("/api/pictures", listed, methods=["GET"]),
    Route("/api/pictures", added, methods=["POST"]),
    Route("/api/assets", asset_added, methods=["POST"]),
    Route("/api/pictures/{picture}", shown, methods=["GET"]),
    Route("/api/pictures/{picture}", removed, methods=["DELETE"]),
    Route("/api/pictures/{picture}/file", file, methods=["GET"]),
    Route("/api/pictures/{picture}/tiles/{level:int}/{column:int}/{row:int}", tile, methods=["GET"]),
    Route("/api/pictures/{picture}/thumbnail", thumbnail, methods=["GET"]),
    Route("/api/pictures/{picture}/strokes", strokes, methods=["GET"]),
    Route("/api/pictures/{picture}/strokes", strokes_kept, methods=["PUT"]),
    Route("/api/pictures/{picture}/mask", mask, methods=["POST"]),
    Route("/api/pictures/{picture}/regions", region_added, methods=["POST"]),
    Route("/api/pictures/{picture}/regions/{region}", region_shown, methods=["GET"]),
    Route("/api/pictures/{picture}/select", selected, methods=["POST"]),
]
