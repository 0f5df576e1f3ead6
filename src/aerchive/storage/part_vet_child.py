"""What the child of `aerchive.storage.part_vetting` does: it lets HDF5 parse the parts of a file that it is told.

It has neither the network nor any file: it asks its parent for each piece of the file, through a socket. A message is a
length of four bytes and as many bytes. To the child: a request in JSON, or the bytes that it asked for. From the child:
``R``, offset and length, or ``A`` and the answer in JSON.
"""

from __future__ import annotations

import gc
import json
import socket
import struct
from collections.abc import Sequence
from typing import Any

from h5py import h5f

from aerchive.errors import AerchiveError
from aerchive.storage.commits.journal import find_journal, may_have_journal
from aerchive.storage.commits.read_file import ReadFile
from aerchive.storage.commits.superblock import read_superblock
from aerchive.storage.hdf5.nodes import root_group
from aerchive.storage.hdf5.opening import open_hdf5
from aerchive.storage.medium.parts import note_parts
from aerchive.storage.vet_child import HDF5_ERRORS, Walk, keep_little

RANGE = struct.Struct("<QQ")
LENGTH = struct.Struct("<I")
_MOST_BYTES = 8 * 1024 * 1024
"""The largest piece that is asked for at once."""


class _PartsOfParent:
    """The file, whose bytes the parent sends."""

    stamp = (0, 0, 0, 0, 0)

    def __init__(self, channel: socket.socket, size: int) -> None:
        self._channel = channel
        self._size = size

    def read(self, view: memoryview, offset: int) -> int:
        """See `aerchive.storage.medium.parts.Parts`."""
        length, done = min(len(view), self._size - offset), 0
        while done < length:
            wanted = min(_MOST_BYTES, length - done)
            send(self._channel, b"R" + RANGE.pack(offset + done, wanted))
            data = receive(self._channel)
            if data is None or len(data) != wanted:
                raise OSError("the parent does not have it")
            view[done : done + wanted] = data
            done += wanted
        return max(0, done)

    def expect(self, extents: Sequence[tuple[int, int]]) -> None:
        """See `aerchive.storage.medium.parts.Parts`."""

    def vetted(self) -> set[str]:
        """See `aerchive.storage.medium.parts.Parts`."""
        return set()

    def note_vetted(self, nodes: set[str]) -> None:
        """See `aerchive.storage.medium.parts.Parts`."""


def serve(channel_fd: int, fd: int, path: str, size: int) -> dict[str, Any]:
    """Parses parts until the parent closes the channel.

    Args:
        channel_fd: File descriptor of the socket.
        fd: File descriptor of the stand-in.
        path: Path of the file, for messages.
        size: Size of the file, in bytes.
    """
    gc.disable()
    channel = socket.socket(fileno=channel_fd)
    parts = _PartsOfParent(channel, size)
    note_parts(fd, parts)
    message = receive(channel)
    superblock = read_superblock(fd, path)
    journal = find_journal(fd, superblock, path) if may_have_journal(fd, superblock) else None
    end = superblock.end if journal is None else journal.new.end
    rewritten = superblock.is_rewritten(fd)
    walk = Walk(path, end)
    try:
        with open_hdf5(ReadFile(fd, journal), h5f.ACC_RDONLY, path, is_rewritten=rewritten) as file:
            keep_little(file)
            root = root_group(file, path)
            while message is not None:
                send(channel, b"A" + json.dumps(_parsed(walk, root, **json.loads(message))).encode())
                message = receive(channel)
    except (AerchiveError, *HDF5_ERRORS) as error:
        # HDF5 refuses the file, and will do so in the parent, whose message is better.
        walk.note_damage("/", error)
        send(channel, b"A" + json.dumps(walk.found()).encode())
    return {}


def _parsed(walk: Walk, root: Any, *, part: str, lists: bool) -> dict[str, Any]:
    try:
        if part == "/":
            walk.run(root)
        else:
            walk.visit_part(root, part, lists=lists)
    except MemoryError:
        raise
    except (AerchiveError, *HDF5_ERRORS) as error:
        walk.note_damage(part, error)
    return walk.found() if part == "/" else {}


def send(channel: socket.socket, message: bytes) -> None:
    """Sends a message."""
    channel.sendall(LENGTH.pack(len(message)) + message)


def receive(channel: socket.socket) -> bytes | None:
    """Waits for a message; ``None`` if the other side has closed the channel."""
    head = _exactly(channel, LENGTH.size)
    return None if head is None else _exactly(channel, LENGTH.unpack(head)[0])


def _exactly(channel: socket.socket, length: int) -> bytes | None:
    data = bytearray()
    while len(data) < length:
        piece = channel.recv(length - len(data))
        if not piece:
            return None
        data += piece
    return bytes(data)
