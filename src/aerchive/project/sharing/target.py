"""The runs of a project that is open for writing, found by what identifies them: UUID, and sealed job id."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive.errors import AerchiveError
from aerchive.models import catalogue
from aerchive.project.catalogue.table import Catalogue, Session, run_path
from aerchive.project.documents.record import read_own_record
from aerchive.storage.hdf5.cached_group import CachedGroup, Folders


class Found(NamedTuple):
    """A run of the project.

    Attributes:
        number: Number of its row of the catalogue.
        row: Its row.
        group: Its group.
    """

    number: int
    row: np.void
    group: CachedGroup

    @property
    def path(self) -> str:
        """Path of its group."""
        return run_path(self.row)


class KnownRuns:
    """The runs that a project has when a session begins.

    Args:
        session: An open session of the project file that has changed no row yet.
    """

    def __init__(self, session: Session) -> None:
        self._rows: NDArray[np.void] = Catalogue(session).rows()
        self._here = np.flatnonzero(self._rows["deleted"] == 0)
        self._folders = Folders(session.root)
        times = self._rows["created_us"][self._here]
        order = np.argsort(times, kind="stable")
        self._times, self._by_time = times[order], self._here[order]
        ids = self._rows["job_id"][self._here]
        self._ids: dict[bytes, list[int]] = {}
        for number, job_id in zip(self._here.tolist(), ids.tolist(), strict=True):
            self._ids.setdefault(job_id, []).append(number)
        self._renamed = [
            number for number, job_id in zip(self._here.tolist(), ids.tolist(), strict=True) if b"~" in job_id
        ]

    def with_uuid(self, run_uuid: str, created_us: int) -> Found | None:
        """Finds the run with this UUID and time of submission, in microseconds since 1970."""
        first, last = np.searchsorted(self._times, created_us), np.searchsorted(self._times, created_us, "right")
        for number in self._by_time[first:last].tolist():
            found = self._open(number)
            if found is not None and found.group.run_uuid() == run_uuid:
                return found
        return None

    def rivals(self, sealed_id: str) -> list[Found]:
        """Finds the runs that have this job id, under whatever id the project has them."""
        numbers = dict.fromkeys([*self._ids.get(Catalogue.key(sealed_id), ()), *self._renamed])
        prefix = Catalogue.key(sealed_id)
        likely = [number for number in numbers if bytes(self._rows["job_id"][number]).startswith(prefix)]
        found = []
        for one in filter(None, map(self._open, likely)):
            if read_own_record(one.group).sealed_id == sealed_id:
                found.append(one)
        return found

    def _open(self, number: int) -> Found | None:
        """Opens a run; ``None`` if its header is damaged."""
        row = catalogue.single_row(self._rows, number)
        try:
            return Found(number, row, self._folders.group(run_path(row)))
        except AerchiveError:
            return None
