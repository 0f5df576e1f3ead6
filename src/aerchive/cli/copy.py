"""``aerchive copy``: copies one state of a project to another file."""

from __future__ import annotations

import argparse
import shlex

from aerchive.aer.opening import open_path
from aerchive.cli.arguments import add_json, print_report
from aerchive.display.progress import ProgressBar
from aerchive.display.text import format_runs
from aerchive.project.care.space import count_deleted


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive copy vqe.h5 /media/stick/"
    parser.add_argument("source", metavar="FILE", help="the project")
    parser.add_argument("target", metavar="TARGET", help="the new file, or a folder to put it in")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Copies the project, and prints what the copy contains."""
    with ProgressBar("copied", "B") as bar:
        copied = open_path(options.source, "r").copy(options.target, bar.show)
    size, runs = copied.path.stat().st_size, len(copied.catalogue())
    with copied.file.read() as session:
        deleted = count_deleted(session)
    text = f"{copied.path}: {runs} runs, {size:,} bytes"
    if deleted:
        text += (
            f"\nIt also holds {format_runs(deleted)} that {'was' if deleted == 1 else 'were'} deleted, which everybody "
            f"who has the copy can bring back. To remove them: aerchive compact {shlex.quote(str(copied.path))}"
        )
    document = {"path": str(copied.path), "runs": runs, "deleted_runs": deleted, "bytes": size}
    print_report(options, document, text, None)
    return 0
