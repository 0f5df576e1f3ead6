"""Merging two projects: what is recognised, united, kept and refused."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import uuid
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

import aerchive
from aerchive.errors import FormatError, InvalidInputError, NotFoundError, ProjectLockedError, TransactionError
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.project.documents.draft import RunDraft
from aerchive.project.project import Project
from tests import processes
from tests.drafts import draft_of, edit, job_id, project_at, project_of, run_groups
from tests.views import project_view


@pytest.fixture
def both(tmp_path: Path) -> tuple[Project, Project]:
    """Two projects with runs 0 and 1 in common; each has one more run of its own."""
    one, other = project_at(tmp_path / "one.h5"), project_at(tmp_path / "other.h5")
    for number in (0, 1, 2):
        one.archive(draft_of(number))
    for number in (0, 1, 3):
        other.archive(draft_of(number))
    return one, other


def rival_of(number: int) -> RunDraft:
    values = draft_of(number + 50).datasets["statevector"]
    draft = draft_of(number)
    return dataclasses.replace(draft, datasets={**draft.datasets, "statevector": values}, run_uuid=str(uuid.uuid4()))


def test_a_merge_brings_what_is_missing_and_nothing_twice(both: tuple[Project, Project]) -> None:
    one, other = both
    report = one.merge(other)
    assert (report.added, report.unchanged, report.ok) == (1, 2, True)
    assert report.to_json()["added"] == 1
    assert "1 run added" in str(report)
    assert [run.job_id for run in one] == [job_id(number) for number in range(4)]
    before = one.path.read_bytes()
    assert not one.merge(other).changed
    assert one.path.read_bytes() == before
    assert one[job_id(3)].core_sha256 == other[job_id(3)].core_sha256
    assert one.verify().ok


def test_a_comparison_says_what_differs_and_what_was_deleted(both: tuple[Project, Project]) -> None:
    one, other = both
    one.merge(other)
    one[job_id(0)].rename("here")
    one.delete_job(job_id(3))
    report = one.diff(other)
    assert [(run.job_id, run.detail) for run in report.only_first] == [(job_id(2), "")]
    assert [(run.job_id, run.detail) for run in report.only_second] == [(job_id(3), "deleted in one.h5")]
    assert [(run.job_id, run.detail) for run in report.relabelled] == [(job_id(0), 'name "here" and null')]
    assert other.diff(one).only_first == report.only_second


def test_a_dry_run_says_the_same_and_changes_nothing(both: tuple[Project, Project]) -> None:
    one, other = both
    other.delete_job(job_id(0))
    other[job_id(1)].add_tags("new")
    before = one.path.read_bytes()
    planned = one.merge(other, dry_run=True)
    assert one.path.read_bytes() == before
    assert dataclasses.replace(planned, dry_run=False, deleted=1, left_out=0) == dataclasses.replace(
        one.merge(other), left_out=0
    )


def test_two_results_of_one_job_are_both_kept_and_the_id_is_ambiguous(both: tuple[Project, Project]) -> None:
    one, other = both
    one.archive(draft_of(9))
    rival = rival_of(9)
    other.archive(rival)
    seals = {one[job_id(9)].core_sha256, other[job_id(9)].core_sha256}
    report = one.merge(other)
    assert not report.ok
    assert job_id(9) in report.conflicts[0]
    with pytest.raises(NotFoundError, match="ambiguous"):
        one[job_id(9)]
    names = [f"{job_id(9)}~{run_uuid[:8]}" for run_uuid in (draft_of(9).run_uuid, rival.run_uuid)]
    runs = [one[name] for name in names]
    assert [run.run_uuid for run in runs] == [draft_of(9).run_uuid, rival.run_uuid]
    assert {run.core_sha256 for run in runs} == seals
    runs[1].add_tags("this one")
    assert (one[names[0]].tags, one[names[1]].tags) == ((), ("this one",))
    other.merge(one)
    assert project_view(one) == project_view(other)
    assert any("several results" in note for note in one.notes())
    one.rebuild_catalogue()
    assert [run.job_id for run in one if run.job_id.startswith(job_id(9))] == names
    one.delete_job(names[0])
    assert one[job_id(9)].job_id == names[1]
    assert one.notes() == []


def test_a_deleted_run_stays_deleted_also_after_compaction_and_a_restored_one_comes_back(
    both: tuple[Project, Project],
) -> None:
    one, other = both
    one.delete_job(job_id(0))
    one.compact()
    assert one.merge(other).left_out == 1
    assert job_id(0) not in one
    assert other.merge(one).deleted == 1
    assert job_id(0) not in other
    other.restore(job_id(0))
    assert one.merge(other).added == 1
    assert job_id(0) in one


def test_a_note_of_a_deletion_is_85_bytes_and_tells_no_name(tmp_path: Path) -> None:
    project = project_at(tmp_path / "project.h5")
    for number in range(40):
        project.archive(draft_of(number, labels=RunLabels(name="secret")))
    project.delete_jobs([job_id(number) for number in range(39)])
    project.compact()
    with h5py.File(project.path) as file:
        assert file["deletions"].dtype.itemsize == 85
        assert len(file["deletions"]) == 39
        assert "deleted" not in file
        assert b"secret" not in file["deletions"][:].tobytes()


def test_attachments_of_one_name_are_all_kept_and_removed_ones_stay_removed(both: tuple[Project, Project]) -> None:
    one, other = both
    one[job_id(0)].attach("fit", np.arange(3))
    other[job_id(0)].attach("fit", np.arange(4))
    other[job_id(0)].attach("more", "text")
    other.attach("plan", "of the project")
    report = one.merge(other)
    assert len(report.conflicts) == 1
    assert "'fit'" in report.conflicts[0]
    other.merge(one)
    names = sorted(one[job_id(0)].attachments)
    assert names == sorted(other[job_id(0)].attachments)
    assert [name.partition("~")[0] for name in names] == ["fit", "fit", "more"]
    np.testing.assert_array_equal(one[job_id(0)].attachments["fit"], np.arange(3))
    assert one.attachments["plan"] == "of the project"
    one[job_id(0)].detach("more")
    assert "more" not in one[job_id(0)].attachments
    one.merge(other)
    other.merge(one)
    assert "more" not in other[job_id(0)].attachments
    assert one.verify().ok
    assert other.verify().ok


def test_a_run_gets_the_circuits_that_only_one_project_has(both: tuple[Project, Project]) -> None:
    one, other = both
    bare = dataclasses.replace(draft_of(7), objects={}, is_bare=True)
    one.archive(bare)
    shutil.copy(one.path, other.path)
    other.archive(draft_of(7))
    assert other[job_id(7)].core_sha256 != one[job_id(7)].core_sha256
    other[job_id(7)].add_tags("there")
    one[job_id(7)].add_tags("here")
    assert one.merge(other).united == 1
    assert other.merge(one).united == 1
    assert one[job_id(7)].core_sha256 == other[job_id(7)].core_sha256
    assert project_view(one) == project_view(other)
    assert not one.merge(other).changed


def test_the_last_change_of_a_label_counts_whatever_the_clock_says(
    both: tuple[Project, Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = both
    one[job_id(0)].rename("first")
    other.merge(one)
    monkeypatch.setattr("aerchive.models.labels.now", lambda: "2001-01-01T00:00:00.000000Z")
    other[job_id(0)].rename("second")
    one.merge(other)
    assert one[job_id(0)].name == "second"


def test_a_tag_that_one_adds_anew_survives_the_removal_by_another(both: tuple[Project, Project]) -> None:
    one, other = both
    one[job_id(0)].add_tags("paper", "draft")
    other.merge(one)
    one[job_id(0)].remove_tags("paper")
    one[job_id(0)].add_tags("paper")
    other[job_id(0)].remove_tags("paper", "draft")
    one.merge(other)
    other.merge(one)
    assert one[job_id(0)].tags == other[job_id(0)].tags == ("paper",)


def test_into_a_file_that_is_not_there_and_not_into_itself(both: tuple[Project, Project], tmp_path: Path) -> None:
    one, _ = both
    new = project_at(tmp_path / "new.h5")
    assert new.merge(one.path).added == 3
    assert project_view(new) == project_view(one)
    with pytest.raises(InvalidInputError, match="itself"):
        one.merge(one.path)
    with pytest.raises(NotFoundError, match="no such project"):
        one.merge(tmp_path / "none.h5")


def test_a_damaged_run_is_named_and_the_others_are_merged(both: tuple[Project, Project]) -> None:
    one, other = both
    for number in (5, 6, 7):
        other.archive(draft_of(number))
    with edit(other.path) as file:
        run_groups(file)[3]["config"].attrs["backend_name"] = np.bytes_("another")
    report = one.merge(other)
    assert not report.ok
    assert "digest" in report.problems[0]
    assert report.added == 3
    assert one.verify().ok


def test_what_is_pending_in_the_same_process_is_merged(tmp_path: Path) -> None:
    waiting = aerchive.open(tmp_path / "batch.h5", durability="exit")
    waiting.archive(draft_of(1))
    one = project_at(tmp_path / "one.h5")
    assert one.merge(waiting).added == 1


def test_two_merges_in_opposite_directions_do_not_wait_for_each_other(both: tuple[Project, Project]) -> None:
    one, other = both
    script = """
        import sys
        from tests.drafts import project_at
        for _ in range(3):
            project_at(sys.argv[1], lock_timeout_s=20).merge(sys.argv[2])
    """
    script = script.replace("sys.argv[1]", "Path(sys.argv[1])").replace(
        "import sys", "import sys\n        from pathlib import Path"
    )
    first = processes.start(script, one.path, other.path)
    second = processes.start(script, other.path, one.path)
    for process in (first, second):
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert project_view(one) == project_view(other)


def test_a_program_that_keeps_the_other_file_locked_is_named(both: tuple[Project, Project]) -> None:
    one, other = both
    impatient = project_at(one.path, lock_timeout_s=0.2)
    with other.file.write("2026-12-01T00:00:00.000000Z"), pytest.raises(ProjectLockedError):
        impatient.merge(project_at(other.path, lock_timeout_s=0.1))


def test_ctrl_c_stops_between_commits_and_calling_again_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = project_of(tmp_path / "other.h5", [draft_of(number) for number in range(6)])
    target = project_at(tmp_path / "target.h5")
    monkeypatch.setattr("aerchive.project.sharing.merge._TOGETHER", 2)

    def progress(done: int, total: int) -> None:
        if done < total:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        target.merge(other, progress)
    assert len(target) == 2
    assert target.merge(other).added == 4
    assert project_view(target) == project_view(other)


def test_a_file_from_elsewhere_is_verified_and_makes_the_project_one_from_elsewhere(
    both: tuple[Project, Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AERCHIVE_VET", "always")
    one, other = both
    other.archive(draft_of(5, extra_bytes=200_000))
    foreign = tmp_path / "foreign.h5"
    shutil.copy(other.path, foreign)
    with h5py.File(foreign) as file:
        (address,) = [group["noise"].id.get_chunk_info(0).byte_offset for group in run_groups(file) if "noise" in group]
    with open(foreign, "r+b") as raw:  # a stranger may change values and give them the right checksum, not the digest
        raw.seek(address + 10)
        raw.write(b"\xff\x00\xff")
    assert one.is_trusted
    report = one.merge(foreign)
    assert report.added == 1
    assert len(report.problems) == 1
    assert "from elsewhere" in report.notes[0]
    assert not one.is_trusted
    assert one.verify().ok
    aerchive.trust(one.path)
    assert one.is_trusted
    assert not one.merge(foreign).changed


def test_a_run_that_was_lost_here_gets_its_data(tmp_path: Path) -> None:
    one, other = project_at(tmp_path / "one.h5"), project_at(tmp_path / "other.h5")
    lost = dataclasses.replace(
        draft_of(1),
        status=draft_of(1).status.model_copy(update={"outcome": "lost"}),
        datasets={},
        objects={},
        nbytes=0,
        run_uuid=str(uuid.uuid4()),
        labels=RunLabels(tags=["started"]),
    )
    one.archive(lost)
    other.archive(draft_of(1))
    other[job_id(1)].change_labels(LabelChange(RunLabels(tags=["found"])))
    assert one.merge(other).filled == 1
    other.merge(one)
    assert one[job_id(1)].tags == other[job_id(1)].tags == ("started", "found")
    assert project_view(one) == project_view(other)
    assert not one.merge(other).changed


# -- what a stranger's file may say


def _stamps(run: h5py.Group) -> None:
    run["labels"].attrs["stamps"] = np.bytes_(b'{"name":%d}' % 10**30)


def _marks(run: h5py.Group) -> None:
    run["labels"].attrs["tag_marks"] = np.bytes_(b'{"a":[["ffffffffffffffffffffffffffffffffff.x"]]}')


def _missing(text: bytes) -> Callable[[h5py.Group], None]:
    def change(run: h5py.Group) -> None:
        missing = run.create_group("missing")
        missing.attrs["original"] = np.bytes_(b"elsewhere")
        missing.attrs["sha256"] = np.bytes_(b"0" * 64)
        missing["datasets"] = np.array([text])

    return change


@pytest.mark.parametrize(
    "change",
    [
        _stamps,
        _marks,
        _missing(b"[" * 900),
        _missing(b'[{"name":"noise","dtype":"O","shape":[1],"sha256":"' + b"0" * 64 + b'","attributes":{}}]'),
        _missing(b'[{"name":"noise","dtype":"<f8","shape":[-1],"sha256":"' + b"0" * 64 + b'","attributes":{}}]'),
        _missing(b'[{"name":"noise","dtype":"<f8","shape":[9],"sha256":"' + b"0" * 64 + b'","attributes":{}}]'),
    ],
)
def test_a_run_that_says_what_no_run_says_is_named_and_the_others_are_merged(
    change: Callable[[h5py.Group], None], both: tuple[Project, Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AERCHIVE_VET", "always")
    one, other = both
    other[job_id(3)].add_tags("a")
    other.archive(draft_of(4))
    with edit(other.path) as file:
        change(run_groups(file)[2])
    report = one.merge(other)
    assert report.added == 1
    assert len(report.problems) == 1
    assert one.verify().ok
    assert job_id(3) not in one


def test_a_table_of_deletions_that_is_none_is_refused(both: tuple[Project, Project]) -> None:
    one, other = both
    with edit(other.path) as file:
        file["deletions"] = np.zeros(3)
    with pytest.raises(FormatError, match="deletions"):
        one.merge(other)


def test_not_in_a_transaction(both: tuple[Project, Project]) -> None:
    one, other = both
    with one.transaction(), pytest.raises(TransactionError):
        one.merge(other)
