"""``aerchive attach JOB NAME FILE``: attaches a file or a value to a run, and writes, lists and removes attachments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from aerchive.aer.opening import open_path
from aerchive.cli.command import at_most_one, command, job_argument, json_option
from aerchive.cli.output import put_report
from aerchive.codecs.attachment import AttachedFile, write_new
from aerchive.display.text import clean
from aerchive.errors import InvalidInputError
from aerchive.models import tagged_json
from aerchive.project.project import Project
from aerchive.project.run import Run
from aerchive.stored.array import StoredArray

_PROJECT = "/"


@command(
    "attach",
    "aerchive attach vqe.h5 latest fit.svg plots/fit.svg",
    "aerchive attach vqe.h5 latest --get fit.svg",
    file_word="first",
    notes="JOB may also be / for the project itself.\nWithout NAME, attachments are listed.",
)
@job_argument()
@click.argument("name", required=False)
@click.argument("file_name", metavar="[FILE]", required=False, type=click.Path())
@click.option("--text", is_flag=True, help="Attach the text in the file, which is UTF-8.")
@click.option("--document", is_flag=True, help="Attach the value that is in the file as JSON.")
@click.option("--array", is_flag=True, help="Attach the array in the file, which is of numpy (.npy).")
@click.option("--get", metavar="NAME", help="Write an attachment to a new file.")
@click.option("--remove", metavar="NAME", help="Remove an attachment.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="With --get: the new file, or a folder for it; by default in the current folder.",
)
@click.option("--replace", is_flag=True, help="Replace an attachment of this name.")
@json_option()
def run(
    path: str | None,
    *,
    job: str,
    name: str | None,
    file_name: str | None,
    text: bool,
    document: bool,
    array: bool,
    get: str | None,
    remove: str | None,
    output: str | None,
    replace: bool,
    as_json: bool,
) -> int:
    """Attaches, writes, removes or lists, and prints what was done."""
    at_most_one(text=text, document=document, array=array, get=get is not None, remove=remove is not None)
    if name is not None and (get is not None or remove is not None):
        raise InvalidInputError(f"--get and --remove take one NAME; {name!r} is one too many")
    changes = get is None and (remove is not None or name is not None)
    project = open_path(path, "r+" if changes else "r")
    holder = project if job == _PROJECT else project[job]
    where = _called(holder)
    if get is not None:
        written = _get(holder.attachments[get], get, output or ".")
        put_report({"path": str(written)}, f"{written}: {written.stat().st_size:,} bytes", as_json=as_json)
    elif remove is not None:
        holder.detach(remove)
        put_report({"removed": remove}, f"removed {remove!r} from {where}", as_json=as_json)
    elif name is None:
        put_report([row._asdict() for row in holder.attachments.table()], holder.attachments, as_json=as_json)
    else:
        if file_name is None:
            raise InvalidInputError("say which FILE is attached, after the NAME")
        kind = "text" if text else "document" if document else "array" if array else "file"
        holder.attach(name, _value(file_name, kind), replace=replace)
        (row,) = (row for row in holder.attachments.table() if row.name == name)
        put_report(row._asdict(), f"attached {name!r} ({row.kind}) to {where}", as_json=as_json)
    return 0


def _called(holder: Project | Run) -> str:
    return f"run {clean(holder.job_id)}" if isinstance(holder, Run) else str(holder.path)


def _value(path: str, kind: str) -> Any:
    """Reads what is attached: the file itself, or the ``text``, ``document`` or ``array`` in it."""
    file = AttachedFile.read(path)
    if kind in ("text", "document"):
        try:
            text = file.data.decode()
            return text if kind == "text" else json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidInputError(f"{path}: {error}") from error
    if kind == "file":
        return file
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InvalidInputError(f"{path}: is not an array of numpy in a .npy file: {error}") from error


def _get(value: Any, name: str, output: str) -> Path:
    """Writes an attachment to a new file, and returns its path."""
    target = Path(output)
    path = target / _filename(name, value) if target.is_dir() else target
    if isinstance(value, StoredArray):
        return _save_array(path, value)
    return AttachedFile(path.name, _data(name, value)).save(path.parent)


def _filename(name: str, value: Any) -> str:
    if isinstance(value, AttachedFile):
        return name if value.name.startswith(".") else value.name  # else a stranger's file could be named .profile
    suffix = ".npy" if isinstance(value, StoredArray) else ".txt" if isinstance(value, str) else ".json"
    return name if isinstance(value, bytes) or name.endswith(suffix) else name + suffix


def _data(name: str, value: Any) -> bytes:
    if isinstance(value, AttachedFile):
        return value.data
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    try:
        return tagged_json.dumps(tagged_json.encode(value))
    except TypeError as error:
        raise InvalidInputError(
            f"attachment {name!r} is not a file, a text, an array or JSON ({error}); read it in Python: "
            f"run.attachments[{name!r}]"
        ) from error


def _save_array(path: Path, value: StoredArray) -> Path:
    array = value[...]
    write_new(path, lambda file: np.save(file, array, allow_pickle=False), "name")
    return path
