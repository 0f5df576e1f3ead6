"""One commit: HDF5 writes into an overlay, and committed bytes of the file change only when the commit is complete.

Bytes beyond the committed end are written to the file at once, where no reader reads; changes of committed bytes are
held in memory. ``commit`` appends them to the file as a journal and makes data and journal durable: at that moment the
new state is committed. Then the changes are applied, the superblock last.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aerchive.errors import AerchiveError, CommittedError, UncertainError, WriteError
from aerchive.storage.chunks.room import no_room
from aerchive.storage.commits.journal import TRAILER_SIZE, Journal, digest_of
from aerchive.storage.commits.read_file import FileObject, bare
from aerchive.storage.commits.recovery import apply_journal
from aerchive.storage.commits.superblock import SIZE as SUPERBLOCK_SIZE
from aerchive.storage.commits.superblock import Superblock
from aerchive.storage.medium import known_files
from aerchive.storage.medium.disk import disk, read_bytes
from aerchive.storage.medium.trace import note_read

_PAGE = 4096
_LARGE_BYTES = 1024 * 1024
"""From this size on, new data is made durable by a sync of its own, and its digest is not put into the journal."""
_WRITE_BYTES = 8 * 1024 * 1024
"""Amount of new data after which the system is told to begin to write it to the medium."""
_CHUNK_BYTES = 64 * 1024
"""From this size on, a write is one of a payload, and the file is recorded after it."""
_LOOK_BYTES = 1024 * 1024
"""Amount of new data that is written between two checks of the free space."""
_GAP = 16
"""Changes that are at most so many bytes apart are joined, because each change has a head of this size."""


class Overlay(FileObject):
    """A file object for h5py in which committed bytes never change before `commit`.

    h5py in some places ignores exceptions and return values of callbacks, so no method that HDF5 calls raises: the
    first error is kept, and `commit` raises it.

    Args:
        fd: File descriptor of the project file, open for reading and writing, exclusively locked.
        superblock: The superblock of the committed state.
        path: The file, for messages.
        min_free_bytes: Space that must stay free on the disk, in bytes; it is checked after each MiB of new data, and
            0 means no check.
    """

    def __init__(self, fd: int, superblock: Superblock, path: str, min_free_bytes: int = 0) -> None:
        self._fd = fd
        self._min_free_bytes = min_free_bytes
        self._old = superblock
        self._path = path
        self._base = superblock.end
        self._end = superblock.end
        self._begun = superblock.end
        self._looked = superblock.end
        self._pages: dict[int, bytearray] = {}
        self._originals: dict[int, bytes] = {}
        self._error: BaseException | None = None
        self._has_journal = False
        self._keeps_tail = False
        if disk().size(fd) > self._base:  # left by an interrupted commit, and never read
            disk().truncate(fd, self._base)

    # -- methods that h5py calls

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer; bytes beyond the end are zero."""
        view = memoryview(buffer).cast("B")
        try:
            self._read(view)
        except BaseException as error:  # noqa: BLE001  (kept for `commit`: h5py would lose it)
            self._error = self._error or bare(error)
        self._position += len(view)
        return len(view)

    def write(self, data: Any) -> int:
        """Writes data beyond the committed end to the file, and holds changes of committed bytes in memory."""
        view = memoryview(data).cast("B")
        try:
            if self._error is None:
                self._write(view)
        except BaseException as error:  # noqa: BLE001  (kept for `commit`: h5py would lose it)
            self._error = bare(error)
        self._position += len(view)
        self._end = max(self._end, self._position)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Sets the size that the file will have after the commit."""
        size = self._position if size is None else size
        try:
            if self._error is None and size < self._end:
                disk().truncate(self._fd, max(size, self._base))
        except BaseException as error:  # noqa: BLE001  (kept for `commit`: h5py would lose it)
            self._error = bare(error)
        self._end = size
        return size

    def flush(self) -> None:
        """Does nothing: only `commit` makes data durable."""

    # -- commit and roll-back

    @property
    def error(self) -> BaseException | None:
        """The first error in a call by HDF5, or ``None``."""
        return self._error

    def commit(self) -> None:
        """Makes the new state durable.

        Raises:
            WriteError: The disk is full or failed; the file is as it was.
            UncertainError: The disk failed at the commit, and the commit could not be undone.
            CommittedError: The disk failed after the commit: the new state is durable, and the next commit
                completes it.
        """
        if self._error is not None:
            raise self._failure(self._error) from self._error
        self._check_alone()
        try:
            journal = self._make_durable()
        except BaseException as error:
            raise self._revoked(error) from error
        self._keeps_tail = True
        try:
            apply_journal(self._fd, journal)
        except BaseException as error:
            raise CommittedError(
                f"{self._path}: the runs are saved, but the file could not be completed ({error}); "
                "the next commit does it"
            ) from error

    def roll_back(self) -> None:
        """Cuts the file back to the committed state; does nothing if bytes behind its end are needed, as after commit.

        Raises:
            OSError: The disk failed; the bytes that are left lie beyond the end, where no reader reads.
        """
        if self._keeps_tail:
            return
        disk().truncate(self._fd, self._base)

    def _check_alone(self) -> None:
        """Checks that no program that ignores locks has changed the superblock meanwhile.

        If one has, the bytes behind the end may belong to that program, and are not cut off.

        Raises:
            WriteError: The superblock has changed, or cannot be read.
        """
        try:
            now = read_bytes(self._fd, 0, SUPERBLOCK_SIZE)
        except OSError as error:
            raise self._failure(error) from error
        if now != self._old.raw:
            self._keeps_tail = True
            raise WriteError(
                f"{self._path}: a program that ignores locks has written into the file meanwhile; nothing was saved. "
                "Close that program, then look at the file with 'aerchive verify'"
            )

    def _make_durable(self) -> Journal:
        """Writes the journal and makes it durable; when this returns, the new state is committed."""
        port = disk()
        new = Superblock(bytes(self._held(0, SUPERBLOCK_SIZE)))
        if new.end < self._base:  # HDF5 freed space at the end; committed addresses are never used again
            new = new.ending_at(self._base)
        port.truncate(self._fd, new.end)
        known_files.changed(self._fd)
        is_large = new.end - self._base >= _LARGE_BYTES
        if is_large:
            known_files.sync(self._fd)
        journal = Journal(self._old, new, self._changes())
        if not is_large:
            journal = Journal(self._old, new, journal.changes, digest_of(self._fd, self._base, new.end))
        self._has_journal = True
        port.write(self._fd, memoryview(journal.to_bytes()), journal.start)
        known_files.sync(self._fd)
        return journal

    def _revoked(self, error: BaseException) -> BaseException:
        """Removes the journal, which may be complete and even durable although writing it failed; returns the error.

        The journal is overwritten before it is cut off: a power cut may restore the length of the file, with or without
        the overwritten bytes. Data are cut off only when that is durable: a journal without their digest would bring
        back what a power cut has left of them.
        """
        is_spoiled = not self._has_journal or self._spoil_journal()
        try:
            if self._has_journal and is_spoiled:
                known_files.sync(self._fd)
        except OSError:
            self._keeps_tail = True
            return self._not_undone(error)
        try:
            self.roll_back()
        except OSError:
            if not is_spoiled:
                self._keeps_tail = True  # perhaps committed: nothing may be cut off any more
                return UncertainError(
                    f"{self._path}: {error}, and the disk lets nothing be undone: whether the runs are saved shows "
                    "only when the project is opened again; look there before you save them again"
                )
        if not is_spoiled:
            try:
                known_files.sync(self._fd)
            except OSError:
                return self._not_undone(error)
        return self._failure(error)

    def _not_undone(self, error: BaseException) -> UncertainError:
        return UncertainError(
            f"{self._path}: {error}, and the disk does not say that this was undone: nothing is saved, but "
            "after a power cut the runs may be there; look there before you save them again"
        )

    def _spoil_journal(self) -> bool:
        """Overwrites the trailer, which makes the journal invalid; returns whether that was possible."""
        try:
            end = disk().size(self._fd)
            disk().write(self._fd, memoryview(bytes(TRAILER_SIZE)), max(self._base, end - TRAILER_SIZE))
        except OSError:
            return False
        return True

    def _failure(self, error: BaseException) -> BaseException:
        if isinstance(error, OSError) and not isinstance(error, AerchiveError):
            return WriteError(f"{self._path}: {error.strerror or error}; nothing was saved, the file is as it was")
        return error

    # -- bytes

    def _held(self, start: int, length: int) -> bytearray:
        buffer = bytearray(length)
        self._read_at(memoryview(buffer), start)
        return buffer

    def _changes(self) -> tuple[tuple[int, bytes], ...]:
        """Offset and new bytes of each changed piece of committed content, near ones joined, without the superblock."""
        pages = np.array(sorted(self._pages), np.int64)
        old = np.frombuffer(b"".join(self._originals[page] for page in pages.tolist()), np.uint8)
        content = b"".join(self._pages[page] for page in pages.tolist())
        at = np.flatnonzero(old != np.frombuffer(content, np.uint8))
        offsets = pages[at // _PAGE] * _PAGE + at % _PAGE
        inside = (offsets >= SUPERBLOCK_SIZE) & (offsets < self._base)
        at, offsets = at[inside], offsets[inside]
        if not at.size:
            return ()
        last = np.flatnonzero(np.diff(offsets) > _GAP)
        first, last = np.concatenate(([0], last + 1)), np.concatenate((last, [-1]))
        pieces = zip(offsets[first].tolist(), at[first].tolist(), at[last].tolist(), strict=True)
        return tuple((offset, content[start : stop + 1]) for offset, start, stop in pieces)

    def _read(self, view: memoryview) -> None:
        self._read_at(view, self._position)
        note_read(self._position, len(view))

    def _read_at(self, view: memoryview, start: int) -> None:
        done = disk().read(self._fd, view, start)
        view[done:] = bytes(len(view) - done)
        for page in _pages_of(start, len(view)):
            held = self._pages.get(page)
            if held is not None:
                low, high = max(start, page * _PAGE), min(start + len(view), (page + 1) * _PAGE, self._base)
                high = max(low, high)  # the page may reach beyond the committed end, and the buffer may lie beyond it
                view[low - start : high - start] = held[low - page * _PAGE : high - page * _PAGE]

    def _write(self, view: memoryview) -> None:
        start = self._position
        below = max(0, min(len(view), self._base - start))
        for page in _pages_of(start, below):
            held = self._pages.get(page)
            if held is None:
                held = bytearray(_PAGE)
                disk().read(self._fd, memoryview(held), page * _PAGE)
                self._originals[page] = bytes(held)
                self._pages[page] = held
            low, high = max(start, page * _PAGE), min(start + below, (page + 1) * _PAGE)
            held[low - page * _PAGE : high - page * _PAGE] = view[low - start : high - start]
        if below < len(view):
            self._look_for_room(start + len(view))
            disk().write(self._fd, view[below:], start + below)
            if len(view) >= _CHUNK_BYTES:
                known_files.changed(self._fd)  # much time may pass until the next write
            self._begin_writing(start + len(view))

    def _begin_writing(self, end: int) -> None:
        """Lets the system write new data to the medium while more is made, so that the sync in `commit` is short."""
        if end - self._begun >= _WRITE_BYTES:
            disk().begin_writing(self._fd, self._begun, end - self._begun)
            self._begun = end

    def _look_for_room(self, end: int) -> None:
        """Raises before the disk is full; the data written so far is then removed, and other programs have room."""
        if self._min_free_bytes and end - self._looked >= _LOOK_BYTES:
            free = disk().free(self._fd) - (end - self._looked)
            if free < self._min_free_bytes:
                raise no_room(self._path, "what was being written", None, free, self._min_free_bytes)
            self._looked = end


def _pages_of(start: int, length: int) -> range:
    return range(start // _PAGE, -(-(start + length) // _PAGE)) if length else range(0)
