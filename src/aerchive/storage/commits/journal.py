"""The journal of one commit: all changes of committed bytes, stored at the end of the project file itself.

The journal lies beyond the new end of content, with its trailer at the physical end of the file; a checksum in the
trailer shows whether it is complete. Applying it several times gives the same file as applying it once. ``layout.md``
section 6 defines the bytes.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from aerchive.errors import UnsafeContentError
from aerchive.limits import limits, over_limit
from aerchive.storage.commits.superblock import SIZE as SUPERBLOCK_SIZE
from aerchive.storage.commits.superblock import Superblock
from aerchive.storage.medium.disk import check_holes, disk, read_bytes

_HEAD = struct.Struct("<8sQQQ48s48s32s")
_CHANGE = struct.Struct("<QQ")
_TRAILER = struct.Struct("<8sQQ32s8x")
TRAILER_SIZE = _TRAILER.size
"""Length of the trailer at the end of the file, in bytes; without a valid trailer there is no journal."""
_HEAD_MAGIC = b"AERJRNL1"
_TRAILER_MAGIC = b"AERJEND1"
_NO_DIGEST = bytes(32)
_READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Journal:
    """The changes that turn the old state of a file into the new one.

    Attributes:
        old: The superblock before the commit.
        new: The superblock after the commit.
        changes: Offset and new bytes of each changed piece of committed content, without the superblock.
        data_digest: SHA-256 of the bytes between the old and the new end, or 32 zero bytes if those bytes were made
            durable before the journal was written.
    """

    old: Superblock
    new: Superblock
    changes: tuple[tuple[int, bytes], ...]
    data_digest: bytes = _NO_DIGEST

    @property
    def start(self) -> int:
        """Offset of the journal in the file: the new end of content, rounded up to a multiple of 8 bytes."""
        return -(-self.new.end // 8) * 8

    def to_bytes(self) -> bytes:
        """The journal with its trailer, to be written at `start`."""
        head = _HEAD.pack(
            _HEAD_MAGIC,
            self.old.end,
            self.new.end,
            len(self.changes),
            self.old.raw,
            self.new.raw,
            self.data_digest,
        )
        body = head + b"".join(_CHANGE.pack(at, len(data)) + data for at, data in self.changes)
        length = len(body) + _TRAILER.size
        digest = hashlib.sha256(body + struct.pack("<QQ", self.start, length)).digest()
        return body + _TRAILER.pack(_TRAILER_MAGIC, self.start, length, digest)

    def flagged(self) -> Superblock:
        """The superblock that the file has while the changes are applied.

        With it stock HDF5 refuses the file. Its end of file lies behind the journal, so that `h5clear` keeps that.
        """
        return self.old.flagged(self.start + len(self.to_bytes()))


def digest_of(fd: int, start: int, stop: int) -> bytes:
    """The SHA-256 of the bytes ``start`` to ``stop`` of the file."""
    digest = hashlib.sha256()
    for at in range(start, stop, _READ_BYTES):
        digest.update(read_bytes(fd, at, min(_READ_BYTES, stop - at)))
    return digest.digest()


def may_have_journal(fd: int, superblock: Superblock) -> bool:
    """Whether a file can have a journal at its end, as far as its size and its superblock say.

    Args:
        fd: File descriptor of the file.
        superblock: Its superblock.
    """
    return superblock.is_flagged or not superblock.is_whole or disk().size(fd) != superblock.end


def find_journal(fd: int, superblock: Superblock, path: str) -> Journal | None:
    """The complete journal of an interrupted commit, or ``None``.

    Args:
        fd: File descriptor of the project file.
        superblock: The present superblock of the file.
        path: Name of the file, for messages.

    Raises:
        UnsafeContentError: There is a complete journal that no commit has written, or one larger than a limit allows.
    """
    size = disk().size(fd)
    trailer = read_bytes(fd, size - _TRAILER.size, _TRAILER.size) if size > _TRAILER.size else b""
    if len(trailer) != _TRAILER.size:
        return None
    magic, start, length, digest = _TRAILER.unpack(trailer)
    if magic != _TRAILER_MAGIC or start + length != size or length < _HEAD.size + _TRAILER.size:
        return None
    check_holes(fd, path)
    if length > limits().journal_bytes:
        raise over_limit(path, "journal_bytes", f"the journal of an interrupted commit has {length} bytes")
    body = read_bytes(fd, start, length - _TRAILER.size)
    if hashlib.sha256(body + struct.pack("<QQ", start, length)).digest() != digest:
        return None
    journal = _parse(body)
    if journal is None or journal.start != start or not _belongs(journal, superblock, size):
        return None
    if journal.data_digest != _NO_DIGEST and digest_of(fd, journal.old.end, journal.new.end) != journal.data_digest:
        return None
    _check(journal, path)
    return journal


def _parse(body: bytes) -> Journal | None:
    magic, old_end, new_end, number, old, new, digest = _HEAD.unpack_from(body)
    journal_old, journal_new = Superblock(old), Superblock(new)
    if magic != _HEAD_MAGIC or journal_old.end != old_end or journal_new.end != new_end:
        return None
    changes = []
    position = _HEAD.size
    for _ in range(number):
        if position + _CHANGE.size > len(body):
            return None
        at, length = _CHANGE.unpack_from(body, position)
        position += _CHANGE.size
        if position + length > len(body):
            return None
        changes.append((at, body[position : position + length]))
        position += length
    return Journal(journal_old, journal_new, tuple(changes), digest) if position == len(body) else None


def _check(journal: Journal, path: str) -> None:
    """Refuses changes that no commit makes: it changes committed bytes behind the superblock, in order of offset."""
    end = SUPERBLOCK_SIZE
    for at, data in journal.changes:
        if at < end or not data:
            raise UnsafeContentError(f"{path}: the journal of an interrupted commit is forged: it changes byte {at}")
        end = at + len(data)
    if end > journal.old.end or journal.new.end < journal.old.end:
        raise UnsafeContentError(
            f"{path}: the journal of an interrupted commit is forged: it changes what has no place"
        )
    if not (journal.old.is_of_project and journal.new.is_of_project):
        raise UnsafeContentError(f"{path}: the journal of an interrupted commit is forged: its superblock is")


def _belongs(journal: Journal, now: Superblock, size: int) -> bool:
    """Whether the file is in one of the states in the course of applying this journal, whatever its flags are.

    The superblock may be torn, partly old and partly new: its 48 bytes lie in one sector, but not every medium writes
    a sector as a whole.
    """
    if not now.is_whole:
        return now.is_mixture_of(journal.old, journal.old.flagged(size), journal.new)
    return now.content in (journal.old.content, journal.old.flagged(size).content, journal.new.content)
