"""Commands whose options can be configured, and what happens where options cannot be together."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from restore.cli.config_tables import Names, is_configured
from restore.cli.configuration import GIVEN, TYPED, Setting, Sources, user_file
from restore.errors import ConfigError

KEY = "restore.configured"  # of the context: the words of the command, and its settings
WORD = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
NEEDLESS = re.compile(r"leave out (--[\w-]+)")


class Configured(click.Command):
    """A command that takes the values of its options from files and from the environment, too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if is_configured(self) and not ctx.resilient_parsing:  # else a shell is completing
            ctx.meta[KEY] = list(args), _settings(ctx, list(args))
            _apply(ctx)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; of options that it refuses together, those that are configured give way."""
        while True:
            try:
                return super().invoke(ctx)
            except (click.UsageError, ConfigError) as error:
                if not is_configured(self) or KEY not in ctx.meta:
                    raise
                if not (isinstance(error, click.UsageError) and self._without(_loser(ctx, error), ctx)):
                    raise _with_places(ctx, error) from error

    def _without(self, names: set[str], ctx: click.Context) -> bool:
        """Parse the command again without some of its settings; False where that cannot be."""
        args, settings = ctx.meta[KEY]
        if not names:
            return False
        ctx.meta[KEY] = args, {name: each for name, each in settings.items() if name not in names}
        _apply(ctx)
        ctx.params.clear()
        try:
            super().parse_args(ctx, list(args))
        except click.MissingParameter:
            ctx.meta[KEY] = args, settings
            return False
        return True


def names_of(ctx: click.Context) -> Names:
    """The words that call the command of a context, without the name of the program."""
    names = [str(ctx.info_name)]
    while ctx.parent is not None and ctx.parent.parent is not None:
        ctx = ctx.parent
        names.insert(0, str(ctx.info_name))
    return tuple(names)


def settings_in(ctx: click.Context) -> dict[str, Setting]:
    """What of the options of the running command is configured and holds."""
    return ctx.meta[KEY][1] if KEY in ctx.meta else {}


def configured_words(ctx: click.Context) -> list[str]:
    """What holds from elsewhere than the file of --config, which is typed, as words on the command line."""
    words = []
    for name, option in ((each.name or "", each) for each in ctx.command.params):
        setting = settings_in(ctx).get(name)
        if setting is not None and setting.source != GIVEN and isinstance(option, click.Option):
            word = max(option.opts, key=len)
            if option.is_flag:
                words.append(word if setting.value else option.secondary_opts[0])
                continue
            several = isinstance(setting.raw, list)
            parts = [str(each) for each in (setting.raw if several else [setting.raw])]
            words += [f"{word}={each}" for each in (parts if option.multiple else [",".join(parts)])]
    return words


def sources_of(file: Path | None, *, alone: bool) -> Sources:
    """Where values come from. alone: from the file and nowhere else."""
    return Sources({}, file) if alone else Sources(os.environ, file, user_file(os.environ))


def _settings(ctx: click.Context, args: list[str]) -> dict[str, Setting]:
    typed, _, _ = ctx.command.make_parser(ctx).parse_args(args)
    options = {each.name: each for each in ctx.command.get_params(ctx)}
    if any(options[name].is_eager for name in typed if name in options):
        return {}  # --help says what holds without any configuration
    word = typed.get("config")
    file = None if word is None else options["config"].type.convert(word, options["config"], ctx)
    sources = sources_of(file, alone=bool(typed.get("no_config")))
    return sources.settings(names_of(ctx), ctx, typed=typed)


def _apply(ctx: click.Context) -> None:
    ctx.default_map = {name: each.value for name, each in settings_in(ctx).items()}


def _loser(ctx: click.Context, error: click.UsageError) -> set[str]:
    """The settings that give way where options are refused; none where what is refused was meant.

    Typed options win over those that are configured, and an own table over what is shared. A shared value
    that has no effect in a command gives way, too.
    """
    settings, ranks = settings_in(ctx), _ranks(ctx, error.message)
    if not ranks:
        return set()
    lowest, highest = min(ranks.values()), max(ranks.values())
    if lowest < highest:
        return {name for name, rank in ranks.items() if rank == lowest}
    told = NEEDLESS.search(error.message)
    first = next(_named(ctx, told[1]), None) if told else next(iter(ranks))
    needless = len(ranks) == 1 or "leave it out" in error.message or told
    return {first} if first in settings and settings[first].shared and needless else set()


def _ranks(ctx: click.Context, text: str) -> dict[str, int]:
    """The ranks of those of the options in a message that are set, in their order."""
    settings, ranks = settings_in(ctx), {}
    for name in _named(ctx, text):
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            ranks[name] = TYPED
        elif name in settings:
            ranks[name] = settings[name].rank
    return ranks


def _named(ctx: click.Context, text: str) -> Iterator[str]:
    """The names of the options that a message is about."""
    words = {word: each.name for each in ctx.command.params for word in (*each.opts, *each.secondary_opts)}
    return (str(words[word]) for word in WORD.findall(text) if word in words)


def _with_places(ctx: click.Context, error: click.UsageError | ConfigError) -> Exception:
    """The same error, with where the options come from that it is about."""
    text = error.message if isinstance(error, click.UsageError) else str(error)
    settings = settings_in(ctx)
    names = dict.fromkeys(name for name in _named(ctx, text) if name in settings)
    if not names:
        return error
    options = {each.name: each for each in ctx.command.params}
    told = [f"{max(options[name].opts, key=len)} is from {settings[name].place}" for name in names]
    text = f"{text} ({', '.join(told)})"
    return click.UsageError(text, ctx) if isinstance(error, click.UsageError) else ConfigError(text)
