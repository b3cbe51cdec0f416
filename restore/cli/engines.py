"""What restores the pictures of a run: lanes on this machine, or a cluster."""

from __future__ import annotations

from restore.cli.runner import Runner


def choose_engine(runner: Runner) -> None:
    """Let a cluster restore the pictures, where that is asked for; otherwise lanes do."""
    if runner.settings.engine == "ray" and not runner.settings.dry_run:
        from restore.cli.ray_engine import RayEngine

        runner.engine = RayEngine(runner, runner.settings.address)
