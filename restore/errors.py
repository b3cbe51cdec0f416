"""The error family: what the outside world can do to us, each as one clear line.

Library code raises ``ValueError``/``TypeError`` for wrong arguments and a ``RestoreError`` child
for the outside world. The command line turns a ``RestoreError`` into one line and exit 1.
"""

from __future__ import annotations


class RestoreError(Exception):
    """Something outside the program is wrong; the message says what, and what to do."""


class ImageError(RestoreError):
    """A picture is missing, not a picture, truncated, or holds values that are not numbers."""


class MaskError(RestoreError):
    """A mask does not fit its picture."""


class WeightsError(RestoreError):
    """A checkpoint is missing, damaged, foreign, or of another format version."""


class ConfigError(RestoreError):
    """A configuration file holds an unknown key, a wrong type or a value out of range."""


class OutputError(RestoreError):
    """A result cannot be written: folder missing or read-only, disk full, file already there."""


class NumbersError(RestoreError):
    """Sampling gave values that are not finite."""
