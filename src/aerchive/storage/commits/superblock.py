"""The superblock, the first 48 bytes of a project: it shows the state of a file before HDF5 opens it.

Layout: HDF5 File Format Specification 3.0, section II.A, superblock version 3. Its checksum is Bob Jenkins' lookup3
(http://burtleburtle.net/bob/c/lookup3.c, public domain, function ``hashlittle``).
"""

from __future__ import annotations

import dataclasses
import functools
import os
import shlex
import struct

from aerchive.errors import FormatError, IntegrityError
from aerchive.storage.hdf5.group_room import lookup3
from aerchive.storage.medium.disk import disk, read_bytes
from aerchive.storage.medium.not_hdf5 import what_it_is

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SIZE = 48
_VERSION = 3
_READABLE = (0, 2, 3)
"""Versions of the superblock that are read; files with another one than `_VERSION` were written by other programs."""
_OLD_END_AT = 40
"""Offset of the end of the file in a superblock of version 0."""
_FLAGS_AT = 11
_BASE_AT = 12
_EXTENSION_AT = 20
_END_AT = 28
_SUM_AT = 44
_UNDEFINED = 2**64 - 1
_WRITING = 0b101
"""Consistency flags of HDF5: bit 0, open for writing; bit 2, open for single-writer, multiple-reader access."""
_COMMITTING = 0b11
"""Flags that aerchive sets during a commit. HDF5 never sets bit 1, and refuses the file as with bit 0 alone."""
_EXTENSION_WITH_TIMES = b"OHDR\x02\x20"
"""First bytes of an object header in which four time stamps of four bytes follow, and then its length in one byte."""
_TIMES_END = 22
_EXTENSION_BYTES = 512


@dataclasses.dataclass(frozen=True)
class Superblock:
    """The superblock of a project.

    Attributes:
        raw: The 48 bytes of the superblock.
    """

    raw: bytes

    @property
    def version(self) -> int:
        """The version of the superblock."""
        return self.raw[len(SIGNATURE)]

    @property
    def end(self) -> int:
        """The end of the file's content, in bytes."""
        at = _END_AT if self.version else _OLD_END_AT
        return int.from_bytes(self.raw[at : at + 8], "little")

    @property
    def is_flagged(self) -> bool:
        """Whether the flags say that a program is writing to the file; stock HDF5 then refuses it."""
        return self.version == _VERSION and bool(self.raw[_FLAGS_AT] & _WRITING)

    @property
    def is_committing(self) -> bool:
        """Whether the flags are those that aerchive sets during a commit."""
        return self.version == _VERSION and self.raw[_FLAGS_AT] & _COMMITTING == _COMMITTING

    @property
    def is_whole(self) -> bool:
        """Whether the checksum is right; a superblock of version 0 has none."""
        return not self.version or _sum_of(self.raw[:_SUM_AT]) == self.raw[_SUM_AT:]

    @property
    def is_of_project(self) -> bool:
        """Whether it is whole and has the form that HDF5 gives a project, with a root group inside the file."""
        base, extension, end, root = struct.unpack_from("<QQQQ", self.raw, _BASE_AT)
        is_form = self.raw[:_BASE_AT] == SIGNATURE + bytes((_VERSION, 8, 8, self.raw[_FLAGS_AT])) and base == 0
        is_inside = SIZE <= root < end and (extension == _UNDEFINED or SIZE <= extension < end)
        return is_form and is_inside and self.is_whole

    def is_mixture_of(self, *others: Superblock) -> bool:
        """Whether each byte equals the byte of one of the others at the same offset, as after a torn write."""
        return all(byte in {other.raw[at] for other in others} for at, byte in enumerate(self.raw))

    @property
    def content(self) -> bytes:
        """The superblock without checksum, with the flags set to zero."""
        return self.raw[:_FLAGS_AT] + b"\0" + self.raw[_FLAGS_AT + 1 : _SUM_AT]

    def flagged(self, end: int) -> Superblock:
        """The same superblock with the flags of a commit and another end of file."""
        return self._changed(self.raw[_FLAGS_AT] | _COMMITTING, end)

    def unflagged(self) -> Superblock:
        """The same superblock without flags."""
        if self.version != _VERSION:
            return self
        return self._changed(self.raw[_FLAGS_AT] & ~(_WRITING | _COMMITTING), self.end)

    def ending_at(self, end: int) -> Superblock:
        """The same superblock with another end of file."""
        return self._changed(self.raw[_FLAGS_AT], end)

    def is_rewritten(self, fd: int) -> bool:
        """Whether another program has written the whole file anew.

        The superblock of a project has the version 3, and an extension without time stamps (`forget_extension_times`).

        Args:
            fd: File descriptor of the file.
        """
        if self.version != _VERSION or not self.is_whole:
            return self.version != _VERSION
        extension = int.from_bytes(self.raw[_EXTENSION_AT : _EXTENSION_AT + 8], "little")
        if extension == _UNDEFINED:
            return True
        header = read_bytes(fd, extension, _TIMES_END)
        return header[: len(_EXTENSION_WITH_TIMES)] == _EXTENSION_WITH_TIMES and any(
            header[len(_EXTENSION_WITH_TIMES) :]
        )

    def _changed(self, flags: int, end: int) -> Superblock:
        body = bytearray(self.raw[:_SUM_AT])
        body[_FLAGS_AT] = flags
        body[_END_AT : _END_AT + 8] = end.to_bytes(8, "little")
        return Superblock(bytes(body) + _sum_of(bytes(body)))


@functools.lru_cache(maxsize=64)
def _sum_of(body: bytes) -> bytes:
    """The checksum of a superblock; the same superblock is checked several times whenever its file is opened."""
    return lookup3(body).to_bytes(4, "little")


def read_superblock(fd: int, path: str) -> Superblock:
    """Reads the superblock of an open file.

    Raises:
        FormatError: The file is not HDF5, or is HDF5 that aerchive did not write.
        IntegrityError: The file is shorter than a superblock.
    """
    head = read_bytes(fd, 0, SIZE)
    size = disk().size(fd)
    if head[:8] != SIGNATURE:
        raise FormatError(f"{path}: {what_it_is(fd, SIGNATURE)}")
    if len(head) < SIZE:
        raise IntegrityError(f"{path}: truncated: only {size} bytes are left of the file; take a copy that is whole")
    if head[8] not in _READABLE:
        raise FormatError(
            f"{path}: is an HDF5 file, but not an aerchive project (superblock version {head[8]} instead of "
            f"{_VERSION}); choose another file"
        )
    return Superblock(head)


def check_superblock(superblock: Superblock, size: int, path: str) -> None:
    """Refuses a file that cannot be read as it is; called for files without a journal.

    Args:
        superblock: The superblock of the file.
        size: Size of the file, in bytes.
        path: The file, for messages.

    Raises:
        IntegrityError: The file is damaged or truncated, was copied during a commit, or another program stopped, or
            still is, in the middle of a write.
    """
    if not superblock.is_whole:
        raise IntegrityError(f"{path}: the superblock, its first {SIZE} bytes, is damaged; restore it from a copy")
    if superblock.is_committing:
        raise IntegrityError(
            f"{path}: is not whole: it was copied in the middle of a commit. Nothing makes such a copy right: copy the "
            "project again with 'aerchive copy', which waits for the commit"
        )
    if superblock.is_flagged:
        raise IntegrityError(
            f"{path}: a program that writes HDF5 without aerchive stopped, or is still, in the middle of a "
            "write; close it. If it has died, `h5clear -s` makes the file readable again, then check it. If this is a "
            "copy that was made while that program wrote, copy it again"
        )
    if superblock.end > size:
        raise IntegrityError(
            f"{path}: truncated: {size} bytes are left of {superblock.end}; take a copy that is whole. If this is a "
            "copy that was made while the project was written, copy it again with 'aerchive copy'"
        )


def rewritten_text(path: object) -> str:
    """Says that another program has rewritten a file, and what can be done."""
    name = shlex.quote(str(path))
    return (
        f"{path}: was rewritten by another program, and can only be read; `aerchive copy {name} NEW` makes a project "
        "of it again"
    )


def forget_extension_times(fd: int) -> None:
    """Sets the time stamps in the header of the superblock extension to zero.

    HDF5 writes the second of the file's creation there, the only time stamp that no option prevents; with it two files
    with the same content would differ.

    Args:
        fd: File descriptor of a file that was just made.
    """
    at = int.from_bytes(os.pread(fd, 8, _EXTENSION_AT), "little")
    header = os.pread(fd, _EXTENSION_BYTES, at)
    if header[:6] != _EXTENSION_WITH_TIMES:
        return
    end = _TIMES_END + 1 + header[_TIMES_END]  # offset of the header's checksum
    body = header[: len(_EXTENSION_WITH_TIMES)] + bytes(16) + header[_TIMES_END:end]
    os.pwrite(fd, body + lookup3(body).to_bytes(4, "little"), at)
