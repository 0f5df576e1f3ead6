"""From a complete journal to the new state: the second half of every commit, and the whole of recovery."""

from __future__ import annotations

import contextlib

from aerchive.storage.commits.journal import Journal, find_journal
from aerchive.storage.commits.superblock import read_superblock
from aerchive.storage.medium.disk import disk


def apply_journal(fd: int, journal: Journal) -> None:
    """Brings the file into the new state. Whenever this stops, doing it again completes it.

    The file must be exclusively locked, and the journal durable in it.

    Raises:
        OSError: The disk failed; the journal is still there.
    """
    port = disk()
    port.write(fd, memoryview(journal.flagged().raw), 0)
    port.sync(fd)
    for offset, data in journal.changes:
        port.write(fd, memoryview(data), offset)
    port.sync(fd)
    port.write(fd, memoryview(journal.new.raw), 0)
    port.sync(fd)
    with contextlib.suppress(OSError):  # a tail that stays is ignored, and overwritten by the next commit
        port.truncate(fd, journal.new.end)


def recover(fd: int, path: str) -> bool:
    """Completes a commit that was interrupted, if there is one.

    Args:
        fd: The file, open for writing and exclusively locked.
        path: Its name, for messages.

    Returns:
        Whether there was one.

    Raises:
        OSError: The disk failed; the next opening tries again.
        FormatError: The file is not a project.
    """
    journal = find_journal(fd, read_superblock(fd, path))
    if journal is None:
        return False
    apply_journal(fd, journal)
    return True
