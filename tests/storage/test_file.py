"""Files that are no project, or not any more: each has its own error and its own words, and keeps its bytes."""

from __future__ import annotations

import grp
import gzip
import os
import pwd
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from aerchive.errors import (
    AerchiveError,
    FormatError,
    IntegrityError,
    InvalidInputError,
    NewerFormatError,
    NotFoundError,
)
from aerchive.storage.chunks.drafts import GroupDraft
from tests.processes import AS_ANYBODY, run
from tests.samples import CREATED, FOLDER, OWNER, RUN, dataset, project_file, write_run
from tests.shares import share

NO_PROJECT = "{path}: is an HDF5 file, but not an aerchive project; choose another file"


def read(path: Path) -> None:
    with project_file(path).read():
        raise AssertionError("it was opened")


def write(path: Path) -> None:
    with project_file(path).write(CREATED):
        raise AssertionError("it was opened")


def check(path: Path) -> None:
    project_file(path).check_destination()


def foreign(path: Path, **options: Any) -> None:
    with h5py.File(path, "w", **options) as file:
        file["x"] = np.arange(3)


def with_attribute(path: Path, name: str, value: Any) -> None:
    write_run(path, GroupDraft({"a": 1}))
    with h5py.File(path, "r+") as file:
        del file.attrs[name]
        if value is not None:
            file.attrs[name] = value


def flagged(path: Path) -> None:
    write_run(path, GroupDraft({"a": 1}))
    with h5py.File(path, "r+", locking=False) as file:
        file.flush()
        data = path.read_bytes()
    path.write_bytes(data)


CASES: list[tuple[str, Callable[[Path], Any], type[AerchiveError], str]] = [
    (
        "empty",
        lambda path: path.touch(),
        FormatError,
        "{path}: is empty, so not an aerchive project; choose another file",
    ),
    (
        "text",
        lambda path: path.write_text("dear diary " * 50),
        FormatError,
        "{path}: is a text file, so not an aerchive project; choose another file",
    ),
    (
        "Git LFS",
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"),
        FormatError,
        "{path}: is only a pointer of Git LFS, in the place of the project; fetch that with: git lfs pull",
    ),
    (
        "Git LFS in conflict",
        lambda path: path.write_text(
            "version https://git-lfs.github.com/spec/v1\n<<<<<<< HEAD\noid sha256:4d7a\nsize 12345\n=======\n"
        ),
        FormatError,
        "{path}: is a pointer of Git LFS to two versions of the project that git could not bring together; take one "
        "with 'git checkout --ours FILE', write the other one beside it with 'git show :3:FILE | git lfs smudge > "
        "theirs.h5', and merge them with 'aerchive merge FILE theirs.h5'",
    ),
    (
        "git-annex",
        lambda path: path.write_text("/annex/objects/SHA256E-s5--2e99.h5\n"),
        FormatError,
        "{path}: is only a pointer of git-annex, in the place of the project; fetch that with: git annex get FILE",
    ),
    (
        "PNG",
        lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50)),
        FormatError,
        "{path}: is a PNG image, so not an aerchive project; choose another file",
    ),
    (
        "gzip",
        lambda path: path.write_bytes(gzip.compress(b"x" * 100)),
        FormatError,
        "{path}: is compressed with gzip (expand it first), so not an aerchive project; choose another file",
    ),
    (
        "web page",
        lambda path: path.write_text("<!DOCTYPE html><title>404</title>"),
        FormatError,
        "{path}: is a web page (perhaps of a download that failed), so not an aerchive project; choose another file",
    ),
    (
        "zeros",
        lambda path: path.write_bytes(bytes(5000)),
        FormatError,
        "{path}: begins with zeros, as a copy or a download does that was not completed, or a file that a crash of the "
        "machine has cut off; take a copy that is whole",
    ),
    (
        "user block",
        lambda path: foreign(path, userblock_size=512),
        FormatError,
        "{path}: is an HDF5 file with a user block before its content, so not an aerchive project; choose another file",
    ),
    (
        "other bytes",
        lambda path: path.write_bytes(bytes(range(256)) * 3),
        FormatError,
        "{path}: is not an HDF5 file, so not an aerchive project; choose another file",
    ),
    (
        "a byte",
        lambda path: path.write_bytes(b"\x89"),
        FormatError,
        "{path}: is not an HDF5 file, so not an aerchive project; choose another file",
    ),
    (
        "HDF5, superblock 0",
        foreign,
        FormatError,
        NO_PROJECT,
    ),
    (
        "HDF5, superblock 2",
        lambda path: foreign(path, libver=("v108", "v108")),
        FormatError,
        NO_PROJECT,
    ),
    ("HDF5, superblock 3", lambda path: foreign(path, libver=("v110", "v110")), FormatError, NO_PROJECT),
    ("another format", lambda path: with_attribute(path, "format", np.bytes_(b"sonata")), FormatError, NO_PROJECT),
    ("no format", lambda path: with_attribute(path, "format", None), FormatError, NO_PROJECT),
    ("no version", lambda path: with_attribute(path, "format_version", None), FormatError, NO_PROJECT),
    ("version in words", lambda path: with_attribute(path, "format_version", np.bytes_(b"1")), FormatError, NO_PROJECT),
    ("fraction of a version", lambda path: with_attribute(path, "format_version", 1.5), FormatError, NO_PROJECT),
    (
        "newer format",
        lambda path: with_attribute(path, "format_version", 2),
        NewerFormatError,
        "{path}: has format version 2, and this aerchive reads up to 1; "
        "upgrade it with: pip install --upgrade aerchive",
    ),
    (
        "variable-length text",
        lambda path: with_attribute(path, "format", "aerchive project"),
        FormatError,
        "{path}: /@format: variable-length text has no place in an aerchive project",
    ),
    (
        "folder",
        lambda path: path.mkdir(),
        InvalidInputError,
        "{path}: is a folder; a project is one file, such as {path}/project.h5",
    ),
    (
        "pipe",
        os.mkfifo,
        InvalidInputError,
        "{path}: is not a regular file; a project is one",
    ),
    (
        "flag of a foreign writer",
        flagged,
        IntegrityError,
        "{path}: a program that writes HDF5 without aerchive stopped, or is still, in the middle of a write; close it. "
        "If it has died, `h5clear -s` makes the file readable again, then check it. If this is a copy that was made "
        "while that program wrote, copy it again",
    ),
]


@pytest.mark.parametrize("way", [read, write, check])
@pytest.mark.parametrize(("make", "error", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_cannot_be_opened(
    path: Path, way: Any, make: Callable[[Path], Any], error: type[AerchiveError], message: str
) -> None:
    make(path)
    before = path.read_bytes() if path.is_file() else None

    with pytest.raises(AerchiveError) as caught:
        way(path)

    assert caught.type is error
    assert str(caught.value) == message.format(path=path)
    if before is not None:
        assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_project(path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        read(path)

    assert str(caught.value) == f"{path}: no such project"
    assert not project_file(path).exists()


def test_a_missing_folder(path: Path) -> None:
    inner = path.parent / "absent" / "p.h5"
    with pytest.raises(NotFoundError) as caught:
        read(inner)
    assert str(caught.value) == f"{inner}: no such project"

    for way in (write, check):
        with pytest.raises(NotFoundError) as caught:
            way(inner)
        assert str(caught.value) == f"{inner}: there is no folder {inner.parent}; make it first"
    assert list(path.parent.iterdir()) == []


def test_a_folder_that_is_a_file(path: Path) -> None:
    path.write_text("x")
    inner = path / "p.h5"
    with pytest.raises(NotFoundError) as caught:
        read(inner)
    assert str(caught.value) == f"{inner}: no such project"

    with pytest.raises(AerchiveError) as caught:
        write(inner)
    assert str(inner) in str(caught.value)
    assert path.read_text() == "x"


@pytest.mark.parametrize("way", [read, write])
def test_a_link_to_nowhere(path: Path, way: Any) -> None:
    path.symlink_to(path.with_name("absent.h5"))

    with pytest.raises(AssertionError if way is write else NotFoundError):
        way(path)


def test_a_place_that_can_be_written_is_left_as_it_is(path: Path) -> None:
    check(path)
    assert list(path.parent.iterdir()) == []
    write_run(path, GroupDraft({"a": 1}))
    before = path.read_bytes(), path.stat().st_mtime_ns
    check(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_place_is_looked_at_again_when_it_has_changed(path: Path) -> None:
    file = project_file(path)
    write_run(path, GroupDraft({"a": 1}))
    file.check_destination()
    data = bytearray(path.read_bytes())
    data[data.index(b"aerchive project")] ^= 1
    path.write_bytes(data)
    with pytest.raises(FormatError):
        file.check_destination()
    path.unlink()
    file.check_destination()
    path.mkdir()
    with pytest.raises(InvalidInputError):
        file.check_destination()


def test_a_place_where_another_program_writes_is_none_that_is_wrong(path: Path) -> None:
    write_run(path, GroupDraft({"a": 1}))
    with project_file(path).write(CREATED) as session:
        check(path)
        session.write_run(FOLDER, "second", GroupDraft({"a": 2}), OWNER)
        check(path)
    data = path.read_bytes()
    with project_file(path).write(CREATED):
        flagged = bytearray(data)
        flagged[11] |= 1  # as in the middle of a commit
        with path.open("r+b") as file:
            file.write(flagged)
        check(path)
        with path.open("r+b") as file:
            file.write(data)


def test_a_file_is_not_opened_to_check_it_while_this_process_commits_to_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(path, GroupDraft({"a": 1}))
    file, other = project_file(path), project_file(path)
    looked: list[str] = []
    monkeypatch.setattr(file, "_is_project", lambda _fd, where: looked.append(where) or True)
    with file.write(CREATED) as session:
        session.write_run(FOLDER, "second", GroupDraft({"a": 2}), OWNER)
        assert file.is_committing(path.stat())
        assert not other.is_committing(path.stat())
        file.check_destination()
    assert looked == []
    assert not file.is_committing(path.stat())
    path.write_bytes(path.read_bytes())
    file.check_destination()
    assert looked == [str(path)]


def test_a_link_to_a_project_is_followed(path: Path) -> None:
    link = path.with_name("link.h5")
    link.symlink_to(path)
    write_run(path, GroupDraft({"a": 1}))
    write_run(link, GroupDraft({"a": 2}), "second")

    assert link.is_symlink()
    with project_file(path).read() as session:
        assert session.root.group(FOLDER).names() == ["run", "second"]


def test_a_file_cut_short_at_any_length(path: Path) -> None:
    write_run(path, GroupDraft({"a": 1}, {"x": dataset([np.arange(500)])}))
    whole = path.read_bytes()
    end = len(whole)

    middle = share(sorted({*range(64, 2048), *range(2048, end, 17), *range(end - 2048, end - 64)}), 11)
    for length in sorted({*range(1, 64), *middle, *range(end - 64, end)}):
        path.write_bytes(whole[:length])
        with pytest.raises(FormatError) as caught:
            read(path)
        if length < 8:
            assert "is not an HDF5 file" in str(caught.value)
            continue
        assert caught.type is IntegrityError
        left = f"only {length} bytes are left of the file" if length < 48 else f"{length} bytes are left of {end}"
        assert str(caught.value).startswith(f"{path}: truncated: {left}"), length
        if length % 5 == 0:
            with pytest.raises(IntegrityError, match=f"truncated: .*{length} bytes are left"):
                write(path)
        assert path.stat().st_size == length
    path.write_bytes(whole)
    with project_file(path).read() as session:
        assert session.root.group(RUN).attributes(OWNER)["a"] == 1


def test_a_tail_that_nobody_committed_is_ignored_and_cut_off(path: Path) -> None:
    write_run(path, GroupDraft({"a": 1}))
    whole = path.read_bytes()
    path.write_bytes(whole + b"left by a crash" * 1000)

    with project_file(path).read() as session:
        assert session.root.group(RUN).attributes(OWNER)["a"] == 1
    write_run(path, GroupDraft({"a": 2}, {"x": dataset([np.zeros(40)])}), "second")

    with project_file(path).read() as session:
        assert session.root.group(f"{FOLDER}/second").attributes(OWNER)["a"] == 2
        assert session.root.group(f"{FOLDER}/second").read("x", OWNER).tobytes() == bytes(320)
    with h5py.File(path) as file:
        assert file.id.get_filesize() == path.stat().st_size


@pytest.mark.parametrize("at", range(8, 48))
def test_any_damaged_byte_of_the_superblock_is_found(path: Path, at: int) -> None:
    write_run(path, GroupDraft({"a": 1}))
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)

    for way in (read, write):
        with pytest.raises(FormatError, match=f"^{re.escape(str(path))}: "):
            way(path)
    assert path.read_bytes() == data


# ---- permissions, as somebody who is not root


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="aerchive-test-"))
    folder.chmod(0o777)
    yield folder
    for path in [folder, *folder.iterdir()] if os.geteuid() == 0 else [folder]:
        with suppress(OSError):
            path.chmod(0o700)
    shutil.rmtree(folder)


TRY = (
    AS_ANYBODY
    + """
import sys
from pathlib import Path
from tests.samples import CREATED, project_file
project = project_file(Path(sys.argv[1]))
try:
    if sys.argv[2] == "check":
        project.check_destination()
        print("opened")
    else:
        with project.read() if sys.argv[2] == "read" else project.write(CREATED):
            print("opened")
except Exception as error:
    print(type(error).__name__, error, sep="|")
"""
)


def as_anybody(path: Path, way: str) -> list[str]:
    root = Path(__file__).resolve().parents[2]
    search = os.pathsep.join([str(root), *filter(None, sys.path)])
    return run(TRY, path, way, environment={"PYTHONPATH": search}).strip().split("|")


@pytest.mark.skipif(sys.platform != "linux", reason="gives up the rights of root as Linux does it")
@pytest.mark.parametrize(
    ("mode", "way", "told"),
    [
        (0o000, "read", "u+r"),
        (0o000, "write", "u+w"),
        (0o444, "write", "u+w"),
        (0o444, "check", "u+w"),
        (0o444, "read", None),
        (0o666, "write", None),
    ],
)
def test_permissions_of_the_file(public: Path, mode: int, way: str, told: str | None) -> None:
    path = public / "p.h5"
    write_run(path, GroupDraft({"a": 1}))
    before = path.read_bytes()
    path.chmod(mode)

    answer = as_anybody(path, way)

    if told is None:
        assert answer == ["opened"]
        return
    name, message = answer
    what, user, group = "read" if way == "read" else "written", _name(os.geteuid()), _group(os.getegid())
    assert name == "ReadOnlyError"
    assert message == (
        f"{path}: may not be {what} by this user: it belongs to {user} and the group {group}, with the permissions "
        f"{stat.filemode(path.stat().st_mode)}; you give it with: chmod {told} {path}"
    )
    assert path.read_bytes() == before


def _name(number: int) -> str:
    return pwd.getpwuid(number).pw_name


def _group(number: int) -> str:
    return grp.getgrgid(number).gr_name


@pytest.mark.skipif(sys.platform != "linux", reason="gives up the rights of root as Linux does it")
@pytest.mark.parametrize(
    ("mode", "way", "told"),
    [
        (0o555, "write", "{path}: this user may not create files in {folder}; choose another folder, or change its"),
        (0o555, "check", "{path}: this user may not create files in {folder}; choose another folder, or change its"),
        (0o000, "write", "{path}: "),
        (0o000, "read", "{path}: "),
        (0o311, "write", "{path}: this user may not look into {folder}"),
    ],
)
def test_permissions_of_the_folder(public: Path, mode: int, way: str, told: str) -> None:
    folder = public / "folder"
    folder.mkdir()
    path = folder / "p.h5"
    folder.chmod(mode)

    name, message = as_anybody(path, way)

    assert name == "ReadOnlyError"
    assert message.startswith(told.format(path=path, folder=folder))
    folder.chmod(0o755)
    assert list(folder.iterdir()) == []
