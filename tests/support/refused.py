"""Checkpoints that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore.errors import WeightsError
from restore.priors.checkpoint import load


def refused(path: Path) -> str:
    """What is said of a checkpoint that cannot be loaded: one line that names the file."""
    with pytest.raises(WeightsError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message
