"""The one place that reads project files."""

from __future__ import annotations

from pathlib import Path

import pytest

from aerchive.storage.medium.disk import disk, read_bytes


@pytest.mark.parametrize("offset", [5, 2**62, 2**63 - 2, 2**63, 2**64 - 1])
def test_behind_the_end_there_are_no_bytes(tmp_path: Path, offset: int) -> None:
    """Addresses in HDF5 have 64 bits, and offsets of the operating system 63."""
    with (tmp_path / "file").open("w+b") as file:
        file.write(b"12345")
        file.flush()
        assert read_bytes(file.fileno(), offset, 8) == b""
        disk().will_read(file.fileno(), offset, 8)
