"""``aerchive copy``: copies one state of a project to another file."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from pathlib import Path

from aerchive import layout
from aerchive.aer.opening import open_path
from aerchive.cli.arguments import add_json, print_report
from aerchive.display.progress import ProgressBar
from aerchive.display.text import format_runs
from aerchive.project.care.changed_copy import count_relabelled, texts_left_in
from aerchive.project.care.space import count_deleted

_CALLED = {"name": "names", layout.CIRCUITS: "names and metadata of the circuits"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = "example: aerchive copy --anonymous vqe.h5 published.h5"
    parser.add_argument("source", metavar="FILE", help="the project")
    parser.add_argument("target", metavar="TARGET", help="the new file, or a folder to put it in")
    parser.add_argument(
        "--anonymous",
        action="store_true",
        help="leave out users, hosts, paths and other personal facts, attachments, deleted runs and earlier labels",
    )
    parser.add_argument(
        "--qpy",
        type=int,
        metavar="VERSION",
        help="write circuits in no newer version of QPY, for an older Qiskit: 15 for Qiskit 2.1, 17 for 2.3; "
        "without deleted runs",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Copies the project, and prints what the copy contains."""
    with ProgressBar("copied", "B") as bar:
        project = open_path(options.source, "r")
        copied = project.copy(options.target, bar.show, anonymous=options.anonymous, qpy_version=options.qpy)
    size, runs = copied.path.stat().st_size, len(copied.catalogue())
    with copied.file.read() as session:
        deleted = count_deleted(session)
    relabelled = count_relabelled(copied.file)
    texts = texts_left_in(copied.file) if options.anonymous else None
    document = {
        "path": str(copied.path),
        "runs": runs,
        "deleted_runs": deleted,
        "relabelled_runs": relabelled,
        "bytes": size,
        "anonymous": options.anonymous,
    }
    text = f"{copied.path}: {format_runs(runs)}, {size:,} bytes"
    if texts is not None:
        document["texts"] = texts
        text += f"\n{_anonymous(texts)}"
    elif deleted or relabelled:
        text += f"\n{_still_there(copied.path, deleted, relabelled)}"
    print_report(options, document, text, None)
    return 0


def _still_there(path: Path, deleted: int, relabelled: int) -> str:
    """Says what a plain copy has that the user may not want to give away, and how to leave it out."""
    things = []
    if deleted:
        things.append(f"{deleted} deleted {'run' if deleted == 1 else 'runs'}")
    if relabelled:
        things.append(f"the labels that {format_runs(relabelled)} had before")
    verb = "is" if deleted == 1 and not relabelled else "are"
    way = f"aerchive compact {shlex.quote(str(path))} removes the deleted runs; " if deleted else ""
    return f"{' and '.join(things)} {verb} still in this copy: {way}aerchive copy --anonymous leaves out all of this"


def _anonymous(texts: Mapping[str, int]) -> str:
    """Says what an anonymous copy does not have, and which texts of users it has."""
    left_in = [f"{_CALLED.get(kind, kind)} of {format_runs(number)}" for kind, number in texts.items() if number]
    kept = f"texts as users wrote them ({', '.join(left_in)}), " if left_in else ""
    return (
        "without users, hosts, paths, accounts, attachments, deleted runs and earlier labels; the copy still has "
        f"{kept}labels of saved values, job ids, names of backends and times: look at them before you give it away"
    )
