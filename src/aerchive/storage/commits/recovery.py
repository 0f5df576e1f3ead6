"""Application of a complete journal: the second half of every commit, and all that recovery does."""

from __future__ import annotations

import contextlib

from aerchive.storage.commits.journal import Journal, find_journal
from aerchive.storage.commits.superblock import read_superblock
from aerchive.storage.medium import known_files
from aerchive.storage.medium.disk import disk


def apply_journal(fd: int, journal: Journal) -> None:
    """Brings the file into the new state. If this is interrupted, calling it again completes the new state.

    The file must be exclusively locked, and the journal must be durable in it.

    Raises:
        OSError: The disk failed; the journal is still in the file.
    """
    port = disk()
    port.write(fd, memoryview(journal.flagged().raw), 0)
    known_files.sync(fd)
    for offset, data in journal.changes:
        port.write(fd, memoryview(data), offset)
    known_files.sync(fd)
    port.write(fd, memoryview(journal.new.raw), 0)
    known_files.sync(fd)
    with contextlib.suppress(OSError):  # bytes that stay behind the end are ignored, and removed by the next commit
        port.truncate(fd, journal.new.end)


def recover(fd: int, path: str) -> bool:
    """Completes an interrupted commit, if there is one.

    Args:
        fd: File descriptor of the project file, open for writing and exclusively locked.
        path: Name of the file, for messages.

    Returns:
        Whether there was an interrupted commit.

    Raises:
        OSError: The disk failed; the next commit tries again.
        FormatError: The file is not a project.
        UnsafeContentError: The journal is forged.
    """
    journal = find_journal(fd, read_superblock(fd, path), path)
    if journal is None:
        return False
    apply_journal(fd, journal)
    return True
