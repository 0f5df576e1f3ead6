"""Checksums say which chunk it is, not only what is in it."""

from __future__ import annotations

import binascii
from typing import Any

import pytest
from blake3 import blake3

from aerchive.storage.chunks.checksums import ChunkSums, chunk_crc, table_of, value_digest, zeros_digest

PLACE = ("uuid", "statevector", 12, 3)


def test_checksums_are_those_of_the_format() -> None:
    data = b"uuid/statevector/12/3" + b"stored"

    assert chunk_crc(b"stored", *PLACE) == binascii.crc32(data)
    assert value_digest(b"values") == blake3(b"values").hexdigest()
    assert table_of([ChunkSums(7, "a" * 64)]).tolist() == [(7, b"a" * 64)]


def test_zeros_have_the_digest_of_their_bytes() -> None:
    assert zeros_digest(1000) == blake3(bytes(1000)).hexdigest()


def test_an_unallocated_chunk_has_the_checksums_of_its_place() -> None:
    assert chunk_crc(b"", *PLACE) == binascii.crc32(b"uuid/statevector/12/3")


@pytest.mark.parametrize(
    "place",
    [
        ("uuie", "statevector", 12, 3),
        ("uuid", "statevectos", 12, 3),
        ("uuid", "statevector", 11, 3),
        ("uuid", "statevector", 12, 0),
    ],
)
def test_another_place_has_another_checksum(place: Any) -> None:
    assert chunk_crc(b"stored", *PLACE) != chunk_crc(b"stored", *place)
