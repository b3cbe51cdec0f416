"""From what a visitor asks for to the words of a command line, and what is wrong with it, by the option.

The words are checked by the very command that will run, which is not run. Nothing that a visitor sends
becomes an option, the name of a file of the server, or a word of the shell.

Commands of a page have ``--no-config``: the files and variables that configure the command line could send
results elsewhere, take other weights, and make a page mean something else than it shows. `shown` leaves
the word out where nothing is configured, so that what is copied does the same in the user's own shell.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import click

from restore import plugins
from restore.cli.checking import check_alone
from restore.cli.config_file import close_to, key_of
from restore.cli.configuration import Sources, user_file
from restore.cli.configured import WORD
from restore.cli.printable import message, printable
from restore.cli.provenance import quoted
from restore.cli.serve.catalogue import METHODS_OF, TASKS, command_of, default_of, offered, takes_words
from restore.cli.serve.left_out import MADE, UPLOADS, why_not
from restore.cli.serve.refusals import Refusal
from restore.diffusion.samplers import SAMPLERS
from restore.errors import ConfigError, RestoreError
from restore.tasks import catalogue

LONGEST = 1000  # characters of a value
DIGITS = 30  # of a whole number
MOST = 100  # values of an option that can be given several times
ALONE = "--no-config"


class Refused(Refusal):
    """What is asked for cannot be done. option: the key of the one that is wrong, "mask" or "picture"."""

    def __init__(self, text: str, option: str | None = None):
        super().__init__(text, 422, option)


def arguments(
    task: object, options: object, *, picture: str, mask: str | None, files: Mapping[str, str]
) -> list[str]:
    """Give the words of the command for a task, without the name of the program and without an output.

    picture, mask: names in the folder in which the command will run. files: such names of what was uploaded,
    by their ids, which are the values of options that take files. Raises Refused.
    """
    command = command_of(task)
    if command is None or not isinstance(task, str):
        raise Refused(f"expected a task, one of {', '.join(TASKS)}, got {_told(task)}", "task")
    if not isinstance(options, Mapping):
        raise Refused(f"expected options by their names, got {_told(options)}")
    known, words, given = offered(task), list[str](), list[str]()
    if mask is not None:
        words += _mask_words(command, mask, options)
    for key, option in known.items():
        if key in options:
            found = _words(option, options[key], picture, files)
            words += found
            given += [key] if found else []
    for key in options:
        if key not in known:
            _refuse_unknown(task, key, known)
    words = [task, picture, *words, ALONE]
    _check(command, words, given, _named_files(words, files), alone=_by_package(task, options))
    return words


def shown(argv: Sequence[str]) -> str:
    """Give a command as it can be pasted into a shell."""
    words = [word for word in argv if word != ALONE or is_configured(argv[0])]
    return " ".join(map(quoted, ("restore", *words)))


def option_of(task: str, text: str, given: Collection[str] = ()) -> str | None:
    """Say which option of a task a message is about: its key, "mask", or None. given: keys that are set."""
    command = command_of(task)
    if command is None:
        return None
    known = offered(task)
    keys = {word: key for key, each in known.items() for word in (*each.opts, *each.secondary_opts)}
    if _takes_mask(command):
        keys |= dict.fromkeys(("--mask", "--masks"), "mask")
    named = [keys[word] for word in WORD.findall(text) if word in keys]
    named = named or [key for key in given if re.search(rf"\b{key}\b", text)]
    return next((key for key in named if key in given), named[0] if named else None)


def is_configured(task: str) -> bool:
    """Whether the user's own file or environment has options for a command."""
    command = command_of(task)
    if command is None:
        return False
    context = click.Context(command, info_name=task, parent=_root())
    try:
        return bool(Sources(os.environ, None, user_file(os.environ)).settings((task,), context))
    except ConfigError:
        return True


def _root() -> click.Context:
    from restore.cli.main import main

    return click.Context(main, info_name="restore")


def _mask_words(command: click.Command, mask: str, options: Mapping[Any, Any]) -> list[str]:
    if not _takes_mask(command):
        raise Refused(f"restore {command.name} takes no mask; leave the strokes out", "mask")
    if options.get("mask") is not None:
        raise Refused("the mask is painted and given as a file, too; leave one of them out", "mask")
    return ["--mask", mask]


def _takes_mask(command: click.Command) -> bool:
    return any("--mask" in each.opts for each in command.params)


def _refuse_unknown(task: str, key: object, known: Iterable[str]) -> None:
    if not isinstance(key, str):
        raise Refused(f"expected the name of an option, got {_told(key)}")
    if reason := why_not(task, key):
        raise Refused(f"--{key.replace('_', '-')} is not for a page: {reason}; leave it out", key)
    about = f"restore {task} has no option {_told(key)}"
    raise Refused(f"{about}; {close_to(key[:LONGEST], known)}", printable(key[:LONGEST]))


def _words(option: click.Option, value: Any, picture: str, files: Mapping[str, str]) -> list[str]:
    """Give a value as words; none for that which the option has anyway. Raises Refused."""
    key, word = key_of(option), max(option.opts, key=len)
    if value is None:
        return []
    if option.is_flag or key in MADE:
        return _switch(option, key, value, picture)
    values = value if isinstance(value, list) and option.multiple else [value]
    if len(values) > MOST:
        raise Refused(f"{word}: expected at most {MOST} values, got {len(values)}", key)
    if not option.multiple and value == default_of(option) and type(value) is not bool:
        return []
    texts = [_text(option, each) for each in values]
    if key in UPLOADS:
        texts = [_file(option, each, files) for each in texts]
    # What begins with a hyphen would be another option to a reader.
    pairs = [[f"{word}={each}"] if each.startswith("-") else [word, each] for each in texts]
    return [each for pair in pairs for each in pair]


def _switch(option: click.Option, key: str, value: Any, picture: str) -> list[str]:
    word = max(option.opts, key=len)
    if not isinstance(value, bool):
        raise Refused(f"{word}: expected true or false, got {_told(value)}", key)
    if key in MADE:
        return [word, PurePath(picture).stem + MADE[key]] if value else []
    if value == default_of(option):
        return []
    return [word] if value else list(option.secondary_opts[:1])


def _text(option: click.Option, value: Any) -> str:
    """Give a value as it is typed. Raises Refused for what nobody can type."""
    key, word = key_of(option), max(option.opts, key=len)
    what = option.metavar or "a value"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refused(f"{word}: expected {what}, got {_told(value)}", key)
    if isinstance(value, int) and abs(value) >= 10**DIGITS:
        raise Refused(f"{word}: expected {what}, got a number of more than {DIGITS} digits", key)
    text = value if isinstance(value, str) else _number(value)
    if len(text) > LONGEST:
        raise Refused(f"{word}: expected at most {LONGEST} characters, got {len(text)}", key)
    if printable(text) != text:
        raise Refused(f"{word}: expected {what}, got one with control characters: {printable(text)}", key)
    return text


def _number(value: float) -> str:
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 10**DIGITS
    return str(int(value)) if whole else str(value)


def _file(option: click.Option, text: str, files: Mapping[str, str]) -> str:
    """Give the name of an upload by its id; words stay. Raises Refused."""
    if takes_words(option):
        before, equals, id = text.rpartition("=")
        return before + equals + files[id] if id in files else text
    if text not in files:
        key, word = key_of(option), max(option.opts, key=len)
        raise Refused(f"{word}: expected the id of an upload, got {_told(text)}; upload the file first", key)
    return files[text]


def _named_files(words: Iterable[str], files: Mapping[str, str]) -> set[str]:
    """Give the uploads that a command names."""
    named = {word.rpartition("=")[2] for word in words}
    return named & set(files.values())


def _by_package(task: str, options: Mapping[str, Any]) -> bool:
    """Whether another package would be imported by a check, which is left to the process that restores."""
    method, sampler, operators = (options.get(name) for name in ("method", "sampler", "operator"))
    if isinstance(method, str) and catalogue.plugin_of(METHODS_OF.get(task, task), method) is not None:
        return True
    if isinstance(sampler, str) and sampler not in SAMPLERS:
        return True
    words = operators if isinstance(operators, list) else [operators]
    return any(str(each).partition("=")[0] in plugins.found("operators") for each in words)


def _check(
    command: click.Command, words: list[str], given: Sequence[str], files: Collection[str], *, alone: bool
) -> None:
    """Check words by the command. alone: each by itself, not with the others. Raises Refused."""
    root = _root()
    check_alone(root, files)
    try:
        with root:
            context = command.make_context(words[0], words[1:], parent=root)
            with context:
                if not alone:
                    command.invoke(context)
    except click.ClickException as error:
        text = message(re.sub(r"([:,])\n\t", r"\1 ", error.format_message()))
        raise Refused(text, _about(command, error, text, given)) from error
    except RestoreError as error:
        text = message(str(error))
        raise Refused(text, _about(command, error, text, given)) from error


def _about(command: click.Command, error: Exception, text: str, given: Sequence[str]) -> str | None:
    """Say which option an error is about: one that is set, where the message names none."""
    about = getattr(error, "param", None)
    if isinstance(about, click.Argument):
        return "picture"
    if isinstance(about, click.Option):
        return key_of(about)
    return option_of(str(command.name), text, given) or (given[0] if given else None)


def _told(value: object) -> str:
    """A value as it came, in a few characters of one line."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    return message(text)[:80]
