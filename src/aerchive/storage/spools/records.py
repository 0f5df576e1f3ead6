"""Spool files: sequences of records that are only appended, each with checksums of its own.

A process with the project ``vqe.h5`` keeps jobs and runs that are not in the project yet in
``.vqe.h5.waiting-<pid>-<8 hex digits>``. As soon as this file holds durable runs, which the user must keep with the
project, it gets a name that is not hidden: ``vqe.h5.pending-<pid>-<8 hex digits>``. The file is a sequence of records.
A record is a head of 40 bytes, a document (JSON), and data::

    8 bytes   "AERSPOOL"
    4 bytes   kind
    8 bytes   length of the document   (this and all numbers: unsigned, little-endian)
    8 bytes   length of the data
    4 bytes   CRC-32 of the document
    4 bytes   CRC-32 of the data
    4 bytes   CRC-32 of the 36 bytes before

The first record is the header, padded to 512 bytes; it names the process and machine that the file belongs to. If a
record is damaged, only that record is lost: a reader continues at the next one. ``schemas/v1/layout.md`` describes the
content of each kind; ``docs/decisions/0018-one-spool.md`` says why each process has one such file.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NamedTuple

from isal import isal_zlib

from aerchive import layout
from aerchive.errors import IntegrityError
from aerchive.filters.deflate import Buffer
from aerchive.storage.medium.disk import disk, read_bytes, sync_folder
from aerchive.storage.medium.errors import disk_errors
from aerchive.storage.medium.opening import is_same_file
from aerchive.storage.medium.process import this_process
from aerchive.storage.medium.process_file import make_process_file, remove_process_file

FORMAT: Final = "aerchive-spool"
FORMAT_VERSION: Final = 1
HEADER_BYTES: Final = 512
"""Length of the header record, in bytes. A file of this size holds no jobs and no runs."""

HEADER: Final = b"HEAD"
SUBMITTED: Final = b"SUBM"
"""Kind of a record: a job was passed to the simulator."""
FINISHED: Final = b"DONE"
"""Kind of a record: a submitted job needs no record any more, or runs are in the project."""
CHUNK: Final = b"CHNK"
"""Kind of a record: the stored bytes of one chunk of a run or object that follows."""
OBJECT: Final = b"OBJT"
"""Kind of a record: a shared object that later runs link to."""
RUN: Final = b"RUN "
"""Kind of a record: a finished run."""
HELD: Final = b"HELD"
"""Kind of a record: these runs are durable in this file, and any process may move them into the project."""

_MARK: Final = b"AERSPOOL"
_HEAD: Final = struct.Struct("<8s4sQQII")
_CRC: Final = struct.Struct("<I")
HEAD_BYTES: Final = _HEAD.size + _CRC.size
_SEARCH_BYTES: Final = 1024 * 1024
_MOST_MARKS: Final = 10_000
"""Number of marks without a record behind which the rest of a damaged file is given up; each of them takes time."""
MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
"""The longest document of a record. The lists of runs are far shorter, and so are the records of submitted jobs."""


WAITING: Final = "waiting"
"""The word for a spool file in its hidden name."""
_PENDING: Final = "pending"


def pending_prefix(prefix: str) -> str:
    """The prefix of the paths of spool files with durable runs.

    Args:
        prefix: The prefix of the hidden paths, such as ``/home/ann/.vqe.h5.waiting-``.
    """
    folder, name = os.path.split(prefix)
    return os.path.join(folder, f"{name.removeprefix('.').removesuffix(f'{WAITING}-')}{_PENDING}-")


def pending_path(path: str) -> str:
    """The path of a spool file after it was renamed to the name that is not hidden."""
    prefix, _, process = path.rpartition(f"{WAITING}-")
    return f"{pending_prefix(f'{prefix}{WAITING}-')}{process}" if prefix else path


class Record(NamedTuple):
    """The head of a record.

    Attributes:
        kind: One of the constants of this module.
        offset: Offset of the record in the file, in bytes.
        document_bytes: Length of the document, in bytes.
        data_bytes: Length of the data, in bytes.
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
        """Offset of the data in the file, in bytes."""
        return self.offset + HEAD_BYTES + self.document_bytes

    @property
    def end(self) -> int:
        """Offset of the next record in the file, in bytes."""
        return self.data_at + self.data_bytes


class Gap(NamedTuple):
    """A damaged range of bytes between records or at the end of the file.

    Attributes:
        start: Offset of its first byte.
        end: Offset of the first byte behind it.
    """

    start: int
    end: int


def read_head(fd: int, offset: int) -> Record | None:
    """Reads the head of the record at an offset; ``None`` if there is no record, or if the head is damaged."""
    head = read_bytes(fd, offset, HEAD_BYTES)
    if len(head) < HEAD_BYTES or not head.startswith(_MARK):
        return None
    fields, (crc,) = head[: _HEAD.size], _CRC.unpack_from(head, _HEAD.size)
    if isal_zlib.crc32(fields) != crc:
        return None
    _, kind, document_bytes, data_bytes, document_crc, data_crc = _HEAD.unpack(fields)
    return Record(kind, offset, document_bytes, data_bytes, document_crc, data_crc)


def read_document(fd: int, record: Record, path: str) -> dict[str, Any]:
    """Reads and verifies the document of a record.

    Raises:
        IntegrityError: The document is damaged.
    """
    if record.document_bytes > MAX_DOCUMENT_BYTES:
        raise IntegrityError(
            f"{path}: the record at byte {record.offset} has a document of {record.document_bytes} bytes"
        )
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
    """Reads and verifies the data of a record.

    Raises:
        IntegrityError: The data are damaged.
    """
    with disk_errors(path):
        is_there = record.end <= disk().size(fd)
        data = read_bytes(fd, record.data_at, record.data_bytes) if is_there else b""
    if len(data) != record.data_bytes or isal_zlib.crc32(data) != record.data_crc:
        raise IntegrityError(
            f"{path}: the data of the record at byte {record.offset} are damaged; other records are not affected"
        )
    return data


def scan(fd: int, start: int, end: int) -> Iterator[Record | Gap]:
    """Yields the records between two offsets, and the damaged ranges between them.

    The last record may be torn, because the process died while writing it; it was never acknowledged, and is left out,
    as are zeros at the end, which may remain after a power cut.

    Args:
        fd: File descriptor of the spool file.
        start: Offset at which a record begins, in bytes.
        end: Size of the file, in bytes.
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
    """Offset of the next undamaged head of a record, or ``end`` if there is none."""
    marks = 0
    while start < end:
        piece = read_bytes(fd, start, min(_SEARCH_BYTES, end - start))
        at = piece.find(_MARK)
        while at >= 0 and marks < _MOST_MARKS:
            if read_head(fd, start + at) is not None:
                return start + at
            marks += 1
            at = piece.find(_MARK, at + 1)
        if marks == _MOST_MARKS:
            break
        start += max(1, len(piece) - len(_MARK) + 1)
    return end


def _has_content(fd: int, start: int, end: int) -> bool:
    return any(any(read_bytes(fd, at, min(_SEARCH_BYTES, end - at))) for at in range(start, end, _SEARCH_BYTES))


class SpoolFile:
    """A spool file of this process, locked as long as it is open. Not thread-safe.

    Attributes:
        path: The file.
        fd: File descriptor, open for reading and writing.
        size: Offset at which the next record begins, in bytes.
    """

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self.fd = fd
        self.size = 0
        self._is_named_durably = False

    @classmethod
    def create(cls, prefix: str, project: Path, mode: int = 0o666) -> SpoolFile:
        """Makes a spool file with a unique name.

        Args:
            prefix: The prefix of its path.
            project: The project file, whose group, access list and permissions it gets.
            mode: Permissions if there is no project yet; the umask is taken off.

        Raises:
            OSError: The file cannot be made in the folder, or the disk is full or failed.
        """
        fd, path = make_process_file(prefix, project, mode)
        file = cls(path, fd)
        header = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "format_draft": layout.FORMAT_DRAFT,
            **asdict(this_process()),
        }
        header["inode"] = os.fstat(fd).st_ino
        text = json.dumps(header, separators=(",", ":")).encode("ascii")
        try:
            file._append(HEADER, text.ljust(HEADER_BYTES - HEAD_BYTES), ())
        except BaseException:
            file.remove()
            raise
        return file

    @property
    def is_empty(self) -> bool:
        """Whether no record was appended since the file was made or cut back."""
        return self.size <= HEADER_BYTES

    def has_name(self) -> bool:
        """Whether the file still has its name: a user may have removed it."""
        return is_same_file(self.fd, Path(self.path))

    def append(self, kind: bytes, document: Mapping[str, Any], data: Sequence[Buffer] = ()) -> int:
        """Appends a record. When this returns, the record survives the end of this process, but not yet a power cut.

        Args:
            kind: Kind of the record, one of the constants of this module.
            document: The document of the record, of values that JSON can express.
            data: The data of the record, as pieces that are written one after another.

        Returns:
            Offset of the record in the file, in bytes.

        Raises:
            OSError: The record could not be written; the file is as it was.
        """
        return self._append(kind, json.dumps(document, separators=(",", ":")).encode("ascii"), data)

    def _append(self, kind: bytes, text: bytes, data: Sequence[Buffer]) -> int:
        crc, length = 0, 0
        for piece in data:
            crc, length = isal_zlib.crc32(piece, crc), length + len(piece)
        fields = _HEAD.pack(_MARK, kind, len(text), length, isal_zlib.crc32(text), crc)
        start = at = self.size
        # The space is reserved before it is written: a signal handler, or a finalizer, may append meanwhile.
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
        """Waits until the file and its name are on the medium.

        Raises:
            OSError: The disk failed.
        """
        disk().sync(self.fd)
        if not self._is_named_durably:
            sync_folder(Path(self.path).parent)
            self._is_named_durably = True

    def show(self) -> None:
        """Renames the file to its name that is not hidden.

        Raises:
            OSError: The file could not be renamed.
        """
        path = pending_path(self.path)
        if path != self.path:
            os.rename(self.path, path)
            self.path = path
            self._is_named_durably = False

    def cut(self) -> None:
        """Removes all records but the header. Not for a file with runs, which other processes may be reading."""
        with contextlib.suppress(OSError):  # records that stay cancel one another, such as submitted and finished
            disk().truncate(self.fd, HEADER_BYTES)
            self.size = HEADER_BYTES

    def remove(self) -> None:
        """Removes the file, durably if its name was made durable."""
        remove_process_file(self.fd, self.path)
        if self._is_named_durably:
            with contextlib.suppress(OSError):
                sync_folder(Path(self.path).parent)

    def abandon(self) -> None:
        """Closes the file and leaves it for the next process that writes to the project; also in a forked child."""
        with contextlib.suppress(OSError):
            os.close(self.fd)
