"""The command ``aerchive``. Each subcommand has one module, which is imported only when the subcommand is called."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module

import click
from click.shell_completion import CompletionItem, shell_complete

from aerchive.cli.output import put
from aerchive.display.progress import WaitingBar
from aerchive.display.text import clean as clean_text  # the command `clean` is a module of this name
from aerchive.display.text import clean_lines
from aerchive.errors import AerchiveError, ArchiveWarning, InvalidInputError
from aerchive.storage.medium.locks import observe

COMMANDS = {
    "demo": "run real simulations, archive them, and read them back in a second process",
    "ls": "list the runs of a project",
    "find": "find runs by conditions on the columns of the catalogue",
    "watch": "print a line for each run as it starts and ends",
    "show": "show one run: what ran, its counts as bars, its circuit, and what was saved",
    "plot": "plot a run, or one value of many runs over another, in the terminal or into a file",
    "report": "write runs into one HTML file with circuits, plots and tables, to mail or to print",
    "view": "show a project in a web browser, on this machine only",
    "publish": "write the web page of a project as a folder of files, for any web server",
    "tag": "add and remove tags of runs, change name and notes of a run",
    "illustrate": "draw pictures of runs, and a cover, which viewers such as HDFView show",
    "attach": "attach a file or a value to a run, and write, list and remove attachments",
    "run": "run a program with every simulation archived, without changing it",
    "rerun": "run an archived run again from the file alone, and compare every bit",
    "diff": "compare two runs: configuration, circuits, noise, counts, states; or two projects",
    "export": "write the catalogue, or what runs have saved, as CSV, JSON or Parquet",
    "verify": "look at every byte of a project that a read can return",
    "seal": "seal all runs with one number, sign it, or prove that one run is among them",
    "validate": "check each node of a file against the rules of the format",
    "vet": "let HDF5 parse a file from elsewhere, in a process of its own",
    "trust": "trust a file from elsewhere as if it were your own",
    "recover": "complete a commit that a crash interrupted",
    "copy": "copy a project as one state of it, also while others write",
    "merge": "bring all runs and labels of other projects into a project",
    "extract": "write some runs, with all that they need, into a new project file",
    "script": "write a Python program that runs an archived job again",
    "config": "show the settings, their values and where these came from",
    "du": "show what takes the space of a project",
    "rm": "delete runs, or bring them back",
    "clean": "delete runs by age, size and outcome",
    "compact": "give back the space of deleted runs",
    "shrink": "replace large arrays by what computes them again, after trying that",
    "unshrink": "write back the arrays that runs compute again",
    "schema": "print the JSON Schema of a document of the format",
    "completion": "print what makes a shell complete commands, options, job ids, names and tags",
}
"""Each subcommand and its line in the help. The module of the same name has the command as ``run``."""

PROGRAM = "aerchive"
COMPLETE = "_AERCHIVE_COMPLETE"
"""The environment variable by which a shell asks for completions."""
EXIT_PROBLEM = 1
EXIT_WRONG_USE = 2
EXIT_INTERRUPTED = 130


class Commands(click.Group):
    """The subcommands; the module of one is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of the subcommands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Returns a subcommand; ``None`` if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"aerchive.cli.{cmd_name}").run
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of subcommands for the help, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Returns the subcommands and options that begin with what was typed, without importing the subcommands."""
        found = [CompletionItem(name, help=line) for name, line in COMMANDS.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


@click.command(PROGRAM, cls=Commands, invoke_without_command=True, epilog="Example: aerchive -p vqe.h5 ls")
@click.option("-p", "--project", metavar="FILE", help="The project file; by default that of the settings.")
@click.option("--version", is_flag=True, help="Print the version and exit.")
@click.pass_context
def commands(ctx: click.Context, project: str | None, version: bool) -> int:
    """Where quantum simulations live after they ran."""
    del project  # the commands read it from the context
    if version:
        put(f"aerchive {import_module('importlib.metadata').version('aerchive')}")
        ctx.exit(0)
    if ctx.invoked_subcommand is None:
        put(ctx.get_help())
        return EXIT_WRONG_USE
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: The arguments of the command line without the name of the program. By default they are those of
            this process.

    Returns:
        The exit status: 0 for success, 1 if a problem was found, 2 for wrong use.
    """
    for stream in (sys.stdout, sys.stderr):  # names may have characters that the encoding of the terminal lacks
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if instruction := os.environ.get(COMPLETE):
        return shell_complete(commands, {}, PROGRAM, COMPLETE, instruction)
    observe(WaitingBar())
    format_others = warnings.formatwarning
    warnings.formatwarning = lambda message, category, *rest, **more: (
        f"aerchive: warning: {clean_text(str(message))}\n"
        if issubclass(category, ArchiveWarning)
        else clean_lines(format_others(message, category, *rest, **more))
    )
    try:
        with commands.make_context(PROGRAM, list(sys.argv[1:] if arguments is None else arguments)) as context:
            return int(commands.invoke(context))
    except click.exceptions.Exit as end:  # after --help and --version
        return end.exit_code
    except click.UsageError as error:
        help_of = error.ctx.command_path if error.ctx is not None else PROGRAM
        text = f"{clean_text(error.format_message().removesuffix('.'))}; see {help_of} --help"
        put(f"aerchive: {text}", to_errors=True)
        return EXIT_WRONG_USE
    except InvalidInputError as error:
        put(f"aerchive: {error}", to_errors=True)  # it may show in a second line what is wrong in the condition
        return EXIT_WRONG_USE
    except AerchiveError as error:
        put(f"aerchive: {clean_text(str(error))}", to_errors=True)
        return EXIT_PROBLEM
    except BrokenPipeError:  # the program that reads the output, such as `head`, has ended
        sys.stderr.close()
        return EXIT_PROBLEM
    except KeyboardInterrupt:
        put("aerchive: interrupted", to_errors=True)
        return EXIT_INTERRUPTED
    finally:
        warnings.formatwarning = format_others
