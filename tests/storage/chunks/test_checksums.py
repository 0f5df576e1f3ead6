"""Checksums say which chunk it is, not only what is in it."""

from __future__ import annotations

import binascii
import hashlib
from typing import Any

import pytest
from blake3 import blake3

from aerchive.storage.chunks.checksums import chunk_crc, chunk_sums

PLACE = ("uuid", "statevector", 12, 3)


def test_checksums_are_those_of_the_format() -> None:
    data = b"uuid/statevector/12/3" + b"stored"

    assert chunk_sums(b"stored", *PLACE) == (binascii.crc32(data), blake3(data).hexdigest())
    assert chunk_sums(b"stored", *PLACE, "sha256") == (binascii.crc32(data), hashlib.sha256(data).hexdigest())
    assert chunk_crc(b"stored", *PLACE) == binascii.crc32(data)


def test_an_unallocated_chunk_has_the_checksums_of_its_place() -> None:
    assert chunk_sums(b"", *PLACE).crc32 == binascii.crc32(b"uuid/statevector/12/3")


@pytest.mark.parametrize(
    "place",
    [
        ("uuie", "statevector", 12, 3),
        ("uuid", "statevectos", 12, 3),
        ("uuid", "statevector", 11, 3),
        ("uuid", "statevector", 12, 0),
    ],
)
def test_another_place_has_other_checksums(place: Any) -> None:
    here, there = chunk_sums(b"stored", *PLACE), chunk_sums(b"stored", *place)

    assert here.crc32 != there.crc32
    assert here.digest != there.digest
