"""Whenever process or machine stop while a run goes to a spool: it is whole there, or it was not acknowledged."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path

import pytest

from aerchive.errors import IntegrityError
from aerchive.project.documents.draft import RunDraft
from aerchive.project.project import Project
from aerchive.testing.disks import RecordingDisk, crash_states, using
from tests.drafts import draft_of, job_id, model_of, project_at, values_of
from tests.holding import held
from tests.shares import share
from tests.views import project_view

SAVED = [(1, 100_000), (2, 0)]
"""Number and extra bytes of the runs of the transaction."""


def is_whole(project: Project, draft: RunDraft) -> bool:
    """Whether a run in a spool is what was saved; a power cut may have taken chunks of one that was not durable yet."""
    with project[draft.job_id].place.open() as (_, group):
        for name, (_, _, data) in values_of(draft).items():
            try:
                assert group.read(name, draft.run_uuid).tobytes() == data
            except IntegrityError:
                return False
    return True


@pytest.mark.parametrize("extra_bytes", [0, 200_000], ids=["small", "with chunks"])
def test_a_run_in_a_spool_is_whole_or_absent(tmp_path: Path, extra_bytes: int) -> None:
    path = tmp_path / "recorded" / "project.h5"
    path.parent.mkdir()
    project_at(path).archive(draft_of(0))
    project = project_at(path, lock_timeout_s=0.01)
    with held(path, fcntl.LOCK_SH), using(RecordingDisk()) as disk:
        project.archive(draft_of(1, extra_bytes=extra_bytes))
        first = len(disk.log)
        project.archive(draft_of(2))
    (pending,) = path.parent.glob("*.pending-*")
    log = disk.of(pending)
    acknowledged = len([operation for operation in disk.log[:first] if operation in log])
    syncs = [number for number, operation in enumerate(log, 1) if operation.kind == "sync"]
    assert len(syncs) == 2

    drafts = {job_id(1): draft_of(1, extra_bytes=extra_bytes), job_id(2): draft_of(2)}
    seen: set[frozenset[str]] = set()
    for number, state in enumerate(share(crash_states(b"", log, torn=1, power=1, seed=3), 5)):
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copy(path, folder / "project.h5")
        (folder / pending.name).write_bytes(state.content)
        there = project_at(folder / "project.h5")

        whole = {run.job_id for run in there if run.job_id in drafts and is_whole(there, drafts[run.job_id])}
        wanted = {job for job, sync in zip(drafts, syncs, strict=True) if state.done >= sync}
        assert wanted <= whole, f"{state.how} at operation {state.done}: {wanted - whole} was acknowledged"
        there.archive(draft_of(9))
        expected = [draft_of(0), *(drafts[job] for job in whole), draft_of(9)]
        assert project_view(folder / "project.h5") == model_of(expected)
        seen.add(frozenset(whole))
        shutil.rmtree(folder)
    assert acknowledged
    assert seen == {frozenset(), frozenset({job_id(1)}), frozenset(drafts)}


def test_a_transaction_in_a_spool_is_whole_or_absent(tmp_path: Path) -> None:
    path = tmp_path / "recorded" / "project.h5"
    path.parent.mkdir()
    project_at(path).archive(draft_of(0))
    project = project_at(path, lock_timeout_s=0.01)
    with held(path, fcntl.LOCK_SH), using(RecordingDisk()) as disk, project.transaction():
        for number, extra_bytes in SAVED:
            project.save(draft_of(number, extra_bytes=extra_bytes))
    (pending,) = path.parent.glob("*.pending-*")
    log = disk.of(pending)

    seen = set()
    for number, state in enumerate(crash_states(b"", log, torn=1, power=1, seed=4)):
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copy(path, folder / "project.h5")
        (folder / pending.name).write_bytes(state.content)
        there = {run.job_id for run in project_at(folder / "project.h5")} - {job_id(0)}
        assert there in (set(), {job_id(1), job_id(2)}), f"{state.how} at operation {state.done}"
        if there:
            assert all(
                is_whole(project_at(folder / "project.h5"), draft_of(run, extra_bytes=more)) for run, more in SAVED
            )
        seen.add(len(there))
        shutil.rmtree(folder)
    assert seen == {0, 2}
    assert {run.job_id for run in project} == {job_id(0), job_id(1), job_id(2)}
