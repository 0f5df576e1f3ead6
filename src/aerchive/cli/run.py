"""``aerchive run SCRIPT``: runs a program with every simulation archived, without changing it."""

from __future__ import annotations

import argparse
import runpy
import sys
import traceback
from pathlib import Path
from types import TracebackType

from aerchive.errors import AerchiveError, InvalidInputError, NotFoundError


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive -p vqe.h5 run vqe.py --layers 3"
    parser.add_argument("-m", dest="is_module", action="store_true", help="SCRIPT is the name of a module")
    parser.add_argument("--tag", action="append", default=[], metavar="TAG", help="a tag for all runs; may be repeated")
    parser.add_argument("script", metavar="SCRIPT", help="a Python program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="arguments of the program")


def run(options: argparse.Namespace) -> int:
    """Runs the program as Python would run it. Its exit status becomes the exit status of the command."""
    from aerchive.aer.running.autosave import autosave

    script = options.script
    if not options.is_module and not Path(script).exists():
        raise NotFoundError(f"{script}: no such program; `aerchive run -m NAME` runs a module")
    try:
        autosave(options.project, tags=options.tag)  # stays on, as threads may continue after the program's last line
    except AerchiveError as error:
        raise InvalidInputError(f"{error}; the program has not been started") from error
    sys.argv = [script, *options.arguments]
    sys.path.insert(0, "" if options.is_module else str(Path(script).resolve().parent))
    try:
        if options.is_module:
            runpy.run_module(script, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(script, run_name="__main__")
    except Exception as error:  # noqa: BLE001  (an error of the program, printed as Python prints it)
        traceback.print_exception(error.with_traceback(_of_program(error.__traceback__)))
        return 1
    return 0


def _of_program(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that belongs to the program, without the frames of this module and of runpy."""
    ours = (__file__, runpy.__file__, f"<frozen {runpy.__name__}>")
    while trace is not None and trace.tb_frame.f_code.co_filename in ours:
        trace = trace.tb_next
    return trace
