"""The document of the API of `restore serve` says what the server does."""

# ruff: noqa: E402

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the web extra is not installed")
jsonschema = pytest.importorskip("jsonschema", reason="it is not installed")
validation = pytest.importorskip("openapi_spec_validator", reason="it is not installed")

from served_pictures import KNOWN, PNG, TOKEN, WAITING, served, stocked
from starlette.testclient import TestClient

from restore.cli.serve import catalogue, routes_jobs, routes_pictures
from restore.cli.serve.openapi import OPERATIONS, Operation, document
from restore.cli.serve.schemas import SCHEMAS

HEADERS = {"Authorization": f"Bearer {TOKEN}"}
BRUSH = {"kind": "brush", "erase": False, "radius": 6, "points": [120, 80, 160.5, 96]}
BODIES: dict[str, Any] = {
    "keep_strokes": {"strokes": [BRUSH], "grow": 2, "feather": 0},
    "mask": {"strokes": [BRUSH, {"kind": "region", "erase": True, "region": KNOWN}]},
    "select": {"x": 10, "y": 20.5, "radius": 30},
    "command": {"task": "inpaint", "picture": KNOWN, "options": {"grow": 2}, "strokes": [BRUSH]},
    "add_job": {"task": "denoise", "picture": KNOWN, "options": {"sigma": 20}, "batch": "scans"},
}
QUERIES = {"archive": f"?jobs={KNOWN}", "add_picture": "?name=scan.png", "region": "?level=1"}
GOOD = [each for each in OPERATIONS if each.id not in ("events", "login")]


@pytest.fixture
def client(tmp_path: Any) -> Iterator[TestClient]:
    app, service = served(tmp_path)
    stocked(service)
    with TestClient(app, base_url="http://testserver") as client:
        yield client


def called(client: TestClient, asked: Operation, *, id: str = KNOWN, authorized: bool = True) -> Any:
    job = WAITING if asked.id == "cancel_job" and id == KNOWN else id
    path = asked.path.format(picture=id, region=id, job=job, level=0, column=0, row=0)
    body: dict[str, Any] = {}
    if asked.takes == "file":
        body = {"content": PNG, "headers": {"Content-Type": "application/octet-stream"}}
    elif asked.takes is not None:
        body = {"json": BODIES[asked.id]}
    headers = {**body.pop("headers", {}), **(HEADERS if authorized else {})}
    return client.request(asked.method, path + QUERIES.get(asked.id, ""), headers=headers, **body)


def check(schema: dict[str, Any], value: object) -> None:
    whole = {**schema, "components": {"schemas": SCHEMAS}}
    jsonschema.Draft202012Validator(whole).validate(value)


def test_it_is_openapi() -> None:
    validation.validate(document())
    assert json.loads(json.dumps(document(), allow_nan=False)) == document()


def test_it_has_all_routes_and_no_others() -> None:
    routes = {
        (method, re.sub(r":\w+}", "}", route.path))
        for route in (*routes_pictures.ROUTES, *routes_jobs.ROUTES)
        for method in route.methods or ()
        if method != "HEAD"  # which goes with GET
    }
    told = {(each.method, each.path) for each in OPERATIONS if each.id != "login"}  # which is before them
    assert told == routes


def test_names_are_given_once() -> None:
    ids = [each.id for each in OPERATIONS]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document())))
    assert used == SCHEMAS.keys()


@pytest.mark.parametrize("asked", GOOD, ids=lambda each: each.id)
def test_a_good_request_is_answered_as_it_says(client: TestClient, asked: Operation) -> None:
    if asked.id == "remove_picture":
        client.post(f"/api/jobs/{WAITING}/cancel", headers=HEADERS)
    answer = called(client, asked)
    assert answer.status_code == asked.answer, answer.text
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if isinstance(asked.gives, tuple):
        assert kind in asked.gives
    elif asked.gives is not None:
        assert kind == "application/json"
        check(asked.gives, answer.json())
    else:
        assert not answer.content
    assert all(name in answer.headers for name in asked.headers)


@pytest.mark.parametrize("asked", [each for each in OPERATIONS if not each.open], ids=lambda each: each.id)
def test_nothing_is_answered_without_the_token(client: TestClient, asked: Operation) -> None:
    answer = called(client, asked, authorized=False)
    assert answer.status_code == 401
    check(SCHEMAS["Error"], answer.json())


@pytest.mark.parametrize("asked", [each for each in GOOD if "{" in each.path], ids=lambda each: each.id)
def test_what_is_not_there_is_told(client: TestClient, asked: Operation) -> None:
    answer = called(client, asked, id="nothing-here")
    assert answer.status_code == 404
    check(SCHEMAS["Error"], answer.json())


def test_the_tasks_are_those_of_the_catalogue(client: TestClient) -> None:
    assert client.get("/api/tasks", headers=HEADERS).json() == catalogue.tasks()


def test_a_command_and_what_is_wrong_with_it(client: TestClient) -> None:
    body = BODIES["command"]
    found = client.post("/api/commands", json=body, headers=HEADERS).json()
    assert found == {"command": "restore inpaint photo.png --mask photo-mask.png --grow 2"}
    answer = client.post("/api/commands", json={**body, "options": {"grow": 99}}, headers=HEADERS)
    assert answer.status_code == 422
    message = "Invalid value for '--grow': 99 is not in the range 0<=x<=64."
    assert answer.json() == {"error": {"message": message, "option": "grow"}}
    no_mask = {name: value for name, value in body.items() if name != "strokes"}
    assert client.post("/api/jobs", json=no_mask, headers=HEADERS).json()["error"]["option"] == "mask"


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{", b'{"a": NaN}', b'{"batch": "\\ud800"}', b'{"batch": "\xed\xa0\x80"}',
     b'{"x": 1' + b"0" * 5000 + b"}", b"[" * 100_000, b"\xff\xfe{\x00}\x00", b'"' + b"x" * 1000],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/api/jobs", "/api/commands", f"/api/pictures/{KNOWN}/mask"])
def test_what_is_no_json_is_malformed(client: TestClient, path: str, data: bytes) -> None:
    kind = {"Content-Type": "application/json"}
    answer = client.post(path, content=data, headers={**HEADERS, **kind})
    assert answer.status_code == 400
    check(SCHEMAS["Error"], answer.json())
    assert client.get("/api/session", headers=HEADERS).status_code == 200


@pytest.mark.parametrize(
    "strokes",
    [None, {}, [1], [{}], [{"kind": "brush", "radius": -1, "points": [1, 2]}],
     [{"kind": "lasso", "points": [1]}],
     [{"kind": "box", "x": 1e9, "y": 0, "width": 1, "height": 1}], [{"kind": "region", "region": 5}],
     [{"kind": "brush", "radius": 1, "points": [True, False]}]],
)  # fmt: skip
def test_strokes_that_cannot_be_drawn_are_not_kept(client: TestClient, strokes: Any) -> None:
    path = f"/api/pictures/{KNOWN}"
    for answer in (
        client.put(f"{path}/strokes", json={"strokes": strokes}, headers=HEADERS),
        client.post(f"{path}/mask", json={"strokes": strokes}, headers=HEADERS),
    ):
        assert answer.status_code == 400
        assert answer.json()["error"]["option"] == "mask"
    assert client.get(f"{path}/strokes", headers=HEADERS).json()["strokes"] == []


def test_files_of_one_name_stay_apart(client: TestClient) -> None:
    """Kernels and masks of the same name as others, or as the picture and what is made of it."""
    kernels = [
        client.post("/api/assets?name=k.npy", content=b"1", headers=HEADERS).json()["id"] for _ in range(3)
    ]
    body = {"task": "solve", "picture": KNOWN, "options": {"operator": [f"blur={id}" for id in kernels]}}
    command = client.post("/api/commands", json=body, headers=HEADERS).json()["command"]
    names = re.findall("blur=([^ ]+)", command)
    assert len(set(names)) == 3
    mask = client.post("/api/assets?name=Photo-Mask.png", content=PNG, headers=HEADERS).json()["id"]
    body = {"task": "inpaint", "picture": KNOWN, "strokes": [BRUSH], "options": {"source": mask}}
    command = client.post("/api/commands", json=body, headers=HEADERS).json()["command"]
    assert command == ("restore inpaint photo.png --mask photo-mask.png --source source-Photo-Mask.png")
    assert client.post("/api/jobs", json=body, headers=HEADERS).status_code == 202
