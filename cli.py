"""Run the command line from a checkout: ``python cli.py inpaint photo.png --mask mask.png``."""

from restore.cli.main import main

if __name__ == "__main__":
    main()
