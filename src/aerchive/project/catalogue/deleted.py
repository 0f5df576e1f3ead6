"""Whether a run was deleted from a project."""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import AerchiveError
from aerchive.lazy import cached_property
from aerchive.project.catalogue.deletions import last_of, read_rows
from aerchive.project.catalogue.table import Session


class DeletedRuns:
    """The runs that were deleted from a project.

    The table of deletions has them, and drafts of the format without it have groups that are searched by the time of
    submission.

    Args:
        session: An open session of the project file.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._root = session.root

    def has(self, run_uuid: str, created: str) -> bool:
        """Whether the run with this UUID and time of submission was deleted, and not restored since."""
        last = last_of(self._rows, run_uuid)
        return self._has_group(run_uuid, created) if last is None else last.is_deleted

    @cached_property
    def _rows(self) -> NDArray[np.void]:
        return read_rows(self._session)

    def _has_group(self, run_uuid: str, created: str) -> bool:
        time = created[:10] + created[11:19].replace(":", "")
        return any(self._uuid(name) == run_uuid for name in self._by_time.get(time, ()))

    @cached_property
    def _by_time(self) -> dict[str, list[str]]:
        """Names of the groups of deleted runs, by time of submission; no group is opened."""
        found: dict[str, list[str]] = defaultdict(list)
        if layout.DELETED in self._root:
            for name in self._root.group(layout.DELETED).names():
                if (match := _DELETED.match(name)) is not None:
                    found[match["day"] + match["time"]].append(name)
        return found

    def _uuid(self, name: str) -> object:
        try:
            return self._root.group(f"{layout.DELETED}/{name}").run_uuid()
        except AerchiveError:
            return None


_DELETED = re.compile(rf"{layout.RUNS}-(?P<day>\d{{4}}-\d\d-\d\d)(\.\d+)?-(?P<time>\d{{6}})_")
