"""Opening of files with HDF5."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from h5py import h5f, h5pl

from aerchive.errors import IntegrityError
from aerchive.storage.commits.read_file import ReadFile
from aerchive.storage.hdf5.opening import open_hdf5
from tests.drafts import draft_of, project_of


def folders() -> list[bytes]:
    return [h5pl.get(number) for number in range(h5pl.size())]


@pytest.mark.parametrize("is_damaged", [False, True])
def test_hdf5_finds_no_plugins_while_it_opens_a_file(tmp_path: Path, is_damaged: bool) -> None:
    """HDF5 would load all of them if it cannot open the file."""
    path = project_of(tmp_path / "project.h5", [draft_of(0)])
    if is_damaged:
        path.write_bytes(path.read_bytes()[:200])
    seen: list[list[bytes]] = []
    before = folders()

    class Source(ReadFile):
        def readinto(self, buffer: Any) -> int:
            seen.append(folders())
            return super().readinto(buffer)

    fd = os.open(path, os.O_RDONLY)
    try:
        with open_hdf5(Source(fd, None), h5f.ACC_RDONLY, str(path)):
            assert not is_damaged
    except IntegrityError:
        assert is_damaged
    finally:
        os.close(fd)
    assert seen
    assert not any(seen)
    assert before
    assert folders() == before
