"""The files of the page: in the wheel, small, complete, and asking for nothing from elsewhere."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
PAGE = ROOT / "restore" / "cli" / "serve" / "page"
MOST = 150_000  # bytes of the front end, compressed
# What names things without being fetched.
NAMES = re.compile(r"https?://(www\.w3\.org/|127\.0\.0\.1|localhost)")


def page_files() -> list[Path]:
    return sorted(path for path in PAGE.rglob("*") if path.is_file())


def test_the_wheel_holds_the_page_and_nothing_of_its_making() -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="comes with the extra test")
    held = {file.distribution_path for file in wheel.WheelBuilder(str(ROOT)).recurse_included_files()}
    assert {path.relative_to(ROOT).as_posix() for path in page_files()} <= held
    assert "restore/cli/serve/page/index.html" in held
    assert "restore/weights/restore.safetensors" in held
    odd = [name for name in held if "node_modules" in name or name.startswith(("web/", "tests/", "spaces/"))]
    assert odd == []


def test_the_front_end_is_small() -> None:
    size = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in page_files()}
    assert sum(size.values()) < MOST, size


def test_what_the_page_asks_for_is_there() -> None:
    index = (PAGE / "index.html").read_text("utf-8")
    asked = re.findall(r'(?:src|href)="([^"#]+)"', index)
    assert any(name.endswith(".js") for name in asked) and any(name.endswith(".css") for name in asked)
    for name in asked:
        assert not re.match(r"\w+:|//", name) or name.startswith("data:"), f"{name} is not of this server"
        assert (PAGE / name.lstrip("/")).is_file(), name


def test_the_page_keeps_to_a_strict_policy() -> None:
    """No script, no style and no handler inside the document: the policy of the server refuses them."""
    index = (PAGE / "index.html").read_text("utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)", index) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", index) == []
    for path in page_files():
        if path.suffix in {".js", ".css", ".html", ".svg"}:
            text = path.read_text("utf-8")
            found = [NAMES.sub("", part) for part in re.findall(r"https?://[\w.-]*[/\w.-]*", text)]
            assert [part for part in found if part.startswith("http")] == [], path.name
            assert not re.search(r"\beval\(|new Function\(", text), path.name


def test_the_lock_file_names_versions_and_no_addresses() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text("utf-8"))
    packages = {name: about for name, about in lock["packages"].items() if name}
    assert packages and all("integrity" in about for about in packages.values())
    assert [name for name, about in packages.items() if "resolved" in about] == []
    assert all("://" not in path.read_text("utf-8") for path in WEB.glob(".npmrc"))
    wanted = json.loads((WEB / "package.json").read_text("utf-8"))
    assert re.fullmatch(r">=\d+\.\d+", wanted["engines"]["node"])  # as .ci/front_end reads it
    assert {"types", "lint", "test", "build"} <= wanted["scripts"].keys()


def test_the_licences_of_what_is_built_in_are_given() -> None:
    """Each of these packages asks for its notice in every copy of it."""
    lock = json.loads((WEB / "package-lock.json").read_text("utf-8"))
    built_in = {name.removeprefix("node_modules/"): about for name, about in lock["packages"].items() if name}
    built_in = {name: about for name, about in built_in.items() if not about.get("dev")}
    told = (PAGE / "licenses.md").read_text("utf-8")
    assert {about["license"] for about in built_in.values()} == {"MIT"}
    headings = re.findall(r"^## (\S+) - ([\d.]+) \(MIT\)$", told, re.MULTILINE)
    assert dict(headings) == {name: about["version"] for name, about in built_in.items()}
    assert told.count("Copyright (c)") == len(built_in)


def test_no_packages_are_committed() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "web"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("needs a checkout of git")
    assert [name for name in listed.stdout.split("\0") if "node_modules" in name] == []
