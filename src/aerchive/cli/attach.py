"""``aerchive attach JOB NAME FILE``: attaches a file or a value to a run, and writes, lists and removes attachments."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from aerchive.aer.opening import open_path
from aerchive.cli.arguments import add_json, print_report
from aerchive.codecs.attachment import AttachedFile, write_new
from aerchive.display.text import clean
from aerchive.errors import InvalidInputError
from aerchive.models import tagged_json
from aerchive.project.parts import Mode
from aerchive.project.project import Project
from aerchive.project.run import Run
from aerchive.stored.array import StoredArray

_PROJECT = "/"


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = (
        "examples: aerchive -p vqe.h5 attach 4ff2da70 fit.svg plots/fit.svg;  "
        "aerchive -p vqe.h5 attach 4ff2da70 --get fit.svg"
    )
    text = "a job id, an unambiguous beginning of one, a name, latest, or / for the project itself"
    parser.add_argument("job", metavar="JOB", help=text)
    parser.add_argument("name", nargs="?", metavar="NAME", help="name of the attachment; without it, they are listed")
    parser.add_argument("file", nargs="?", metavar="FILE", help="the file that is attached")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--text", action="store_true", help="attach the text in the file, which is UTF-8")
    kind.add_argument("--document", action="store_true", help="attach the value that is in the file as JSON")
    kind.add_argument("--array", action="store_true", help="attach the array in the file, which is of numpy (.npy)")
    kind.add_argument("--get", metavar="NAME", help="write an attachment to a new file")
    kind.add_argument("--remove", metavar="NAME", help="remove an attachment")
    text = "with --get: the new file, or a folder for it; by default in the current folder"
    parser.add_argument("-o", "--output", metavar="FILE", help=text)
    parser.add_argument("--replace", action="store_true", help="replace an attachment of this name")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Attaches, writes, removes or lists, and prints what was done."""
    if options.name is not None and (options.get is not None or options.remove is not None):
        raise InvalidInputError(f"--get and --remove take one NAME; {options.name!r} is one too many")
    if options.get is not None:
        return _get(options, options.get)
    if options.remove is None and options.name is None:
        attachments = _holder(options, "r").attachments
        print_report(options, [row._asdict() for row in attachments.table()], attachments, None)
        return 0
    holder = _holder(options, "r+")
    where = _called(holder)
    if options.remove is not None:
        holder.detach(options.remove)
        print_report(options, {"removed": options.remove}, f"removed {options.remove!r} from {where}", None)
        return 0
    if options.file is None:
        raise InvalidInputError("say which FILE is attached, after the NAME")
    holder.attach(options.name, _value(options), replace=options.replace)
    (row,) = (row for row in holder.attachments.table() if row.name == options.name)
    print_report(options, row._asdict(), f"attached {options.name!r} ({row.kind}) to {where}", None)
    return 0


def _holder(options: argparse.Namespace, mode: Mode) -> Project | Run:
    project = open_path(options.project, mode)
    return project if options.job == _PROJECT else project[options.job]


def _called(holder: Project | Run) -> str:
    return f"run {clean(holder.job_id)}" if isinstance(holder, Run) else str(holder.path)


def _value(options: argparse.Namespace) -> Any:
    file = AttachedFile.read(options.file)
    if options.text or options.document:
        try:
            text = file.data.decode()
            return text if options.text else json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidInputError(f"{options.file}: {error}") from error
    if not options.array:
        return file
    try:
        return np.load(options.file, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise InvalidInputError(f"{options.file}: is not an array of numpy in a .npy file: {error}") from error


def _get(options: argparse.Namespace, name: str) -> int:
    value = _holder(options, "r").attachments[name]
    target = Path(options.output or ".")
    path = target / _filename(name, value) if target.is_dir() else target
    if isinstance(value, StoredArray):
        written = _save_array(path, value)
    else:
        written = AttachedFile(path.name, _data(name, value)).save(path.parent)
    print_report(options, {"path": str(written)}, f"{written}: {written.stat().st_size:,} bytes", None)
    return 0


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
