"""Conflicts that the user must resolve: results of one job kept beside each other, and conflict copies of the project.

A program that synchronises a folder leaves a conflict copy if it could not merge two versions of a file.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import numpy as np

from aerchive.errors import AerchiveError
from aerchive.project.catalogue.table import Catalogue, present, run_path
from aerchive.project.documents.record import read_own_record
from aerchive.storage.file import ProjectFile

_NAME = re.compile(r"[ck]onfli[ck]?t|\.variant-", re.IGNORECASE)
"""Names of conflict copies of Dropbox, Nextcloud, Syncthing, Seafile, Synology and others, in the languages of western
Europe, and of git-annex."""


def conflict_copies(file: ProjectFile) -> list[Path]:
    """Finds the files beside a project that are named as its conflict copies, and have its UUID."""
    path = file.path
    try:
        names = os.listdir(path.parent)
    except OSError:
        return []
    stem = path.stem
    found = [
        path.with_name(name)
        for name in sorted(names)
        if name != path.name and name.startswith(stem) and _NAME.search(name, len(stem))
    ]
    uuid = file.peek_uuid() if found else None
    return [other for other in found if uuid is not None and file.sibling(other).peek_uuid() == uuid]


def copy_notes(file: ProjectFile) -> list[str]:
    """Describes the conflict copies of a project in one line; the list is empty if there are none."""
    copies = conflict_copies(file)
    names = ", ".join(repr(str(copy)) for copy in copies)
    note = (
        f"{file.path}: beside it a program that synchronises the folder has left what it could not bring together: "
        f"{names}. Such a file is another version of this project and may have runs that are missing here: bring them "
        f"in with 'aerchive merge {file.path} FILE', then remove it"
    )
    return [note] if copies else []


def conflict_notes(file: ProjectFile) -> list[str]:
    """Describes the conflicts that the user must resolve.

    Only the catalogue, names of files, and documents of the runs that conflict are read.
    """
    return [*conflicting_results(file), *copy_notes(file)]


def conflicting_results(file: ProjectFile) -> list[str]:
    """Describes results of the same job that are kept beside each other; one of each pair should be deleted.

    If the project cannot be read, no error is raised; `aerchive.Project.verify` reports what is wrong with it.
    """
    found: list[str] = []
    rivals: dict[str, list[str]] = {}
    with contextlib.suppress(AerchiveError), file.read() as session:
        known = Catalogue(session)
        rows = known.rows()
        for row in present(rows[np.strings.find(rows["job_id"], b"~") >= 0]):
            record = read_own_record(session.root.group(run_path(row)))
            if record.labels.is_rival:
                rivals.setdefault(record.sealed_id, []).append(record.job_id)
            elif record.config.conflicts_with is not None and known.find(record.config.conflicts_with) is not None:
                found.append(
                    f"{session.root.file}: run {record.job_id} is another result of job "
                    f"{record.config.conflicts_with}, kept beside it; compare them and delete one"
                )
    found += [
        f"{file.path}: job {sealed_id} has several results: {', '.join(sorted(names))}; compare them, and delete those "
        "that are not needed"
        for sealed_id, names in rivals.items()
        if len(names) > 1
    ]
    return found
