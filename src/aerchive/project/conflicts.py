"""Conflict copies: other versions of a project that a program which synchronises the folder has left beside it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from aerchive.storage.file import ProjectFile

_NAME = re.compile(r"[ck]onfli[ck]?t|\.variant-", re.IGNORECASE)
"""Dropbox, Nextcloud, Syncthing, Seafile, Synology and others, in the languages of western Europe; git-annex."""


def conflict_copies(file: ProjectFile) -> list[Path]:
    """Files beside a project that are named as its conflict copies, and have its UUID."""
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


def conflict_note(file: ProjectFile) -> str | None:
    """What is to be said of the conflict copies of a project, in one line; ``None`` if there are none."""
    copies = conflict_copies(file)
    if not copies:
        return None
    names = ", ".join(repr(str(copy)) for copy in copies)
    return (
        f"{file.path}: beside it a program that synchronises the folder has left what it could not bring together: "
        f"{names}. Such a file is another version of this project and may have runs that are missing here: look at it "
        "with 'aerchive -p FILE ls' before you remove it"
    )
