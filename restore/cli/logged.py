"""What the package logs, such as a seed that was drawn, as lines of a command that is to say more."""

from __future__ import annotations

import logging
from collections.abc import Callable

NAME = "restore"


class Logged(logging.Handler):
    """Says what is logged from its making until it is closed."""

    def __init__(self, say: Callable[[str], None]):
        super().__init__(logging.INFO)
        self._say = say
        logger = logging.getLogger(NAME)
        self._level = logger.level
        logger.setLevel(min(logging.INFO, logger.level or logging.INFO))
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Say a line."""
        self._say(record.getMessage())

    def close(self) -> None:
        """Leave the logger as it was."""
        logger = logging.getLogger(NAME)
        logger.removeHandler(self)
        logger.setLevel(self._level)
        super().close()
