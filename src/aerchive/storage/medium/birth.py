"""The time of birth of a file, which tells a file from another one that got the same inode number later."""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Callable

from aerchive.storage.medium.parts import parts_of

_EMPTY_PATH = 0x1000
_BIRTH = 0x800
_STATX_BYTES = 256
_BIRTH_AT = 80


def birth_of(fd: int) -> int:
    """When the inode of an open file was made, in nanoseconds since 1970; 0 if the system does not say.

    It is 0, too, for a file on another machine, which has no inode here.
    """
    if parts_of(fd) is not None:
        return 0
    function = _statx()
    buffer = ctypes.create_string_buffer(_STATX_BYTES)
    if function is None or function(fd, b"", _EMPTY_PATH, _BIRTH, buffer) != 0:
        return 0
    if not struct.unpack_from("=I", buffer.raw)[0] & _BIRTH:
        return 0
    seconds, nanoseconds = struct.unpack_from("=qI", buffer.raw, _BIRTH_AT)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


@functools.cache
def _statx() -> Callable[[int, bytes, int, int, ctypes.Array[ctypes.c_char]], int] | None:
    """Linux' function statx(2), which Python does not offer; ``None`` if the C library lacks it."""
    try:
        function = ctypes.CDLL(None).statx
    except (OSError, AttributeError, TypeError):
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p]
    function.restype = ctypes.c_int
    return function
