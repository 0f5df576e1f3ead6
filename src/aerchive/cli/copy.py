"""``aerchive copy``: copies one state of a project to another file."""

from __future__ import annotations

import argparse
import json
import shlex

from aerchive.aer.opening import open_path
from aerchive.display.progress import ProgressBar
from aerchive.display.text import format_runs
from aerchive.project.care.space import count_deleted


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive copy vqe.h5 /media/stick/"
    parser.add_argument("source", metavar="FILE", help="the project")
    parser.add_argument("target", metavar="TARGET", help="the new file, or a folder to put it in")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Copies the project, and prints what the copy contains."""
    with ProgressBar("copied", "B") as bar:
        copied = open_path(options.source, "r").copy(options.target, bar.show)
    size, runs = copied.path.stat().st_size, len(copied.catalogue())
    with copied.file.read() as session:
        deleted = count_deleted(session)
    if options.json:
        print(json.dumps({"path": str(copied.path), "runs": runs, "deleted_runs": deleted, "bytes": size}))
        return 0
    print(f"{copied.path}: {runs} runs, {size:,} bytes")
    if deleted:
        print(
            f"It also holds {format_runs(deleted)} that {'was' if deleted == 1 else 'were'} deleted, which everybody "
            f"who has the copy can bring back. To remove them: aerchive compact {shlex.quote(str(copied.path))}"
        )
    return 0
