"""Run the command line from a checkout: ``python cli.py inpaint photo.png --mask mask.png``."""

from restore.__main__ import main

if __name__ == "__main__":
    main()
