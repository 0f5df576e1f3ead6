"""The first 48 bytes of a project: enough to say what a file is before HDF5 opens it.

Layout: HDF5 File Format Specification 3.0, section II.A, superblock version 3.
"""

from __future__ import annotations

import os

from aerchive.errors import FormatError, IntegrityError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SIZE = 48
_VERSION = 3
_FLAGS_AT = 11
_END_AT = 28


def check_superblock(fd: int, path: str) -> int:
    """Looks at an open file.

    Returns:
        Where its committed content ends, in bytes.

    Raises:
        FormatError: Not HDF5, or HDF5 that aerchive did not write.
        IntegrityError: Shorter than it should be, or left in the middle of a foreign program's write.
    """
    head = os.pread(fd, SIZE, 0)
    size = os.fstat(fd).st_size
    if head[:8] != SIGNATURE:
        what = "is empty" if size == 0 else "is not an HDF5 file"
        raise FormatError(f"{path}: {what}, so not an aerchive project; choose another file")
    if len(head) < SIZE:
        raise IntegrityError(f"{path}: truncated: only {size} bytes are left of the file")
    if head[8] != _VERSION:
        raise FormatError(
            f"{path}: is an HDF5 file, but not an aerchive project (superblock version {head[8]} instead of {_VERSION})"
        )
    if head[_FLAGS_AT] & 0b101:
        raise IntegrityError(
            f"{path}: a program that writes HDF5 without aerchive stopped, or is still, in the middle of a "
            "write; close it. "
            "If it has died, `h5clear -s` makes the file readable again, then check it"
        )
    end = int.from_bytes(head[_END_AT : _END_AT + 8], "little")
    if end > size:
        raise IntegrityError(f"{path}: truncated: {size} bytes are left of {end}; take a copy that is whole")
    return end
