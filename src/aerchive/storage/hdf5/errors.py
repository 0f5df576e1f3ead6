"""The border to h5py: what it raises for a damaged file becomes one of our errors, with the file and node."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any

from h5py import h5f, h5i

from aerchive.errors import AerchiveError, IntegrityError


class hdf5_errors:
    """Translates h5py's errors; put it around calls of h5py and nothing else.

    The same errors of our own code are mistakes of the program. They must come out as what they are, and not say that
    the file is damaged. (A class, because a generator would take four times as long.)

    Args:
        where: The file and node, for the message; or an open node, whose name is asked for only if it is needed.
        member: Of the open node.
        what: Is wrong, for the message.

    Raises:
        IntegrityError: HDF5 could not read or change what should be there.
    """

    __slots__ = ("_member", "_what", "_where")

    def __init__(self, where: Any, member: str = "", *, what: str = "damaged") -> None:
        self._where = where
        self._member = member
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError | RuntimeError | KeyError | ValueError) and not isinstance(error, AerchiveError):
            where = self._where if isinstance(self._where, str) else _place(self._where, self._member)
            raise IntegrityError(f"{where}: {self._what}: {error}") from error


def _place(node: Any, member: str) -> str:
    """The file and node, as `aerchive.storage.hdf5.reader.GroupReader.where` has them."""
    path = (h5i.get_name(node) or b"/").decode("utf-8", "backslashreplace").strip("/")
    return f"{os.fsdecode(h5f.get_name(node))}: /{'/'.join(part for part in (path, member) if part)}"
