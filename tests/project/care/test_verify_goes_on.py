"""`verify` finds what is wrong with one node and goes on with the others, whatever class of exception that raises."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5d, h5s, h5t

from aerchive import layout
from aerchive.errors import AerchiveError, FormatError
from aerchive.models import catalogue
from aerchive.models.labels import RunLabels
from aerchive.project.care import verify as care
from aerchive.project.project import Project
from aerchive.row_checksums import row_crc
from tests.drafts import draft_of, edit, job_id, project_at, project_of, run_groups

RUNS = 3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    drafts = [draft_of(number, labels=RunLabels(params={"x": number})) for number in range(RUNS)]
    return project_of(tmp_path_factory.mktemp("made") / "project.h5", drafts)


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made, tmp_path))


def first(file: h5py.File) -> h5py.Group:
    return run_groups(file)[0]


def swap(group: h5py.Group, name: str, kind: Any, space: Any) -> None:
    if name in group:
        del group[name]
    h5d.create(group.id, name.encode(), kind, space)


def text(group: h5py.Group, name: str, value: str) -> None:
    if name in group.attrs:
        del group.attrs[name]
    group.attrs.create(name, np.bytes_(value.encode()))


def params(file: h5py.File, value: str) -> None:
    text(first(file)["labels"], "params_json.x", value)


WIDE = h5t.STD_I64LE.copy()
WIDE.set_size(16)
DAMAGE: dict[str, Callable[[h5py.File], None]] = {
    "null dataspace": lambda f: swap(first(f), "counts", h5t.NATIVE_INT32, h5s.create(h5s.NULL)),
    "16-byte integers": lambda f: swap(first(f), "zz", WIDE, h5s.create_simple((2,))),
    "nothing stored": lambda f: swap(first(f), "zz", h5t.NATIVE_DOUBLE, h5s.create_simple((2**37,))),
    "no time": lambda f: text(first(f), "created", "not a time"),
    "no zone": lambda f: text(first(f), "created", "2026-01-01"),
    "year 10000": lambda f: text(first(f), "created", "10000-01-01T00:00:00+00:00"),
    "uuid is no id": lambda f: text(first(f)["seal"], "run_uuid", "\u202e"),
    "id not UTF-8": lambda f: first(f).attrs.modify("job_id", np.bytes_(b"\xff")),
    "id a number": lambda f: first(f).attrs.modify("job_id", 7),
    "surrogates": lambda f: text(first(f), "job_id", r'json:"\ud800"'),
    "long hex": lambda f: params(f, '{"$":"int","hex":"0x' + "f" * 20_000 + '"}'),
    "long decimal": lambda f: params(f, "9" * 20_000),
    "deep": lambda f: params(f, "[" * 20_000 + "]" * 20_000),
    "twice": lambda f: params(f, '{"$":"dict","items":[[1,2],[[],3]]}'),
    "duplicate keys": lambda f: params(f, '{"a":1,"a":2}'),
    "NaN": lambda f: params(f, "NaN"),
    "tag of another type": lambda f: params(f, '{"$":[1]}'),
    "circuits beyond int32": lambda f: first(f)["config"].attrs.modify("num_circuits", 2**40),
    "outcome a number": lambda f: first(f)["status"].attrs.modify("outcome", 3),
    "soft link": lambda f: first(f).__setitem__("zz", h5py.SoftLink("/runs")),
    "external link": lambda f: first(f).__setitem__("zz", h5py.ExternalLink("/etc/hostname", "/x")),
    "root": lambda f: first(f).__setitem__("zz", f["/"]),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_one_bad_run_is_named_and_the_others_are_looked_at(path: Path, damage: Callable[[h5py.File], None]) -> None:
    with edit(path) as file:
        damage(file)
        name = first(file).name
    project = project_at(path, "r")

    report = project.verify()

    assert report.runs == RUNS
    assert report.problems
    assert all(name in problem for problem in report.problems), report.problems
    assert not any("Error" in problem for problem in report.problems), report.problems
    assert len(project.runs()) == RUNS
    project.space()
    with contextlib.suppress(AerchiveError):
        project[job_id(0)].record.model_dump()
    assert project_at(path).rebuild_catalogue().runs == RUNS


@pytest.mark.parametrize("error", [TypeError, OverflowError, UnicodeError, RecursionError, MemoryError, ValueError])
def test_any_exception_is_a_finding(path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    raise_for(monkeypatch, error("odd"))

    report = project_at(path, "r").verify()

    assert report.runs == RUNS
    assert [re.sub(r".*/", "", problem) for problem in report.problems] == [
        f"213045_run_job_0000: cannot be read: {error.__name__}: odd"
    ]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_these_end_it(path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]) -> None:
    raise_for(monkeypatch, error())
    with pytest.raises(error):
        project_at(path, "r").verify()


def raise_for(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    read = care.read_record

    def read_or_raise(group: Any, known: Any) -> Any:
        if str(group.attribute("job_id")) == job_id(0):
            raise error
        return read(group, known)

    monkeypatch.setattr(care, "read_record", read_or_raise)


def forge_row(path: Path, column: str, data: bytes) -> None:
    """Changes a column of the first row, with a right checksum, which is no secret."""
    with h5py.File(path) as file:
        at = file["catalogue"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    row = bytearray(content[at : at + catalogue.DTYPE.itemsize])
    offset = (catalogue.DTYPE.fields or {})[column][1]
    row[offset : offset + len(data)] = data
    row[catalogue.CHECKED_BYTES :] = int(row_crc(bytes(row[: catalogue.CHECKED_BYTES]), 0)).to_bytes(4, "little")
    content[at : at + len(row)] = row
    path.write_bytes(content)


FORGED = {
    "nbytes": (10**15).to_bytes(8, "little"),
    "name": b"forged",
    "outcome": b"error\0",
    "created_us": (2**62).to_bytes(8, "little"),
    "shots": b"\7",
    "seconds": b"\7",
    "noisy": b"\1",
}


@pytest.mark.parametrize("column", FORGED)
def test_each_field_of_a_row_is_compared(path: Path, column: str) -> None:
    forge_row(path, column, FORGED[column])
    (problem,) = project_at(path, "r").verify().problems
    assert problem.endswith(f"/213045_run_job_0000: its row in the catalogue differs in {column}")


@pytest.mark.parametrize(("column", "data"), [("path", b"\xff\xfe"), ("job_id", b"\xff")])
def test_rows_that_are_not_utf_8(path: Path, column: str, data: bytes) -> None:
    forge_row(path, column, data)
    report = project_at(path, "r").verify()
    assert report.runs == RUNS
    assert [problem.rpartition("/")[2] for problem in report.problems] == [
        "catalogue: row 0 has a text that cannot be read",
        "213045_run_job_0000: is not in the catalogue",
    ]


def test_a_row_that_leads_elsewhere(path: Path) -> None:
    forge_row(path, "path", b"../../objects\0")
    report = project_at(path, "r").verify()
    assert report.runs == RUNS
    assert [problem.partition(": ")[2].rpartition(": ")[2] for problem in report.problems] == [
        "is not in the catalogue",
        "is in the catalogue, but not in the file",
    ]


def outside(group: h5py.Group) -> None:
    group.create_dataset("x", (4,), "i4", external=[("/tmp/elsewhere", 0, 16)])


@pytest.mark.parametrize("place", ["/", "runs", "objects", "deleted", "mine/deep"])
@pytest.mark.parametrize(
    "add", [outside, lambda group: group.__setitem__("x", h5py.ExternalLink("/etc/hostname", "/x"))]
)
def test_links_and_storage_outside_the_file(path: Path, place: str, add: Callable[[h5py.Group], None]) -> None:
    with edit(path) as file:
        add(file.require_group(place))

    (problem,) = project_at(path, "r").verify().problems

    assert f"/{place.strip('/')}/x: ".replace("//", "/") in problem


def test_nodes_of_other_programs_are_no_problem(path: Path) -> None:
    with edit(path) as file:
        file["mine/x"] = np.arange(3)
        file["mine/text"] = "text"
        file["again"] = file["mine"]
        file["runs/notes"] = "text"
        file["soft"] = h5py.SoftLink("/nowhere")
    assert project_at(path, "r").verify().ok


def test_a_deleted_run_may_be_damaged(path: Path) -> None:
    project: Project = project_at(path)
    project.delete_jobs([job_id(0)])
    with edit(path) as file:
        deleted = next(group for name, group in file["deleted"].items() if name != layout.DELETED_TABLES)
        swap(deleted, "counts", h5t.NATIVE_INT32, h5s.create(h5s.NULL))
    assert project_at(path, "r").verify().ok


def test_a_row_with_a_bad_text_is_one_error(path: Path) -> None:
    forge_row(path, "name", b"\xff")
    with pytest.raises(FormatError, match="catalogue: name of a row: stored text is not UTF-8"):
        repr(project_at(path, "r").jobs())


def test_long_integers_are_parameters(tmp_path: Path) -> None:
    project = project_at(tmp_path / "project.h5")
    project.archive(draft_of(0, labels=RunLabels(params={"x": 10**5000})))
    assert project[job_id(0)].record.labels.params["x"] == 10**5000
    assert project.verify().ok
