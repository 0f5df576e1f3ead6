"""Foreign files: looked at in a child process, and trusted when the user says so."""

from __future__ import annotations

import os
from pathlib import Path

from aerchive.errors import NotFoundError
from aerchive.storage.file import ProjectFile
from aerchive.storage.medium import known_files
from aerchive.storage.medium.known_files import KnownFile
from aerchive.storage.medium.opening import open_file, stamp_of
from aerchive.storage.medium.parts import parts_of
from aerchive.storage.part_vetting import vet_whole
from aerchive.storage.vetting import VetReport, admit, check_unchanged, vet


def is_trusted(file: ProjectFile) -> bool:
    """Whether this user's aerchive has made the file, or was told to trust it, and nothing else has changed it since.

    A file that does not exist is trusted: this user will make it.

    Raises:
        ProjectLockedError: Another process is changing the file, and did not finish in time.
    """
    try:
        fd = open_file(file.path, os.O_RDONLY)
        try:
            if _is_own(fd, file.path):
                return True
        finally:
            os.close(fd)
        with file.without_writers() as held:  # a commit of this user's changes the file before its record
            return _is_own(held.fd, file.path)
    except NotFoundError:
        return True


def _is_own(fd: int, path: Path) -> bool:
    known = known_files.look_up(fd, str(path))
    return known is not None and known.is_own


def vet_file(file: ProjectFile) -> VetReport:
    """Vets a file, whether it is known or not; see `aerchive.vet`."""
    with file.without_writers() as held:
        parts = parts_of(held.fd)
        report = vet(held.fd, str(file.path)) if parts is None else vet_whole(parts, held.fd, str(file.path))
        known = known_files.find(held.fd, str(file.path))
        if known is None or not known.is_own:
            known_files.keep(held.fd, str(file.path), "vetted", report.uuid, report.mixture)
    return report


def trust_file(file: ProjectFile) -> KnownFile:
    """Trusts a file in its present state; see `aerchive.trust`."""
    with file.without_writers() as held:
        before = stamp_of(os.fstat(held.fd))
        parts = parts_of(held.fd)
        if parts is None:
            admit(held.fd, str(file.path))
        else:
            vet_whole(parts, held.fd, str(file.path))
        with held.read() as session:
            uuid = session.root.attribute("project_uuid")
        check_unchanged(held.fd, before, str(file.path))
        known = known_files.keep(held.fd, str(file.path), "trusted", uuid if isinstance(uuid, str) else "")
        known_files.check_kept(known)
        return known


def stop_trusting(path: Path) -> bool:
    """Makes a file foreign; returns whether it was trusted."""
    fd = open_file(path, os.O_RDONLY)
    try:
        was_own = _is_own(fd, path)
        known_files.forget(fd)
        return was_own
    finally:
        os.close(fd)
