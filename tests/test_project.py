"""The project as a whole: cheap to import, quick to help, one version, every public name there."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import restore

ROOT = Path(__file__).parents[1]
HEAVY = ["torch", "torchvision", "numpy", "scipy", "cv2", "PIL", "skimage", "kornia", "lpips", "safetensors"]


def python(*arguments: str, cwd: Path = ROOT) -> str:
    """Run a fresh interpreter and return what it printed."""
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def modules_after(code: str) -> set[str]:
    """The modules a fresh interpreter has loaded after ``code``."""
    return set(python("-c", f"{code}\nimport sys\nprint('loaded', *sys.modules)").split("loaded")[-1].split())


def test_import_brings_in_nothing_heavy() -> None:
    loaded = modules_after("import restore; dir(restore); restore.RestoreError")
    assert "restore.errors" in loaded
    assert not loaded.intersection(HEAVY)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["inpaint", "--help"], ["eval", "denoise", "--help"], ["fit", "--help"]],
    ids=" ".join,
)
def test_help_brings_in_nothing_heavy(arguments: list[str]) -> None:
    loaded = modules_after(
        "import contextlib, sys\n"
        "from restore.cli.main import main\n"
        f"sys.argv = ['restore', *{arguments}]\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main()"
    )
    assert "restore.cli" in loaded
    assert not loaded.intersection(HEAVY)
    assert len(loaded) < 400


def test_help_takes_less_than_half_a_second() -> None:
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        python("-m", "restore", "--help")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5


def test_every_way_in_is_the_same_program(tmp_path: Path) -> None:
    module = python("-m", "restore", "--version", cwd=tmp_path)
    launcher = python(str(ROOT / "cli.py"), "--version", cwd=tmp_path)
    assert restore.__version__ in module
    assert restore.__version__ in launcher
    (script,) = metadata.entry_points(group="console_scripts", name="restore")
    assert script.value == "restore.cli:main"


def test_version_is_the_installed_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", restore.__version__)
    assert metadata.version("restore-diffusion") == restore.__version__


@pytest.mark.parametrize("name", restore.__all__)
def test_public_name_resolves(name: str) -> None:
    value = getattr(restore, name)
    assert callable(value)
    assert value.__name__ == name
    assert value.__doc__
    assert name in dir(restore)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'restore' has no attribute 'sharpen'"):
        restore.sharpen  # type: ignore[attr-defined]  # noqa: B018


def test_every_layer_exists() -> None:
    """A name in the layers contract that no module has would leave a module unguarded in silence."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    named = re.findall(r"\w+", " ".join(layers))
    assert len(named) == len(set(named))
    package = ROOT / "restore"
    missing = [n for n in named if not (package / f"{n}.py").exists() and not (package / n).is_dir()]
    assert missing == []


def test_ci_finds_the_test_command() -> None:
    blocks = re.findall(
        r"<!-- test-command -->\n```bash\n(.+?)\n```\n<!-- /test-command -->",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    assert len(blocks) == 1
    assert "pytest" in blocks[0]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_network_is_blocked() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as inet,
        pytest.raises(RuntimeError, match="tried to reach the network"),
    ):
        inet.connect(("127.0.0.1", 9))
    with pytest.raises(RuntimeError, match="'localhost'"):
        socket.getaddrinfo("localhost", 80)
