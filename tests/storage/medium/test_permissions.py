"""New files get the group, the access list and the permissions of the project."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from aerchive.storage.medium.permissions import access_list, share_like
from tests.users import ANN, EVE, EVE_MAY_WRITE, LAB, as_user, give_access_list, only_root, shared_folder


@pytest.fixture
def project() -> Iterator[Path]:
    with shared_folder() as folder:
        path = folder / "vqe.h5"
        path.touch(0o600)
        yield path


def made_like(project: Path, name: str = "new") -> tuple[str, int, int]:
    """Permissions, owner and group of a new file that shall be like the project."""
    fd = os.open(project.with_name(name), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    share_like(fd, project)
    status = os.fstat(fd)
    os.close(fd)
    return f"{stat.S_IMODE(status.st_mode):o}", status.st_uid, status.st_gid


@pytest.mark.parametrize(("mode", "expected"), [(0o600, "600"), (0o664, "664"), (0o444, "644"), (0o755, "644")])
def test_permissions_whatever_the_umask_is(mode: int, expected: str, project: Path) -> None:
    project.chmod(mode)
    before = os.umask(0o077)
    try:
        assert made_like(project)[0] == expected
    finally:
        os.umask(before)


def test_without_a_project_nothing_is_changed(project: Path) -> None:
    assert made_like(project.with_name("missing"))[0] == "600"


@only_root
def test_group_and_owner(project: Path) -> None:
    os.chown(project, ANN, LAB)
    project.chmod(0o660)
    assert made_like(project, "root") == ("660", ANN, LAB)
    assert as_user(EVE, lambda: made_like(project, "member"), [LAB]) == ("660", EVE, LAB)
    assert as_user(EVE, lambda: made_like(project, "other")) == ("600", EVE, EVE)  # may not give it the group


@only_root
def test_access_list(project: Path) -> None:
    os.chown(project, ANN, ANN)
    give_access_list(project, EVE_MAY_WRITE)
    as_user(ANN, lambda: made_like(project))
    assert access_list(project.with_name("new")) == access_list(project) == EVE_MAY_WRITE


@only_root
def test_a_list_that_the_folder_gives_is_taken_away(project: Path) -> None:
    give_access_list(project, EVE_MAY_WRITE)
    os.setxattr(project.parent, "system.posix_acl_default", EVE_MAY_WRITE)
    os.removexattr(project, "system.posix_acl_access")
    project.chmod(0o600)
    assert made_like(project)[0] == "600"
    assert access_list(project.with_name("new")) is None
