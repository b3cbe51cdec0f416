"""Tests are independent of what is configured on this machine."""

from __future__ import annotations

import os

KEPT = ("RESTORE_DATA", "RESTORE_GOLDEN", "RESTORE_LPIPS_TRUNK")  # no options


def forget_configuration() -> None:
    """Let neither the user's own file nor variables hold, here and in the processes that are started."""
    for name in [name for name in os.environ if name.startswith("RESTORE_") and name not in KEPT]:
        del os.environ[name]
    os.environ["RESTORE_CONFIG"] = ""
