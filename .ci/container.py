"""Build and start the Python part of the container: its wheel, its command and its check of health.

    python .ci/container.py FOLDER

In FOLDER, which must not exist, the package is built into a wheel and installed into an environment that
takes its dependencies from the one that runs this script. The command of the Dockerfile is started there, on
a free port, and asked for its health as the Dockerfile says, until it is well or a minute has passed.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 60


def words(name: str) -> list[str]:
    """What an instruction of the Dockerfile starts."""
    lines = (ROOT / "Dockerfile").read_text("utf-8").splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name} ")]
    found: list[str] = json.loads(line[line.index("[") :])
    return found


def install(folder: Path) -> Path:
    """Install the wheel; give the folder of the programs."""
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", folder / "wheel", ROOT], check=True)
    (wheel,) = (folder / "wheel").glob("*.whl")
    venv.create(folder / "env", symlinks=True)
    (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
    subprocess.run([*pip, "install", "--no-deps", "--target", packages, wheel], check=True)
    # Behind what was installed, so that the package itself is the wheel's.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "env" / "bin"


def main() -> None:
    """Build, start and ask."""
    folder = Path(sys.argv[1])
    folder.mkdir()
    programs = install(folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    (exposed,) = {word for word in words("CMD") if word.isdigit()}
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "RESTORE_SERVE_PASSWORD": secrets.token_urlsafe(),
    }
    python = str(programs / "python")
    command = [python, "-m", *words("ENTRYPOINT"), *words("CMD")]
    check = [python, *words("HEALTHCHECK")[1:]]
    command, check = ([word.replace(exposed, port) for word in each] for each in (command, check))
    where = subprocess.run(
        [python, "-c", "import restore; print(restore.__file__)"],
        cwd=folder, check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    if not where.startswith(str(folder)):
        raise SystemExit(f"expected the package in {folder}, got that in {where}")
    with subprocess.Popen(command, cwd=folder, env=environment) as server:
        try:
            end = time.monotonic() + SECONDS
            while subprocess.run(check, cwd=folder, check=False, capture_output=True).returncode != 0:
                if server.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"container: not healthy within {SECONDS} s, exit code {server.poll()}")
                time.sleep(0.2)
        finally:
            server.send_signal(signal.SIGTERM)
    print("container: the wheel is built and installed, and its command answers")


if __name__ == "__main__":
    main()
