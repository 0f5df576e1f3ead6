"""``aerchive publish``: writes the web page of a project as a folder of files."""

from __future__ import annotations

import click

from aerchive.aer.opening import open_path
from aerchive.cli.command import command, json_option, needed
from aerchive.cli.output import put_report
from aerchive.display.progress import ProgressBar


@command("publish", "aerchive publish vqe.h5 public/vqe", file_word="none")
@click.argument("files", nargs=-1, metavar="[FILE] FOLDER", type=click.Path())
@click.option(
    "--level",
    type=int,
    default=12,
    metavar="N",
    help="Pictures of arrays have up to 2^N bins (default 12; 18 is the most).",
)
@click.option("--no-tree", is_flag=True, help="Leave out the raw tree of the file.")
@click.option("--replace", is_flag=True, help="Replace a folder that was published before.")
@json_option()
def run(path: str | None, *, files: tuple[str, ...], level: int, no_tree: bool, replace: bool, as_json: bool) -> int:
    """Writes the folder, and says how large it is."""
    if not 1 <= len(files) <= 2:
        raise click.UsageError("name the project FILE, or give it with -p, and the FOLDER, which is made")
    from aerchive.view.publish import publish

    *source, target = files
    project = open_path(needed(source[0] if source else path), "r")
    with ProgressBar("runs published", "run") as bar:
        found = publish(project, target, level=level, with_tree=not no_tree, replace=replace, progress=bar.show)
    document = {"path": str(found.path), "files": found.files, "bytes": found.nbytes}
    put_report(document, f"{found.path}: {found.files:,} files, {found.nbytes:,} bytes", as_json=as_json)
    return 0
