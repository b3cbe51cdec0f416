"""``restore serve``: restore pictures on a page in the browser, with a brush."""

from __future__ import annotations

import re
import sys
import threading
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli.browser import has_screen
from restore.cli.help_pages import Command
from restore.cli.loudness import QUIET
from restore.cli.options import DEVICE, WEIGHTS
from restore.cli.parameters import FileName
from restore.cli.registry import register
from restore.cli.reporter import say
from restore.errors import ConfigError, OutputError
from restore.images.extras import install
from restore.priors.tensor_header import parse_header, read_weights

if TYPE_CHECKING:
    from restore.cli.serve.address import Address
    from restore.cli.serve.config import Serving

NEEDED = ("starlette", "uvicorn")
POOR_NAMES = "pictures lose other letters in their names; set PYTHONUTF8=1 to keep them"
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", re.IGNORECASE)


@register
@click.command(cls=Command)
@click.argument("pictures", nargs=-1, type=FileName(path_type=Path), required=False, metavar="PICTURE...")
@click.option(
    "--open/--no-open", "opened", default=None,
    help="Whether the page is opened in the browser.  [default: yes, where there is a screen and a terminal]",
)  # fmt: skip
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
    help="The address to listen on. The default is reached from this machine alone; any that others reach, "
    "such as 0.0.0.0, needs --password or --public.",
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="N",
    help="The port to listen on; 0: any that is free.  [default: 8765, or the next that is free]",
)  # fmt: skip
@click.option(
    "--password", metavar="WORD",
    help="Ask for this password before anything is shown. - reads it from standard input, so that it is not "
    "in the list of processes; the variable RESTORE_SERVE_PASSWORD does, too.",
)  # fmt: skip
@click.option(
    "--public", is_flag=True,
    help="Let in everybody who can reach the address; each visitor sees only their own pictures.",
)  # fmt: skip
@click.option(
    "--allow-host", multiple=True, metavar="NAME",
    help="Another host name by which the page is reached, such as that of a proxy. May be given several "
    "times.",
)  # fmt: skip
@click.option(
    "--framed-by", multiple=True, metavar="ORIGIN",
    help="A site that may show the page in a frame, such as https://huggingface.co. May be given several "
    "times.",
)  # fmt: skip
@click.option(
    "--max-upload", type=click.IntRange(1, 100_000), default=1024, show_default=True, metavar="MB",
    help="The largest file that can be uploaded.",
)  # fmt: skip
@WEIGHTS
@DEVICE
@QUIET
def serve(pictures: tuple[Path, ...], opened: bool | None, quiet: bool, **options: Any) -> None:
    """Restore pictures on a page in the browser: paint, fill, denoise, compare, download.

    The page is served by this machine for this machine: no picture leaves it, and nothing is loaded from
    elsewhere. Its address, with the token that opens it, goes to standard output. Pictures that are named
    are opened at once; their files stay as they are. What was not downloaded is gone when the program ends.

    \b
    restore serve
    restore serve scan.tif
    restore serve --host 0.0.0.0 --password -
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(f"restore serve needs {' and '.join(missing)}; {install('web')}")
    from restore.cli.serve.address import checked_address

    checked = checked_address(options["host"], options["password"], options["public"])
    check_names(options["allow_host"], options["framed_by"])
    if options["weights"] is not None:
        read_weights(options["weights"], parse_header)
    for path in pictures:
        images.read_bytes(path, start=images.picture_start(str(path)))
    Run(pictures, options, opened, quiet, checked).run()


def check_names(hosts: Sequence[str], origins: Sequence[str]) -> None:
    """Refuse names that are none. Raises UsageError."""
    from restore.cli.serve.host_names import bad_names

    for name in bad_names(hosts):
        raise click.UsageError(f"--allow-host: expected a name such as photos.example, got {name[:80]!r}")
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise click.UsageError(
                f"--framed-by: expected an origin such as https://huggingface.co, got {origin[:80]!r}"
            )


class Run:
    """A run of the server, until it is ended."""

    def __init__(
        self,
        pictures: tuple[Path, ...],
        options: dict[str, Any],
        opened: bool | None,
        quiet: bool,
        checked: Address,
    ):
        self.pictures, self.options, self.opened, self.quiet = pictures, options, opened, quiet
        self.checked = checked

    def run(self) -> None:
        """Serve until Ctrl-C or another signal ends it, which is no failure."""
        from restore.cli.serve.private_folder import PrivateFolder
        from restore.cli.serve.server import bound

        coding = sys.getfilesystemencoding()
        poor = () if coding == "utf-8" else (f"file names are in {coding} here; {POOR_NAMES}",)
        for note in () if self.quiet else (*self.checked.notes, *poor):
            say(f"note: {note}")
        listening = bound(self.checked.host, self.options["port"])
        try:
            with PrivateFolder() as private:
                serving = self._serving(private.path, listening.getsockname()[1])
                with suppress(KeyboardInterrupt):
                    self._serve(serving, listening)
        finally:
            listening.close()
        if not self.quiet:
            say("the server has ended; its files are removed")

    def _serving(self, folder: Path, port: int) -> Serving:
        from dataclasses import replace

        from restore.cli.serve.config import PUBLIC, Limits, Serving
        from restore.cli.serve.login import new_token

        options = self.options
        usual = PUBLIC if options["public"] else Limits()
        return Serving(
            self.checked.host, port, new_token(), folder, opening=new_token(),
            password=self.checked.password, public=options["public"],
            allowed_hosts=options["allow_host"], frame_ancestors=options["framed_by"],
            device=options["device"], weights=options["weights"],
            limits=replace(usual, file_bytes=options["max_upload"] * 2**20),
        )  # fmt: skip

    def _serve(self, serving: Serving, listening: Any) -> None:
        from restore.cli.serve.app import create_app
        from restore.cli.serve.server import Server
        from restore.cli.serve.service import Service

        service = Service(serving)
        service.opens = [path.absolute() for path in self.pictures]
        address, opening = self._address(serving, serving.token), self._address(serving, serving.opening)

        def begun() -> None:
            if service.problem is not None:
                server.should_exit = True
                return
            click.echo(address)
            sys.stdout.flush()
            if not self.quiet:
                say("Ctrl-C ends it; what was not downloaded is gone then")
            if has_screen() if self.opened is None else self.opened:
                threading.Thread(target=webbrowser.open, args=(opening,), daemon=True).start()

        app = create_app(serving, service)
        server = Server(app, begun, service.end_streams)
        server.run(sockets=[listening])
        if service.problem is not None:
            raise service.problem
        if not server.started:
            raise OutputError("the server could not start; the lines above say why")

    def _address(self, serving: Serving, token: str) -> str:
        host = serving.host if serving.host not in ("0.0.0.0", "::") else "127.0.0.1"
        name = f"[{host}]" if ":" in host else host
        key = "" if serving.password or serving.public else f"?token={token}"
        return f"http://{name}:{serving.port}/{key}"
