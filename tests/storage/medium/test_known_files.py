"""The user's record of project files."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aerchive.settings import load_settings
from aerchive.storage.medium import known_files
from aerchive.storage.medium.birth import birth_of
from aerchive.storage.medium.known_files import KnownFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file.h5"
    path.write_bytes(b"head" * 100)
    return path


@pytest.fixture
def forget_all(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """What another process knows: nothing but the records."""
    return lambda: monkeypatch.setattr(known_files, "_seen", {})


@pytest.fixture
def fd(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDWR)
    yield fd
    os.close(fd)


def records() -> list[Path]:
    folder = load_settings().known_files
    return sorted(folder.iterdir()) if folder.exists() else []


def look(path: Path) -> KnownFile | None:
    fd = os.open(path, os.O_RDONLY)
    try:
        return known_files.look_up(fd, str(path))
    finally:
        os.close(fd)


def test_a_record_is_private_and_read_by_another_process(path: Path, fd: int, forget_all: Callable[[], None]) -> None:
    known = known_files.keep(fd, str(path), "made", "uuid")
    (record,) = records()
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert stat.S_IMODE(record.parent.stat().st_mode) == 0o700
    forget_all()
    assert known_files.find(fd, str(path)) == known
    assert list(known_files.all_known()) == [known]
    assert known.is_own


def test_an_own_file_is_looked_up_once(path: Path, fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    known = known_files.keep(fd, str(path), "made", "uuid")
    monkeypatch.setattr(known_files, "_recorded", lambda *_: pytest.fail("was looked up"))
    assert known_files.find(fd, str(path)) == known


def test_a_change_by_others_is_noticed_and_one_by_us_is_not(path: Path, fd: int) -> None:
    known_files.keep(fd, str(path), "made", "uuid")
    os.pwrite(fd, b"more", 400)
    known_files.changed(fd)
    known = known_files.find(fd, str(path))
    assert known is not None
    assert known.how == "committed"
    os.utime(fd, ns=(0, known.mtime_ns + 1))
    assert known_files.find(fd, str(path)) is None
    os.pwrite(fd, b"more", 404)
    known_files.changed(fd)
    assert known_files.find(fd, str(path)) is None


def test_a_new_name_is_the_same_file_and_a_copy_is_not(path: Path, fd: int, forget_all: Callable[[], None]) -> None:
    if not birth_of(fd):
        pytest.skip("this file system does not say when a file was made")
    known_files.keep(fd, str(path), "trusted", "uuid")
    forget_all()
    renamed = path.rename(path.with_name("renamed.h5"))
    known = look(renamed)
    assert known is not None
    assert known.how == "trusted"
    copied = Path(shutil.copy2(renamed, path))
    assert look(copied) is None


def test_another_mount_of_the_same_file_is_known(path: Path, fd: int, forget_all: Callable[[], None]) -> None:
    known = known_files.keep(fd, str(path), "made", "uuid")
    known_files.forget(fd)
    known_files._write(load_settings().known_files, dataclasses.replace(known, device=known.device + 1))
    forget_all()
    assert look(path) is not None
    os.rename(path, path.with_name("renamed.h5"))
    assert look(path.with_name("renamed.h5")) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("path", 1), ("path", "a\0b"), ("size", "1"), ("born_ns", True), ("uuid", None), ("how", []), ("how", "other")],
)
def test_a_record_with_values_of_other_types_is_no_record(
    path: Path, fd: int, forget_all: Callable[[], None], name: str, value: object
) -> None:
    known = known_files.keep(fd, str(path), "made", "uuid")
    (record,) = load_settings().known_files.iterdir()
    record.write_text(json.dumps(vars(known) | {name: value}) + "\n")
    forget_all()
    assert known_files.find(fd, str(path)) is None
    assert list(known_files.all_known()) == []


@pytest.mark.parametrize("content", [b"", b"{}\n", b"[]\n", b'{"path": 1\n', b"[" * 9000, b'{"a": 1}\n', b"\xff\n"])
def test_a_record_that_is_not_whole_is_no_record(
    path: Path, fd: int, forget_all: Callable[[], None], content: bytes
) -> None:
    known_files.keep(fd, str(path), "made", "uuid")
    (record,) = records()
    record.write_bytes(content)
    forget_all()
    assert known_files.find(fd, str(path)) is None
    assert list(known_files.all_known()) == []


def test_a_record_that_others_can_write_is_no_record(path: Path, fd: int, forget_all: Callable[[], None]) -> None:
    known_files.keep(fd, str(path), "made", "uuid")
    (record,) = records()
    record.chmod(0o620)
    forget_all()
    assert known_files.find(fd, str(path)) is None


def test_what_is_handed_on(path: Path, fd: int) -> None:
    other = os.open(path.with_name("other.h5"), os.O_RDWR | os.O_CREAT)
    known_files.hand_on(None, other, "other")
    assert known_files.find(other, "other") is None
    known_files.hand_on(known_files.keep(fd, str(path), "vetted", "uuid", "mixture"), other, "other")
    handed = known_files.find(other, "other")
    os.close(other)
    assert handed is not None
    assert (handed.how, handed.uuid, handed.mixture, handed.is_own) == ("vetted", "uuid", "mixture", False)


def test_records_of_files_that_are_gone_make_room(path: Path, fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_files, "_MOST_RECORDS", 3)
    known_files.keep(fd, str(path), "made", "kept")
    for number in range(5):
        other = path.with_name(f"{number}.h5")
        opened = os.open(other, os.O_RDWR | os.O_CREAT)
        known_files.keep(opened, str(other), "made", "gone")
        other.unlink()
        os.close(opened)
    assert len(records()) <= 3
    assert "kept" in {known.uuid for known in known_files.all_known()}


def test_a_folder_that_is_not_absolute_is_not_made(
    path: Path, fd: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(known_files, "_folder", lambda: Path("known"))
    known_files.keep(fd, str(path), "made", "uuid")
    assert not (tmp_path / "known").exists()
    assert known_files.find(fd, str(path)) is not None


def test_a_changed_file_keeps_its_new_name(path: Path, fd: int, forget_all: Callable[[], None]) -> None:
    known_files.keep(fd, str(path), "made", "uuid")
    forget_all()
    renamed = path.rename(path.with_name("renamed"))
    known_files.find(fd, str(renamed))
    os.write(fd, b"more")
    known_files.changed(fd)
    assert [one.path for one in known_files.all_known()] == [str(renamed)]


def test_what_is_synced_is_recorded_before(path: Path, fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> None:
        raise OSError("as if the process was killed")

    known_files.keep(fd, str(path), "made", "uuid")
    os.write(fd, b"more")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="killed"):
        known_files.sync(fd)
    (known,) = known_files.all_known()
    assert (known.size, known.mtime_ns) == (os.fstat(fd).st_size, os.fstat(fd).st_mtime_ns)
