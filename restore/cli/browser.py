"""Whether a page is opened in the browser of whoever runs the program, and how."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from restore.cli.reporter import on_terminal, say


def has_screen() -> bool:
    """Whether somebody sits before a screen: not over SSH, in a build, or without a display."""
    away = any(map(os.environ.get, ("SSH_CONNECTION", "SSH_TTY", "CI")))
    display = sys.platform in ("win32", "darwin") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    return on_terminal(sys.stderr) and display and not away


def open_page(page: Path, *, asked: bool | None, quiet: bool) -> None:
    """Open a page, where that is asked for or, by default, where there is a screen and a terminal."""
    import webbrowser

    wanted = has_screen() if asked is None else asked
    if wanted and not webbrowser.open(page.absolute().as_uri()) and not quiet:
        say(f"no browser was found; open {page}")
