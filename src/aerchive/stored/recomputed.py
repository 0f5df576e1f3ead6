"""The hook by which arrays that a run does not store are read: the run that was computed again is opened instead.

Decision 0047. What computes it again is on a higher floor: an opener of a run may have a method ``recomputed``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

from aerchive import layout
from aerchive.errors import AerchiveError, NotFoundError
from aerchive.storage.chunks.group_reader import GroupReader
from aerchive.storage.chunks.missing import read_missing
from aerchive.stored.opener import OpenFile, RunOpener

_T = TypeVar("_T")


def names_recomputed(group: GroupReader, names: Collection[str]) -> bool:
    """Whether a run lacks one of these datasets, and computes it again.

    Args:
        group: The group of the run, or of an attachment, which lacks nothing.
        names: Names of datasets.
    """
    if layout.MISSING not in group or all(name in group for name in names):
        return False
    missing = read_missing(group, str(group.run_uuid()))
    return missing is not None and not missing.recomputed.isdisjoint(names)


def is_recomputed(opener: RunOpener, name: str) -> bool:
    """Whether an array is not stored, but computed again when it is read; False if the run cannot be opened.

    Args:
        opener: Opens the group of the run.
        name: Name of the dataset.
    """
    with contextlib.suppress(AerchiveError), opener.open() as (_, group):
        return names_recomputed(group, [name])
    return False


@contextlib.contextmanager
def opened_with(opener: RunOpener, names: Collection[str]) -> Iterator[tuple[OpenFile, GroupReader]]:
    """Opens a run for reading some of its arrays; one that it does not store is computed again, without a lock.

    Args:
        opener: Opens the group of the run.
        names: Names of the datasets that will be read.

    Yields:
        The open file, and the group of the run in it; or the file in which the same run was computed again, whose
        arrays were compared with the digests of the run.

    Raises:
        OtherBitsError: What was computed again has other bits.
        AerchiveError: The run cannot be opened, or not be computed again.
    """
    with contextlib.ExitStack() as stack:
        session, group = stack.enter_context(opener.open())
        recomputed = getattr(opener, "recomputed", None)
        if recomputed is not None and names_recomputed(group, names):
            stack.close()
            try:
                session, group = stack.enter_context(recomputed().open())
            except NotFoundError:  # another process made room where it was kept, just before it was opened
                session, group = stack.enter_context(recomputed().open())
        yield session, group


@contextlib.contextmanager
def planned(opener: RunOpener, names: Collection[str], plan: Callable[[GroupReader], _T]) -> Iterator[tuple[_T, int]]:
    """Resolves with the open group of a run what is to be read; committed chunks never move, so no lock is needed then.

    Args:
        opener: Opens the group of the run.
        names: Names of the datasets that the function plans to read.
        plan: Function that is called with the open group.

    Yields:
        What the function returned, and the file descriptor of the file, which is open but not locked.

    Raises:
        AerchiveError: As `opened_with` does.
    """
    with opened_with(opener, names) as (session, group):
        found = plan(group)
        fd = session.detach()
    try:
        yield found, fd
    finally:
        os.close(fd)
