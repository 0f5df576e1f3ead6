"""Files that are told by their names."""

import hashlib
import os
import re
from pathlib import Path

import pytest

from aerchive.errors import InvalidInputError
from aerchive.storage.medium.names import PROCESS, check_length, names_in, prefix_beside
from aerchive.storage.medium.process_file import make_process_file


def test_prefix_and_rest(tmp_path: Path) -> None:
    prefix = ".a[1]*.h5.new-"  # nothing of it is a pattern
    ours = [f"{prefix}1-00000000", f"{prefix}27-0123abcd"]
    for name in (*ours, f"{prefix}27-0123abcd.bak", f"{prefix}x-0123abcd", ".a1x.h5.new-1-00000000", "27-0123abcd"):
        (tmp_path / name).touch()

    assert names_in(tmp_path, prefix, PROCESS) == ours
    assert names_in(str(tmp_path), prefix, re.compile("27.*")) == [ours[1], f"{ours[1]}.bak"]


def test_folder_that_cannot_be_read(tmp_path: Path) -> None:
    assert names_in(tmp_path / "absent", "", PROCESS) == []
    assert names_in("a\0b", "", PROCESS) == []


def test_long_names_are_told_by_their_digest() -> None:
    assert prefix_beside("a.h5", "waiting") == ".a.h5.waiting-"
    assert prefix_beside("a" * 96, "waiting") == f".{'a' * 96}.waiting-"
    assert prefix_beside("ä" * 49, "compact") == f".{hashlib.sha256(('ä' * 49).encode()).hexdigest()}.compact-"


@pytest.mark.parametrize("length", [96, 255])
def test_names_of_process_files(tmp_path: Path, length: int) -> None:
    prefix = prefix_beside("a" * length, "submitted")
    fd, path = make_process_file(str(tmp_path / prefix), tmp_path / "project.h5")
    os.close(fd)
    assert names_in(tmp_path, prefix, PROCESS) == [Path(path).name]
    assert len(Path(path).name) <= 143


def test_a_name_that_the_file_system_does_not_take(tmp_path: Path) -> None:
    check_length(tmp_path / ("a" * 255))
    check_length(tmp_path / "absent" / ("a" * 256))  # that there is no folder is said elsewhere
    path = tmp_path / ("ä" * 127 + "xy")
    with pytest.raises(InvalidInputError) as caught:
        check_length(path)
    assert str(caught.value) == (
        f"{path}: the name of the file has 256 bytes, and {tmp_path} takes names of at most 255; choose a shorter name"
    )
