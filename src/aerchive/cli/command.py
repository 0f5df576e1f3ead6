"""What commands have in common: the project, which may be named anywhere, and arguments that several of them take.

Why they are made with click, and their tables with rich, is in decision 0038.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import click
from click.shell_completion import CompletionItem

from aerchive.cli import COMMANDS
from aerchive.errors import InvalidInputError
from aerchive.paths import is_url

FileWord = Literal["any", "first", "none"]
"""Which of the words of a command line may be the project file: any, only the first, or none of them."""
Function = TypeVar("Function", bound=Callable[..., Any])
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_POSITION = re.compile(r"-\d+")
_PROJECT = "project"


class Command(click.Command):
    """A command on a project, which ``-p`` or a word may name, before or after the name of the command.

    Args:
        file_word: Which words may be the project file, if ``-p`` is not given.
    """

    def __init__(self, *args: Any, file_word: FileWord = "none", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._file_word = file_word

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the words after the name of the command; one that looks like an option may be a position (-1)."""
        if not ctx.allow_interspersed_args:
            return super().parse_args(ctx, args)
        options, words = self._sorted(args)
        has_project = ctx.find_root().params.get(_PROJECT) is not None or any(
            word.startswith(("--project", "-p")) for word in options
        )
        if self._file_word != "none" and not has_project:
            at = next((at for at, word in enumerate(words) if is_project_name(word)), None)
            if at is not None and (at == 0 or self._file_word == "any"):
                options += ["--project", words.pop(at)]
        return super().parse_args(ctx, [*options, "--", *words])

    def _sorted(self, args: Sequence[str]) -> tuple[list[str], list[str]]:
        """Returns the options with their values, and the other words."""
        flags: dict[str, bool] = {}
        for one in self.get_params(click.Context(self)):
            if isinstance(one, click.Option):
                flags |= dict.fromkeys([*one.opts, *one.secondary_opts], one.is_flag)
        options: list[str] = []
        words: list[str] = []
        rest = iter(args)
        for word in rest:
            if word == "--":
                words += rest
            elif word == "-" or not word.startswith("-") or _POSITION.fullmatch(word):
                words.append(word)
            else:
                options.append(word)
                if flags.get(word) is False:  # the next word is its value
                    options += [one for one in [next(rest, None)] if one is not None]
        return options, words


def is_project_name(word: str) -> bool:
    """Whether a word names a project file: by its suffix, as a URL, or because there is such an HDF5 file."""
    if is_url(word):
        return True
    if word.lower().endswith((".h5", ".hdf5")) and not any(map(str.isspace, word)):
        return True
    try:
        if not os.path.isfile(word):
            return False
        with open(word, "rb") as file:
            return file.read(len(_SIGNATURE)) == _SIGNATURE
    except (OSError, ValueError):
        return False


def command(
    name: str, *examples: str, file_word: FileWord = "any", notes: str = "", **settings: Any
) -> Callable[[Function], Command]:
    """Makes a command of a function, which gets the path of the project as its first argument.

    Args:
        name: Name of the command.
        *examples: Command lines for the help.
        file_word: Which words may be the project file, if ``-p`` is not given.
        notes: A text for the end of the help, whose lines stay as they are.
        **settings: Further arguments of `click.command`.
    """
    line = COMMANDS[name]
    word = "Examples:" if len(examples) > 1 else "Example:"
    parts = [notes, "\n  ".join([word, *examples])]

    def make(function: Function) -> Command:
        @functools.wraps(function)
        def called(**values: Any) -> Any:
            ctx = click.get_current_context()
            given = [values.pop("file", None), values.pop(_PROJECT), ctx.find_root().params.get(_PROJECT)]
            return function(next((one for one in given if one is not None), None), **values)

        project = click.option("-p", "--project", metavar="FILE", help="The project file, also before the command.")
        # click keeps the lines of a paragraph after this character
        epilog = "\n\n".join(f"\b\n{part.rstrip()}" for part in parts if part)
        more = {"help": f"{line[0].upper()}{line[1:]}.", "epilog": epilog, "file_word": file_word, **settings}
        return click.command(name, cls=Command, **more)(project(called))

    return make


def job_argument(name: str = "job", metavar: str = "JOB", **more: Any) -> Callable[[Function], Function]:
    """The argument for one or more runs."""
    return click.argument(name, metavar=metavar, shell_complete=complete_jobs, **more)


def file_argument(function: Function) -> Function:
    """The optional argument ``FILE`` for the project; the function gets it as the project."""
    return click.argument("file", metavar="[FILE]", required=False, type=click.Path())(function)


def json_option(help: str = "As JSON.") -> Callable[[Function], Function]:
    """The option ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help=help)


def needed(path: str | None, otherwise: str = "") -> str:
    """Returns the path of a project for a command that takes none from the settings.

    Args:
        path: The path that was given.
        otherwise: What the user can do instead, for the message.

    Raises:
        InvalidInputError: None was given.
    """
    if path is None:
        raise InvalidInputError(f"which file? Name it after the command, or with -p{otherwise}")
    return path


def at_most_one(**given: Any) -> None:
    """Checks that at most one of several options is given.

    Args:
        **given: Whether each option is given, or its value, by its name; ``_`` stands for a hyphen.

    Raises:
        click.UsageError: Two are given.
    """
    names = [f"--{name.replace('_', '-')}" for name, value in given.items() if value]
    if len(names) > 1:
        raise click.UsageError(f"{names[0]} and {names[1]} exclude each other", click.get_current_context())


def complete_jobs(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Job ids, names of runs and ``latest``, for a shell."""
    from aerchive.cli.completing import complete

    return complete(ctx, incomplete, ("job_id", "name"), ["latest"])


def complete_tags(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Tags of runs, for a shell."""
    from aerchive.cli.completing import complete

    return complete(ctx, incomplete, ("tags",))
