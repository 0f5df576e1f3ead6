"""The runs that were deleted from a project and not compacted away yet."""

from __future__ import annotations

import re
from collections import defaultdict

from aerchive import layout
from aerchive.errors import AerchiveError
from aerchive.lazy import cached_property
from aerchive.storage.hdf5.reader import HDF5Group


class DeletedRuns:
    """The runs that were deleted from a project, searched by the time of their submission.

    Args:
        root: The root group of the project file.
    """

    def __init__(self, root: HDF5Group) -> None:
        self._root = root

    def has(self, run_uuid: str, created: str) -> bool:
        """Whether the run with this UUID and time of submission was deleted."""
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
