"""A payload that does not fit is refused before the disk is full, and whoever asked is told the sizes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import qiskit_aer
from qiskit import QuantumCircuit

import aerchive
from aerchive.aer import AerSimulator
from aerchive.errors import ArchiveWarning, WriteError
from aerchive.project.project import Project, open_project
from aerchive.storage.chunks.drafts import DatasetDraft
from aerchive.storage.medium.disk import disk
from aerchive.storage.sessions import WriteSession
from aerchive.testing.disks import UnsyncedDisk, using
from tests import processes
from tests.drafts import DraftBridge, draft_of, job_id, model_of
from tests.holding import mounted
from tests.views import project_view

MIB = 1024 * 1024


class SmallDisk(UnsyncedDisk):
    """A disk with so much room.

    Args:
        room: In bytes, when it is made.
        path: What grows in it.
    """

    def __init__(self, room: int, path: Path) -> None:
        self._path = path
        self._room = room + path.stat().st_size
        self.asked = 0

    def free(self, fd: int) -> int:
        """Less with each byte of the file."""
        self.asked += 1
        return self._room - os.fstat(fd).st_size


def project_with(path: Path, min_free_bytes: int) -> Project:
    return open_project(path, "a", DraftBridge(), 1.0, min_free_bytes=min_free_bytes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "project.h5"
    project_with(path, 0).archive(draft_of(0))
    return path


def test_what_fits_is_saved(path: Path) -> None:
    with using(SmallDisk(40 * MIB, path)):
        project_with(path, 20 * MIB).archive(draft_of(1, extra_bytes=15 * MIB))

    assert set(project_view(path)) == {job_id(0), job_id(1)}


def test_what_certainly_does_not_fit_is_not_begun(path: Path) -> None:
    before = path.read_bytes()
    with using(SmallDisk(40 * MIB, path)) as disk, pytest.raises(WriteError) as caught:
        project_with(path, 30 * MIB).archive(draft_of(1, extra_bytes=25 * MIB))

    assert str(caught.value) == (
        f"{path}: run {job_id(1)} takes about 25.0 MiB, and does not fit: 40.0 MiB are free on the disk, of which "
        "30.0 MiB stay free (setting min_free); nothing was saved, the file is as it was. Make room: 'aerchive du' "
        "shows what takes it, 'aerchive compact' gives back what deleted runs take"
    )
    assert disk.asked == 1
    assert path.read_bytes() == before


def test_what_may_fit_is_stopped_when_it_does_not(path: Path) -> None:
    """Its size was guessed, so it is begun; the room for others is not touched."""
    before = path.read_bytes()
    least: list[int] = []

    class Watched(SmallDisk):
        def write(self, fd: int, data: memoryview, offset: int) -> None:
            super().write(fd, data, offset)
            least.append(self.free(fd))

    with using(Watched(40 * MIB, path)), pytest.raises(WriteError) as caught:
        project_with(path, 30 * MIB).archive(draft_of(1, extra_bytes=18 * MIB))

    assert "what was being written does not fit: " in str(caught.value)
    assert "of which 30.0 MiB stay free (setting min_free); nothing was saved, the file is as it was" in str(
        caught.value
    )
    assert min(least) >= 29 * MIB
    assert len(least) > 8  # it was begun
    assert path.read_bytes() == before


def test_what_becomes_small_is_saved(path: Path) -> None:
    draft = draft_of(1)
    values = np.zeros(6_000_000)
    values[:600_000] = np.random.default_rng(0).random(600_000)
    draft.datasets["sparse"] = DatasetDraft([values])  # type: ignore[index]

    with using(SmallDisk(40 * MIB, path)):
        project_with(path, 20 * MIB).archive(draft)

    assert job_id(1) in project_view(path)


def test_a_small_run_is_refused_when_the_room_is_used_up(path: Path) -> None:
    with (
        using(SmallDisk(19 * MIB, path)),
        pytest.raises(WriteError, match=r"KiB, and does not fit: 19\.0 MiB are free"),
    ):
        project_with(path, 20 * MIB).archive(draft_of(1))
    with using(SmallDisk(19 * MIB, path)):
        project_with(path, 0).archive(draft_of(1))
    assert job_id(1) in project_view(path)


def test_making_room_is_always_possible(path: Path) -> None:
    """Labels and deletions are no payload; compaction needs what it copies."""
    project_with(path, 0).archive(draft_of(1, extra_bytes=9 * MIB))
    with using(SmallDisk(MIB // 2, path)):
        project = project_with(path, 20 * MIB)
        project[job_id(0)].add_tags("a")
        project.delete_job(job_id(1))
        with pytest.raises(WriteError, match="does not fit"):
            project.compact()

    assert set(project_view(path)) == {job_id(0)}
    with using(SmallDisk(21 * MIB, path)):
        project_with(path, 20 * MIB).compact()
    assert path.stat().st_size < MIB


def test_a_transaction_is_refused_whole(path: Path) -> None:
    project = project_with(path, 30 * MIB)

    def save_both() -> None:
        with project.transaction():
            project.save(draft_of(1))
            project.save(draft_of(2, extra_bytes=30 * MIB))

    with using(SmallDisk(40 * MIB, path)), pytest.raises(WriteError, match=job_id(2)):
        save_both()
    assert project_view(path) == model_of([draft_of(0)])


def test_a_run_that_would_wait_is_told_at_once(path: Path) -> None:
    """What waits for a commit takes room, too."""

    class Full(UnsyncedDisk):
        def free(self, fd: int) -> int:
            return 20 * MIB - 1

    project = project_with(path, 20 * MIB)
    with using(Full()):
        with pytest.raises(WriteError, match=f"run {job_id(1)} takes about .* and does not fit"):
            project.archive(draft_of(1), "exit")
        assert all(entry.stat().st_size < 1000 for entry in path.parent.glob(".project.h5.waiting-*"))
        project.flush()  # the run was refused, and nothing waits
    assert set(project_view(path)) == {job_id(0)}
    with using(SmallDisk(30 * MIB, path)):
        assert not project.archive(draft_of(1), "exit").durable  # there is room again
        project.flush()

    assert set(project_view(path)) == {job_id(0), job_id(1)}


def test_a_new_project_is_not_made_either(tmp_path: Path) -> None:
    class Full(UnsyncedDisk):
        def free(self, fd: int) -> int:
            return MIB

    with using(Full()), pytest.raises(WriteError, match="does not fit"):
        project_with(tmp_path / "project.h5", 2 * MIB).archive(draft_of(0))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_asked_without_a_limit(path: Path) -> None:
    with using(SmallDisk(0, path)) as disk:
        project_with(path, 0).archive(draft_of(1, extra_bytes=3 * MIB))
    assert disk.asked == 0
    assert job_id(1) in project_view(path)


def test_the_free_space_is_that_of_users_without_privileges(tmp_path: Path) -> None:
    status = os.statvfs(tmp_path)
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        assert disk().free(fd) == pytest.approx(status.f_bavail * status.f_frsize, rel=0.05)
    finally:
        os.close(fd)


# -- as the settings say


def circuit() -> QuantumCircuit:
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure_all()
    return bell


def test_a_job_that_does_not_fit_has_its_result_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AERCHIVE_MIN_FREE", "900TiB")
    expected = qiskit_aer.AerSimulator(seed_simulator=3).run(circuit(), shots=200).result().get_counts()
    simulator = AerSimulator(seed_simulator=3, project=tmp_path / "project.h5")
    job = simulator.run(circuit(), shots=200)

    with pytest.warns(ArchiveWarning, match=r"does not fit: .* free on the disk, of which 900.0 TiB stay free"):
        result = job.result()

    assert result.get_counts() == expected
    assert list(tmp_path.glob("*.h5")) == []
    monkeypatch.setenv("AERCHIVE_MIN_FREE", "0")
    assert len(AerSimulator(project=tmp_path / "project.h5").run(circuit()).result().results) == 1
    assert len(aerchive.open(tmp_path / "project.h5")) == 1


def test_by_default_64_mib_stay_free(tmp_path: Path) -> None:
    assert aerchive.open(tmp_path / "project.h5").file.min_free_bytes == 64 * MIB


SAVE_UNTIL_REFUSED = """
import os, sys
import aerchive
from aerchive.errors import WriteError
from aerchive.project.project import open_project
from tests.drafts import DraftBridge, draft_of
from pathlib import Path

path = Path(sys.argv[1])
project = open_project(path, "a", DraftBridge(), 1.0, min_free_bytes=2**20)
saved = 0
try:
    while True:
        project.archive(draft_of(saved, extra_bytes=200_000))
        saved += 1
except WriteError as error:
    print(error)
status = os.statvfs(path)
assert status.f_bavail * status.f_frsize >= 2**20
assert len(project) == saved > 5 and project.verify().ok
"""


def test_a_real_disk_is_not_filled(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    with mounted("small file system", place, "-t", "tmpfs", "-o", "size=4M", "tmpfs"):
        said = processes.run(SAVE_UNTIL_REFUSED, place / "project.h5")

    assert "takes about 196.8 KiB, and does not fit: 1." in said
    assert "MiB are free on the disk, of which 1.0 MiB stay free (setting min_free)" in said


def test_a_session_can_be_asked(path: Path) -> None:
    project = project_with(path, 20 * MIB)
    with (
        using(SmallDisk(40 * MIB, path)),
        project.file.write("2026-11-22T00:00:00.000000Z") as session,
    ):
        assert isinstance(session, WriteSession)
        session.check_room([DatasetDraft([np.zeros(10, np.uint8)])], "nothing much")
        huge = np.broadcast_to(np.zeros(1), (100 * MIB,))
        session.check_room([DatasetDraft([huge])], "zeros")  # they take nothing
        random = np.random.default_rng(0).integers(0, 256, MIB, dtype=np.uint8)
        with pytest.raises(WriteError, match=r"noise takes about 300\.0 MiB, and does not fit"):
            session.check_room([DatasetDraft([random] * 300, stacked=True)], "noise")
