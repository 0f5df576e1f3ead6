"""Translation of h5py's exceptions for a damaged file into errors of aerchive that name the file and node."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any

from h5py import h5f, h5i

from aerchive.errors import AerchiveError, IntegrityError


class hdf5_errors:
    """A context manager that translates h5py's exceptions; the block must have only calls of h5py.

    The same exceptions raised by aerchive's own code are bugs, and must not be reported as damage of the file. (This is
    a class because a generator would take four times as long.)

    Args:
        where: The file and node, as text for the message; or an open node, whose name is looked up only for a message.
        member: Name of the member of the open node that is meant; empty for the node itself.
        what: A description of the damage, for the message.

    Raises:
        IntegrityError: HDF5 could not read or change the node.
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
    """The file and node as text, as `aerchive.storage.chunks.group_reader.GroupReader.where` gives them."""
    path = (h5i.get_name(node) or b"/").decode("utf-8", "backslashreplace").strip("/")
    return f"{os.fsdecode(h5f.get_name(node))}: /{'/'.join(part for part in (path, member) if part)}"
