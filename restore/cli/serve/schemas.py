"""What the requests and answers of the API look like, as JSON Schemas."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
YES: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FIRST: Schema = {"type": "integer", "minimum": 1}
ID: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "examples": ["nB4Jx0cQe1_r"]}
FARTHEST = 1_000_000  # pixels


def ref(name: str) -> Schema:
    """Give a schema of `SCHEMAS` by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def listed(items: Schema) -> Schema:
    """Give the schema of a list."""
    return {"type": "array", "items": items}


def one_of(*values: str | int) -> Schema:
    """Give the schema of one of some values."""
    return {"enum": list(values)}


def maybe(schema: Schema) -> Schema:
    """Give the schema of what can be null."""
    if isinstance(kind := schema.get("type"), str):
        return {**schema, "type": [kind, "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def made(about: str, *, closed: bool = False, needed: Schema, more: Schema | None = None) -> Schema:
    """Give the schema of an object. needed, more: those of its fields. closed: whether it has no others."""
    fields = {"type": "object", "description": about, "required": sorted(needed)}
    whole = {**fields, "properties": {**needed, **(more or {})}}
    return {**whole, "additionalProperties": False} if closed else whole


def said(schema: Schema, about: str) -> Schema:
    """Give a schema with a description."""
    return {**schema, "description": about}


_PLACE: Schema = {"type": "number", "minimum": -FARTHEST, "maximum": FARTHEST}
_LENGTH: Schema = {"type": "number", "minimum": 0, "maximum": FARTHEST}
_POINTS: Schema = {
    **listed(_PLACE),
    "description": "x0, y0, x1, y1, and so on",
    "minItems": 2,
    "examples": [[10, 10, 60, 24.5]],
}


def _stroke(kind: str, about: str, **needed: Schema) -> Schema:
    more = {"erase": said(YES, "whether it is subtracted from the mask")}
    return made(about, needed={"kind": {"const": kind}, **needed}, more=more)


_STROKES: Schema = {**listed(ref("Stroke")), "maxItems": 20_000}
_SCALAR: Schema = {"type": ["string", "number", "boolean", "null"]}
_BOX = {"x": NUMBER, "y": NUMBER, "width": NUMBER, "height": NUMBER}

SCHEMAS: dict[str, Schema] = {
    "Error": made(
        "What is wrong, in the words of the command line where it has them.",
        needed={
            "error": made(
                "",
                needed={
                    "message": said(TEXT, "one line"),
                    "option": said(
                        maybe(TEXT),
                        'the option that is wrong, by its name in the catalogue; or "mask", "picture", '
                        '"file", "task", "box", "password" or "token"',
                    ),
                },
            )
        },
    ),
    "Limits": made(
        "What one visitor may ask for.",
        needed={
            "file_bytes": said(COUNT, "of an uploaded file"),
            "pixels": said(COUNT, "of a picture"),
            "pictures": said(COUNT, "kept at once"),
            "queue": said(COUNT, "jobs that wait or run"),
        },
    ),
    "Session": made(
        "All that is known.",
        needed={
            "version": TEXT,
            "device": said(TEXT, "as restore --device has it"),
            "limits": ref("Limits"),
            "extensions": said(listed(TEXT), "of names of files that can be read here, as .png"),
            "event": said(COUNT, "the number of the newest event, for since"),
            "pictures": listed(ref("Picture")),
            "jobs": listed(ref("Job")),
        },
    ),
    "Picture": made(
        "A file that was uploaded or made. Sizes are of the picture as it is seen: EXIF orientation applied.",
        needed={
            "id": ID,
            "name": TEXT,
            "bytes": COUNT,
            "format": said(TEXT, "png, jpeg, tiff, webp, ..."),
            "width": FIRST,
            "height": FIRST,
            "bits": one_of(8, 16, 32),
            "gray": YES,
            "alpha": YES,
            "pages": FIRST,
            "kind": one_of("input", "result", "map", "preview"),
            "job": said(maybe(ID), "that made it"),
            "tile": said(FIRST, "pixels that a tile has a side"),
            "levels": said(FIRST, "of tiles; level k is reduced 2**k times, sizes are rounded up"),
            "notes": listed(TEXT),
            "created": said(NUMBER, "seconds since 1970"),
        },
    ),
    "Brush": _stroke("brush", "A line with round ends and joins.", radius=_LENGTH, points=_POINTS),
    "Lasso": _stroke("lasso", "A polygon, non-zero winding.", points=_POINTS),
    "BoxStroke": _stroke("box", "A box.", x=_PLACE, y=_PLACE, width=_LENGTH, height=_LENGTH),
    "RegionStroke": _stroke("region", "A region of this picture.", region=ID),
    "Stroke": {
        "description": "A part of a mask. x grows to the right and y down, from the top left corner of the "
        "picture as it is seen; the middle of the first pixel is 0.5, 0.5.",
        "oneOf": [ref(name) for name in ("Brush", "Lasso", "BoxStroke", "RegionStroke")],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {
                kind: f"#/components/schemas/{name}"
                for kind, name in zip(
                    ("brush", "lasso", "box", "region"),
                    ("Brush", "Lasso", "BoxStroke", "RegionStroke"),
                    strict=True,
                )
            },
        },
    },
    "Strokes": made(
        "What is painted on a picture, and how the hole is made of it.",
        needed={"strokes": _STROKES},
        more={
            "grow": {**COUNT, "maximum": 64, "default": 0},
            "feather": {**COUNT, "maximum": 64, "default": 0},
        },
    ),
    "StrokesKept": made(
        "The strokes that are kept for a picture.",
        needed={"strokes": listed(ref("Stroke")), "grow": COUNT, "feather": COUNT, "version": COUNT},
        more={"regions": listed(ref("Region"))},
    ),
    "Version": made("The number of a change.", needed={"version": COUNT}),
    "Painted": made("Strokes.", needed={"strokes": _STROKES}),
    "Region": made(
        "A part of a picture: an uploaded mask, what a point lies in, or damage that was found.",
        needed={
            "id": ID,
            "x": COUNT,
            "y": COUNT,
            "width": COUNT,
            "height": COUNT,
            "area": said(COUNT, "pixels"),
            "words": TEXT,
        },
        more={"notes": said(listed(TEXT), "on the file of an uploaded mask")},
    ),
    "Point": made(
        "A point of a picture.",
        needed={"x": {**NUMBER, "minimum": 0}, "y": {**NUMBER, "minimum": 0}},
        more={
            "radius": said(
                {**maybe(NUMBER), "minimum": 1, "maximum": 100_000},
                "pixels around the point that the object reaches at most",
            )
        },
    ),
    "Asset": made("A file for an option.", needed={"id": ID, "name": TEXT, "bytes": COUNT}),
    "Box": made("A part of a picture, in pixels.", needed=_BOX),
    "JobRequest": made(
        "What is to be done to a picture.",
        closed=True,
        needed={
            "task": said(TEXT, "the name of one of the tasks"),
            "picture": ID,
        },
        more={
            "options": {
                "type": ["object", "null"],
                "description": "by the names in the catalogue; null is as if it were not given. A number can "
                "be told as it is typed. A file is the id of a picture or of an asset.",
                "additionalProperties": {"anyOf": [_SCALAR, {**listed(_SCALAR), "maxItems": 100}]},
            },
            "strokes": said(
                maybe(_STROKES), "make the mask of inpaint, and of vary, where that is not the whole picture"
            ),
            "kind": said(
                {**one_of("restore", "preview", "look"), "default": "restore"},
                "preview: of a box alone; look: only measures (denoise, repair, dejpeg, deblur)",
            ),
            "box": said(maybe(ref("Box")), "of a preview; at most 768 pixels a side are computed"),
            "batch": said(
                {**maybe(TEXT), "maxLength": 200}, "any name, by which jobs are known to belong together"
            ),
        },
    ),
    "Command": made("A command.", needed={"command": said(TEXT, "for a POSIX shell")}),
    "Progress": made(
        "How far a job is.",
        needed={
            "share": {**NUMBER, "minimum": 0, "maximum": 1},
            "step": COUNT,
            "steps": COUNT,
            "doing": TEXT,
            "seconds_left": maybe(NUMBER),
            "line": said(TEXT, "all of it in words"),
        },
    ),
    "Result": made(
        "A picture that was made.",
        needed={"picture": ID, "name": TEXT, "seed": {"type": ["integer", "null"]}},
    ),
    "Job": made(
        "What is to be done, is being done, or was done to a picture.",
        needed={
            "id": ID,
            "kind": one_of("restore", "preview", "look"),
            "task": TEXT,
            "picture": ID,
            "picture_name": TEXT,
            "options": {"type": "object"},
            "command": said(TEXT, "that does the same in a folder with these files, for a POSIX shell"),
            "status": one_of("queued", "running", "done", "unchanged", "damaged", "failed", "cancelled"),
            "place": said(COUNT, "in the queue; 0: it runs, or has ended"),
            "progress": maybe(ref("Progress")),
            "notes": listed(TEXT),
            "error": maybe(TEXT),
            "option": said(maybe(TEXT), "that the error is about"),
            "results": listed(ref("Result")),
            "map": said(maybe(ID), "the picture of the uncertainty"),
            "region": said(maybe(ref("Region")), "the damage that was found"),
            "facts": said({"type": "object"}, "what restore --json tells of the picture"),
            "box": maybe(ref("Box")),
            "batch": maybe(TEXT),
            "created": said(NUMBER, "seconds since 1970"),
            "seconds": said(maybe(NUMBER), "that it took"),
        },
    ),
    "Task": made(
        "What can be done to a picture: a command of the command line.",
        needed={
            "name": TEXT,
            "title": TEXT,
            "summary": TEXT,
            "help": TEXT,
            "examples": listed(TEXT),
            "needs": said(
                {"enum": ["mask", "place", None]}, "strokes; or a box or a point among its options"
            ),
            "groups": listed(ref("Group")),
        },
    ),
    "Group": made(
        "Options under a heading of --help.", needed={"heading": TEXT, "options": listed(ref("Option"))}
    ),
    "Option": made(
        "An option of a command.",
        needed={
            "name": said(TEXT, "as it is called among the options of a job"),
            "flag": said(TEXT, "as it is called on the command line"),
            "no_flag": said(maybe(TEXT), "that turns it off"),
            "type": one_of("boolean", "integer", "number", "choice", "text", "file"),
            "default": said({}, "null: none, or one that depends, which the help text tells"),
            "minimum": maybe(NUMBER),
            "exclusive_minimum": said(YES, "whether it must be more than the minimum"),
            "maximum": maybe(NUMBER),
            "choices": said(maybe(listed(TEXT)), "of a text, only some of what it can be"),
            "multiple": said(YES, "whether the value is a list"),
            "help": TEXT,
            "metavar": maybe(TEXT),
            "accepts": said(
                {"enum": ["mask", "picture", "any", None]}, "what a file is, whose id is the value"
            ),
        },
    ),
    "Password": made("The password of the server.", needed={"password": TEXT}),
}
