"""A spool file: records that are only ever appended, each with checksums of its own.

Beside ``vqe.h5`` a process keeps what it has not brought into the project yet in ``.vqe.h5.waiting-<pid>-<8 hex
digits>``. As soon as it holds runs that are durable there, and that the user must keep with the project, the file
gets a name that is not hidden: ``vqe.h5.pending-<pid>-<8 hex digits>``. The file is a sequence of records. A record
is a head of 40 bytes, a document (JSON), and data::

    8 bytes   "AERSPOOL"
    4 bytes   kind
    8 bytes   length of the document   (this and all numbers: unsigned, little-endian)
    8 bytes   length of the data
    4 bytes   CRC-32 of the document
    4 bytes   CRC-32 of the data
    4 bytes   CRC-32 of the 36 bytes before

The first record is the header, padded to 512 bytes; it says which process of which machine the file belongs to. A
record that is damaged costs that record alone: a reader goes on at the next one. What each kind holds is described in
``schemas/v1/layout.md``; why there is one such file for a process is in ``docs/decisions/0018-one-spool.md``.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NamedTuple

from isal import isal_zlib

from aerchive.errors import IntegrityError
from aerchive.filters.deflate import Buffer
from aerchive.storage.medium.disk import disk, read_bytes, sync_folder
from aerchive.storage.medium.errors import disk_errors
from aerchive.storage.medium.owner import Owner, take_lock, this_process

FORMAT: Final = "aerchive-spool"
FORMAT_VERSION: Final = 1
HEADER_BYTES: Final = 512
"""Of the first record. A file of this size holds nothing."""

HEADER: Final = b"HEAD"
SUBMITTED: Final = b"SUBM"
"""A job was handed to the simulator."""
FINISHED: Final = b"DONE"
"""A submitted job needs its trace no more, or runs are in the project."""
CHUNK: Final = b"CHNK"
"""The stored bytes of one chunk of a run or object that follows."""
OBJECT: Final = b"OBJT"
"""A shared object that runs behind it link."""
RUN: Final = b"RUN "
"""A finished run."""
HELD: Final = b"HELD"
"""These runs are durable here, and wait only for the project."""

_MARK: Final = b"AERSPOOL"
_HEAD: Final = struct.Struct("<8s4sQQII")
_CRC: Final = struct.Struct("<I")
HEAD_BYTES: Final = _HEAD.size + _CRC.size
_SEARCH_BYTES: Final = 1024 * 1024


WAITING: Final = "waiting"
"""What the hidden name says that the file is."""
_PENDING: Final = "pending"


def pending_prefix(prefix: str) -> str:
    """What the paths of files with durable runs begin with.

    Args:
        prefix: What the hidden paths begin with, such as ``/home/ann/.vqe.h5.waiting-``.
    """
    folder, name = os.path.split(prefix)
    return os.path.join(folder, f"{name.removeprefix('.').removesuffix(f'{WAITING}-')}{_PENDING}-")


def pending_path(path: str) -> str:
    """The path of a spool file after it has got the name that is not hidden."""
    prefix, _, process = path.rpartition(f"{WAITING}-")
    return f"{pending_prefix(f'{prefix}{WAITING}-')}{process}" if prefix else path


class Record(NamedTuple):
    """The head of a record.

    Attributes:
        kind: One of the constants of this module.
        offset: Where the record begins in the file, in bytes.
        document_bytes: Length of the document.
        data_bytes: Length of the data.
        document_crc: CRC-32 of the document.
        data_crc: CRC-32 of the data.
    """

    kind: bytes
    offset: int
    document_bytes: int
    data_bytes: int
    document_crc: int
    data_crc: int

    @property
    def data_at(self) -> int:
        """Where the data begin in the file."""
        return self.offset + HEAD_BYTES + self.document_bytes

    @property
    def end(self) -> int:
        """Where the next record begins."""
        return self.data_at + self.data_bytes


class Gap(NamedTuple):
    """Bytes that are no record, although records follow or the file goes on.

    Attributes:
        start: The first of them.
        end: The byte behind the last.
    """

    start: int
    end: int


def read_head(fd: int, offset: int) -> Record | None:
    """The head of the record at an offset; ``None`` if there is none, or if it is damaged."""
    head = read_bytes(fd, offset, HEAD_BYTES)
    if len(head) < HEAD_BYTES or not head.startswith(_MARK):
        return None
    fields, (crc,) = head[: _HEAD.size], _CRC.unpack_from(head, _HEAD.size)
    if isal_zlib.crc32(fields) != crc:
        return None
    _, kind, document_bytes, data_bytes, document_crc, data_crc = _HEAD.unpack(fields)
    return Record(kind, offset, document_bytes, data_bytes, document_crc, data_crc)


def read_document(fd: int, record: Record, path: str) -> dict[str, Any]:
    """The document of a record.

    Raises:
        IntegrityError: It is damaged.
    """
    with disk_errors(path):
        text = read_bytes(fd, record.offset + HEAD_BYTES, record.document_bytes)
    try:
        if len(text) == record.document_bytes and isal_zlib.crc32(text) == record.document_crc:
            document = json.loads(text)
            if isinstance(document, dict):
                return document
    except (ValueError, RecursionError):
        pass
    raise IntegrityError(f"{path}: the record at byte {record.offset} is damaged; other records are not affected")


def read_data(fd: int, record: Record, path: str) -> bytes:
    """The data of a record.

    Raises:
        IntegrityError: They are damaged.
    """
    with disk_errors(path):
        data = read_bytes(fd, record.data_at, record.data_bytes)
    if len(data) != record.data_bytes or isal_zlib.crc32(data) != record.data_crc:
        raise IntegrityError(
            f"{path}: the data of the record at byte {record.offset} are damaged; other records are not affected"
        )
    return data


def scan(fd: int, start: int, end: int) -> Iterator[Record | Gap]:
    """The records between two offsets, and what is damaged between them.

    The last record may be torn, because its process died while it was written; it was never acknowledged, and is left
    out like zeros at the end, which a power cut may leave.

    Args:
        fd: The file.
        start: Where a record begins.
        end: Of the file, in bytes.
    """
    while start + HEAD_BYTES <= end:
        record = read_head(fd, start)
        if record is not None:
            if record.end > end:
                return
            yield record
            start = record.end
            continue
        following = _find(fd, start + 1, end)
        if following < end or _has_content(fd, start, end):
            yield Gap(start, following)
        start = following


def _find(fd: int, start: int, end: int) -> int:
    """Where the next whole head begins, or the end."""
    while start < end:
        piece = read_bytes(fd, start, min(_SEARCH_BYTES, end - start))
        at = piece.find(_MARK)
        if at < 0:
            start += max(1, len(piece) - len(_MARK) + 1)
            continue
        if read_head(fd, start + at) is not None:
            return start + at
        start += at + 1
    return end


def _has_content(fd: int, start: int, end: int) -> bool:
    return any(any(read_bytes(fd, at, min(_SEARCH_BYTES, end - at))) for at in range(start, end, _SEARCH_BYTES))


class SpoolFile:
    """A spool file of this process, locked as long as it is open. Not thread-safe.

    Attributes:
        path: The file.
        fd: The same, open for reading and writing.
        size: Where the next record begins, in bytes.
    """

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self.fd = fd
        self.size = 0
        self._is_named_durably = False

    @classmethod
    def create(cls, prefix: str) -> SpoolFile:
        """Makes a file with a name that no other has.

        Args:
            prefix: What its path begins with.

        Raises:
            OSError: The folder or the disk does not take it.
        """
        owner = this_process()
        for _ in range(8):
            path = f"{prefix}{owner.pid}-{os.urandom(4).hex()}"
            file = cls(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
            try:
                # A reader that meets the file before it is locked may take it for that of a dead process, and remove
                # it.
                if take_lock(file.fd) and os.fstat(file.fd).st_nlink:
                    file._write_header(owner)
                    return file
            except BaseException:
                file.remove()
                raise
            file.remove()
        raise OSError(errno.EAGAIN, "a spool file was removed again and again while it was made", prefix)

    def _write_header(self, owner: Owner) -> None:
        header = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            **asdict(owner),
            "inode": os.fstat(self.fd).st_ino,
        }
        text = json.dumps(header, separators=(",", ":")).encode("ascii")
        self._append(HEADER, text.ljust(HEADER_BYTES - HEAD_BYTES), ())

    @property
    def is_empty(self) -> bool:
        """Whether nothing was appended since it was made or cut back."""
        return self.size <= HEADER_BYTES

    def has_name(self) -> bool:
        """Whether the file still has its name: a user may have removed it."""
        with contextlib.suppress(OSError):
            return os.path.samestat(os.fstat(self.fd), os.stat(self.path))
        return False

    def append(self, kind: bytes, document: Mapping[str, Any], data: Sequence[Buffer] = ()) -> int:
        """Appends a record; it outlives this process when this returns.

        Args:
            kind: Of the record.
            document: Values that JSON can express.
            data: Bytes that follow, in pieces.

        Returns:
            Where the record begins in the file, in bytes.

        Raises:
            OSError: The disk did not take it; the file is as it was.
        """
        return self._append(kind, json.dumps(document, separators=(",", ":")).encode("ascii"), data)

    def _append(self, kind: bytes, text: bytes, data: Sequence[Buffer]) -> int:
        crc, length = 0, 0
        for piece in data:
            crc, length = isal_zlib.crc32(piece, crc), length + len(piece)
        fields = _HEAD.pack(_MARK, kind, len(text), length, isal_zlib.crc32(text), crc)
        start = at = self.size
        # The room is taken before it is written: the handler of a signal, or a finalizer, may append meanwhile.
        end = self.size = start + HEAD_BYTES + len(text) + length
        try:
            for piece in (b"".join((fields, _CRC.pack(isal_zlib.crc32(fields)), text)), *data):
                disk().write(self.fd, memoryview(piece), at)
                at += len(piece)
        except BaseException:
            if self.size == end:
                self.size = start
                with contextlib.suppress(OSError):
                    disk().truncate(self.fd, start)
            raise
        return start

    def sync(self) -> None:
        """Returns when the file and its name are on the medium.

        Raises:
            OSError: The disk failed.
        """
        disk().sync(self.fd)
        if not self._is_named_durably:
            sync_folder(Path(self.path).parent)
            self._is_named_durably = True

    def show(self) -> None:
        """Gives the file its name that is not hidden.

        Raises:
            OSError: The folder does not let it.
        """
        path = pending_path(self.path)
        if path != self.path:
            os.rename(self.path, path)
            self.path = path
            self._is_named_durably = False

    def cut(self) -> None:
        """Removes all records but the header. Only for a file without runs, which others may be reading."""
        with contextlib.suppress(OSError):  # what stays is closed by its own records
            disk().truncate(self.fd, HEADER_BYTES)
            self.size = HEADER_BYTES

    def remove(self) -> None:
        """Removes the file, durably if its name was made durable."""
        with contextlib.suppress(OSError):  # removed before the lock goes, so that no reader sees it without its owner
            os.unlink(self.path)
            if self._is_named_durably:
                sync_folder(Path(self.path).parent)
        self.abandon()

    def abandon(self) -> None:
        """Closes the file and leaves it for the next process that writes to the project; also in a forked child."""
        with contextlib.suppress(OSError):
            os.close(self.fd)
