"""What was deleted from a project, and restored: a table that compaction and merging keep (decision 0041).

Each deletion, and each restoration, is a row. Of two rows with the same UUID the later one counts, so a project that
was merged with another one knows what was deleted in either of them, and a deleted run does not come back by a merge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerchive import layout
from aerchive.errors import FormatError, IntegrityError, NotFoundError
from aerchive.project.catalogue.table import Session
from aerchive.row_checksums import row_crc, wrong_rows
from aerchive.storage.sessions import WriteSession
from aerchive.text import decode_text, encode_text
from aerchive.times import now, to_microseconds

DTYPE = np.dtype([("uuid", "S64"), ("when_us", "<i8"), ("created_us", "<i8"), ("deleted", "u1"), ("crc32", "<u4")])
"""The dtype of a row on disk: packed, little-endian, 85 bytes."""
_CHECKED_BYTES = DTYPE.itemsize - 4
_MOST = 2**63 - 1


class Deletion(NamedTuple):
    """The last deletion or restoration of a run or attachment; that with the greater `order` counts.

    Attributes:
        when_us: Its time, in microseconds since 1970; it is later than any other of the same run known there.
        is_deleted: Whether it was deleted, or restored.
        created_us: Time of submission of the run, in microseconds since 1970; 0 for an attachment.
    """

    when_us: int
    is_deleted: bool
    created_us: int = 0

    @property
    def order(self) -> tuple[int, bool, int]:
        """What decides which one counts: the time, and at one time the restoration, so that nothing is lost."""
        return self.when_us, not self.is_deleted, self.created_us


Deletions = Mapping[str, Deletion]
"""The last deletion or restoration by UUID of the run or attachment."""


def read_deletions(session: Session) -> dict[str, Deletion]:
    """Reads what was deleted from a project, and restored.

    Raises:
        IntegrityError: A row is damaged.
        FormatError: The table has other columns.
    """
    rows = read_rows(session)
    bad = damaged_rows(rows)
    if bad:
        raise IntegrityError(f"{session.root.where(layout.DELETIONS)}: row {bad[0]} is damaged ({len(bad)} in all)")
    found: dict[str, Deletion] = {}
    for uuid, when_us, created_us, deleted, _ in rows.tolist():
        one = Deletion(when_us, bool(deleted), created_us)
        name = decode_text(uuid)
        if name not in found or one.order > found[name].order:
            found[name] = one
    return found


def read_rows(session: Session) -> NDArray[np.void]:
    """Reads all rows of the table, dtype `DTYPE`, without looking for damage; none if there is no table.

    Raises:
        FormatError: The table has other columns.
    """
    try:
        table = session.table(layout.DELETIONS)
    except NotFoundError:
        return np.empty(0, DTYPE)
    if table.dtype != DTYPE:
        raise FormatError(f"{table.where}: has other columns than format version {layout.FORMAT_VERSION} says")
    rows: NDArray[np.void] = table.rows()
    return rows


def damaged_rows(rows: NDArray[np.void]) -> list[int]:
    """Returns the numbers of the rows whose checksum is wrong."""
    content = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), DTYPE.itemsize)
    return wrong_rows(content[:, :_CHECKED_BYTES], rows["crc32"], 0)


def last_of(rows: NDArray[np.void], uuid: str) -> Deletion | None:
    """Finds the last deletion or restoration of a run or attachment among the rows of the table."""
    mine = rows[rows["uuid"] == encode_text(uuid)]
    known = (Deletion(int(row["when_us"]), bool(row["deleted"]), int(row["created_us"])) for row in mine)
    return max(known, default=None, key=lambda one: one.order)


def add_deletions(session: WriteSession, deletions: Deletions) -> None:
    """Adds deletions and restorations to the table of a project that is open for writing."""
    if not deletions:
        return
    first = len(read_rows(session))
    rows = np.zeros(len(deletions), DTYPE)
    for number, (uuid, one) in enumerate(deletions.items()):
        rows[number] = (encode_text(uuid), one.when_us, one.created_us, one.is_deleted, 0)
        rows["crc32"][number] = row_crc(rows[number].tobytes()[:_CHECKED_BYTES], first + number)
    session.add_to_log(layout.DELETIONS, rows, layout.DELETIONS_CHUNK_ROWS)


def note_deletions(session: WriteSession, uuids: Iterable[tuple[str, int]], *, is_deleted: bool = True) -> None:
    """Notes in the table that runs or attachments are deleted or restored now.

    Args:
        session: A session of the project that is open for writing.
        uuids: UUID of each, and time of submission of the run in microseconds since 1970; 0 for an attachment.
        is_deleted: Whether they are deleted, or restored.
    """
    rows, when_us = read_rows(session), to_microseconds(now())
    new = {}
    for uuid, created_us in uuids:
        last = last_of(rows, uuid)
        when = when_us if last is None else min(max(when_us, last.when_us + 1), _MOST)
        new[uuid] = Deletion(when, is_deleted, created_us)
    add_deletions(session, new)


def united(one: Deletions, other: Deletions) -> dict[str, Deletion]:
    """The later of the deletions and restorations of both."""
    both = [*one.items(), *other.items()]
    return dict(sorted(both, key=lambda item: item[1].order))
