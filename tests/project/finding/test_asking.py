"""A run that cannot be read is named, and questions about all others are answered."""

from __future__ import annotations

import datetime
import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pandas
import pytest

import aerchive
from aerchive.cli import main
from aerchive.errors import ArchiveWarning, FormatError
from tests import processes
from tests.jobs import make_result

BAD, WHEN = "the-bad-one", datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
NAME = "hydrogen, bond length 0.735, ansatz "
MATRIX = [[float(row * column) for column in range(60)] for row in range(60)]
TAGS = ["sweep", "t" * 60]
LONG = "params.long startswith x"
"""A condition on a parameter that only the run has."""


def filled(path: Path, bad: str = BAD) -> aerchive.Project:
    """Three runs of which the catalogue cuts all that can be cut; the second is to be damaged."""
    project = aerchive.open(path)
    for number, job_id in enumerate(("good-0", bad, "good-2")):
        result = make_result(job_id, WHEN + datetime.timedelta(days=number), counts={"0x1": 10}, energy=float(number))
        result.backend_name = "a backend with a name that is longer than its column"
        result.success = False
        result.status = "ERROR: " + "why it failed, in many words " * 4 + str(number)
        params = {"n": number, "m": MATRIX, "long": "x" * 40_000}
        project.save(result, name=NAME + str(number), tags=TAGS, params=params, notes="n" * 40_000)
    return project


def flip_text(path: Path, group: str) -> None:
    """One byte of a long text, which lies in a chunk."""
    with h5py.File(path, "r") as file:
        place = file[f"{group}/labels/long.notes"].id.get_chunk_info(0)
    flip(path, place.byte_offset + place.size // 2)


def flip_header(path: Path, group: str) -> None:
    """One byte of the attributes of a document, which lie in an object header."""
    with h5py.File(path, "r") as file:
        address = h5py.h5o.get_info(file[f"{group}/config"].id).addr
    flip(path, address + 40)


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 0x10]))


def make_newer(path: Path, group: str) -> None:
    """A record as an aerchive of next year writes it."""
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        file[group]["seal"].attrs.modify("encoding_version", 99)


def remove_document(path: Path, group: str) -> None:
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        del file[f"{group}/status"]


DAMAGES = {
    "a bit of a long text": (flip_text, "is damaged"),
    "a bit of a header": (flip_header, "damaged"),
    "a newer encoding": (make_newer, "run encoding 99 is newer than this aerchive"),
    "a document that is missing": (remove_document, "status: no such "),
}


@pytest.fixture(scope="module", params=DAMAGES)
def damaged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    damage, reason = DAMAGES[request.param]
    path = tmp_path_factory.mktemp("damaged") / "project.h5"
    group = filled(path)[BAD].path
    damage(path, group)
    return path, reason


def asked(question: Callable[[], Any]) -> tuple[Any, list[str]]:
    """An answer, and the warnings that came with it."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        answer = question()
    assert all(one.category is ArchiveWarning for one in found)
    return answer, [str(one.message) for one in found]


def ids(runs: Any) -> list[str]:
    return [run.job_id for run in runs]


QUESTIONS: dict[str, tuple[Callable[[aerchive.Project], Any], Any]] = {
    "find on params": (lambda p: ids(p.find(params__long__startswith="x")), ["good-0", "good-2"]),
    "find on a name": (lambda p: ids(p.find("name == '" + NAME + "2'")), ["good-2"]),
    "find on tags": (lambda p: ids(p.find(tags=TAGS)), ["good-0", "good-2"]),
    "find what is not so": (lambda p: ids(p.find("not (params.long == y)")), ["good-0", "good-2"]),
    "count": (lambda p: p.count(params__long__ne="y"), 2),
    "count_by a name": (lambda p: p.count_by("name"), {NAME + "0": 1, NAME + "2": 1}),
    "count_by tags": (lambda p: p.count_by("tags"), {"sweep": 2, "t" * 60: 2}),
    "latest": (lambda p: p.latest("params.n < 2 and params.long startswith x").job_id, "good-0"),
    "sort": (lambda p: ids(p.runs(sort="name", descending=False)), [BAD, "good-0", "good-2"]),
    "columns": (lambda p: p.columns()["name"].values, [NAME + "0", NAME[:32], NAME + "2"]),
    "columns of tags": (lambda p: p.columns()["tags"].values, [TAGS, ["sweep"], TAGS]),
    "to_pandas": (lambda p: p.to_pandas()["params.m"].tolist(), [MATRIX, None, MATRIX]),
    "to_arrow": (lambda p: p.to_arrow()["name"].to_pylist(), [NAME + "0", NAME[:32], NAME + "2"]),
    "table": (lambda p: p.table("n", "energy", where=LONG).values.tolist(), [[0, 0.0], [2, 2.0]]),
    "table of names": (lambda p: p.table("energy", "name")["name"].tolist()[::2], [NAME + "0", NAME + "2"]),
    "sweep": (lambda p: p.sweep("n", "energy", where=LONG)["energy"].values, [0.0, 2.0]),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_questions_are_answered_and_the_run_is_named(damaged: tuple[Path, str], question: str) -> None:
    path, reason = damaged
    project = aerchive.open(path, "r")
    ask, expected = QUESTIONS[question]

    answer, told = asked(lambda: ask(project))

    assert answer == expected
    assert len(told) == 1
    assert told[0].startswith(f"run {BAD} cannot be read, so the answer has only what the catalogue says of it: ")
    assert reason in told[0]


def test_what_the_columns_know_is_answered_without_a_word(damaged: tuple[Path, str]) -> None:
    project = aerchive.open(damaged[0], "r")

    answer, told = asked(lambda: (project.count(params__n__ge=0), project.table("n", "energy").values.tolist()))

    assert answer == (3, [[0, 0.0], [1, 1.0], [2, 2.0]])
    assert told == []


def test_what_the_catalogue_knows_is_answered_without_a_word(damaged: tuple[Path, str]) -> None:
    project = aerchive.open(damaged[0], "r")

    answer, told = asked(lambda: (ids(project), ids(project.find(shots__lt=5)), len(project), project.count()))

    assert answer == (["good-0", BAD, "good-2"], [], 3, 3)
    assert told == []


def test_lists_print(damaged: tuple[Path, str]) -> None:
    project = aerchive.open(damaged[0], "r")

    (jobs, runs), _ = asked(lambda: (str(project.jobs()), repr(project.find())))

    assert jobs.count("good-") == 2
    assert BAD in jobs
    assert f"<Run {BAD}, which cannot be read>" in runs


def test_clean_and_verify_go_on(damaged: tuple[Path, str]) -> None:
    path, reason = damaged
    project = aerchive.open(path, "r")

    report, _ = asked(lambda: project.clean(keep=0, keep_tagged=False, dry_run=True))
    verified = project.verify()
    problems = [*verified.problems, *verified.notes]

    assert ids(report.runs) == ["good-0", BAD, "good-2"]
    assert any(reason in problem for problem in problems)


@pytest.mark.parametrize("damage", ["a byte", "another object"])
def test_the_space_of_the_others_is_measured(path: Path, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    group = filled(path)[BAD].path
    if damage == "a byte":
        flip_header(path, group)
    else:
        with h5py.File(path, "r+") as file:
            del file[group]
            file[group] = h5py.SoftLink("/catalogue")

    report = aerchive.open(path, "r").space()

    assert sorted(run.job_id for run in report.runs) == ["good-0", "good-2"]
    (problem,) = report.problems
    assert group in problem
    assert main(["du", str(path)]) == 0
    assert f"cannot be measured, and counts as unused: {problem}\n" in capsys.readouterr().out


def test_commands_go_on(damaged: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    path, reason = damaged
    project = aerchive.open(path, "r")
    arguments = {
        "ls": ["ls", "--json"],
        "find": ["find", LONG, "--ids"],
        "export": ["export", "--format", "json"],
        "values": ["export", LONG, "--x", "n", "--format", "json"],
    }

    answers = {}
    for name, given in arguments.items():
        status, told = asked(lambda given=given: main(["-p", str(project.path), *given]))
        answers[name] = capsys.readouterr().out
        assert status == 0
        assert [one.partition(",")[0] for one in told] == [f"run {BAD} cannot be read"]
        assert reason in told[0]

    assert [run["name"] for run in json.loads(answers["ls"])] == [NAME + "2", NAME[:32], NAME + "0"]
    assert answers["find"].split() == ["good-2", "good-0"]
    assert [row["name"] for row in json.loads(answers["export"])] == [NAME + "0", NAME[:32], NAME + "2"]
    assert [row["energy"] for row in json.loads(answers["values"])] == [0.0, 2.0]


def test_a_command_names_the_run_in_a_line(path: Path) -> None:
    make_newer(path, filled(path)[BAD].path)
    script = "import sys; from aerchive.cli import main; sys.exit(main(sys.argv[1:]))"

    with processes.start(script, "-p", path, "find", LONG, "--ids", warnings="default") as process:
        out, said = process.communicate(timeout=60)

    assert out.split() == ["good-2", "good-0"]
    assert said.count("\n") == 1
    assert said.startswith(f"aerchive: warning: run {BAD} cannot be read, so the answer has only what the catalogue")


def test_the_others_can_be_labelled_and_deleted(damaged: tuple[Path, str], path: Path) -> None:
    project = aerchive.open(shutil.copy(damaged[0], path))

    project["good-0"].add_tags("more")
    project.delete_job("good-2")

    assert project["good-0"].tags == (*TAGS, "more")
    assert ids(project) == ["good-0", BAD]


def test_a_question_to_the_run_itself_says_what_is_wrong(damaged: tuple[Path, str]) -> None:
    path, reason = damaged
    project = aerchive.open(path, "r")

    with pytest.raises(aerchive.AerchiveError, match=reason):
        project[BAD].params  # noqa: B018


def test_a_run_whose_long_id_cannot_be_read(path: Path) -> None:
    bad = "j" * 60
    group = filled(path, bad)[bad].path
    make_newer(path, group)
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        del file[group]["config"], file[group]["status"]
    flip(path, h5py_address(path, group) + 40)

    answer, told = asked(lambda: (ids(aerchive.open(path)), aerchive.open(path).to_pandas()["job_id"].tolist()))

    assert answer == (["good-0", bad[:40], "good-2"],) * 2
    assert all(one.startswith(f"run {bad[:40]} cannot be read") for one in told)
    assert len(told) == 2


def h5py_address(path: Path, group: str) -> int:
    with h5py.File(path, "r") as file:
        return int(h5py.h5o.get_info(file[group].id).addr)


def test_of_very_many_runs_only_the_first_are_named(path: Path) -> None:
    project = aerchive.open(path)
    with project.transaction():
        for number in range(12):
            project.save(make_result(f"job-{number}"), name="n" * 40)
    for run in list(project):
        make_newer(path, run.path)

    frame, told = asked(project.to_pandas)

    assert len(frame) == 12
    assert len(told) == 11
    assert told[-1] == "more than 10 runs cannot be read; `aerchive verify` names all of them"


def test_an_error_that_says_nothing_of_a_run_is_raised(project: aerchive.Project) -> None:
    project.save(make_result(), name="n" * 40)

    with pytest.raises(aerchive.InvalidInputError, match="cannot compare name with 5"):
        project.find(name__lt=5)


def test_a_run_of_which_only_the_values_are_damaged(path: Path) -> None:
    project = filled(path)
    group = project[BAD].path
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        del file[group]["table"]

    frame, told = asked(lambda: aerchive.open(path).table(y="energy"))

    pandas.testing.assert_series_equal(frame["energy"], pandas.Series([0.0, 2.0], name="energy"))
    assert [one.partition(" cannot")[0] for one in told] == [f"run {BAD}"]
    with pytest.raises(FormatError):
        project[BAD].value("energy")
