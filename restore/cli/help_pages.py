"""How ``--help`` is laid out: options in groups, the ones used most first, and the examples at the end.

An option needs no word about its group where it is declared: the tables below know it by its name. One that
they do not name is one of what to do.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

import click

from restore.cli.configured import Configured
from restore.cli.events import errors_told
from restore.cli.strict import Strict

MOST = 12  # options at most that come first
DO = "What to do"
GROUPS = {
    "Input and output": """
        output out pages suffix format output_quality output_template depth data_range
        folders pairs listed limit references drawn overwrite skip_unchanged allow_damaged provenance
        plot csv_file json_file json as_json
        quiet verbose dry_run config no_config resume force help
        """,
    DO: "",
    "How well": """
        estimate estimates samples count method methods sampler variance eta ladder thresholding guidance
        start jump_length jump_repeats ensemble consistent seed trial_seed hole_seed
        metrics trunks trunk_files loss rank lr batch held_out probes
        """,
    "How long": "steps nfe seconds minutes profile",
    "Many pictures": """
        ignore manifest retry_failed forced shard in_place backup watch settle poll jobs engine address
        """,
    "Reports and maps": """
        preview show opened report compare save_mask uncertainty uncertainty_samples trajectory
        report_consistency
        """,
    "Machine": "weights device precision tile max_memory",
}
"""The names of options by the headings of their groups, in the order in which they are shown."""

OFTEN = """
    mask masks box at words operators kernel count size scale width height max_side sigma strength quality
    page sensitivity only infrared reference grow protocol holes names plot photo folders pairs output
    overwrite estimate samples method methods head_channels heads minutes metrics limit report csv_file
    json_file seed resume quiet dry_run device weights steps
    """
"""The names of options, those that a newcomer needs most first."""

JSON = ("json", "as_json")  # what --json is called in commands where it is a flag

Rows = list[tuple[str, str]]


class Command(Configured, Strict):
    """A command whose help has its options in groups, and whose errors are events by --json."""

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **more: Any) -> click.Context:
        asked = any(each.name in JSON and f in args for each in self.params for f in each.opts)
        with errors_told(asked):
            return super().make_context(info_name, args, *rest, **more)

    def invoke(self, ctx: click.Context) -> Any:
        with errors_told(any(ctx.params.get(name) is True for name in JSON)):
            return super().invoke(ctx)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        text, _ = parts(self.help or "")
        if text:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(text)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, rows in sections(self.get_params(ctx), ctx):
            with formatter.section(heading):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _, examples = parts(self.help or "")
        if examples:
            with formatter.section("Examples"):  # as they are, to be copied
                formatter.write("".join(f"  {line}\n" for line in examples))
        super().format_epilog(ctx, formatter)


class Group(Command, click.Group):
    """A group of such commands."""

    command_class = Command

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, first_sentence(each)) for name, each in found if each is not None])


def parts(text: str) -> tuple[str, list[str]]:
    """Split the docstring of a command into its text and its examples, the lines of a ``\\b`` paragraph."""
    paragraphs = inspect.cleandoc(text).partition("\f")[0].split("\n\n")
    examples = [each for each in paragraphs if each.startswith("\b\nrestore ")]
    rest = [each for each in paragraphs if each not in examples]
    return "\n\n".join(rest), [line for each in examples for line in each.splitlines()[1:]]


def first_sentence(command: click.Command) -> str:
    """Say what a command does: the first sentence of its help, whole."""
    paragraph = inspect.cleandoc(command.short_help or command.help or "").partition("\n\n")[0]
    return re.split(r"(?<=[.!?])\s", " ".join(paragraph.split()), maxsplit=1)[0]


def sections(parameters: Iterable[click.Parameter], ctx: click.Context) -> list[tuple[str, Rows]]:
    """Give the headings of a command's help, each with its options and their texts."""
    shown = []
    for heading, own in arranged(parameters).items():
        records = (option.get_help_record(ctx) for option in own)
        if rows := [record for record in records if record is not None]:
            shown.append((heading, rows))
    return shown


def arranged(parameters: Iterable[click.Parameter]) -> dict[str, list[click.Option]]:
    """Give the options of a command by their headings, in the order in which they are shown.

    Where there are few options, all of them stand in their groups.
    """
    found = [each for each in parameters if isinstance(each, click.Option)]
    # What click adds is called otherwise in some of its versions.
    options = {"help" if "--help" in each.opts else str(each.name): each for each in found}
    often = [name for name in OFTEN.split() if name in options][: MOST - 1]
    often = [*often, "help"] if len(options) > MOST else []
    groups = {"Often used": often}
    placed = {name for names in GROUPS.values() for name in names.split()}
    for heading, names in GROUPS.items():
        own = [name for name in options if name not in placed] if heading == DO else []
        groups[heading] = [name for name in (*own, *names.split()) if name not in often]
    if options.keys() <= {"help", "version"}:
        groups = {"Options": list(options)}
    return {heading: [options[name] for name in own if name in options] for heading, own in groups.items()}
