"""The unit and the compose file of docs/watching.md: they parse, and their commands are understood."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from restore.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "watching.md"


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def check_understood(words: list[str]) -> None:
    context = click.Context(main, **main.context_settings)
    command = main.get_command(context, words[0])
    assert command is not None
    made = command.make_context(words[0], words[1:], parent=context)
    assert made.params["watch"] is True


def test_the_unit(tmp_path: Path) -> None:
    unit = block("ini")
    program, *words = shlex.split(
        next(line[10:] for line in unit.splitlines() if line.startswith("ExecStart="))
    )
    assert program.endswith("/restore")
    check_understood(words)
    if tool := shutil.which("systemd-analyze"):
        path = tmp_path / "restore-watch.service"
        path.write_text(unit.replace(program, "/bin/true"))
        done = subprocess.run([tool, "verify", path], capture_output=True, check=False, text=True)
        if "Failed to" not in done.stderr:  # as where no systemd runs
            assert (done.returncode, done.stderr) == (0, "")


def test_the_compose_file() -> None:
    yaml = pytest.importorskip("yaml")
    service = yaml.safe_load(block("yaml"))["services"]["restore"]
    check_understood(service["command"])
    assert service["read_only"] is True and service["stop_signal"] == "SIGTERM"
    assert block("dockerfile").splitlines()[-1] == 'ENTRYPOINT ["restore"]'
