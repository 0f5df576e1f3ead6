"""Files of runs that wait: whole records of dead processes, and nothing of living ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aerchive.storage.waiting_file import WaitingFile, left_behind
from tests import processes

LEAVE = """
    import os, sys
    from pathlib import Path
    from aerchive.storage.waiting_file import WaitingFile
    file = WaitingFile(Path(sys.argv[1]))
    for record in sys.argv[2:]:
        file.append(record.encode())
    os._exit(0)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "vqe.h5"


def records(project: Path) -> list[list[bytes]]:
    with left_behind(project) as found:
        return [found_records for _, found_records in found]


def test_what_a_dead_process_left(project: Path) -> None:
    processes.run(LEAVE, project, "one", "", "three")
    assert records(project) == [[b"one", b"", b"three"]]
    (path,) = project.parent.iterdir()
    assert path.name.startswith(".vqe.h5.waiting-")


def test_nothing_of_a_living_process(project: Path) -> None:
    file = WaitingFile(project)
    assert list(project.parent.iterdir()) == []  # made with the first record
    file.append(b"mine")
    assert records(project) == []
    file.remove()
    assert list(project.parent.iterdir()) == []
    file.append(b"again")
    file.remove()


def test_a_torn_record_ends_the_file(project: Path) -> None:
    processes.run(LEAVE, project, "one", "two")
    (path,) = project.parent.iterdir()
    whole = path.read_bytes()
    for cut in (1, 3, 20, 45):
        path.write_bytes(whole[:-cut])
        assert records(project) == [[b"one"]]
    path.write_bytes(whole[:-2] + b"xx")
    assert records(project) == [[b"one"]]
    path.write_bytes(whole[:-1] + b"o" + b"\0" * 100)
    assert records(project) == [[b"one", b"two"]]


def test_a_newer_version_is_left_alone(project: Path) -> None:
    processes.run(LEAVE, project, "one")
    (path,) = project.parent.iterdir()
    path.write_bytes(path.read_bytes().replace(b'"format_version": 1', b'"format_version": 2'))
    assert records(project) == []
    assert path.exists()


def test_a_full_disk_leaves_the_records_before(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = WaitingFile(project)
    file.append(b"kept")
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:5]))
    with pytest.raises(OSError, match="no room"):
        file.append(b"not kept")
    monkeypatch.undo()
    file.append(b"kept, too")
    (path,) = project.parent.iterdir()
    content = path.read_bytes()
    assert content.count(b"AERWAIT1") == 2
    assert b"not kept" not in content
    file.remove()


def test_a_long_name(tmp_path: Path) -> None:
    project = tmp_path / ("x" * 240 + ".h5")
    processes.run(LEAVE, project, "one")
    assert records(project) == [[b"one"]]
