"""The files that an evaluation writes: JSON, CSV, a report, a figure."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli.jobs import check_folder
from restore.errors import OutputError, RestoreError

if TYPE_CHECKING:
    from restore.evaluation.results import Evaluation

Encoder = Callable[["Evaluation", str], bytes]
"""``encoder(evaluation, suffix)``, the suffix in small letters."""


class OutputFiles:
    """The outputs that were asked for. Raises UsageError and OutputError for those that cannot be written."""

    def __init__(self, options: Mapping[str, Any]):
        self._overwrite = bool(options["overwrite"])
        self._texts = {name: options[name] for name in ("json_file", "csv_file")}
        self._files = {
            name: Path(value)
            for name in ("json_file", "csv_file", "report", "plot")
            if (value := options[name]) and str(value) != "-"
        }
        _check_names(options)
        for path in self._files.values():
            _check_writable(path, overwrite=self._overwrite)
        if len(set(self._files.values())) < len(self._files):
            raise click.UsageError("--json, --csv, --report and --plot name the same file twice")
        if "plot" in self._files:
            from restore.evaluation.plot import check

            check()

    @property
    def on_stdout(self) -> bool:
        """Whether JSON or CSV goes to standard output, in place of tables."""
        return "-" in self._texts.values()

    def write(self, evaluation: Evaluation, wrote: Callable[[Path], None]) -> None:
        """Write everything; ``wrote(path)`` is called after each file.

        One file that cannot be written does not stop the others; the first such error is raised at the end.
        """
        for name, value in self._texts.items():
            if value == "-":
                click.echo(_ENCODERS[name](evaluation, "").decode(), nl=False)
        problems: list[RestoreError] = []
        for name, path in self._files.items():
            try:
                encoded = _ENCODERS[name](evaluation, path.suffix.lower())
                images.write_bytes(path, encoded, overwrite=self._overwrite)
            except RestoreError as error:
                problems.append(error)
            else:
                wrote(path)
        if problems:
            raise problems[0]


def _check_names(options: Mapping[str, Any]) -> None:
    """Refuse outputs that cannot all be what they are to be."""
    for name in ("report", "plot"):
        if str(options[name]) == "-":
            raise click.UsageError(f"--{name} - : only --json and --csv go to standard output")
    texts = options["json_file"], options["csv_file"]
    if texts == ("-", "-"):
        raise click.UsageError("--json and --csv cannot both go to standard output; name a file for one")


def _check_writable(path: Path, *, overwrite: bool) -> None:
    """Refuse a file that could not be written in the end, before anything is computed."""
    if path.is_dir():
        raise OutputError(f"{path}: expected a file name, got a folder; add a name")
    kind = images.what_is(path)
    if kind not in ("", "a file") and not (overwrite and kind == "a link to nothing"):
        raise OutputError(f"{path}: expected a file name, got {kind}; choose another name")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: the file is already there; choose another name or pass --overwrite")
    check_folder(path)
    try:
        with tempfile.TemporaryFile(dir=path.absolute().parent):
            pass
    except OSError as error:
        raise OutputError(f"{path}: cannot write there ({error.strerror}); choose another folder") from None


def _json(evaluation: Evaluation, suffix: str) -> bytes:
    from restore.evaluation.tables import as_json

    return as_json(evaluation).encode()


def _csv(evaluation: Evaluation, suffix: str) -> bytes:
    from restore.evaluation.tables import as_csv

    return as_csv(evaluation).encode()


def _report(evaluation: Evaluation, suffix: str) -> bytes:
    from restore.evaluation.report import html

    return html(evaluation).encode()


def _plot(evaluation: Evaluation, suffix: str) -> bytes:
    from restore.evaluation.plot import png, svg

    return svg(evaluation) if suffix == ".svg" else png(evaluation)


_ENCODERS: dict[str, Encoder] = {"json_file": _json, "csv_file": _csv, "report": _report, "plot": _plot}
