"""The pages of the commands, made of what `aerchive COMMAND --help` is made of."""

from __future__ import annotations

import re

import click

from aerchive.cli import COMMANDS, PROGRAM, commands

FOLDER = "docs/reference/commands"
_HEADING = re.compile(r"^## `([a-z]+)`\n", re.MULTILINE)


def documents() -> list[str]:
    """Returns the documents of all commands, for the navigation."""
    return [f"{FOLDER}/{name}" for name in COMMANDS]


def page(name: str) -> str:
    """Returns the page of a command: its line, how it is called, its options, notes and examples."""
    parent = click.Context(commands, info_name=PROGRAM)
    command = commands.get_command(parent, name)
    if command is None:
        raise KeyError(name)
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join([f"{PROGRAM} {name}", *command.collect_usage_pieces(context)])
    options = [one for one in command.get_params(context) if isinstance(one, click.Option)]
    records = [record for one in options if (record := one.get_help_record(context))]  # none of one that is hidden
    notes = (command.epilog or "").replace("\b\n", "").rstrip()
    return "\n".join(
        [
            f"# `{name}`",
            "",
            command.help or "",
            "",
            *("```text", usage, "```"),
            "",
            f"More about it is in [Command line](../command-line.md#{name}).",
            "",
            "## Options",
            "",
            *("| option | |", "|---|---|"),
            *(f"| {code(option)} | {cell(text)} |" for option, text in records),
            "",
            *(part for block in blocks(notes) for part in block),
            "",
        ]
    )


def code(text: str) -> str:
    """Returns a text as code in a cell of a table."""
    return f"`{text}`".replace("|", "\\|")


def cell(text: str) -> str:
    """Returns a text for a cell of a table, in which names with an underscore or a star stay as they are."""
    return re.sub(r"([|*_<>`])", r"\\\1", text)


def blocks(notes: str) -> list[list[str]]:
    """Returns the notes and the examples of a help as sections with a block each."""
    found = []
    for part in notes.split("\n\n"):
        first, _, rest = part.partition("\n")
        if first in {"Example:", "Examples:"}:
            lines = [f"$ {line.strip()}" for line in rest.splitlines()]
            found.append([f"## {first.rstrip(':')}", "", "```console", *lines, "```", ""])
        elif part:
            found.append(["```text", part, "```", ""])
    return found


def with_links(text: str) -> str:
    """Returns the page on the command line with a link to the page of each command below its heading."""
    return _HEADING.sub(lambda found: f"{found[0]}\n[All options of `{found[1]}`](commands/{found[1]}.md)\n", text)
