"""A project in a folder of a group: two users of the system merge into it and extract from it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from aerchive.errors import ReadOnlyError
from tests.drafts import draft_of, job_id, project_at
from tests.holding import held
from tests.users import ANN, EVE, LAB, as_user, only_root, shared_folder

pytestmark = only_root


@pytest.fixture
def common() -> Iterator[Path]:
    """The project of Ann in a folder of the group: both may write in it, and new files belong to the group."""
    with shared_folder() as folder:
        group = folder / "lab"
        group.mkdir()
        os.chown(group, ANN, LAB)
        group.chmod(0o2770)
        path = group / "project.h5"

        def begin() -> None:
            os.umask(0o007)
            project_at(path).archive(draft_of(0))

        as_user(ANN, begin, [LAB])
        yield path


def test_a_colleague_merges_and_extracts_and_the_group_keeps_its_rights(common: Path) -> None:
    def of_eve() -> tuple[int, int]:
        os.umask(0o077)  # of a user who gives nobody rights by default
        own = project_at(common.with_name("eve.h5"))
        own.archive(draft_of(1))
        report = project_at(common).merge(own)
        project_at(common).extract(common.with_name("part.h5"), job_id=job_id(1))
        return report.added, len(project_at(common))

    assert as_user(EVE, of_eve, [LAB]) == (1, 2)
    for name, owner in (("project.h5", ANN), ("part.h5", EVE)):
        status = common.with_name(name).stat()
        assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid) == (0o660, owner, LAB), name

    def of_ann() -> list[str]:
        project = project_at(common)
        project[job_id(1)].add_tags("seen by Ann")
        project.merge(common.with_name("part.h5"))
        return [run.job_id for run in project]

    assert as_user(ANN, of_ann, [LAB]) == [job_id(0), job_id(1)]
    assert project_at(common).verify().ok


def test_runs_that_wait_in_files_of_a_colleague_are_moved_before_a_merge(common: Path) -> None:
    def hold() -> None:
        with held(common):
            project_at(common, lock_timeout_s=0.01).archive(draft_of(2))

    as_user(EVE, hold, [LAB])
    assert list(common.parent.glob("*.pending-*"))

    def of_ann() -> tuple[int, bool, int]:
        os.umask(0o077)
        own = project_at(common.with_name("ann.h5"))
        own.archive(draft_of(3))
        there = own.merge(common)
        here = project_at(common).merge(own)
        return here.added, "recover" in there.notes[0], len(project_at(common))

    assert as_user(ANN, of_ann, [LAB]) == (1, True, 3)
    assert not list(common.parent.glob("*.pending-*"))


def test_a_user_who_may_only_read_extracts_elsewhere_and_cannot_merge(common: Path) -> None:
    common.parent.chmod(0o2775)
    common.chmod(0o664)

    def of_eve() -> tuple[int, bool]:
        own = common.parent.parent / "eve.h5"
        extracted = project_at(common, "r").extract(own)
        try:
            project_at(common).merge(own)
        except ReadOnlyError:
            return len(extracted), True
        return len(extracted), False

    assert as_user(EVE, of_eve) == (1, True)
