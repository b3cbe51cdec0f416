"""What restores the pictures of a run: this machine, or those of a cluster."""

from __future__ import annotations

from restore.cli.runner import Runner


def engage(runner: Runner) -> None:
    """Let a runner use the machines that its settings name; a dry run needs none."""
    settings = runner.settings
    if settings.engine == "ray" and not settings.dry_run:
        from restore.cli.ray_engine import RayEngine

        runner.engine = RayEngine(runner, settings.address)
