"""The project as a whole: cheap to import, quick to help, one version, every public name there."""

from __future__ import annotations

import ast
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


@pytest.mark.slow
def test_help_and_completion_bring_in_nothing_heavy() -> None:
    """The help of every command, one after the other in one process."""
    loaded = modules_after(
        "import contextlib, io\n"
        "import click\n"
        "from click.shell_completion import ShellComplete\n"
        "from restore.cli.main import main\n"
        "def show(command, context, path):\n"
        "    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "        main([*path, '--help'])\n"
        "    if isinstance(command, click.Group):\n"
        "        for name in command.list_commands(context):\n"
        "            inner = command.get_command(context, name)\n"
        "            show(inner, click.Context(inner, parent=context), [*path, name])\n"
        "show(main, click.Context(main), [])\n"
        "complete = ShellComplete(main, {}, 'restore', '_RESTORE_COMPLETE')\n"
        "assert [item.value for item in complete.get_completions([], 'inp')] == ['inpaint']\n"
        "names = [i.value for i in complete.get_completions(['inpaint', '--method'], 'r')]\n"
        "assert names == ['repaint']\n"
        "for command in main.list_commands(click.Context(main)):\n"
        "    assert complete.get_completions([command], '--')\n"
    )
    assert {f"restore.cli.commands.{name}" for name in ("inpaint", "eval", "fit", "train")} <= loaded
    assert not loaded.intersection(HEAVY)


@pytest.mark.slow
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


def test_no_test_file_imports_another() -> None:
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    found = [path.name for path in files if re.search(r"^(from|import) test_", path.read_text("utf-8"), re.M)]
    assert len(files) > 50
    assert found == []


@pytest.mark.slow
def test_the_map_of_the_packages_is_drawn_from_the_present_imports() -> None:
    python(str(ROOT / "docs" / "draw_architecture.py"), "--check")


@pytest.mark.slow
def test_help_takes_little_longer_than_an_interpreter() -> None:
    """Some 4 times what Python and click take; with torch it would be more than 40 times."""

    def seconds(*arguments: str) -> float:
        start = time.perf_counter()
        python(*arguments)
        return time.perf_counter() - start

    runs = [(seconds("-m", "restore", "--help"), seconds("-c", "import click")) for _ in range(5)]
    assert min(ours for ours, _ in runs) < 12 * min(theirs for _, theirs in runs)


@pytest.mark.slow
def test_every_way_in_is_the_same_program(tmp_path: Path) -> None:
    module = python("-m", "restore", "--version", cwd=tmp_path)
    launcher = python(str(ROOT / "cli.py"), "--version", cwd=tmp_path)
    assert restore.__version__ in module
    assert restore.__version__ in launcher
    (script,) = metadata.entry_points(group="console_scripts", name="restore")
    assert script.value == "restore.__main__:main"


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


# Longer than the two tests below allow, each with its reason.
LONG_MODULES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}


def test_modules_are_short() -> None:
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "restore").rglob("*.py")
    }
    assert len(lines) > 100
    assert {name for name, count in lines.items() if count > 400} == LONG_MODULES.keys()


@pytest.mark.slow
def test_functions_are_short() -> None:
    """From the first statement of the body, after the docstring, to the last."""
    lines = {}
    for path in (ROOT / "restore").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                last = body[-1].end_lineno if body else None
                if last is not None:
                    lines[f"{path.relative_to(ROOT)}:{node.name}"] = last - body[0].lineno + 1
    assert len(lines) > 500
    assert {name for name, count in lines.items() if count > 50} == LONG_FUNCTIONS.keys()


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
