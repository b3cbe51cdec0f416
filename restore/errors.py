"""The exceptions of the package.

A wrong argument is a ``ValueError`` or ``TypeError``. What is wrong outside the program is one of these, with
a message of one line that says what, and what to do; the command line prints it and exits with 1::

    RestoreError
      ImageError
        DamagedError
      MaskError
      WeightsError
      ConfigError
      OutputError
        AlreadyThereError
      ManifestError
      StoreError
      NumbersError
      PluginError
      StoppedError

What is doubtful but was done is a ``RestoreWarning``; the command line prints it as a note.
"""

from __future__ import annotations


class RestoreError(Exception):
    """Something outside the program is wrong; the message says what, and what to do.

    Examples
    --------
    >>> from restore import RestoreError, load
    >>> try:
    ...     load("missing.safetensors")
    ... except RestoreError as error:
    ...     print(type(error).__name__)
    WeightsError
    """


class ImageError(RestoreError):
    """A picture is missing, not a picture, truncated, or holds values that are not numbers."""


class DamagedError(ImageError):
    """A picture file is damaged or cut short; `restore.images.read` has ``damaged`` to read what is there."""


class MaskError(RestoreError):
    """A mask does not fit its picture."""


class WeightsError(RestoreError):
    """A checkpoint is missing, damaged, foreign, or of another format version."""


class ConfigError(RestoreError):
    """A configuration file holds an unknown key, a wrong type or a value out of range."""


class OutputError(RestoreError):
    """A result cannot be written: folder missing or read-only, disk full, file already there."""


class AlreadyThereError(OutputError):
    """A file of that name is there already, and is not to be replaced."""


class ManifestError(RestoreError):
    """A manifest is missing, no manifest, damaged, or belongs to another run."""


class StoreError(RestoreError):
    """An object store or web server cannot be reached, denies access, or does not hold what was asked for."""


class NumbersError(RestoreError):
    """Sampling gave values that are not finite."""


class PluginError(RestoreError, ValueError):
    """A sampler, method or operator of somebody else's cannot be loaded, or does not do what it has to."""


class StoppedError(RestoreError):
    """A run was stopped by Ctrl-C or another signal, and its state is saved.

    Parameters
    ----------
    message : what is saved, and how to go on.
    number : of the signal.
    """

    def __init__(self, message: str, number: int = 2):
        super().__init__(message)
        self.number = number


class RestoreWarning(UserWarning):
    """A result may be worse than what was given; the message says why, and what to do."""
