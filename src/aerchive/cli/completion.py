"""``aerchive completion SHELL``: prints what makes a shell complete what is typed."""

from __future__ import annotations

import click

from aerchive.cli import COMPLETE, PROGRAM, commands
from aerchive.cli.command import command
from aerchive.cli.output import put

_SHELLS = ("bash", "zsh", "fish")
_WHERE = """\
Put this into the file that your shell reads when it starts:
  bash  (~/.bashrc)                    eval "$(aerchive completion bash)"
  zsh   (~/.zshrc, after compinit)     eval "$(aerchive completion zsh)"
  fish  (~/.config/fish/config.fish)   aerchive completion fish | source
"""


@command("completion", 'eval "$(aerchive completion bash)"', file_word="none", notes=_WHERE)
@click.argument("shell", type=click.Choice(_SHELLS))
def run(_path: str | None, *, shell: str) -> int:
    """Prints the commands for the shell."""
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    assert complete is not None  # noqa: S101  (click has all three)
    put(complete(commands, {}, PROGRAM, COMPLETE).source())
    return 0
