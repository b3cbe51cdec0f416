"""Run the command line as ``restore`` or ``python -m restore``."""

from __future__ import annotations

import os

try:
    from restore.cli import signals
except KeyboardInterrupt:  # before there is a handler
    os.write(2, b"error: interrupted\n")
    os._exit(130)

TYPE_CHECKING = False  # the module typing is imported later
if TYPE_CHECKING:
    from typing import NoReturn

    from restore.cli.start import Program


def main() -> NoReturn:
    """Run the program: from its first moments an interrupt ends it in one line."""
    signals.install()
    from restore.cli import start

    def load() -> Program:
        from restore.cli.main import main as program

        return program.run

    start.run(load)


if __name__ == "__main__":
    main()
