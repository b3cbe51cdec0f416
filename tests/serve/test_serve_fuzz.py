"""The API of `restore serve`, called at random: it answers as its document says, whatever is sent."""

# ruff: noqa: E402

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="it is not installed")
pytest.importorskip("starlette", reason="the web extra is not installed")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.python.asgi import get_client
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served_pictures import KNOWN, TOKEN, WAITING, served, stocked

from restore.cli.serve.catalogue import TASKS, offered
from restore.cli.serve.openapi import OPERATIONS

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
CALLED = [each for each in OPERATIONS if each.id != "events"]  # which does not end
FEW = settings(
    max_examples=8, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
ONCE = settings(FEW, max_examples=1)  # where there is nothing to choose
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(),
        st.sampled_from(["1", "auto", "sample", "--output=/etc/x", "gaussian:2", "1,2,3,4"]),
        st.sampled_from([KNOWN, f"blur={KNOWN}"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)  # fmt: skip


class Api:
    """The application, and what calls it."""

    def __init__(self, folder: Any):
        app, self.service = served(folder)
        self.schema = schemathesis.openapi.from_asgi("/api/openapi.json", app, headers=AUTHORIZED)
        self.schema.config.analysis.constants.enabled = False  # values do not depend on what is imported
        self.client = get_client(app)

    def call(self, case: Any) -> Any:
        """Call it, and check the answer."""
        stocked(self.service)
        headers = {} if case.operation.path == "/api/login" else AUTHORIZED
        return case.call_and_validate(session=self.client, headers=headers, checks=CHECKS)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    yield Api(tmp_path_factory.mktemp("served"))


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda each: each.value)
@pytest.mark.parametrize("asked", CALLED, ids=lambda each: each.id)
def test_any_request(api: Api, asked: Any, mode: Any) -> None:
    operation = api.schema[asked.path][asked.method]
    ids = [KNOWN, WAITING] if "{job}" in asked.path else [KNOWN]

    plain = not operation.body and not operation.query and not operation.path_parameters

    @(ONCE if plain else FEW)
    @given(case=operation.as_strategy(generation_mode=mode), id=st.sampled_from([*ids, None]))
    def any_request(case: Any, id: str | None) -> None:
        if id is not None:
            for name in ("picture", "region", "job"):
                if name in case.path_parameters:
                    case.path_parameters[name] = id
            if isinstance(case.body, dict) and "picture" in case.body:
                case.body["picture"] = id
            if asked.id == "archive":
                case.query = {"jobs": id}
        api.call(case)

    any_request()


@pytest.mark.parametrize("path", ["/api/commands", "/api/jobs"])
@settings(FEW, max_examples=50)
@given(data=st.data())
def test_any_options(api: Api, path: str, data: st.DataObject) -> None:
    operation = api.schema[path]["POST"]
    task = data.draw(st.sampled_from(TASKS))
    names = st.sampled_from([*offered(task), "output", "weights"]) | st.text(max_size=5)
    body: dict[str, Any] = {
        "task": task,
        "picture": KNOWN,
        "options": data.draw(st.dictionaries(names, VALUES, max_size=3)),
        "kind": data.draw(st.sampled_from(["restore", "preview", "look"])),
        "box": data.draw(st.sampled_from([None, {"x": 0, "y": 0, "width": 99, "height": 99}])),
    }
    if data.draw(st.booleans()):
        body["strokes"] = [{"kind": "region", "erase": False, "region": KNOWN}]
    api.call(operation.Case(body=body, media_type="application/json"))
