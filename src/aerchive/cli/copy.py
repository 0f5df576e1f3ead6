"""``aerchive copy``: copies one state of a project to another file."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import click

from aerchive import layout
from aerchive.aer.opening import open_path
from aerchive.cli.command import command, json_option, needed
from aerchive.cli.output import put_report
from aerchive.display.progress import ProgressBar
from aerchive.display.text import format_runs
from aerchive.project.care.changed_copy import count_relabelled, texts_left_in
from aerchive.project.care.space import count_deleted

_CALLED = {"name": "names", layout.CIRCUITS: "names and metadata of the circuits"}


@command("copy", "aerchive copy --anonymous vqe.h5 published.h5", file_word="none")
@click.argument("files", nargs=-1, metavar="[FILE] TARGET", type=click.Path())
@click.option(
    "--anonymous",
    is_flag=True,
    help="Leave out users, hosts, paths and other personal facts, attachments, deleted runs and earlier labels.",
)
@click.option(
    "--qpy",
    type=int,
    metavar="VERSION",
    help="Write circuits in no newer version of QPY, for an older Qiskit: 15 for Qiskit 2.1, 17 for 2.3; "
    "without deleted runs.",
)
@json_option()
def run(path: str | None, *, files: tuple[str, ...], anonymous: bool, qpy: int | None, as_json: bool) -> int:
    """Copies the project, and prints what the copy contains."""
    if not 1 <= len(files) <= 2:
        raise click.UsageError("name the project FILE, or give it with -p, and the TARGET, a new file or a folder")
    *source, target = files
    with ProgressBar("copied", "B") as bar:
        project = open_path(needed(source[0] if source else path), "r")
        copied = project.copy(target, bar.show, anonymous=anonymous, qpy_version=qpy)
    size, runs = copied.path.stat().st_size, len(copied.catalogue())
    with copied.file.read() as session:
        deleted = count_deleted(session)
    relabelled = count_relabelled(copied.file)
    texts = texts_left_in(copied.file) if anonymous else None
    document = {
        "path": str(copied.path),
        "runs": runs,
        "deleted_runs": deleted,
        "relabelled_runs": relabelled,
        "bytes": size,
        "anonymous": anonymous,
    }
    text = f"{copied.path}: {format_runs(runs)}, {size:,} bytes"
    if texts is not None:
        document["texts"] = texts
        text += f"\n{_anonymous(texts)}"
    elif deleted or relabelled:
        text += f"\n{_still_there(copied.path, deleted, relabelled)}"
    put_report(document, text, as_json=as_json)
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
