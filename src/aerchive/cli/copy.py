"""``aerchive copy``: one state of a project as another file."""

from __future__ import annotations

import argparse
import json

from aerchive.aer.opening import open_path
from aerchive.display.progress import ProgressBar


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive copy vqe.h5 /media/stick/"
    parser.add_argument("source", metavar="FILE", help="the project")
    parser.add_argument("target", metavar="TARGET", help="the new file, or a folder to put it in")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: argparse.Namespace) -> int:
    """Copies, and says what is in the copy."""
    with ProgressBar("copied", "B") as bar:
        copied = open_path(options.source, "r").copy(options.target, bar.show)
    size = copied.path.stat().st_size
    if options.json:
        print(json.dumps({"path": str(copied.path), "runs": len(copied.catalogue()), "bytes": size}))
    else:
        print(f"{copied.path}: {len(copied.catalogue())} runs, {size:,} bytes")
    return 0
