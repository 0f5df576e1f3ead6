"""``aerchive verify``: look at every byte of a project that a read can return."""

from __future__ import annotations

import argparse
import json
import sys
import time

from aerchive.aer.opening import open_path

_PATIENCE_S = 1.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive verify vqe.h5"
    parser.add_argument("file", nargs="?", metavar="FILE", help="the project; by default that of -p or of the settings")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Prints the report; the exit status is 1 if there are problems."""
    begun = time.monotonic()

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty() and time.monotonic() - begun > _PATIENCE_S:
            print(f"\rverified {done} of {total} runs", end="\n" if done == total else "", file=sys.stderr, flush=True)

    report = open_path(options.file or options.project, "r").verify(show)
    if options.json:
        print(
            json.dumps(
                {
                    "path": report.path,
                    "ok": report.ok,
                    "runs": report.runs,
                    "objects": report.objects,
                    "problems": report.problems,
                },
                indent=2,
            )
        )
    else:
        print(report)
    return 0 if report.ok else 1
