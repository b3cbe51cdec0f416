"""``restore demo``: restore sample pictures and show them before and after."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import __version__, images
from restore.cli import jobs
from restore.cli.browser import open_page
from restore.cli.demo_page import MARK, Shown, html
from restore.cli.demo_pictures import CREDITS, SAMPLES, Sample
from restore.cli.events import event
from restore.cli.help_pages import Command
from restore.cli.loudness import QUIET
from restore.cli.options import DEVICE, OVERWRITE
from restore.cli.parameters import FileName, switch
from restore.cli.registry import register
from restore.cli.reporter import path_for, say, say_error
from restore.errors import OutputError, RestoreError

if TYPE_CHECKING:
    from restore.cli.main import Program

PAGE = "index.html"
KEPT = "kept from an earlier run"
STOPPED = 128  # exit codes from here on are of signals


@register
@click.command(cls=Command)
@click.option(
    "-o", "--output", type=FileName(path_type=Path), default="restore-demo", show_default=True, metavar="DIR",
    help="Folder for the pictures and the page, index.html; created if missing.",
)  # fmt: skip
@click.option(
    "--open/--no-open", "opened", default=None,
    help="Whether the page is opened in the browser.  [default: yes, where there is a screen and a terminal]",
)  # fmt: skip
@OVERWRITE
@DEVICE
@QUIET
@switch(
    "--json", help="Events on standard output: one JSON object a line for each picture, and for the page."
)
def demo(output: Path, opened: bool | None, **options: Any) -> None:
    """Restore six small sample pictures, and open a page that shows each before and after.

    A noisy photograph, one with JPEG blocks, a small one, a scratched one with its mask, an object that is in
    the way, and a worn print. It takes a minute or two on two cores. The page has the command for each
    picture, to be copied, and the time that it took; it needs no network. Its path goes to standard output.

    \b
    restore demo
    restore demo -o somewhere --no-open
    restore demo --device cuda --overwrite
    """
    program = click.get_current_context().find_root().command
    run = Demo(output, program, **options)  # type: ignore[arg-type]  # it is what started this
    run.prepare()
    page = run.restore()
    open_page(page, asked=opened, quiet=options["quiet"])
    if run.failed:
        click.get_current_context().exit(1)


@dataclass
class Demo:
    """A run of the demo. folder: of all that is written. failed: the number of pictures that did not work."""

    folder: Path
    program: Program
    overwrite: bool
    device: str
    quiet: bool
    json: bool
    failed: int = 0

    def prepare(self) -> None:
        """Find what would fail later. Raises OutputError."""
        if self.folder.exists() and not images.is_folder(self.folder):
            raise OutputError(
                f"{self.folder}: expected a folder, got {images.what_is(self.folder)}; pass another -o"
            )
        jobs.check_writable(self.folder, self.folder)
        page = self.folder / PAGE
        if not self.overwrite and page.exists() and not _is_ours(page):
            raise OutputError(
                f"{page}: a page that is not of this demo; pass --overwrite to replace it, or another -o"
            )

    def restore(self) -> Path:
        """Restore every picture, write the page, and give its path."""
        start, shown = time.monotonic(), list[Shown]()
        for number, sample in enumerate(SAMPLES, 1):
            command = shlex.join(self._words(sample))
            self.note(f"{number} of {len(SAMPLES)}, {sample.title[0].lower()}{sample.title[1:]}: {command}")
            shown.append(self._shown(sample, command))
            if shown[-1].problem:
                self.failed += 1
        self._page(shown, time.monotonic() - start)
        return self.folder / PAGE

    def _page(self, shown: Sequence[Shown], seconds: float) -> None:
        """Write the page, unless nothing is new, and report it."""
        page = self.folder / PAGE
        kept = all(each.time == KEPT for each in shown) and images.what_is(page) == "a file"
        if not kept or images.is_empty(page):
            example = shlex.quote(str(self.folder / "night-denoised.png"))
            text = html(shown, facts=_facts(), credit=CREDITS, example=example)
            images.write_bytes(page, text.encode("utf-8"), overwrite=True)
        if self.json:
            click.echo(event("page", output=str(page), status="skipped" if kept else "done"))
        else:
            click.echo(path_for(sys.stdout, str(page)))
        done = f"{len(shown) - self.failed} of {len(shown)} pictures in {seconds:.0f} seconds"
        self.note("everything was there already and was kept" if kept else f"{done}; {page} shows them")

    def note(self, text: str) -> None:
        if not self.quiet:
            say(text)

    def _words(self, sample: Sample) -> list[str]:
        """The command of a sample as typed, with its files in the folder of the demo."""
        inside = str(self.folder / "x")[:-1]
        inside = f"./{inside}" if inside.startswith("-") else inside  # else it looks like an option
        device = [] if self.device == "auto" else ["--device", self.device]
        return ["restore", *(word.replace("{}", inside, 1) for word in sample.words), *device]

    def _shown(self, sample: Sample, command: str) -> Shown:
        """Restore one picture; what fails is told, and ends nothing else."""
        picture = Shown(sample.title, sample.text, command)
        try:
            before = self._write(sample)
            told = self._run(self._words(sample)[1:])
            if problem := str(told.get("error", "")):
                return replace(picture, problem=problem)  # it is said already
            after = images.read_bytes(self.folder / sample.after)
            size = images.decode(after, name=sample.after).size
        except RestoreError as error:
            say_error(str(error))
            if self.json:
                about = {"input": str(self.folder / sample.before), "output": str(self.folder / sample.after)}
                click.echo(event("picture", **about, status="failed", error=str(error)))
            return replace(picture, problem=str(error))
        spent = f"restored in {told['seconds']:.1f} seconds" if "seconds" in told else KEPT
        return replace(picture, before=before, after=after, size=size, time=spent)

    def _write(self, sample: Sample) -> bytes:
        """Write the files that a sample begins with, and give its picture. Raises RestoreError."""
        made = sample.make()
        for name, data in made.items():
            path = self.folder / name
            there = images.what_is(path) == "a file" and not images.is_empty(path)
            if there and images.read_bytes(path) == data:
                continue
            if there and not self.overwrite:
                raise OutputError(
                    f"{path}: a file that is not of this demo; pass --overwrite to replace it, or another -o"
                )
            jobs.write(jobs.Job(None, path), data, overwrite=self.overwrite)
        return made[sample.before]

    def _run(self, words: Sequence[str]) -> dict[str, Any]:
        """Run a command of this program as it would be typed; give what it says of its picture as JSON."""
        more = ["--json", "--no-config", *(["--quiet"] * self.quiet), *(["--overwrite"] * self.overwrite)]
        written = io.BytesIO()
        with contextlib.redirect_stdout(io.TextIOWrapper(written, "utf-8", write_through=True)) as stream:
            code = self.program.run([*words, *more], prog_name="restore")
            stream.flush()
        lines = [json.loads(line) for line in written.getvalue().splitlines()]
        for line in lines if self.json else ():
            click.echo(json.dumps(line))
        if code >= STOPPED:
            click.get_current_context().exit(code)
        told: dict[str, Any] = lines[-1] if lines else {}
        if code and not told.get("error"):
            told = {"error": f"restore {words[0]} ended with exit code {code}"}
        return told


def _is_ours(page: Path) -> bool:
    """Whether a page was made by this command, or is empty."""
    try:
        data = page.read_bytes()
    except OSError:
        return False
    return not data or MARK in data[:2000]


def _facts() -> str:
    """A line on what the pictures were computed with."""
    import torch

    from restore.priors.device import best_device

    count = torch.get_num_threads()
    used = f"{count} thread{'s' * (count > 1)}" if best_device() == "cpu" else best_device()
    return f"restore {__version__}, torch {torch.__version__}, {used}."
