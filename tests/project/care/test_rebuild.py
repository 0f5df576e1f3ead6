"""The catalogue made anew from the runs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

import aerchive
from aerchive import layout
from aerchive.cli import main
from aerchive.errors import NotFoundError, ReadOnlyError
from aerchive.models import catalogue
from aerchive.models.labels import LabelChange, RunLabels
from aerchive.project.project import Project
from aerchive.storage.hdf5.table import append_rows, replace_row
from tests import processes
from tests.crash.workloads import lost
from tests.drafts import draft_of, job_id, project_at
from tests.jobs import bell, run_stock
from tests.samples import CREATED

Edit = Callable[[np.ndarray], None]


def project_of(path: Path, number: int = 6) -> Project:
    project = project_at(path)
    with project.transaction():
        for i in range(number):
            project.save(draft_of(i), tags=[f"t{i}"])
    return project


def rows_of(path: Path) -> np.ndarray:
    with project_at(path).file.read() as session:
        return session.table(layout.CATALOGUE).rows()


def edit(path: Path, number: int, change: Edit, *, seal: bool = False) -> None:
    """Writes a row by hand."""
    row = rows_of(path)[number : number + 1]
    change(row)
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        replace_row(file[layout.CATALOGUE].id, number, catalogue.seal_row(row, number) if seal else row)


def in_another_process(path: Path, code: str) -> str:
    """What a process that has kept nothing sees."""
    imports = "import sys; from pathlib import Path; from tests.drafts import *"
    head = f"{imports}; project = project_at(Path(sys.argv[1]))"
    return processes.run(f"{head}\n{code}", path)


def shots(row: np.ndarray) -> None:
    row["shots"] += 1


COMMAND = "aerchive recover --rebuild-catalogue"


def test_a_damaged_row_does_not_make_runs_unreachable(path: Path) -> None:
    project_of(path)
    edit(path, 2, shots)

    said = in_another_process(
        path,
        """
for what, action in {
    "others by id": lambda: project[job_id(3)].counts is not None,
    "others as members": lambda: job_id(3) in project,
    "that one by id": lambda: project[job_id(2)],
    "that one as member": lambda: job_id(2) in project,
    "one that never was": lambda: project["nothing"],
    "find": lambda: project.find(),
    "len": lambda: len(project),
    "save": lambda: project.archive(draft_of(9)).path,
    "save one that is there": lambda: project.save(draft_of(3), tags="again").path,
    "label": lambda: project[job_id(4)].add_tags("more"),
}.items():
    try:
        action()
        print(what, "works", sep=": ")
    except Exception as error:
        print(what, type(error).__name__, "recover --rebuild-catalogue" in str(error), sep=": ")
""",
    )

    assert said.splitlines() == [
        "others by id: works",
        "others as members: works",
        "that one by id: IntegrityError: True",
        "that one as member: IntegrityError: True",
        "one that never was: IntegrityError: True",
        "find: IntegrityError: True",
        "len: IntegrityError: True",
        "save: works",
        "save one that is there: works",
        "label: works",
    ]
    assert main(["recover", str(path), "--rebuild-catalogue"]) == 0
    project = project_at(path)
    assert {run.job_id for run in project} == {job_id(i) for i in (0, 1, 2, 3, 4, 5, 9)}
    assert project[job_id(3)].tags == ("t3", "again")
    assert project[job_id(4)].tags == ("t4", "more")
    assert project.verify().ok


def missing(path: Path) -> None:
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        del file[layout.CATALOGUE]


def no_index(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(b"EAHD") + 8] ^= 255
    path.write_bytes(content)


def wrong_row(path: Path) -> None:
    edit(path, 1, lambda row: row.__setitem__("job_id", b"somebody"), seal=True)


def two_rows_of_one_run(path: Path) -> None:
    row = rows_of(path)[1:2]
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        append_rows(file[layout.CATALOGUE].id, catalogue.seal_row(row, 6))


def row_of_no_run(path: Path) -> None:
    edit(path, 1, lambda row: row.__setitem__("path", b"2026-11-22/nowhere"), seal=True)


def cut_off(path: Path) -> None:
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        file[layout.CATALOGUE].resize((2,))


def zeros(path: Path) -> None:
    for number in range(6):
        edit(path, number, lambda row: row.view(np.uint8).fill(0))


DAMAGE = [missing, no_index, wrong_row, two_rows_of_one_run, row_of_no_run, cut_off, zeros]


@pytest.mark.parametrize("damage", DAMAGE)
def test_whatever_is_wrong_with_it(path: Path, damage: Callable[[Path], None]) -> None:
    before = project_of(path).catalogue()
    damage(path)
    assert not project_at(path).verify().ok

    report = project_at(path).rebuild_catalogue()

    assert report.runs == 6
    assert report.path == str(path)
    after = project_at(path).catalogue()
    order = np.argsort(after["job_id"])
    assert after[order].tobytes()[:508] == before.tobytes()[:508]
    for name in catalogue.DTYPE.names or ():
        if name != "crc32":
            assert after[order][name].tobytes() == before[name].tobytes(), name
    assert project_at(path).verify().ok
    assert "6 runs" in str(report)


def test_rows_keep_their_order_and_new_ones_follow_by_time(path: Path) -> None:
    project = project_at(path)
    for number in (4, 1, 3, 0, 2):
        project.archive(draft_of(number))
    edit(path, 1, shots)
    edit(path, 4, shots)
    edit(path, 0, shots)

    report = project_at(path).rebuild_catalogue()

    assert [catalogue.row_text(row, "job_id") for row in rows_of(path)] == [job_id(i) for i in (3, 0, 1, 2, 4)]
    assert report.changed == 3
    assert project_at(path).rebuild_catalogue().changed == 0


def test_deleted_lost_and_labelled_runs(path: Path) -> None:
    project = project_of(path)
    project.archive(lost(8))
    project.delete_job(job_id(2))
    project[job_id(3)].change_labels(LabelChange(RunLabels.checked(name="n" * 50, params={"x": (1, 2)})))
    edit(path, 3, shots)

    project.rebuild_catalogue()

    assert [run.job_id for run in project] == [job_id(i) for i in (0, 1, 3, 4, 5, 8)]
    assert [run.job_id for run in project.find(name__startswith="nnn", params__x=(1, 2))] == [job_id(3)]
    assert project.latest(outcome="lost").job_id == job_id(8)
    assert project.verify().ok


def test_a_run_that_cannot_be_read_keeps_its_row(path: Path) -> None:
    project_of(path)
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        for number in (1, 4):
            row = file[layout.CATALOGUE][number]
            file[layout.RUNS][row["path"].decode()]["config"].attrs["unknown"] = 1
    edit(path, 4, shots)

    report = project_at(path).rebuild_catalogue()

    assert report.runs == 5
    assert len(report.problems) == 2
    assert all("unknown" in problem for problem in report.problems)
    assert [run.job_id for run in project_at(path)] == [job_id(i) for i in (0, 1, 2, 3, 5)]
    assert main(["recover", str(path), "--rebuild-catalogue", "--json"]) == 1


def test_sizes_of_real_runs_come_out_the_same(project: aerchive.Project, path: Path) -> None:
    circuit = bell()
    circuit.metadata = {"x": "y" * 3000}
    project.save(run_stock([circuit, bell("other")], memory=True), notes="n" * 40_000)
    project.save(run_stock(shots="many"))
    before = project.catalogue()

    assert project.rebuild_catalogue().changed == 0
    assert project.catalogue().tobytes() == before.tobytes()


def test_nothing_is_written_if_it_fails(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_of(path)
    content = path.read_bytes()

    def stop(done: int, total: int) -> None:
        assert total == 6
        if done == 3:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        project.rebuild_catalogue(stop)

    assert path.read_bytes() == content


def test_who_may_not(path: Path, tmp_path: Path) -> None:
    project_of(path)
    with pytest.raises(ReadOnlyError):
        project_at(path, "r").rebuild_catalogue()
    with pytest.raises(NotFoundError):
        project_at(tmp_path / "none.h5").rebuild_catalogue()
    assert not (tmp_path / "none.h5").exists()


def test_command(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project_of(path)
    edit(path, 2, shots)

    assert main(["recover", "--rebuild-catalogue", "--json", str(path)]) == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(path), "runs": 6, "changed": 1, "problems": []}
    assert main(["-p", str(path), "recover", "--rebuild-catalogue"]) == 0
    assert capsys.readouterr().out == f"{path}: the catalogue was made anew: 6 runs, 0 rows changed\n"
    assert main(["verify", str(path)]) == 0


# rows that a stranger wrote: their checksums are right


@pytest.mark.parametrize(
    ("column", "value", "question"),
    [
        ("tags", b"[1, 2]", {"tags": "a"}),
        ("tags", b"{}", {"tags": "a"}),
        ("tags", b'["a"', {"tags__ne": "a"}),
        ("tags", b"[" * 48, {"tags": "a"}),
        ("name", b"\xff\xfe", {"name__contains": "a"}),
        ("name", b'json:"\\q', {"name__contains": "a"}),
        ("method", b"\xff", {"method__lt": "a"}),
    ],
)
def test_text_that_is_none_is_refused_with_the_way_out(
    path: Path, column: str, value: bytes, question: dict[str, object]
) -> None:
    project_of(path)
    edit(path, 2, lambda row: row.__setitem__(column, value), seal=True)

    with pytest.raises(aerchive.FormatError, match=f"{path}: .*{COMMAND}"):
        project_at(path).find(**question)
    assert len(project_at(path).find(num_qubits__ne=5)) == 0
    project_at(path).rebuild_catalogue()
    assert isinstance(project_at(path).find(**question), list)


@pytest.mark.parametrize("text", [b"../objects", b"", b"/", b"a/b/c", b"2026-11-22", b"x\\0y", b"." * 72])
def test_a_path_leads_to_no_other_run(path: Path, text: bytes) -> None:
    project_of(path)
    edit(path, 2, lambda row: row.__setitem__("path", text), seal=True)
    run = project_at(path)[job_id(2)]

    with pytest.raises(aerchive.AerchiveError):
        run.record  # noqa: B018
    assert project_at(path)[job_id(3)].record.job_id == job_id(3)


def test_the_path_of_another_run_is_not_taken_for_this_one(path: Path) -> None:
    project_of(path)
    other = bytes(rows_of(path)["path"][3])
    edit(path, 2, lambda row: row.__setitem__("path", other), seal=True)

    with pytest.raises(NotFoundError):
        project_at(path)[job_id(2)].record  # noqa: B018


@pytest.mark.parametrize("time", [2**63 - 1, -(2**63), 10**18])
def test_a_time_beyond_all_years(path: Path, time: int) -> None:
    project_of(path)
    edit(path, 2, lambda row: row.__setitem__("created_us", time), seal=True)
    project = project_at(path)

    assert len(project.find()) == 6
    assert len(project.find(created__ge="2020")) == (5 if time < 0 else 6)
    with pytest.raises(aerchive.FormatError, match="is not a time"):
        repr(project.jobs())
    with pytest.raises(aerchive.FormatError):
        [run.created for run in project]


def test_numbers_of_any_size(path: Path) -> None:
    project_of(path)

    def odd(row: np.ndarray) -> None:
        for name in ("shots", "seed", "nbytes"):
            row[name] = -(2**63)
        row["num_qubits"] = -(2**31)
        row["noisy"], row["seeded"], row["overflow"] = 255, 7, 2**32 - 1 - 0xFFF

    edit(path, 2, odd, seal=True)
    project = project_at(path)

    assert len(project.find(shots__lt=0)) == 1
    assert len(project.find(seed__gt=2**62)) == 1
    assert job_id(2) in repr(project.jobs())
    assert len(project.to_pandas()) == 6
    assert len(project.runs(sort="seed")) == 6


def test_two_runs_of_one_id_are_both_there(path: Path) -> None:
    """As after a save while the row of the first was damaged."""
    project_of(path, 2)
    edit(path, 1, shots)
    in_another_process(path, "project.archive(draft_of(1))")

    project = project_at(path)
    project.rebuild_catalogue()

    assert [run.job_id for run in project] == [job_id(0), job_id(1), job_id(1)]
    assert len({run.path for run in project}) == 3
    assert project[job_id(1)].record.job_id == job_id(1)


@pytest.mark.parametrize("number", [-1, 6, 2**40])
def test_verify_looks_at_the_list_of_changes(path: Path, number: int) -> None:
    project = project_of(path)
    project[job_id(1)].add_tags("x")
    assert project.verify().ok
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        file["catalogue.changes"][0] = (number, 0)

    (problem,) = project.verify().problems

    assert problem == f"{path}: /catalogue.changes: names rows that there are not"


def test_verify_tells_of_two_rows_of_one_run(path: Path) -> None:
    project = project_of(path)
    two_rows_of_one_run(path)

    assert project.verify().problems == [f"{path}: /catalogue: row 6 is of the same run as row 1"]


def test_report_is_data(path: Path) -> None:
    report = project_of(path).rebuild_catalogue()

    assert dataclasses.asdict(report) == {"path": str(path), "runs": 6, "changed": 0, "problems": []}


def test_a_project_without_runs(tmp_path: Path) -> None:
    project = project_of(tmp_path / "project.h5", 1)
    with project.file.write(CREATED) as session:
        session.replace_table(layout.CATALOGUE, np.zeros(0, catalogue.DTYPE))
    assert len(project_at(project.path)) == 0
    assert list(project_at(project.path).catalogue()) == []
    assert project.rebuild_catalogue().changed == 1
