"""The command ``aerchive``. Each subcommand has one module, which is imported only when the subcommand is called."""

from __future__ import annotations

import argparse
import io
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module

from aerchive.cli.output import put
from aerchive.display.text import clean as clean_text  # the command `clean` is a module of this name
from aerchive.display.text import clean_lines
from aerchive.errors import AerchiveError, ArchiveWarning, InvalidInputError

COMMANDS = {
    "demo": "run real simulations, archive them, and read them back in a second process",
    "ls": "list the runs of a project",
    "find": "find runs by conditions on the columns of the catalogue",
    "show": "show one run: its configuration, status, provenance and what was saved",
    "tag": "add and remove tags of runs, change name and notes of a run",
    "illustrate": "draw pictures of runs, and a cover, which viewers such as HDFView show",
    "attach": "attach a file or a value to a run, and write, list and remove attachments",
    "run": "run a program with every simulation archived, without changing it",
    "rerun": "run an archived run again from the file alone, and compare every bit",
    "diff": "compare two runs: configuration, circuits, noise, counts, states",
    "export": "write the catalogue, or what runs have saved, as CSV, JSON or Parquet",
    "verify": "look at every byte of a project that a read can return",
    "validate": "check each node of a file against the rules of the format",
    "vet": "let HDF5 parse a file from elsewhere, in a process of its own",
    "trust": "trust a file from elsewhere as if it were your own",
    "recover": "complete a commit that a crash interrupted",
    "copy": "copy a project as one state of it, also while others write",
    "script": "write a Python program that runs an archived job again",
    "config": "show the settings, their values and where these came from",
    "du": "show what takes the space of a project",
    "rm": "delete runs, or bring them back",
    "clean": "delete runs by age, size and outcome",
    "compact": "give back the space of deleted runs",
    "schema": "print the JSON Schema of a document of the format",
}
"""Each subcommand and its line in the help. The module of the same name has ``configure`` and ``run``."""

EXIT_PROBLEM = 1
EXIT_WRONG_USE = 2


def _command_of(given: Sequence[str]) -> str | None:
    """The first word that is neither an option nor the value of ``-p``, which may be named like a command."""
    words = iter(given)
    for word in words:
        if word == "-p" or (word.startswith("--p") and "--project".startswith(word)):
            next(words, None)
        elif not word.startswith("-"):
            return word
    return None


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
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="aerchive",
        description="Where quantum simulations live after they ran.",
        epilog="example: aerchive -p vqe.h5 ls",
    )
    parser.add_argument("-p", "--project", metavar="FILE", help="the project file; by default that of the settings")
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    wanted = _command_of(given)
    for name, line in COMMANDS.items():
        command = commands.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        if name == wanted:
            import_module(f"aerchive.cli.{name}").configure(command)
    options = parser.parse_args(given)
    if options.version:
        put(f"aerchive {import_module('importlib.metadata').version('aerchive')}")
        return 0
    if options.command is None:
        parser.print_help()
        return EXIT_WRONG_USE
    format_others = warnings.formatwarning
    warnings.formatwarning = lambda message, category, *rest, **more: (
        f"aerchive: warning: {clean_text(str(message))}\n"
        if issubclass(category, ArchiveWarning)
        else clean_lines(format_others(message, category, *rest, **more))
    )
    try:
        return int(import_module(f"aerchive.cli.{options.command}").run(options))
    except InvalidInputError as error:
        put(f"aerchive: {error}", to_errors=True)  # it may show in a second line what is wrong in the condition
        return EXIT_WRONG_USE
    except AerchiveError as error:
        put(f"aerchive: {clean_text(str(error))}", to_errors=True)
        return EXIT_PROBLEM
    except BrokenPipeError:  # the program that reads the output, such as `head`, has ended
        sys.stderr.close()
        return EXIT_PROBLEM
    finally:
        warnings.formatwarning = format_others
