"""The container and the Space: their files hold together, and what they start is understood."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from restore.cli.main import main

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "Dockerfile", ROOT / "spaces" / "Dockerfile"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def instructions(path: Path) -> Iterator[tuple[str, str]]:
    """Name and argument of each instruction, continued lines joined."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield name, rest.strip()


def of(path: Path, wanted: str) -> list[str]:
    return [rest for name, rest in instructions(path) if name == wanted]


def started(path: Path) -> list[str]:
    """The words of ``restore`` that the container starts."""
    words = [word for name in ("ENTRYPOINT", "CMD") for rest in of(path, name) for word in json.loads(rest)]
    if words[:2] == ["sh", "-c"]:
        words = shlex.split(words[2].replace("$SPACE_HOST", "who-restore.hf.space"))[1:]
    assert words[0] == "restore"
    return words[1:]


@pytest.mark.parametrize("path", FILES, ids=["container", "space"])
def test_what_is_started_is_understood(path: Path) -> None:
    words = started(path)
    context = click.Context(main, **main.context_settings)
    command = main.get_command(context, words[0])
    assert command is not None
    told = command.make_context(words[0], words[1:], parent=context).params
    assert told["host"] == "0.0.0.0"
    assert [str(told["port"])] == of(path, "EXPOSE")
    if path.parent.name == "spaces":
        assert told["public"] is True
    else:
        assert "--password" not in " ".join(words), "a password is no part of an image"


@pytest.mark.parametrize("path", FILES, ids=["container", "space"])
def test_the_image_is_made_of_what_is_there(path: Path) -> None:
    for sources in of(path, "COPY"):
        words = [word for word in shlex.split(sources) if not word.startswith("--chown")]
        if not any(word.startswith("--from") for word in words):
            assert all((ROOT / word).exists() for word in words[:-1]), sources
    installed = [rest for rest in of(path, "RUN") if "pip install" in rest]
    (extras,) = re.findall(r"source\[([\w,]+)\]", " ".join(installed))
    assert "web" in extras.split(",") and set(extras.split(",")) <= PROJECT["optional-dependencies"].keys()
    least = dict(re.findall(r'"(\w+)(>=[\d.]+)"', installed[0]))
    assert set(least) == {"torch", "torchvision"}
    assert all(f"{name}{version}" in PROJECT["dependencies"] for name, version in least.items())
    (python,) = {rest.split()[0] for rest in of(path, "FROM")}
    assert python == "python:3.12-slim"
    # The last user is not root.
    assert of(path, "USER")[-1] not in ("root", "0")


def test_only_what_is_copied_is_sent_to_the_builder() -> None:
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")
    }
    copied = {word for rest in of(FILES[0], "COPY") if "--from" not in rest for word in rest.split()[:-1]}
    assert copied == kept


def test_the_health_of_the_container_is_asked_in_python_that_runs() -> None:
    (check,) = of(FILES[0], "HEALTHCHECK")
    words = json.loads(check[check.index("[") :])
    assert words[:2] == ["python", "-c"]
    compile(words[2], "health", "exec")
    assert "".join(of(FILES[0], "EXPOSE")) in words[2]


def test_the_space_says_what_it_is() -> None:
    yaml = pytest.importorskip("yaml")
    _, head, body = (ROOT / "spaces" / "README.md").read_text("utf-8").split("---\n", 2)
    told = yaml.safe_load(head)
    assert told["sdk"] == "docker"
    assert [str(told["app_port"])] == of(FILES[1], "EXPOSE")
    assert told["license"] == PROJECT["license"].lower()
    assert len(told["short_description"]) <= 60
    assert "restore serve" in body
