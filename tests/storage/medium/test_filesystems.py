"""File systems whose locks do not reach everybody are not written."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aerchive.errors import ProjectLockedError, WriteError
from aerchive.storage.chunks.drafts import GroupDraft
from aerchive.storage.commits import creation
from aerchive.storage.file import ProjectFile
from aerchive.storage.medium import filesystems, temporary
from aerchive.storage.medium.filesystems import LockTrial, Mount, mount_of, why_unsafe
from tests.holding import mounted
from tests.samples import CREATED, OWNER, RUN, project_file, write_run

DTYPE_SOURCE = project_file(Path("none"))


def refused(reason: str) -> str:
    return (
        f"{reason}; nothing was saved. Keep the project on another file system and copy it with 'aerchive copy', or, "
        f"if only {socket.gethostname()} ever writes it, set AERCHIVE_TRUST_LOCKS=1"
    )


def mountinfo(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, options: str, of: Path) -> None:
    """Says that what `of` is on was mounted in this way."""
    device = of.stat().st_dev
    table = folder / "mountinfo"
    table.write_text(
        "22 27 0:9999 / /proc rw,relatime - proc proc rw\n"
        f"36 35 {os.major(device)}:{os.minor(device)} / /home/group\\040data rw,noatime master:1 "
        f"- {kind} server:/x {options}\n"
    )
    monkeypatch.setattr(filesystems, "MOUNTS", table)


def test_the_mount_of_a_file_is_found(tmp_path: Path) -> None:
    fd = os.open("/proc/self/mountinfo", os.O_RDONLY)
    try:
        mount = mount_of(fd)
    finally:
        os.close(fd)
    assert mount is not None
    assert (mount.point, mount.kind) == ("/proc", "proc")
    assert "rw" in mount.options


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        ("nfs", "rw,vers=3,nolock,addr=10.0.0.1", "is mounted as nfs with nolock"),
        ("nfs", "rw,vers=3,local_lock=flock", "is mounted as nfs with local_lock=flock"),
        ("nfs4", "rw,vers=4.2,local_lock=all", "is mounted as nfs4 with local_lock=all"),
        ("lustre", "rw,localflock,lazystatfs", "is mounted as lustre with localflock"),
        ("cifs", "rw,vers=3.1.1,nobrl", "is mounted as cifs with nobrl"),
        ("fuse.sshfs", "rw,user_id=0", "is mounted with sshfs"),
        ("fuse.rclone", "rw", "is mounted with rclone"),
    ],
)
def test_locks_that_stay_on_one_machine_are_not_trusted(
    kind: str, options: str, reason: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(path, GroupDraft({"a": 1}))
    before = path.read_bytes()
    mountinfo(tmp_path, monkeypatch, kind, options, path)

    with pytest.raises(WriteError) as caught, project_file(path).write(CREATED):
        pass

    assert str(caught.value) == refused(f"{path}: /home/group data {reason}, whose locks no other machine sees")
    assert path.read_bytes() == before
    with project_file(path).read() as session:
        assert session.root.group(RUN).attributes(OWNER)["a"] == 1


def test_a_new_project_is_refused_there_too(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mountinfo(tmp_path, monkeypatch, "nfs", "rw,nolock", tmp_path)
    with pytest.raises(WriteError, match="is mounted as nfs with nolock"):
        write_run(path, GroupDraft({"a": 1}))
    assert not path.exists()
    with pytest.raises(WriteError, match="is mounted as nfs with nolock"):
        project_file(path).check_destination()


@pytest.mark.parametrize(
    ("kind", "options"),
    [("nfs4", "rw,vers=4.2,local_lock=none"), ("lustre", "rw,flock"), ("cifs", "rw"), ("ext4", "rw"), ("9p", "rw")],
)
def test_others_are_trusted(kind: str, options: str) -> None:
    assert why_unsafe(Mount("/data", kind, frozenset(options.split(",")))) is None


def test_the_user_may_vouch_for_the_locks(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mountinfo(tmp_path, monkeypatch, "nfs", "rw,nolock", tmp_path)
    source = project_file(path)
    trusting = ProjectFile(
        path, lock_timeout_s=1, catalogue_dtype=source._catalogue_dtype, created_by="aerchive test", trust_locks=True
    )
    with trusting.write(CREATED) as session:
        session.write_run("runs/2026-11-20", "run", GroupDraft({"a": 1}), OWNER)
    assert path.exists()


def test_locks_that_keep_nobody_out_are_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(path, GroupDraft({"a": 1}))
    monkeypatch.setattr(fcntl, "flock", lambda fd, mode: None)

    with pytest.raises(WriteError) as caught, project_file(path).write(CREATED):
        pass

    assert str(caught.value) == refused(f"{path}: the file system locks files, but a second opening gets the lock, too")


def test_each_file_system_is_asked_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(path, GroupDraft({"a": 1}))
    trial = LockTrial()
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        trial.check(file.fileno(), str(path), str(path))
        monkeypatch.setattr(filesystems, "mount_of", lambda fd: pytest.fail("asked again"))
        trial.check(file.fileno(), str(path), str(path))


def test_without_a_table_of_mounts_the_trial_decides(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystems, "MOUNTS", Path("/nowhere"))
    write_run(path, GroupDraft({"a": 1}))
    assert path.exists()


# -- making a project


def test_without_hard_links_a_project_is_renamed_into_place(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(creation, "rename_new", lambda *_: False)
    monkeypatch.setattr(os, "link", no_links)
    write_run(path, GroupDraft({"a": 1}))

    with project_file(path).read() as session:
        assert session.root.group(RUN).attributes(OWNER)["a"] == 1
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("way", ["rename", "link", "locked folder"])
def test_a_file_that_comes_in_between_stays(way: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_rename, real_link = creation.rename_new, os.link

    def rename(source: Path, target: Path) -> bool:
        target.write_bytes(b"somebody else's")
        return way == "rename" and real_rename(source, target)

    def link(source: Path, target: Path) -> None:
        if way == "locked folder":
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        real_link(source, target)

    monkeypatch.setattr(creation, "rename_new", rename)
    monkeypatch.setattr(os, "link", link)
    with pytest.raises(ProjectLockedError) as caught:
        write_run(path, GroupDraft({"a": 1}))

    assert str(caught.value) == f"{path}: another program made it at this moment; save again"
    assert path.read_bytes() == b"somebody else's"
    assert list(path.parent.iterdir()) == [path]


def test_without_renameat2_a_project_is_linked_into_place(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary, "_renameat2", lambda: None)
    write_run(path, GroupDraft({"a": 1}))

    assert path.stat().st_nlink == 1
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP])
def test_a_system_that_cannot_rename_so(number: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(*_: object) -> int:
        ctypes.set_errno(number)
        return -1

    monkeypatch.setattr(temporary, "_renameat2", lambda: refusing)
    write_run(path, GroupDraft({"a": 1}))
    assert list(path.parent.iterdir()) == [path]


def test_the_disk_fails_while_it_is_renamed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> int:
        ctypes.set_errno(errno.ENOSPC)
        return -1

    monkeypatch.setattr(temporary, "_renameat2", lambda: failing)
    with pytest.raises(WriteError, match="cannot be made: No space left on device; nothing was saved"):
        write_run(path, GroupDraft({"a": 1}))
    assert list(path.parent.iterdir()) == []


def test_without_links_and_without_a_lock_on_the_folder_nothing_is_risked(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(creation, "rename_new", lambda *_: False)
    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(creation, "_lock_folder", lambda *_: False)
    with pytest.raises(WriteError, match="cannot be made: Operation not permitted; nothing was saved"):
        write_run(path, GroupDraft({"a": 1}))
    assert not path.exists()


def test_what_a_dead_process_left_is_removed(path: Path) -> None:
    leftover = path.with_name(f".{path.name}.new-1-deadbeef")
    leftover.write_bytes(b"half of a project")
    other = path.with_name(f".{path.name}x.new-1-deadbeef")
    other.write_bytes(b"of another")

    write_run(path, GroupDraft({"a": 1}))

    assert sorted(path.parent.iterdir()) == sorted([path, other])


@pytest.fixture
def fat(tmp_path: Path) -> Iterator[Path]:
    """A real file system without hard links, permissions and sparse files."""
    image, place = tmp_path / "image", tmp_path / "fat"
    place.mkdir()
    image.write_bytes(bytes(16 * 1024 * 1024))
    try:
        subprocess.run(["mkfs.vfat", image], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("mkfs.vfat is not installed (Debian package dosfstools)")
    with mounted("FAT file system", place, "-o", "loop", image):
        yield place


def test_a_project_on_fat(fat: Path) -> None:
    path = fat / "project.h5"
    write_run(path, GroupDraft({"a": 1}))
    with project_file(path).write(CREATED) as session:
        session.write_run("runs/2026-11-20", "second", GroupDraft({"a": 2}), OWNER)

    with project_file(path).read() as session:
        assert session.root.group(RUN).attributes(OWNER)["a"] == 1
    assert list(fat.iterdir()) == [path]
