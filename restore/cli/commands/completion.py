"""``restore completion``: print the script by which a shell completes commands, options and names."""

from __future__ import annotations

import click

from restore.cli.help_pages import Command
from restore.cli.registry import register


@register
@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script by which SHELL completes commands, options, methods, samplers and checkpoints.

    Put the line of your shell into its start file: ~/.bashrc, ~/.zshrc (after compinit), or
    ~/.config/fish/config.fish.

    \b
    restore completion bash > restore.bash
    eval "$(restore completion bash)"
    eval "$(restore completion zsh)"
    restore completion fish | source
    """
    from click.shell_completion import get_completion_class

    context = click.get_current_context()
    kind = get_completion_class(shell)
    assert kind is not None, "click knows these shells"
    click.echo(kind(context.find_root().command, {}, "restore", "_RESTORE_COMPLETE").source(), nl=False)
