"""Spools as tests make and see them: submitted jobs, and files of processes that ended long ago."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from aerchive import layout
from aerchive.storage.medium.names import prefix_beside
from aerchive.storage.medium.process import JSON, Owner
from aerchive.storage.spools import records
from aerchive.storage.spools.contents import Life, SpoolContent, spool_contents
from aerchive.storage.spools.records import HEADER_BYTES, SpoolFile
from aerchive.storage.spools.spool import Spool, leave_spools, spool_of


class Seen(NamedTuple):
    """A submitted job as a reader sees it."""

    job_id: str
    record: dict[str, JSON]
    alive: bool
    pid: int
    host: str
    path: Path


def prefix_of(project: os.PathLike[str] | str) -> str:
    folder, name = os.path.split(os.path.abspath(project))
    return os.path.join(folder, prefix_beside(name, records.WAITING))


class Jobs:
    """The submitted jobs of a project: those of this process, and what is seen of all."""

    def __init__(self, project: os.PathLike[str] | str) -> None:
        self.prefix = prefix_of(project)
        self.project = Path(project)

    @property
    def spool(self) -> Spool:
        return spool_of(self.prefix, self.project)

    def submitted(self, job_id: str, record: Mapping[str, JSON]) -> bool:
        return self.spool.submitted(job_id, record)

    def finished(self, job_id: str) -> None:
        self.spool.finished(job_id)

    def contents(self) -> list[SpoolContent]:
        mine = self.spool.contents()
        return spool_contents([self.prefix], {str(content.path) for content in mine}, self.project) + mine

    def open_jobs(self) -> list[Seen]:
        """All jobs that have not finished, oldest first."""
        found = [
            (job.at, Seen(job.job_id, job.record, one.life is not Life.DEAD, one.owner.pid, one.owner.host, one.path))
            for one in self.contents()
            for job in one.jobs
        ]
        return [seen for _, seen in sorted(found, key=lambda pair: pair[0])]


def leave() -> None:
    """What the end of the process does, for the next test."""
    from aerchive.storage.spools import spool

    leave_spools()
    for one in spool._spools.values():
        for each in one._files:
            each.file.remove()
    spool._spools.clear()


def files_of(project: Path) -> list[Path]:
    return sorted(path for path in project.parent.iterdir() if ".waiting-" in path.name or ".pending-" in path.name)


def header_of(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        record = records.read_head(file.fileno(), 0)
        assert record is not None
        return records.read_document(file.fileno(), record, str(path))


def edit_header(path: Path, **changes: object) -> None:
    """Rewrites the header in place: same inode, so that the lock of the owner stays."""
    header = header_of(path) | changes
    fd = os.open(path, os.O_RDWR)
    file = SpoolFile(str(path), fd)
    text = json.dumps(header, separators=(",", ":")).encode()
    file._append(records.HEADER, text.ljust(HEADER_BYTES - records.HEAD_BYTES), ())
    os.close(fd)


class DeadFile:
    """The file of a process that ended long ago, on this machine unless the header says else."""

    def __init__(self, project: Path, digits: str = "0" * 8, **header: object) -> None:
        self.path = Path(f"{prefix_of(project)}7-{digits}")
        self._file = SpoolFile(str(self.path), os.open(self.path, os.O_RDWR | os.O_CREAT))
        here = asdict(Owner.of_this_process()) | {"pid": 2**22 + 1, "started": 1}
        inode = os.fstat(self._file.fd).st_ino
        versions = {"format": records.FORMAT, "format_version": 1, "format_draft": layout.FORMAT_DRAFT}
        document = {**versions, **here, "inode": inode} | header
        text = json.dumps(document).encode()
        self._file._append(records.HEADER, text.ljust(HEADER_BYTES - records.HEAD_BYTES), ())

    def submitted(self, job_id: str, at: object = 1.0, record: object = None) -> DeadFile:
        self.append(records.SUBMITTED, {"job_id": job_id, "at": at, "record": record or {}})
        return self

    def append(self, kind: bytes, document: Mapping[str, Any], data: bytes = b"") -> int:
        return self._file.append(kind, document, [data] if data else [])

    def raw(self, data: bytes) -> DeadFile:
        os.pwrite(self._file.fd, data, self._file.size)
        self._file.size += len(data)
        return self
