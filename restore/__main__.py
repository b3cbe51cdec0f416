"""Run the command line as ``python -m restore``."""

from restore.cli.main import main

if __name__ == "__main__":
    main()
