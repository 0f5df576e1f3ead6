"""Which files beside a project are opened, with the ids of real users."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import ByteSize

from aerchive.errors import UnsafeContentError
from aerchive.limits import Limits, limits, use_limits
from aerchive.storage.medium.beside import open_beside
from tests.users import ANN, EVE, EVE_MAY_WRITE, LAB, as_user, give_access_list, only_root, shared_folder


@pytest.fixture
def project() -> Iterator[Path]:
    """A project file of Ann in a folder of all users; as root makes it where there is only one user."""
    with shared_folder() as folder:
        path = folder / "vqe.h5"
        path.touch(0o600)
        if os.geteuid() == 0:
            os.chown(path, ANN, ANN)
        yield path


def beside(project: Path, uid: int = -1, gid: int = -1, mode: int = 0o600) -> Path:
    path = project.with_name(".vqe.h5.waiting-1-00000000")
    path.write_bytes(b"content")
    os.chown(path, uid, gid)
    path.chmod(mode)
    return path


def why_not(path: Path, project: Path) -> str:
    """Why a file is left alone, in words; empty if it is opened."""
    try:
        os.close(open_beside(path, project))
    except UnsafeContentError as error:
        return str(error).removeprefix(f"{path}: is left alone: ")
    return ""


# -- kinds of files


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


NOT_REGULAR: dict[str, Callable[[Path], object]] = {
    "link": lambda path: path.symlink_to("/dev/zero"),
    "link to nothing": lambda path: path.symlink_to("nothing"),
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "socket": _socket,
}


@pytest.mark.parametrize("kind", NOT_REGULAR)
def test_only_regular_files_are_opened(kind: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = project.with_name("other")
    NOT_REGULAR[kind](path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", lambda *_: pytest.fail("it was opened"))
        assert why_not(path, project) == "it is not a regular file"


def test_a_link_that_comes_between_is_not_followed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = beside(project)
    look = os.lstat

    def change(name: Path) -> os.stat_result:
        status = look(name)
        path.unlink()
        path.symlink_to(project)
        return status

    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", change)
        with pytest.raises(OSError, match="symbolic links"):
            open_beside(path, project)


def test_a_file_with_two_names_is_left_alone(project: Path) -> None:
    path = beside(project)
    project.with_name("second").hardlink_to(path)
    assert why_not(path, project) == "it has 2 names (hard links)"


def test_programs_that_are_started_do_not_inherit_it(project: Path) -> None:
    fd = open_beside(beside(project), project)
    assert not os.get_inheritable(fd)
    os.close(fd)


# -- users


@only_root
@pytest.mark.parametrize(
    ("owner", "mode", "why"),
    [
        (ANN, 0o600, ""),
        (0, 0o600, "may not be read"),
        (0, 0o644, ""),
        (EVE, 0o644, f"it belongs to user {EVE}, who may not write the project"),
        (ANN, 0o606, "users who may not write the project may write this file"),
        (ANN, 0o660, "users who may not write the project may write this file"),
    ],
)
def test_a_private_project(owner: int, mode: int, why: str, project: Path) -> None:
    path = beside(project, owner, owner, mode)
    if why == "may not be read":
        with pytest.raises(AssertionError, match="PermissionError"):
            as_user(ANN, lambda: why_not(path, project))
    else:
        assert as_user(ANN, lambda: why_not(path, project)) == why


@only_root
def test_without_a_project_only_own_files_are_taken(project: Path) -> None:
    project.unlink()
    assert as_user(ANN, lambda: why_not(beside(project), project)) == ""
    path = project.with_name("of eve")
    path.touch(0o644)
    os.chown(path, EVE, EVE)
    assert "belongs to user" in as_user(ANN, lambda: why_not(path, project))


@only_root
@pytest.mark.parametrize(
    ("folder_mode", "project_mode", "group", "is_taken"),
    [
        (0o1777, 0o660, LAB, True),
        (0o1777, 0o660, EVE, False),
        (0o1777, 0o640, LAB, False),
        (0o3770, 0o660, LAB, True),
        (0o3777, 0o660, LAB, False),  # here every user's file gets the group
        (0o1777, 0o666, EVE, True),
    ],
)
def test_a_project_of_a_group(folder_mode: int, project_mode: int, group: int, is_taken: bool, project: Path) -> None:
    os.chown(project.parent, 0, LAB)
    project.parent.chmod(folder_mode)
    os.chown(project, ANN, LAB)
    project.chmod(project_mode)
    path = beside(project, EVE, group, 0o664 if group == LAB and project_mode & 0o020 else 0o644)
    assert (as_user(ANN, lambda: why_not(path, project), [LAB]) == "") == is_taken


@only_root
def test_an_access_list_says_who_may_write(project: Path) -> None:
    os.chown(project, ANN, LAB)
    give_access_list(project, EVE_MAY_WRITE)
    assert as_user(ANN, lambda: why_not(beside(project, mode=0o600), project)) == ""
    path = project.with_name("of eve")
    path.touch(0o644)
    os.chown(path, EVE, EVE)
    assert as_user(ANN, lambda: why_not(path, project)) == ""
    os.chown(path, EVE + 1, LAB)  # the mask lets Eve write, and not the group
    assert "belongs to user" in as_user(ANN, lambda: why_not(path, project))
    os.chown(path, ANN, ANN)
    give_access_list(path, EVE_MAY_WRITE.replace(EVE.to_bytes(4, "little"), (EVE + 1).to_bytes(4, "little")))
    assert "may write this file" in as_user(ANN, lambda: why_not(path, project))


# -- sizes


def test_a_file_that_is_too_large_is_not_read(project: Path) -> None:
    path, before = beside(project), limits()
    os.truncate(path, 2**20 + 1)
    use_limits(Limits(beside_bytes=ByteSize(2**20)))
    try:
        assert "the limit 'beside_bytes' is 1048576" in why_not(path, project)
        os.close(open_beside(path, project, is_read=False))
    finally:
        use_limits(before)


def test_a_file_of_holes_is_not_read(project: Path) -> None:
    path = beside(project)
    os.truncate(path, 20 * 2**30)
    assert "the limit 'sparse_ratio'" in why_not(path, project)
    os.truncate(path, 2**20)
    assert why_not(path, project) == ""
