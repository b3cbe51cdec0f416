"""Run the command line as ``restore`` or ``python -m restore``."""

from typing import NoReturn

from restore.cli import start


def main() -> NoReturn:
    """Run the program; nothing else is imported before it can be interrupted in one line."""

    def load() -> start.Program:
        from restore.cli.main import main as program

        return program.run

    start.run(load)


if __name__ == "__main__":
    main()
