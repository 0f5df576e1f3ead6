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
        where: The file and node for the message: a text, a `NodeName`, or an open node.
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
        if isinstance(error, OSError | RuntimeError | KeyError | ValueError | OverflowError) and not isinstance(
            error, AerchiveError
        ):
            where = self._where if isinstance(self._where, str | NodeName) else NodeName(self._where, self._member)
            raise IntegrityError(f"{where}: {self._what}: {error}") from error


class NodeName:
    """The file and path of a node or of its member, which are looked up only if a message is made.

    Args:
        node: An open node.
        member: Name of the member that is meant; empty for the node itself.
    """

    __slots__ = ("_member", "_node")

    def __init__(self, node: Any, member: str = "") -> None:
        self._node = node
        self._member = member

    def __str__(self) -> str:
        path = (h5i.get_name(self._node) or b"/").decode("utf-8", "backslashreplace").strip("/")
        file = os.fsdecode(h5f.get_name(self._node))
        return f"{file}: /{'/'.join(part for part in (path, self._member) if part)}"


Where = str | NodeName
"""The file and path of a node, for messages."""
