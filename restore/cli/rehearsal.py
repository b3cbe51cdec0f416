"""What a dry run asks of a picture in place of the run."""

from __future__ import annotations

from contextlib import suppress

from restore.cli.command import Plan
from restore.cli.memory_need import check_memory
from restore.cli.prior_loader import PriorLoader
from restore.errors import ImageError


def check_piece(plan: Plan, name: str, loader: PriorLoader) -> None:
    """Refuse what a run would refuse for its memory once the network is loaded. Raises ImageError.

    Where the network computes, and whether the picture needs it, is looked at only where it matters.
    """
    try:
        check_memory(plan.task, plan.size, name, piece=loader.settings.tile)
    except ImageError:
        if loader.on_cpu and not _is_unchanged(plan, loader):
            raise


def _is_unchanged(plan: Plan, loader: PriorLoader) -> bool:
    """Whether a picture is left as it is, as far as that is known before the first network call."""
    from restore.priors.uncalled import CalledError, Uncalled

    with suppress(CalledError):
        return plan.choose(lambda: Uncalled(loader.prior)).unchanged
    return False
