"""What a user is told who cannot open or write a project is what helps."""

from __future__ import annotations

import os
import pwd
import random
import shutil
from pathlib import Path

import pytest

import aerchive
from aerchive.aer.opening import project_at as stock_project_at
from aerchive.errors import AerchiveError, NotFoundError, ReadOnlyError
from aerchive.storage.commits.superblock import Superblock
from aerchive.storage.medium.disk import Disk
from aerchive.testing.disks import using
from tests import processes
from tests.drafts import draft_of, job_id, project_at
from tests.views import project_view


def test_a_file_that_a_group_may_not_write(path: Path) -> None:
    """With umask 022; root goes without its rights, and the file belongs to another user of its group."""
    if os.geteuid() != 0:
        pytest.skip("only root may give a file to another user")
    project_at(path).archive(draft_of(0))
    os.chown(path, 1, os.getegid())
    path.chmod(0o644)
    owner = pwd.getpwuid(1).pw_name
    told = processes.run(
        processes.AS_ANYBODY
        + """
import sys
import aerchive
from tests.drafts import draft_of
for mode in (None, "r+"):
    try:
        project = aerchive.open(sys.argv[1], mode)
        project.latest().add_tags("x")
    except aerchive.ReadOnlyError as error:
        print(error)
""",
        path,
    )
    (line,) = set(told.splitlines())
    assert line.startswith(f"{path}: may not be written by this user: it belongs to {owner} and the group ")
    assert line.endswith(
        f"with the permissions -rw-r--r--; {owner} or root gives it with: chmod g+w {path}. In a folder of a group "
        "'umask 002' gives it to all new files"
    )
    assert "r+" not in line


def test_a_project_opened_for_reading_that_may_be_written(path: Path) -> None:
    project_at(path).archive(draft_of(0))
    with pytest.raises(ReadOnlyError, match=r"the project is open for reading; open it with .*'r\+'"):
        aerchive.open(path, "r").latest().add_tags("x")


class _Snapshots(Disk):
    """Copies the file after each call that changes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.taken = [path.read_bytes()]

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        super().write(fd, data, offset)
        self.taken.append(self._path.read_bytes())

    def truncate(self, fd: int, size: int) -> None:
        super().truncate(fd, size)
        self.taken.append(self._path.read_bytes())


def test_a_copy_made_in_mid_commit_says_so(path: Path) -> None:
    """`cp` reads the beginning at one moment of the commits, and the rest at a later one."""
    for number in range(3):
        project_at(path).archive(draft_of(number))
    with using(_Snapshots(path)) as disk:
        project_at(path)[job_id(0)].add_tags("x")
        project_at(path).archive(draft_of(3))
    flagged = [at for at, data in enumerate(disk.taken) if Superblock(data[:48]).is_flagged]
    pairs = [(early, late) for early in flagged for late in range(early, len(disk.taken))]
    copy, told = path.with_name("copy.h5"), 0
    for early, late in random.Random(0).sample(pairs, 40):
        copy.write_bytes(disk.taken[early][:48] + disk.taken[late][48:])
        try:
            project_view(project_at(copy, "r"))
        except AerchiveError as error:
            assert str(error) == (  # noqa: PT017  (some copies are whole: their journal is)
                f"{copy}: is not whole: it was copied in the middle of a commit. Nothing makes such a copy right: copy "
                "the project again with 'aerchive copy', which waits for the commit"
            )
            told += 1
    assert told > 5


def test_git_annex(tmp_path: Path) -> None:
    kept = tmp_path / ".git" / "annex" / "objects" / "4f" / "KEY" / "KEY"
    kept.parent.mkdir(parents=True)
    link = tmp_path / "p.h5"
    link.symlink_to(os.path.relpath(kept, tmp_path))
    away = f"{kept}: the content of this file of git-annex is not on this machine; fetch it with: git annex get FILE"
    for mode in ("r", "r+", "a"):
        with pytest.raises(NotFoundError) as caught:
            aerchive.open(link, mode)
        assert str(caught.value) == away

    made = tmp_path / "made.h5"
    project_at(made).archive(draft_of(0))
    shutil.copy(made, kept)
    before = kept.read_bytes()
    assert len(aerchive.open(link)) == 1
    for write in (lambda: stock_project_at(link, "a").latest().add_tags("x"), stock_project_at(link, "a").compact):
        with pytest.raises(ReadOnlyError) as refused:
            write()
        assert str(refused.value) == (
            f"{kept}: is kept by git-annex, where files never change; unlock it first with: git annex unlock FILE"
        )
    assert kept.read_bytes() == before
